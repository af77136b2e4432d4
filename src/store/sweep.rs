//! The sweep: what wide purges have killed is taken out, so that its memory comes back, and what they
//! have made stale is noted on its entry; then their floors may be forgotten (PURGE.md rule 7).
//!
//! A floor may die only if nothing that it covers is left or can still come. So a sweep first raises the
//! horizon to the number up to which it will answer (a response that was asked for below that
//! and is not home yet will be served to those who wait, and not stored), and passes through every key
//! lock once: whoever published without having seen the horizon has then done so. It goes over all
//! entries after that, each under its key's lock, and forgets last.
//!
//! A reader may have found an object before the sweep took it out, and look at the floors when they are
//! forgotten; a fetch holds for seconds what it may fall back on. So what is valid is made to be seen as
//! valid up to then, what is stale is noted to be, what is dead is condemned, and of what the sweep has not
//! met, because it had given way to another by then, a reader thinks the worst ([`Store::judge`]).

use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

use super::entry::Entry;
use super::{Cover, Judgement, Object, STRIPES, Store};
use crate::base::Seq;
use crate::base::mutant::{self, Mutant, unless};
use crate::base::sync::AtomicU64;

/// What a sweep has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Entries that it looked at.
    pub looked_at: u64,
    /// Objects that a hard purge had killed.
    pub removed: u64,
    /// Objects that a soft purge had made stale.
    pub staled: u64,
}

/// What all sweeps have done, for the metrics.
#[derive(Debug, Default)]
pub struct Sweeps {
    /// Sweeps that have ended.
    pub ended: AtomicU64,
    /// Microseconds that they took.
    pub micros: AtomicU64,
    /// Entries that they looked at.
    pub looked_at: AtomicU64,
    /// Objects that hard purges had killed.
    pub removed: AtomicU64,
    /// Objects that soft purges had made stale.
    pub staled: AtomicU64,
}

impl Sweeps {
    /// One has ended, which took `time`.
    pub fn add(&self, swept: Swept, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        for (sum, value) in [
            (&self.ended, 1),
            (&self.micros, micros),
            (&self.looked_at, swept.looked_at),
            (&self.removed, swept.removed),
            (&self.staled, swept.staled),
        ] {
            sum.fetch_add(value, Relaxed);
        }
    }
}

impl Store {
    /// Makes the wide floors up to `upto` needless, and forgets them. What was asked for below that and
    /// is still on its way will not be stored: leave it time.
    pub fn sweep(&self, upto: Seq) -> Swept {
        // A number is taken before its floor is raised: up to here all are, and what is looked at from now on
        // has been looked at up to here.
        let upto = upto.min(self.wide.newest());
        self.horizon.fetch_max(upto.0, SeqCst);
        (0..STRIPES as u64).for_each(|stripe| drop(self.lock(stripe)));
        let mut swept = Swept::default();
        if !mutant::is(Mutant::SweepMarks) {
            self.index.each(|entry| self.sweep_entry(&entry, upto, &mut swept));
        }
        self.wide.forget(upto);
        swept
    }

    /// What was asked below this is not stored any more.
    pub fn horizon(&self) -> Seq {
        Seq(self.horizon.load(SeqCst))
    }

    /// Whether floors above `asked` may have been forgotten: what was asked for then is not stored, and
    /// serves nobody who came later.
    pub fn is_beyond_horizon(&self, asked: Seq) -> bool {
        unless(Mutant::Horizon, || asked < self.horizon())
    }

    /// Entries that hold something that `cover` covers: a walk through all of them.
    pub fn count(&self, cover: &Cover) -> u64 {
        let mut count = 0;
        self.index.each(|entry| {
            let key = entry.key().as_ref();
            let covered =
                |object: &Arc<Object>| cover.covers(&key, object.head.axis.site, &object.head.tags);
            count += u64::from(entry.variants().iter().any(covered));
        });
        count
    }

    fn sweep_entry(&self, entry: &Arc<Entry>, upto: Seq, swept: &mut Swept) {
        swept.looked_at += 1;
        let key = entry.key().as_ref();
        // Nearly all need no lock.
        if entry.variants().iter().all(|object| self.judge(&key, object) == Judgement::Valid) {
            return;
        }
        let _lock = self.lock(key.hash());
        let Some(entry) = self.index.peek(&key) else { return };
        let (mut gone, mut soft) = (0, Seq(0));
        for object in entry.variants() {
            let floor = self.floor(&key, &object.head.tags, object);
            let judged = self.judge(&key, object);
            if floor.hard > object.asked || judged == Judgement::Gone {
                object.condemn();
                gone += 1;
            } else if floor.soft > object.asked || judged == Judgement::Stale {
                object.note_stale(upto);
                if floor.soft > entry.soft() {
                    soft = soft.max(floor.soft);
                    swept.staled += 1;
                }
            }
        }
        swept.removed += gone;
        if gone == 0 && soft == Seq(0) {
            return;
        }
        let stays = |object: &Object| self.judge(&key, object) != Judgement::Gone;
        match entry.without(stays, soft) {
            Some(rest) => self.index.insert(Arc::new(rest)),
            None => self.index.remove(&key),
        }
    }
}
