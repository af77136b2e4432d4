//! The seam between the protocols and the plot: a [`Handler`] turns a request into an [`Answer`],
//! and says what becomes of the connection afterwards. `front` knows nothing of caching, and
//! whoever implements [`Handler`] nothing of HTTP/1 or HTTP/2.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::response;

use crate::base::{Body, Fields, Peer};
use crate::telemetry::Account;

/// A request as the plot sees it: the head as the client sent it, and its body.
pub type Request = http::Request<Body>;

/// A response, what to count for it, and what becomes of the connection.
#[derive(Debug)]
pub struct Answer {
    /// Status and fields; framing fields are `front`'s business.
    pub head: response::Parts,
    /// Fields of the store that the answer has beside those of `head`, which have other names or are
    /// lists: HTTP/1 writes them as they are, so they are for its requests alone.
    pub stored: Fields,
    /// The body; empty where the method or the status allows none.
    pub body: Body,
    /// What the metrics and the access log tell of it.
    pub account: Account,
    /// What becomes of the connection.
    pub then: Then,
}

/// What becomes of a connection after an answer.
#[derive(Debug, Default)]
pub enum Then {
    /// It takes the next request.
    #[default]
    KeepAlive,
    /// It is closed once the answer has been written (HTTP/1; an HTTP/2 stream ends anyway).
    Close,
    /// It is cut where it stands: the answer must not look complete.
    Abort,
    /// After the answer's head the two sides talk directly.
    Tunnel(crate::base::tunnel::Tunnel),
}

/// An answer that comes.
pub type Later = Pin<Box<dyn Future<Output = Answer> + Send>>;

#[allow(
    clippy::large_enum_variant,
    reason = "boxing the common, ready answer would cost every hit an allocation"
)]
/// An answer that stands now, or one that must be waited for. A hit never allocates for waiting.
pub enum Reply {
    /// It stands.
    Ready(Answer),
    /// It comes.
    Later(Later),
}

/// Answers requests. One handler serves every connection of a worker.
pub trait Handler: Send + Sync + 'static {
    /// Begins to answer `request`, which came over a connection of `peer`.
    fn handle(&self, request: Request, peer: &Arc<Peer>) -> Reply;
}
