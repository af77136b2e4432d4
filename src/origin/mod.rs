//! Origin clusters: which server is asked, over which connection, and how long for.
//!
//! A cluster has a pool of servers in each of its datacenters; which pools may be asked, and in which
//! order, is given from outside. A pool's servers share its requests by turns, by what they have under way, or by URL. Each keeps
//! idle connections per worker, so that a connection never leaves the runtime that polls it, while
//! the number of open ones is counted over all workers. A kept connection that closed before a byte
//! of its answer came is no server's fault, and the request goes over another; where a server closed
//! a new one so, or says 503, another server is asked once, within a budget. Both only where a
//! request may be repeated safely. Which servers are asked at all is the business of [`health`].

pub mod allowance;
pub mod answer;
pub mod balance;
pub mod body;
pub mod cluster;
pub mod connection;
pub mod fault;
pub mod health;
pub mod pool;
pub mod retries;
pub mod sending;
pub mod server;
pub mod tries;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

pub use body::OriginBody;
pub use cluster::Cluster;
use health::Health;
pub use pool::{Exchange, Pool};

use crate::base::{Budget, ClusterId};
use crate::config::{self, Config};
use crate::net::resolver::Resolver;

/// Every cluster of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Origins(HashMap<ClusterId, Arc<Cluster>>);

impl Origins {
    /// The clusters of `config`. One that is as it was in `previous` keeps its connections, and every
    /// server that was there its health.
    ///
    /// # Errors
    /// Sentences about roots that cannot be read and hosts that no certificate can name.
    pub fn build(
        config: &Config,
        previous: Option<&Self>,
        resolver: &Resolver,
        budget: &Budget,
        now: Instant,
    ) -> Result<Self, Vec<String>> {
        let (mut all, mut errors) = (HashMap::new(), Vec::new());
        let workers = config.node.workers;
        let build = |cluster: &Arc<config::Cluster>, before: Option<&Arc<Cluster>>| {
            let known = before.map_or(&[][..], |before| before.pools());
            let pool = |(at, location): (usize, &config::Location)| {
                let servers = server::all_of(cluster, location, workers, resolver, budget)?;
                let same = |pool: &&Arc<Pool>| pool.datacenter() == location.datacenter.as_ref();
                let health = known.iter().find(same).map(|pool| pool.health());
                let health = Health::new(cluster, &servers, health, now);
                Ok::<_, String>(Arc::new(Pool::new(cluster, at, servers, health)))
            };
            let pools = cluster.locations.iter().enumerate().map(pool).collect::<Result<_, _>>()?;
            Ok::<_, String>(Cluster::new(cluster, workers, pools))
        };
        for cluster in &config.clusters {
            let before = previous.and_then(|previous| previous.0.get(&cluster.id));
            let kept = before.filter(|kept| kept.matches(cluster, workers));
            match kept {
                Some(kept) => {
                    all.insert(cluster.id, Arc::clone(kept));
                }
                None => match build(cluster, before) {
                    Ok(built) => {
                        all.insert(cluster.id, Arc::new(built));
                    }
                    Err(error) => errors.push(format!("cluster {}: {error}", cluster.name)),
                },
            }
        }
        if errors.is_empty() { Ok(Self(all)) } else { Err(errors) }
    }

    /// The cluster with this number.
    pub fn get(&self, id: ClusterId) -> Option<&Arc<Cluster>> {
        self.0.get(&id)
    }

    /// The pool of this cluster that is asked now.
    pub fn pool(&self, id: ClusterId) -> Option<&Arc<Pool>> {
        self.get(id)?.pool()
    }

    /// Every pool of every cluster.
    pub fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.iter().flat_map(|cluster| cluster.pools())
    }

    /// Every cluster.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        self.0.values()
    }
}
