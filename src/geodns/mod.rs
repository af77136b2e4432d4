//! Authoritative DNS that sends each reader to the best living datacenter.
//!
//! [`map`] finds the datacenters for a reader's network. [`zone`] reads master files and finds what they say of a name.

pub mod kind;
pub mod map;
pub mod name;
pub mod zone;

pub use kind::Kind;
pub use name::Name;
