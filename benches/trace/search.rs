//! Seeks, for each server, the cache size at which its peak resident size comes to the memory that
//! all are given, and compares what they make of it.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::MEMORY;
use crate::origin::Origin;
use crate::pages::Text;
use crate::replay::{replay, watched};
use crate::servers::Cache;
use crate::workload::{LARGEST, Trace};

/// A peak this near is near enough.
const NEAR: u64 = MEMORY / 50;
/// So much of the trace fills every cache several times over: enough to see about the peak.
const TRIAL: usize = 15;
/// Trials before the search gives up.
const TRIALS: usize = 8;
/// The same for the whole trace.
const LONG_TRIALS: usize = 2;
/// Tidegate may hit so much less often than W-TinyLFU.
const BEHIND: f64 = 0.02;
/// Tidegate must hit so much more often than the best peer.
const AHEAD: f64 = 0.05;

/// What a server made of the trace.
struct Outcome {
    /// Bytes that it was told to cache.
    size: u64,
    /// Its peak resident size.
    peak: u64,
    /// The share of requests that the origin did not see.
    ratio: f64,
    /// Answers that were wrong, or did not come.
    failed: u64,
}

struct Course<'a> {
    trace: &'a Arc<Trace>,
    text: Text,
    origin: u16,
    /// Requests that the origin saw.
    asked: Arc<AtomicU64>,
    tidegate: &'a Path,
}

/// Compares the servers in `names`; fails where Tidegate misses its goals.
pub fn compare(trace: &Arc<Trace>, names: &[String], tidegate: &Path, goal: f64) -> ExitCode {
    let text = Text::new(LARGEST);
    let sizes = Arc::clone(trace);
    let asked = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&asked);
    let lengths = move |number: u32| {
        counter.fetch_add(1, Ordering::Relaxed);
        sizes.sizes.get(number as usize).copied()
    };
    let origin = Origin::start(Arc::new(lengths), text.clone());
    let course = Course { trace, text, origin: origin.port, asked, tidegate };
    let (mut ours, mut best, mut failed) = (None, 0.0_f64, 0);
    for name in names {
        let start = Instant::now();
        let Outcome { size, peak, ratio, failed: wrong } = course.measure(name);
        println!(
            "{name:14} {ratio:.3} of requests, cache set to {:.1} MiB, peak {:.1} MiB, {wrong} \
             failed, {:.0} s",
            mib(size),
            mib(peak),
            start.elapsed().as_secs_f64()
        );
        if name == "tidegate" {
            (ours, failed) = (Some(ratio), wrong);
        } else {
            best = best.max(ratio);
        }
    }
    let Some(ours) = ours else { return ExitCode::SUCCESS };
    println!(
        "tidegate is {:+.1} points from W-TinyLFU (at least {:+.1}), {:+.1} from the best peer \
         (at least {:+.1})",
        (ours - goal) * 100.0,
        -BEHIND * 100.0,
        (ours - best) * 100.0,
        AHEAD * 100.0
    );
    let good = ours >= goal - BEHIND && ours >= best + AHEAD && failed == 0;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Course<'_> {
    /// The outcome of the whole trace at the right size.
    fn measure(&self, name: &str) -> Outcome {
        let all = self.trace.requests.len();
        let mut size = MEMORY / 8 * 7;
        for _ in 0..TRIALS {
            let trial = self.run(name, size, all / TRIAL);
            if trial.peak.abs_diff(MEMORY) <= NEAR {
                break;
            }
            size = next_size(size, trial.peak);
        }
        // Late in the trace memory is more fragmented than early.
        let mut outcome = self.run(name, size, all);
        for _ in 0..LONG_TRIALS {
            if outcome.peak.abs_diff(MEMORY) <= NEAR {
                break;
            }
            outcome = self.run(name, next_size(outcome.size, outcome.peak), all);
        }
        outcome
    }

    fn run(&self, name: &str, size: u64, count: usize) -> Outcome {
        let cache = Cache::start(name, self.tidegate, self.origin, size);
        self.asked.store(0, Ordering::Relaxed);
        let (peak, failed) =
            watched(|| cache.memory(), || replay(self.trace, &self.text, count, cache.port));
        let missed = self.asked.load(Ordering::Relaxed);
        if failed > 0 {
            println!("{name}: {failed} failed; it said:\n{}", cache.output());
        }
        Outcome { size, peak, ratio: 1.0 - missed as f64 / count as f64, failed }
    }
}

/// Peaks grow with the size, and hardly anything else does.
fn next_size(size: u64, peak: u64) -> u64 {
    (size + MEMORY).saturating_sub(peak).max(MEMORY / 8)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
