//! All that is stored under one key: its variants, and the soft purges that they lived through.
//!
//! An entry never changes; the `with…` functions return the entry that takes its place. Each
//! variant is judged by its own `asked`, so an entry that is copied revives nobody (PURGE.md
//! rule 5).

use std::sync::Arc;
use std::time::Instant;

use http::HeaderMap;

use super::floors::Floor;
use super::object::Object;
use crate::base::Axis;
use crate::base::Seq;

/// Bookkeeping of an entry in bytes: its own struct, moka's nodes, queues and table slots.
const OVERHEAD: u64 = 256;

/// The variants of a key, the newest first.
#[derive(Clone, Debug)]
pub struct Entry {
    variants: Box<[Arc<Object>]>,
    /// The newest soft purge of the key: what was asked before it is stale.
    soft: Seq,
    weight: u64,
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

impl Entry {
    /// An entry of one object.
    pub fn of(object: Arc<Object>, floor: Floor) -> Self {
        Self::build(Seq(0), floor, vec![object])
    }

    /// The entry with `object` in place of the variants that a request for it would select too.
    pub fn with(&self, object: Arc<Object>, floor: Floor, most: Most, now: Instant) -> Self {
        let mut variants = Vec::with_capacity(self.variants.len() + 1);
        let succeeded = |old: &&Arc<Object>| !object.succeeds(old) && old.useful(now);
        let kept: Vec<_> = self.variants.iter().filter(succeeded).map(Arc::clone).collect();
        let mut left = most.bytes.saturating_sub(object.weight());
        variants.push(object);
        // Over a limit the variants that were stored longest ago go.
        for old in kept.into_iter().take(most.variants.saturating_sub(1)) {
            let Some(rest) = left.checked_sub(old.weight()) else { break };
            left = rest;
            variants.push(old);
        }
        Self::build(self.soft, floor, variants)
    }

    /// The entry with `new` in the place of `old`.
    pub fn replaced(&self, old: &Arc<Object>, new: &Arc<Object>, floor: Floor) -> Self {
        let mut variants: Vec<_> = self.variants.to_vec();
        for variant in &mut variants {
            if Arc::ptr_eq(variant, old) {
                *variant = Arc::clone(new);
            }
        }
        Self::build(self.soft, floor, variants)
    }

    /// The entry after a soft purge.
    pub fn stale_since(&self, seq: Seq) -> Self {
        Self { soft: self.soft.max(seq), ..self.clone() }
    }

    fn build(soft: Seq, floor: Floor, variants: Vec<Arc<Object>>) -> Self {
        let weight = OVERHEAD + variants.iter().map(|object| object.weight()).sum::<u64>();
        // A soft floor above an arriving object's `asked` is a purge that the entry did not see,
        // because it was not there yet.
        Self { soft: soft.max(floor.soft), variants: variants.into(), weight }
    }

    /// Whether `object` itself is one of the variants.
    pub fn holds(&self, object: &Arc<Object>) -> bool {
        self.variants.iter().any(|variant| Arc::ptr_eq(variant, object))
    }

    /// What a request selects; of several the newest (RFC 9111 §4.1).
    pub fn select(&self, axis: Axis, request: &HeaderMap) -> Found {
        let selected = self.variants.iter().find(|object| object.selected_by(axis, request));
        match selected {
            Some(object) => {
                Found::Object { object: Arc::clone(object), soft_purged: self.soft > object.asked }
            }
            None => Found::OtherVariants,
        }
    }

    /// The newest variant: its Vary tells what the next request may be selected by.
    pub fn newest(&self) -> Option<&Arc<Object>> {
        self.variants.first()
    }

    /// Variants held.
    pub fn variants(&self) -> usize {
        self.variants.len()
    }

    /// Bytes that the entry takes, bookkeeping included.
    pub fn weight(&self) -> u64 {
        self.weight
    }
}
