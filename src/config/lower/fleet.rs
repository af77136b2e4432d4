//! The fleet: what its keys mean.

use std::sync::Arc;
use std::time::Duration;

use super::super::Ids;
use super::super::file::Table;
use super::super::meaning::{
    Balance, Certificate, Check, Cluster, Datacenter, EtcdTls, Fleet, Location, Pem, Protocol,
    Spread, Trust,
};
use super::super::texts;
use super::{cluster, need};
use crate::base::ClusterId;

/// What `table`, the `[fleet]`, means.
pub(super) fn fleet(table: &Table) -> Fleet {
    let member = |text: &String| need(texts::split_broker(text));
    Fleet {
        etcd: table.texts("etcd").iter().map(member).collect(),
        etcd_tls: table.texts("etcd").iter().any(|text| texts::is_tls(text)).then(|| EtcdTls {
            roots: table.path("etcd_roots").map(Pem::File),
            identity: table.path("etcd_cert").map(|cert| Certificate {
                cert: Pem::File(cert),
                key: Pem::File(need(table.path("etcd_key"))),
            }),
        }),
        etcd_user: table
            .maybe_text("etcd_user")
            .map(|user| (user.into(), need(table.path("etcd_password")))),
        prefix: table.text("prefix").trim_end_matches('/').to_owned(),
        state: table.path("state"),
        overrides: table.path("overrides"),
        trust: table.path("roots").map(|roots| Trust {
            roots: Pem::File(roots),
            identity: Certificate {
                cert: Pem::File(need(table.path("cert"))),
                key: Pem::File(need(table.path("key"))),
            },
        }),
    }
}

/// What `table`, a `[datacenter.NAME]`, means.
pub(super) fn datacenter(table: &Table) -> Datacenter {
    Datacenter {
        name: table.name.as_str().into(),
        pooled: table.boolean("pooled"),
        coordinates: table.maybe_text("coordinates").map(|text| need(text.parse().ok())),
        nearest: table.texts("nearest").iter().map(|name| name.as_str().into()).collect(),
    }
}

/// The nodes of the datacenters in `root` to which the node in `here` sends misses, as a cluster with a
/// location for each; `None` where it sends them to servers. The inner one where `ids` has no number left.
pub(super) fn edges(
    root: &Table,
    here: Option<&str>,
    trust: Option<&Trust>,
    ids: &Ids,
) -> Option<Option<Arc<Cluster>>> {
    let all = root.tables("datacenter");
    let own = all.iter().find(|table| Some(table.name.as_str()) == here)?;
    let others = all.iter().filter(|table| table.name != own.name);
    let location = |table: &Table| Location {
        datacenter: Some(table.name.as_str().into()),
        servers: table.tables("edges").iter().map(cluster::server).collect(),
    };
    let mut locations: Vec<Location> = others.map(location).collect();
    locations.retain(|location| !location.servers.is_empty());
    let trust = trust.filter(|_| own.text("misses") == "edges" && !locations.is_empty())?;
    Some(ids.clusters.number(EDGES).map(|id| Arc::new(tier(ClusterId(id), locations, trust))))
}

/// What the nodes of other datacenters are called among the clusters: no cluster's name has brackets.
const EDGES: &str = "(edges)";

fn tier(id: ClusterId, locations: Vec<Location>, trust: &Trust) -> Cluster {
    let seconds = Duration::from_secs;
    Cluster {
        id,
        name: EDGES.into(),
        locations,
        spread: Spread::Nearest,
        // What one of them has stored, it is asked for again.
        balance: Balance::Hash,
        protocol: Protocol::Http1,
        connect_timeout: seconds(3),
        // They have timeouts of their own towards servers.
        first_byte_timeout: seconds(75),
        between_bytes_timeout: seconds(45),
        keepalive: seconds(60),
        max_connections: 10_000,
        max_queue: 1000,
        queue_timeout: seconds(1),
        refresh_rate: 0,
        retry_budget: 20,
        eject_after: 5,
        eject_time: seconds(5),
        depool_threshold: 0,
        slow_start: Duration::ZERO,
        check: Some(Check {
            path: None,
            host: None,
            status: 200,
            body: None,
            interval: seconds(2),
            jitter: 10,
            timeout: seconds(2),
            rise: 1,
            fall: 2,
        }),
        roots: Some(trust.roots.clone()),
        identity: Some(trust.identity.clone()),
        is_tier: true,
    }
}
