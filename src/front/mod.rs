//! HTTP/1.1 and HTTP/2 on the one side, requests and answers on the other. HTTP/1 is ours (`http1`,
//! read by [`wire`](crate::wire) alone), HTTP/2 is hyper's; both share the time that a client may
//! take (`watch`), the framing fields and the end of an answer (`answer`), panics, draining, and the
//! record of what happened ([`record`]).
//!
//! In path order: `accept` takes a socket and its handshake, `connection` drives the protocol over
//! `transport`, `http1` or `service` calls the [`Handler`], `request` and `answer` are the two bodies.
//! HTTP/2 has besides: `multiplex` drives it and `gather`s its writes, `metered` counts its `frames`
//! against what the client has left of each [`Limit`], `streams` ends one stream alone. All of one
//! connection lives on one worker's runtime and shares a `line`.

mod accept;
mod advance;
mod answer;
mod connection;
mod frames;
mod gather;
pub mod handler;
mod http1;
pub mod limit;
mod line;
mod metered;
mod multiplex;
mod pace;
pub mod panics;
pub mod record;
mod request;
mod service;
mod streams;
mod transport;
mod tunnel;
mod watch;

use std::sync::Arc;

use crate::base::{Budget, Clients, Clock, Drain};
use crate::config::{Http2, Limits, Timeouts};
use crate::geo::PrefixSet;

pub use accept::{FIRST_BYTES, connection};
pub use handler::{Answer, Handler, Reply, Request, Then};
pub use limit::Limit;
pub use record::{ConnectionEvent, End, Recorder, Wait};

/// What every connection of a worker is served with; a reload makes a new one for the connections
/// that come after it.
pub struct Serving {
    /// Answers requests.
    pub handler: Arc<dyn Handler>,
    /// Takes note of what happened.
    pub recorder: Arc<dyn Recorder>,
    /// The time.
    pub clock: Clock,
    /// What clients may take their time for.
    pub timeouts: Timeouts,
    /// What clients may send.
    pub limits: Limits,
    /// HTTP/2 towards clients.
    pub http2: Http2,
    /// The process's memory.
    pub budget: Budget,
    /// What each client address holds.
    pub clients: Clients,
    /// Peers that are no clients themselves, and leave unread what theirs do.
    pub trusted_proxies: PrefixSet,
    /// The signal upon which connections finish what they have begun and close.
    pub drain: Drain,
}

/// A protocol that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0 and HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

#[cfg(test)]
mod flood_tests;
#[cfg(test)]
#[path = "framer_tests.rs"]
mod framer;
#[cfg(test)]
mod http1_tests;
#[cfg(test)]
mod http2_tests;
#[cfg(test)]
#[path = "kit_tests.rs"]
mod kit;
#[cfg(test)]
mod stuck_tests;
#[cfg(test)]
mod time_tests;
#[cfg(test)]
mod tls_tests;
#[cfg(test)]
#[path = "../../tests/frames/mod.rs"]
mod wire;
