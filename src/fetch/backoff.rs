//! Refreshes that fail are not tried again by every reader: 1 s, then twice as long each time, up
//! to a minute, with a quarter of jitter so that pages that failed together do not return together.

use std::time::{Duration, Instant};

use crate::store::slots::Slots;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// How often each key's refresh has failed in a row.
#[derive(Debug, Default)]
pub struct Backoff(Slots<u32>);

impl Backoff {
    /// Whether the key must wait.
    pub fn waits(&self, hash: u64, now: Instant) -> bool {
        self.0.get(hash, now).is_some()
    }

    /// Notes a failure.
    pub fn failed(&self, hash: u64, now: Instant) {
        let failures = self.0.last(hash).unwrap_or(0).saturating_add(1);
        let pause = FIRST.saturating_mul(1 << (failures - 1).min(6)).min(LONGEST);
        let jittered = pause.mul_f64(1.0 + fastrand::f64() / 4.0);
        self.0.put(hash, failures, now + jittered);
    }

    /// Notes a success.
    pub fn succeeded(&self, hash: u64) {
        self.0.clear(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Clock;
    use std::time::SystemTime;

    #[test]
    fn each_failure_doubles_the_pause_and_a_success_ends_it() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let backoff = Backoff::default();
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            backoff.failed(7, clock.now());
            clock.advance(Duration::from_secs(seconds) - Duration::from_millis(1));
            assert!(backoff.waits(7, clock.now()), "{seconds}");
            clock.advance(Duration::from_secs(seconds) / 4 + Duration::from_millis(2));
            assert!(!backoff.waits(7, clock.now()), "{seconds}");
        }
        backoff.succeeded(7);
        backoff.failed(7, clock.now());
        clock.advance(Duration::from_millis(1250));
        assert!(!backoff.waits(7, clock.now()));
    }
}
