//! The flights under way, by key. A key has several where its responses vary, or where a purge has
//! come since the first of them asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::flight::Flight;
use crate::base::KeyRef;
use crate::store::Floor;

/// Shards, each behind a lock.
const SHARDS: usize = 64;

/// Flights by the hash of their key, which is seeded already; equal hashes are told apart by key.
type Flights = HashMap<u64, Vec<Arc<Flight>>, foldhash::fast::RandomState>;

/// The table; asked on misses only.
#[derive(Debug)]
pub struct Table(Box<[Mutex<Flights>]>);

/// One shard, locked.
#[derive(Debug)]
pub struct Shard<'a>(MutexGuard<'a, Flights>);

impl Default for Table {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }
}

impl Table {
    /// The shard of a key, by its hash.
    pub fn shard(&self, hash: u64) -> Shard<'_> {
        let shard = usize::try_from(hash >> 8).unwrap_or_default() % SHARDS;
        // Lists of flights are whole between statements.
        Shard(self.0[shard].lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes `flight` off the table.
    pub fn remove(&self, flight: &Arc<Flight>) {
        let mut shard = self.shard(flight.key.hash());
        if let Some(flights) = shard.0.get_mut(&flight.key.hash()) {
            flights.retain(|other| !Arc::ptr_eq(other, flight));
            if flights.is_empty() {
                shard.0.remove(&flight.key.hash());
            }
        }
    }
}

impl Shard<'_> {
    /// The flights of `key`.
    pub fn of(&self, key: &KeyRef<'_>) -> impl Iterator<Item = &Arc<Flight>> {
        let flights = self.0.get(&key.hash()).map_or(&[][..], Vec::as_slice);
        flights.iter().filter(move |flight| flight.key.as_ref() == *key)
    }

    /// Adds `flight`, in the place of those that a purge at `floor` has made unfit to be joined.
    pub fn add(&mut self, flight: &Arc<Flight>, floor: Floor) {
        let flights = self.0.entry(flight.key.hash()).or_default();
        flights.retain(|other| other.key != flight.key || floor.allows(other.asked));
        flights.push(Arc::clone(flight));
    }
}
