//! How many requests may be asked again of another server: a share of all that are asked, so that servers
//! which fail under their load do not get twice of it (the retry budget of Finagle).

use std::sync::atomic::{AtomicU64, Ordering};

/// The retries that may be made at once, when none was for a while.
const AT_ONCE: u64 = 10;

/// A cluster's budget of retries.
#[derive(Debug)]
pub struct Retries {
    /// What a request adds, in hundredths of a retry.
    percent: u64,
    /// In hundredths.
    left: AtomicU64,
    refused: AtomicU64,
}

impl Retries {
    /// As many as `percent` of all requests, and a few at once; none where that is 0.
    pub fn new(percent: u32) -> Self {
        let left = if percent > 0 { AT_ONCE * 100 } else { 0 };
        Self { percent: percent.into(), left: left.into(), refused: AtomicU64::new(0) }
    }

    /// A request is asked for the first time.
    pub fn earn(&self) {
        self.change(|left| Some((left + self.percent).min(AT_ONCE * 100)));
    }

    /// Whether one may be asked again.
    pub fn take(&self) -> bool {
        let taken = self.change(|left| left.checked_sub(100));
        if !taken {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// How often one might not.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn change(&self, change: impl Fn(u64) -> Option<u64>) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_the_requests_may_be_asked_again() {
        let retries = Retries::new(20);
        let again = (0..1000).filter(|_| {
            retries.earn();
            retries.take()
        });
        // What was left in the beginning comes on top.
        assert_eq!(again.count(), 209);
        assert_eq!(retries.refused(), 791);
        (0..1000).for_each(|_| retries.earn());
        assert_eq!((0..100).filter(|_| retries.take()).count(), 10);
    }

    #[test]
    fn without_a_budget_nothing_is_asked_again() {
        let none = Retries::new(0);
        none.earn();
        assert!(!none.take());
    }
}
