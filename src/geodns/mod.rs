//! Authoritative DNS that sends each reader to the best living datacenter.
//!
//! [`zone`] reads master files and finds what they say of a name. Where that is a geo record, [`map`] has
//! the datacenters for the reader's network in their order, and [`choose`] takes one that stands, by what
//! administrators say ([`rules`]), by health, and by the room that each has ([`spill`]).
//!
//! [`answer`] makes of a message the one that goes back: it reads it ([`query`]), asks the [`view`] in force,
//! and writes ([`message`]), with cookies ([`cookie`]) and within limits ([`limit`]).

pub mod answer;
pub mod choose;
pub mod cookie;
pub mod kind;
pub mod limit;
pub mod map;
pub mod message;
pub mod name;
pub mod query;
pub mod rules;
pub mod spill;
pub mod tail;
pub mod view;
pub mod zone;

pub use kind::Kind;
pub use name::Name;
