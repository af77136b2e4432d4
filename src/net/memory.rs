//! Connections in memory for a model that needs no sockets: on a thread that answers for itself, what is
//! dialled arrives in its queue, and bytes go no further. Only with the feature `mutants`.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;

pub use tokio::io::DuplexStream;

/// The other end of a connection, and whom it was meant for.
pub type Dialled = (SocketAddr, DuplexStream);

/// What fits into a connection before somebody reads, in bytes.
const ROOM: usize = 64 * 1024;

thread_local! {
    static QUEUE: RefCell<Option<VecDeque<Dialled>>> = const { RefCell::new(None) };
}

/// From now on no connection that this thread opens leaves it.
pub fn answer_here() {
    QUEUE.with(|queue| *queue.borrow_mut() = Some(VecDeque::new()));
}

/// The next connection that was opened.
pub fn accept() -> Option<Dialled> {
    QUEUE.with(|queue| queue.borrow_mut().as_mut()?.pop_front())
}

/// A connection to `address`, where this thread answers for itself.
pub(super) fn dial(address: SocketAddr) -> Option<DuplexStream> {
    QUEUE.with(|queue| {
        let mut queue = queue.borrow_mut();
        let (ours, theirs) = tokio::io::duplex(ROOM);
        queue.as_mut()?.push_back((address, theirs));
        Some(ours)
    })
}
