//! Authoritative DNS that sends each reader to the best living datacenter.
//!
//! [`zone`] reads master files and finds what they say of a name. Where that is a geo record, [`map`] has
//! the datacenters for the reader's network in their order, and [`choose`] takes one that stands, by what
//! administrators say ([`rules`]), by health, and by the room that each has ([`spill`]).

pub mod choose;
pub mod kind;
pub mod map;
pub mod name;
pub mod rules;
pub mod spill;
pub mod zone;

pub use kind::Kind;
pub use name::Name;
