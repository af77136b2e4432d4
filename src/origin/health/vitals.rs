//! What a server's health means for requests, and what they tell of it: read and written by every worker,
//! without a lock.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::FEW;
use super::machine::Transition;

/// What requests must know of their server, and what they tell of it.
#[derive(Debug)]
pub struct Vitals {
    pub(super) standing: AtomicU8,
    /// Its share in percent, which is less while it is warming.
    pub(super) share: AtomicU8,
    /// Requests in turn that failed.
    pub(super) errors: AtomicU32,
    /// How many may try it while all are out.
    pub(super) tried: AtomicUsize,
    pub(super) transitions: [AtomicU64; Transition::ALL.len()],
    pub(super) passed: AtomicU64,
    pub(super) failed: AtomicU64,
}

/// What a server's health means for requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Standing {
    /// It is well.
    In,
    /// It is to show that it is, by a few requests.
    Unproven,
    /// It is not, but too many others are out.
    Held,
    /// It is not asked.
    Out,
    /// All are out, and it is tried as they are.
    Tried,
}

impl Default for Vitals {
    fn default() -> Self {
        Self {
            standing: AtomicU8::new(Standing::In as u8),
            share: AtomicU8::new(100),
            errors: AtomicU32::new(0),
            tried: AtomicUsize::new(FEW),
            transitions: Default::default(),
            passed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }
}

impl Vitals {
    /// What its health means for requests.
    pub fn standing(&self) -> Standing {
        let now = self.standing.load(Ordering::Relaxed);
        let all =
            [Standing::In, Standing::Unproven, Standing::Held, Standing::Out, Standing::Tried];
        all.into_iter().find(|standing| *standing as u8 == now).unwrap_or(Standing::In)
    }

    /// Whether requests go to it.
    pub fn is_pooled(&self) -> bool {
        self.standing().is_pooled()
    }

    /// How often each transition was made.
    pub fn transitions(&self) -> impl Iterator<Item = (Transition, u64)> {
        let count = |transition: Transition| &self.transitions[transition as usize];
        Transition::ALL.into_iter().map(move |one| (one, count(one).load(Ordering::Relaxed)))
    }

    /// How many checks passed, and how many did not.
    pub fn checks(&self) -> [(&'static str, u64); 2] {
        let [passed, failed] = [&self.passed, &self.failed].map(|it| it.load(Ordering::Relaxed));
        [("passed", passed), ("failed", failed)]
    }
}

impl Standing {
    /// Whether requests go to it.
    pub const fn is_pooled(self) -> bool {
        !matches!(self, Self::Out)
    }
}
