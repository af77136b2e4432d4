//! Places on the network and on the earth: sets of address prefixes, databases of where they are, and
//! distances.

pub mod continent;
pub mod coordinates;
pub mod database;
pub mod prefix;

#[cfg(test)]
#[path = "written_tests.rs"]
pub(crate) mod written;

pub use coordinates::Coordinates;
pub use database::{Database, Place};
pub use prefix::{Prefix, PrefixSet};
