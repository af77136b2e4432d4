//! Places on the network and on the earth: sets of address prefixes, and distances. (Databases come with
//! GeoDNS.)

pub mod coordinates;
pub mod prefix;

pub use coordinates::Coordinates;
pub use prefix::{Prefix, PrefixSet};
