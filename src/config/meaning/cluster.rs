//! What a configuration says of clusters and their servers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::pem::Certificate;
use crate::base::{ClusterId, Pem};

/// A named origin service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its number for the life of the process.
    pub id: ClusterId,
    /// Its name.
    pub name: Arc<str>,
    /// Where it has servers: one place at least.
    pub locations: Vec<Location>,
    /// How its datacenters share its requests.
    pub spread: Spread,
    /// Which of them a request goes to.
    pub balance: Balance,
    /// What its servers are spoken to in.
    pub protocol: Protocol,
    /// From the first SYN to a connection, TLS included.
    pub connect_timeout: Duration,
    /// From the request's last byte to the end of the answer's head.
    pub first_byte_timeout: Duration,
    /// Between two pieces of an answer's body.
    pub between_bytes_timeout: Duration,
    /// How long an unused connection is kept.
    pub keepalive: Duration,
    /// Connections to each server, over all workers.
    pub max_connections: usize,
    /// Requests that may wait for a connection to each server.
    pub max_queue: usize,
    /// How long each of them waits.
    pub queue_timeout: Duration,
    /// Refreshes a second behind stale answers; 0 for any number.
    pub refresh_rate: u32,
    /// Requests that may be asked again of another server, in percent of all.
    pub retry_budget: u32,
    /// Requests that fail in turn before a server is ejected; 0 where none ever is.
    pub eject_after: u32,
    /// How long the first ejection lasts.
    pub eject_time: Duration,
    /// The servers that are asked whatever their health, in percent of all.
    pub depool_threshold: u32,
    /// How long a server that was out takes to its whole share.
    pub slow_start: Duration,
    /// How servers are checked, if they are.
    pub check: Option<Check>,
    /// Roots for TLS servers in PEM; the web's where none are named.
    pub roots: Option<Pem>,
    /// What TLS servers are shown of us, if anything.
    pub identity: Option<Certificate>,
    /// Whether its servers are nodes of the fleet, which see requests as clients send them.
    pub is_tier: bool,
}

/// A cluster's servers in one datacenter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The datacenter; none where there are none.
    pub datacenter: Option<Arc<str>>,
    /// The servers, at least one.
    pub servers: Vec<Server>,
}

/// What servers are spoken to in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, where they do not choose otherwise.
    Http2,
}

/// How a cluster's datacenters share its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Active/active: those of the nearest one that is pooled and well.
    Nearest,
    /// Active/passive: those of one alone; this one, where nobody else says.
    Primary(Arc<str>),
}

/// How a server is asked whether it is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is fetched; where nothing is, that a connection opens is enough.
    pub path: Option<String>,
    /// The host that it is fetched of; the server's own where none is named.
    pub host: Option<String>,
    /// The status that it must have.
    pub status: u16,
    /// A text that its body must hold.
    pub body: Option<String>,
    /// From one check's begin to the next's.
    pub interval: Duration,
    /// By how much that differs from time to time, in percent of it.
    pub jitter: u32,
    /// How long a check may take.
    pub timeout: Duration,
    /// Checks in turn that must pass before a server is up.
    pub rise: u32,
    /// Checks in turn that must fail before it is down.
    pub fall: u32,
}

/// Which server of a cluster a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// Whose turn it is, by weight.
    Turns,
    /// Of two that are drawn by weight, the one that has less to do.
    Least,
    /// Always the same one for a URL, while that has not much more to do than others.
    Hash,
}

/// A server of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// What was written, for logs and metrics.
    pub name: Arc<str>,
    /// Its host.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Its share among its cluster's servers, at least 1.
    pub weight: u32,
}

/// A host to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address.
    Address(IpAddr),
    /// A name, resolved within its TTL.
    Name(String),
}
