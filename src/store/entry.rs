//! All that is stored under one key: its variants, and the soft purges that they lived through.
//!
//! A variant that is coded here as well is a group: its codings, the site's best first, and behind them
//! the response as it came, its identity. Codings belong to their identity's body, and live and go with
//! it: what is limited, evicted and succeeded by is counted in identities.
//!
//! An entry never changes; the `with…` functions return the entry that takes its place. Each
//! variant is judged by its own `asked`, so an entry that is copied revives nobody (PURGE.md
//! rule 5).

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use http::{HeaderMap, HeaderName};

use super::floors::Floor;
use super::object::{Object, allocated};
use crate::base::{Axis, Coding, Key, Seq, Stored};

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

/// A coding, and what a body becomes in it.
pub type Coded = (Coding, Arc<Stored>);

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
        let mut left = most.bytes.saturating_sub(object.weight());
        let mut kept = Vec::new();
        for (identity, codings) in self.groups() {
            // Over a limit the variants that were stored longest ago go.
            if kept.len() + 1 >= most.variants {
                break;
            }
            if object.succeeds(identity) || !identity.useful(now) {
                continue;
            }
            let Some(rest) = left.checked_sub(identity.weight()) else { break };
            left = rest;
            kept.push((identity, codings));
        }
        let mut variants = Vec::with_capacity(self.variants().len() + 1);
        variants.push(object);
        for (identity, codings) in kept {
            // Codings have what other variants leave.
            for coded in codings {
                if let Some(rest) = left.checked_sub(coded.weight()) {
                    left = rest;
                    variants.push(Arc::clone(coded));
                }
            }
            variants.push(Arc::clone(identity));
        }
        Self::build(self.key.clone(), self.soft, floor, variants)
    }

    /// The entry with the identity `new` in the place of `old`, coded as `codings` say.
    pub fn replaced(
        &self,
        old: &Arc<Object>,
        new: &Arc<Object>,
        codings: &[Coded],
        floor: Floor,
    ) -> Self {
        let mut variants = Vec::with_capacity(self.variants().len() + codings.len());
        for (identity, coded) in self.groups() {
            if Arc::ptr_eq(identity, old) {
                let coded =
                    |(coding, body): &(_, _)| Arc::new(new.coded(*coding, Arc::clone(body)));
                variants.extend(codings.iter().map(coded));
                variants.push(Arc::clone(new));
            } else {
                variants.extend(coded.iter().chain([identity]).map(Arc::clone));
            }
        }
        let entry = Self::build(self.key.clone(), self.soft, floor, variants);
        // It is the same page, and was asked for as often.
        Self { used: self.used.clone(), ..entry }
    }

    /// Whether it holds a newer answer than `object` in its place: one that was asked for no earlier by the
    /// purges between, and of which the head came later.
    pub fn outdates(&self, object: &Object) -> bool {
        self.groups().any(|(identity, _)| {
            object.succeeds(identity)
                && identity.asked >= object.asked
                && identity.head.received() > object.head.received()
        })
    }

    /// The entry after a soft purge.
    pub fn stale_since(&self, seq: Seq) -> Self {
        Self { soft: self.soft.max(seq), ..self.clone() }
    }

    /// The newest soft purge of it: what was asked for before is stale.
    pub fn soft(&self) -> Seq {
        self.soft
    }

    /// The entry of the variants that `stay`, stale where they were asked for before `soft`; `None` where
    /// none does.
    pub fn without(&self, stay: impl Fn(&Object) -> bool, soft: Seq) -> Option<Self> {
        let stay = |object: &&Arc<Object>| stay(object);
        let variants: Vec<_> = self.variants().iter().filter(stay).map(Arc::clone).collect();
        let floor = Floor { soft, ..Floor::default() };
        (!variants.is_empty()).then(|| Self::build(self.key.clone(), self.soft, floor, variants))
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

    /// The variants as they came, each with its codings, the newest first.
    pub fn groups(&self) -> impl Iterator<Item = (&Arc<Object>, &[Arc<Object>])> {
        let groups = self.variants().split_inclusive(|object| !object.is_coded());
        groups.filter_map(|group| group.split_last())
    }

    /// What `object`, one of the variants, was coded from; itself where it was not.
    pub fn identity_of<'a>(&'a self, object: &'a Arc<Object>) -> &'a Arc<Object> {
        let within = |codings: &[Arc<Object>]| codings.iter().any(|c| Arc::ptr_eq(c, object));
        let group = self.groups().find(|(_, codings)| within(codings));
        group.map_or(object, |(identity, _)| identity)
    }

    /// What a request selects; of several the one that came last, in the best coding.
    pub fn select(&self, axis: Axis, request: &HeaderMap) -> Found {
        self.select_of(axis, request, |_| false)
    }

    /// What a request selects, in the best coding. Of several that `serve` what is for the request's scheme
    /// alone, then what says on what it varies, since an origin that forgets that mostly means another
    /// request by it; of these the newest by Date (RFC 9111 §4, §4.1). Where none serves, the one that came
    /// last.
    pub fn select_of(
        &self,
        axis: Axis,
        request: &HeaderMap,
        serves: impl Fn(&Object) -> bool,
    ) -> Found {
        let mut matching =
            self.variants().iter().filter(|object| object.selected_by(axis, request));
        let first = matching.next();
        let selected = match (first, matching.next()) {
            (Some(first), Some(second)) => {
                let serving = [first, second].into_iter().chain(matching);
                let serving = serving.filter(|object| self.soft <= object.asked && serves(object));
                let best = serving.reduce(|best, next| {
                    if next.head.precedence() > best.head.precedence() { next } else { best }
                });
                best.or(Some(first))
            }
            (first, _) => first,
        };
        match selected {
            Some(object) => {
                Found::Object { object: Arc::clone(object), soft_purged: self.soft > object.asked }
            }
            None => Found::OtherVariants,
        }
    }

    /// Whether one of the variants was selected by the field `name`.
    pub fn varies_on(&self, name: &HeaderName) -> bool {
        self.variants().iter().any(|object| object.head.selecting.names().any(|n| n == name))
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
