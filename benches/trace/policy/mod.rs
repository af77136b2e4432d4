//! Caches in simulation: which keys each would hold, by bytes. [`tinylfu`] is what the server is
//! measured against, the others say where that stands.

pub mod belady;
pub mod fifo;
pub mod list;
pub mod lru;
pub mod sketch;
pub mod tinylfu;

use crate::workload::Trace;

/// A cache of a number of bytes.
pub trait Policy {
    /// Whether `key` is held; where it is not, it is offered with its `size` in bytes.
    fn request(&mut self, key: u32, size: u64) -> bool;
}

/// What a cache made of a trace.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    /// The share of requests that hit.
    pub requests: f64,
    /// The share of bytes that hit.
    pub bytes: f64,
    /// The share of requests for large objects that hit.
    pub large: f64,
    /// The share of requests that hit, by quarters of the trace; popularity shifts before the
    /// third.
    pub quarters: [f64; 4],
}

/// Bytes from which on an object is large.
const LARGE: u64 = 500_000;

/// Asks `policy` for the whole trace.
pub fn run(trace: &Trace, policy: &mut dyn Policy) -> Score {
    let count = trace.requests.len();
    let (mut hits, mut asked_bytes, mut hit_bytes) = ([0_u32; 4], 0, 0);
    let (mut large, mut large_hits) = (0, 0);
    for (at, key) in trace.requests.iter().enumerate() {
        let size = trace.size(*key);
        asked_bytes += size;
        let hit = policy.request(*key, size);
        if hit {
            hits[at * 4 / count] += 1;
            hit_bytes += size;
        }
        if size >= LARGE {
            large += 1;
            large_hits += u32::from(hit);
        }
    }
    let share = |hits: u32, of: usize| f64::from(hits) / of as f64;
    Score {
        requests: share(hits.iter().sum(), count),
        bytes: hit_bytes as f64 / asked_bytes as f64,
        large: share(large_hits, large),
        quarters: hits.map(|hits| share(hits, count / 4)),
    }
}

/// What is known of each key that was ever asked for.
pub struct Known<T>(Vec<T>);

impl<T: Copy + Default> Known<T> {
    pub fn new() -> Self {
        Self(Vec::new())
    }

    pub fn of(&mut self, key: u32) -> &mut T {
        let at = key as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, T::default());
        }
        &mut self.0[at]
    }
}
