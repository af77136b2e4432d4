//! What answers are made of at one moment: zones, maps, resources, and how their datacenters stand. It is
//! built beside the one in force and takes its place whole; standings change within.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::choose::{self, Choice, Policy, SLICED, Standing, Step};
use super::map::Map;
use super::zone::Zones;
use super::{Name, query::Subnet};

/// A moment's whole.
#[derive(Debug, Default)]
pub struct View {
    /// The zones.
    pub zones: Zones,
    /// By the numbers that geo records have.
    pub resources: Vec<Resource>,
}

/// What a geo record names.
#[derive(Debug)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// The map that has the datacenters for a network.
    pub map: Arc<Map>,
    /// The map's name.
    pub map_name: String,
    /// Whether the map is asked about resolvers alone, whatever subnet of theirs they name.
    pub ignore_subnet: bool,
    /// How it chooses.
    pub policy: Policy,
    /// What it says of each of the map's datacenters, by their numbers.
    pub targets: Vec<Target>,
    /// How they stand, by the same numbers.
    pub standings: ArcSwap<Vec<Standing>>,
}

/// Where readers are sent in a datacenter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// IPv4 addresses.
    pub four: Vec<[u8; 4]>,
    /// IPv6 addresses.
    pub six: Vec<[u8; 16]>,
    /// A name, for records that may answer with one, where it has no addresses.
    pub alias: Option<Name>,
}

impl Target {
    /// A target of `addresses`.
    pub fn of(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let mut target = Self::default();
        for address in addresses {
            match address {
                IpAddr::V4(four) => target.four.push(Ipv4Addr::octets(&four)),
                IpAddr::V6(six) => target.six.push(Ipv6Addr::octets(&six)),
            }
        }
        target
    }
}

impl Resource {
    /// Chooses for `reader` and tells `steps` each step: the choice, and the bits of the reader's address that
    /// it depends on (RFC 7871 §7.2.1).
    pub fn choose(&self, reader: IpAddr, steps: &mut dyn FnMut(&Step<'_>)) -> (Choice, u8) {
        let mapped = self.map.find(reader);
        let standings = self.standings.load();
        let mut tell = |step: Step<'_>| steps(&step);
        let choice = choose::choose(mapped.list, &standings, self.policy, reader, &mut tell);
        let slice = SLICED[usize::from(reader.to_canonical().is_ipv6())];
        // A mapped address has the IPv4 one behind the others' bits.
        let mapped_bits = u8::from(reader.is_ipv6() && !reader.to_canonical().is_ipv6()) * 96;
        let finest = slice + mapped_bits;
        (choice, if choice.sliced { mapped.scope.max(finest) } else { mapped.scope })
    }

    /// The address that decides: of the subnet where one is named and may be, else the resolver's.
    pub fn reader(&self, subnet: Option<&Subnet>, peer: IpAddr) -> (IpAddr, bool) {
        match subnet.filter(|subnet| subnet.source > 0 && !self.ignore_subnet) {
            Some(subnet) => (subnet.address, true),
            None => (peer, false),
        }
    }
}
