//! A response that grows: pieces come in at one end, any number of readers follow at their own
//! speed.
//!
//! A fill that may be stored runs at the origin's speed and keeps every byte, so that whoever
//! joins late reads from the beginning. One that outgrew the cache keeps a window only: it admits
//! nobody else, is read no faster than its slowest reader allows, and stops with its last. The
//! bytes themselves are `growth`'s.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;

use super::growth::Growth;
use super::relay::Relays;
use crate::base::budget::Part;
use crate::base::{Charge, Clock, Fault, Seq, Stored, WorkerId};
use crate::store::Head;
use crate::telemetry::account::OriginPart;

/// Bytes after which readers are woken though little time has passed.
const WAKE_BYTES: u64 = 64 * 1024;
/// Time after which readers are woken though few bytes have come.
const WAKE_AFTER: Duration = Duration::from_millis(5);

/// A growing response.
#[derive(Debug)]
pub struct Fill {
    /// The head.
    pub head: Arc<Head>,
    /// The length that the origin announced.
    pub length: Option<u64>,
    /// The purge sequence when it was asked for.
    pub asked: Seq,
    /// The origin's part, for the accounts of those who read.
    pub origin: OriginPart,
    state: Mutex<State>,
    relays: Arc<Relays>,
}

#[derive(Debug)]
struct State {
    growth: Growth,
    ended: Option<Result<Option<HeaderMap>, Fault>>,
    /// The whole, once it is stored: it pays for the bytes as long as somebody reads them here.
    stored: Option<Arc<Stored>>,
    readers: HashMap<u64, u64, foldhash::fast::RandomState>,
    /// When and where readers were last woken.
    woken: (Instant, u64),
}

/// What a reader finds.
pub(super) enum Step {
    Data(Bytes),
    End(Option<HeaderMap>),
    Failed(Fault),
}

impl Fill {
    /// A fill of which the head has come.
    pub fn new(
        head: Arc<Head>,
        length: Option<u64>,
        asked: Seq,
        origin: OriginPart,
        relays: Arc<Relays>,
        charge: Charge,
    ) -> Arc<Self> {
        let state = State {
            growth: Growth::new(length, charge),
            ended: None,
            stored: None,
            readers: HashMap::default(),
            woken: (head.received(), 0),
        };
        Arc::new(Self { head, length, asked, origin, state: Mutex::new(state), relays })
    }

    /// Whether somebody may still begin to read.
    pub fn admits(&self) -> bool {
        let state = self.state();
        !state.growth.is_windowed() && !matches!(state.ended, Some(Err(_)))
    }

    /// Bytes that a reader makes it keep, at most: what it announced, or what has come so far.
    pub fn keeps(&self) -> u64 {
        self.length.unwrap_or_else(|| self.grown())
    }

    /// Whether somebody reads it, or is about to.
    pub(super) fn is_read(&self) -> bool {
        self.relays.wanted() || !self.state().readers.is_empty()
    }

    /// Bytes that have come.
    pub fn grown(&self) -> u64 {
        self.state().growth.end()
    }

    /// Adds a piece; true where readers are due to be woken.
    pub(super) fn push(&self, piece: Bytes, now: Instant) -> bool {
        let mut state = self.state();
        let first = state.growth.end() == 0;
        state.growth.push(piece);
        let ((when, at), end) = (state.woken, state.growth.end());
        let due = first || end - at >= WAKE_BYTES || now >= when + WAKE_AFTER;
        if due {
            state.woken = (now, end);
        }
        due
    }

    /// Wakes whoever reads.
    pub(super) fn wake(&self) {
        self.relays.wake();
    }

    /// How long pieces may still be gathered before readers are woken; `None` where they have seen
    /// all there is.
    pub(super) fn wake_due(&self) -> Option<Instant> {
        let state = self.state();
        let (when, at) = state.woken;
        (at < state.growth.end()).then_some(when + WAKE_AFTER)
    }

    /// Notes that readers were woken at `now`.
    pub(super) fn woke(&self, now: Instant) {
        let mut state = self.state();
        state.woken = (now, state.growth.end());
    }

    /// Keeps a window from here on: the response cannot be stored any more.
    pub(super) fn outgrow(&self) {
        self.state().growth.outgrow();
    }

    /// Waits until the slowest reader of a windowed fill leaves room. As long as somebody may still
    /// begin to read, everything is kept.
    ///
    /// # Errors
    /// Where the last reader has left.
    pub(super) async fn room(&self) -> Result<(), ()> {
        loop {
            let moved = self.relays.moved().notified();
            {
                let mut state = self.state();
                if !state.growth.is_windowed() {
                    return Ok(());
                }
                if !self.relays.wanted() {
                    state.let_go();
                    if state.readers.is_empty() {
                        return Err(());
                    }
                }
                if state.growth.has_room() {
                    return Ok(());
                }
            }
            moved.await;
        }
    }

    /// Waits until a windowed fill has lost its last reader, so that an origin which is slow to send
    /// the next piece is not waited for.
    pub(super) async fn deserted(&self) {
        loop {
            let moved = self.relays.moved().notified();
            if !self.is_read() {
                return;
            }
            moved.await;
        }
    }

    /// Ends the fill; nobody waits any longer.
    pub(super) fn end(&self, with: Result<Option<HeaderMap>, Fault>) {
        let mut state = self.state();
        if state.ended.is_none() {
            state.ended = Some(with);
        }
        drop(state);
        self.relays.close();
    }

    /// The whole body as it is stored, of which `weight` bytes are charged.
    pub(super) fn store(&self, weight: u64) -> Arc<Stored> {
        let mut state = self.state();
        let (segments, charge) = state.growth.finish();
        let stored = Stored::new(segments, charge.hand_over(Part::Stored, weight));
        state.stored = Some(Arc::clone(&stored));
        stored
    }

    /// A place for a reader that begins at `at`; `None` where that has been let go of.
    pub(super) fn enter(&self, at: u64) -> Option<u64> {
        let mut state = self.state();
        if at < state.growth.base() {
            return None;
        }
        let id = self.relays.id();
        state.readers.insert(id, at);
        Some(id)
    }

    pub(super) fn leave(&self, worker: WorkerId, id: u64) {
        let windowed = {
            let mut state = self.state();
            state.readers.remove(&id);
            state.growth.is_windowed()
        };
        self.relays.forget(worker, id);
        if windowed {
            self.relays.moved().notify_one();
        }
    }

    /// What comes at `at`, for reader `id`.
    pub(super) fn read(
        &self,
        worker: WorkerId,
        id: u64,
        at: u64,
        cx: &mut Context<'_>,
    ) -> Poll<Step> {
        let mut state = self.state();
        let windowed = state.growth.is_windowed();
        // Also where it has to wait: a range may begin where nothing has come yet, and must not
        // look as if it still stood at the beginning.
        if state.readers.insert(id, at) != Some(at) && windowed {
            self.relays.moved().notify_one();
        }
        if at < state.growth.end() {
            let piece = state.growth.piece(at);
            state.readers.insert(id, at + piece.len() as u64);
            drop(state);
            if windowed {
                self.relays.moved().notify_one();
            }
            return Poll::Ready(Step::Data(piece));
        }
        match &state.ended {
            Some(Ok(trailers)) => Poll::Ready(Step::End(trailers.clone())),
            Some(Err(fault)) => Poll::Ready(Step::Failed(fault.clone())),
            None => {
                self.relays.register(worker, id, cx.waker());
                Poll::Pending
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Bytes, ends and readers change together between two statements that cannot panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Lets go of what every reader of a window has read.
    fn let_go(&mut self) {
        let slowest = self.readers.values().copied().min().unwrap_or(self.growth.end());
        self.growth.let_go(slowest);
    }
}

/// Runs `next`, waking the fill's readers when they are due meanwhile.
pub(super) async fn waking<T>(fill: &Fill, clock: &Clock, next: impl Future<Output = T>) -> T {
    let mut next = std::pin::pin!(next);
    let Some(due) = fill.wake_due() else { return next.await };
    tokio::select! {
        biased;
        got = &mut next => return got,
        () = clock.sleep_until(due) => {}
    }
    fill.woke(clock.now());
    fill.wake();
    next.await
}

#[cfg(test)]
#[path = "fill_tests.rs"]
mod tests;
