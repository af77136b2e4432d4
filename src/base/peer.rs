//! Who is at the other end of a connection, as the sockets tell it. What header fields claim is
//! `site::client`'s business.

use std::net::SocketAddr;

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
    /// The address of the TCP peer.
    pub remote: SocketAddr,
    /// Whether the connection is TLS.
    pub tls: bool,
    /// Whether the listener takes PURGE and nothing else.
    pub purge_only: bool,
}
