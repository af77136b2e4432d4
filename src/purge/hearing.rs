//! What becomes of a datagram on an HTCP listener: whether its sender may, whether it is a CLR, what its
//! number tells, and the order itself. Everything that is not obeyed is counted by its cause. Sockets, and
//! the thread that reads them, are the server's business.
//!
//! Senders go by the address that the datagram claims, which UDP does not prove: a listener belongs
//! on a network where nobody can claim another's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde_json::json;
use tokio::sync::Semaphore;

use super::Source;
use super::htcp::{self, Bad};
use super::senders::Senders;
use super::source::Dropped;
use crate::base::mutant::{self, Mutant};
use crate::geo::PrefixSet;

/// Orders that may be on their way to other nodes at once.
const MOST_RELAYED: usize = 1000;

/// What the HTCP listeners of a node share.
#[derive(Debug)]
pub struct Hearing {
    /// Room for orders that other nodes must know of first.
    relayed: Arc<Semaphore>,
    senders: Senders,
    heeded: AtomicU64,
    forbidden: AtomicU64,
    bad: [AtomicU64; Bad::ALL.len()],
    unanswered: AtomicU64,
    unrelayed: Arc<AtomicU64>,
}

/// What one listener heeds, in the configuration in force.
#[derive(Debug)]
pub struct Heed {
    /// Whose datagrams.
    pub allow: PrefixSet,
    /// Whose orders they are.
    pub source: Source,
}

impl Default for Hearing {
    fn default() -> Self {
        Self {
            relayed: Arc::new(Semaphore::new(MOST_RELAYED)),
            senders: Senders::default(),
            heeded: AtomicU64::default(),
            forbidden: AtomicU64::default(),
            bad: Default::default(),
            unanswered: AtomicU64::default(),
            unrelayed: Arc::default(),
        }
    }
}

impl Hearing {
    /// Takes a datagram that has come from `from`; what it orders is in force when this returns,
    /// but where other nodes must know of it first.
    pub fn hear(&self, heed: &Heed, datagram: &[u8], from: SocketAddr) {
        let address = from.ip().to_canonical();
        if !heed.allow.contains(address) {
            self.forbidden.fetch_add(1, Relaxed);
            tracing::debug!(%from, "an HTCP datagram was dropped: its sender is not in `allow`");
            return;
        }
        let clear = match htcp::parse(datagram) {
            Ok(clear) => clear,
            Err(bad) => {
                self.bad[bad as usize].fetch_add(1, Relaxed);
                tracing::debug!(%from, cause = bad.as_str(), "an HTCP datagram is no CLR");
                if bad == Bad::Text {
                    heed.source.drop_it(Dropped::BadUrl);
                }
                return;
            }
        };
        self.heeded.fetch_add(1, Relaxed);
        if clear.wants_answer {
            self.unanswered.fetch_add(1, Relaxed);
        }
        // Before the filter of hosts: what is left alone has come.
        self.senders.heard(address, clear.transaction);
        let Some(relay) = heed.source.relay().filter(|_| heed.source.takes(clear.url)) else {
            take(&heed.source, clear.url, from);
            return;
        };
        let (source, url) = (heed.source.clone(), clear.url.to_owned());
        let Ok(place) = Arc::clone(&self.relayed).try_acquire_owned() else {
            self.unrelayed.fetch_add(1, Relaxed);
            take(&source, &url, from);
            return;
        };
        let told = relay.tell(json!({ "url": url }).to_string(), None);
        let unrelayed = Arc::clone(&self.unrelayed);
        tokio::spawn(async move {
            if mutant::is(Mutant::ThereFirstHtcp) {
                take(&source, &url, from);
            }
            if let Err(why) = told.await {
                unrelayed.fetch_add(1, Relaxed);
                tracing::debug!(%from, url, why, "a purge did not reach every node that is fetched through");
            }
            if !mutant::is(Mutant::ThereFirstHtcp) {
                take(&source, &url, from);
            }
            drop(place);
        });
    }

    /// Who has sent, and what of it did not come.
    pub fn senders(&self) -> &Senders {
        &self.senders
    }

    /// How many datagrams were what, by words for metrics.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let bad = Bad::ALL.iter().map(|bad| (bad.as_str(), &self.bad[*bad as usize]));
        [("clear", &self.heeded), ("forbidden", &self.forbidden)]
            .into_iter()
            .chain(bad)
            .map(|(word, count)| (word, count.load(Relaxed)))
    }

    /// How many orders are in force here, and not on every node through which this one fetches.
    pub fn unrelayed(&self) -> u64 {
        self.unrelayed.load(Relaxed)
    }

    /// How many senders' wish for an answer was not heeded.
    pub fn unanswered(&self) -> u64 {
        self.unanswered.load(Relaxed)
    }
}

fn take(source: &Source, url: &str, from: SocketAddr) {
    if let Err(dropped) = source.take_url(url, None) {
        tracing::debug!(%from, url, ?dropped, "a purge was dropped");
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::super::{Desk, Name, Sources};
    use super::*;
    use crate::base::{Budget, Clock};
    use crate::config::{HostPattern, SourceTerms};
    use crate::site::Sites;
    use crate::site::sites::tests::site_with;
    use crate::store::Store;

    fn heed(allow: &str) -> Heed {
        let desk = Desk::new(Arc::new(Store::new(1 << 20, 4)), Sites::new(&[site_with("")]));
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let sources = Arc::new(Sources::new(Arc::new(desk), clock, &Budget::new(64 << 20)));
        let terms = SourceTerms { hosts: vec![HostPattern::Any], rebound: Duration::ZERO };
        let source = Source::new(sources, Name::Htcp, terms);
        Heed { allow: [allow.parse().unwrap()].into_iter().collect(), source }
    }

    fn counts(hearing: &Hearing) -> Vec<(&'static str, u64)> {
        hearing.counts().filter(|(_, count)| *count > 0).collect()
    }

    #[test]
    fn who_may_not_is_not_even_read() {
        let (hearing, heed) = (Hearing::default(), heed("192.0.2.0/24"));
        let clear = htcp::clear("http://w.test/a", 7).unwrap();
        for from in ["198.51.100.1:9", "[2001:db8::1]:9"] {
            hearing.hear(&heed, &clear, from.parse().unwrap());
        }
        hearing.hear(&heed, b"garbage", "198.51.100.1:9".parse().unwrap());
        assert_eq!(counts(&hearing), [("forbidden", 3)]);
        assert_eq!(hearing.senders().told().1, 0);
        for from in ["192.0.2.7:9", "[::ffff:192.0.2.7]:9"] {
            hearing.hear(&heed, &clear, from.parse().unwrap());
        }
        assert_eq!(counts(&hearing), [("clear", 2), ("forbidden", 3)]);
    }

    #[test]
    fn garbage_is_counted_by_what_is_wrong_with_it() {
        let (hearing, heed) = (Hearing::default(), heed("0.0.0.0/0"));
        let good = htcp::clear("http://w.test/a", 7).unwrap();
        let mut other = good.clone();
        other[6] = 1;
        let mut newer = good.clone();
        newer[3] = 2;
        let mut asks = good.clone();
        asks[7] = 0x40;
        for datagram in [&b""[..], b"\0", &good[..40], &newer, &other, &asks, &good] {
            hearing.hear(&heed, datagram, "192.0.2.7:9".parse().unwrap());
        }
        let expected = [("clear", 2), ("short", 2), ("length", 1), ("version", 1), ("opcode", 1)];
        assert_eq!(counts(&hearing), expected);
        assert_eq!(hearing.unanswered(), 1);
    }
}
