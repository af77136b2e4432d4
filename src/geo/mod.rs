//! Places on the network: sets of address prefixes. (Databases and distances come with GeoDNS.)

pub mod prefix;

pub use prefix::{Prefix, PrefixSet};
