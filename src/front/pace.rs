//! The pace of a request's body, judged only while it is us who wait for it: two pieces may be
//! `body` apart, and over each `progress` of waiting the client must bring `min_body_rate`. What
//! an origin takes slowly costs the client nothing, because nobody waits for its bytes then.
//!
//! Without the rate, a byte every now and then would hold an origin's connection for as long as
//! the client likes.

use std::time::{Duration, Instant};

use crate::config::Timeouts;

/// How a body has come so far.
#[derive(Debug, Default)]
pub(super) struct Pace {
    wait: Option<Wait>,
    /// How long was waited in this window, before `wait`.
    waited: Duration,
    /// Bytes that came in this window.
    brought: u64,
}

/// A piece that is waited for.
#[derive(Clone, Copy, Debug)]
struct Wait {
    since: Instant,
    /// From when on it counts in this window.
    counted: Instant,
}

/// What is to be said of a body that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing has run out, nor can before this.
    Alive(Instant),
    /// Nothing came for `body`.
    Stopped,
    /// Only so many bytes came in a window.
    Slow(u64),
}

impl Pace {
    /// A piece of `bytes` has come; asks for the time only if it was waited for.
    pub(super) fn on_piece(&mut self, bytes: usize, now: impl FnOnce() -> Instant) {
        self.brought = self.brought.saturating_add(bytes as u64);
        if let Some(wait) = self.wait.take() {
            self.waited += now().saturating_duration_since(wait.counted);
        }
    }

    /// The next piece is waited for; by when nothing can have run out.
    pub(super) fn on_wait(&mut self, now: impl FnOnce() -> Instant, limits: &Timeouts) -> Instant {
        let wait = *self.wait.get_or_insert_with(|| {
            let now = now();
            Wait { since: now, counted: now }
        });
        self.until(wait, limits)
    }

    /// Whether anything has run out by `now`, in a wait.
    pub(super) fn judge(&mut self, now: Instant, limits: &Timeouts) -> Verdict {
        let mut wait = self.wait.unwrap_or(Wait { since: now, counted: now });
        if now >= wait.since + limits.body {
            return Verdict::Stopped;
        }
        let waited = self.waited + now.saturating_duration_since(wait.counted);
        if waited >= limits.progress {
            if self.brought < floor(limits) {
                return Verdict::Slow(self.brought);
            }
            (self.waited, self.brought) = (Duration::ZERO, 0);
            wait.counted = now;
        }
        self.wait = Some(wait);
        Verdict::Alive(self.until(wait, limits))
    }

    fn until(&self, wait: Wait, limits: &Timeouts) -> Instant {
        let window = wait.counted + limits.progress.saturating_sub(self.waited);
        window.min(wait.since + limits.body)
    }
}

/// Bytes that a client must bring within `progress`.
fn floor(limits: &Timeouts) -> u64 {
    let millis = u64::try_from(limits.progress.as_millis()).unwrap_or(u64::MAX);
    limits.min_body_rate.saturating_mul(millis) / 1000
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
