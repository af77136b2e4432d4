//! A fixed table of short-lived notes by key hash: markers of what cannot be cached, and the
//! back-off of refreshes. A stranger can fill it but not grow it; a note that is overwritten costs
//! one needless look at the origin.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::base::sync;

/// Notes that the table holds.
const SLOTS: usize = sync::size(1 << 16, 4);

/// The table; each slot is a lock of its own, asked on misses only.
#[derive(Debug)]
pub struct Slots<T>(Box<[Mutex<Option<Note<T>>>]>);

#[derive(Clone, Copy, Debug)]
struct Note<T> {
    hash: u64,
    until: Instant,
    value: T,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| Mutex::new(None)).collect())
    }
}

impl<T: Copy> Slots<T> {
    /// Notes `value` for `hash` until `until`, in place of whatever the slot held.
    pub fn put(&self, hash: u64, value: T, until: Instant) {
        self.with(hash, |slot| *slot = Some(Note { hash, until, value }));
    }

    /// The note for `hash`, unless its time is over.
    pub fn get(&self, hash: u64, now: Instant) -> Option<T> {
        self.with(hash, |slot| {
            slot.filter(|note| note.hash == hash && now < note.until).map(|note| note.value)
        })
    }

    /// The note for `hash` even after its time, which tells how it ended.
    pub fn last(&self, hash: u64) -> Option<T> {
        self.with(hash, |slot| slot.filter(|note| note.hash == hash).map(|note| note.value))
    }

    /// Forgets the note for `hash`.
    pub fn clear(&self, hash: u64) {
        self.with(hash, |slot| {
            if slot.is_some_and(|note| note.hash == hash) {
                *slot = None;
            }
        });
    }

    fn with<R>(&self, hash: u64, act: impl FnOnce(&mut Option<Note<T>>) -> R) -> R {
        let slot = usize::try_from(hash >> 20).unwrap_or_default() % SLOTS;
        // A note is replaced in one assignment; a panic elsewhere cannot leave half of one.
        act(&mut self.0[slot].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Clock;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_note_ends_with_its_time_and_is_nobody_elses() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let slots = Slots::default();
        slots.put(1, 'a', clock.now() + Duration::from_secs(1));
        assert_eq!(slots.get(1, clock.now()), Some('a'));
        assert_eq!(slots.get(2, clock.now()), None);
        slots.clear(2);
        clock.advance(Duration::from_secs(1));
        assert_eq!(slots.get(1, clock.now()), None);
        assert_eq!(slots.last(1), Some('a'));
        slots.clear(1);
        assert_eq!(slots.last(1), None);
    }
}
