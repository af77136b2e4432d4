//! What talks to the network below HTTP's meaning: connections that we open, the names behind
//! them, TLS in both directions, and a plain client for our own errands.

pub mod client_tls;
pub mod dial;
pub mod http_client;
#[cfg(feature = "mutants")]
pub mod memory;
pub mod pem;
pub mod resolver;
pub mod sni;
pub mod tls;

pub use http_client::{Client, ClientError};
