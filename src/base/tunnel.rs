//! A change of protocol: once an origin has answered 101, its connection and the client's are
//! joined and bytes pass both ways without being looked at.

use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

/// The origin's half of a tunnel, ready to be joined to the client's.
pub struct Tunnel {
    /// The origin's byte stream.
    pub origin: Pin<Box<dyn Duplex>>,
    /// What must live as long: the connection's place among its server's.
    pub held: Box<dyn std::any::Any + Send>,
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tunnel")
    }
}
