//! What is counted, timed and logged.
//!
//! A [`Telemetry`] belongs to the process and outlives every reload; each worker counts in a
//! [`Meter`] of its own, so that request cores share nothing, and the scrape adds the meters up
//! ([`Telemetry::render`]). One thread writes the access log. Rooms with figures of their own add
//! them as [`Source`]s. Labels are configured names and our own words, never what a client sent,
//! and keep their meaning over a reload.
//!
//! Nothing here starts a timer: whoever owns the runtime calls [`Telemetry::flush`] once a second.

pub mod access;
pub mod account;
pub mod count;
pub mod events;
pub mod line;
pub mod meter;
mod process;
pub mod samples;
pub mod table;

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

pub use access::{AccessLog, Sink};
pub use account::{Account, Asked, Finished, OriginPart};
pub use count::{Count, Gauge};
pub use meter::{GaugeGuard, Meter};
pub use samples::{EXPOSITION, Samples, Source};
pub use table::Histogram;

use crate::base::{Clock, Names, WorkerId};
use access::Queue;
use count::Row;
use meter::Common;
use table::Tables;

/// The configured names that metrics and log lines carry.
#[derive(Clone, Debug)]
pub struct Labels {
    /// Sites, by number.
    pub sites: Names,
    /// Clusters, by number.
    pub clusters: Names,
    /// This node.
    pub node: String,
}

/// The process's counters and its access log; cheap to clone.
#[derive(Clone, Debug)]
pub struct Telemetry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    workers: Vec<Arc<Meter>>,
    control: Arc<Meter>,
    common: Arc<Common>,
    started: SystemTime,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Telemetry {
    /// Meters for `workers` workers and the control threads, and the thread that writes `access`.
    ///
    /// # Errors
    /// The system's, when it gives no thread.
    pub fn new(
        clock: Clock,
        workers: usize,
        labels: Labels,
        access: AccessLog,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(access));
        let started = clock.wall();
        let writer = thread::Builder::new().name("access-log".into()).spawn({
            let (queue, clock) = (Arc::clone(&queue), clock.clone());
            move || queue.write_all(&clock)
        })?;
        let common = Arc::new(Common { clock, labels, queue });
        let meter = || Arc::new(Meter::new(Arc::clone(&common)));
        Ok(Self(Arc::new(Inner {
            workers: (0..workers).map(|_| meter()).collect(),
            control: meter(),
            common,
            started,
            writer: Mutex::new(Some(writer)),
        })))
    }

    /// The meter of a worker; the control threads' for a number that no worker has.
    pub fn worker(&self, id: WorkerId) -> Arc<Meter> {
        let own = self.0.workers.get(usize::from(id.0));
        Arc::clone(own.unwrap_or(&self.0.control))
    }

    /// The meter that the control threads share.
    pub fn control(&self) -> Arc<Meter> {
        Arc::clone(&self.0.control)
    }

    /// How often `count` was counted, over all meters.
    pub fn count(&self, count: Count) -> u64 {
        self.sum(count as usize)
    }

    /// How many of `gauge` last now, over all meters.
    pub fn reading(&self, gauge: Gauge) -> u64 {
        let sum: i64 = self.meters().map(|meter| meter.reading(gauge as usize)).sum();
        // A guard that ends on another core may be seen to end before it is seen to begin.
        u64::try_from(sum).unwrap_or(0)
    }

    /// When this was made: the process's start.
    pub fn started(&self) -> SystemTime {
        self.0.started
    }

    /// Everything in Prometheus' exposition format ([`EXPOSITION`]), `sources` included.
    pub fn render(&self, sources: &[&dyn Source]) -> String {
        let mut out = Samples::default();
        let build = [("version", env!("CARGO_PKG_VERSION")), ("node", &*self.0.common.labels.node)];
        out.gauge("tidegate_build_info", "Always 1; the labels tell the build.", &build, 1.0);
        let since = self.0.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let help = "When the process started, in seconds after 1970.";
        out.gauge("process_start_time_seconds", help, &[], since.as_secs_f64());
        process::samples(&mut out);
        for (count, row) in Count::ROWS.iter().enumerate() {
            out.counter(row.name, row.help, &label(row), self.sum(count) as f64);
        }
        for (gauge, row) in Gauge::ROWS.iter().enumerate() {
            let sum: i64 = self.meters().map(|meter| meter.reading(gauge)).sum();
            out.gauge(row.name, row.help, &label(row), sum.max(0) as f64);
        }
        let mut tables = Tables::new();
        self.meters().for_each(|meter| meter.tables_into(&mut tables));
        let labels = &self.0.common.labels;
        tables.samples(&labels.sites, &labels.clusters, &mut out);
        sources.iter().for_each(|source| source.samples(&mut out));
        out.text()
    }

    /// Hands what meters hold of the access log to its writer; to be called once a second.
    pub fn flush(&self) {
        self.meters().for_each(Meter::flush);
    }

    /// Goes on with another access log, or with the same file opened again after its rotation.
    pub fn switch_access(&self, access: AccessLog) {
        self.flush();
        self.0.common.queue.switch(access);
    }

    /// Writes out the access log and ends its thread. Waits at most `limit`, in real time: a sink
    /// that takes nothing must not keep the process from ending. Says whether all was written.
    pub fn close(&self, limit: Duration) -> bool {
        self.flush();
        self.0.common.queue.close();
        if !self.0.common.queue.wait_ended(limit) {
            return false;
        }
        let writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        writer.is_none_or(|writer| writer.join().is_ok())
    }

    fn sum(&self, count: usize) -> u64 {
        let unwritten = if count == Count::LogLinesUnwritten as usize {
            self.0.common.queue.unwritten.load(Ordering::Relaxed)
        } else {
            0
        };
        unwritten + self.meters().map(|meter| meter.count(count)).sum::<u64>()
    }

    fn meters(&self) -> impl Iterator<Item = &Meter> {
        self.0.workers.iter().chain([&self.0.control]).map(|meter| &**meter)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Whoever did not close does not wait either.
        self.common.queue.close();
    }
}

fn label(row: &Row) -> Vec<(&'static str, &'static str)> {
    row.label.into_iter().collect()
}

#[cfg(test)]
#[path = "telemetry_tests.rs"]
mod tests;
