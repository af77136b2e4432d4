//! What is stored: entries by key, their variants, and the floors by which purges outrun fetches.
//!
//! An [`Entry`] is immutable and shared by `Arc`; every change puts a new one in its place, under
//! the key's striped lock ([`Store::commit`], [`Store::refresh`], [`Store::purge`]), so that
//! check-and-publish of a fetch and a purge of the same key never interleave (PURGE.md rules 3 to
//! 5). Hits take no lock: they read the index and judge what they got.
//!
//! A body that is still growing is not here but in `fetch`'s flight table.

pub mod entry;
pub mod floors;
pub mod head;
pub mod index;
pub mod object;
pub mod slots;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use entry::Most;
pub use entry::{Entry, Found};
pub use floors::{Floor, Floors, Mode};
pub use head::Head;
pub use object::Object;

use crate::base::{Credentials, Key, KeyRef, Reason, Seq};
use index::Index;
use slots::Slots;

/// Striped locks: enough that two keys seldom share one, few enough to fit a page or two.
const STRIPES: usize = 1024;

/// A cache of which one key takes more than this part is no cache.
pub const LARGEST_SHARE: u64 = 8;

/// The store; one a node, shared by all workers.
#[derive(Debug)]
pub struct Store {
    index: Index,
    floors: Floors,
    locks: Box<[Mutex<()>]>,
    markers: Slots<Reason>,
    /// Bytes that may be stored while nobody else needs them.
    configured: u64,
    most: Most,
    counts: Counts,
}

/// What the store has done, for the metrics.
#[derive(Debug, Default)]
pub struct Counts {
    /// Objects stored.
    pub commits: AtomicU64,
    /// Objects freshened by a 304.
    pub refreshes: AtomicU64,
    /// Responses not stored because a purge came after they had been asked for.
    pub overtaken: AtomicU64,
    /// Exact purges.
    pub purges: AtomicU64,
    /// Exact purges that found an entry.
    pub purged_entries: AtomicU64,
}

/// What a purge did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its place in the node's sequence.
    pub seq: Seq,
    /// Whether something was stored under the key.
    pub found: bool,
}

impl Store {
    /// A store of at most `capacity` bytes, whose keys have at most `max_variants` variants.
    pub fn new(capacity: u64, max_variants: usize) -> Self {
        Self {
            index: Index::new(capacity),
            floors: Floors::default(),
            locks: (0..STRIPES).map(|_| Mutex::default()).collect(),
            markers: Slots::default(),
            configured: capacity,
            most: Most { variants: max_variants, bytes: capacity / LARGEST_SHARE },
            counts: Counts::default(),
        }
    }

    /// What is stored under `key`. Counts as a use of it.
    pub fn get(&self, key: &KeyRef<'_>) -> Option<Arc<Entry>> {
        self.index.get(key)
    }

    /// The purge sequence and the floors.
    pub fn floors(&self) -> &Floors {
        &self.floors
    }

    /// What the store has done.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The same, for whoever only wants to know: does not count as a use.
    pub fn peek(&self, key: &KeyRef<'_>) -> Option<Arc<Entry>> {
        self.index.peek(key)
    }

    /// Entries stored.
    pub fn entries(&self) -> u64 {
        self.index.entries()
    }

    /// Bytes stored, bookkeeping included.
    pub fn bytes(&self) -> u64 {
        self.index.bytes()
    }

    /// Those of them that no object is charged for.
    pub fn bookkeeping(&self) -> u64 {
        self.index.bookkeeping()
    }

    /// Bytes that may be stored now.
    pub fn capacity(&self) -> u64 {
        self.index.capacity()
    }

    /// Sets the bytes that may be stored now, at most those that were configured; what is over them
    /// goes before this returns. Other parts of the process may need the rest.
    pub fn set_capacity(&self, bytes: u64) {
        self.index.set_capacity(bytes.min(self.configured));
    }

    /// Entries that gave way to others, or to a smaller capacity.
    pub fn evictions(&self) -> u64 {
        self.index.evictions()
    }

    /// Entries that were not let in: those that would have had to go are asked for more often.
    pub fn rejections(&self) -> u64 {
        self.index.rejections()
    }

    /// Stores `object` under `key`, in place of the variant that it succeeds.
    ///
    /// # Errors
    /// [`Reason::PurgedInFlight`] where a hard purge came after the object had been asked for.
    pub fn commit(&self, key: &Key, object: Arc<Object>) -> Result<(), Reason> {
        let _lock = self.lock(key.hash());
        let floor = self.floors.exact(key.hash());
        if floor.hard > object.asked {
            self.counts.overtaken.fetch_add(1, Ordering::Relaxed);
            return Err(Reason::PurgedInFlight);
        }
        let now = object.head.received();
        let entry = match self.index.peek(&key.as_ref()) {
            Some(entry) => entry.with(object, floor, self.most, now),
            None => Entry::of(key.clone(), object, floor),
        };
        self.index.insert(Arc::new(entry));
        self.unmark(key.hash());
        self.counts.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Puts `new`, which a 304 made of `old`, in the place of `old`.
    ///
    /// # Errors
    /// [`Reason::PurgedInFlight`] where a hard purge came after the 304 had been asked for, or
    /// where `old` is no longer what is stored (PURGE.md rule 8).
    pub fn refresh(&self, key: &Key, old: &Arc<Object>, new: &Arc<Object>) -> Result<(), Reason> {
        let _lock = self.lock(key.hash());
        let floor = self.floors.exact(key.hash());
        let held = self.index.peek(&key.as_ref()).filter(|entry| entry.holds(old));
        let Some(entry) = held.filter(|_| floor.hard <= new.asked) else {
            self.counts.overtaken.fetch_add(1, Ordering::Relaxed);
            return Err(Reason::PurgedInFlight);
        };
        self.index.insert(Arc::new(entry.replaced(old, new, floor)));
        self.counts.refreshes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Purges `key`, with all its variants.
    pub fn purge(&self, key: &KeyRef<'_>, mode: Mode) -> Receipt {
        let _lock = self.lock(key.hash());
        // Before the entry is touched: whoever finds it gone must also find the floor.
        let seq = self.floors.raise_exact(key.hash(), mode);
        self.unmark(key.hash());
        let found = match (self.index.peek(key), mode) {
            (None, _) => false,
            (Some(_), Mode::Hard) => {
                self.index.remove(key);
                true
            }
            (Some(entry), Mode::Soft) => {
                self.index.insert(Arc::new(entry.stale_since(seq)));
                true
            }
        };
        self.counts.purges.fetch_add(1, Ordering::Relaxed);
        if found {
            self.counts.purged_entries.fetch_add(1, Ordering::Relaxed);
        }
        Receipt { seq, found }
    }

    /// What a flight must know before it asks for `key`, read together so that no purge of the key
    /// stands half between: the sequence number to ask under, and the floor at that number.
    pub fn asking(&self, key: &KeyRef<'_>) -> (Seq, Floor) {
        let _lock = self.lock(key.hash());
        (self.floors.now(), self.floors.exact(key.hash()))
    }

    /// Remembers until `until` that what `key` answers with to `whom` cannot be stored. Does nothing
    /// where a purge came after that answer had been asked for: the next may be another.
    pub fn mark(&self, key: &Key, whom: Credentials, reason: Reason, asked: Seq, until: Instant) {
        let _lock = self.lock(key.hash());
        if self.floors.exact(key.hash()).allows(asked) {
            self.markers.put(whom.salt(key.hash()), reason, until);
        }
    }

    /// Why what `key` answers with to `whom` cannot be stored, where that is remembered.
    pub fn marked(&self, key: &KeyRef<'_>, whom: Credentials, now: Instant) -> Option<Reason> {
        self.markers.get(whom.salt(key.hash()), now)
    }

    fn unmark(&self, hash: u64) {
        Credentials::ALL.iter().for_each(|whom| self.markers.clear(whom.salt(hash)));
    }

    fn lock(&self, hash: u64) -> MutexGuard<'_, ()> {
        let stripe = usize::try_from(hash % STRIPES as u64).unwrap_or_default();
        // The lock guards no data of its own, so a panic under it leaves nothing half done.
        self.locks[stripe].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "race_tests.rs"]
mod race_tests;
#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
