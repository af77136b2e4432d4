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
#[cfg_attr(feature = "interleavings", path = "index_plain.rs")]
pub mod index;
mod marks;
pub mod object;
pub mod slots;
mod sweep;
pub mod tags;
pub mod wide;

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use entry::Most;
pub use entry::{Coded, Entry, Found};
pub use floors::{Floor, Floors, Mode};
pub use head::Head;
pub use object::Object;
pub use sweep::{Sweeps, Swept};
pub use tags::{Tags, group_tag};
pub use wide::{BadExpression, Cover, Expression, Scope, Wide};

use crate::base::mutant::{self, Mutant, unless};
use crate::base::sync::{self, AtomicU64, Mutex, MutexGuard};
use crate::base::{Coding, Key, KeyRef, Reason, Seq, Stored};
use crate::semantics::Phase;
use index::Index;
use slots::Slots;

/// Striped locks: enough that two keys seldom share one, few enough to fit a page or two.
const STRIPES: usize = sync::size(1024, 2);

/// A cache of which one key takes more than this part is no cache.
pub const LARGEST_SHARE: u64 = 8;

/// The store; one a node, shared by all workers.
#[derive(Debug)]
pub struct Store {
    index: Index,
    floors: Floors,
    wide: Wide,
    /// What was asked below it is not stored any more: the floors that would tell are forgotten.
    horizon: AtomicU64,
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
    /// Objects stored with more tags than are kept apart: every purge of a tag of their site covers them.
    pub overtagged: AtomicU64,
    /// Sweeps, and what they did in all.
    pub sweeps: Sweeps,
}

/// What the wide floors make of a stored object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// No purge covers it.
    Valid,
    /// A soft purge covers it.
    Stale,
    /// A hard purge covers it: it is as if it were not there.
    Gone,
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
            wide: Wide::default(),
            horizon: AtomicU64::new(0),
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

    /// The floors of tags, prefixes, sites and everything.
    pub fn wide(&self) -> &Wide {
        &self.wide
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

    /// Those of them that no object is charged for, and what purges by expressions take.
    pub fn bookkeeping(&self) -> u64 {
        self.index.bookkeeping() + self.wide.bytes_of_expressions()
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

    /// Stores `object` under `key`, in place of the variant that it succeeds, unless that is a newer answer:
    /// of two fetches at once the slower may have been the first.
    ///
    /// # Errors
    /// [`Reason::PurgedInFlight`] where a hard purge came after the object had been asked for.
    pub fn commit(&self, key: &Key, object: Arc<Object>) -> Result<(), Reason> {
        let _lock = self.lock(key.hash());
        let floor = self.floor(&key.as_ref(), &object.head.tags, &object);
        if floor.hard > object.asked || self.is_beyond_horizon(object.asked) {
            self.counts.overtaken.fetch_add(1, Ordering::Relaxed);
            return Err(Reason::PurgedInFlight);
        }
        if object.head.tags.is_all() {
            self.counts.overtagged.fetch_add(1, Ordering::Relaxed);
        }
        let now = object.head.received();
        let entry = match self.index.peek(&key.as_ref()) {
            Some(entry) if entry.outdates(&object) => return Ok(()),
            Some(entry) => entry.with(object, floor, self.most, now),
            None => Entry::of(key.clone(), object, floor),
        };
        self.index.insert(Arc::new(entry));
        self.unmark(key.hash());
        self.counts.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Puts `new`, which a 304 made of `old`, in the place of `old`. What `old` was coded to is `new`
    /// coded, where it is one of `codings`: the body is the same. Returns the codings of `new`.
    ///
    /// # Errors
    /// [`Reason::PurgedInFlight`] where a hard purge came after the 304 had been asked for, or
    /// where the body of `old` is no longer what is stored (PURGE.md rule 8).
    pub fn refresh(
        &self,
        key: &Key,
        old: &Arc<Object>,
        new: &Arc<Object>,
        codings: &[Coding],
    ) -> Result<Vec<Arc<Object>>, Reason> {
        let _lock = self.lock(key.hash());
        // A 304 may name other tags than the response that it confirms: both count.
        let tags = new.head.tags.and(&unless(Mutant::OldTags, || old.head.tags.clone()));
        // Where it loses some, no purge of them may come between the look and the exchange.
        let _turn = (new.head.tags != old.head.tags).then(|| self.wide.write());
        let floor = self.floor(&key.as_ref(), &tags, new);
        let in_force = floor.hard > new.asked || self.is_beyond_horizon(new.asked);
        let entry = self.index.peek(&key.as_ref()).filter(|_| !in_force);
        let same_body = |identity: &Arc<Object>| Arc::ptr_eq(&identity.body, &old.body);
        let Some((entry, held, coded)) = entry.as_ref().and_then(|entry| {
            let group = entry.groups().find(|(identity, _)| same_body(identity));
            let any = mutant::is(Mutant::SameObject).then_some((old, &[][..]));
            group.or(any).map(|(held, coded)| (entry, held, coded))
        }) else {
            self.counts.overtaken.fetch_add(1, Ordering::Relaxed);
            return Err(Reason::PurgedInFlight);
        };
        let bodies = coded.iter().filter_map(|coded| {
            let coding = coded.head.axis.coding.filter(|coding| codings.contains(coding))?;
            Some((coding, Arc::clone(&coded.body)))
        });
        let bodies: Vec<Coded> = bodies.collect();
        // Another 304 may have confirmed that body meanwhile. What it made stays, unless it was asked for
        // before a purge that this one was asked after.
        let newer = held.asked < new.asked && held.head.tags == old.head.tags;
        if !Arc::ptr_eq(held, old) && !newer {
            let coded = |(coding, body): Coded| Arc::new(new.coded(coding, body));
            return Ok(bodies.into_iter().map(coded).collect());
        }
        let entry = Arc::new(entry.replaced(held, new, &bodies, floor));
        let of_new = entry.groups().find(|(identity, _)| Arc::ptr_eq(identity, new));
        let coded = of_new.map_or(Vec::new(), |(_, coded)| coded.to_vec());
        self.index.insert(entry);
        self.counts.refreshes.fetch_add(1, Ordering::Relaxed);
        Ok(coded)
    }

    /// Stores what the body of `key`'s variant `of` becomes in `codings`, the best first, in place of
    /// the codings that it had, if `allows` says so of the head that it has now. Says whether it did:
    /// not where that body is stored no longer, after a purge for instance, or is too large with them.
    pub fn code(
        &self,
        key: &Key,
        of: &Arc<Stored>,
        codings: &[Coded],
        allows: impl Fn(&Object) -> bool,
    ) -> bool {
        let _lock = self.lock(key.hash());
        let Some(entry) = self.index.peek(&key.as_ref()) else { return false };
        let held = |identity: &&Arc<Object>| Arc::ptr_eq(&identity.body, of) && allows(identity);
        let Some(identity) = entry.groups().map(|(identity, _)| identity).find(held) else {
            return false;
        };
        // Nothing arrives here that the entry's own floor does not know of.
        let coded = entry.replaced(identity, identity, codings, Floor::default());
        let fits = coded.weight() <= self.most.bytes;
        if fits {
            self.index.insert(Arc::new(coded));
        }
        fits
    }

    /// Every floor above an object of `key`, exact and wide.
    fn floor(&self, key: &KeyRef<'_>, tags: &Tags, object: &Object) -> Floor {
        let site = object.head.axis.site;
        let exact = unless(Mutant::ExactFloors, || self.floors.exact(key.hash()));
        let wide = || self.wide.floor(key, site, tags, object.asked);
        exact.max(unless(Mutant::WideFloors, wide))
    }

    /// What the wide floors make of `object`, which is stored under `key`: to be asked after the object
    /// was found (PURGE.md rule 10).
    #[inline]
    pub fn judge(&self, key: &KeyRef<'_>, object: &Object) -> Judgement {
        let newest = self.wide.newest();
        if newest <= object.seen() {
            return Judgement::Valid;
        }
        self.judge_anew(key, object, newest)
    }

    #[cold]
    fn judge_anew(&self, key: &KeyRef<'_>, object: &Object, newest: Seq) -> Judgement {
        let seen = object.seen();
        let ask = || self.wide.floor(key, object.head.axis.site, &object.head.tags, seen);
        let floor = unless(Mutant::HitsAsk, ask);
        // Who finds a floor forgotten finds this number too, and then what the sweep noted before. What no
        // sweep has looked at was not in the index any more, and nobody knows what had covered it.
        let forgotten = self.wide.forgotten();
        let stale = object.stale_up_to();
        let looked = object.seen().max(stale.unwrap_or_default());
        if floor.hard > object.asked || object.is_condemned() || looked < forgotten {
            Judgement::Gone
        } else if floor.soft > object.asked || stale.is_some() {
            Judgement::Stale
        } else {
            let further = if mutant::is(Mutant::SeenUpTo) { Seq(newest.0 + 3) } else { newest };
            object.note_seen(further);
            Judgement::Valid
        }
    }

    /// Purges everything within `scope`; what it covers is gone, or stale, when this returns.
    pub fn purge_all(&self, scope: Scope<'_>, mode: Mode) -> Seq {
        self.wide.raise(scope, mode, || self.floors.next())
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
                unless(Mutant::HardRemoves, || self.index.remove(key));
                true
            }
            (Some(entry), Mode::Soft) => {
                unless(Mutant::SoftMarks, || self.index.insert(Arc::new(entry.stale_since(seq))));
                true
            }
        };
        self.counts.purges.fetch_add(1, Ordering::Relaxed);
        if found {
            self.counts.purged_entries.fetch_add(1, Ordering::Relaxed);
        }
        Receipt { seq, found }
    }

    /// Whether every purge up to `seq` that concerns `key` is in force. A number is taken before its floor
    /// is raised, both under a lock: so whoever has seen the number waits for the locks.
    pub fn is_in_force(&self, key: &KeyRef<'_>, seq: Seq) -> bool {
        if self.floors.now() < seq {
            return false;
        }
        drop(self.lock(key.hash()));
        self.wide.settle();
        true
    }

    /// Whether `object` of `key` may be served at `now` without asking anybody, by what of it and of wide
    /// purges is known now.
    pub fn serves(&self, key: &KeyRef<'_>, object: &Object, now: Instant) -> bool {
        object.phase(now) == Phase::Fresh && self.judge(key, object) == Judgement::Valid
    }

    /// What a flight must know before it asks for `key`, read together so that no purge of the key
    /// stands half between: the sequence number to ask under, and the floor at that number.
    pub fn asking(&self, key: &KeyRef<'_>) -> (Seq, Floor) {
        let _lock = self.lock(key.hash());
        (self.floors.now(), self.floors.exact(key.hash()))
    }

    /// Waits until each purge of much that has its number by now has its floor: what is to be confirmed is
    /// judged after that, so that nothing is which a purge from before the question has killed.
    pub fn settle(&self) {
        unless(Mutant::Settles, || self.wide.settle());
    }

    /// The lock of a key. It is there, unless a test has it taken out.
    fn lock(&self, hash: u64) -> Option<MutexGuard<'_, ()>> {
        let stripe = usize::try_from(hash % STRIPES as u64).unwrap_or_default();
        // The lock guards no data of its own, so a panic under it leaves nothing half done.
        let lock = || self.locks[stripe].lock().unwrap_or_else(PoisonError::into_inner);
        (!mutant::is(Mutant::KeyLock)).then(lock)
    }
}

#[cfg(test)]
#[path = "race_tests.rs"]
mod race_tests;
#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "wide_race_tests.rs"]
mod wide_race_tests;
