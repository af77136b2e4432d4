//! A request's answer: its head, and the body as it comes.

use std::sync::Arc;
use std::time::Duration;

use http::response;

use super::body::{Lease, OriginBody};
use crate::base::tunnel::Tunnel;
use crate::base::{ClusterId, Fault, Reason};

/// A request's answer so far: its head, and the body as it comes.
#[derive(Debug)]
pub struct Exchange {
    /// The head.
    pub head: response::Parts,
    /// The body.
    pub body: OriginBody,
    /// The server that answered.
    pub server: Arc<str>,
    /// The cluster that it belongs to.
    pub cluster: ClusterId,
    /// From the request to the head.
    pub first_byte: Duration,
    /// How long after the request was first tried the head was complete, in monotonic time; the
    /// response delay of RFC 9111 §4.2.3.
    pub delay: Duration,
    /// Whether a node of the fleet answered that did not know of all purges that were known here.
    pub behind: bool,
    /// For a 101: the connection, which has changed protocol.
    pub upgrade: Option<Lease>,
}

impl Exchange {
    /// The origin's half of a tunnel, once its connection has changed protocol.
    ///
    /// # Errors
    /// Where the answer was no 101.
    pub fn into_tunnel(self) -> Result<Tunnel, Fault> {
        let closed = || Fault::origin(Reason::OriginClosed, "no change of protocol");
        let Lease { connection, home } = self.upgrade.ok_or_else(closed)?;
        let (origin, open) = connection.into_duplex();
        Ok(Tunnel { origin, held: Box::new((open, home)) })
    }
}
