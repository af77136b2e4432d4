//! What a configuration says of HTCP, and of every source of purges.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::HostPattern;
use crate::geo::PrefixSet;

/// A UDP socket on which HTCP is listened for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Htcp {
    /// Where.
    pub at: Ear,
    /// Whose datagrams are heeded.
    pub allow: PrefixSet,
    /// On which terms.
    pub terms: SourceTerms,
}

/// Where datagrams are listened for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ear {
    /// The address, which may be a multicast group's; port 0 asks the system for one.
    pub address: SocketAddr,
    /// Multicast groups to join beside it, of the same family.
    pub groups: Vec<IpAddr>,
    /// The interface by which groups are joined; the system's choice where none is named.
    pub interface: Option<String>,
}

/// On which terms a source's purges are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTerms {
    /// The hosts that it is heeded about.
    pub hosts: Vec<HostPattern>,
    /// After which time its purges are repeated; zero where they are not.
    pub rebound: Duration,
}

impl SourceTerms {
    /// The longest that a repeat may be put off.
    pub const LONGEST_REBOUND: Duration = Duration::from_secs(3600);
}
