//! What all requests of a node share: the configuration in force, and what outlives it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderValue;

use crate::base::{Budget, Clients, Clock};
use crate::config::Config;
use crate::fetch::Fetch;
use crate::origin::Origins;
use crate::site::Sites;
use crate::store::Store;

/// A configuration in force. A request keeps the one that it began under.
#[derive(Debug)]
pub struct Running {
    /// What is meant.
    pub config: Config,
    /// Host → site.
    pub sites: Sites,
    /// The clusters, with their connections.
    pub origins: Origins,
}

/// What outlives a reload.
#[derive(Debug)]
pub struct Node {
    /// The configuration in force, replaced as a whole.
    pub running: ArcSwap<Running>,
    /// What is stored.
    pub store: Arc<Store>,
    /// What is being fetched.
    pub fetch: Arc<Fetch>,
    /// Time.
    pub clock: Clock,
    /// The process's memory.
    pub budget: Budget,
    /// Our member of Via on what an HTTP/1.1 origin said (RFC 9110 §7.6.3).
    pub via: HeaderValue,
    /// What each client address holds.
    pub clients: Clients,
}
