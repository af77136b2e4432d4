//! All that is stored under one key: its variants, and the soft purges that they lived through.
//!
//! An entry never changes; the `with…` functions return the entry that takes its place. Each
//! variant is judged by its own `asked`, so an entry that is copied revives nobody (PURGE.md
//! rule 5).

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use http::HeaderMap;

use super::floors::Floor;
use super::object::{Object, allocated};
use crate::base::{Axis, Key, Seq};

/// What an entry takes of the index's table in bytes, on average: its part of a group of seven cells
/// and of the sketch, 24 bytes where groups are as full as they mostly are, and as much again for
/// what the allocator cannot fill and for tables that were outgrown (measured by `tests/weight.rs`).
const PLACE: u64 = 48;

/// A key and its variants, the newest first.
#[derive(Clone, Debug)]
pub struct Entry {
    key: Key,
    variants: Variants,
    /// The newest soft purge of the key: what was asked before it is stale.
    soft: Seq,
    weight: u64,
    used: Used,
}

/// What one key may hold: strangers choose how many variants they ask for.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Variants.
    pub variants: usize,
    /// Bytes of all variants.
    pub bytes: u64,
}

/// What an entry has for a request.
#[derive(Clone, Debug)]
pub enum Found {
    /// The object that the request selects, and whether a soft purge made it stale.
    Object {
        /// The object.
        object: Arc<Object>,
        /// Whether a soft purge came after it had been asked for.
        soft_purged: bool,
    },
    /// Variants, but none that the request selects.
    OtherVariants,
}

/// Whether an entry was asked for since the index looked last.
#[derive(Debug, Default)]
struct Used(AtomicBool);

/// One variant, as nearly every key has, needs no list.
#[derive(Clone, Debug)]
enum Variants {
    One(Arc<Object>),
    Many(Box<[Arc<Object>]>),
}

impl Entry {
    /// The entry of one object under `key`.
    pub fn of(key: Key, object: Arc<Object>, floor: Floor) -> Self {
        Self::build(key, Seq(0), floor, vec![object])
    }

    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The entry with `object` in place of the variants that a request for it would select too.
    pub fn with(&self, object: Arc<Object>, floor: Floor, most: Most, now: Instant) -> Self {
        let mut variants = Vec::with_capacity(self.variants().len() + 1);
        let succeeded = |old: &&Arc<Object>| !object.succeeds(old) && old.useful(now);
        let kept: Vec<_> = self.variants().iter().filter(succeeded).map(Arc::clone).collect();
        let mut left = most.bytes.saturating_sub(object.weight());
        variants.push(object);
        // Over a limit the variants that were stored longest ago go.
        for old in kept.into_iter().take(most.variants.saturating_sub(1)) {
            let Some(rest) = left.checked_sub(old.weight()) else { break };
            left = rest;
            variants.push(old);
        }
        Self::build(self.key.clone(), self.soft, floor, variants)
    }

    /// The entry with `new` in the place of `old`.
    pub fn replaced(&self, old: &Arc<Object>, new: &Arc<Object>, floor: Floor) -> Self {
        let mut variants: Vec<_> = self.variants().to_vec();
        for variant in &mut variants {
            if Arc::ptr_eq(variant, old) {
                *variant = Arc::clone(new);
            }
        }
        Self::build(self.key.clone(), self.soft, floor, variants)
    }

    /// The entry after a soft purge.
    pub fn stale_since(&self, seq: Seq) -> Self {
        Self { soft: self.soft.max(seq), ..self.clone() }
    }

    fn build(key: Key, soft: Seq, floor: Floor, variants: Vec<Arc<Object>>) -> Self {
        let objects: u64 = variants.iter().map(|object| object.weight()).sum();
        let (variants, list) = match <[_; 1]>::try_from(variants) {
            Ok([object]) => (Variants::One(object), 0),
            Err(variants) => {
                let list = allocated(size_of_val(&*variants));
                (Variants::Many(variants.into()), list)
            }
        };
        let weight = overhead(&key) + list + objects;
        // A soft floor above an arriving object's `asked` is a purge that the entry did not see,
        // because it was not there yet.
        Self { key, soft: soft.max(floor.soft), variants, weight, used: Used::default() }
    }

    /// Whether `object` itself is one of the variants.
    pub fn holds(&self, object: &Arc<Object>) -> bool {
        self.variants().iter().any(|variant| Arc::ptr_eq(variant, object))
    }

    /// What a request selects; of several the newest (RFC 9111 §4.1).
    pub fn select(&self, axis: Axis, request: &HeaderMap) -> Found {
        let selected = self.variants().iter().find(|object| object.selected_by(axis, request));
        match selected {
            Some(object) => {
                Found::Object { object: Arc::clone(object), soft_purged: self.soft > object.asked }
            }
            None => Found::OtherVariants,
        }
    }

    /// The newest variant: its Vary tells what the next request may be selected by.
    pub fn newest(&self) -> Option<&Arc<Object>> {
        self.variants().first()
    }

    /// The variants, the newest first.
    pub fn variants(&self) -> &[Arc<Object>] {
        match &self.variants {
            Variants::One(object) => std::slice::from_ref(object),
            Variants::Many(objects) => objects,
        }
    }

    /// Notes that it was asked for.
    pub fn note_use(&self) {
        // A write costs the other workers their copy of this line.
        if !self.used.0.load(Relaxed) {
            self.used.0.store(true, Relaxed);
        }
    }

    /// Whether it was asked for since this was asked last.
    pub fn forget_use(&self) -> bool {
        self.used.0.load(Relaxed) && self.used.0.swap(false, Relaxed)
    }

    /// Bytes that the entry takes, bookkeeping included.
    pub fn weight(&self) -> u64 {
        self.weight
    }
}

/// Bytes that the entry of `key` takes beside its objects.
pub fn overhead(key: &Key) -> u64 {
    // An `Arc` has two counts before its content.
    allocated(size_of::<Entry>() + 2 * size_of::<usize>()) + allocated(key.text().len()) + PLACE
}

impl Clone for Used {
    fn clone(&self) -> Self {
        Self(AtomicBool::new(self.0.load(Relaxed)))
    }
}
