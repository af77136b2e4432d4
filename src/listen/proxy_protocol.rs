//! The PROXY protocol, versions 1 and 2, as HAProxy specifies it (doc/proxy-protocol.txt): the header
//! by which a proxy that passes on bytes says whose connection it passes on. Here a header is only
//! parsed; [`read`](fn@read) takes it off a socket, and whether one is due is the listener's business: it is
//! from peers that are listed and from nobody else, and never guessed from what comes.
//!
//! A header is read whole or refused. What no header can begin with is refused at its first byte, so
//! that a proxy which sends none learns of it at once, and nothing behind a header is ever looked at.

mod read;
mod v1;
mod v2;

use std::net::SocketAddr;

pub use read::{Failed, read};

/// Bytes that a header may have: the longest of version 2 that is taken.
pub const LONGEST: usize = v2::FIXED + v2::LONGEST;

/// A header, and the bytes that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose connection it is.
    pub whose: Whose,
    /// Bytes from the connection's first to the header's last.
    pub length: usize,
}

/// Whose connection a proxy passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A client's, by TCP or UDP.
    Client {
        /// The client's address.
        source: SocketAddr,
        /// The address that the client connected to.
        destination: SocketAddr,
    },
    /// Somebody's whom the proxy cannot name: `UNKNOWN`, an unspecified family or transport, a UNIX
    /// socket.
    Unknown,
    /// The proxy's own, such as a health check (`LOCAL`).
    Own,
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// They do not begin like one.
    Missing,
    /// They begin like one and are none.
    Malformed,
    /// It is longer than a header of its version may be.
    TooLong,
    /// Its CRC-32C is not that of its bytes.
    Checksum,
}

impl Bad {
    /// The word for it in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::TooLong => "too-long",
            Self::Checksum => "checksum",
        }
    }
}

/// The header that `bytes`, the first of a connection, begin with. `None` where it is not whole yet:
/// then all of them are of the header, and at least one more is.
///
/// # Errors
/// They are not, nor can become, the beginning of a connection with a header.
pub fn parse(bytes: &[u8]) -> Result<Option<Header>, Bad> {
    if begins(bytes, &v2::SIGNATURE) {
        v2::parse(bytes)
    } else if begins(bytes, v1::SIGNATURE) {
        v1::parse(bytes)
    } else {
        Err(Bad::Missing)
    }
}

/// Whether `bytes` begin with `signature`, as far as they go.
fn begins(bytes: &[u8], signature: &[u8]) -> bool {
    bytes.iter().zip(signature).all(|(byte, expected)| byte == expected)
}

#[cfg(test)]
#[path = "proxy_protocol_tests.rs"]
mod tests;
