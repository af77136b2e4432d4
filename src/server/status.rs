//! The status page: what the node is doing, in one JSON object.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::fleet::Fleet;
use super::purging::Purging;
use crate::base::Drain;
use crate::config::HostPattern;
use crate::flow::Node;
use crate::origin::health::Look;
use crate::origin::server::Server;
use crate::origin::{Cluster, Pool};
use crate::telemetry::Telemetry;

/// The page, as of now.
pub(super) fn page(
    node: &Node,
    telemetry: &Telemetry,
    draining: &Drain,
    purging: &Purging,
    fleet: &Fleet,
) -> Value {
    let running = node.running.load();
    let config = &running.config;
    let uptime = node.clock.wall().duration_since(telemetry.started()).unwrap_or_default();
    let listeners: Vec<Value> = config.listeners.iter().map(listener).collect();
    let sites: Vec<Value> = config.sites.iter().map(|site| self::site(site)).collect();
    let now = node.clock.now();
    let clusters: Vec<Value> =
        running.origins.iter().map(|cluster| self::cluster(cluster, now)).collect();
    let store = &node.store;
    json!({
        "node": config.node.name,
        "datacenter": config.node.datacenter,
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": uptime.as_secs(),
        "draining": draining.is_draining(),
        "workers": config.node.workers,
        "listeners": listeners,
        "sites": sites,
        "clusters": clusters,
        "store": {
            "entries": store.entries(),
            "bytes": store.bytes(),
            "capacity_bytes": store.capacity(),
            "evictions": store.evictions(),
            "rejections": store.rejections(),
        },
        "flights": node.fetch.flights(),
        "waiters": node.fetch.waiting(),
        "memory": { "budget_bytes": node.budget.limit(), "held_bytes": node.budget.held() },
        "purge_seq": store.floors().now().0,
        "purging": purging.status(),
        "fleet": fleet.status(now),
    })
}

fn listener(listener: &crate::config::Listener) -> Value {
    json!({
        "address": listener.address.to_string(),
        "tls": listener.tls,
        "purge_only": listener.purge_only,
    })
}

fn site(site: &crate::config::Site) -> Value {
    let hosts: Vec<String> = site.hosts.iter().map(host).collect();
    json!({ "name": &*site.name, "hosts": hosts, "cluster": &*site.cluster.name })
}

fn host(host: &HostPattern) -> String {
    match host {
        HostPattern::Exact(name) => name.clone(),
        HostPattern::Suffix(suffix) => format!("*{suffix}"),
        HostPattern::Any => "*".to_owned(),
    }
}

/// A cluster with its servers, those that are asked first before the others.
fn cluster(cluster: &Cluster, now: Instant) -> Value {
    let order = cluster.order();
    let rest = (0..cluster.pools().len()).filter(|at| !order.contains(at));
    let pools = order.iter().copied().chain(rest).map(|at| &cluster.pools()[at]);
    let servers: Vec<Value> = pools.clone().flat_map(|pool| servers(pool, now)).collect();
    let asked = cluster.pool();
    json!({
        "name": &**cluster.name(),
        "datacenter": asked.and_then(|pool| pool.datacenter()).map(|name| &**name),
        "panic": asked.is_none_or(|pool| pool.health().is_panicking()),
        "servers": servers,
    })
}

fn servers(pool: &Pool, now: Instant) -> Vec<Value> {
    let server = |(server, look): (&Arc<Server>, Look)| {
        json!({
            "address": &**server.name(),
            "datacenter": pool.datacenter().map(|name| &**name),
            "connections": server.open(),
            "decided": look.pooled.as_str(),
            "state": look.state.as_str(),
            "pooled": look.standing.is_pooled(),
            "since_seconds": now.saturating_duration_since(look.since).as_secs(),
            "why": &*look.why,
        })
    };
    pool.servers().iter().zip(pool.health().look()).map(server).collect()
}
