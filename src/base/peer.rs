//! Who is at the other end of a connection, as the sockets tell it, and as a trusted PROXY header
//! does. What header fields of HTTP claim is `site::client`'s business.

use std::net::SocketAddr;
use std::sync::OnceLock;

use super::ids::{ListenerId, WorkerId};

/// The two ends of a client's connection; one per connection, shared by its requests.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The listener that accepted the connection.
    pub listener: ListenerId,
    /// The worker whose runtime the connection lives on.
    pub worker: WorkerId,
    /// Our address.
    pub local: SocketAddr,
    /// The other end's address: the TCP peer's, or the one that a PROXY header names in its place.
    pub remote: SocketAddr,
    /// The proxy that passes the connection on, where there is one.
    pub proxied: Option<Box<Proxied>>,
    /// Whether the connection is TLS.
    pub tls: bool,
    /// Whether the listener takes PURGE and nothing else.
    pub purge_only: bool,
    /// Whether it is another node of the fleet, by its certificate.
    pub fleet: bool,
    /// Whether its client held many connections already when this one came.
    pub one_of_many: bool,
    /// The host that the TLS handshake named, in lower case, once that is over.
    pub server_name: OnceLock<Box<str>>,
}

/// What is known of a connection that a listed peer passed on with a PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proxied {
    /// The TCP peer's address.
    pub by: SocketAddr,
    /// The address that the client connected to; none where the header names no client.
    pub destination: Option<SocketAddr>,
}

impl Peer {
    /// The other end of a plain connection that nobody passes on and whose requests may be any, at the
    /// first listener and worker: what else is known of a connection is written over it.
    pub fn plain(local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            listener: ListenerId(0),
            worker: WorkerId(0),
            local,
            remote,
            proxied: None,
            tls: false,
            purge_only: false,
            fleet: false,
            one_of_many: false,
            server_name: OnceLock::new(),
        }
    }

    /// The TCP peer's address: what was granted to an address by which a connection comes is granted to
    /// this one.
    pub fn tcp(&self) -> SocketAddr {
        self.proxied.as_ref().map_or(self.remote, |proxied| proxied.by)
    }

    /// Whether `remote` is not whose connection it is, but a proxy's that could not name anybody: what
    /// the proxy itself may do is not granted to whoever that is.
    pub fn is_anonymous(&self) -> bool {
        self.proxied.as_ref().is_some_and(|proxied| proxied.destination.is_none())
    }
}
