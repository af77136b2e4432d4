//! A token bucket: so many a second in the long run, and so many at once.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A token bucket.
#[derive(Debug)]
pub struct Bucket {
    rate: f64,
    burst: f64,
    level: Mutex<Option<(Instant, f64)>>,
}

impl Bucket {
    /// A full one that gains `rate` tokens a second and holds `burst`.
    pub fn new(rate: u32, burst: u32) -> Self {
        Self { rate: rate.into(), burst: burst.into(), level: Mutex::new(None) }
    }

    /// Takes a token, where there is one.
    pub fn take(&self, now: Instant) -> bool {
        // Two numbers that are written together.
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, held) = level.unwrap_or((now, self.burst));
        let grown = now.saturating_duration_since(at).as_secs_f64() * self.rate;
        let held = (held + grown).min(self.burst);
        let taken = held >= 1.0;
        *level = Some((now.max(at), if taken { held - 1.0 } else { held }));
        taken
    }

    /// Puts back a token that was taken and is not needed.
    pub fn put_back(&self) {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, held)) = &mut *level {
            *held = (*held + 1.0).min(self.burst);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::Clock;

    #[test]
    fn a_bucket_takes_its_burst_and_then_its_rate() {
        let (bucket, start) = (Bucket::new(10, 20), Clock::system().now());
        assert_eq!((0..50).filter(|_| bucket.take(start)).count(), 20);
        let later = start + Duration::from_millis(500);
        assert_eq!((0..50).filter(|_| bucket.take(later)).count(), 5);
        // A clock that is read by another thread may be a little behind.
        assert!(!bucket.take(start));
        bucket.put_back();
        assert!(bucket.take(start) && !bucket.take(start));
        let much_later = later + Duration::from_secs(3600);
        assert_eq!((0..50).filter(|_| bucket.take(much_later)).count(), 20);
    }
}
