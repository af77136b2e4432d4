//! The process's memory budget (`[node] memory`): bytes are charged where they are allocated and
//! given back when the [`Charge`] is dropped. The budget itself refuses nothing; each room asks
//! [`Budget::room_for`] at the point where it can still say no.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the process may hold, and what it holds; cheap to clone.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    limit: u64,
    held: AtomicU64,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Account { limit, held: AtomicU64::new(0) }))
    }

    /// The limit in bytes.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// The bytes charged now.
    pub fn held(&self) -> u64 {
        self.0.held.load(Ordering::Relaxed)
    }

    /// Whether `bytes` more would stay within `share` percent of the limit.
    pub fn room_for(&self, bytes: u64, share: u64) -> bool {
        self.held().saturating_add(bytes) <= self.0.limit / 100 * share
    }

    /// Charges `bytes` until the guard is dropped.
    pub fn charge(&self, bytes: u64) -> Charge {
        self.0.held.fetch_add(bytes, Ordering::Relaxed);
        Charge { account: Arc::clone(&self.0), bytes }
    }
}

/// Bytes held against a [`Budget`].
#[derive(Debug)]
pub struct Charge {
    account: Arc<Account>,
    bytes: u64,
}

impl Charge {
    /// Charges `bytes` more to the same guard.
    pub fn grow(&mut self, bytes: u64) {
        self.account.held.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
    }

    /// Gives `bytes` of the guard back early, at most what it holds.
    pub fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.account.held.fetch_sub(bytes, Ordering::Relaxed);
        self.bytes -= bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.account.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_charge_gives_its_bytes_back() {
        let budget = Budget::new(1000);
        let mut charge = budget.charge(300);
        charge.grow(200);
        charge.shrink(100);
        assert_eq!(budget.held(), 400);
        assert!(budget.room_for(500, 90));
        assert!(!budget.room_for(501, 90));
        drop(charge);
        assert_eq!(budget.held(), 0);
    }
}
