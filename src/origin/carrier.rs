//! What one exchange goes over: a connection of HTTP/1.1 of its own, or a stream among others of HTTP/2.

use std::time::Duration;

use http::{request, response};

use super::body::{Lease, OriginBody};
use super::http1;
use super::http2::{self, Stream};
use crate::base::{Body, Clock, Fault};

/// What one exchange goes over.
#[derive(Debug)]
pub enum Carrier {
    /// A connection.
    Http1(Lease),
    /// A stream.
    Http2(Stream),
}

/// How long an answer may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the last byte of the request that went out to the end of the head.
    pub first_byte: Duration,
    /// Between two pieces of the body.
    pub between: Duration,
    /// What the server may acknowledge nothing of a request without a body for.
    pub silence: Duration,
}

/// An answer so far, whatever it comes over.
#[derive(Debug)]
pub struct Answered {
    /// The head, with one length at most.
    pub head: response::Parts,
    /// The body.
    pub body: OriginBody,
    /// For a 101: the connection, which has changed protocol.
    pub upgrade: Option<Lease>,
}

impl Carrier {
    /// Sends a request and reads the head of its answer; an origin that does not read all may answer all
    /// the same. Its time to answer begins anew with each piece that it takes.
    ///
    /// # Errors
    /// What kept the head from coming. Where the fault is [`unsent`](Fault::unsent), `body` is whole again.
    pub async fn exchange(
        self,
        asked: &request::Parts,
        body: &mut Body,
        limits: Limits,
        clock: &Clock,
    ) -> Result<Answered, Fault> {
        match self {
            Self::Http1(lease) => {
                let body = std::mem::replace(body, Body::Empty);
                http1::exchange(lease, asked, body, limits, clock).await
            }
            Self::Http2(stream) => http2::exchange(stream, asked, body, limits, clock).await,
        }
    }
}
