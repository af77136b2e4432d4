//! One part of the index: its table, and behind a lock its hand, its window, and its part of the
//! counts of all shards.
//!
//! [`Locked`] is whoever holds the lock. What it takes out is dropped after the lock is gone,
//! because bodies may be large.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::table::{Held, Standing, Table};
use crate::base::KeyRef;
use crate::store::entry::Entry;

/// The most new entries of a shard: its list of them is searched.
const NEW: usize = 256;
/// Requests from which on an entry needs to be more popular than each of those that would have to
/// go for it, not than all together: counts end at 15, and what is large would need a larger one.
const HOT: u64 = 6;
/// Groups of others that a claim is compared with before it is lost.
const CONTESTS: u32 = 8;
/// The most that a claim passes over because they were used: the search for others must end.
const SPARED: u32 = 64;

/// What all shards share.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Bytes that may be held.
    pub(super) capacity: AtomicU64,
    /// Bytes held beside the windows, and those that are reserved there.
    pub(super) main: AtomicU64,
    /// Bytes held.
    pub(super) bytes: AtomicU64,
    /// The part of them that belongs to no object: entries, keys, places.
    pub(super) bookkeeping: AtomicU64,
    pub(super) entries: AtomicU64,
    pub(super) evictions: AtomicU64,
    pub(super) rejections: AtomicU64,
}

/// A shard.
#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) table: Table,
    desk: Mutex<Desk>,
}

/// What writers need.
#[derive(Debug, Default)]
struct Desk {
    held: Held,
    /// The hashes of what is in the window, the oldest first.
    new: VecDeque<u64>,
    /// Their bytes.
    new_bytes: u64,
}

/// A shard whose lock is held.
#[derive(Debug)]
pub(super) struct Locked<'a> {
    // Fields are dropped in this order: the lock first.
    desk: MutexGuard<'a, Desk>,
    gone: Vec<Arc<Entry>>,
    table: &'a Table,
    totals: &'a Totals,
}

/// A wish for room.
#[derive(Debug)]
pub(super) struct Claim {
    /// The hash of the entry that it is for, which does not go for itself.
    hash: Option<u64>,
    /// Bytes that are still wanted.
    bytes: u64,
    /// How often the entry was asked for; nothing where it is let in however that compares.
    popularity: Option<u64>,
    /// What stands against that: the popularity of those that would have to go.
    rivals: u64,
    /// Contests that are left, this one included.
    contests: u32,
    /// Used ones that may still be passed over.
    spares: u32,
    /// Whether those that are asked for often are passed over in any case.
    spares_hot: bool,
}

/// What came of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There is room.
    Met,
    /// Those that the hand met here have gone, and it is not enough.
    Short,
    /// Those that would have to go are asked for more often.
    Lost,
}

impl Claim {
    /// A wish for `bytes` for the entry whose key has this hash.
    pub(super) fn new(hash: Option<u64>, bytes: u64, popularity: Option<u64>) -> Self {
        let (contests, spares) = (CONTESTS, SPARED);
        Self { hash, bytes, popularity, rivals: 0, contests, spares, spares_hot: false }
    }

    /// The same, but nothing is spared for having been used.
    pub(super) fn sparing_none(self) -> Self {
        Self { spares: 0, ..self }
    }

    /// The same, but what is asked for often is spared in any case.
    pub(super) fn sparing_hot(self) -> Self {
        Self { spares_hot: true, ..self }
    }

    /// Whether `entry`, which the hand has come to and which was asked for `count` times lately, is
    /// passed over.
    fn spares(&mut self, entry: &Entry, count: u64) -> bool {
        if self.hash == Some(entry.key().hash()) || self.spares_hot && count >= HOT {
            return true;
        }
        let spared = self.spares > 0 && entry.forget_use();
        self.spares -= u32::from(spared);
        spared
    }

    /// Whether what was lost may be tried again, with others.
    fn tries_again(&mut self) -> bool {
        self.rivals = 0;
        self.contests = self.contests.saturating_sub(1);
        self.contests > 0
    }

    /// Adds one that would have to go; whether the claim still stands.
    fn beats(&mut self, rival: u64) -> bool {
        let Some(popularity) = self.popularity else { return true };
        let hot = popularity >= HOT;
        self.rivals = if hot { self.rivals.max(rival) } else { self.rivals + rival };
        popularity > self.rivals
    }
}

impl Shard {
    /// Waits for the lock.
    pub(super) fn lock<'a>(&'a self, totals: &'a Totals) -> Locked<'a> {
        Locked { desk: self.desk(), gone: Vec::new(), table: &self.table, totals }
    }

    /// Takes the lock if nobody has it.
    pub(super) fn try_lock<'a>(&'a self, totals: &'a Totals) -> Option<Locked<'a>> {
        let desk = match self.desk.try_lock() {
            Ok(desk) => desk,
            Err(TryLockError::Poisoned(desk)) => desk.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Locked { desk, gone: Vec::new(), table: &self.table, totals })
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Nothing under the lock panics; if it did, counts would be off, and entries would not.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Locked<'_> {
    /// The entry of `key`, and where it stands.
    pub(super) fn standing(&self, key: &KeyRef<'_>) -> Option<Standing> {
        self.table.place(key)
    }

    /// Every entry.
    pub(super) fn all(&self) -> Vec<Arc<Entry>> {
        self.table.all()
    }

    /// How often the entry was asked for lately.
    pub(super) fn popularity(&self, entry: &Entry) -> Option<u64> {
        Some(self.table.count(entry.key().hash()))
    }

    /// The oldest in the window, where it holds more than `window` bytes, or too many.
    pub(super) fn overdue(&mut self, window: u64) -> Option<Standing> {
        while self.desk.new_bytes > window || self.desk.new.len() > NEW {
            let hash = *self.desk.new.front()?;
            if let Some(standing) = self.table.place_of_new(hash) {
                return Some(standing);
            }
            self.desk.new.pop_front();
        }
        None
    }

    /// Adds an entry to the window.
    pub(super) fn add_new(&mut self, entry: Arc<Entry>) {
        self.desk.new.push_back(entry.key().hash());
        self.desk.new_bytes += entry.weight();
        self.put(entry, true);
    }

    /// Adds an entry whose bytes are reserved.
    pub(super) fn add(&mut self, entry: Arc<Entry>) {
        self.put(entry, false);
    }

    /// Puts `entry` in the place of `old`. Where that is not in the window, and `entry` is larger,
    /// the difference is reserved.
    pub(super) fn replace(&mut self, old: &Standing, entry: Arc<Entry>) {
        let (was, is) = (old.entry.weight(), entry.weight());
        if old.new {
            // It is the youngest now, so nobody judges it for having grown.
            self.forget_new(old);
            self.desk.new.push_back(entry.key().hash());
            self.desk.new_bytes += is;
        } else {
            self.totals.main.fetch_sub(was.saturating_sub(is), Relaxed);
        }
        self.totals.bytes.fetch_add(is.wrapping_sub(was), Relaxed);
        let grown = bookkeeping(&entry).wrapping_sub(bookkeeping(&old.entry));
        self.totals.bookkeeping.fetch_add(grown, Relaxed);
        self.table.replace(old.place, entry);
        self.gone.push(Arc::clone(&old.entry));
    }

    /// Takes what stands there from the window into the rest, where its bytes are reserved.
    pub(super) fn settle(&mut self, standing: &mut Standing) {
        if standing.new {
            self.forget_new(standing);
            self.table.settle(standing.place);
            standing.new = false;
        }
    }

    /// Takes out what stands there.
    pub(super) fn take(&mut self, standing: &Standing) {
        let size = standing.entry.weight();
        if standing.new {
            self.forget_new(standing);
        } else {
            self.totals.main.fetch_sub(size, Relaxed);
        }
        self.totals.bytes.fetch_sub(size, Relaxed);
        self.totals.bookkeeping.fetch_sub(bookkeeping(&standing.entry), Relaxed);
        self.totals.entries.fetch_sub(1, Relaxed);
        self.gone.extend(self.table.take(&mut self.desk.held, standing.place));
    }

    /// Takes out what stands there, to make room.
    pub(super) fn evict(&mut self, standing: &Standing) {
        self.take(standing);
        self.totals.evictions.fetch_add(1, Relaxed);
    }

    /// Counts an entry that was not let in.
    pub(super) fn reject(&self) {
        self.totals.rejections.fetch_add(1, Relaxed);
    }

    /// Makes the room that is wanted: all of it, all that there is, or none where the claim loses.
    pub(super) fn gather(&mut self, claim: &mut Claim) -> Outcome {
        let (mut going, mut freed) = (Vec::new(), 0);
        let mut steps = self.table.lap();
        while freed < claim.bytes && steps > 0 {
            steps -= 1;
            let Some(standing) = self.table.advance(&mut self.desk.held) else { continue };
            let count = self.table.count(standing.entry.key().hash());
            if claim.spares(&standing.entry, count) {
                continue;
            }
            if claim.beats(count) {
                freed += standing.entry.weight();
                going.push(standing);
            } else if claim.tries_again() {
                (going, freed) = (Vec::new(), 0);
            } else {
                return Outcome::Lost;
            }
        }
        going.iter().for_each(|standing| self.evict(standing));
        claim.bytes = claim.bytes.saturating_sub(freed);
        if claim.bytes == 0 { Outcome::Met } else { Outcome::Short }
    }

    /// Gives back memory that the table does not need.
    pub(super) fn shrink(&self) {
        self.table.shrink(&self.desk.held);
    }

    fn put(&mut self, entry: Arc<Entry>, new: bool) {
        self.totals.bytes.fetch_add(entry.weight(), Relaxed);
        self.totals.bookkeeping.fetch_add(bookkeeping(&entry), Relaxed);
        self.totals.entries.fetch_add(1, Relaxed);
        self.table.put(&mut self.desk.held, entry, new);
    }

    fn forget_new(&mut self, standing: &Standing) {
        let hash = standing.entry.key().hash();
        self.desk.new_bytes -= standing.entry.weight();
        // The oldest stands first, and it is the one that is asked for most often.
        if let Some(at) = self.desk.new.iter().position(|new| *new == hash) {
            self.desk.new.remove(at);
        }
    }
}

/// What an entry takes beside its objects, which their bodies' charges pay for.
fn bookkeeping(entry: &Entry) -> u64 {
    let objects: u64 = entry.variants().iter().map(|object| object.weight()).sum();
    entry.weight() - objects
}
