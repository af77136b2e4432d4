//! What follows from what is pooled: for each cluster, the datacenters whose servers are asked, and how
//! each server is pooled.
//!
//! What would leave a cluster without servers, or an active/passive one without exactly one primary, is
//! refused: that cluster stays as it was decided before.

use std::collections::HashMap;

use super::nearest::nearest;
pub use super::state::NOWHERE;
use super::state::{Entry, State};
use crate::base::ClusterId;
use crate::config::{Cluster, Config, Datacenter, Location, Pooled, Spread};

/// What is decided of every cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    clusters: HashMap<ClusterId, Decided>,
    /// What was refused, in sentences.
    pub refused: Vec<String>,
}

/// What is decided of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Its locations whose servers are asked, by their numbers, the best first.
    pub order: Vec<usize>,
    /// How the servers of each location are pooled, and their shares.
    pub servers: Vec<Vec<(Pooled, u32)>>,
    /// What it is about.
    about: (Vec<Location>, Spread),
}

impl Decision {
    /// What follows from `state` under `config`, of which the same clusters were decided so `before`.
    pub fn new(config: &Config, state: &State, before: Option<&Self>) -> Self {
        let mut decision = Self::default();
        for cluster in &config.clusters {
            let decided = decide(config, cluster, state).or_else(|why| {
                decision.refused.push(format!("cluster {}: {why}", cluster.name));
                let before = before.and_then(|before| before.clusters.get(&cluster.id));
                let before = before.filter(|before| before.fits(cluster)).cloned();
                // Else what is decided of its servers alone, or what is configured, which is whole.
                before
                    .ok_or(why)
                    .or_else(|_| decide(config, cluster, &state.without(&cluster.name)))
                    .or_else(|_| decide(config, cluster, &State::default()))
            });
            match decided {
                Ok(decided) => _ = decision.clusters.insert(cluster.id, decided),
                Err(why) => decision.refused.push(format!("cluster {}: {why}", cluster.name)),
            }
        }
        if let Some(edges) = &config.edges {
            decision.clusters.insert(edges.id, nodes(config, edges, state));
        }
        decision
    }

    /// The datacenter that is the primary of `cluster`, if it has one.
    pub fn primary<'a>(&self, cluster: &'a Cluster) -> Option<&'a str> {
        let Spread::Primary(_) = cluster.spread else { return None };
        self.datacenters(cluster).first().copied()
    }

    /// The datacenters whose servers are asked for `cluster`, the best first.
    pub fn datacenters<'a>(&self, cluster: &'a Cluster) -> Vec<&'a str> {
        let order = self.of(cluster.id).map_or(&[][..], |decided| &decided.order);
        let name = |at: &usize| cluster.locations[*at].datacenter.as_deref().unwrap_or(NOWHERE);
        order.iter().map(name).collect()
    }

    /// The location of `cluster` that is asked first.
    pub fn first(&self, cluster: &Cluster) -> Option<usize> {
        self.of(cluster.id)?.order.first().copied()
    }

    /// How many servers of `cluster` take requests at a location.
    pub fn pooled(&self, cluster: &Cluster, at: usize) -> usize {
        self.count(cluster, at, |(pooled, weight)| takes(pooled, weight))
    }

    /// How many servers `cluster` has at a location.
    pub fn there(&self, cluster: &Cluster, at: usize) -> usize {
        self.count(cluster, at, |(pooled, _)| pooled != Pooled::Inactive)
    }

    fn count(&self, cluster: &Cluster, at: usize, is: impl Fn((Pooled, u32)) -> bool) -> usize {
        let servers = self.of(cluster.id).and_then(|decided| decided.servers.get(at));
        servers.map_or(0, |servers| servers.iter().filter(|server| is(**server)).count())
    }

    /// What is decided of a cluster.
    pub fn of(&self, cluster: ClusterId) -> Option<&Decided> {
        self.clusters.get(&cluster)
    }
}

impl Decided {
    /// Whether it is about the servers that `cluster` has.
    fn fits(&self, cluster: &Cluster) -> bool {
        (&self.about.0, &self.about.1) == (&cluster.locations, &cluster.spread)
    }
}

fn decide(config: &Config, cluster: &Cluster, state: &State) -> Result<Decided, String> {
    let servers = servers(cluster, state);
    let has_some = |at: &usize| servers[*at].iter().any(|(pooled, weight)| takes(*pooled, *weight));
    let order = match &cluster.spread {
        Spread::Primary(configured) => vec![primary(cluster, configured, state)?],
        Spread::Nearest => by_distance(config, cluster, state),
    };
    let order: Vec<usize> = order.into_iter().filter(has_some).collect();
    if order.is_empty() {
        return Err("no server would be left".to_owned());
    }
    let about = (cluster.locations.clone(), cluster.spread.clone());
    Ok(Decided { order, servers, about })
}

/// What is decided of the nodes of other datacenters. There need be none: then servers are asked.
fn nodes(config: &Config, edges: &Cluster, state: &State) -> Decided {
    let of = |location: &Location| {
        let name = location.datacenter.as_deref().unwrap_or(NOWHERE);
        let datacenter = config.datacenters.iter().find(|one| *one.name == *name);
        let is_drained = datacenter.is_some_and(|one| !is_pooled(state, one));
        let decided = |node: &crate::config::Server| {
            let entry = state.get(&State::node(name, &node.name));
            let pooled = entry.map_or(Pooled::Yes, |entry| entry.pooled);
            (if is_drained { Pooled::No } else { pooled }, node.weight)
        };
        location.servers.iter().map(decided).collect()
    };
    let servers = edges.locations.iter().map(of).collect();
    let about = (edges.locations.clone(), edges.spread.clone());
    Decided { order: (0..edges.locations.len()).collect(), servers, about }
}

const fn takes(pooled: Pooled, weight: u32) -> bool {
    matches!(pooled, Pooled::Yes) && weight > 0
}

fn servers(cluster: &Cluster, state: &State) -> Vec<Vec<(Pooled, u32)>> {
    let of = |location: &Location| {
        let datacenter = location.datacenter.as_deref().unwrap_or(NOWHERE);
        let decided = |server: &crate::config::Server| {
            let key = State::server(datacenter, &cluster.name, &server.name);
            let Entry { pooled, weight } =
                state.get(&key).unwrap_or(Entry { pooled: Pooled::Yes, weight: None });
            (pooled, weight.unwrap_or(server.weight))
        };
        location.servers.iter().map(decided).collect()
    };
    cluster.locations.iter().map(of).collect()
}

/// The location of the one datacenter that is the cluster's primary.
fn primary(cluster: &Cluster, configured: &str, state: &State) -> Result<usize, String> {
    let decided = |at: &usize| {
        let datacenter = cluster.locations[*at].datacenter.as_deref().unwrap_or_default();
        state.get(&State::primary(&cluster.name, datacenter))
    };
    let all: Vec<usize> = (0..cluster.locations.len()).collect();
    let name = |at: &usize| cluster.locations[*at].datacenter.as_deref().unwrap_or_default();
    if all.iter().all(|at| decided(at).is_none()) {
        let found = all.iter().find(|at| name(at) == configured).copied();
        return found.ok_or_else(|| format!("its primary {configured} has no servers"));
    }
    let is = |at: &&usize| decided(at).is_some_and(|entry| entry.pooled == Pooled::Yes);
    let pooled: Vec<&usize> = all.iter().filter(is).collect();
    match &pooled[..] {
        [at] => Ok(**at),
        [] => Err("it would have no primary".to_owned()),
        several => {
            let names: Vec<&str> = several.iter().map(|at| name(at)).collect();
            Err(format!("it would have several primaries: {}", names.join(", ")))
        }
    }
}

/// Whether a datacenter takes requests.
pub fn is_pooled(state: &State, datacenter: &Datacenter) -> bool {
    match state.get(&State::datacenter(&datacenter.name)) {
        Some(entry) => entry.pooled == Pooled::Yes,
        None => datacenter.pooled,
    }
}

/// The locations in datacenters that are pooled, the nearest first; all, where none is.
fn by_distance(config: &Config, cluster: &Cluster, state: &State) -> Vec<usize> {
    let order = nearest(&config.datacenters, config.node.datacenter.as_deref());
    let rank = |at: &usize| {
        let name = cluster.locations[*at].datacenter.as_ref();
        order.iter().position(|one| Some(&config.datacenters[*one].name) == name)
    };
    let is_asked = |at: &usize| {
        let Some(name) = &cluster.locations[*at].datacenter else { return true };
        let found = config.datacenters.iter().find(|one| one.name == *name);
        found.is_none_or(|one| is_pooled(state, one))
    };
    let mut all: Vec<usize> = (0..cluster.locations.len()).collect();
    all.sort_by_key(|at| rank(at).unwrap_or(usize::MAX));
    if all.iter().any(is_asked) {
        all.retain(is_asked);
    }
    all
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
