//! The listening sockets, which outlive the loops that accept from them: a reload binds what is new
//! first, shares what stays, and what nobody holds any more is closed with its last holder.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};

use crate::base::Drain;
use crate::config::Listener;

/// Connections that may wait to be accepted, per socket; the kernel's somaxconn caps it.
const BACKLOG: i32 = 4096;

/// Bytes of answers that the kernel takes from us before it may send them, at first; `front` has it
/// take more for whoever reads.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 32 * 1024;

/// Every listening socket of one configuration.
#[derive(Debug)]
pub struct Sockets {
    bound: Vec<Bound>,
    stop: Drain,
}

/// A listener with its sockets, one per worker.
#[derive(Clone, Debug)]
pub struct Bound {
    /// What was configured.
    pub listener: Listener,
    /// The address that the sockets have; its port is never 0.
    pub address: SocketAddr,
    sockets: Vec<Arc<TcpListener>>,
}

/// Why an address cannot be listened on.
#[derive(Debug)]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// Whether it is one of UDP.
    pub udp: bool,
    /// What the system said.
    pub error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, udp, error } = self;
        write!(f, "cannot listen on {address}: {error}")?;
        match error.kind() {
            io::ErrorKind::AddrInUse => {
                let port = address.port();
                let list = if *udp { "-lunp" } else { "-ltnp" };
                write!(f, "; another program has it: `ss {list} 'sport = :{port}'` tells which")
            }
            io::ErrorKind::PermissionDenied => f.write_str(
                "; ports below 1024 need CAP_NET_BIND_SERVICE \
                 (AmbientCapabilities= in a systemd unit)",
            ),
            io::ErrorKind::AddrNotAvailable => {
                f.write_str("; no interface of this machine has this address (`ip address`)")
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for BindError {}

impl Sockets {
    /// Opens the sockets of `listeners`, one per worker and listener.
    ///
    /// # Errors
    /// Every address that cannot be listened on; then nothing stays open.
    pub fn bind(listeners: &[Listener], workers: &[Option<usize>]) -> Result<Self, Vec<BindError>> {
        Self::with(&[], listeners, workers)
    }

    /// Opens the sockets of another configuration, sharing those whose address stays. Nothing of
    /// what is running changes: the caller begins to accept from the new and then stops the old.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn rebind(
        &self,
        listeners: &[Listener],
        workers: &[Option<usize>],
    ) -> Result<Self, Vec<BindError>> {
        Self::with(&self.bound, listeners, workers)
    }

    fn with(
        held: &[Bound],
        listeners: &[Listener],
        workers: &[Option<usize>],
    ) -> Result<Self, Vec<BindError>> {
        let (mut bound, mut errors) = (Vec::new(), Vec::new());
        let mut held: Vec<_> =
            held.iter().filter(|held| held.sockets.len() == workers.len()).collect();
        for listener in listeners {
            // Each is taken once: two listeners may both ask for port 0.
            let stays = held
                .iter()
                .position(|held| held.listener.address == listener.address)
                .map(|place| held.remove(place));
            match stays.map_or_else(|| open(listener.address, workers), |held| Ok(held.parts())) {
                Ok((address, sockets)) => {
                    bound.push(Bound { listener: listener.clone(), address, sockets });
                }
                Err(error) => {
                    errors.push(BindError { address: listener.address, udp: false, error });
                }
            }
        }
        if errors.is_empty() { Ok(Self { bound, stop: Drain::new() }) } else { Err(errors) }
    }

    /// The listeners, in the configuration's order.
    pub fn bound(&self) -> &[Bound] {
        &self.bound
    }

    /// Stops accepting for good: the loops empty their queues, and with the last of them each socket
    /// is closed.
    pub fn close(&mut self) {
        self.stop.begin();
        self.bound.iter_mut().for_each(|bound| bound.sockets.clear());
    }

    /// The signal upon which the accept loops of these sockets empty their queues and end.
    pub fn stop(&self) -> &Drain {
        &self.stop
    }
}

impl Bound {
    /// The socket of a worker, counted from 0.
    pub fn socket(&self, worker: usize) -> Option<Arc<TcpListener>> {
        self.sockets.get(worker).cloned()
    }

    fn parts(&self) -> (SocketAddr, Vec<Arc<TcpListener>>) {
        (self.address, self.sockets.clone())
    }
}

/// Opens a socket for each of `workers`, told of its CPU where it keeps to one, all for one address.
/// Where its port is 0, the first gets one from the system and the others take the same.
fn open(
    address: SocketAddr,
    workers: &[Option<usize>],
) -> io::Result<(SocketAddr, Vec<Arc<TcpListener>>)> {
    let mut address = address;
    let mut sockets = Vec::with_capacity(workers.len());
    for cpu in workers {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // An address whose connections linger in TIME_WAIT may be bound again.
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        if address.is_ipv6() {
            // `[::]` and `0.0.0.0` are two listeners, whatever the system's default is.
            socket.set_only_v6(true)?;
        }
        // Accepted connections inherit it.
        #[cfg(target_os = "linux")]
        socket.set_tcp_notsent_lowat(UNSENT)?;
        #[cfg(target_os = "linux")]
        if let Some(cpu) = cpu {
            socket.set_cpu_affinity(*cpu)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from(socket);
        address = socket.local_addr()?;
        sockets.push(Arc::new(socket));
    }
    Ok((address, sockets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(address: &str) -> Listener {
        Listener::at(address.parse().unwrap())
    }

    #[test]
    fn the_workers_of_a_listener_share_the_port_that_the_system_gave() {
        let sockets =
            Sockets::bind(&[listener("127.0.0.1:0"), listener("[::1]:0")], &[None; 3]).unwrap();
        for bound in sockets.bound() {
            assert_ne!(bound.address.port(), 0);
            for worker in 0..3 {
                let socket = bound.socket(worker).unwrap();
                assert_eq!(socket.local_addr().unwrap(), bound.address);
            }
            assert!(bound.socket(3).is_none());
        }
    }

    #[test]
    fn an_address_that_cannot_be_had_is_named_with_the_remedy_and_nothing_stays_open() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = other.local_addr().unwrap();
        let far = "203.0.113.1:80";
        let listeners = [listener("127.0.0.1:0"), listener(&taken.to_string()), listener(far)];
        let errors = Sockets::bind(&listeners, &[None; 2]).unwrap_err();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts[0].starts_with(&format!("cannot listen on {taken}: Address already in use")));
        assert!(texts[0].contains("ss -ltnp"), "{}", texts[0]);
        assert!(texts[1].contains("no interface of this machine"), "{}", texts[1]);
        let error = io::ErrorKind::PermissionDenied.into();
        let denied = BindError { address: taken, udp: false, error };
        assert!(denied.to_string().contains("CAP_NET_BIND_SERVICE"));
    }

    #[test]
    fn a_reload_keeps_the_sockets_of_an_address_that_stays() {
        let old =
            Sockets::bind(&[listener("127.0.0.1:0"), listener("[::1]:0")], &[None; 2]).unwrap();
        let kept = Listener { tls: true, ..listener("127.0.0.1:0") };
        let new = old.rebind(&[kept, listener("127.0.0.2:0")], &[None; 2]).unwrap();
        let same = |a: &Bound, b: &Bound| Arc::ptr_eq(&a.socket(1).unwrap(), &b.socket(1).unwrap());
        assert!(same(&old.bound()[0], &new.bound()[0]));
        assert!(new.bound()[0].listener.tls);
        assert!(!same(&old.bound()[1], &new.bound()[1]));
    }
}
