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
    /// What the files of certificates held when it was made.
    pems: Pems,
    /// The pools that may be asked, the best first.
    order: ArcSwap<Box<[usize]>>,
}

impl Cluster {
    /// The cluster as configured, all of whose `pools` may be asked, in the order of its locations.
    pub fn new(config: &Arc<config::Cluster>, workers: usize, pools: Box<[Arc<Pool>]>) -> Self {
        let order = ArcSwap::from_pointee((0..pools.len()).collect());
        Self { config: Arc::clone(config), workers, pools, pems: pems(config), order }
    }

    /// Whether it is what `config` describes.
    pub fn matches(&self, config: &config::Cluster, workers: usize) -> bool {
        *self.config == *config && self.workers == workers && self.pems == pems(config)
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

    /// The pool that is asked now, of those that may be; `None` where none may.
    pub fn pool(&self) -> Option<&Arc<Pool>> {
        let order = self.order.load();
        // The order outlives a change of it here, and numbers pools alone.
        let pools: Vec<&Arc<Pool>> = order.iter().map(|at| &self.pools[*at]).collect();
        choose(&pools)
    }
}

/// What is in the files of a cluster's certificates; one that cannot be read is like no other.
type Pems = [Option<Vec<u8>>; 3];

fn pems(config: &config::Cluster) -> Pems {
    let identity = config.identity.as_ref();
    let files = [config.roots.as_ref(), identity.map(|it| &it.cert), identity.map(|it| &it.key)];
    files.map(|file| file.and_then(|file| file.read().ok()))
}

/// Of `pools`, the best first, the one that takes the next request: the first, as far as its servers are
/// ready for what comes; where none is ready for it, the first that is not out altogether, or the first.
pub(super) fn choose<'a>(pools: &[&'a Arc<Pool>]) -> Option<&'a Arc<Pool>> {
    let ready = |pool: &&&Arc<Pool>| {
        let ready = pool.health().ready();
        ready >= 100 || fastrand::u8(..100) < ready
    };
    let is_alive = |pool: &&&Arc<Pool>| !pool.health().is_panicking();
    let mut all = pools.iter();
    let chosen = all.clone().find(ready).or_else(|| all.clone().find(is_alive));
    chosen.or_else(|| all.next()).copied()
}
