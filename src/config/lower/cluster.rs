//! Clusters: what their keys mean, and which of their servers this node uses.

use super::super::Ids;
use super::super::file::Table;
use super::super::kind::Value;
use super::super::meaning::{
    Balance, Certificate, Check, Cluster, Location, Pem, Protocol, Server, Spread,
};
use super::{need, small};
use crate::base::ClusterId;

/// A cluster as this node sees it; `None` where `ids` has no number left.
pub(super) fn cluster(table: &Table, here: Here<'_>, ids: &Ids) -> Option<Cluster> {
    Some(Cluster {
        id: ClusterId(ids.clusters.number(&table.name)?),
        name: table.name.as_str().into(),
        locations: locations(table, here),
        spread: match table.maybe_text("primary").filter(|_| here.knows_all) {
            Some(primary) => Spread::Primary(primary.into()),
            None => Spread::Nearest,
        },
        balance: match table.text("balance") {
            "least" => Balance::Least,
            "hash" => Balance::Hash,
            _ => Balance::Turns,
        },
        protocol: match table.text("protocol") {
            "h2" => Protocol::Http2,
            _ => Protocol::Http1,
        },
        connect_timeout: table.duration("connect_timeout"),
        first_byte_timeout: table.duration("first_byte_timeout"),
        between_bytes_timeout: table.duration("between_bytes_timeout"),
        keepalive: table.duration("keepalive"),
        max_connections: table.count("max_connections"),
        max_queue: table.count("max_queue"),
        queue_timeout: table.duration("queue_timeout"),
        refresh_rate: small(table, "refresh_rate"),
        retry_budget: small(table, "retry_budget"),
        eject_after: small(table, "eject_after"),
        eject_time: table.duration("eject_time"),
        depool_threshold: small(table, "depool_threshold"),
        slow_start: table.duration("slow_start"),
        check: table.tables("check").first().map(check),
        roots: table.path("roots").map(Pem::File),
        identity: identity(table),
        is_tier: false,
    })
}

fn check(table: &Table) -> Check {
    let text = |key| table.maybe_text(key).map(str::to_owned);
    Check {
        path: text("path"),
        host: text("host"),
        status: need(u16::try_from(table.integer("status")).ok()),
        body: text("body"),
        interval: table.duration("interval"),
        jitter: small(table, "jitter"),
        timeout: table.duration("timeout"),
        rise: small(table, "rise"),
        fall: small(table, "fall"),
    }
}

/// Where a node stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Here<'a> {
    /// Its own datacenter.
    pub(super) datacenter: Option<&'a str>,
    /// Whether datacenters are configured, so that it knows of all.
    pub(super) knows_all: bool,
}

/// What is shown to servers that ask for a certificate.
pub(super) fn identity(table: &Table) -> Option<Certificate> {
    let cert = table.path("client_cert").map(Pem::File)?;
    let key = Pem::File(need(table.path("client_key")));
    Some(Certificate { cert, key })
}

fn locations(cluster: &Table, here: Here<'_>) -> Vec<Location> {
    let datacenters = cluster.tables("datacenter");
    if !here.knows_all || datacenters.is_empty() {
        let servers = servers(cluster, here.datacenter);
        return vec![Location { datacenter: None, servers }];
    }
    let place = |table: &Table| Location {
        datacenter: Some(table.name.as_str().into()),
        servers: table.tables("servers").iter().map(server).collect(),
    };
    let own: Vec<Server> = cluster.tables("servers").iter().map(server).collect();
    let nowhere = (!own.is_empty()).then_some(Location { datacenter: None, servers: own });
    datacenters.iter().map(place).chain(nowhere).collect()
}

/// The servers of the node's own datacenter; where it has none, the cluster's own; where it has
/// none either, those of every datacenter.
fn servers(cluster: &Table, datacenter: Option<&str>) -> Vec<Server> {
    let of =
        |table: &Table| -> Vec<Server> { table.tables("servers").iter().map(server).collect() };
    let datacenters = cluster.tables("datacenter");
    let own = datacenters.iter().find(|table| Some(table.name.as_str()) == datacenter);
    let own = own.map(of).unwrap_or_default();
    let here = if own.is_empty() { of(cluster) } else { own };
    if here.is_empty() {
        let mut all: Vec<Server> = Vec::new();
        for server in datacenters.iter().flat_map(of) {
            // One machine may serve for two datacenters.
            if !all.iter().any(|other| (&other.host, other.port) == (&server.host, server.port)) {
                all.push(server);
            }
        }
        return all;
    }
    here
}

/// A server.
pub(super) fn server(table: &Table) -> Server {
    let Some(Value::Origin(origin)) = table.value("address") else { return need(None) };
    Server {
        name: origin.text.as_str().into(),
        host: origin.host.clone(),
        port: origin.port,
        tls: origin.tls,
        weight: small(table, "weight"),
    }
}
