//! A hash table that is read without a lock and changed under its shard's.
//!
//! Entries stand in groups of seven, a cache line each: a word of one-byte tags, and seven cells
//! that hold an entry each. A reader compares all tags of a group at once, takes the entries whose
//! tag is right, and believes nothing but their keys. What finds no room in its group stands in one
//! of the next, and every group that it passed counts it, so that a reader knows where to stop;
//! nothing moves, and no tombstones are left.
//!
//! To grow, a larger copy is made and put in the place of the table. Readers of the old one finish
//! there: it has what was stored when they began, and whatever is stored or removed after it was
//! left comes while they read. So a reader never waits, what is stored all along is always found,
//! and what was removed before a reader began never is.
//!
//! Whoever changes the table holds its [`Held`], which stands behind the shard's lock.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};

use super::sketch::Block;
use crate::base::KeyRef;
use crate::store::entry::Entry;

/// Cells of a group.
const CELLS: usize = 7;
/// Groups of an empty table.
const FIRST: usize = 8;
/// Entries of two groups from which on the table grows: more than three quarters of their cells.
const FULL: usize = 11;
/// Entries of two groups below which the table shrinks when it is asked to.
const SPARSE: usize = 2;
/// Groups that share a block of the sketch.
const GROUPS_A_BLOCK: usize = 2;
/// Requests an entry after which a block of the sketch halves its counts: fewer adapt sooner where
/// popularity shifts, and more tell better what is popular; in simulation 20 cost a point.
const SAMPLE: u64 = 10;
/// Requests after which it does so at least, about as many as in a table that is half full: where
/// few and large entries fill the capacity, what is popular would be forgotten from one request to
/// the next.
const LEAST: u64 = 96;

/// The lowest bits of the seven tags.
const ONES: u64 = 0x0001_0101_0101_0101;
/// The bit of a tag that says that the entry is new.
const NEW: u64 = 0x80;

/// The table.
#[derive(Debug)]
pub(super) struct Table(ArcSwap<Groups>);

/// What the holder of the shard's lock knows of the table.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Entries.
    entries: usize,
    /// The place that the hand looked at last.
    hand: usize,
}

/// Where an entry stands, until another is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(usize);

/// What stands at a place.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) place: Place,
    pub(super) entry: Arc<Entry>,
    /// Whether it is new.
    pub(super) new: bool,
}

/// The table's content while it neither grows nor shrinks: a power of two of groups.
#[derive(Debug)]
struct Groups {
    groups: Box<[Group]>,
    blocks: Box<[Block]>,
    /// Additions after which a block of the sketch is halved.
    limit: AtomicU64,
}

/// Seven tags, and in the highest byte how many entries went past this group.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Group {
    meta: AtomicU64,
    cells: [ArcSwapOption<Entry>; CELLS],
}

impl Default for Table {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(Groups::new(FIRST)))
    }
}

/// What readers do; nothing here is exclusive.
impl Table {
    /// The entry of `key`, for which one request is counted.
    pub(super) fn ask(&self, key: &KeyRef<'_>) -> Option<Arc<Entry>> {
        let groups = self.0.load();
        groups.block(key.hash()).add(key.hash(), groups.limit.load(Relaxed));
        groups.get(key)
    }

    /// The entry of `key`.
    pub(super) fn get(&self, key: &KeyRef<'_>) -> Option<Arc<Entry>> {
        self.0.load().get(key)
    }

    /// How often the key with this hash was asked for lately.
    pub(super) fn count(&self, hash: u64) -> u64 {
        self.0.load().block(hash).count(hash)
    }
}

/// What the holder of the shard's lock does.
impl Table {
    /// The entry of `key`, and where it stands.
    pub(super) fn place(&self, key: &KeyRef<'_>) -> Option<Standing> {
        self.0.load().find(key.hash(), |entry, _| entry.key().as_ref() == *key)
    }

    /// A new entry whose key has this hash, and where it stands.
    pub(super) fn place_of_new(&self, hash: u64) -> Option<Standing> {
        self.0.load().find(hash, |entry, new| new && entry.key().hash() == hash)
    }

    /// Every entry.
    pub(super) fn all(&self) -> Vec<Arc<Entry>> {
        let groups = self.0.load();
        let cells = groups.groups.iter().flat_map(|group| &group.cells);
        cells.filter_map(ArcSwapOption::load_full).collect()
    }

    /// Stores an entry whose key has none yet.
    pub(super) fn put(&self, held: &mut Held, entry: Arc<Entry>, new: bool) {
        let groups = self.0.load().groups.len();
        held.entries += 1;
        if held.entries * 2 > groups * FULL {
            self.resize(groups * 2);
        }
        let groups = self.0.load();
        groups.put(entry, new);
        groups.set_limit(held);
    }

    /// Puts `entry` in the place of one with the same key.
    pub(super) fn replace(&self, place: Place, entry: Arc<Entry>) {
        self.0.load().groups[place.group()].cells[place.cell()].store(Some(entry));
    }

    /// The entry at `place` is no longer new.
    pub(super) fn settle(&self, place: Place) {
        let groups = self.0.load();
        let group = &groups.groups[place.group()];
        let meta = group.meta.load(Relaxed);
        group.meta.store(meta & !(NEW << (place.cell() * 8)), Release);
    }

    /// Takes out what stands at `place`.
    pub(super) fn take(&self, held: &mut Held, place: Place) -> Option<Arc<Entry>> {
        let groups = self.0.load();
        let entry = groups.take(place)?;
        held.entries -= 1;
        groups.set_limit(held);
        Some(entry)
    }

    /// Places that the hand goes over in one lap.
    pub(super) fn lap(&self) -> usize {
        self.0.load().groups.len() * 8
    }

    /// Moves the hand to the next place; what stands there, unless it is new.
    pub(super) fn advance(&self, held: &mut Held) -> Option<Standing> {
        let groups = self.0.load();
        held.hand = (held.hand + 1) % (groups.groups.len() * 8);
        let place = Place(held.hand);
        let group = &groups.groups[place.group()];
        let cell = group.cells.get(place.cell())?;
        let tag = group.meta.load(Relaxed) >> (place.cell() * 8) & 0xff;
        if tag == 0 || tag & NEW != 0 {
            return None;
        }
        Some(Standing { place, entry: cell.load_full()?, new: false })
    }

    /// Gives memory back, where much of the table is empty.
    pub(super) fn shrink(&self, held: &Held) {
        let mut groups = self.0.load().groups.len();
        while groups > FIRST && held.entries * 2 < groups * SPARSE {
            groups /= 2;
        }
        if groups < self.0.load().groups.len() {
            self.resize(groups);
        }
    }

    /// Puts a copy of `groups` groups in the table's place.
    fn resize(&self, groups: usize) {
        let old = self.0.load();
        let new = Groups::new(groups);
        new.limit.store(old.limit.load(Relaxed), Relaxed);
        for at in 0..new.blocks.len().max(old.blocks.len()) {
            // These two have keys in common, at the same counters.
            let (to, from) = (at & (new.blocks.len() - 1), at & (old.blocks.len() - 1));
            new.blocks[to].raise(&old.blocks[from]);
        }
        for group in &old.groups {
            let meta = group.meta.load(Relaxed);
            for (cell, content) in group.cells.iter().enumerate() {
                if let Some(entry) = content.load_full() {
                    new.put(entry, is_new(meta, cell));
                }
            }
        }
        drop(old);
        self.0.store(Arc::new(new));
    }
}

impl Groups {
    fn new(groups: usize) -> Self {
        Self {
            groups: (0..groups).map(|_| Group::default()).collect(),
            blocks: (0..groups / GROUPS_A_BLOCK).map(|_| Block::default()).collect(),
            limit: AtomicU64::new(0),
        }
    }

    fn get(&self, key: &KeyRef<'_>) -> Option<Arc<Entry>> {
        let found = self.find(key.hash(), |entry, _| entry.key().as_ref() == *key);
        found.map(|standing| standing.entry)
    }

    /// The entry that `is` right among those with this hash; it is told whether they are new.
    fn find(&self, hash: u64, is: impl Fn(&Entry, bool) -> bool) -> Option<Standing> {
        let (mask, tag) = (self.groups.len() - 1, tag(hash));
        for step in 0..=mask {
            let at = (hash as usize + step) & mask;
            let group = &self.groups[at];
            let meta = group.meta.load(Acquire);
            for cell in Matches(matches(meta, tag)) {
                let (guard, new) = (group.cells[cell].load(), is_new(meta, cell));
                if guard.as_deref().is_some_and(|entry| is(entry, new)) {
                    let (entry, place) = (Guard::into_inner(guard)?, Place::new(at, cell));
                    return Some(Standing { place, entry, new });
                }
            }
            if passed(meta) == 0 {
                break;
            }
        }
        None
    }

    /// Puts `entry` where there is room; there must be some.
    fn put(&self, entry: Arc<Entry>, new: bool) {
        let (mask, hash) = (self.groups.len() - 1, entry.key().hash());
        for step in 0..=mask {
            let group = &self.groups[(hash as usize + step) & mask];
            let meta = group.meta.load(Relaxed);
            if let Some(cell) = Matches(matches(meta, 0)).next() {
                let tag = tag(hash) | if new { NEW } else { 0 };
                group.cells[cell].store(Some(entry));
                group.meta.store(meta | tag << (cell * 8), Release);
                return;
            }
            group.pass(1);
        }
    }

    fn take(&self, place: Place) -> Option<Arc<Entry>> {
        let group = &self.groups[place.group()];
        let entry = group.cells[place.cell()].swap(None)?;
        let meta = group.meta.load(Relaxed);
        group.meta.store(meta & !(0xff << (place.cell() * 8)), Release);
        let mask = self.groups.len() - 1;
        let mut at = entry.key().hash() as usize & mask;
        while at != place.group() {
            self.groups[at].pass(-1);
            at = (at + 1) & mask;
        }
        Some(entry)
    }

    fn block(&self, hash: u64) -> &Block {
        &self.blocks[(hash as usize / GROUPS_A_BLOCK) & (self.blocks.len() - 1)]
    }

    fn set_limit(&self, held: &Held) {
        let limit = (SAMPLE * held.entries as u64 / self.blocks.len() as u64).max(LEAST);
        if self.limit.load(Relaxed) != limit {
            self.limit.store(limit, Relaxed);
        }
    }
}

impl Group {
    /// One entry more, or one less, stands behind this group. A full count stays full until the
    /// table grows: readers look further than they need, and find all the same.
    fn pass(&self, by: i64) {
        let meta = self.meta.load(Relaxed);
        if passed(meta) < 0xff {
            self.meta.store(meta.wrapping_add_signed(by << 56), Release);
        }
    }
}

impl Place {
    fn new(group: usize, cell: usize) -> Self {
        Self(group * 8 + cell)
    }

    fn group(self) -> usize {
        self.0 / 8
    }

    fn cell(self) -> usize {
        self.0 % 8
    }
}

/// The numbers of the cells whose bit is set, one bit a byte.
struct Matches(u64);

impl Iterator for Matches {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let cell = self.0.trailing_zeros() as usize / 8;
        self.0 &= self.0.wrapping_sub(1);
        (cell < CELLS).then_some(cell)
    }
}

/// The cells with this tag, as the highest bit of their bytes; exact.
fn matches(meta: u64, tag: u64) -> u64 {
    let differences = (meta & (ONES * 0x7f)) ^ (ONES * tag);
    ((ONES * 0x80) - differences) & (ONES * 0x80)
}

/// The tag of a hash: seven bits that choose neither shard nor group, and never 0, which is an
/// empty cell.
fn tag(hash: u64) -> u64 {
    (hash >> 40 & 0x7f).max(1)
}

fn is_new(meta: u64, cell: usize) -> bool {
    meta >> (cell * 8) & NEW != 0
}

fn passed(meta: u64) -> u64 {
    meta >> 56
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
