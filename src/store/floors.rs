//! The purge sequence `T` and the floors under which nothing is valid: PURGE.md, "Terms".
//!
//! Exact floors live in a fixed array indexed by key hash, because the entry that they are about
//! may be gone when the fetch that must not revive it ends (rule 4). Two keys that share a slot
//! cost each other a needless fetch, and nothing is ever forgotten. Only commits, refreshes and
//! joins ask the array; a hit never does.
//!
//! Hard and soft floors are separate numbers (rule 2), and a floor only rises (rule 1). All
//! accesses are sequentially consistent: they are a few a fetch, and the argument stays short.

use std::sync::atomic::Ordering;

use crate::base::Seq;
use crate::base::mutant::{self, Mutant};
use crate::base::sync::{self, AtomicU64};

/// Slots of exact floors, a power of two; 16 MiB in all.
const SLOTS: usize = sync::size(1 << 20, 1);

/// Whether a purge removes, or makes stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// What was asked before is gone.
    Hard,
    /// What was asked before is stale, and may be served where staleness is allowed.
    Soft,
}

/// What was asked of the origin below these numbers is not valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Floor {
    /// Below it: gone.
    pub hard: Seq,
    /// Below it: stale.
    pub soft: Seq,
}

impl Floor {
    /// The higher of both, number by number.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { hard: self.hard.max(other.hard), soft: self.soft.max(other.soft) }
    }

    /// Whether something asked at `asked` is as good as before any purge.
    pub fn allows(self, asked: Seq) -> bool {
        asked >= self.hard && asked >= self.soft
    }
}

/// The node's purge sequence and its exact floors.
#[derive(Debug)]
pub struct Floors {
    now: AtomicU64,
    exact: Box<[[AtomicU64; 2]]>,
}

impl Floors {
    /// The sequence number of the last purge: what a flight notes as `asked` before its request
    /// can leave.
    pub fn now(&self) -> Seq {
        Seq(self.now.load(Ordering::SeqCst))
    }

    /// Takes the next sequence number.
    pub(super) fn next(&self) -> Seq {
        Seq(self.now.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Takes the next sequence number and raises the floor of `hash` to it.
    pub fn raise_exact(&self, hash: u64, mode: Mode) -> Seq {
        let Seq(seq) = self.next();
        if mutant::is(Mutant::SeparateNumbers) {
            self.slot(hash).iter().for_each(|floor| floor.store(0, Ordering::SeqCst));
        }
        if mutant::is(Mutant::FetchMax) {
            self.slot(hash)[mode as usize].store(seq, Ordering::SeqCst);
        }
        // Of two racing purges the older must not win, so never a plain store.
        self.slot(hash)[mode as usize].fetch_max(seq, Ordering::SeqCst);
        Seq(seq)
    }

    /// The floor of `hash`.
    pub fn exact(&self, hash: u64) -> Floor {
        let [hard, soft] = self.slot(hash);
        Floor { hard: Seq(hard.load(Ordering::SeqCst)), soft: Seq(soft.load(Ordering::SeqCst)) }
    }

    /// Bytes that the floors take.
    pub fn bytes(&self) -> u64 {
        size_of_val(&*self.exact) as u64
    }

    fn slot(&self, hash: u64) -> &[AtomicU64; 2] {
        // The high bits: the low ones choose the stripe of the key's lock.
        let slot = usize::try_from(hash >> 44).unwrap_or_default() & (SLOTS - 1);
        &self.exact[slot]
    }
}

impl Default for Floors {
    /// A sequence that begins at 0, without floors.
    fn default() -> Self {
        Self { now: AtomicU64::new(0), exact: (0..SLOTS).map(|_| Default::default()).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purge_rules_out_what_was_asked_before_it_and_nothing_after() {
        let floors = Floors::default();
        let before = floors.now();
        let seq = floors.raise_exact(7, Mode::Hard);
        let after = floors.now();
        assert_eq!(seq, Seq(1));
        assert!(!floors.exact(7).allows(before));
        assert!(floors.exact(7).allows(after));
    }

    #[test]
    fn hard_and_soft_are_separate_numbers() {
        let floors = Floors::default();
        floors.raise_exact(7, Mode::Hard);
        let between = floors.now();
        floors.raise_exact(7, Mode::Soft);
        let floor = floors.exact(7);
        assert_eq!(floor, Floor { hard: Seq(1), soft: Seq(2) });
        // What the hard purge killed stays dead, what came between is merely stale.
        assert!(floor.hard > Seq(0));
        assert!(floor.hard <= between && floor.soft > between);
    }

    #[test]
    fn of_racing_purges_the_newest_wins() {
        let floors = Floors::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| _ = floors.raise_exact(7, Mode::Hard)));
            }
        });
        assert_eq!(floors.exact(7).hard, Seq(4000));
    }
}
