//! A request's body on its way in: pauses are bounded and so is its slowness (`pace`), and what
//! breaks it is a fault with a name. A body that nobody reads costs nothing.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::http1::Upload;
use super::line::Line;
use super::pace::{Pace, Verdict};
use super::record::Record;
use crate::base::{Fault, Reason, Sleep};

/// A request's body.
pub(super) struct RequestBody {
    source: Source,
    line: Arc<Line>,
    /// Weak, so that an origin that still reads does not keep the answer's record open.
    record: Weak<Record>,
    pace: Pace,
    /// Armed for a moment before which nothing runs out, and left so when a piece comes.
    sleep: Option<Sleep>,
}

/// Where a body comes from.
pub(super) enum Source {
    /// HTTP/1.
    Http1(Upload),
    /// HTTP/2, through hyper.
    Http2(Incoming),
}

impl RequestBody {
    pub(super) fn new(source: Source, record: &Arc<Record>) -> Self {
        Self {
            source,
            line: Arc::clone(&record.line),
            record: Arc::downgrade(record),
            pace: Pace::default(),
            sleep: None,
        }
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match &mut self.source {
            Source::Http1(upload) => Pin::new(upload).poll_frame(cx),
            Source::Http2(incoming) => Pin::new(incoming)
                .poll_frame(cx)
                .map_err(|error| Fault::client(Reason::BodyBroken, Chain(&error))),
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
        match this.poll_source(cx) {
            Poll::Ready(frame) => {
                if let Some(Ok(frame)) = &frame {
                    let bytes = frame.data_ref().map_or(0, Bytes::len);
                    this.pace.on_piece(bytes, || this.line.serving.clock.now());
                    this.record.upgrade().inspect(|record| record.on_received(bytes));
                }
                Poll::Ready(frame)
            }
            Poll::Pending => this.poll_late(cx).map(|fault| Some(Err(fault))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Http1(upload) => upload.is_end_stream(),
            Source::Http2(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Http1(upload) => upload.size_hint(),
            Source::Http2(incoming) => incoming.size_hint(),
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
