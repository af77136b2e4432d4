//! A meter: where one thread counts. Each worker has one, and the control threads share one; the
//! scrape adds them up. Counts and gauges are relaxed atomics that only their thread writes to in
//! the steady state. Tables and the block of log lines stand behind a lock that, beside the worker,
//! only the scrape and the flush take, for as long as a copy lasts.

use std::ops::Deref;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Version;

use super::Labels;
use super::access::{BLOCK, Block, Queue};
use super::account::Finished;
use super::count::{Count, Gauge};
use super::line::{self, Stamp};
use super::table::Tables;
use crate::base::{Clock, Reason, SiteId};

/// Where one thread counts.
#[derive(Debug)]
pub struct Meter {
    counts: [AtomicU64; Count::LEN],
    gauges: [AtomicI64; Gauge::LEN],
    ledger: Mutex<Ledger>,
    common: Arc<Common>,
}

/// What all meters share.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) clock: Clock,
    pub(super) labels: Labels,
    pub(super) queue: Arc<Queue>,
}

#[derive(Debug)]
struct Ledger {
    tables: Tables,
    block: Block,
    stamp: Stamp,
    /// Names by number, so that a line need not lock what all workers share.
    places: Vec<Option<Box<[u8]>>>,
    no_place: Box<[u8]>,
    clusters: Vec<Option<Arc<str>>>,
}

impl Meter {
    pub(super) fn new(common: Arc<Common>) -> Self {
        let ledger = Ledger {
            tables: Tables::new(),
            block: Block::default(),
            stamp: Stamp::default(),
            places: Vec::new(),
            no_place: line::place(&common.labels.node, ""),
            clusters: Vec::new(),
        };
        Self {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            gauges: std::array::from_fn(|_| AtomicI64::new(0)),
            ledger: Mutex::new(ledger),
            common,
        }
    }

    /// Counts `many`.
    pub fn add(&self, count: Count, many: u64) {
        self.counts[count as usize].fetch_add(many, Ordering::Relaxed);
    }

    /// Counts one until the guard is dropped.
    pub fn gauge(self: &Arc<Self>, gauge: Gauge) -> GaugeGuard {
        self.gauges[gauge as usize].fetch_add(1, Ordering::Relaxed);
        GaugeGuard { meter: Arc::clone(self), gauge }
    }

    /// Counts `by` more (or fewer) of `gauge`, where no guard lives as long.
    pub fn shift(&self, gauge: Gauge, by: i64) {
        self.gauges[gauge as usize].fetch_add(by, Ordering::Relaxed);
    }

    /// Counts, times and logs a finished request; called once for each. A request that shares
    /// another's fetch does not time the origin again.
    pub fn finish(&self, finished: &Finished<'_>) {
        match finished.asked.map(|asked| asked.version) {
            Some(Version::HTTP_2) => self.add(Count::RequestsHttp2, 1),
            Some(_) => self.add(Count::RequestsHttp1, 1),
            None => {}
        }
        if finished.broke_off == Some(Reason::Panic) || finished.account.reason == Reason::Panic {
            self.add(Count::Panics, 1);
        }
        let mut ledger = self.ledger();
        ledger.tables.finish(finished);
        if let Some(part) = &finished.account.origin
            && !finished.account.collapsed
        {
            ledger.tables.origin(part);
        }
        if self.common.queue.on() {
            ledger.log(&self.common, finished);
            if ledger.block.text.len() >= BLOCK {
                self.hand_over(&mut ledger);
            }
        }
    }

    /// Hands the lines written so far to the log's writer.
    pub(super) fn flush(&self) {
        self.hand_over(&mut self.ledger());
    }

    pub(super) fn count(&self, count: usize) -> u64 {
        self.counts[count].load(Ordering::Relaxed)
    }

    pub(super) fn reading(&self, gauge: usize) -> i64 {
        self.gauges[gauge].load(Ordering::Relaxed)
    }

    /// Adds this meter's tables to `sum`.
    pub(super) fn tables_into(&self, sum: &mut Tables) {
        // A copy, so that the worker waits for a memcpy and not for the sum.
        let copy = self.ledger().tables.clone();
        sum.merge(&copy);
    }

    fn hand_over(&self, ledger: &mut Ledger) {
        let dropped = self.common.queue.push(&mut ledger.block);
        if dropped > 0 {
            self.add(Count::LogLinesUnread, dropped);
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Counts and whole lines are right after any statement; a panic elsewhere must not end
        // counting.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    fn log(&mut self, common: &Common, finished: &Finished<'_>) {
        let account = finished.account;
        let told = line::Told {
            place: match account.site {
                Some(SiteId(site)) => remembered(&mut self.places, site, || {
                    let name = common.labels.sites.name(site)?;
                    Some(line::place(&common.labels.node, &name))
                }),
                None => None,
            }
            .unwrap_or(&self.no_place),
            cluster: match &account.origin {
                Some(part) => remembered(&mut self.clusters, part.cluster.0, || {
                    common.labels.clusters.name(part.cluster.0)
                }),
                None => None,
            }
            .unwrap_or_default(),
        };
        line::write(&mut self.block.text, &mut self.stamp, common.clock.wall(), &told, finished);
        self.block.lines += 1;
    }
}

/// What is told of `number`, made the first time only: names never change.
fn remembered<T: Deref>(
    known: &mut Vec<Option<T>>,
    number: u16,
    make: impl FnOnce() -> Option<T>,
) -> Option<&T::Target> {
    let at = usize::from(number);
    if known.len() <= at {
        known.resize_with(at + 1, || None);
    }
    if known[at].is_none() {
        known[at] = make();
    }
    known[at].as_deref()
}

/// Something that lasts; dropping it ends it, on whatever thread that happens.
#[derive(Debug)]
pub struct GaugeGuard {
    meter: Arc<Meter>,
    gauge: Gauge,
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.meter.gauges[self.gauge as usize].fetch_sub(1, Ordering::Relaxed);
    }
}
