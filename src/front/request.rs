//! A request's body on its way in: pauses are bounded and so is its slowness (`pace`), and what
//! breaks it is a fault with a name. A body that nobody reads costs nothing; hyper then drains what
//! has already come with the head, or closes the connection after the answer, so that a rest is
//! never parsed as the next request (its `poll_drain_or_close_read`).
//!
//! After chunks that end in a trailer section, or whose end is not read before the answer, the
//! connection closes. hyper takes a bare line feed among trailers for a part of them and reads on to
//! the next empty line; whoever takes it for the end (RFC 9112 §2.2) sees the next request there.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::line::Line;
use super::pace::{Pace, Verdict};
use super::record::Record;
use crate::base::{Fault, Reason, Sleep};

/// A request's body.
pub(super) struct RequestBody {
    incoming: Incoming,
    line: Arc<Line>,
    /// Weak, so that an origin that still reads does not keep the answer's record open.
    record: Weak<Record>,
    pace: Pace,
    /// Armed for a moment before which nothing runs out, and left so when a piece comes.
    sleep: Option<Sleep>,
    /// Whether a trailer section came.
    trailed: bool,
    over: bool,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, record: &Arc<Record>) -> Self {
        let chunked = incoming.size_hint().exact().is_none();
        record.set_open_ended(chunked && record.asked.version != Version::HTTP_2);
        Self {
            incoming,
            line: Arc::clone(&record.line),
            record: Arc::downgrade(record),
            pace: Pace::default(),
            sleep: None,
            trailed: false,
            over: false,
        }
    }

    /// Nothing has come yet: ready with the fault once that has lasted too long.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Fault> {
        let serving = &self.line.serving;
        let (clock, limits) = (&serving.clock, &serving.timeouts);
        let until = self.pace.on_wait(|| clock.now(), limits);
        let sleep = self.sleep.get_or_insert_with(|| clock.sleep_until(until));
        loop {
            ready!(Pin::new(&mut *sleep).poll(cx));
            let log = match self.pace.judge(clock.now(), limits) {
                Verdict::Alive(until) => {
                    sleep.reset(until);
                    continue;
                }
                Verdict::Stopped => format!("no byte of the body came for {:?}", limits.body),
                Verdict::Slow(bytes) => {
                    format!("{bytes} bytes of the body came in {:?}", limits.progress)
                }
            };
            return Poll::Ready(Fault::client(Reason::BodyTimeout, log));
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = &mut *self;
        match Pin::new(&mut this.incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.over = !matches!(frame, Some(Ok(_)));
                let record = this.record.upgrade();
                match &frame {
                    Some(Ok(frame)) => {
                        let bytes = frame.data_ref().map_or(0, Bytes::len);
                        this.pace.on_piece(bytes, || this.line.serving.clock.now());
                        this.trailed |= frame.is_trailers();
                        record.inspect(|record| record.on_received(bytes));
                    }
                    None if !this.trailed => {
                        record.inspect(|record| record.set_open_ended(false));
                    }
                    _ => {}
                }
                Poll::Ready(frame.map(|frame| {
                    frame.map_err(|error| Fault::client(Reason::BodyBroken, Chain(&error)))
                }))
            }
            Poll::Pending => {
                let fault = ready!(this.poll_late(cx));
                this.over = true;
                this.line.leave_unread();
                Poll::Ready(Some(Err(fault)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.over && !self.incoming.is_end_stream() {
            self.line.leave_unread();
        }
    }
}

/// An error with its causes, for the log.
pub(super) struct Chain<'a>(pub(super) &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
