//! The staleness watch: now and then a fresh hit is asked of its origin once more, behind the answer, and
//! compared with what was served. How much of what is served as fresh is not what the origin would say is
//! an objective that an operator can watch, and alert on: a purge that was lost shows nowhere else.
//!
//! What differs is looked at again ten seconds later, because the purge may be on its way: if it has come by
//! then, the answer was `late`, if not, it was `stale`; what was evicted or replaced meanwhile is `gone`, and
//! tells nothing. An answer is the same if its status is and its strong validator (RFC 9110 §8.8.1: an entity
//! tag, or else a date of change that is old enough), or else every byte of its body; so pages that an origin
//! renders otherwise each time, with a time in a comment for instance, need a validator to be watched. Nothing
//! is stored or purged by the watch: it would hide what it is there to show.
//!
//! Which hits are sampled is random, one of `every` on average, by a countdown of each worker's own: off,
//! it costs a hit a comparison. How many are asked for is bounded, at once and by the second; what is over
//! that is counted as `skipped`.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http_body::Body as _;

use super::{Node, Visit};
use crate::base::{Key, Seq};
use crate::fetch::{Terms, Upstream};
use crate::origin::Exchange;
use crate::semantics::Validators;
use crate::store::{Judgement, Object};

/// How long a purge may be on its way.
const SETTLE: Duration = Duration::from_secs(10);
/// Questions that a node has under way at once; most of them wait for [`SETTLE`] to pass.
const MOST: u32 = 256;
/// Questions a second.
const RATE: u32 = 20;
/// How often an answer that was stale is told of.
const BETWEEN_EXAMPLES: Duration = Duration::from_secs(60);

/// What became of a hit that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The origin says the same.
    Same,
    /// It says otherwise, and the object was purged soon after.
    Late,
    /// It says otherwise, and the object is still served as fresh.
    Stale,
    /// The object is not stored any more, and no purge took it out.
    Gone,
    /// It could not be asked, or did not answer to the end.
    Failed,
    /// There were too many to be asked for.
    Skipped,
}

impl Found {
    /// Everything that may become of one.
    pub const ALL: [Self; 6] =
        [Self::Same, Self::Late, Self::Stale, Self::Gone, Self::Failed, Self::Skipped];

    /// The word for it in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Late => "late",
            Self::Stale => "stale",
            Self::Gone => "gone",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What a node's workers share of the watch.
#[derive(Debug, Default)]
pub struct Watch {
    counts: [AtomicU64; Found::ALL.len()],
    under_way: AtomicU32,
    pace: Mutex<Pace>,
}

#[derive(Debug, Default)]
struct Pace {
    /// The second that is counted, and the questions in it.
    second: Option<(Instant, u32)>,
    /// When an example was told last.
    told: Option<Instant>,
}

/// A worker's countdown to its next sample.
#[derive(Debug, Default)]
pub struct Countdown(AtomicU32);

impl Countdown {
    /// Whether this hit is a sample: one of `every` on average.
    #[inline]
    pub fn is_over(&self, every: u32) -> bool {
        match self.0.load(Relaxed) {
            0 => self.begin(every),
            1 => {
                self.0.store(0, Relaxed);
                true
            }
            left => {
                self.0.store(left - 1, Relaxed);
                false
            }
        }
    }

    /// Draws the next number of hits: uniform around `every`, so that no rhythm of the traffic's is met.
    #[cold]
    fn begin(&self, every: u32) -> bool {
        let next = fastrand::u32(1..=every.saturating_mul(2).saturating_sub(1).max(1));
        self.0.store(next - 1, Relaxed);
        next == 1
    }
}

impl Watch {
    /// How often this was found.
    pub fn count(&self, found: Found) -> u64 {
        self.counts[found as usize].load(Relaxed)
    }

    fn note(&self, found: Found) {
        self.counts[found as usize].fetch_add(1, Relaxed);
    }

    /// A place among the questions, if one is free at `now`.
    fn place(self: &Arc<Self>, now: Instant) -> Option<Place> {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = pace.second.is_none_or(|(from, _)| now >= from + Duration::from_secs(1));
        let (from, asked) = pace.second.filter(|_| !fresh).unwrap_or((now, 0));
        if asked >= RATE || self.under_way.load(Relaxed) >= MOST {
            return None;
        }
        pace.second = Some((from, asked + 1));
        self.under_way.fetch_add(1, Relaxed);
        Some(Place(Arc::clone(self)))
    }

    /// Whether an example may be told of at `now`.
    fn may_tell(&self, now: Instant) -> bool {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let may = pace.told.is_none_or(|at| now >= at + BETWEEN_EXAMPLES);
        if may {
            pace.told = Some(now);
        }
        may
    }
}

/// Held while a question is under way.
struct Place(Arc<Watch>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

/// A hit that is looked at.
struct Sample {
    node: Arc<Node>,
    key: Key,
    object: Arc<Object>,
    place: Place,
}

impl Visit {
    /// Has `object`, which was served as fresh, compared with what its origin says, behind the answer.
    #[cold]
    pub(super) fn verify(&mut self, object: Arc<Object>) {
        let Some(place) = self.node.watch.place(self.now) else {
            return self.node.watch.note(Found::Skipped);
        };
        self.identify();
        let Some((upstream, terms)) = self.question(None) else {
            return self.node.watch.note(Found::Failed);
        };
        let (node, key) = (Arc::clone(&self.node), self.plan.key().to_key());
        let sample = Sample { node, key, object, place };
        // Boxed: the runtime moves a task several times before it runs.
        tokio::spawn(Box::pin(sample.look(upstream, terms)));
    }
}

impl Sample {
    async fn look(self, upstream: Upstream, terms: Terms) {
        let found = self.compare(upstream, terms).await;
        self.place.0.note(found);
        let now = self.node.clock.now();
        if found == Found::Stale && self.place.0.may_tell(now) {
            tracing::warn!(
                url = self.key.as_ref().text(),
                seconds_stored = self.object.resident(now).as_secs(),
                asked = self.object.asked.0,
                seq = self.node.store.floors().now().0,
                "served as fresh, and the origin says otherwise: was its purge lost, or is there none?"
            );
        }
    }

    async fn compare(&self, upstream: Upstream, terms: Terms) -> Found {
        let clock = &self.node.clock;
        // What was served may have been coded here, and the origin knows only what it was made of.
        let key = self.key.as_ref();
        let entry = self.node.store.peek(&key).filter(|entry| entry.holds(&self.object));
        let Some(entry) = entry else { return Found::Gone };
        let object = Arc::clone(entry.identity_of(&self.object));
        drop(entry);
        let asked = upstream.ask(terms.worker, clock).await;
        match asked.ok() {
            None => return Found::Failed,
            Some(exchange) => match is_same(exchange, &object, clock.wall()).await {
                None => return Found::Failed,
                Some(true) => return Found::Same,
                Some(false) => {}
            },
        }
        clock.sleep(SETTLE).await;
        self.since(&object)
    }

    /// What has become of `object`, which is not what its origin says, by now.
    fn since(&self, object: &Arc<Object>) -> Found {
        let (store, key) = (&self.node.store, self.key.as_ref());
        let entry = store.peek(&key).filter(|entry| entry.holds(object));
        // An exact purge may have taken the entry with it; its floor stays.
        let (_, exact) = store.asking(&key);
        let softened = entry.as_ref().map_or(Seq(0), |entry| entry.soft());
        let floor = exact.hard.max(exact.soft).max(softened);
        match entry {
            _ if floor > object.asked || store.judge(&key, object) != Judgement::Valid => {
                Found::Late
            }
            None => Found::Gone,
            Some(_) => Found::Stale,
        }
    }
}

/// Whether what came is what `object` is; `None` where it broke off, or is an error of the origin's own.
async fn is_same(exchange: Exchange, object: &Object, now: SystemTime) -> Option<bool> {
    let Exchange { head, mut body, .. } = exchange;
    if head.status != object.head.status {
        return (!head.status.is_server_error()).then_some(false);
    }
    let held = object.head.fields.own();
    let held = Validators::of(head.status, &held);
    if held.strongly_equal(Validators::of(head.status, &head.headers), now) {
        return Some(true);
    }
    let mut stored = object.body.segments().iter().flat_map(|segment| segment.iter());
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        match frame {
            None => return Some(stored.next().is_none()),
            Some(Err(_)) => return None,
            Some(Ok(frame)) => {
                let Some(data) = frame.data_ref() else { continue };
                if !data.iter().all(|byte| stored.next() == Some(byte)) {
                    return Some(false);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Clock;

    #[test]
    fn one_of_so_many_is_a_sample_in_no_rhythm() {
        for every in [1, 2, 10, 1000] {
            let countdown = Countdown::default();
            let total = every * 2000;
            let samples: Vec<_> = (0..total).filter(|_| countdown.is_over(every)).collect();
            let share = samples.len() as f64 / 2000.0;
            assert!((0.85..1.15).contains(&share), "{every}: {share}");
            let gaps: std::collections::HashSet<_> =
                samples.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(every == 1 || gaps.len() > 1, "{every}");
        }
    }

    #[test]
    fn questions_are_bounded_by_the_second_and_at_once() {
        let (watch, start) = (Arc::new(Watch::default()), Clock::system().now());
        let mut places = Vec::new();
        for second in 0..100 {
            let now = start + Duration::from_secs(second);
            let taken = (0..RATE * 2).map_while(|_| watch.place(now));
            places.extend(taken);
            let expected = ((u32::try_from(second).unwrap() + 1) * RATE).min(MOST);
            assert_eq!(places.len(), usize::try_from(expected).unwrap());
        }
        drop(places);
        assert!(watch.place(start + Duration::from_secs(200)).is_some());
    }
}
