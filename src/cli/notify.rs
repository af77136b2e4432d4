//! What is said to the service manager: systemd's notification protocol (sd_notify(3)), a datagram
//! to the socket that `$NOTIFY_SOCKET` names. Without that variable nothing is said, and a manager
//! that does not listen never troubles the server.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What the manager should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Requests are served.
    Ready,
    /// The configuration is being read again; [`State::Ready`] follows.
    Reloading,
    /// The server is on its way out.
    Stopping,
}

/// Tells the manager, where there is one.
pub(super) fn notify(state: State) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}

fn send(socket: &OsStr, state: State) -> io::Result<()> {
    let message = match state {
        State::Ready => "READY=1\nSTATUS=Serving",
        State::Reloading => "RELOADING=1\nSTATUS=Reading the configuration again",
        State::Stopping => "STOPPING=1\nSTATUS=Finishing what is in flight",
    };
    let from = UnixDatagram::unbound()?;
    from.set_nonblocking(true)?;
    from.send_to_addr(message.as_bytes(), &address(socket)?)?;
    Ok(())
}

/// The address: a path, or a name of Linux's abstract kind where it begins with `@`.
fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.as_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt;
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_on_an_abstract_socket_hears_every_state() {
        let name = format!("@tidegate-notify-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&address(OsStr::new(&name)).unwrap()).unwrap();
        let states = [
            (State::Ready, "READY=1"),
            (State::Reloading, "RELOADING=1"),
            (State::Stopping, "STOPPING=1"),
        ];
        for (state, expected) in states {
            send(OsStr::new(&name), state).unwrap();
            let mut buffer = [0; 128];
            let length = manager.recv(&mut buffer).unwrap();
            let heard = std::str::from_utf8(&buffer[..length]).unwrap();
            assert_eq!(heard.lines().next(), Some(expected));
        }
    }

    #[test]
    fn a_manager_that_is_gone_is_an_error_and_no_panic() {
        assert!(send(OsStr::new("/nonexistent/notify"), State::Ready).is_err());
    }
}
