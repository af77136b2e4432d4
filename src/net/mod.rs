//! What talks to the network below HTTP's meaning: here a plain client for our own errands.

pub mod http_client;

pub use http_client::{Client, ClientError};
