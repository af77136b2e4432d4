//! What a configuration means: plain values that every room can take as they are. Nothing here
//! knows of files, lines or TOML; `lower` makes these from what was written.

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

pub use crate::base::pem::{Certificate, Pem, Trust};
use crate::geo::PrefixSet;
pub use cluster::*;
pub use fleet::*;
pub use htcp::*;
pub use route::*;
pub use site::*;
pub use stream::*;

/// A whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The process.
    pub node: Node,
    /// Where clients connect, in the file's order.
    pub listeners: Vec<Listener>,
    /// Certificates for the TLS listeners, in the file's order; the first answers unknown names.
    pub certificates: Vec<Certificate>,
    /// The store.
    pub cache: Cache,
    /// The admin listener, if there is one.
    pub admin: Option<SocketAddr>,
    /// Who may use the control API, where addresses do not decide that.
    pub tokens: Vec<Token>,
    /// Who may purge and where.
    pub purge: Purge,
    /// Limits on time that a client may take.
    pub timeouts: Timeouts,
    /// Limits on what a client may send and hold.
    pub limits: Limits,
    /// HTTP/2 towards clients.
    pub http2: Http2,
    /// The access log and the log of events.
    pub log: Log,
    /// Who says what is pooled, beside the configuration.
    pub fleet: Fleet,
    /// Datacenters, by name; none where the node knows of none.
    pub datacenters: Vec<Datacenter>,
    /// The nodes of other datacenters, a location each, where misses are sent to them.
    pub edges: Option<Arc<Cluster>>,
    /// Origin clusters, by name.
    pub clusters: Vec<Arc<Cluster>>,
    /// Sites, by name.
    pub sites: Vec<Arc<Site>>,
    /// The same as other nodes see them, whose answers are as they are stored.
    pub fleet_sites: Vec<Arc<Site>>,
}

/// The process.
#[derive(Clone, Debug)]
pub struct Node {
    /// The node's name, in Via, Cache-Status and metrics.
    pub name: String,
    /// The datacenter that the node stands in, if one is named.
    pub datacenter: Option<String>,
    /// Bytes that the process may hold.
    pub memory: u64,
    /// Runtimes that serve requests, at least one.
    pub workers: usize,
    /// Whether each keeps to one CPU and gets the connections that arrive there.
    pub cpu_affinity: bool,
    /// Peers whose X-Forwarded-For and X-Forwarded-Proto are believed.
    pub trusted_proxies: PrefixSet,
    /// The status for a host that no site has: 421 or 404.
    pub unknown_host: u16,
    /// How long `/healthz` says 503 before connections stop being accepted.
    pub drain_delay: Duration,
    /// How long requests in flight may take after that.
    pub drain_timeout: Duration,
}

/// A listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The address; port 0 asks the system for one.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Whether it takes PURGE and nothing else.
    pub purge_only: bool,
    /// Whether it takes other nodes of the fleet and nobody else.
    pub fleet_only: bool,
    /// Peers whose connections begin with a PROXY header, which says whose they are.
    pub proxy_protocol: PrefixSet,
}

impl Listener {
    /// What a configuration means that names an address and nothing else.
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address,
            tls: false,
            purge_only: false,
            fleet_only: false,
            proxy_protocol: PrefixSet::default(),
        }
    }
}

/// The store.
#[derive(Clone, Debug)]
pub struct Cache {
    /// Bytes of stored objects with their bookkeeping.
    pub memory: u64,
    /// The largest body that is stored, in bytes.
    pub max_object: u64,
    /// Variants that one key may have.
    pub max_variants: usize,
    /// Clients that may wait for fetches at once.
    pub max_waiters: usize,
    /// How long a client waits for a fetch that another one leads.
    pub wait_timeout: Duration,
}

/// Somebody who may use the control API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What the audit log calls it.
    pub name: String,
    /// The file that holds its secret.
    pub secret_file: PathBuf,
    /// The names of its sites; `None` for all.
    pub sites: Option<Vec<String>>,
    /// Orders a second in the long run.
    pub rate: u32,
    /// Orders at once.
    pub burst: u32,
}

/// Who may purge and where.
#[derive(Clone, Debug)]
pub struct Purge {
    /// The addresses that may.
    pub allow: PrefixSet,
    /// Whether every listener takes PURGE, or only those with `only = "purge"`.
    pub everywhere: bool,
    /// After which time a PURGE, or an order by the control API, is repeated; zero where it is not.
    pub rebound: Duration,
    /// One of so many fresh hits is compared with what its origin says; 0 where none is.
    pub verify: u32,
    /// Where HTCP is listened for, in the file's order.
    pub htcp: Vec<Htcp>,
    /// Which purge streams are read, in the file's order.
    pub streams: Vec<Stream>,
}

/// Limits on time that a client may take. Zero never occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From accept, or from the end of a PROXY header that has as long, to the end of the TLS
    /// handshake.
    pub handshake: Duration,
    /// From accept (or the handshake's end) to the first byte of a request.
    pub first_byte: Duration,
    /// From the first byte of a request to the end of its head.
    pub header: Duration,
    /// Between requests on a kept connection.
    pub idle: Duration,
    /// Between two pieces of a request's body.
    pub body: Duration,
    /// How long a client may take no byte of an answer.
    pub write: Duration,
    /// The window over which both rates are taken.
    pub progress: Duration,
    /// Bytes a second that a client must take of an answer, over each `progress`, while one waits.
    pub min_rate: u64,
    /// Bytes a second that a client must bring of a request's body, over each `progress` of waiting.
    pub min_body_rate: u64,
}

/// Limits on what a client may send and hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Client connections of the whole node.
    pub connections: usize,
    /// Connections of one client address.
    pub client_connections: usize,
    /// Requests of one client address that may be under way to origins.
    pub client_requests: usize,
    /// Bytes of answers that one client address may leave unread.
    pub client_unread: u64,
    /// Bytes of a request's head, per-field overhead included.
    pub header_bytes: usize,
    /// Fields of a request's head.
    pub headers: usize,
}

/// HTTP/2 towards clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2 {
    /// Whether it is offered.
    pub enabled: bool,
    /// Streams that a connection may have open.
    pub max_streams: u32,
    /// Pieces into which a request's Cookie may be cut.
    pub max_crumbs: usize,
    /// Bytes that a connection may make us hold.
    pub max_pinned: u64,
    /// Bytes that a client may upload on a stream before any of them are read.
    pub stream_window: u32,
    /// The same on all streams of a connection together.
    pub connection_window: u32,
    /// CONTINUATION frames of one header block.
    pub continuations: u32,
    /// Streams that a client may reset, by the second.
    pub resets: u32,
    /// Streams that a client may make us reset, by the second.
    pub stream_errors: u32,
    /// PING frames, by the second.
    pub pings: u32,
    /// SETTINGS frames, by the second.
    pub settings: u32,
    /// Frames that mean nothing here, by the second.
    pub ignored: u32,
    /// WINDOW_UPDATE frames that nothing explains, by the second.
    pub window_updates: u32,
    /// Frames without content, by the second.
    pub empty_frames: u32,
}

/// Where logs go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The access log.
    pub access: AccessSink,
    /// The filter of the log of events, as `tracing` reads it.
    pub level: String,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessSink {
    /// Nowhere.
    Off,
    /// To standard output.
    Stdout,
    /// To a file, opened for appending and reopened at each reload.
    File(PathBuf),
}
