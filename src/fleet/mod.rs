//! The fleet: which of its datacenters, nodes and servers are pooled, and what follows for this node.
//!
//! Three sources say what is pooled, each where the one before is silent: a local file ([`overrides`]),
//! etcd ([`watch`]), and the configuration. They are merged to a [`State`]; [`Decision`] is what follows
//! for each cluster, and refuses what would leave it without servers or an active/passive one without
//! exactly one primary: then what was decided before stays. Who asks the servers is told by `server.rs`.
//!
//! Each node says in etcd that it lives, and how far it has applied the purge streams ([`roll`]).
//!
//! What etcd says is kept on disk, and outlives etcd: gone, emptied, or restored from an old backup, the
//! node goes on with what it knew, and says so ([`known`]).

pub mod decision;
pub mod etcd;
pub mod known;
pub mod nearest;
pub mod overrides;
pub mod roll;
pub mod state;
pub mod watch;

pub use decision::Decision;
pub use known::Known;
pub use state::State;
