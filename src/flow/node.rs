//! What all requests of a node share: the configuration in force, and what outlives it.
//!
//! Each worker has a copy of its own, down to the sites. Every request counts itself among those that
//! hold them, and a counter that all workers write is passed from one CPU's cache to the next for each
//! request.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use http::HeaderValue;

use super::verify::{Countdown, Watch};
use crate::base::{Budget, Clients, Clock};
use crate::config::Config;
use crate::fetch::Fetch;
use crate::origin::Origins;
use crate::purge::Sources;
use crate::reply::ErrorPages;
use crate::site::Sites;
use crate::site::identity::RequestIds;
use crate::store::Store;

/// A configuration in force. A request keeps the one that it began under.
#[derive(Debug)]
pub struct Running {
    /// What is meant.
    pub config: Config,
    /// Host → site.
    pub sites: Sites,
    /// The same for other nodes of the fleet.
    pub fleet_sites: Sites,
    /// The clusters, with their connections.
    pub origins: Origins,
    /// The sites' error pages.
    pub error_pages: ErrorPages,
}

impl Running {
    /// `config` in force, with `origins` for its clusters and `error_pages` for its sites.
    pub fn new(config: Config, origins: Origins, error_pages: ErrorPages) -> Self {
        let (sites, fleet_sites) = (Sites::new(&config.sites), Sites::new(&config.fleet_sites));
        Self { sites, fleet_sites, config, origins, error_pages }
    }

    /// The same with sites that only one worker counts.
    fn copy(&self) -> Self {
        let mut config = self.config.clone();
        for site in config.sites.iter_mut().chain(&mut config.fleet_sites) {
            *site = Arc::new(site.apart());
        }
        Self::new(config, self.origins.clone(), self.error_pages.clone())
    }
}

/// How far purge streams are read, to be told from node to node.
pub trait Positions: fmt::Debug + Send + Sync {
    /// How far they are read here; none where there is no stream. What is being applied counts as read.
    fn told(&self) -> Option<HeaderValue>;

    /// Whether all that is told was applied here.
    fn has_reached(&self, told: &[u8]) -> bool;
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
    /// What the staleness watch has found.
    pub watch: Arc<Watch>,
    /// When this worker's next hit is looked at.
    pub countdown: Countdown,
    /// Where purges come in, and what of them is to be repeated.
    pub sources: Arc<Sources>,
    /// How far the purge streams are read.
    pub streams: Arc<OnceLock<Arc<dyn Positions>>>,
    /// Time.
    pub clock: Clock,
    /// The process's memory.
    pub budget: Budget,
    /// Our member of Via on what an HTTP/1.1 origin said (RFC 9110 §7.6.3).
    pub via: HeaderValue,
    /// What each client address holds.
    pub clients: Clients,
    /// Where requests get their names from.
    pub request_ids: RequestIds,
}

impl Node {
    /// The same node for one worker.
    pub fn copy(&self) -> Self {
        // In memory of its own.
        let via = HeaderValue::from_bytes(self.via.as_bytes());
        Self {
            running: ArcSwap::from_pointee(self.running.load().copy()),
            store: Arc::clone(&self.store),
            fetch: Arc::clone(&self.fetch),
            watch: Arc::clone(&self.watch),
            countdown: Countdown::default(),
            sources: Arc::clone(&self.sources),
            streams: Arc::clone(&self.streams),
            clock: self.clock.clone(),
            budget: self.budget.clone(),
            via: via.unwrap_or_else(|_| self.via.clone()),
            clients: self.clients.clone(),
            request_ids: RequestIds::default(),
        }
    }

    /// How far the purge streams are read, for another node; what is being applied now counts as read.
    pub fn positions(&self) -> Option<HeaderValue> {
        self.streams.get()?.told()
    }

    /// Whether they are applied as far as another node has told.
    pub fn has_reached(&self, told: &HeaderValue) -> bool {
        self.streams.get().is_some_and(|streams| streams.has_reached(told.as_bytes()))
    }

    /// Puts what `running` says in force here.
    pub fn follow(&self, running: &Running) {
        self.running.store(Arc::new(running.copy()));
    }
}
