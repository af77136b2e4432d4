//! What is remembered of keys whose answers cannot be stored: nobody waits for a flight of theirs.

use std::time::Instant;

use super::Store;
use crate::base::{Credentials, Key, KeyRef, Reason, Seq};

impl Store {
    /// Remembers until `until` that what `key` answers with to `whom` cannot be stored. Does nothing
    /// where a purge came after that answer had been asked for: the next may be another.
    pub fn mark(&self, key: &Key, whom: Credentials, reason: Reason, asked: Seq, until: Instant) {
        let _lock = self.lock(key.hash());
        if self.floors.exact(key.hash()).allows(asked) {
            self.markers.put(whom.salt(key.hash()), reason, until);
        }
    }

    /// Why what `key` answers with to `whom` cannot be stored, where that is remembered.
    pub fn marked(&self, key: &KeyRef<'_>, whom: Credentials, now: Instant) -> Option<Reason> {
        self.markers.get(whom.salt(key.hash()), now)
    }

    /// Forgets that what `key` answers with to `whom` cannot be stored, now that one could have been:
    /// a page may be private to one reader, whom only its wiki knows, and everybody's to the next. What
    /// did not fit may still not.
    pub fn reconsider(&self, key: &KeyRef<'_>, whom: Credentials, now: Instant) {
        let hash = whom.salt(key.hash());
        if !matches!(self.markers.get(hash, now), Some(Reason::TooLarge | Reason::NoRoom)) {
            self.markers.clear(hash);
        }
    }

    /// Forgets that what the key answers with to anybody cannot be stored.
    pub(super) fn unmark(&self, hash: u64) {
        Credentials::ALL.iter().for_each(|whom| self.markers.clear(whom.salt(hash)));
    }
}
