//! A plain map in the index's place, under a checker of interleavings: one lock, and no choice of what
//! stays.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use super::entry::Entry;
use crate::base::sync::{Mutex, MutexGuard};
use crate::base::{Key, KeyRef};

type Entries = HashMap<Key, Arc<Entry>>;

/// The map of everything that is stored.
#[derive(Debug)]
pub struct Index {
    entries: Mutex<Entries>,
    capacity: u64,
}

impl Index {
    /// A map that says of itself that it holds `capacity` bytes.
    pub fn new(capacity: u64) -> Self {
        Self { entries: Mutex::default(), capacity }
    }

    /// The entry of `key`.
    pub fn get(&self, key: &KeyRef<'_>) -> Option<Arc<Entry>> {
        self.map().get(&key.to_key()).map(Arc::clone)
    }

    /// The same.
    pub fn peek(&self, key: &KeyRef<'_>) -> Option<Arc<Entry>> {
        self.get(key)
    }

    /// Puts `entry` in the place of what its key had.
    pub fn insert(&self, entry: Arc<Entry>) {
        self.map().insert(entry.key().clone(), entry);
    }

    /// Removes what `key` has.
    pub fn remove(&self, key: &KeyRef<'_>) {
        self.map().remove(&key.to_key());
    }

    /// Hands every entry to `visit`; no lock is held meanwhile.
    pub fn each(&self, visit: impl FnMut(Arc<Entry>)) {
        let entries: Vec<_> = self.map().values().map(Arc::clone).collect();
        entries.into_iter().for_each(visit);
    }

    /// Entries held.
    pub fn entries(&self) -> u64 {
        self.map().len() as u64
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.map().values().map(|entry| entry.weight()).sum()
    }

    /// Bytes held that belong to no object: nobody asks.
    pub fn bookkeeping(&self) -> u64 {
        0
    }

    /// Entries that gave way: none does by itself.
    pub fn evictions(&self) -> u64 {
        0
    }

    /// Entries that were not let in: all are.
    pub fn rejections(&self) -> u64 {
        0
    }

    /// Bytes that may be held.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Lets everything go where nothing may be held.
    pub fn set_capacity(&self, capacity: u64) {
        if capacity == 0 {
            self.map().clear();
        }
    }

    fn map(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
