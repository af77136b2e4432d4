//! What is told of requests and connections when they are over. A `Record` lives as long as
//! anything of its answer does: the last piece that the socket's side takes or drops ends it, so
//! that "complete" means taken, not handed over. Who counts and logs is a value given by the
//! server ([`Recorder`]); nothing here allocates for it.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use http::StatusCode;

use super::Protocol;
use super::limit::Limit;
use super::line::Line;
use crate::base::{Outcome, Peer, Reason};
use crate::telemetry::{Account, Asked, Finished};

/// Takes note of requests and connections; called on the worker that served them, so it must not
/// wait.
pub trait Recorder: Send + Sync + 'static {
    /// A request begins: its head is complete.
    fn began(&self);

    /// A request that began is over: its answer was taken to the last byte, or never will be.
    fn finished(&self, finished: &Finished<'_>);

    /// Something happened to a connection.
    fn event(&self, peer: &Peer, event: ConnectionEvent);
}

/// Something that happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEvent {
    /// A TLS handshake was completed.
    Secured {
        /// Whether an earlier session was resumed.
        resumed: bool,
        /// Whether it is TLS 1.3, not 1.2.
        tls13: bool,
    },
    /// Serving begins.
    Opened(Protocol),
    /// A request was refused for a limit of HTTP/2, and the connection goes on.
    Refused(Limit),
    /// An HTTP/2 stream was reset because its client took too long, and the connection goes on.
    GaveUp(Wait),
    /// The connection is over.
    Closed(End),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order: after its last request, or by draining.
    Done,
    /// The client left in the middle of something.
    Left,
    /// The client took too long.
    Cut(Wait),
    /// The client sent what is not HTTP, or too much.
    Refused(Reason),
    /// The client is beyond a limit of HTTP/2.
    Beyond(Limit),
    /// An answer could not be completed, so the connection was cut.
    Broken,
    /// The TLS handshake failed.
    Handshake,
    /// A bug of ours.
    Panicked,
}

/// What a client may take its time for, within `config::Timeouts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Wait {
    /// The TLS handshake.
    Handshake,
    /// The first byte of the first request.
    FirstByte,
    /// The rest of a request's head.
    Header,
    /// The next request.
    Idle,
    /// Taking any byte of an answer.
    Write,
    /// Taking answers at `min_rate`.
    Progress,
    /// Taking more where it leaves more unread than it may.
    Unread,
}

impl Wait {
    /// The word for it in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::FirstByte => "first-byte",
            Self::Header => "header",
            Self::Idle => "idle",
            Self::Write => "write",
            Self::Progress => "progress",
            Self::Unread => "unread",
        }
    }
}

/// A request from its head to the last byte of its answer; tells the recorder when dropped.
pub(super) struct Record {
    pub(super) line: Arc<Line>,
    pub(super) asked: Asked,
    started: Instant,
    answer: OnceLock<(StatusCode, Account, Instant)>,
    received: AtomicU64,
    handed: AtomicU64,
    taken: AtomicU64,
    /// How often the client had taken all there was and it was we who must bring more.
    caught_up: AtomicU32,
    /// What the request makes an HTTP/2 connection hold while it is in flight.
    pinned: AtomicU64,
    /// Whether the whole body has been handed to the protocol.
    ended: AtomicBool,
    /// Whether the answer's end is held back until the rest has been taken, and by whom.
    is_held: AtomicBool,
    holds: Mutex<Option<Waker>>,
    broken: OnceLock<Reason>,
}

impl Record {
    /// Begins the record of a request whose head is complete.
    pub(super) fn begin(line: &Arc<Line>, asked: Asked) -> Arc<Self> {
        let started = line.enter();
        line.serving.recorder.began();
        Arc::new(Self {
            line: Arc::clone(line),
            asked,
            started,
            answer: OnceLock::new(),
            received: AtomicU64::new(0),
            handed: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            caught_up: AtomicU32::new(0),
            pinned: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            is_held: AtomicBool::new(false),
            holds: Mutex::new(None),
            broken: OnceLock::new(),
        })
    }

    /// Counts what the request holds, until it is over.
    pub(super) fn pin(&self, bytes: u64) {
        if let Some(streams) = self.line.streams() {
            self.pinned.store(bytes, Relaxed);
            streams.pin(bytes);
        }
    }

    pub(super) fn on_answer(&self, status: StatusCode, account: Account) {
        let now = self.line.serving.clock.now();
        // A request has one answer: its service future is done after it.
        let _ = self.answer.set((status, account, now));
    }

    /// Its answer's head, or trailers, are given to the protocol.
    pub(super) fn on_head(&self) {
        if let Some(streams) = self.line.streams() {
            streams.on_head();
        }
    }

    pub(super) fn on_received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn on_handed(&self, bytes: usize) {
        self.handed.fetch_add(bytes as u64, Relaxed);
        self.line.on_handed(bytes);
    }

    pub(super) fn on_taken(&self, bytes: usize) {
        self.taken.fetch_add(bytes as u64, Relaxed);
        self.line.on_taken(bytes);
        if self.is_held.load(Relaxed) && !self.is_behind() {
            self.let_go();
        }
    }

    /// Whether the client has not taken all that the protocol was handed.
    pub(super) fn is_behind(&self) -> bool {
        self.handed.load(Relaxed) != self.taken.load(Relaxed)
    }

    /// Whether the answer's end must wait until the client has taken what came before: a stream
    /// whose end HTTP/2 has been handed cannot be given up any more.
    pub(super) fn must_hold(&self) -> bool {
        let handed = self.handed.load(Relaxed);
        self.is_behind() && self.line.streams().is_some_and(|streams| streams.may_stick(handed))
    }

    /// Wakes `waker` when all has been taken, and none that was told before it.
    pub(super) fn hold(&self, waker: &Waker) {
        *self.holds.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
        self.is_held.store(true, Relaxed);
    }

    #[cold]
    fn let_go(&self) {
        self.is_held.store(false, Relaxed);
        let waker = self.holds.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Relaxed)
    }

    pub(super) fn caught_up(&self) -> u64 {
        self.caught_up.load(Relaxed).into()
    }

    /// The answer has nothing to give at this moment.
    pub(super) fn on_nothing_to_give(&self) {
        if !self.is_behind() {
            self.caught_up.fetch_add(1, Relaxed);
        }
        self.line.on_nothing_to_give();
    }

    pub(super) fn on_ended(&self) {
        self.ended.store(true, Relaxed);
    }

    /// The answer will not be complete, because of `reason`; the first reason stands.
    pub(super) fn on_broken(&self, reason: Reason) {
        let _ = self.broken.set(reason);
    }

    fn broken(&self) -> Option<Reason> {
        let whole =
            self.ended.load(Relaxed) && self.taken.load(Relaxed) == self.handed.load(Relaxed);
        match self.broken.get() {
            Some(reason) => Some(*reason),
            None if whole => None,
            None if self.line.is_cut_as_slow() => Some(Reason::ClientSlow),
            None => Some(self.line.beyond().map_or(Reason::ClientLeft, Limit::reason)),
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let now = self.line.serving.clock.now();
        self.line.leave(now);
        if let Some(streams) = self.line.streams() {
            streams.unpin(self.pinned.load(Relaxed));
        }
        let first_byte = self
            .answer
            .get()
            .map_or(Duration::ZERO, |(_, _, at)| at.saturating_duration_since(self.started));
        let unanswered =
            Account::new(None, Outcome::Refused, self.broken().unwrap_or(Reason::Panic));
        let answer = self.answer.get();
        self.line.serving.recorder.finished(&Finished {
            account: answer.map_or(&unanswered, |(_, account, _)| account),
            asked: Some(&self.asked),
            peer: &self.line.peer,
            connection: self.line.told(),
            status: answer.map(|(status, ..)| *status),
            received: self.received.load(Relaxed),
            bytes: self.taken.load(Relaxed),
            first_byte,
            duration: now.saturating_duration_since(self.started),
            broke_off: self.broken(),
        });
    }
}
