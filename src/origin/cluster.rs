//! A named origin service: a pool of servers in each datacenter that has some, and which of them is asked.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::pool::Pool;
use crate::base::ClusterId;
use crate::config;

/// A named origin service.
#[derive(Debug)]
pub struct Cluster {
    config: Arc<config::Cluster>,
    workers: usize,
    pools: Box<[Arc<Pool>]>,
    /// The pools that may be asked, the best first.
    order: ArcSwap<Box<[usize]>>,
}

impl Cluster {
    /// The cluster as configured, all of whose `pools` may be asked, in the order of its locations.
    pub fn new(config: &Arc<config::Cluster>, workers: usize, pools: Box<[Arc<Pool>]>) -> Self {
        let order = ArcSwap::from_pointee((0..pools.len()).collect());
        Self { config: Arc::clone(config), workers, pools, order }
    }

    /// Whether it is what `config` describes.
    pub fn matches(&self, config: &config::Cluster, workers: usize) -> bool {
        *self.config == *config && self.workers == workers
    }

    /// Its number.
    pub fn id(&self) -> ClusterId {
        self.config.id
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.config.name
    }

    /// Its pools, in the order of its locations.
    pub fn pools(&self) -> &[Arc<Pool>] {
        &self.pools
    }

    /// Has those pools asked that `order` numbers, the first that is well before the others.
    pub fn set_order(&self, order: &[usize]) {
        let known = |at: &usize| *at < self.pools.len();
        let order: Box<[usize]> = order.iter().copied().filter(known).collect();
        if **self.order.load() != order {
            self.order.store(Arc::new(order));
        }
    }

    /// The pools that may be asked, the best first.
    pub fn order(&self) -> Arc<Box<[usize]>> {
        self.order.load_full()
    }

    /// The pool that is asked now: the first in order that is not out altogether, or the first. `None`
    /// where none may be asked.
    pub fn pool(&self) -> Option<&Arc<Pool>> {
        let order = self.order.load();
        let is_well = |at: &&usize| !self.pools[**at].health().is_panicking();
        let at = order.iter().find(is_well).or_else(|| order.first())?;
        Some(&self.pools[*at])
    }
}
