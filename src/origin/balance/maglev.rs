//! Consistent hashing by Maglev's table (Eisenbud and others, "Maglev: A Fast and Reliable Software Network
//! Load Balancer", NSDI 2016, section 3.4) with bounded loads (Mirrokni, Thorup and Zadimoghaddam,
//! "Consistent Hashing with Bounded Loads", SODA 2018). Every node makes the same table of the same names.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::Servers;

/// Places of the table, a prime: a hundred for each of hundreds of servers, so that shares differ by 1 %.
const PLACES: usize = 65_537;

/// What a server may have under way of its share, in hundredths.
const BOUND: u64 = 125;

/// Which server each of the places has.
#[derive(Debug)]
pub(super) struct Maglev(Box<[u16]>);

/// A server that takes places, by its own order of them.
struct Taker {
    next: usize,
    skip: usize,
    /// What it is owed, so that in as many rounds as the weights' greatest it takes as many as its weight.
    owed: u64,
}

impl Maglev {
    /// A table for servers of these names and weights.
    pub(super) fn new(names: &[&str], weights: &[u32]) -> Self {
        let mut takers: Vec<Taker> = names.iter().map(|name| Taker::new(name)).collect();
        let most = u64::from(weights.iter().copied().max().unwrap_or(1));
        let mut places = vec![u16::MAX; PLACES].into_boxed_slice();
        let mut free = if takers.is_empty() { 0 } else { PLACES };
        while free > 0 {
            for (at, taker) in takers.iter_mut().enumerate() {
                taker.owed += u64::from(weights[at]);
                if taker.owed < most || free == 0 {
                    continue;
                }
                taker.owed -= most;
                while places[taker.next] != u16::MAX {
                    taker.step();
                }
                // A configuration has fewer servers than that.
                places[taker.next] = u16::try_from(at).unwrap_or_default();
                free -= 1;
            }
        }
        Self(places)
    }

    /// The server of what has this `hash`; where that may not be asked or has much to do, that of the next
    /// place.
    pub(super) fn next(&self, hash: u64, weights: &[u32], servers: &impl Servers) -> Option<usize> {
        let may = || (0..weights.len()).filter(|at| servers.may(*at));
        let under_way = may().map(|at| servers.load(at) as u64).sum::<u64>() + 1;
        let all = may().map(|at| u64::from(weights[at])).sum::<u64>();
        let has_room = |at: usize| {
            let share = (under_way * u64::from(weights[at]) * BOUND).div_ceil(all.max(1) * 100);
            servers.may(at) && (servers.load(at) as u64) < share
        };
        let begin = usize::try_from(hash % PLACES as u64).unwrap_or_default();
        let (before, after) = self.0.split_at(begin);
        let mut places = after.iter().chain(before).map(|at| usize::from(*at));
        if all == 0 {
            return None;
        }
        // Loads change while they are looked at.
        places.find(|at| has_room(*at)).or_else(|| may().next())
    }
}

impl Taker {
    fn new(name: &str) -> Self {
        let place = |hash: u64, of: usize| usize::try_from(hash % of as u64).unwrap_or_default();
        let next = place(hash(0, [name.as_bytes()]), PLACES);
        let skip = place(hash(1, [name.as_bytes()]), PLACES - 1) + 1;
        Self { next, skip, owed: 0 }
    }

    fn step(&mut self) {
        self.next = (self.next + self.skip) % PLACES;
    }
}

/// A hash that is the same on every node and in every version.
pub(super) fn hash<'a>(seed: u64, parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(seed, 0);
    for part in parts {
        hasher.write(part);
        // No two lists of parts are the same text.
        hasher.write(&[0]);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::simulation_tests::Fixed;
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|at| format!("10.0.0.{at}:80")).collect()
    }

    fn table(names: &[String], weights: &[u32]) -> Maglev {
        Maglev::new(&names.iter().map(String::as_str).collect::<Vec<_>>(), weights)
    }

    fn shares(table: &Maglev, servers: usize) -> Vec<f64> {
        let mut shares = vec![0.0; servers];
        table.0.iter().for_each(|at| shares[usize::from(*at)] += 1.0 / PLACES as f64);
        shares
    }

    #[test]
    fn shares_are_even_and_by_weight() {
        for (at, share) in shares(&table(&names(10), &[1; 10]), 10).iter().enumerate() {
            assert!((share - 0.1).abs() < 0.001, "server {at} has {share}");
        }
        let shares = shares(&table(&names(3), &[1, 2, 5]), 3);
        for (share, due) in shares.iter().zip([0.125, 0.25, 0.625]) {
            assert!((share - due).abs() < 0.005, "{shares:?}");
        }
    }

    #[test]
    fn without_one_of_ten_at_most_an_eighth_of_the_keys_move() {
        let all = names(10);
        let before = table(&all, &[1; 10]);
        let idle = Fixed { may: vec![true; 10], load: vec![0; 10] };
        for gone in 0..10 {
            let left: Vec<String> = all
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != gone)
                .map(|(_, one)| one.clone())
                .collect();
            let after = table(&left, &[1; 9]);
            let moved = (0..100_000u64)
                .map(|n| hash(7, [&n.to_be_bytes()[..]]))
                .filter(|hash| {
                    let before = before.next(*hash, &[1; 10], &idle).unwrap();
                    let after = after.next(*hash, &[1; 9], &idle).unwrap();
                    all[before] != left[after]
                })
                .count();
            assert!((9_000..=12_000).contains(&moved), "without {gone}, {moved} of 100 000 moved");
        }
    }

    #[test]
    fn one_that_is_down_gives_its_keys_to_all_others() {
        let table = table(&names(10), &[1; 10]);
        let idle = Fixed { may: vec![true; 10], load: vec![0; 10] };
        let down = Fixed { may: (0..10).map(|at| at != 3).collect(), load: vec![0; 10] };
        let mut got = [0; 10];
        for n in 0..100_000u64 {
            let hash = hash(7, [&n.to_be_bytes()[..]]);
            let (before, after) =
                (table.next(hash, &[1; 10], &idle), table.next(hash, &[1; 10], &down));
            match before {
                Some(3) => got[after.unwrap()] += 1,
                _ => assert_eq!(before, after, "it is up"),
            }
        }
        assert_eq!(got[3], 0);
        let most = got.iter().max().unwrap();
        assert!(*most < 3 * 10_000 / 9, "{got:?}");
    }

    #[test]
    fn a_url_that_everybody_wants_is_no_one_servers() {
        let table = table(&names(4), &[1; 4]);
        let mut servers = Fixed { may: vec![true; 4], load: vec![0; 4] };
        for _ in 0..100 {
            let at = table.next(42, &[1; 4], &servers).unwrap();
            servers.load[at] += 1;
        }
        let most = *servers.load.iter().max().unwrap();
        assert!((25..=32).contains(&most), "{:?}", servers.load);
        assert_eq!(table.next(42, &[], &servers), None);
        servers.may = vec![false; 4];
        assert_eq!(table.next(42, &[1; 4], &servers), None);
    }

    #[test]
    fn every_node_and_version_has_the_same_hash() {
        assert_ne!(hash(0, [&b"a"[..], b"bc"]), hash(0, [&b"ab"[..], b"c"]));
        let table = table(&names(3), &[1; 3]);
        let begin: Vec<u16> = table.0[..12].to_vec();
        assert_eq!(begin, BEGIN);
    }

    /// Of the table of three; another hash would move every key of a fleet.
    const BEGIN: [u16; 12] = [1, 2, 2, 0, 2, 2, 1, 0, 1, 2, 1, 0];
}
