//! A table of floors by hash, of a fixed size: read without a lock, raised by one writer at a time.
//!
//! Cells are probed one after another. A cell is given away once and never again, its hash written last,
//! so that a reader who finds the hash finds the floor. To forget, the writer makes another table of what
//! is left and puts it in this one's place.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::Pair;
use crate::base::sync::{AtomicU32, AtomicU64, AtomicUsize};
use crate::base::{Seq, SiteId};
use crate::store::floors::{Floor, Mode};

/// The table.
#[derive(Debug)]
pub(super) struct Table {
    cells: Box<[Cell]>,
    used: AtomicUsize,
}

/// A floor; empty where its hash is zero.
#[derive(Debug, Default)]
struct Cell {
    hash: AtomicU64,
    site: AtomicU32,
    floor: Pair,
}

impl Table {
    /// A table of at most `most` floors.
    pub(super) fn new(most: usize) -> Self {
        // Half of the cells stay empty, so that a search ends soon.
        let cells = (0..most.next_power_of_two() * 2).map(|_| Cell::default()).collect();
        Self { cells, used: AtomicUsize::new(0) }
    }

    /// Bytes of a table of at most `most` floors.
    pub(super) const fn bytes(most: usize) -> u64 {
        (most.next_power_of_two() * 2 * size_of::<Cell>()) as u64
    }

    /// Floors that it holds.
    pub(super) fn len(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// The floor of `hash`.
    pub(super) fn floor(&self, hash: u64) -> Floor {
        self.probe(hash).map_or(Floor::default(), |(cell, known)| {
            if known { cell.floor.floor() } else { Floor::default() }
        })
    }

    /// Raises the floor of `hash`, which is of `site`; whether there was room. For one writer at a time.
    pub(super) fn raise(&self, hash: u64, site: SiteId, mode: Mode, seq: u64) -> bool {
        let Some((cell, known)) = self.probe(hash) else { return false };
        if !known {
            if self.len() * 2 >= self.cells.len() {
                return false;
            }
            cell.site.store(site.0.into(), Relaxed);
            self.used.fetch_add(1, Relaxed);
        }
        cell.floor.raise(mode, seq);
        cell.hash.store(hash, Release);
        true
    }

    /// A number below which about half of the floors are.
    pub(super) fn middle(&self) -> Seq {
        let mut all: Vec<Seq> =
            self.floors().map(|(.., floor)| floor.hard.max(floor.soft)).collect();
        let middle = all.len() / 2;
        if all.is_empty() { Seq(0) } else { *all.select_nth_unstable(middle).1 }
    }

    /// A table of the floors that `stays` wants.
    pub(super) fn rebuilt(&self, mut stays: impl FnMut(SiteId, Floor) -> bool) -> Self {
        let rest = Self::new(self.cells.len() / 2);
        for (hash, site, floor) in self.floors() {
            if stays(site, floor) {
                rest.raise(hash, site, Mode::Hard, floor.hard.0);
                rest.raise(hash, site, Mode::Soft, floor.soft.0);
            }
        }
        rest
    }

    fn floors(&self) -> impl Iterator<Item = (u64, SiteId, Floor)> {
        self.cells.iter().filter_map(|cell| {
            let hash = cell.hash.load(Acquire);
            let site = u16::try_from(cell.site.load(Relaxed)).unwrap_or_default();
            (hash != 0).then(|| (hash, SiteId(site), cell.floor.floor()))
        })
    }

    /// The cell of `hash` and whether it holds it already, or else the one that it would be given.
    fn probe(&self, hash: u64) -> Option<(&Cell, bool)> {
        let mask = self.cells.len() - 1;
        let first = usize::try_from(hash & mask as u64).unwrap_or_default();
        let cells = (0..self.cells.len()).map(|step| &self.cells[(first + step) & mask]);
        cells.map(|cell| (cell, cell.hash.load(Acquire))).find_map(|(cell, found)| match found {
            0 => Some((cell, false)),
            found if found == hash => Some((cell, true)),
            _ => None,
        })
    }
}
