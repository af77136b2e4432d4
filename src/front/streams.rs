//! What the streams of one HTTP/2 connection have in common, and the end of one stream alone.
//!
//! hyper gives each stream's future to an executor: this one keeps the stream's record beside it.
//! A stream that must wait for its client is entered in a list, which the connection's watchdog
//! looks through when it samples; one that takes nothing for `write`, or too little over
//! `progress`, while the socket takes what there is, is given up: its future is dropped, h2 resets
//! it with CANCEL, and the streams beside it go on. That works as long as h2 has not been handed
//! the end of the answer, so the end of one that may get stuck is held back until the rest has been
//! taken (`answer`). Streams that are answered at once never come into the list.

use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::limit::Limit;
use super::line::{Line, NEVER};
use super::record::{ConnectionEvent, Record};
use super::watch::{Lane, too_slow};
use crate::base::Reason;
use crate::config::Timeouts;

/// The window of a stream before anybody says otherwise (RFC 9113 §6.9.2).
const DEFAULT_WINDOW: u32 = 65_535;
/// What a request in flight holds besides its fields, and what a field takes in memory.
const A_REQUEST: u64 = 512;
const A_FIELD: u64 = 128;

/// What the streams of one connection share.
#[derive(Default)]
pub(super) struct Streams {
    /// The request that was begun last, on its way to its executor.
    newborn: Mutex<Option<Arc<Record>>>,
    /// Those that wait for their client.
    late: Mutex<Vec<Option<Late>>>,
    /// Whether the client's windows may be smaller than the default.
    stingy: AtomicBool,
    /// Bytes that the connection makes us hold: an estimate of the heads of requests in flight, and
    /// the pieces of answers that nobody shares and the client has not taken.
    pinned: AtomicU64,
    /// When what the client left unfinished began.
    unfinished: AtomicU64,
    /// How many heads and trailers h2 was given to send.
    heads: AtomicU64,
    /// The limit that the client is beyond, plus one.
    beyond: AtomicU8,
}

/// A stream that waits for its client.
struct Late {
    record: Arc<Record>,
    lane: Lane,
    waker: Waker,
    given_up: bool,
}

impl Streams {
    fn late(&self) -> MutexGuard<'_, Vec<Option<Late>>> {
        // Whole between statements, and used on one thread.
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newborn(&self) -> MutexGuard<'_, Option<Arc<Record>>> {
        self.newborn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request begins; its executor is called next.
    pub(super) fn begin(&self, record: &Arc<Record>) {
        *self.newborn() = Some(Arc::clone(record));
    }

    /// What a request with so many fields holds while it is in flight, in bytes: an estimate that
    /// costs nothing. h2 bounds the fields' bytes, and the fields are what it does not see whole.
    pub(super) fn weight(fields: usize) -> u64 {
        A_REQUEST + A_FIELD * fields as u64
    }

    pub(super) fn pin(&self, bytes: u64) {
        self.pinned.fetch_add(bytes, Relaxed);
    }

    pub(super) fn unpin(&self, bytes: u64) {
        self.pinned.fetch_sub(bytes, Relaxed);
    }

    pub(super) fn pinned(&self) -> u64 {
        self.pinned.load(Relaxed)
    }

    /// The client set the window with which streams begin.
    pub(super) fn on_initial_window(&self, bytes: u32) {
        self.stingy.store(bytes < DEFAULT_WINDOW, Relaxed);
    }

    /// Whether an answer of which `handed` bytes went to h2 may be stuck there for want of its own
    /// window.
    pub(super) fn may_stick(&self, handed: u64) -> bool {
        handed > u64::from(DEFAULT_WINDOW) || self.stingy.load(Relaxed)
    }

    /// h2 is given a head or trailers to send.
    pub(super) fn on_head(&self) {
        self.heads.fetch_add(1, Relaxed);
    }

    pub(super) fn heads(&self) -> u64 {
        self.heads.load(Relaxed)
    }

    /// The client has left nothing unfinished.
    pub(super) fn finished(&self) {
        self.unfinished.store(NEVER, Relaxed);
    }

    /// Of what came last something is unfinished, which began at `stamp`.
    pub(super) fn begun(&self, stamp: u64) {
        self.unfinished.store(stamp, Relaxed);
    }

    pub(super) fn is_unfinished(&self) -> bool {
        self.unfinished() != NEVER
    }

    pub(super) fn unfinished(&self) -> u64 {
        self.unfinished.load(Relaxed)
    }

    /// The client is beyond `limit`: the connection ends. The first one stands.
    pub(super) fn go_beyond(&self, limit: Limit) {
        let _ = self.beyond.compare_exchange(0, limit as u8 + 1, Relaxed, Relaxed);
    }

    /// h2 ends the connection for `limit`.
    pub(super) fn ends_for(&self, limit: Limit) {
        self.beyond.store(limit as u8 + 1, Relaxed);
    }

    pub(super) fn beyond(&self) -> Option<Limit> {
        let beyond = self.beyond.load(Relaxed);
        Limit::ALL.into_iter().find(|limit| *limit as u8 + 1 == beyond)
    }

    fn enter(&self, record: &Arc<Record>, waker: Waker) -> usize {
        let now = record.line.serving.clock.now();
        let mut lane = Lane::new(now);
        lane.see(now, true, record.taken(), record.caught_up());
        let entry = Late { record: Arc::clone(record), lane, waker, given_up: false };
        let mut late = self.late();
        match late.iter().position(Option::is_none) {
            Some(free) => {
                late[free] = Some(entry);
                free
            }
            None => {
                late.push(Some(entry));
                late.len() - 1
            }
        }
    }

    fn leave(&self, at: usize) {
        let mut late = self.late();
        let left = late.get_mut(at).and_then(Option::take);
        if late.iter().all(Option::is_none) {
            late.clear();
            late.shrink_to_fit();
        }
        drop(late);
        // With the lock given back: the record may be the last to hold what tells of its end.
        drop(left);
    }

    fn is_given_up(&self, at: usize) -> bool {
        self.late().get(at).and_then(Option::as_ref).is_some_and(|late| late.given_up)
    }

    /// Samples the streams that wait, and gives up those whose client does not take them.
    pub(super) fn look(&self, now: Instant, limits: &Timeouts, line: &Line) {
        let mut late = self.late();
        let share = late.iter().flatten().count().max(1) as u64;
        for late in late.iter_mut().flatten().filter(|late| !late.given_up) {
            let Late { record, lane, .. } = late;
            // Where the socket is full it is the line's turn to be blamed, not one stream's.
            let behind = record.is_behind() && !line.is_blocked();
            lane.see(now, behind, record.taken(), record.caught_up());
            let Some(lag) = lane.lag() else { continue };
            match too_slow(&lag, now, limits, share) {
                Some(wait) => {
                    late.given_up = true;
                    late.record.on_broken(Reason::ClientSlow);
                    line.tell(ConnectionEvent::GaveUp(wait));
                    late.waker.wake_by_ref();
                }
                None => lane.turn(now, limits),
            }
        }
    }
}

/// Runs the streams of a connection: a hit's answer stands when it is first polled, so that is done
/// in place, and only what must wait becomes a task.
#[derive(Clone)]
pub(super) struct Executor(pub(super) Arc<Streams>);

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        let record = self.0.newborn().take();
        let mut future = Box::pin(future);
        // Nobody is woken by this poll: the task begins with another.
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            tokio::spawn(Stream { future, record, streams: Arc::clone(&self.0), entered: None });
        }
    }
}

/// One stream: hyper's future of it, and where it stands among those that wait.
struct Stream<F> {
    future: F,
    record: Option<Arc<Record>>,
    streams: Arc<Streams>,
    entered: Option<usize>,
}

impl<F: Future<Output = ()> + Unpin> Future for Stream<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.entered.is_some_and(|at| this.streams.is_given_up(at)) {
            // What is dropped with this task resets the stream.
            return Poll::Ready(());
        }
        let polled = Pin::new(&mut this.future).poll(cx);
        if polled.is_pending()
            && this.entered.is_none()
            && let Some(record) = this.record.as_ref().filter(|record| record.is_behind())
        {
            this.entered = Some(this.streams.enter(record, cx.waker().clone()));
        }
        polled
    }
}

impl<F> Drop for Stream<F> {
    fn drop(&mut self) {
        if let Some(at) = self.entered {
            self.streams.leave(at);
        }
    }
}
