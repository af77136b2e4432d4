//! How many requests a server may have under way, which changes while they are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// As many permits as there may be requests.
#[derive(Debug)]
pub struct Allowance {
    permits: Arc<Semaphore>,
    allowed: Mutex<usize>,
    /// Permits in use that are not given back, since fewer are allowed than were.
    surplus: Arc<AtomicUsize>,
    used: Arc<AtomicUsize>,
}

/// The right to ask, until dropped.
#[derive(Debug)]
pub struct Turn {
    permit: Option<OwnedSemaphorePermit>,
    surplus: Arc<AtomicUsize>,
    used: Arc<AtomicUsize>,
}

impl Allowance {
    /// `allowed` at once.
    pub fn new(allowed: usize) -> Self {
        let permits = Arc::new(Semaphore::new(allowed));
        Self {
            permits,
            allowed: Mutex::new(allowed),
            surplus: Arc::default(),
            used: Arc::default(),
        }
    }

    /// From now on, `allowed` at once. Who asks already goes on.
    pub fn set(&self, allowed: usize) {
        // The number is whole between statements.
        let mut before = self.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        match allowed.checked_sub(*before) {
            Some(more) => {
                let kept = |surplus: usize| Some(surplus.saturating_sub(more));
                let surplus = self.surplus.fetch_update(Ordering::Relaxed, Ordering::Relaxed, kept);
                self.permits.add_permits(more - surplus.unwrap_or_default().min(more));
            }
            None => {
                let fewer = *before - allowed;
                let gone = self.permits.forget_permits(fewer);
                self.surplus.fetch_add(fewer - gone, Ordering::Relaxed);
            }
        }
        *before = allowed;
    }

    /// Those that have a turn.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether there is a turn at once.
    pub fn has_room(&self) -> bool {
        self.permits.available_permits() > 0
    }

    /// A turn at once, where there is one.
    pub fn try_take(&self) -> Option<Turn> {
        Arc::clone(&self.permits).try_acquire_owned().ok().map(|permit| self.turn(permit))
    }

    /// A turn, first come, first served.
    ///
    /// # Errors
    /// Never, as nobody closes it.
    pub async fn take(&self) -> Result<Turn, AcquireError> {
        Arc::clone(&self.permits).acquire_owned().await.map(|permit| self.turn(permit))
    }

    fn turn(&self, permit: OwnedSemaphorePermit) -> Turn {
        self.used.fetch_add(1, Ordering::Relaxed);
        let (surplus, used) = (Arc::clone(&self.surplus), Arc::clone(&self.used));
        Turn { permit: Some(permit), surplus, used }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.used.fetch_sub(1, Ordering::Relaxed);
        let fewer = |surplus: usize| surplus.checked_sub(1);
        let is_surplus =
            self.surplus.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok();
        if let Some(permit) = self.permit.take()
            && is_surplus
        {
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(allowance: &Allowance) -> Vec<Turn> {
        std::iter::from_fn(|| allowance.try_take()).collect()
    }

    #[test]
    fn it_shrinks_and_grows_while_turns_are_taken() {
        let allowance = Allowance::new(8);
        let mut turns = take_all(&allowance);
        allowance.set(3);
        turns.truncate(4);
        assert!(allowance.try_take().is_none(), "four of three allowed are under way");
        turns.truncate(2);
        let third = allowance.try_take().expect("the third of three");
        assert!(allowance.try_take().is_none());
        allowance.set(5);
        let more = take_all(&allowance);
        assert_eq!((more.len(), allowance.used()), (2, 5));
        drop((turns, third, more));
        assert_eq!(allowance.used(), 0);
        assert_eq!(take_all(&allowance).len(), 5);
    }

    #[test]
    fn what_is_allowed_again_before_it_was_given_back_never_was_taken() {
        let allowance = Allowance::new(4);
        let turns = take_all(&allowance);
        allowance.set(1);
        allowance.set(3);
        drop(turns);
        assert_eq!(take_all(&allowance).len(), 3);
    }
}
