//! Rebound: a purge is repeated a while after it came. The origin may answer from a database that lags
//! behind the edit, so what is fetched right after a purge may still be old; the repeat removes that copy.
//!
//! Repeats wait in the order of their time, collected in slots of [`SLOT`]; a slot is due at its end, so
//! that a repeat never comes early and at most one slot late. Only what waits is merged: equal orders whose
//! repeats fall into one slot get one repeat, which is late enough for each of them. An order is put in
//! force before its repeat is scheduled and is itself never merged with anything: what has been applied
//! already says nothing of what was fetched since. For the same reason a repeat that waits is never moved:
//! moved later, it would leave the older order without its own for as long; moved earlier, the newer.
//!
//! What waits has a bound in bytes. Beyond it an order's repeat is folded into a soft purge of its whole
//! site in the same slot: more is stale than was asked, never less, and in time. To repeat at once would
//! look the same and protect nobody, since the database lags still. Folded repeats are at most one a site
//! and slot, and [`SourceTerms::LONGEST_REBOUND`] bounds the slots.
//!
//! The state stands behind one lock, taken for an insertion or to take a slot out; orders are applied
//! outside of it, by whoever runs [`Rebounds::run`], which is one task of the server's. What waits is
//! lost with the process, and with it the copies that it is about.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use tokio::sync::Notify;

use super::{Desk, Order, What};
use crate::base::budget::Part;
use crate::base::key::Key;
use crate::base::{Budget, Charge, Clock, SiteId};
use crate::config::SourceTerms;
use crate::store::{Expression, Mode, Scope};

/// How finely repeats are kept apart in time.
pub const SLOT: Duration = Duration::from_millis(250);
/// How often it is said that there is no room.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);
/// Repeats that are applied before other tasks of the thread may run.
const BATCH: usize = 256;
/// What a repeat takes beside its text: itself and its place in a table that is half full.
const OVERHEAD: u64 = 2 * size_of::<Repeat>() as u64;

/// The repeats that wait.
#[derive(Debug)]
pub struct Rebounds {
    clock: Clock,
    /// The moment from which slots are counted.
    from: Instant,
    /// Bytes that may wait.
    most: u64,
    state: Mutex<State>,
    /// Something is due earlier than what was waited for.
    earlier: Notify,
    counts: Counts,
}

/// What has become of repeats.
#[derive(Debug, Default)]
pub struct Counts {
    /// Orders that were given a repeat of their own.
    pub scheduled: AtomicU64,
    /// Orders whose repeat was there already.
    pub merged: AtomicU64,
    /// Orders for which a whole site is repeated, as there was no room.
    pub folded: AtomicU64,
    /// Repeats that were put in force.
    pub repeated: AtomicU64,
}

/// What waits, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Repeats.
    pub repeats: usize,
    /// Bytes that they take.
    pub bytes: u64,
    /// How long the oldest of them has waited.
    pub oldest: Duration,
}

#[derive(Debug)]
struct State {
    /// By the number of the slot.
    slots: BTreeMap<u64, Slot>,
    /// Since when the oldest has waited of those that are taken out and being put in force.
    running: Option<Instant>,
    repeats: usize,
    bytes: u64,
    /// As many bytes of the budget.
    held: Charge,
    warned: Option<Instant>,
}

#[derive(Debug)]
struct Slot {
    /// When the first of them was scheduled.
    since: Instant,
    repeats: HashSet<Repeat, RandomState>,
}

/// An order that owns what it is about.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Repeat {
    about: About,
    mode: Mode,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum About {
    Key(Key),
    Tag(SiteId, Box<[u8]>),
    Prefix(SiteId, Box<str>),
    Matching(Option<SiteId>, Expression),
    Site(SiteId),
    Everything,
}

impl Rebounds {
    /// No repeats; a sixteenth of `budget` is what they may take of it.
    pub fn new(clock: Clock, budget: &Budget) -> Self {
        let held = budget.charge(Part::Repeats, 0);
        let slots = BTreeMap::new();
        let state = State { slots, running: None, repeats: 0, bytes: 0, held, warned: None };
        Self {
            from: clock.now(),
            clock,
            most: budget.limit() / 16,
            state: Mutex::new(state),
            earlier: Notify::new(),
            counts: Counts::default(),
        }
    }

    /// Has `order`, which has just been put in force, repeated after `delay`. Where there is no room for
    /// it, what `site` finds is repeated as a whole, or everything where it finds none.
    pub fn schedule(
        &self,
        order: Order<'_>,
        delay: Duration,
        site: impl FnOnce() -> Option<SiteId>,
    ) {
        let repeat = Repeat::of(order);
        let now = self.clock.now();
        let number = self.slot_after(now + delay.min(SourceTerms::LONGEST_REBOUND));
        let mut state = self.state();
        let is_first = state.slots.first_key_value().is_none_or(|(first, _)| number < *first);
        let room = state.bytes + repeat.bytes() <= self.most;
        let slot = state.slots.entry(number).or_insert_with(|| Slot::new(now));
        let is_there = slot.repeats.contains(&repeat);
        let is_folded = !is_there && !room;
        let (repeat, count) = match (is_there, room) {
            (true, _) => (repeat, &self.counts.merged),
            (false, true) => (repeat, &self.counts.scheduled),
            (false, false) => (Repeat::of_site(site()), &self.counts.folded),
        };
        let bytes = repeat.bytes();
        if slot.repeats.insert(repeat) {
            state.count_in(bytes);
        }
        drop(state);
        count.fetch_add(1, Relaxed);
        if is_folded && self.may_warn(now) {
            tracing::warn!(
                most = self.most,
                "more purges wait to be repeated than there is room for, so whole sites are made stale \
                 instead; a shorter `rebound` or more `memory` in [node] holds more"
            );
        }
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// Repeats at `desk` what is due, for ever; only one task may.
    pub async fn run(&self, desk: &Desk) {
        loop {
            let first = self.state().slots.first_key_value().map(|(number, _)| *number);
            match first {
                None => self.earlier.notified().await,
                Some(number) if self.end_of(number) > self.clock.now() => tokio::select! {
                    () = self.clock.sleep_until(self.end_of(number)) => {}
                    () = self.earlier.notified() => {}
                },
                Some(number) => self.repeat(number, desk).await,
            }
        }
    }

    /// Puts what waits in a slot in force.
    async fn repeat(&self, number: u64, desk: &Desk) {
        let slot = {
            let mut state = self.state();
            let slot = state.slots.remove(&number);
            state.running = slot.as_ref().map(|slot| slot.since);
            slot
        };
        let mut repeats = slot.into_iter().flat_map(|slot| slot.repeats);
        loop {
            let (mut done, mut bytes) = (0, 0);
            for repeat in repeats.by_ref().take(BATCH) {
                desk.take(repeat.order());
                done += 1;
                bytes += repeat.bytes();
            }
            self.counts.repeated.fetch_add(done as u64, Relaxed);
            self.state().count_off(done, bytes);
            if done < BATCH {
                self.state().running = None;
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// What waits now.
    pub fn waiting(&self) -> Waiting {
        let now = self.clock.now();
        let state = self.state();
        let oldest = state.slots.values().map(|slot| slot.since).chain(state.running).min();
        let oldest = oldest.map(|since| now.saturating_duration_since(since));
        Waiting { repeats: state.repeats, bytes: state.bytes, oldest: oldest.unwrap_or_default() }
    }

    /// Bytes that may wait.
    pub fn most(&self) -> u64 {
        self.most
    }

    /// What has become of repeats.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether it is time to say again that there is no room.
    fn may_warn(&self, now: Instant) -> bool {
        let mut state = self.state();
        let is_time = state.warned.is_none_or(|at| now >= at + BETWEEN_WARNINGS);
        if is_time {
            state.warned = Some(now);
        }
        is_time
    }

    /// The number of the first slot that ends at or after `moment`.
    fn slot_after(&self, moment: Instant) -> u64 {
        let nanos = moment.saturating_duration_since(self.from).as_nanos();
        u64::try_from(nanos.div_ceil(SLOT.as_nanos())).unwrap_or(u64::MAX)
    }

    fn end_of(&self, number: u64) -> Instant {
        // Numbers come from moments, so the product is one.
        let slots = u32::try_from(number).unwrap_or(u32::MAX);
        self.from + SLOT * slots
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole after every statement but for a count, which is only shown.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count_in(&mut self, bytes: u64) {
        self.repeats += 1;
        self.bytes += bytes;
        self.held.grow(bytes);
    }

    fn count_off(&mut self, repeats: usize, bytes: u64) {
        self.repeats -= repeats;
        self.bytes -= bytes;
        self.held.shrink(bytes);
    }
}

impl Slot {
    fn new(since: Instant) -> Self {
        Self { since, repeats: HashSet::default() }
    }
}

impl Repeat {
    fn of(order: Order<'_>) -> Self {
        let about = match order.what {
            What::Key(key) => About::Key(key.to_key()),
            What::All(Scope::Tag(site, tag)) => About::Tag(site, tag.into()),
            What::All(Scope::Prefix(site, prefix)) => About::Prefix(site, prefix.into()),
            What::All(Scope::Matching(site, expression)) => {
                About::Matching(site, expression.clone())
            }
            What::All(Scope::Site(site)) => About::Site(site),
            What::All(Scope::Everything) => About::Everything,
        };
        Self { about, mode: order.mode }
    }

    fn of_site(site: Option<SiteId>) -> Self {
        Self { about: site.map_or(About::Everything, About::Site), mode: Mode::Soft }
    }

    fn order(&self) -> Order<'_> {
        let what = match &self.about {
            About::Key(key) => What::Key(key.as_ref()),
            About::Tag(site, tag) => What::All(Scope::Tag(*site, tag)),
            About::Prefix(site, prefix) => What::All(Scope::Prefix(*site, prefix)),
            About::Matching(site, expression) => What::All(Scope::Matching(*site, expression)),
            About::Site(site) => What::All(Scope::Site(*site)),
            About::Everything => What::All(Scope::Everything),
        };
        Order { what, mode: self.mode }
    }

    fn bytes(&self) -> u64 {
        let text = match &self.about {
            About::Key(key) => key.text().len(),
            About::Tag(_, tag) => tag.len(),
            About::Prefix(_, prefix) => prefix.len(),
            About::Matching(_, expression) => expression.bytes(),
            About::Site(_) | About::Everything => 0,
        };
        OVERHEAD + text as u64
    }
}

#[cfg(test)]
#[path = "rebound_tests.rs"]
mod tests;
