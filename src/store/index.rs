//! Key → entry: a sharded map that is read without a lock, and the choice of what stays in it.
//!
//! A shard is a `table` that readers share, and behind a mutex what writers need. A hit takes no
//! lock, waits for nobody, and writes no more than the counters of its key's popularity (`sketch`)
//! and that its entry was used, each only until it says so. There is no queue: a hand goes round
//! each table, passes over what was used since it came by last, and the others are candidates to go.
//!
//! Admission is TinyLFU's (Einziger, Friedman and Manes 2017) by bytes: what needs room must have
//! been asked for more often than all those together that would have to go for it (Einziger,
//! Eytan, Friedman and Manes 2021, "aggregated victims"). If it was not, they stay, the hand is past
//! them, and it is tried with the next, a few times. A hundredth of the capacity is a window for
//! what is new, first in, first judged: what has just been fetched lives a moment in any case,
//! unless it is larger than a shard's window.
//!
//! Room is made by whoever needs it before it returns, so nothing queues and the capacity holds at
//! all times; while entries are replaced by larger ones it may be exceeded by those. The capacity is
//! one for all shards: an entry takes its room in its own shard, and where that has not enough in
//! others, whose locks are only tried, so that nobody waits for two.

mod shard;
#[allow(clippy::cast_possible_truncation, reason = "numbers are made of the bits of a hash")]
mod sketch;
#[allow(clippy::cast_possible_truncation, reason = "numbers are made of the bits of a hash")]
mod table;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::entry::Entry;
use crate::base::KeyRef;
use shard::{Claim, Locked, Outcome, Shard, Totals};
use table::Standing;

/// The capacity of a shard in bytes, as long as that makes no more than [`SHARDS`].
const SHARE: u64 = 16 << 20;
/// The most shards: what grows, and whoever waits for it meanwhile, is a small part.
const SHARDS: u64 = 1024;
/// The part of the capacity that is for what is new.
const WINDOW: u64 = 100;

/// The map of everything that is stored.
#[derive(Debug)]
pub struct Index {
    shards: Box<[Shard]>,
    totals: Totals,
}

impl Index {
    /// A map of at most `capacity` bytes.
    pub fn new(capacity: u64) -> Self {
        let shards = (capacity / SHARE).clamp(1, SHARDS).next_power_of_two();
        let totals = Totals::default();
        totals.capacity.store(capacity, Relaxed);
        Self { shards: (0..shards).map(|_| Shard::default()).collect(), totals }
    }

    /// The entry of `key`. Counts as a use of it, also where there is none.
    pub fn get(&self, key: &KeyRef<'_>) -> Option<Arc<Entry>> {
        let entry = self.shards[self.place(key.hash())].table.ask(key)?;
        entry.note_use();
        Some(entry)
    }

    /// The entry of `key`, for whoever changes it. Counts as nothing: purges of pages that nobody
    /// reads must not win them admission.
    pub fn peek(&self, key: &KeyRef<'_>) -> Option<Arc<Entry>> {
        self.shards[self.place(key.hash())].table.get(key)
    }

    /// Puts `entry` in the place of what its key had. Where it had something it is taken in any
    /// case, unless there is no room for it at all; else it may be rejected, now or when its time
    /// in the window is over.
    pub fn insert(&self, entry: Arc<Entry>) {
        let at = self.place(entry.key().hash());
        let mut shard = self.shards[at].lock(&self.totals);
        match shard.standing(&entry.key().as_ref()) {
            Some(old) => self.replace(at, &mut shard, old, entry),
            None if entry.weight() <= self.window() => {
                shard.add_new(entry);
                self.judge_new(at, &mut shard);
            }
            None => {
                let popularity = shard.popularity(&entry);
                if self.make_room(at, &mut shard, &entry, entry.weight(), popularity) {
                    shard.add(entry);
                } else {
                    shard.reject();
                }
            }
        }
    }

    /// Removes what `key` has: a look-up that begins after this finds nothing.
    pub fn remove(&self, key: &KeyRef<'_>) {
        let mut shard = self.shards[self.place(key.hash())].lock(&self.totals);
        if let Some(standing) = shard.standing(key) {
            shard.take(&standing);
        }
    }

    /// Hands every entry to `visit`, some time between now and its return; one that comes meanwhile may
    /// be left out. No lock is held while `visit` runs.
    pub fn each(&self, mut visit: impl FnMut(Arc<Entry>)) {
        for shard in &self.shards {
            // The lock is gone before the first visit, which may take it again.
            let entries = shard.lock(&self.totals).all();
            entries.into_iter().for_each(&mut visit);
        }
    }

    /// Entries held.
    pub fn entries(&self) -> u64 {
        self.totals.entries.load(Relaxed)
    }

    /// Bytes held, bookkeeping included.
    pub fn bytes(&self) -> u64 {
        self.totals.bytes.load(Relaxed)
    }

    /// Bytes held that belong to no object.
    pub fn bookkeeping(&self) -> u64 {
        self.totals.bookkeeping.load(Relaxed)
    }

    /// Entries that gave way to others, or to a smaller capacity.
    pub fn evictions(&self) -> u64 {
        self.totals.evictions.load(Relaxed)
    }

    /// Entries that were not let in, at once or after their time in the window.
    pub fn rejections(&self) -> u64 {
        self.totals.rejections.load(Relaxed)
    }

    /// Bytes that may be held.
    pub fn capacity(&self) -> u64 {
        self.totals.capacity.load(Relaxed)
    }

    /// Sets the bytes that may be held; what is over them goes before this returns.
    pub fn set_capacity(&self, capacity: u64) {
        if self.totals.capacity.swap(capacity, Relaxed) == capacity {
            return;
        }
        let window = self.window();
        // Every shard its part of what is too much; and then, where some had less than that, the
        // next ones whatever is left, what is asked for often last.
        for (parts, hot_too) in [(self.shards.len() as u64, false), (1, false), (1, true)] {
            for (at, shard) in self.shards.iter().enumerate() {
                let mut shard = shard.lock(&self.totals);
                while let Some(new) = shard.overdue(window) {
                    shard.evict(&new);
                }
                let over = self.totals.main.load(Relaxed).saturating_sub(self.main_capacity());
                let part = over.div_ceil(parts.saturating_sub(at as u64).max(1));
                // It is asked for nobody: no entry must be popular.
                let claim = Claim::new(None, part, None);
                let claim = if hot_too { claim } else { claim.sparing_hot() };
                shard.gather(&mut if parts == 1 { claim.sparing_none() } else { claim });
                shard.shrink();
            }
        }
    }

    /// Puts `entry` in the place of `old`, which has the same key.
    fn replace(&self, at: usize, shard: &mut Locked<'_>, mut old: Standing, entry: Arc<Entry>) {
        let (was, is) = (old.entry.weight(), entry.weight());
        if old.new && is <= self.window() {
            shard.replace(&old, entry);
            self.judge_new(at, shard);
            return;
        }
        if old.new && self.make_room(at, shard, &entry, was, None) {
            shard.settle(&mut old);
        }
        if !old.new && self.make_room(at, shard, &entry, is.saturating_sub(was), None) {
            shard.replace(&old, entry);
        } else {
            // What it should replace is outdated.
            shard.take(&old);
            shard.reject();
        }
    }

    /// Judges the oldest in the window until those that are left fit it.
    fn judge_new(&self, at: usize, shard: &mut Locked<'_>) {
        while let Some(mut oldest) = shard.overdue(self.window()) {
            let (entry, popularity) = (&oldest.entry, shard.popularity(&oldest.entry));
            if self.make_room(at, shard, entry, entry.weight(), popularity) {
                shard.settle(&mut oldest);
            } else {
                shard.take(&oldest);
                shard.reject();
            }
        }
    }

    /// Reserves `bytes` for `entry` in what is not the window, at the cost of others if needed and
    /// if `popularity`, where there is one, suffices.
    fn make_room(
        &self,
        at: usize,
        shard: &mut Locked<'_>,
        entry: &Entry,
        bytes: u64,
        popularity: Option<u64>,
    ) -> bool {
        let capacity = self.main_capacity();
        if bytes > capacity {
            return false;
        }
        let main = self.totals.main.fetch_add(bytes, Relaxed) + bytes;
        // What others have reserved beyond the capacity at the same time, they make up for.
        let over = main.saturating_sub(capacity).min(bytes);
        let mut claim = Claim::new(Some(entry.key().hash()), over, popularity);
        let mut outcome = shard.gather(&mut claim);
        for step in 1..self.shards.len() {
            if outcome != Outcome::Short {
                break;
            }
            let other = &self.shards[(at + step) % self.shards.len()];
            if let Some(mut other) = other.try_lock(&self.totals) {
                outcome = other.gather(&mut claim);
            }
        }
        if outcome != Outcome::Met {
            self.totals.main.fetch_sub(bytes, Relaxed);
        }
        outcome == Outcome::Met
    }

    /// The number of the shard for a hash: by its highest bits.
    fn place(&self, hash: u64) -> usize {
        let place = (u128::from(hash) * self.shards.len() as u128) >> 64;
        usize::try_from(place).unwrap_or_default()
    }

    /// Bytes of a shard's window.
    fn window(&self) -> u64 {
        self.capacity() / WINDOW / self.shards.len() as u64
    }

    /// Bytes that may be held beside the windows.
    fn main_capacity(&self) -> u64 {
        // Read once: it may change meanwhile.
        let (capacity, shards) = (self.capacity(), self.shards.len() as u64);
        capacity - capacity / WINDOW / shards * shards
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
