//! Mutations: checks that keep the promise of purging, each of which a test may take out to see that it is
//! missed (`cargo test --features mutants --test purge_model`, and with `interleavings` and
//! `purge_interleavings` where it takes threads, or with `mutants` and `purge_tier` where it takes nodes). Without that feature nothing of it is left in the program.

/// A check that can be taken out, by the rule of PURGE.md that asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mutant {
    /// Rule 1: a hard purge takes its entry out.
    HardRemoves = 1,
    /// Rule 1: a soft purge marks its entry.
    SoftMarks,
    /// Rule 2: hard and soft floors are separate numbers.
    SeparateNumbers,
    /// Rule 4: commits and refreshes ask the exact floors.
    ExactFloors,
    /// Rules 6 and 9: who joins a flight, or leaves a refresh to it, asks the wide floors first.
    JoinsAsk,
    /// Rule 6: whoever joined a flight after a purge of a tag that its response then carries is sent again.
    SentAgain,
    /// Rule 7: commits and refreshes ask the floors of tags, prefixes and the rest.
    WideFloors,
    /// Rule 7: floors that give way to others become their site's.
    Fold,
    /// Rule 7: a sweep goes over what is stored before floors are forgotten.
    SweepMarks,
    /// Rule 7: what was asked before the horizon is not stored.
    Horizon,
    /// Rule 8: a 304 refreshes only the very object that it is about.
    SameObject,
    /// Rule 8: the tags of an object count beside those of the 304 that refreshes it.
    OldTags,
    /// Rule 10: hits ask the wide floors.
    HitsAsk,
    /// Rule 10: an object remembers how far it was looked at, and no further.
    SeenUpTo,
    /// Rule 11: paths are walked by segment.
    Prefixes,
    /// Rule 11: expressions are matched.
    Expressions,
    /// Rules 3 and 5: what is asked, checked, published and purged of a key takes turns.
    KeyLock,
    /// Rule 1: of two racing purges the newer wins.
    FetchMax,
    /// Rule 8: what is to be confirmed is judged once all purges from before the question have floors.
    Settles,
    /// Rule 10: whoever sees the number of a wide purge finds its floor.
    FloorFirst,
    /// Rule 7: it is told up to where floors are forgotten before they are.
    ForgottenFirst,
    /// Rule 12: what a write changed is purged once its answer's head has come.
    AtAnswer,
    /// Rule 14: a PURGE is in force at the nodes that are fetched through before it is here.
    ThereFirst,
    /// Rule 14: so is what HTCP orders.
    ThereFirstHtcp,
    /// Rule 14: so is what the control API orders.
    ThereFirstApi,
    /// Rule 14: what a write changed is forgotten by all nodes that are fetched through.
    WritesTold,
    /// Rule 14: a fetch tells how far the streams are read.
    PositionsTold,
    /// Rule 14: so does what goes past the store.
    PassesTell,
    /// Rule 14: what is being applied is told as read.
    BegunTold,
    /// Rule 14: positions are compared.
    AsFar,
    /// Rule 14: they are of one cluster.
    SameCluster,
    /// Rule 14: they are of one topic, and not of one made anew.
    SameTopic,
    /// Rule 14: nothing is answered from the store before it is read as far.
    Awaited,
    /// Rule 14: where that takes too long, the origin is asked.
    BehindAsks,
    /// Rule 14: what was answered without being read as far says so.
    BehindSays,
    /// Rule 14: what says so is not stored.
    BehindHeeded,
    /// Rule 14: what says so confirms nothing.
    BehindConfirms,
    /// Rule 14: nodes get nothing that a soft purge has made stale.
    StaleForNodes,
    /// Rule 14: not even where the origin fails.
    StaleOnError,
    /// Rule 14: orders count only from nodes.
    OrdersOfNodes,
    /// Rule 14: positions count only from nodes.
    PositionsOfNodes,
    /// Rule 14: only a node can say that it is behind.
    BehindOfNodes,
}

impl Mutant {
    /// Those that one thread alone sees taken out.
    pub const ALONE: [Self; 16] = [
        Self::HardRemoves,
        Self::SoftMarks,
        Self::SeparateNumbers,
        Self::ExactFloors,
        Self::JoinsAsk,
        Self::SentAgain,
        Self::WideFloors,
        Self::Fold,
        Self::SweepMarks,
        Self::Horizon,
        Self::SameObject,
        Self::OldTags,
        Self::HitsAsk,
        Self::SeenUpTo,
        Self::Prefixes,
        Self::Expressions,
    ];

    /// Those that it takes another node to miss, or an origin that answers.
    pub const TIERS: [Self; 21] = [
        Self::AtAnswer,
        Self::ThereFirst,
        Self::ThereFirstHtcp,
        Self::ThereFirstApi,
        Self::WritesTold,
        Self::PositionsTold,
        Self::PassesTell,
        Self::BegunTold,
        Self::AsFar,
        Self::SameCluster,
        Self::SameTopic,
        Self::Awaited,
        Self::BehindAsks,
        Self::BehindSays,
        Self::BehindHeeded,
        Self::BehindConfirms,
        Self::StaleForNodes,
        Self::StaleOnError,
        Self::OrdersOfNodes,
        Self::PositionsOfNodes,
        Self::BehindOfNodes,
    ];

    /// Those that it takes threads to miss.
    pub const RACING: [Self; 5] =
        [Self::KeyLock, Self::FetchMax, Self::Settles, Self::FloorFirst, Self::ForgottenFirst];
}

#[cfg(feature = "mutants")]
mod chosen {
    use std::sync::atomic::AtomicU8;
    use std::sync::atomic::Ordering::Relaxed;

    use super::Mutant;

    static CHOSEN: AtomicU8 = AtomicU8::new(0);

    /// Takes out the check of `mutant`, and of no other.
    pub fn choose(mutant: Option<Mutant>) {
        CHOSEN.store(mutant.map_or(0, |mutant| mutant as u8), Relaxed);
    }

    /// Whether the check of `mutant` is taken out.
    pub fn is(mutant: Mutant) -> bool {
        CHOSEN.load(Relaxed) == mutant as u8
    }
}

#[cfg(not(feature = "mutants"))]
mod chosen {
    use super::Mutant;

    /// Whether the check of `mutant` is taken out: it never is.
    #[inline]
    pub const fn is(_: Mutant) -> bool {
        false
    }
}

pub use chosen::*;

/// What `check` finds; nothing where it is taken out.
#[inline]
pub fn unless<T: Default>(mutant: Mutant, check: impl FnOnce() -> T) -> T {
    if is(mutant) { T::default() } else { check() }
}
