//! What is counted and timed by site, outcome, reason and status class. Each meter holds tables of
//! its own and the scrape adds them up, so that request cores share nothing.
//!
//! A table's size is bounded by the configuration: sites and clusters, times the words of
//! `base::reason`. Nothing that a client sends becomes a key.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use foldhash::{HashMap, HashMapExt};
use http::StatusCode;

use super::account::{Finished, OriginPart};
use super::samples::Samples;
use crate::base::{ClusterId, Names, Outcome, Reason, SiteId};

/// The buckets' upper bounds in nanoseconds, and in seconds as they are printed. They are those of
/// Wikimedia's dashboards, so that old and new figures can be laid side by side.
pub(super) const BOUNDS: [(u64, &str); 17] = [
    (1_000_000, "0.001"),
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (20_000_000, "0.02"),
    (45_000_000, "0.045"),
    (70_000_000, "0.07"),
    (100_000_000, "0.1"),
    (150_000_000, "0.15"),
    (250_000_000, "0.25"),
    (350_000_000, "0.35"),
    (500_000_000, "0.5"),
    (750_000_000, "0.75"),
    (1_200_000_000, "1.2"),
    (3_000_000_000, "3"),
    (10_000_000_000, "10"),
    (30_000_000_000, "30"),
    (60_000_000_000, "60"),
];

/// A distribution of durations, from a millisecond to a minute.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Durations by bucket, not cumulative; the last is above every bound.
    pub(super) counts: [u64; BOUNDS.len() + 1],
    /// Their sum.
    pub(super) nanoseconds: u64,
}

impl Histogram {
    /// Adds one duration; a bound belongs to the bucket below it.
    pub fn add(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[BOUNDS.partition_point(|(bound, _)| *bound < nanoseconds)] += 1;
        self.nanoseconds = self.nanoseconds.saturating_add(nanoseconds);
    }

    fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(mine, theirs)| *mine += theirs);
        self.nanoseconds = self.nanoseconds.saturating_add(other.nanoseconds);
    }
}

/// The first digit of a status: what `wiki_site` readers group by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Class(u16);

impl Class {
    /// Where a request ended before there was an answer.
    const NONE: Self = Self(0);

    fn of(status: StatusCode) -> Self {
        Self(status.as_u16() / 100)
    }

    const fn as_str(self) -> &'static str {
        match self.0 {
            0 => "none",
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "other",
        }
    }
}

/// A meter's tables, or the sum of several meters'.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    requests: HashMap<(Option<SiteId>, Outcome, Reason, Class), Requests>,
    first_byte: HashMap<(Option<SiteId>, Outcome), Histogram>,
    origin_first_byte: HashMap<(ClusterId, Class), Histogram>,
    broke_off: HashMap<(Option<SiteId>, Reason), u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Requests {
    count: u64,
    bytes: u64,
}

impl Tables {
    pub(super) fn new() -> Self {
        Self {
            requests: HashMap::new(),
            first_byte: HashMap::new(),
            origin_first_byte: HashMap::new(),
            broke_off: HashMap::new(),
        }
    }

    /// Counts a finished request, the origin's part apart.
    pub(super) fn finish(&mut self, finished: &Finished<'_>) {
        let account = finished.account;
        let class = finished.status.map_or(Class::NONE, Class::of);
        let key = (account.site, account.outcome, account.reason, class);
        let requests = self.requests.entry(key).or_default();
        requests.count += 1;
        requests.bytes += finished.bytes;
        if finished.status.is_some() {
            let key = (account.site, account.outcome);
            self.first_byte.entry(key).or_default().add(finished.first_byte);
        }
        if let Some(reason) = finished.broke_off {
            *self.broke_off.entry((account.site, reason)).or_default() += 1;
        }
    }

    /// Counts an origin's answer.
    pub(super) fn origin(&mut self, part: &OriginPart) {
        let key = (part.cluster, Class::of(part.status));
        self.origin_first_byte.entry(key).or_default().add(part.first_byte);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        add(&mut self.requests, &other.requests, |mine, theirs| {
            mine.count += theirs.count;
            mine.bytes += theirs.bytes;
        });
        add(&mut self.first_byte, &other.first_byte, Histogram::merge);
        add(&mut self.origin_first_byte, &other.origin_first_byte, Histogram::merge);
        add(&mut self.broke_off, &other.broke_off, |mine, theirs| *mine += theirs);
    }

    /// Prints the tables, each in the order of its keys.
    pub(super) fn samples(&self, sites: &Names, clusters: &Names, out: &mut Samples) {
        let site = |id: Option<SiteId>| id.and_then(|id| sites.name(id.0)).unwrap_or_default();
        for ((id, outcome, reason, class), requests) in sorted(&self.requests) {
            let site = site(id);
            let labels = [
                ("wiki_site", &*site),
                ("outcome", outcome.as_str()),
                ("reason", reason.as_str()),
                ("status", class.as_str()),
            ];
            let help = "Requests that came to an end.";
            out.counter("tidegate_requests_total", help, &labels, requests.count as f64);
            let help = "Bytes of bodies in answers.";
            out.counter("tidegate_response_body_bytes_total", help, &labels, requests.bytes as f64);
        }
        for ((id, outcome), histogram) in sorted(&self.first_byte) {
            let site = site(id);
            let labels = [("wiki_site", &*site), ("outcome", outcome.as_str())];
            let help = "From a request's head to its answer's.";
            out.histogram("tidegate_first_byte_seconds", help, &labels, histogram);
        }
        for ((id, class), histogram) in sorted(&self.origin_first_byte) {
            let cluster: Arc<str> = clusters.name(id.0).unwrap_or_default();
            let labels = [("origin_cluster", &*cluster), ("status", class.as_str())];
            let help = "From a request's first byte to the origin's answer.";
            out.histogram("tidegate_origin_first_byte_seconds", help, &labels, histogram);
        }
        for ((id, reason), count) in sorted(&self.broke_off) {
            let site = site(id);
            let labels = [("wiki_site", &*site), ("reason", reason.as_str())];
            let help = "Answers that broke off before their end.";
            out.counter("tidegate_broken_off_total", help, &labels, *count as f64);
        }
    }
}

fn add<K: Copy + Eq + Hash, V: Default>(
    mine: &mut HashMap<K, V>,
    theirs: &HashMap<K, V>,
    merge: impl Fn(&mut V, &V),
) {
    for (key, value) in theirs {
        merge(mine.entry(*key).or_default(), value);
    }
}

fn sorted<K: Copy + Ord, V>(table: &HashMap<K, V>) -> BTreeMap<K, &V> {
    table.iter().map(|(key, value)| (*key, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        let mut histogram = Histogram::default();
        histogram.add(Duration::ZERO);
        histogram.add(Duration::from_millis(1));
        histogram.add(Duration::from_nanos(1_000_001));
        histogram.add(Duration::from_secs(60));
        histogram.add(Duration::from_secs(61));
        assert_eq!(histogram.counts[..2], [2, 1]);
        assert_eq!(histogram.counts[16..], [1, 1]);
        assert_eq!(histogram.nanoseconds, 121_002_000_001);
    }

    #[test]
    fn the_bounds_as_printed_are_the_bounds_as_compared() {
        for (nanoseconds, text) in BOUNDS {
            let seconds = Duration::from_secs_f64(text.parse().unwrap());
            assert_eq!(seconds, Duration::from_nanos(nanoseconds), "{text}");
        }
    }
}
