//! How many client connections the node may have, over all workers and listeners. A connection
//! holds a [`Slot`] for as long as it lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The room for connections; cheap to clone, every clone is the same room.
#[derive(Clone, Debug)]
pub struct Capacity(Arc<Room>);

#[derive(Debug)]
struct Room {
    limit: AtomicUsize,
    held: AtomicUsize,
}

impl Capacity {
    /// Room for `limit` connections.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Room { limit: AtomicUsize::new(limit), held: AtomicUsize::new(0) }))
    }

    /// Another limit; connections beyond it stay.
    pub fn set_limit(&self, limit: usize) {
        self.0.limit.store(limit, Relaxed);
    }

    /// Connections that there are.
    pub fn held(&self) -> usize {
        self.0.held.load(Relaxed)
    }

    /// A place for one connection more, if there is one.
    pub fn take(&self) -> Option<Slot> {
        let held = self.0.held.fetch_add(1, Relaxed);
        let slot = Slot(Arc::clone(&self.0));
        // A slot that is not given away returns its place when it is dropped here.
        (held < self.0.limit.load(Relaxed)).then_some(slot)
    }
}

/// A connection's place, given back when dropped.
#[derive(Debug)]
pub struct Slot(Arc<Room>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_places_are_given_than_there_are() {
        let capacity = Capacity::new(2);
        let (first, second) = (capacity.take(), capacity.take());
        assert!(first.is_some() && second.is_some());
        assert!(capacity.take().is_none());
        assert_eq!(capacity.held(), 2);
        drop(first);
        assert!(capacity.take().is_some());
        capacity.set_limit(0);
        assert!(capacity.take().is_none());
    }
}
