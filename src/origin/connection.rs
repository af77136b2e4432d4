//! One connection to an origin, and one exchange at a time over it: the request goes out piece by
//! piece while the answer's head is awaited, since an origin may answer before it has read all.
//! Everything is polled by whoever wants the answer; a connection has no task of its own, so an
//! exchange costs no more wake-ups than the socket gives.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::io::AsyncWrite;

use super::sending::Sending;
use super::server::Open;
use crate::base::tunnel::Duplex;
use crate::base::{Clock, Fault, Reason, Sleep};
use crate::net::dial::Stream;
use crate::wire::{Bad, Buffer, Content, HeadEnd, Piece, READ, ResponseHead, Rewound};

/// The largest head of an answer in bytes, with every interim response before it.
const MAX_HEAD: usize = 64 * 1024;
/// The most fields of an answer's head.
const MAX_FIELDS: usize = 256;

/// A connection to an origin.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    buffer: Buffer,
    /// Set again only where it would go off too late: a request neither makes nor moves a timer.
    sleep: Option<(Sleep, Instant)>,
    open: Open,
    /// Whether it refused bytes: no request follows on it.
    broken: bool,
    /// How long the server may acknowledge nothing, where that is bounded.
    patience: Option<Duration>,
}

/// How an answer's head does not come.
#[derive(Debug)]
pub enum Failed {
    /// The connection ended first, and whether nothing had come of an answer.
    Closed {
        /// What the socket said.
        error: String,
        /// Whether not a byte of an answer came, so that the origin may not have seen the request.
        unheard: bool,
    },
    /// What came is no answer.
    Garbage(Bad),
}

/// An answer's head while it is awaited.
#[derive(Debug, Default)]
pub struct Awaited {
    end: HeadEnd,
    /// Bytes of interim responses that were read over.
    interim: usize,
    heard: bool,
}

impl Connection {
    /// Speaks HTTP/1.1 over `stream`.
    pub fn new(stream: Stream, open: Open) -> Self {
        let buffer = Buffer::default();
        Self { stream, buffer, sleep: None, open, broken: false, patience: None }
    }

    /// Has it end where the server acknowledges nothing for `patience`, if that is bounded: a request that
    /// goes nowhere is not waited for as long as an answer may take.
    pub fn bound_silence(&mut self, patience: Option<Duration>) {
        if self.patience != patience {
            self.patience = patience;
            self.stream.bound_silence(patience);
        }
    }

    /// Whether a request may follow: all before it went out, and nothing has come over it that nobody
    /// asked for, its end included.
    pub fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        !self.broken && self.buffer.is_empty() && self.poll_fill(&mut cx).is_pending()
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        self.buffer.poll_fill(Pin::new(&mut self.stream), READ, cx)
    }

    /// Ready once `deadline` has passed.
    pub fn poll_late(
        &mut self,
        deadline: Instant,
        clock: &Clock,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let (sleep, armed) =
            self.sleep.get_or_insert_with(|| (clock.sleep_until(deadline), deadline));
        if deadline < *armed {
            *armed = deadline;
            sleep.reset(deadline);
        }
        loop {
            ready!(Pin::new(&mut *sleep).poll(cx));
            if *armed >= deadline {
                return Poll::Ready(());
            }
            *armed = deadline;
            sleep.reset(deadline);
        }
    }

    /// Sends as much of a request as the socket takes; ready when all of it has gone. What the
    /// socket refuses is told by what is read: the origin may have answered before it closed.
    ///
    /// # Errors
    /// What broke the request's own body, or that it is not as long as its head told: what follows it
    /// would be read as part of it, or it as a request.
    pub fn poll_send(
        &mut self,
        sending: &mut Sending,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Fault>> {
        while !sending.is_over() {
            let Some(slices) = ready!(sending.poll_bytes(cx))? else { break };
            match ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &slices)) {
                Ok(written @ 1..) => sending.advance(written),
                Ok(0) | Err(_) => {
                    sending.give_up();
                    self.broken = true;
                }
            }
        }
        // The next look at the socket tells of an error.
        let _ = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        Poll::Ready(Ok(()))
    }

    /// Reads on for the head of the answer. Interim responses are read over (RFC 9110 §15.2), but
    /// not without end; a 101 is an answer.
    ///
    /// # Errors
    /// Why it does not come.
    pub fn poll_head(
        &mut self,
        awaited: &mut Awaited,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ResponseHead, Failed>> {
        loop {
            if !self.buffer.is_empty() {
                awaited.heard = true;
                let most = MAX_HEAD - awaited.interim;
                if let Some(length) = awaited.end.find(self.buffer.rest(), most)? {
                    let head = ResponseHead::read(&self.buffer.take(length), MAX_FIELDS)?;
                    let status = head.parts.status;
                    if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
                        return Poll::Ready(Ok(head));
                    }
                    awaited.interim += length;
                    awaited.end = HeadEnd::default();
                    continue;
                }
            }
            let error = match ready!(self.poll_fill(cx)) {
                Ok(1..) => continue,
                Ok(0) if awaited.heard => "closed in the middle of its answer's head".to_owned(),
                Ok(0) => "closed before its answer".to_owned(),
                Err(error) => error.to_string(),
            };
            return Poll::Ready(Err(Failed::Closed { error, unheard: !awaited.heard }));
        }
    }

    /// Reads on in a body.
    ///
    /// # Errors
    /// [`Reason::Truncated`], or [`Reason::OriginGarbage`] for what is no such body.
    pub fn poll_body(
        &mut self,
        content: &mut Content,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Piece, Fault>> {
        loop {
            match content.next(&mut self.buffer) {
                Ok(Piece::More) => {}
                Ok(piece) => return Poll::Ready(Ok(piece)),
                Err(bad) => {
                    let log = format!("its body: {bad}");
                    return Poll::Ready(Err(Fault::origin(Reason::OriginGarbage, log)));
                }
            }
            let log = match ready!(self.poll_fill(cx)) {
                Ok(1..) => continue,
                Ok(0) if content.ends_with_connection() => {
                    return Poll::Ready(Ok(Piece::End(None)));
                }
                Ok(0) => "closed in the middle of its body".to_owned(),
                Err(error) => format!("in the middle of its body: {error}"),
            };
            return Poll::Ready(Err(Fault::origin(Reason::Truncated, log)));
        }
    }

    /// The byte stream, after a change of protocol, and what must live as long.
    pub fn into_duplex(mut self) -> (Pin<Box<dyn Duplex>>, Open) {
        self.bound_silence(None);
        let held = self.buffer.take(usize::MAX);
        (Box::pin(Rewound::new(held, self.stream)), self.open)
    }
}

impl From<Bad> for Failed {
    fn from(bad: Bad) -> Self {
        Self::Garbage(bad)
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
