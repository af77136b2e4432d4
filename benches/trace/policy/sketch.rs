//! A count-min sketch of 4-bit counters that forgets: TinyLFU (Einziger, Friedman and Manes, ACM
//! Transactions on Storage 13/4, 2017).

use crate::workload::mix;

/// Counters for each entry that is expected.
const COUNTERS: u64 = 16;
/// All counters are halved after so many additions for each entry that is expected.
const SAMPLE: u64 = 10;
/// The most that a counter says.
const MOST: u8 = 15;

pub struct Sketch {
    counters: Vec<u8>,
    additions: u64,
    sample: u64,
}

impl Sketch {
    /// A sketch for a cache of so many entries.
    pub fn new(entries: u64) -> Self {
        let counters = (entries * COUNTERS).next_power_of_two();
        Self { counters: vec![0; counters as usize], additions: 0, sample: entries * SAMPLE }
    }

    /// How often `key` was added of late; at most 15.
    pub fn count(&self, key: u32) -> u64 {
        let counts = self.places(key).map(|at| u64::from(self.counters[at]));
        counts.into_iter().min().unwrap_or_default()
    }

    pub fn add(&mut self, key: u32) {
        let mut counted = false;
        for at in self.places(key) {
            if self.counters[at] < MOST {
                self.counters[at] += 1;
                counted = true;
            }
        }
        self.additions += u64::from(counted);
        if self.additions >= self.sample {
            self.counters.iter_mut().for_each(|count| *count /= 2);
            self.additions /= 2;
        }
    }

    fn places(&self, key: u32) -> [usize; 4] {
        let first = mix(u64::from(key));
        let step = mix(first) | 1;
        let mask = self.counters.len() - 1;
        [0, 1, 2, 3].map(|row| first.wrapping_add(step.wrapping_mul(row)) as usize & mask)
    }
}
