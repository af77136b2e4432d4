//! One client's connection as its parts share it: the socket's wrapper tells what it read and
//! wrote, requests tell when they begin and end, answers tell what waits to be taken, and the
//! watchdog reads it all.
//!
//! Everything here is touched by the tasks of one connection, which live on one worker's runtime;
//! the atomics are what makes that `Sync`, not what makes it right, so every access is relaxed. A
//! clock is read where a request begins and ends and nowhere else on the way of a hit.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::Serving;
use super::limit::Limit;
use super::record::{ConnectionEvent, Wait};
use super::streams::Streams;
use crate::base::Peer;
use crate::telemetry::line;

/// What the parts of a connection know in common.
pub(super) struct Line {
    pub(super) peer: Arc<Peer>,
    pub(super) serving: Arc<Serving>,
    born: Instant,
    /// What the streams have in common, where the connection speaks HTTP/2.
    streams: OnceLock<Arc<Streams>>,
    /// Whether a byte came since serving began.
    heard: AtomicBool,
    /// When the first byte of a head came while no request was in flight (HTTP/1).
    head_since: AtomicU64,
    idle_since: AtomicU64,
    in_flight: AtomicU32,
    read: AtomicU64,
    written: AtomicU64,
    /// Whether the socket took nothing when it was last asked.
    blocked: AtomicBool,
    /// Bytes of answers that the protocol holds and the socket's side has not taken.
    waiting: AtomicU64,
    /// Bytes of answers that were taken.
    taken: AtomicU64,
    /// Bytes that large answers under way keep in memory.
    kept: AtomicU64,
    /// Rises whenever the client has taken all there was and it is we who must bring more.
    caught_up: AtomicU64,
    /// Why the connection is being cut, for the records that are dropped with it.
    cut: AtomicU8,
    /// Whether the socket must be reset, because an orderly end would look complete.
    reset: AtomicBool,
    /// What the access log says of the connection, once a request of it was logged.
    told: OnceLock<Box<[u8]>>,
}

/// No moment; moments are nanoseconds since the connection was born, plus one.
pub(super) const NEVER: u64 = 0;

impl Line {
    pub(super) fn new(peer: Arc<Peer>, serving: Arc<Serving>) -> Self {
        let born = serving.clock.now();
        Self {
            peer,
            serving,
            born,
            streams: OnceLock::new(),
            heard: AtomicBool::new(false),
            head_since: AtomicU64::new(NEVER),
            idle_since: AtomicU64::new(NEVER),
            in_flight: AtomicU32::new(0),
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            waiting: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            caught_up: AtomicU64::new(0),
            cut: AtomicU8::new(0),
            reset: AtomicBool::new(false),
            told: OnceLock::new(),
        }
    }

    fn stamp(&self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.born).as_nanos();
        u64::try_from(nanos).unwrap_or(u64::MAX - 1) + 1
    }

    /// The stamp of this moment.
    pub(super) fn stamp_now(&self) -> u64 {
        self.stamp(self.serving.clock.now())
    }

    fn moment(&self, stamp: u64) -> Instant {
        self.born + Duration::from_nanos(stamp.saturating_sub(1))
    }

    /// Serving begins: what came before (a TLS handshake) was not HTTP.
    pub(super) fn begin(&self) -> Instant {
        let now = self.serving.clock.now();
        self.heard.store(false, Relaxed);
        self.head_since.store(NEVER, Relaxed);
        self.idle_since.store(self.stamp(now), Relaxed);
        now
    }

    /// The connection speaks HTTP/2, whose streams share what is returned.
    pub(super) fn begin_streams(&self) -> Arc<Streams> {
        Arc::clone(self.streams.get_or_init(Arc::default))
    }

    /// What its streams share; none in HTTP/1.
    pub(super) fn streams(&self) -> Option<&Streams> {
        self.streams.get().map(Arc::as_ref)
    }

    /// The limit of HTTP/2 that the client is beyond.
    pub(super) fn beyond(&self) -> Option<Limit> {
        self.streams().and_then(Streams::beyond)
    }

    /// The socket gave `bytes`.
    pub(super) fn on_read(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Relaxed);
        self.heard.store(true, Relaxed);
        // HTTP/2 knows where its frames end (`metered`).
        if self.streams().is_none() {
            self.on_head_begun();
        }
    }

    /// Something of a head is there (HTTP/1).
    pub(super) fn on_head_begun(&self) {
        if self.in_flight() == 0 && self.head_since.load(Relaxed) == NEVER {
            self.head_since.store(self.stamp(self.serving.clock.now()), Relaxed);
        }
    }

    /// The socket took `bytes`; whether it would take nothing before.
    pub(super) fn on_write(&self, bytes: usize) -> bool {
        self.written.fetch_add(bytes as u64, Relaxed);
        let blocked = self.blocked.load(Relaxed);
        if blocked {
            self.blocked.store(false, Relaxed);
        }
        blocked
    }

    /// The socket would take nothing.
    pub(super) fn on_blocked(&self) {
        self.blocked.store(true, Relaxed);
    }

    /// A request's head is complete; returns when it began.
    pub(super) fn enter(&self) -> Instant {
        self.in_flight.fetch_add(1, Relaxed);
        self.heard.store(true, Relaxed);
        match self.head_since.swap(NEVER, Relaxed) {
            NEVER => self.serving.clock.now(),
            stamp => self.moment(stamp),
        }
    }

    /// A request is over, its answer taken or lost.
    pub(super) fn leave(&self, now: Instant) {
        self.in_flight.fetch_sub(1, Relaxed);
        self.idle_since.store(self.stamp(now), Relaxed);
        self.on_nothing_to_give();
    }

    /// `bytes` of an answer were handed to the protocol.
    pub(super) fn on_handed(&self, bytes: usize) {
        self.waiting.fetch_add(bytes as u64, Relaxed);
    }

    /// The protocol took `bytes` of what it had been handed.
    pub(super) fn on_taken(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes as u64, Relaxed);
        self.taken.fetch_add(bytes as u64, Relaxed);
    }

    /// The protocol dropped `bytes` of what it had been handed.
    pub(super) fn on_lost(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes as u64, Relaxed);
    }

    /// An answer keeps `bytes` in memory until [`on_released`](Self::on_released).
    pub(super) fn on_kept(&self, bytes: u64) {
        self.kept.fetch_add(bytes, Relaxed);
    }

    /// An answer that kept `bytes` is over.
    pub(super) fn on_released(&self, bytes: u64) {
        self.kept.fetch_sub(bytes, Relaxed);
    }

    /// Bytes that are in memory for this client: what large answers keep, and what waits of others.
    pub(super) fn keeps(&self) -> u64 {
        self.kept.load(Relaxed).max(self.waiting())
    }

    /// An answer has nothing to give at this moment; if nothing else waits, the client is not
    /// behind.
    pub(super) fn on_nothing_to_give(&self) {
        if !self.is_behind() {
            self.caught_up.fetch_add(1, Relaxed);
        }
    }

    /// Whether something waits for the client to take it.
    pub(super) fn is_behind(&self) -> bool {
        self.is_blocked() || self.waiting() > 0
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Relaxed)
    }

    pub(super) fn waiting(&self) -> u64 {
        self.waiting.load(Relaxed)
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    pub(super) fn heard(&self) -> bool {
        self.heard.load(Relaxed)
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Relaxed)
    }

    pub(super) fn read(&self) -> u64 {
        self.read.load(Relaxed)
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    pub(super) fn caught_up(&self) -> u64 {
        self.caught_up.load(Relaxed)
    }

    /// When the head that is being read began, if one is and no request is in flight.
    pub(super) fn head_since(&self) -> Option<Instant> {
        match self.head_since.load(Relaxed) {
            NEVER => None,
            stamp => Some(self.moment(stamp)),
        }
    }

    /// When the frame or header block of HTTP/2 began of which the client still owes the rest.
    pub(super) fn unfinished_since(&self) -> Option<Instant> {
        match self.streams().map_or(NEVER, Streams::unfinished) {
            NEVER => None,
            stamp => Some(self.moment(stamp)),
        }
    }

    pub(super) fn idle_since(&self) -> Instant {
        self.moment(self.idle_since.load(Relaxed))
    }

    /// The connection is being cut for `wait`; told before anything of it is dropped.
    pub(super) fn cut(&self, wait: Wait) {
        self.cut.store(wait as u8 + 1, Relaxed);
    }

    /// Whether it is being cut because the client takes too little.
    pub(super) fn is_cut_as_slow(&self) -> bool {
        let cut = self.cut.load(Relaxed);
        [Wait::Write, Wait::Progress, Wait::Unread].iter().any(|wait| cut == *wait as u8 + 1)
    }

    pub(super) fn must_reset(&self) {
        self.reset.store(true, Relaxed);
    }

    pub(super) fn is_reset(&self) -> bool {
        self.reset.load(Relaxed)
    }

    /// What the access log says of the connection.
    pub(super) fn told(&self) -> &[u8] {
        self.told.get_or_init(|| line::connection(&self.peer))
    }

    pub(super) fn tell(&self, event: ConnectionEvent) {
        self.serving.recorder.event(&self.peer, event);
    }
}
