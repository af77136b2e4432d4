//! A response that grows: pieces come in at one end, any number of readers follow at their own
//! speed.
//!
//! A fill that may be stored runs at the origin's speed and keeps every piece, so that whoever
//! joins late reads from the beginning. One that outgrew the cache keeps a window only: it admits
//! nobody else, is read no faster than its slowest reader allows, and stops with its last.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;

use super::relay::Relays;
use crate::base::{Charge, Clock, Fault, Seq, WorkerId};
use crate::store::Head;
use crate::telemetry::account::OriginPart;

/// Bytes after which readers are woken though little time has passed.
const WAKE_BYTES: u64 = 64 * 1024;
/// Time after which readers are woken though few bytes have come.
const WAKE_AFTER: Duration = Duration::from_millis(5);
/// Bytes that a fill which cannot be stored holds for its slowest reader.
const WINDOW: u64 = 256 * 1024;

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
    state: Mutex<Growth>,
    relays: Arc<Relays>,
}

#[derive(Debug)]
struct Growth {
    /// The held pieces, each with the place where it ends.
    pieces: VecDeque<(u64, Bytes)>,
    /// Where the first held piece begins.
    base: u64,
    /// Where the next piece will begin.
    end: u64,
    ended: Option<Result<Option<HeaderMap>, Fault>>,
    windowed: bool,
    readers: HashMap<u64, u64, foldhash::fast::RandomState>,
    charge: Charge,
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
        let growth = Growth {
            pieces: VecDeque::new(),
            base: 0,
            end: 0,
            ended: None,
            windowed: false,
            readers: HashMap::default(),
            charge,
            woken: (head.received, 0),
        };
        Arc::new(Self { head, length, asked, origin, state: Mutex::new(growth), relays })
    }

    /// Whether somebody may still begin to read.
    pub fn admits(&self) -> bool {
        let growth = self.growth();
        !growth.windowed && !matches!(growth.ended, Some(Err(_)))
    }

    /// Whether somebody reads it, or is about to.
    pub(super) fn is_read(&self) -> bool {
        self.relays.wanted() || !self.growth().readers.is_empty()
    }

    /// Bytes that have come.
    pub fn grown(&self) -> u64 {
        self.growth().end
    }

    /// Adds a piece; true where readers are due to be woken.
    pub(super) fn push(&self, piece: Bytes, now: Instant) -> bool {
        let mut growth = self.growth();
        let first = growth.end == 0;
        let size = piece.len() as u64;
        growth.end += size;
        growth.charge.grow(size);
        let end = growth.end;
        growth.pieces.push_back((end, piece));
        let (when, at) = growth.woken;
        let due = first || growth.end - at >= WAKE_BYTES || now >= when + WAKE_AFTER;
        if due {
            growth.woken = (now, growth.end);
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
        let growth = self.growth();
        let (when, at) = growth.woken;
        (at < growth.end).then_some(when + WAKE_AFTER)
    }

    /// Notes that readers were woken at `now`.
    pub(super) fn woke(&self, now: Instant) {
        let mut growth = self.growth();
        growth.woken = (now, growth.end);
    }

    /// Keeps a window from here on: the response cannot be stored any more.
    pub(super) fn outgrow(&self) {
        self.growth().windowed = true;
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
                let mut growth = self.growth();
                if !growth.windowed {
                    return Ok(());
                }
                if !self.relays.wanted() {
                    growth.drop_read();
                    if growth.readers.is_empty() {
                        return Err(());
                    }
                }
                if growth.end - growth.base < WINDOW {
                    return Ok(());
                }
            }
            moved.await;
        }
    }

    /// Ends the fill; nobody waits any longer.
    pub(super) fn end(&self, with: Result<Option<HeaderMap>, Fault>) {
        let mut growth = self.growth();
        if growth.ended.is_none() {
            growth.ended = Some(with);
        }
        drop(growth);
        self.relays.close();
    }

    /// Hands the pieces to `build`, which makes a stored body of them.
    pub(super) fn with_pieces<R>(
        &self,
        build: impl FnOnce(&mut dyn Iterator<Item = &Bytes>, u64) -> R,
    ) -> R {
        let growth = self.growth();
        build(&mut growth.pieces.iter().map(|(_, piece)| piece), growth.end)
    }

    /// A place for a reader that begins at `at`; `None` where that has been let go of.
    pub(super) fn enter(&self, at: u64) -> Option<u64> {
        let mut growth = self.growth();
        if at < growth.base {
            return None;
        }
        let id = self.relays.id();
        growth.readers.insert(id, at);
        Some(id)
    }

    pub(super) fn leave(&self, worker: WorkerId, id: u64) {
        let windowed = {
            let mut growth = self.growth();
            growth.readers.remove(&id);
            growth.windowed
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
        let mut growth = self.growth();
        // Also where it has to wait: a range may begin where nothing has come yet, and must not
        // look as if it still stood at the beginning.
        if growth.readers.insert(id, at) != Some(at) && growth.windowed {
            self.relays.moved().notify_one();
        }
        if at < growth.end {
            let piece = growth.piece(at);
            let reached = at + piece.len() as u64;
            growth.readers.insert(id, reached);
            let windowed = growth.windowed;
            drop(growth);
            if windowed {
                self.relays.moved().notify_one();
            }
            return Poll::Ready(Step::Data(piece));
        }
        match &growth.ended {
            Some(Ok(trailers)) => Poll::Ready(Step::End(trailers.clone())),
            Some(Err(fault)) => Poll::Ready(Step::Failed(fault.clone())),
            None => {
                self.relays.register(worker, id, cx.waker());
                Poll::Pending
            }
        }
    }

    fn growth(&self) -> MutexGuard<'_, Growth> {
        // Pieces, ends and readers change together between two statements that cannot panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Growth {
    /// The rest of the piece that `at`, which is held, lies in.
    fn piece(&self, at: u64) -> Bytes {
        let index = self.pieces.partition_point(|(end, _)| *end <= at);
        self.pieces.get(index).map_or_else(Bytes::new, |(end, piece)| {
            let left = usize::try_from(end - at).unwrap_or(usize::MAX).min(piece.len());
            piece.slice(piece.len() - left..)
        })
    }

    /// Lets go of what every reader of a windowed fill has read.
    fn drop_read(&mut self) {
        let slowest = self.readers.values().copied().min().unwrap_or(self.end);
        while let Some((end, piece)) = self.pieces.front() {
            if *end > slowest {
                break;
            }
            self.base = *end;
            self.charge.shrink(piece.len() as u64);
            self.pieces.pop_front();
        }
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
