//! Waiting, always for a condition and always with a deadline that no healthy run comes near.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tidegate::base::Clock;

/// How long anything may take before the test fails: generous, because a loaded machine is slow
/// and a waiting test costs nothing.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// How long [`soon`] looks.
const MOMENT: Duration = Duration::from_millis(20);

/// Waits until `condition` holds, for what nothing can announce: a counter of the proxy's, a
/// socket's state. The one place that looks again and again.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = deadline();
    while !condition() {
        assert!(Clock::system().now() < end, "waited in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Whether `condition` holds within a moment: for what may well not happen.
pub fn soon(mut condition: impl FnMut() -> bool) -> bool {
    let end = Clock::system().now() + MOMENT;
    loop {
        if condition() {
            return true;
        }
        if Clock::system().now() >= end {
            return false;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// The moment at which a wait that begins now gives up.
pub fn deadline() -> Instant {
    Clock::system().now() + DEADLINE
}

/// A value that threads change and tests wait on.
#[derive(Debug, Default)]
pub struct Watched<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Watched<T> {
    /// A watched `value`.
    pub fn new(value: T) -> Self {
        Self { value: Mutex::new(value), changed: Condvar::new() }
    }

    /// Looks at the value.
    pub fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the value and wakes whoever waits on it.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// Waits until `found` finds what it looks for. `None` at the deadline: the caller knows best
    /// what to say then.
    pub fn wait_for<R>(&self, mut found: impl FnMut(&T) -> Option<R>) -> Option<R> {
        let end = deadline();
        let mut value = self.lock();
        loop {
            if let Some(result) = found(&value) {
                return Some(result);
            }
            let left = end.checked_duration_since(Clock::system().now())?;
            value = match self.changed.wait_timeout(value, left) {
                Ok((value, _)) => value,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        // A thread that panicked must not hide its own message behind a poisoned lock.
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
