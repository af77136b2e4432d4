//! Reads a fill as an answer's body: all of it, or the stretch that a range asks for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::fill::{Fill, Step};
use crate::base::{Fault, WorkerId};

/// One client's place in a fill.
#[derive(Debug)]
pub struct FillReader {
    fill: Arc<Fill>,
    worker: WorkerId,
    id: u64,
    at: u64,
    /// Where to stop; `None` where the fill's own end decides.
    stop: Option<u64>,
    ended: bool,
}

impl FillReader {
    /// Reads the whole of `fill`, for a client of `worker`; `None` where its beginning has been let
    /// go of.
    pub fn whole(fill: Arc<Fill>, worker: WorkerId) -> Option<Self> {
        let id = fill.enter(0)?;
        let stop = fill.length;
        Some(Self { fill, worker, id, at: 0, stop, ended: false })
    }

    /// The same reader, for the bytes `first..=last` only.
    #[must_use]
    pub fn part(mut self, first: u64, last: u64) -> Self {
        self.at = first;
        self.stop = Some(last + 1);
        self
    }

    /// What is read.
    pub fn fill(&self) -> &Arc<Fill> {
        &self.fill
    }
}

impl http_body::Body for FillReader {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let part = self.stop != self.fill.length;
        if part && self.stop.is_some_and(|stop| self.at >= stop) {
            // A stretch ends before its fill does; a whole waits for the fill's own end, which
            // may be a failure.
            self.ended = true;
            return Poll::Ready(None);
        }
        let step = ready!(self.fill.read(self.worker, self.id, self.at, cx));
        Poll::Ready(match step {
            Step::Data(mut piece) => {
                if let Some(stop) = self.stop {
                    let left = usize::try_from(stop - self.at).unwrap_or(usize::MAX);
                    piece.truncate(left);
                }
                self.at += piece.len() as u64;
                Some(Ok(Frame::data(piece)))
            }
            Step::End(trailers) => {
                self.ended = true;
                trailers.map(|trailers| Ok(Frame::trailers(trailers)))
            }
            Step::Failed(fault) => {
                self.ended = true;
                Some(Err(fault))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        match self.stop {
            Some(stop) => SizeHint::with_exact(stop.saturating_sub(self.at)),
            None => SizeHint::default(),
        }
    }
}

impl Drop for FillReader {
    fn drop(&mut self) {
        self.fill.leave(self.worker, self.id);
    }
}
