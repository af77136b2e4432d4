//! How often a key was asked for lately, stored or not: a count-min sketch of four-bit counters
//! (Einziger, Friedman and Manes 2017, "TinyLFU"), cut into blocks of one cache line.
//!
//! A key has four counters, all in one block. Only the lowest of them rise ("conservative update"),
//! so that neighbours blur each other less. Each block counts its own additions and halves itself
//! when they reach the limit: forgetting needs no thread and no pause, and a key whose counters are
//! full is counted without a write.
//!
//! Readers write here without a lock and without read-modify-write instructions: an addition that
//! is lost to another one makes an estimate worse by one, which is what estimates are for.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Words of sixteen counters; the eighth word of the line counts the additions.
const WORDS: usize = 7;
/// Counters of a block.
const COUNTERS: u64 = WORDS as u64 * 16;
/// Counters of a key.
const ROWS: u32 = 4;
/// The highest count.
pub(super) const MOST: u64 = 15;

/// One block of counters.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Block {
    counters: [AtomicU64; WORDS],
    additions: AtomicU64,
}

impl Block {
    /// Counts one request for the key with this hash; everything is halved at `limit` additions.
    pub(super) fn add(&self, hash: u64, limit: u64) {
        let places = places(hash);
        let least = self.least(places);
        if least == MOST {
            return;
        }
        for place in places {
            // Read anew, since two places of a key may be one; and once, since another thread may count
            // meanwhile: a full counter would run over into the next.
            let word = self.word(place);
            let counters = word.load(Relaxed);
            if counters >> shift(place) & MOST == least {
                word.store(counters + (1 << shift(place)), Relaxed);
            }
        }
        let additions = self.additions.load(Relaxed) + 1;
        self.additions.store(additions, Relaxed);
        if additions >= limit {
            self.halve();
        }
    }

    /// How often the key with this hash was asked for, [`MOST`] at most.
    pub(super) fn count(&self, hash: u64) -> u64 {
        self.least(places(hash))
    }

    /// Raises every counter to what `other` has.
    pub(super) fn raise(&self, other: &Self) {
        for (mine, theirs) in self.counters.iter().zip(&other.counters) {
            let (mut word, theirs) = (mine.load(Relaxed), theirs.load(Relaxed));
            for counter in (0..64).step_by(4).map(|shift| MOST << shift) {
                word = (word & !counter) | (word & counter).max(theirs & counter);
            }
            mine.store(word, Relaxed);
        }
        let additions = self.additions.load(Relaxed).max(other.additions.load(Relaxed));
        self.additions.store(additions, Relaxed);
    }

    fn halve(&self) {
        for word in &self.counters {
            word.store(word.load(Relaxed) >> 1 & 0x7777_7777_7777_7777, Relaxed);
        }
        self.additions.store(self.additions.load(Relaxed) / 2, Relaxed);
    }

    fn least(&self, places: [u64; ROWS as usize]) -> u64 {
        places.into_iter().map(|place| self.counter(place)).min().unwrap_or(0)
    }

    fn counter(&self, place: u64) -> u64 {
        self.word(place).load(Relaxed) >> shift(place) & MOST
    }

    fn word(&self, place: u64) -> &AtomicU64 {
        // Never out of range: a place is below 112.
        &self.counters[(place as usize >> 4) % WORDS]
    }
}

/// The counters of the key with this hash.
fn places(hash: u64) -> [u64; ROWS as usize] {
    // The bits that chose shard and block are the same for all keys of a block; a product, folded,
    // brings the others into all four sixteens.
    let product = u128::from(hash) * 0x9e37_79b9_7f4a_7c15;
    let mixed = (product >> 64) as u64 ^ product as u64;
    [0, 16, 32, 48].map(|from| (((mixed >> from) & 0xffff) * COUNTERS) >> 16)
}

fn shift(place: u64) -> u32 {
    (place as u32 & 15) * 4
}
