//! The choice of a datacenter for a reader: a pure function of the list that the map has, of how each
//! datacenter stands, and of the slice that the reader's network falls into. What it reads is a snapshot;
//! who makes that, and when, is not its business.
//!
//! A datacenter takes its own readers, those whose list begins with it, up to its share, which is less than
//! all while it returns or where its weight is; and of those that others send on, up to its room
//! ([`super::spill`]). Shares and rooms are thresholds on a hash of the network and of the datacenter's
//! name, with fixed keys: so the same networks come first on every node and after every restart, and who is
//! in at one step is in at the next.

use std::fmt;
use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher13;

use crate::geo::Prefix;

/// All slices.
pub const WHOLE: u16 = 1024;
/// Readers are told apart by networks of this many bits, IPv4's and IPv6's.
pub const SLICED: [u8; 2] = [24, 48];

/// How a datacenter stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Its name.
    pub name: Box<str>,
    /// Why it takes no readers; `None` where it does.
    pub down: Option<Down>,
    /// How many slices of its own readers it takes.
    pub share: u16,
    /// How many slices of those that others send on it takes.
    pub room: u16,
    /// What it can serve, where that is known; of any unit.
    pub capacity: Option<f64>,
}

/// Why a datacenter takes no readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Down {
    /// A rule says so.
    Rule(String),
    /// The fleet has it out.
    Depooled,
    /// What checks it finds it failing.
    Failing,
}

/// What a resource asks for beside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether readers get no answer where all are down, and not the first.
    pub fail_closed: bool,
    /// Whether the first of the list is left out, for what reports its failures.
    pub skip_first: bool,
}

/// What is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The datacenter's number; `None` where there is no answer.
    pub datacenter: Option<u8>,
    /// Whether all were down.
    pub all_down: bool,
    /// Whether another network of [`SLICED`] bits, with the same list, might get another answer.
    pub sliced: bool,
}

/// What became of a datacenter on the way to the choice.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<'a> {
    /// The view is of those behind the first.
    LeftOut(&'a Standing),
    /// It takes nobody.
    Down(&'a Standing),
    /// This network is in a slice that it does not take, of its own or of others'.
    Beyond {
        /// The datacenter.
        standing: &'a Standing,
        /// The network's slice.
        slice: u16,
        /// Whether its list begins with it.
        own: bool,
    },
    /// It is chosen.
    Chosen(&'a Standing),
    /// It is chosen since none has room, by what each can serve.
    Overfull(&'a Standing),
    /// It is chosen though all are down, as the first.
    Least(&'a Standing),
    /// There is no answer, since all are down.
    Closed,
}

/// Chooses for `reader` among `list`, numbers of `standings`, and tells `steps` each step.
pub fn choose<'a>(
    list: &[u8],
    standings: &'a [Standing],
    policy: Policy,
    reader: IpAddr,
    steps: &mut dyn FnMut(Step<'a>),
) -> Choice {
    let known = |at: &u8| Some((*at, standings.get(usize::from(*at))?));
    let list = list.iter().filter_map(known);
    let skipped = usize::from(policy.skip_first && list.clone().count() > 1);
    list.clone().take(skipped).for_each(|(_, one)| steps(Step::LeftOut(one)));
    let list = list.skip(skipped);
    let network = Network::of(reader);
    let (mut own, mut sliced) = (true, false);
    for (at, standing) in list.clone() {
        if standing.down.is_some() {
            steps(Step::Down(standing));
            own = false;
            continue;
        }
        let takes = if own { standing.share } else { standing.room };
        if takes >= WHOLE {
            steps(Step::Chosen(standing));
            return Choice { datacenter: Some(at), all_down: false, sliced };
        }
        sliced = true;
        let slice = network.slice(&standing.name);
        if slice < takes {
            steps(Step::Chosen(standing));
            return Choice { datacenter: Some(at), all_down: false, sliced };
        }
        steps(Step::Beyond { standing, slice, own });
        own = false;
    }
    let up = list.clone().filter(|(_, standing)| standing.down.is_none());
    if let Some((at, standing)) = network.by_capacity(up) {
        steps(Step::Overfull(standing));
        return Choice { datacenter: Some(at), all_down: false, sliced };
    }
    let first = list.clone().next().filter(|_| !policy.fail_closed);
    steps(first.map_or(Step::Closed, |(_, standing)| Step::Least(standing)));
    Choice { datacenter: first.map(|(at, _)| at), all_down: true, sliced }
}

/// A reader's network.
#[derive(Clone, Copy, Debug)]
struct Network([u8; 17]);

impl Network {
    fn of(reader: IpAddr) -> Self {
        let reader = reader.to_canonical();
        let length = SLICED[usize::from(reader.is_ipv6())];
        let bits = Prefix::new(reader, length).map_or(0, |prefix| prefix.first());
        let mut bytes = [0; 17];
        bytes[..16].copy_from_slice(&bits.to_be_bytes());
        bytes[16] = u8::from(reader.is_ipv6());
        Self(bytes)
    }

    fn hash(&self, name: &str) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(0x7469_6465_6761_7465, 0x6765_6f64_6e73);
        hasher.write(name.as_bytes());
        hasher.write(&self.0);
        hasher.finish()
    }

    /// The slice that it falls into at a datacenter, below [`WHOLE`].
    fn slice(&self, name: &str) -> u16 {
        u16::try_from(self.hash(name) % u64::from(WHOLE)).unwrap_or_default()
    }

    /// One of `up`, each with a chance by what it can serve (the least of exponential draws; Efraimidis
    /// and Spirakis, "Weighted random sampling with a reservoir", 2006).
    fn by_capacity<'a>(
        &self,
        up: impl Iterator<Item = (u8, &'a Standing)>,
    ) -> Option<(u8, &'a Standing)> {
        let draw = |standing: &Standing| {
            let uniform = (self.hash(&standing.name) >> 11) as f64 / (1_u64 << 53) as f64;
            -(1.0 - uniform).ln() / standing.capacity.unwrap_or(1.0).max(f64::MIN_POSITIVE)
        };
        up.map(|one| (draw(one.1), one)).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, one)| one)
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOut(one) => write!(f, "{}: left out, as the first (skip_first)", one.name),
            Self::Down(one) => match &one.down {
                Some(Down::Rule(rule)) => write!(f, "{}: down by the rule {rule}", one.name),
                Some(Down::Depooled) => write!(f, "{}: down, the fleet has it depooled", one.name),
                Some(Down::Failing) | None => write!(f, "{}: down, its checks fail", one.name),
            },
            Self::Beyond { standing: one, slice, own: true } => write!(
                f,
                "{}: takes {} of {WHOLE} slices of its own networks; this one is in slice {slice}",
                one.name, one.share
            ),
            Self::Beyond { standing: one, slice, own: false } => write!(
                f,
                "{}: has room for {} of {WHOLE} slices of what others send on; this is slice {slice}",
                one.name, one.room
            ),
            Self::Chosen(one) => write!(f, "{}: chosen", one.name),
            Self::Overfull(one) => {
                write!(f, "{}: chosen by what each can serve, since none has room", one.name)
            }
            Self::Least(one) => write!(f, "{}: chosen as the first, since all are down", one.name),
            Self::Closed => f.write_str("no answer, since all are down (fail_closed)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn standing(name: &str) -> Standing {
        Standing { name: name.into(), down: None, share: WHOLE, room: WHOLE, capacity: None }
    }

    fn three() -> Vec<Standing> {
        ["ams", "ash", "sin"].map(standing).into()
    }

    const READER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn chosen(standings: &[Standing], policy: Policy) -> (Option<u8>, Vec<String>) {
        let mut told = Vec::new();
        let tell = &mut |step: Step<'_>| told.push(step.to_string());
        let choice = choose(&[0, 1, 2], standings, policy, READER, tell);
        (choice.datacenter, told)
    }

    #[test]
    fn the_first_that_is_up_is_chosen_and_each_step_is_told() {
        let mut standings = three();
        let (policy, skip) = (Policy::default(), Policy { skip_first: true, ..Policy::default() });
        assert_eq!(chosen(&standings, policy), (Some(0), vec!["ams: chosen".into()]));
        let (next, told) = chosen(&standings, skip);
        assert_eq!((next, told.len()), (Some(1), 2));
        standings[0].down = Some(Down::Rule("*/ams => DOWN in line 1".into()));
        standings[1].down = Some(Down::Failing);
        let (third, told) = chosen(&standings, policy);
        assert_eq!(third, Some(2));
        assert_eq!(
            told,
            [
                "ams: down by the rule */ams => DOWN in line 1",
                "ash: down, its checks fail",
                "sin: chosen"
            ]
        );
    }

    #[test]
    fn where_all_are_down_the_first_answers_or_nobody() {
        let mut standings = three();
        standings.iter_mut().for_each(|one| one.down = Some(Down::Depooled));
        let (first, told) = chosen(&standings, Policy::default());
        assert_eq!(
            (first, told[3].as_str()),
            (Some(0), "ams: chosen as the first, since all are down")
        );
        let (none, told) = chosen(&standings, Policy { fail_closed: true, skip_first: false });
        assert_eq!(
            (none, told.last().map(String::as_str)),
            (None, Some("no answer, since all are down (fail_closed)"))
        );
        let skip = Policy { skip_first: true, fail_closed: false };
        assert_eq!(chosen(&standings, skip).0, Some(1));
        let mut ignore = |_: Step<'_>| {};
        let nothing = choose(&[], &standings, Policy::default(), READER, &mut ignore);
        assert_eq!(nothing.datacenter, None);
    }

    fn networks() -> impl Iterator<Item = IpAddr> {
        (0..4000_u32).map(|at| Ipv4Addr::from_bits(0x0a00_0000 + (at << 8)).into())
    }

    fn all(standings: &[Standing]) -> Vec<Option<u8>> {
        let mut ignore = |_: Step<'_>| {};
        let mut one =
            |reader| choose(&[0, 1, 2], standings, Policy::default(), reader, &mut ignore);
        networks().map(|reader| one(reader).datacenter).collect()
    }

    #[test]
    fn a_returning_datacenter_takes_its_readers_step_by_step_and_keeps_whom_it_has() {
        let mut standings = three();
        let mut before: Vec<Option<u8>> = vec![Some(1); 4000];
        for share in [0, 128, 512, WHOLE] {
            standings[0].share = share;
            let now = all(&standings);
            let count = now.iter().filter(|one| **one == Some(0)).count();
            let wanted = 4000 * usize::from(share) / usize::from(WHOLE);
            assert!(count.abs_diff(wanted) < 120, "{count} of 4000 at {share}");
            assert!(before.iter().zip(&now).all(|(a, b)| *a != Some(0) || *b == Some(0)));
            before = now;
        }
    }

    #[test]
    fn a_neighbour_takes_what_it_has_room_for_and_the_rest_goes_on() {
        let mut standings = three();
        standings[0].down = Some(Down::Failing);
        standings[1].room = 256;
        let now = all(&standings);
        let count = |at| now.iter().filter(|one| **one == Some(at)).count();
        assert!(count(1).abs_diff(1000) < 120 && count(1) + count(2) == 4000);
        standings[1].room = 0;
        standings[2].room = 0;
        standings[2].capacity = Some(3.0);
        let full = all(&standings);
        let third = full.iter().filter(|one| **one == Some(2)).count();
        assert!(third.abs_diff(3000) < 150, "{third}: by what they can serve");
    }

    #[test]
    fn networks_that_are_told_apart_are_those_of_the_scope() {
        let mut standings = three();
        standings[0].share = 512;
        let mut ignore = |_: Step<'_>| {};
        let mut one = |reader: &str| {
            let reader = reader.parse().unwrap();
            choose(&[0, 1, 2], &standings, Policy::default(), reader, &mut ignore)
        };
        assert!(one("192.0.2.1").sliced);
        assert_eq!(one("192.0.2.1"), one("192.0.2.255"));
        assert_eq!(one("::ffff:192.0.2.1"), one("192.0.2.1"));
        assert_eq!(one("2001:db8:1:2::1"), one("2001:db8:1:3::1"));
    }
}
