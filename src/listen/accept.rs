//! The accept loop: one per worker and socket, on the worker's runtime. It never spins: where the
//! process has no descriptor or memory for another connection it pauses, and says so at most once
//! a second. Where the worker takes long to get round to it, it takes fewer connections at a time:
//! who has been accepted is served first, and the rest wait in the socket's queue, which is bounded.
//! Told to stop, it takes what already waits in the socket's queue and ends; the socket
//! itself belongs to the server and may stay open for the next loop.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};

use super::capacity::{Capacity, Slot};
use crate::base::{Clock, Drain, ListenerId, WorkerId};

/// How long a loop rests when the process has no room for another connection.
const PAUSE: Duration = Duration::from_millis(50);
/// Connections that a loop takes before it lets others run, where the worker is not busy.
const BATCH: u32 = 64;
/// How long a worker that is not too busy takes to get round all its tasks.
const ROUND: Duration = Duration::from_millis(5);

/// A connection that has been accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The stream, without Nagle's delay.
    pub stream: TcpStream,
    /// Our address.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// The listener that it came by.
    pub listener: ListenerId,
    /// The worker that accepted it.
    pub worker: WorkerId,
    /// Its place among the node's connections, to be held as long as it lives.
    pub slot: Slot,
}

/// Something that an accept loop did instead of handing over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A connection was closed at once, because the node has as many as it may.
    Full,
    /// Accepting failed for want of descriptors or memory, and the loop pauses.
    Exhausted,
}

/// What an accept loop works with.
#[derive(Clone)]
pub struct Acceptor {
    /// The listener whose socket it is.
    pub listener: ListenerId,
    /// The worker on whose runtime it runs.
    pub worker: WorkerId,
    /// The time.
    pub clock: Clock,
    /// The room for connections.
    pub capacity: Capacity,
    /// Takes each connection; must not wait.
    pub connect: Arc<dyn Fn(Accepted) + Send + Sync>,
    /// Takes note of what else happened.
    pub notice: Arc<dyn Fn(Notice) + Send + Sync>,
}

/// Accepts from `socket` until `stop` is given and its queue is empty.
///
/// # Errors
/// The socket cannot be polled on this runtime.
pub async fn accept(
    socket: Arc<std::net::TcpListener>,
    acceptor: Acceptor,
    stop: Drain,
) -> io::Result<()> {
    let mut warned = None;
    // Another descriptor for the same socket: dropping it closes nothing that the server holds.
    let listener = TcpListener::from_std(socket.try_clone()?)?;
    let mut stopped = pin!(stop.wait());
    let (mut taken, mut batch) = (0, BATCH);
    while !stop.is_draining() {
        let accepted = poll_fn(|cx| {
            if stopped.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            listener.poll_accept(cx).map(Some)
        });
        match accepted.await {
            None => break,
            Some(Ok((stream, remote))) => acceptor.take(stream, remote),
            Some(Err(error)) => acceptor.fail(&error, &mut warned).await,
        }
        taken += 1;
        if taken >= batch {
            taken = 0;
            batch = acceptor.yield_to_others(batch).await;
        }
    }
    acceptor.empty(&socket, &mut warned).await;
    Ok(())
}

impl Acceptor {
    /// Lets the worker's other tasks run after `batch` connections; how many may be next.
    async fn yield_to_others(&self, batch: u32) -> u32 {
        let before = self.clock.now();
        tokio::task::yield_now().await;
        let round = self.clock.now().saturating_duration_since(before);
        if round > ROUND { (batch / 2).max(1) } else { (batch * 2).min(BATCH) }
    }

    /// Takes what waits in the queue. The system is asked itself, because the runtime says "not
    /// ready" of a socket for which it has not seen the event yet.
    async fn empty(&self, socket: &std::net::TcpListener, warned: &mut Option<Instant>) {
        let mut failures = 0;
        // Whoever comes without a pause must not keep the loop for ever, nor an error that stays.
        for _ in 0..u16::MAX {
            match socket.accept() {
                Ok((stream, remote)) => {
                    if stream.set_nonblocking(true).is_ok()
                        && let Ok(stream) = TcpStream::from_std(stream)
                    {
                        self.take(stream, remote);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    failures += 1;
                    if failures > 100 {
                        return;
                    }
                    self.fail(&error, warned).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, remote: SocketAddr) {
        let Some(slot) = self.capacity.take() else {
            (self.notice)(Notice::Full);
            return;
        };
        // Both fail only on a connection that is already gone.
        let (Ok(local), Ok(())) = (stream.local_addr(), stream.set_nodelay(true)) else { return };
        let Self { listener, worker, .. } = *self;
        (self.connect)(Accepted { stream, local, remote, listener, worker, slot });
    }

    /// Accepting failed; rests where trying again at once would spin.
    async fn fail(&self, error: &io::Error, warned: &mut Option<Instant>) {
        if is_of_the_connection(error) {
            return;
        }
        (self.notice)(Notice::Exhausted);
        let now = self.clock.now();
        if warned.is_none_or(|at| now >= at + Duration::from_secs(1)) {
            *warned = Some(now);
            tracing::warn!(
                listener = self.listener.0,
                worker = self.worker.0,
                "cannot accept: {error}; raise the limit on open files (LimitNOFILE= in a \
                 systemd unit), or lower `connections`"
            );
        }
        self.clock.sleep(PAUSE).await;
    }
}

/// Whether `error` is the fault of the one connection that was to be accepted (accept(2): errors
/// that are pending on the new socket).
fn is_of_the_connection(error: &io::Error) -> bool {
    let of_the_connection = [
        Errno::CONNABORTED,
        Errno::INTR,
        Errno::PROTO,
        Errno::PERM,
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::NOPROTOOPT,
        Errno::NONET,
        Errno::OPNOTSUPP,
        Errno::TIMEDOUT,
    ];
    Errno::from_io_error(error).is_some_and(|errno| of_the_connection.contains(&errno))
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
