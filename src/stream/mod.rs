//! The purge stream: a Kafka topic in which a wiki's events stand in order, read whole by every node from
//! positions of its own (PURGE.md, "The stream").
//!
//! [`Stream::run`] reads for ever. Each message is put in force by a [`Heed`], which is `server`'s seam to
//! `purge`, before the position behind it is noted, and positions are kept on disk after that, so that a crash
//! repeats purges and never leaves one out. Only explicit offsets are asked for; where the log does not
//! hold what comes next, which is a gap, everything stored turns stale before reading goes on.
//!
//! A node does not wait for its brokers before it serves. Its store is empty when it starts, so whatever it
//! stores was asked for after that, and is purged by what it reads later; waiting would protect nobody.
//!
//! The four requests that this takes are spoken here and not through a library. Clients in Rust give a
//! reader neither the topics' ids, without which a topic that was made anew passes for the old one, nor
//! the cluster's, nor where a log was cut off: each is a purge lost in silence. librdkafka knows some of it
//! and needs OpenSSL's headers for TLS. What is read is bounded ([`codec`]): 64 MiB an answer, and as
//! much for a batch that is compressed.

pub mod between;
#[cfg(feature = "mutants")]
pub mod by_hand;
mod cluster;
pub mod code;
pub mod codec;
pub mod event;
mod follow;
mod lag;
mod link;
pub mod positions;
pub mod protocol;
mod publish;
mod read;
pub mod records;
pub mod told;
pub mod write;

pub use follow::Stream;
pub use publish::{Publisher, Written};
pub use told::Told;

use serde_json::Value;

/// Why reading stopped, in words for the log; it begins again after a pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble(pub String);

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who puts in force what the stream says.
pub trait Heed: std::fmt::Debug + Send + Sync {
    /// Purges the page at `url`; whether this node serves it. In force when it returns.
    fn changed(&self, url: &str) -> bool;

    /// Carries out an order in JSON; whether it means something on this node, or else that it is no order.
    /// In force when it returns.
    ///
    /// # Errors
    /// What is wrong with it.
    fn order(&self, order: Value) -> Result<bool, String>;

    /// Makes stale what may not be served while the stream is too far behind; how many sites' that is. In
    /// force when it returns.
    fn late(&self) -> usize;

    /// Makes everything stored stale. In force when it returns.
    fn everything(&self);
}
