//! What a stream tells of itself: how far each partition is applied and how far it goes, what became of
//! messages, and what kept it from being read.

use std::collections::BTreeMap;
use std::sync::atomic::{
    AtomicI64, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::base::Clock;

/// What a stream tells.
#[derive(Debug)]
pub struct Told {
    clock: Clock,
    /// Up to when all logs are applied whole that are not known yet.
    whole: Mutex<Instant>,
    tracks: Mutex<BTreeMap<Place, Arc<Track>>>,
    gaps: [AtomicU64; Gap::ALL.len()],
    /// How often reading stopped by a trouble.
    pub troubles: AtomicU64,
    /// How often a log had been cut off below what was read of it.
    pub cut: AtomicU64,
    /// How often sites turned stale because the stream was too far behind.
    pub late: AtomicU64,
    /// Positions that were written to disk, and those that could not be.
    pub saves: [AtomicU64; 2],
    /// When a message that says nothing was told last.
    sampled: Mutex<Option<Instant>>,
}

/// A topic and a partition.
type Place = (Arc<str>, i32);

/// How far a partition is applied.
#[derive(Debug, Default)]
pub struct Track {
    /// The offset of what comes next.
    next: AtomicI64,
    /// The same behind what is being applied now.
    begun: AtomicI64,
    /// The offset that the next message of the log will get.
    end: AtomicI64,
    /// When the newest message that was applied was made, in milliseconds of Unix time; 0 before the first.
    newest: AtomicI64,
    polled: Mutex<Option<Instant>>,
    whole: Mutex<Whole>,
    counts: [AtomicU64; Became::ALL.len()],
}

/// Until when a log is known to be applied whole. By our own clock alone: neither a producer's clock nor the
/// time of day has a say.
#[derive(Debug, Default)]
struct Whole {
    /// What stood in the log at that instant is applied.
    at: Option<Instant>,
    /// The log ended there when a broker was asked then; it is not applied so far yet.
    next: Option<(Instant, i64)>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// Its purge is in force.
    Taken,
    /// It is about what this node does not serve, or is no URL.
    Dropped,
    /// It is no event.
    Malformed,
}

/// Why what comes next in a log is not known to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// No position was known.
    First,
    /// The log's start is above the position: what was next has been deleted.
    Expired,
    /// The log's end is below the position.
    Beyond,
    /// The topic was made anew.
    Recreated,
    /// The positions are another cluster's.
    Foreign,
    /// A batch of messages cannot be read.
    Unreadable,
}

impl Became {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Taken, Self::Dropped, Self::Malformed];

    /// Its word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Dropped => "dropped",
            Self::Malformed => "malformed",
        }
    }
}

impl Gap {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::First,
        Self::Expired,
        Self::Beyond,
        Self::Recreated,
        Self::Foreign,
        Self::Unreadable,
    ];

    /// Its word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Expired => "expired",
            Self::Beyond => "beyond",
            Self::Recreated => "recreated",
            Self::Foreign => "foreign",
            Self::Unreadable => "unreadable",
        }
    }

    /// What has happened, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::First => "no position is known, and reading begins at the log's end",
            Self::Expired => {
                "the broker has deleted what comes next: this node was away for longer than `retention.ms`"
            }
            Self::Beyond => "the log ends before this node's position",
            Self::Recreated => "the topic was deleted and made anew",
            Self::Foreign => "the positions are those of another cluster",
            Self::Unreadable => "a batch of messages cannot be read",
        }
    }
}

/// How often a message that says nothing is told in the log.
const SAMPLE: Duration = Duration::from_secs(10);

impl Told {
    /// Nothing yet; ages are by `clock`.
    pub fn new(clock: Clock) -> Self {
        Self {
            whole: Mutex::new(clock.now()),
            clock,
            tracks: Mutex::default(),
            gaps: Default::default(),
            troubles: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            late: AtomicU64::new(0),
            saves: Default::default(),
            sampled: Mutex::default(),
        }
    }

    /// What is told of `partition` of `topic`.
    pub(super) fn track(&self, topic: &Arc<str>, partition: i32) -> Arc<Track> {
        Arc::clone(lock(&self.tracks).entry((Arc::clone(topic), partition)).or_default())
    }

    /// Leaves out what is told of partitions that `stays` does not name.
    pub(super) fn keep(&self, mut stays: impl FnMut(&str, i32) -> bool) {
        lock(&self.tracks).retain(|(topic, partition), _| stays(topic, *partition));
    }

    /// The logs of `topic` are others than they were: offsets of before say nothing of them.
    pub(super) fn anew(&self, topic: &str) {
        let tracks = lock(&self.tracks);
        for (_, track) in tracks.iter().filter(|((name, _), _)| **name == *topic) {
            track.next.store(0, Relaxed);
            track.end.store(0, Relaxed);
            lock(&track.whole).next = None;
        }
    }

    /// Every partition, in order.
    pub fn tracks(&self) -> Vec<(Arc<str>, i32, Arc<Track>)> {
        let of =
            |(key, track): (&Place, &Arc<Track>)| (Arc::clone(&key.0), key.1, Arc::clone(track));
        lock(&self.tracks).iter().map(of).collect()
    }

    pub(super) fn gap(&self, gap: Gap) {
        self.gaps[gap as usize].fetch_add(1, Relaxed);
    }

    /// How often this gap was met.
    pub fn gaps(&self, gap: Gap) -> u64 {
        self.gaps[gap as usize].load(Relaxed)
    }

    /// Whether a message that says nothing may be told now.
    pub(super) fn may_sample(&self) -> bool {
        let now = self.clock.now();
        let mut sampled = lock(&self.sampled);
        let may = sampled.is_none_or(|last| now - last >= SAMPLE);
        if may {
            *sampled = Some(now);
        }
        may
    }

    /// How long ago the broker answered for `track` last.
    pub fn polled(&self, track: &Track) -> Option<Duration> {
        let polled = *lock(&track.polled);
        polled.map(|at| self.clock.now().saturating_duration_since(at))
    }

    /// How old what is applied next may be: nothing where all of the log is applied, and else the age of
    /// the newest message that is. By this machine's clock and the producers'.
    pub fn lag(&self, track: &Track) -> Duration {
        let newest = track.newest.load(Relaxed);
        let Ok(newest @ 1..) = u64::try_from(newest) else { return Duration::ZERO };
        if track.backlog() == 0 {
            return Duration::ZERO;
        }
        let made = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(newest));
        made.and_then(|made| self.clock.wall().duration_since(made).ok()).unwrap_or_default()
    }

    /// How long ago the log of `track` held nothing that is not applied.
    pub fn behind(&self, track: &Track) -> Duration {
        let at = lock(&track.whole).at.unwrap_or_else(|| *lock(&self.whole));
        self.clock.now().saturating_duration_since(at)
    }

    /// The same of the log that is behind most; before any is known, of all.
    pub(super) fn most_behind(&self) -> Duration {
        let tracks = lock(&self.tracks);
        let most = tracks.values().map(|track| self.behind(track)).max();
        most.unwrap_or_else(|| self.clock.now().saturating_duration_since(*lock(&self.whole)))
    }

    /// Is as far behind as `before` until it knows better.
    pub(super) fn inherit(&self, before: &Self) {
        let now = self.clock.now();
        *lock(&self.whole) = now.checked_sub(before.most_behind()).unwrap_or(now);
    }

    /// A broker that was `asked` then says that the log ends there.
    pub(super) fn poll(&self, track: &Track, end: i64, asked: Instant) {
        track.end.store(end, Relaxed);
        *lock(&track.polled) = Some(self.clock.now());
        let mut whole = lock(&track.whole);
        // A log that was cut off ends earlier than it did.
        let (at, before) = whole.next.unwrap_or((asked, end));
        whole.next = Some((at, before.min(end)));
        whole.reach(track.next());
    }
}

impl Track {
    /// The offset of what comes next.
    pub fn next(&self) -> i64 {
        self.next.load(Acquire)
    }

    /// The offset that the next message of the log will get, as the broker said last.
    pub fn end(&self) -> i64 {
        self.end.load(Relaxed)
    }

    /// Messages that are not applied yet.
    pub fn backlog(&self) -> i64 {
        self.end().saturating_sub(self.next()).max(0)
    }

    /// How often this became of a message.
    pub fn count(&self, became: Became) -> u64 {
        self.counts[became as usize].load(Relaxed)
    }

    pub(super) fn note(&self, became: Became) {
        self.counts[became as usize].fetch_add(1, Relaxed);
    }

    /// The offset behind what is being applied: whoever sees its purge in force sees this too.
    pub fn begun(&self) -> i64 {
        self.begun.load(Acquire).max(self.next())
    }

    /// What stands before `next` is going to be applied.
    pub(super) fn begin(&self, next: i64) {
        self.begun.store(next, Release);
    }

    pub(super) fn applied(&self, next: i64, newest: i64) {
        self.next.store(next, Release);
        self.begun.store(next, Release);
        self.newest.fetch_max(newest, Relaxed);
        lock(&self.whole).reach(next);
    }
}

impl Whole {
    /// All before `next` is applied.
    fn reach(&mut self, next: i64) {
        if let Some((at, end)) = self.next
            && next >= end
        {
            *self = Self { at: Some(at), next: None };
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each is consistent between statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_behind_by_when_it_was_last_applied_whole() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let told = Told::new(clock.clone());
        let track = told.track(&"t".into(), 0);
        let behind = || told.behind(&track).as_secs();
        clock.advance(Duration::from_secs(5));
        assert_eq!((behind(), told.most_behind().as_secs()), (5, 5), "nobody has answered yet");
        track.applied(10, 0);
        told.poll(&track, 10, clock.now());
        assert_eq!(behind(), 0);
        // The log grows while it is applied.
        for end in [20, 30, 40] {
            clock.advance(Duration::from_secs(1));
            told.poll(&track, end, clock.now());
        }
        assert_eq!(behind(), 3);
        track.applied(19, 0);
        assert_eq!(behind(), 3);
        track.applied(20, 0);
        assert_eq!(behind(), 2, "what stood there two seconds ago is applied");
        // It is cut off, and does not grow to what it was.
        clock.advance(Duration::from_secs(1));
        told.poll(&track, 40, clock.now());
        told.poll(&track, 20, clock.now());
        assert_eq!(behind(), 0);
        // The topic is made anew, and its log is shorter than what was read of the other.
        told.poll(&track, 99, clock.now());
        told.anew("t");
        assert_eq!((track.next(), track.backlog()), (0, 0));
        clock.advance(Duration::from_secs(1));
        told.poll(&track, 3, clock.now());
        assert_eq!((behind(), track.backlog()), (1, 3));
        track.applied(3, 0);
        assert_eq!(behind(), 0);
        // The calendar says nothing of it.
        clock.jump_wall(-3600);
        clock.advance(Duration::from_secs(7));
        assert_eq!(behind(), 7);
        let next = Told::new(clock);
        next.inherit(&told);
        assert_eq!(next.most_behind().as_secs(), 7);
    }
}
