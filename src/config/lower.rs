//! The second stage: makes the plain values of [`meaning`](super::meaning) from a file in which no
//! error was found. It decides nothing but which of a cluster's servers this node uses.

mod cluster;
mod fleet;
mod htcp;
mod route;
mod site;
mod stream;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Ids;
use super::file::Table;
use super::kind::Value;
use super::meaning::{
    AccessSink, Cache, Certificate, Cluster, Config, HostPattern, Http2, Limits, Listener, Log,
    Node, Pem, Purge, Site, Timeouts, Token,
};
use super::texts;
use crate::geo::PrefixSet;
use cluster::Here;

/// What `root` means; `None` where `ids` has no number left.
pub(super) fn lower(root: &Table, ids: &Ids) -> Option<Config> {
    let node = node(root.only("node"));
    let here = Here {
        datacenter: node.datacenter.as_deref(),
        knows_all: !root.tables("datacenter").is_empty(),
    };
    let clusters: Option<Vec<Arc<Cluster>>> = root
        .tables("cluster")
        .iter()
        .map(|table| cluster::cluster(table, here, ids).map(Arc::new))
        .collect();
    let clusters = clusters?;
    let sites: Option<Vec<Arc<Site>>> = root
        .tables("site")
        .iter()
        .map(|table| site::site(table, &clusters, ids).map(Arc::new))
        .collect();
    let fleet = root.tables("fleet").first().map(fleet::fleet).unwrap_or_default();
    let edges = fleet::edges(root, node.datacenter.as_deref(), fleet.trust.as_ref(), ids);
    let edges = match edges {
        None => None,
        Some(numbered) => Some(numbered?),
    };
    let sites = sites?;
    let seen_by_nodes = |site: &Arc<Site>| Arc::new(site::for_the_fleet(site, ids));
    Some(Config {
        fleet_sites: sites.iter().map(seen_by_nodes).collect(),
        edges,
        fleet,
        datacenters: root.tables("datacenter").iter().map(fleet::datacenter).collect(),
        listeners: root.tables("listener").iter().map(listener).collect(),
        certificates: root.tables("certificate").iter().map(certificate).collect(),
        cache: cache(root.only("cache")),
        admin: root.tables("admin").first().map(|table| table.address("address")),
        tokens: root.tables("admin").first().map_or(Vec::new(), tokens),
        purge: Purge {
            allow: root.only("purge").prefixes("allow"),
            everywhere: root.only("purge").boolean("everywhere"),
            rebound: root.only("purge").duration("rebound"),
            verify: need(texts::one_in(root.only("purge").text("verify"))),
            htcp: htcp::listeners(root.only("purge")),
            streams: stream::streams(root.only("purge")),
        },
        timeouts: timeouts(root.only("timeouts")),
        limits: limits(root.only("limits")),
        http2: http2(root.only("http2")),
        log: log(root.only("log")),
        sites,
        node,
        clusters,
    })
}

fn tokens(admin: &Table) -> Vec<Token> {
    let of = |table: &Table| Token {
        name: table.text("name").to_owned(),
        secret_file: need(table.path("secret_file")),
        sites: table.value("sites").is_some().then(|| table.texts("sites").to_vec()),
        rate: need(u32::try_from(table.integer("rate")).ok()),
        burst: need(u32::try_from(table.integer("burst")).ok()),
    };
    admin.tables("token").iter().map(of).collect()
}

fn node(table: &Table) -> Node {
    Node {
        name: table.text("name").to_owned(),
        datacenter: table.maybe_text("datacenter").map(str::to_owned),
        memory: table.size("memory"),
        workers: table.count("workers"),
        cpu_affinity: table.boolean("cpu_affinity"),
        trusted_proxies: table.prefixes("trusted_proxies"),
        unknown_host: need(u16::try_from(table.integer("unknown_host")).ok()),
        drain_delay: table.duration("drain_delay"),
        drain_timeout: table.duration("drain_timeout"),
    }
}

fn listener(table: &Table) -> Listener {
    Listener {
        address: table.address("address"),
        tls: table.boolean("tls"),
        purge_only: table.maybe_text("only") == Some("purge"),
        fleet_only: table.maybe_text("only") == Some("fleet"),
        proxy_protocol: table.prefixes("proxy_protocol"),
    }
}

fn certificate(table: &Table) -> Certificate {
    let pem = |key| Pem::File(need(table.path(key)));
    Certificate { cert: pem("cert"), key: pem("key") }
}

fn cache(table: &Table) -> Cache {
    Cache {
        memory: table.size("memory"),
        max_object: table.size("max_object"),
        max_variants: table.count("max_variants"),
        max_waiters: table.count("max_waiters"),
        wait_timeout: table.duration("wait_timeout"),
    }
}

fn timeouts(table: &Table) -> Timeouts {
    Timeouts {
        handshake: table.duration("handshake"),
        first_byte: table.duration("first_byte"),
        header: table.duration("header"),
        idle: table.duration("idle"),
        body: table.duration("body"),
        write: table.duration("write"),
        progress: table.duration("progress"),
        min_rate: table.size("min_rate"),
        min_body_rate: table.size("min_body_rate"),
    }
}

fn limits(table: &Table) -> Limits {
    Limits {
        connections: table.count("connections"),
        client_connections: table.count("client_connections"),
        client_requests: table.count("client_requests"),
        client_unread: table.size("client_unread"),
        header_bytes: need(usize::try_from(table.size("header_bytes")).ok()),
        headers: table.count("headers"),
    }
}

fn http2(table: &Table) -> Http2 {
    let small = |key| small(table, key);
    let window = |key| need(u32::try_from(table.size(key)).ok());
    Http2 {
        enabled: table.boolean("enabled"),
        max_streams: small("max_streams"),
        max_crumbs: table.count("max_crumbs"),
        max_pinned: table.size("max_pinned"),
        stream_window: window("stream_window"),
        connection_window: window("connection_window"),
        continuations: small("continuations"),
        resets: small("resets"),
        stream_errors: small("stream_errors"),
        pings: small("pings"),
        settings: small("settings"),
        ignored: small("ignored"),
        window_updates: small("window_updates"),
        empty_frames: small("empty_frames"),
    }
}

fn log(table: &Table) -> Log {
    let access = match table.path("access") {
        Some(path) => AccessSink::File(path),
        None if table.text("access") == "off" => AccessSink::Off,
        None => AccessSink::Stdout,
    };
    Log { access, level: table.text("level").to_owned() }
}

fn small(table: &Table, key: &str) -> u32 {
    need(u32::try_from(table.integer(key)).ok())
}

/// What a filled file without errors has.
pub(super) fn need<T>(value: Option<T>) -> T {
    value.expect("a file without errors has every key that is read, in its kind and bounds")
}

impl Table {
    /// The table of a part that is always there.
    fn only(&self, part: &str) -> &Self {
        need(self.tables(part).first())
    }

    fn maybe_text(&self, key: &str) -> Option<&str> {
        self.value(key).and_then(|value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    fn text(&self, key: &str) -> &str {
        need(self.maybe_text(key))
    }

    fn boolean(&self, key: &str) -> bool {
        need(self.value(key).and_then(|value| match value {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }))
    }

    fn integer(&self, key: &str) -> u64 {
        need(self.value(key).and_then(|value| match value {
            Value::Integer(value) => Some(*value),
            _ => None,
        }))
    }

    fn count(&self, key: &str) -> usize {
        need(usize::try_from(self.integer(key)).ok())
    }

    fn maybe_duration(&self, key: &str) -> Option<Duration> {
        self.value(key).and_then(|value| match value {
            Value::Duration(value) => Some(*value),
            _ => None,
        })
    }

    fn duration(&self, key: &str) -> Duration {
        need(self.maybe_duration(key))
    }

    fn size(&self, key: &str) -> u64 {
        need(self.value(key).and_then(|value| match value {
            Value::Size(bytes) => Some(*bytes),
            _ => None,
        }))
    }

    fn address(&self, key: &str) -> SocketAddr {
        need(self.value(key).and_then(|value| match value {
            Value::Address(address) => Some(*address),
            _ => None,
        }))
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        self.value(key).and_then(|value| match value {
            Value::Path(_, path) => Some(path.clone()),
            _ => None,
        })
    }

    fn maybe_prefixes(&self, key: &str) -> Option<PrefixSet> {
        self.value(key).and_then(|value| match value {
            Value::Prefixes(list) => Some(list.iter().copied().collect()),
            _ => None,
        })
    }

    fn prefixes(&self, key: &str) -> PrefixSet {
        need(self.maybe_prefixes(key))
    }

    fn hosts(&self, key: &str) -> Vec<HostPattern> {
        need(self.value(key).and_then(|value| match value {
            Value::Hosts(list) => Some(list.iter().map(|(host, _)| host.clone()).collect()),
            _ => None,
        }))
    }

    fn maybe_texts(&self, key: &str) -> Option<&[String]> {
        self.value(key).and_then(|value| match value {
            Value::Texts(list) => Some(list.as_slice()),
            _ => None,
        })
    }

    fn texts(&self, key: &str) -> &[String] {
        need(self.maybe_texts(key))
    }

    /// A choice or a text, which is `None` where it is the word `none`.
    fn text_but(&self, none: &str, key: &str) -> Option<&str> {
        self.maybe_text(key).filter(|text| *text != none)
    }
}
