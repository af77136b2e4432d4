//! What the system says of a running process: memory, descriptors, processor time.

use std::fs;
use std::time::Duration;

/// A process that can be looked at.
#[derive(Clone, Copy)]
pub struct Vitals(pub u32);

/// A mebibyte, for tables.
pub const MIB: f64 = 1024.0 * 1024.0;

impl Vitals {
    /// Resident bytes now.
    pub fn resident(self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most resident bytes that there ever were.
    pub fn peak(self) -> u64 {
        self.status("VmHWM:")
    }

    /// Open descriptors, but for the warm bodies that the page cache holds: there are more of them the
    /// more is asked for, up to a bound of their own.
    pub fn descriptors(self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.0)).expect("our own child").flatten();
        let of = |entry: fs::DirEntry| fs::read_link(entry.path()).unwrap_or_default();
        open.map(of).filter(|of| !of.starts_with("/memfd:body")).count()
    }

    /// Processor time used, in all threads.
    pub fn cpu(self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).expect("our own child");
        // The name may hold anything; it stands in the last pair of parentheses.
        let (_, rest) = stat.rsplit_once(") ").expect("a line of proc(5)");
        let ticks = rest.split(' ').skip(11).take(2).map(|n| n.parse::<u64>().expect("ticks"));
        let per_second = rustix::param::clock_ticks_per_second();
        Duration::from_millis(ticks.sum::<u64>() * 1000 / per_second)
    }

    fn status(self, what: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).expect("our own child");
        let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("a line of it");
        let kilobytes = line.trim().trim_end_matches(" kB").parse::<u64>();
        kilobytes.expect("kilobytes") * 1024
    }
}

/// Durations that were seen, for their percentiles.
#[derive(Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, one: Duration) {
        self.0.push(one);
    }

    /// Adds all of another's.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many were seen.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The one below which `per_mille` of a thousand lie; zero where none was seen.
    pub fn percentile(&mut self, per_mille: usize) -> Duration {
        self.0.sort_unstable();
        let at = (self.0.len() * per_mille / 1000).min(self.0.len().saturating_sub(1));
        self.0.get(at).copied().unwrap_or_default()
    }

    /// Median, 99th percentile, 99.9th and the longest, in words.
    pub fn words(&mut self) -> String {
        let [median, most, nearly, all] = [500, 990, 999, 1000].map(|at| self.percentile(at));
        format!("p50 {median:.1?}, p99 {most:.1?}, p99.9 {nearly:.1?}, max {all:.1?}")
    }
}
