//! Origin clusters: which server is asked, over which connection, and how long for.
//!
//! A cluster has a pool of servers in each of its datacenters; which pools may be asked, and in which
//! order, is given from outside. A pool's servers share its requests by turns, by what they have under way, or by URL. Each keeps
//! idle connections per worker, so that a connection never leaves the runtime that polls it, while
//! the number of open ones is counted over all workers. A kept connection that closed before a byte
//! of its answer came is no server's fault, and the request goes over another; where a server closed
//! a new one so, or says 503, another server is asked once, within a budget. Both only where a
//! request may be repeated safely. Over [`http2`], many requests share a connection. Which servers are asked at all is the business of [`health`].

pub mod allowance;
pub mod answer;
pub mod balance;
pub mod body;
pub mod carrier;
pub mod cluster;
pub mod connection;
pub mod exchange;
pub mod fault;
pub mod health;
pub mod http1;
pub mod http2;
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
pub use exchange::Exchange;
use health::Health;
pub use pool::Pool;

use crate::base::{Budget, ClusterId};
use crate::config::{self, Config};
use crate::net::resolver::Resolver;

/// Every cluster of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    all: HashMap<ClusterId, Arc<Cluster>>,
    /// The nodes of other datacenters, where misses are sent to them.
    edges: Option<Arc<Cluster>>,
}

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
        for cluster in config.clusters.iter().chain(&config.edges) {
            let before = previous.and_then(|previous| previous.all.get(&cluster.id));
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
        let edges = config.edges.as_ref().and_then(|edges| all.get(&edges.id)).map(Arc::clone);
        if errors.is_empty() { Ok(Self { all, edges }) } else { Err(errors) }
    }

    /// The cluster with this number.
    pub fn get(&self, id: ClusterId) -> Option<&Arc<Cluster>> {
        self.all.get(&id)
    }

    /// Who is asked now for what this cluster answers: of its datacenters the first in order, by its
    /// nodes where `through_edges` and these are well, or by the cluster's servers there; `None` where none
    /// may be asked but who could not be reached, `without`.
    pub fn pool(
        &self,
        id: ClusterId,
        through_edges: bool,
        without: Option<&Arc<Pool>>,
    ) -> Option<&Arc<Pool>> {
        let cluster = self.get(id)?;
        let edges = self.edges.as_ref().filter(|_| through_edges).map_or(&[][..], |it| it.pools());
        let edges_of = |pool: &Arc<Pool>| {
            let there = |edge: &&Arc<Pool>| edge.datacenter() == pool.datacenter();
            edges.iter().find(there)
        };
        let order = cluster.order();
        let pools = order.iter().map(|at| &cluster.pools()[*at]);
        let may = |pool: &&Arc<Pool>| without.is_none_or(|without| !Arc::ptr_eq(pool, without));
        let asked: Vec<&Arc<Pool>> =
            pools.flat_map(|pool| edges_of(pool).into_iter().chain([pool])).filter(may).collect();
        cluster::choose(&asked)
    }

    /// The nodes of other datacenters, a pool for each, where misses are sent to them.
    pub fn edges(&self) -> &[Arc<Pool>] {
        self.edges.as_ref().map_or(&[], |edges| edges.pools())
    }

    /// Every pool of every cluster.
    pub fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.iter().flat_map(|cluster| cluster.pools())
    }

    /// Every cluster.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        self.all.values()
    }
}
