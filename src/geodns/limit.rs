//! Limits how many answers a network gets a second over UDP from whoever has not shown its address, so that
//! this server is no weapon against it.
//!
//! A fixed number of buckets, each one number that threads change without a lock; a network has the bucket
//! that a seeded hash gives it. Two that share one share its rate, which is as improbable as there are buckets
//! and cannot be brought about from outside. What is not answered is answered in every so many cases
//! with TC, which brings real clients to TCP.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use foldhash::fast::RandomState;

use crate::geo::Prefix;

/// Bits of the networks that are limited, IPv4's and IPv6's.
const LIMITED: [u8; 2] = [24, 56];
/// A power of two: 1 MiB.
const BUCKETS: usize = 1 << 17;
const SECOND: u64 = 1_000_000_000;

/// What is to be done with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is sent.
    Send,
    /// It is sent empty, with TC.
    Slip,
    /// It is not sent.
    Drop,
}

/// The limits.
#[derive(Debug)]
pub struct Limits {
    /// For each bucket the moment up to which its answers are paid for, in nanoseconds from `start` on
    /// (the generic cell rate algorithm, ITU-T I.371).
    buckets: Box<[AtomicU64]>,
    start: Instant,
    hasher: RandomState,
    /// Nanoseconds an answer; 0 where nothing is limited.
    cost: u64,
    /// Nanoseconds that may be paid ahead.
    ahead: u64,
    slip: u32,
    limited: AtomicU32,
}

impl Limits {
    /// At most `rate` answers a second, twice as many at once, where `rate` is not 0; of those beyond one in
    /// `slip` is answered with TC, none where it is 0.
    pub fn new(rate: u32, slip: u32, start: Instant) -> Self {
        let cost = SECOND.checked_div(rate.into()).unwrap_or(0);
        let buckets = if cost > 0 { BUCKETS } else { 0 };
        let bucket = || AtomicU64::new(0);
        Self {
            buckets: std::iter::repeat_with(bucket).take(buckets).collect(),
            start,
            hasher: RandomState::default(),
            cost,
            ahead: cost * 2 * u64::from(rate),
            slip,
            limited: AtomicU32::new(0),
        }
    }

    /// What is to be done with an answer to `peer` at `now`.
    pub fn ask(&self, peer: IpAddr, now: Instant) -> Verdict {
        let peer = peer.to_canonical();
        let length = LIMITED[usize::from(peer.is_ipv6())];
        let network = Prefix::new(peer, length).map_or(0, |prefix| prefix.first());
        let hash = self.hasher.hash_one((network, peer.is_ipv6()));
        let at = usize::try_from(hash % (BUCKETS as u64)).unwrap_or_default();
        let Some(bucket) = self.buckets.get(at) else { return Verdict::Send };
        let now = now.saturating_duration_since(self.start).as_nanos();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let pay = |paid: u64| {
            let paid = paid.max(now).saturating_add(self.cost);
            (paid <= now.saturating_add(self.ahead)).then_some(paid)
        };
        // Nothing else depends on a bucket's order.
        if bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).is_ok() {
            return Verdict::Send;
        }
        let count = self.limited.fetch_add(1, Ordering::Relaxed);
        if count.checked_rem(self.slip) == Some(0) { Verdict::Slip } else { Verdict::Drop }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::Clock;

    #[test]
    fn a_network_gets_its_rate_and_of_the_rest_one_in_slip_is_told() {
        let start = Clock::system().now();
        let limits = Limits::new(10, 2, start);
        let ask = |peer: &str, after: u64| {
            limits.ask(peer.parse().unwrap(), start + Duration::from_millis(after))
        };
        let count =
            |verdicts: Vec<Verdict>, which| verdicts.iter().filter(|v| **v == which).count();
        let first: Vec<Verdict> = (1..=60).map(|at| ask(&format!("192.0.2.{at}"), 0)).collect();
        assert_eq!(count(first.clone(), Verdict::Send), 20);
        assert_eq!((count(first.clone(), Verdict::Slip), count(first, Verdict::Drop)), (20, 20));
        assert_eq!(ask("198.51.100.1", 0), Verdict::Send, "another network");
        assert_ne!(ask("::ffff:192.0.2.9", 50), Verdict::Send, "the same");
        let later: Vec<Verdict> = (0..50).map(|_| ask("192.0.2.1", 1000)).collect();
        assert_eq!(count(later, Verdict::Send), 10);
        let six = (0..50).map(|at| ask(&format!("2001:db8::{at}:0:0:0:1"), 0)).collect();
        assert_eq!(count(six, Verdict::Send), 20);
    }

    #[test]
    fn without_a_rate_all_is_sent() {
        let start = Clock::system().now();
        let limits = Limits::new(0, 2, start);
        assert!((0..1000).all(|_| limits.ask([192, 0, 2, 1].into(), start) == Verdict::Send));
    }
}
