//! What one answered request leaves behind for the metrics and the access log. The plot fills it
//! in; `front` adds what only the connection knows and hands it on when the last byte has left.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{Outcome, Reason, SiteId};

/// The part of a request's record that the plot knows.
#[derive(Clone, Debug)]
pub struct Account {
    /// The site, where the host had one.
    pub site: Option<SiteId>,
    /// What became of the request.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// What the origin had to do with it.
    pub origin: Option<OriginPart>,
    /// Whether the answer shares another client's fetch.
    pub collapsed: bool,
    /// What only the log may read, where something went wrong.
    pub detail: Option<Box<str>>,
}

/// The origin's part in an answer.
#[derive(Clone, Debug)]
pub struct OriginPart {
    /// The server that answered, as configured.
    pub server: Arc<str>,
    /// From the request's first byte to the answer's.
    pub first_byte: Duration,
}

impl Account {
    /// An account with nothing of an origin in it.
    pub fn new(site: Option<SiteId>, outcome: Outcome, reason: Reason) -> Self {
        Self { site, outcome, reason, origin: None, collapsed: false, detail: None }
    }
}
