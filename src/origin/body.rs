//! Bodies on their way from and to an origin.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use super::connection::Connection;
use super::fault;
use super::server::{Server, Turn};
use crate::base::body::Stream;
use crate::base::{Clock, Fault, Reason, Sleep, WorkerId};
use crate::semantics::hop;

/// A connection that goes back to its server's idle ones when its answer has ended.
#[derive(Debug)]
pub struct Lease {
    /// The server.
    pub server: Arc<Server>,
    /// The worker that the connection lives on.
    pub worker: WorkerId,
    /// The connection.
    pub connection: Connection,
    /// Whether the request's body is still being sent, though the answer may have come.
    pub sending: Arc<AtomicBool>,
    /// Given up after the connection, so that whoever comes next finds that.
    _turn: Turn,
}

impl Lease {
    /// `connection` to `server`, for one exchange.
    pub fn new(server: &Arc<Server>, worker: WorkerId, connection: Connection, turn: Turn) -> Self {
        let (server, sending) = (Arc::clone(server), Arc::new(AtomicBool::new(false)));
        Self { server, worker, connection, sending, _turn: turn }
    }

    /// Keeps the connection for the next exchange, unless this one is not over.
    fn keep(self, now: Instant) {
        if !self.sending.load(Ordering::Relaxed) {
            self.server.keep(self.worker, self.connection, now);
        }
    }
}

/// The body of an answer. Dropped before its end, it takes its connection with it: what is left of
/// the answer must not be taken for the next one.
#[derive(Debug)]
pub struct OriginBody {
    incoming: Incoming,
    lease: Option<Lease>,
    between: Duration,
    clock: Clock,
    /// Armed while a piece is waited for.
    sleep: Option<Sleep>,
    waiting: bool,
}

impl OriginBody {
    /// The body `incoming`, whose pieces may be `between` apart.
    ///
    /// Without a lease the connection is somebody else's: it has changed protocol.
    pub fn new(incoming: Incoming, lease: Option<Lease>, between: Duration, clock: Clock) -> Self {
        let mut body = Self { incoming, lease, between, clock, sleep: None, waiting: false };
        body.release_at_end();
        body
    }

    fn release_at_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.release();
        }
    }

    fn release(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.keep(self.clock.now());
        }
    }

    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.waiting {
            self.waiting = true;
            let deadline = self.clock.now() + self.between;
            match &mut self.sleep {
                Some(sleep) => sleep.reset(deadline),
                None => self.sleep = Some(self.clock.sleep_until(deadline)),
            }
        }
        match &mut self.sleep {
            Some(sleep) => Pin::new(sleep).poll(cx),
            None => Poll::Pending,
        }
    }
}

impl http_body::Body for OriginBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(mut frame))) => {
                self.waiting = false;
                self.release_at_end();
                if let Some(trailers) = frame.trailers_mut() {
                    hop::strip_response_trailers(trailers);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.lease = None;
                Poll::Ready(Some(Err(fault::of_body(&error))))
            }
            Poll::Ready(None) => {
                // hyper knows only now that a chunked body is over.
                self.release();
                Poll::Ready(None)
            }
            Poll::Pending => {
                if self.poll_late(cx).is_pending() {
                    return Poll::Pending;
                }
                self.lease = None;
                let log = format!("no byte of the body within {:?}", self.between);
                Poll::Ready(Some(Err(Fault::origin(Reason::BetweenBytesTimeout, log))))
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

/// A request's body that notes when its last piece was taken, in milliseconds after `start`: the
/// origin's time to answer begins there.
pub struct Noted {
    stream: Stream,
    noted: Arc<AtomicU64>,
    sending: Arc<AtomicBool>,
    start: Instant,
    clock: Clock,
}

impl Noted {
    /// Notes the pieces of `stream`, and takes `sending` back when they are over.
    pub fn new(
        stream: Stream,
        noted: Arc<AtomicU64>,
        sending: Arc<AtomicBool>,
        start: Instant,
        clock: Clock,
    ) -> Self {
        sending.store(true, Ordering::Relaxed);
        Self { stream, noted, sending, start, clock }
    }
}

impl http_body::Body for Noted {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let polled = Pin::new(&mut self.stream).poll_frame(cx);
        let passed = self.clock.now().saturating_duration_since(self.start).as_millis();
        self.noted.store(u64::try_from(passed).unwrap_or(u64::MAX), Ordering::Relaxed);
        if matches!(polled, Poll::Ready(None)) || self.stream.is_end_stream() {
            self.sending.store(false, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.stream.size_hint()
    }
}
