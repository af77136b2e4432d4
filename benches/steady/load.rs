//! The load of a fixed rate: each request has its time, and its latency counts from then on,
//! however late the client got to it (no coordinated omission).

use std::time::{Duration, Instant};

use crate::client::Client;
use crate::workload::{HOT, HOT_LENGTH};

/// Threads; each sends every so many-th request, so that one slow answer delays few others.
pub const THREADS: u8 = 32;

/// What became of the requests of a phase.
#[derive(Default)]
pub struct Latencies {
    /// In microseconds from the intended time, sorted.
    sorted: Vec<u32>,
    /// Answers that did not come from the cache.
    pub missed: u64,
    /// What went wrong.
    pub failures: Vec<String>,
}

impl Latencies {
    /// The latency in microseconds that so many of a thousand requests do not exceed.
    pub fn permille(&self, share: usize) -> u32 {
        let last = self.sorted.len().saturating_sub(1);
        self.sorted.get(last * share / 1000).copied().unwrap_or_default()
    }

    /// Takes in one that was due then.
    pub fn took(&mut self, due: Instant) {
        let took = due.elapsed().as_micros();
        self.sorted.push(u32::try_from(took).unwrap_or(u32::MAX));
    }

    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// Takes in `other`'s.
    pub fn add(&mut self, other: Self) {
        self.sorted.extend(other.sorted);
        self.sorted.sort_unstable();
        self.missed += other.missed;
        self.failures.extend(other.failures);
    }
}

/// Asks for hot pages, `rate` a second for so long, half of them on new connections.
pub fn run(clients: &mut [Client], rate: u32, time: Duration) -> Latencies {
    let start = Instant::now() + Duration::from_millis(20);
    let step = Duration::from_secs(1) / rate;
    let count = (time.as_secs_f64() * f64::from(rate)) as u32;
    let threads = clients.len() as u32;
    let mut all = Latencies::default();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .zip(clients)
            .map(|(first, client)| {
                let turns = (first..count).step_by(threads as usize);
                scope.spawn(move || one(client, turns.map(|at| (at, start + step * at))))
            })
            .collect();
        for thread in running {
            all.add(thread.join().expect("a client does not panic"));
        }
    });
    all
}

fn one(client: &mut Client, turns: impl Iterator<Item = (u32, Instant)>) -> Latencies {
    let mut latencies = Latencies::default();
    for (turn, (at, due)) in turns.enumerate() {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // Any odd stride visits all pages.
        let page = at.wrapping_mul(7919) % HOT;
        let answer = match turn % 2 {
            0 => client.get_kept(page, HOT_LENGTH),
            _ => client.get_new(page, HOT_LENGTH),
        };
        match answer {
            Ok(hit) => {
                latencies.took(due);
                latencies.missed += u64::from(!hit);
            }
            Err(error) => latencies.failures.push(format!("page {page}: {error}")),
        }
    }
    latencies
}
