//! The process's memory budget (`[node] memory`): bytes are charged where they are allocated and
//! given back when the [`Charge`] is dropped. The budget itself refuses nothing; each room asks
//! [`Budget::room_for`] at the point where it can still say no.
//!
//! Near the limit four lines are crossed, in this order: at [`YIELD`] the cache gives way to
//! whatever else there is, down to [`STAY`], at [`STORE`] nothing new is stored, at [`CONNECT`] no
//! connection is taken, at [`FETCH`] no request goes to an origin; hits are served in any case.
//! What an allocator needs beyond what it is asked for is not charged; that is what the first line
//! leaves room for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The share of the limit, in percent, above which the cache gives way.
pub const YIELD: u64 = 85;
/// The share that the cache keeps in any case.
pub const STAY: u64 = 12;
/// The share above which nothing new is stored.
pub const STORE: u64 = 90;
/// The share above which no connection is taken.
pub const CONNECT: u64 = 97;

/// The share above which no request goes to an origin.
pub const FETCH: u64 = 100;

/// What bytes are held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The process itself, and tables of a fixed size.
    Process,
    /// Clients' connections, with their buffers.
    Connections,
    /// Connections to origins, with theirs.
    Origins,
    /// Requests that wait for an origin or for another client's fetch.
    Requests,
    /// Bodies of requests on their way to an origin.
    Uploads,
    /// Responses that grow.
    Fills,
    /// Responses that are stored, and those that are no longer but are still being read.
    Stored,
    /// Stored bodies that the page cache holds a second time.
    Pages,
    /// Stored bodies on their way into a content coding.
    Coding,
    /// Purges that wait to be repeated.
    Repeats,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 10] = [
        Self::Process,
        Self::Connections,
        Self::Origins,
        Self::Requests,
        Self::Uploads,
        Self::Fills,
        Self::Stored,
        Self::Pages,
        Self::Coding,
        Self::Repeats,
    ];

    /// The word for it in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Connections => "connections",
            Self::Origins => "origin-connections",
            Self::Requests => "requests",
            Self::Uploads => "uploads",
            Self::Fills => "fills",
            Self::Stored => "stored",
            Self::Pages => "pages",
            Self::Coding => "coding",
            Self::Repeats => "repeats",
        }
    }
}

/// What the process may hold, and what it holds; cheap to clone.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    limit: u64,
    parts: [AtomicU64; Part::ALL.len()],
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Account { limit, parts: Default::default() }))
    }

    /// The limit in bytes.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// The bytes charged now.
    pub fn held(&self) -> u64 {
        self.0.parts.iter().map(|part| part.load(Ordering::Relaxed)).sum()
    }

    /// The bytes charged now for `part`.
    pub fn held_for(&self, part: Part) -> u64 {
        self.0.parts[part as usize].load(Ordering::Relaxed)
    }

    /// Whether `bytes` more would stay within `share` percent of the limit.
    pub fn room_for(&self, bytes: u64, share: u64) -> bool {
        self.held().saturating_add(bytes) <= self.0.limit / 100 * share
    }

    /// Charges `bytes` for `part` until the guard is dropped.
    pub fn charge(&self, part: Part, bytes: u64) -> Charge {
        self.0.parts[part as usize].fetch_add(bytes, Ordering::Relaxed);
        Charge { account: Arc::clone(&self.0), part, bytes }
    }
}

/// Bytes held against a [`Budget`].
#[derive(Debug)]
pub struct Charge {
    account: Arc<Account>,
    part: Part,
    bytes: u64,
}

impl Charge {
    /// Charges `bytes` more to the same guard.
    pub fn grow(&mut self, bytes: u64) {
        self.held().fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
    }

    /// Gives `bytes` of the guard back early, at most what it holds.
    pub fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.held().fetch_sub(bytes, Ordering::Relaxed);
        self.bytes -= bytes;
    }

    /// Makes it `bytes` that the guard holds.
    pub fn set(&mut self, bytes: u64) {
        self.grow(bytes.saturating_sub(self.bytes));
        self.shrink(self.bytes - bytes);
    }

    /// Hands what the guard holds over to another one, which holds `bytes` for `part` instead.
    #[must_use]
    pub fn hand_over(&mut self, part: Part, bytes: u64) -> Self {
        // The new one first: what is held must not look free between the two.
        self.account.parts[part as usize].fetch_add(bytes, Ordering::Relaxed);
        self.shrink(self.bytes);
        Self { account: Arc::clone(&self.account), part, bytes }
    }

    /// Charges `bytes` for `part` to the same budget, if `part` then has no more than one `share`th of
    /// the limit and everything together stays within `most` percent of it.
    pub fn beside(&self, part: Part, bytes: u64, share: u64, most: u64) -> Option<Self> {
        let budget = Budget(Arc::clone(&self.account));
        let fits = budget.held_for(part).saturating_add(bytes) <= budget.limit() / share;
        (fits && budget.room_for(bytes, most)).then(|| budget.charge(part, bytes))
    }

    fn held(&self) -> &AtomicU64 {
        &self.account.parts[self.part as usize]
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.held().fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_charge_gives_its_bytes_back() {
        let budget = Budget::new(1000);
        let mut charge = budget.charge(Part::Fills, 300);
        charge.grow(200);
        charge.set(350);
        charge.set(400);
        assert_eq!(budget.held(), 400);
        assert!(budget.room_for(500, 90));
        assert!(!budget.room_for(501, 90));
        drop(charge);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn a_charge_that_is_handed_over_is_held_once() {
        let budget = Budget::new(1000);
        let mut fill = budget.charge(Part::Fills, 300);
        let stored = fill.hand_over(Part::Stored, 250);
        assert_eq!((budget.held_for(Part::Fills), budget.held_for(Part::Stored)), (0, 250));
        fill.grow(10);
        drop(fill);
        assert_eq!(budget.held(), 250);
        drop(stored);
        assert_eq!(budget.held(), 0);
    }
}
