//! A running server from its first request to its last: the process's signals, and what the
//! service manager is told.

use std::io;
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::Exit;
use super::notify::{State, notify};
use super::terminal::complain;
use crate::server::Server;

/// The signals that a server minds. Made before the server starts, so that none kills it half-way.
#[derive(Debug)]
pub(super) struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Minds the signals from now on; within a runtime.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for one that says to end.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Serves until a signal says to end and what is in flight is finished, or until a second one.
/// `reload` is called at each SIGHUP, between two signals.
pub(super) async fn serve(
    server: Server,
    mut signals: Signals,
    mut reload: impl FnMut(&Server),
) -> Exit {
    notify(State::Ready);
    loop {
        let hangup = tokio::select! {
            _ = signals.hangup.recv() => true,
            _ = signals.interrupt.recv() => false,
            _ = signals.terminate.recv() => false,
        };
        if !hangup {
            break;
        }
        notify(State::Reloading);
        reload(&server);
        notify(State::Ready);
    }
    notify(State::Stopping);
    server.drain();
    let (done, ended) = oneshot::channel();
    thread::spawn(move || {
        server.join();
        // Nobody listens any more after a second signal.
        let _ = done.send(());
    });
    tokio::select! {
        _ = ended => Exit::Ok,
        () = signals.end() => {
            complain("ended at once; what was in flight is cut off");
            Exit::Failed
        }
    }
}
