//! The body of an origin's answer, and the connection that it comes over.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::allowance::Turn;
use super::connection::Connection;
use super::http2::StreamBody;
use super::sending::Sending;
use super::server::Server;
use crate::base::{Clock, Fault, Reason, WorkerId};
use crate::semantics::hop;
use crate::wire::{Content, Piece};

/// A connection that goes back to its server's idle ones when its answer has ended.
#[derive(Debug)]
pub struct Lease {
    /// The connection.
    pub connection: Connection,
    /// Where it goes back to; nowhere, where nobody else may use it.
    pub home: Option<Home>,
}

/// Where a connection comes from, and may be kept.
#[derive(Debug)]
pub struct Home {
    /// The server.
    pub server: Arc<Server>,
    /// The worker that the connection lives on.
    pub worker: WorkerId,
    /// Given up after the connection, so that whoever comes next finds that.
    pub turn: Turn,
}

/// The body of an answer, whatever it comes over.
#[derive(Debug)]
pub enum OriginBody {
    /// A connection of its own.
    Connection(ConnectionBody),
    /// A stream among others.
    Stream(StreamBody),
}

impl http_body::Body for OriginBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match self.get_mut() {
            Self::Connection(body) => Pin::new(body).poll_frame(cx),
            Self::Stream(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Connection(body) => body.is_end_stream(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Connection(body) => body.size_hint(),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

/// The body of an answer over a connection of its own. Dropped before its end, it takes that with it: what
/// is left of the answer must not be taken for the next one.
#[derive(Debug)]
pub struct ConnectionBody {
    content: Content,
    lease: Option<Lease>,
    /// What is left of the request, whose answer came first.
    sending: Option<Sending>,
    keep_alive: bool,
    between: Duration,
    clock: Clock,
    /// When the piece that is waited for must have come.
    deadline: Option<Instant>,
}

impl ConnectionBody {
    /// The body `content` of an answer that comes over `lease`, whose pieces may be `between` apart.
    /// Without a lease the connection is somebody else's: it has changed protocol.
    pub fn new(
        content: Content,
        lease: Option<Lease>,
        sending: Option<Sending>,
        keep_alive: bool,
        between: Duration,
        clock: Clock,
    ) -> Self {
        let keep_alive = keep_alive && !content.ends_with_connection();
        let mut body = Self { content, lease, sending, keep_alive, between, clock, deadline: None };
        body.release_at_end();
        body
    }

    /// Keeps the connection for the next exchange once this one is over.
    fn release_at_end(&mut self) {
        if self.content.is_over()
            && let Some(lease) = self.lease.take()
            && self.keep_alive
            && self.sending.is_none()
        {
            let Lease { connection, home: Some(home) } = lease else { return };
            home.server.keep(home.worker, connection, self.clock.now());
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Fault>> {
        let Some(Lease { connection, .. }) = &mut self.lease else {
            return Poll::Ready(Ok(Piece::End(None)));
        };
        if let Some(sending) = &mut self.sending
            && connection.poll_send(sending, cx)?.is_ready()
        {
            self.sending = None;
        }
        if let Poll::Ready(piece) = connection.poll_body(&mut self.content, cx) {
            self.deadline = None;
            return Poll::Ready(piece);
        }
        let (clock, between) = (&self.clock, self.between);
        let deadline = *self.deadline.get_or_insert_with(|| clock.now() + between);
        connection.poll_late(deadline, clock, cx).map(|()| {
            let log = format!("no byte of the body within {between:?}");
            Err(Fault::origin(Reason::BetweenBytesTimeout, log))
        })
    }
}

impl http_body::Body for ConnectionBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let piece = std::task::ready!(self.poll_piece(cx));
        Poll::Ready(match piece {
            Ok(Piece::End(trailers)) => {
                self.content = Content::default();
                self.release_at_end();
                trailers.map(|mut trailers| {
                    hop::strip_response_trailers(&mut trailers);
                    Ok(Frame::trailers(trailers))
                })
            }
            Ok(Piece::Data(bytes)) => {
                self.release_at_end();
                Some(Ok(Frame::data(bytes)))
            }
            // Whoever has a piece has all that the connection gave.
            Ok(Piece::More) => None,
            Err(fault) => {
                self.lease = None;
                Some(Err(fault))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.left().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
