//! Floors of many objects at once: of a tag, of a path prefix, of what an expression matches, of a site,
//! of everything (PURGE.md rules 6, 7, 10 and 11). Raising one is all that such a purge does before it is answered; every hit compares
//! its object with them.
//!
//! That is cheap because nearly always there is nothing to compare: each object remembers up to which
//! purge it was looked at, and the newest wide purge is one number. Only where that is newer are the
//! floors asked: two numbers for everything and for the site, and where a tag or a prefix of the site was
//! purged since, the table for each tag of the object, or each segment of its path; last the expressions.
//!
//! The table is bounded. The sweep ([`Store::sweep`](super::Store::sweep)) makes floors needless by
//! taking out what they killed and noting on the rest what they made stale; then they are forgotten. If
//! they come faster than that, the oldest of them fold into their sites' floors: more is stale or gone
//! than was asked for, never less, and [`Counts`] tell.
//!
//! Floors are raised under one lock, which readers never take. Whoever raises writes the floor first,
//! then the newest number of its kind, then the newest of all, and answers after that; whoever reads
//! goes the other way round, so that a number that is seen has its floor behind it.

mod cover;
mod expressions;
mod table;

use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::{OnceLock, PoisonError};

use super::floors::{Floor, Mode};
use super::tags::{self, Tags};
use crate::base::mutant::{self, Mutant, unless};
use crate::base::sync::{self, ArcSwap, AtomicU64, Mutex, MutexGuard};
use crate::base::{KeyRef, Seq, SiteId};
pub use cover::Cover;
use expressions::Expressions;
pub use expressions::{BadExpression, Expression};
use table::Table;

/// Tags and prefixes whose floors are kept at once.
const MOST: usize = sync::size(1 << 14, 2);
/// Segments of a path that are looked up; what lies deeper is purged with whatever was.
const DEEPEST: usize = 64;
/// Sites that there may be are this many times as many.
const SITES: usize = 1 << 8;

/// What is purged as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// What carries a tag, in one site.
    Tag(SiteId, &'a [u8]),
    /// What lies below `host/path`, in one site: that itself, what follows behind a slash, and any
    /// query of these.
    Prefix(SiteId, &'a str),
    /// That of which an expression matches the key, in one site or in all.
    Matching(Option<SiteId>, &'a Expression),
    /// A site.
    Site(SiteId),
    /// Everything.
    Everything,
}

/// What the wide floors have done, for the metrics.
#[derive(Debug, Default)]
pub struct Counts {
    /// Purges of tags.
    pub tags: AtomicU64,
    /// Purges of prefixes.
    pub prefixes: AtomicU64,
    /// Purges by expressions.
    pub expressions: AtomicU64,
    /// Purges of sites.
    pub sites: AtomicU64,
    /// Purges of everything.
    pub everything: AtomicU64,
    /// Floors that were folded into their sites', because there were too many.
    pub folded: AtomicU64,
}

/// The wide floors of a node.
#[derive(Debug)]
pub struct Wide {
    /// The newest of all; written last.
    newest: AtomicU64,
    everything: Pair,
    /// By the higher byte of a site's number, then by the lower: few nodes have more than one page.
    sites: [OnceLock<Box<[Site; SITES]>>; SITES],
    table: ArcSwap<Table>,
    expressions: ArcSwap<Expressions>,
    /// The newest purge by an expression.
    matching: AtomicU64,
    /// Floors of tags, prefixes and expressions up to here may be forgotten.
    forgotten: AtomicU64,
    /// Held by whoever raises or forgets.
    writing: Mutex<()>,
    counts: Counts,
}

/// A hard floor and a soft one.
#[derive(Debug, Default)]
pub(super) struct Pair([AtomicU64; 2]);

/// The floors of a site.
#[derive(Debug, Default)]
struct Site {
    whole: Pair,
    /// The newest purge of a tag of it.
    tags: AtomicU64,
    /// The newest purge of a prefix in it.
    prefixes: AtomicU64,
}

impl Pair {
    fn raise(&self, mode: Mode, seq: u64) {
        self.0[mode as usize].fetch_max(seq, SeqCst);
    }

    fn floor(&self) -> Floor {
        let [hard, soft] = &self.0;
        Floor { hard: Seq(hard.load(SeqCst)), soft: Seq(soft.load(SeqCst)) }
    }
}

impl Default for Wide {
    fn default() -> Self {
        Self {
            newest: AtomicU64::new(0),
            everything: Pair::default(),
            sites: [const { OnceLock::new() }; SITES],
            table: ArcSwap::from_pointee(Table::new(MOST)),
            expressions: ArcSwap::default(),
            matching: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
            writing: Mutex::default(),
            counts: Counts::default(),
        }
    }
}

impl Wide {
    /// The newest wide purge: what was asked, or looked at, since then is covered by none.
    pub fn newest(&self) -> Seq {
        Seq(self.newest.load(Acquire))
    }

    /// What the wide floors have done.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Floors of tags, prefixes and expressions that are kept.
    pub fn kept(&self) -> usize {
        self.table.load().len() + self.expressions.load().len()
    }

    /// Bytes that the expressions among them take at most.
    pub fn bytes_of_expressions(&self) -> u64 {
        self.expressions.load().bytes()
    }

    /// Bytes that the others take, with the table once more, for when it is rebuilt.
    pub fn bytes(&self) -> u64 {
        let pages = self.sites.iter().filter(|page| page.get().is_some()).count();
        (size_of::<Self>() + pages * size_of::<[Site; SITES]>()) as u64 + 2 * Table::bytes(MOST)
    }

    /// Raises the floor of `scope` to the number that `next` takes, which is returned.
    pub(super) fn raise(&self, scope: Scope<'_>, mode: Mode, next: impl FnOnce() -> Seq) -> Seq {
        let _writing = self.write();
        let Seq(seq) = next();
        if mutant::is(Mutant::FloorFirst) {
            self.newest.fetch_max(seq, SeqCst);
        }
        match scope {
            Scope::Everything => {
                self.everything.raise(mode, seq);
                self.counts.everything.fetch_add(1, Relaxed);
            }
            Scope::Site(site) => {
                self.site(site).whole.raise(mode, seq);
                self.counts.sites.fetch_add(1, Relaxed);
            }
            Scope::Tag(site, tag) => {
                self.raise_in_table(tags::hash(site, tag), site, mode, seq);
                self.site(site).tags.fetch_max(seq, SeqCst);
                self.counts.tags.fetch_add(1, Relaxed);
            }
            Scope::Prefix(site, prefix) => {
                let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
                self.raise_in_table(tags::prefix_hash(site, prefix), site, mode, seq);
                self.site(site).prefixes.fetch_max(seq, SeqCst);
                self.counts.prefixes.fetch_add(1, Relaxed);
            }
            Scope::Matching(site, expression) => {
                self.raise_matching(expression, site, mode, seq);
                self.matching.fetch_max(seq, SeqCst);
                self.counts.expressions.fetch_add(1, Relaxed);
            }
        }
        self.newest.fetch_max(seq, SeqCst);
        Seq(seq)
    }

    fn raise_in_table(&self, hash: u64, site: SiteId, mode: Mode, seq: u64) {
        let table = self.table.load();
        if table.raise(hash, site, mode, seq) {
            return;
        }
        // Full: the older half goes, each into its site's floor.
        let middle = table.middle();
        let mut folded = 0;
        let rest = table.rebuilt(|site, floor| {
            let old = floor.hard.max(floor.soft) <= middle;
            if old && !mutant::is(Mutant::Fold) {
                self.site(site).whole.raise(Mode::Hard, floor.hard.0);
                self.site(site).whole.raise(Mode::Soft, floor.soft.0);
                folded += 1;
            }
            !old
        });
        rest.raise(hash, site, mode, seq);
        self.table.store(rest.into());
        self.note_folded(folded, "tags and prefixes");
    }

    fn raise_matching(&self, what: &Expression, site: Option<SiteId>, mode: Mode, seq: u64) {
        let mut all = self.expressions.load().raised(what, site, mode, seq);
        if all.len() > expressions::MOST {
            let mut folded = 0;
            all = all.halved(|site, floor| {
                let whole = site.map_or(&self.everything, |site| &self.site(site).whole);
                whole.raise(Mode::Hard, floor.hard.0);
                whole.raise(Mode::Soft, floor.soft.0);
                folded += 1;
            });
            self.note_folded(folded, "expressions");
        }
        self.expressions.store(all.into());
    }

    /// It is told each time that there are twice as many: who purges for ever does not fill the log.
    fn note_folded(&self, folded: u64, what: &str) {
        let before = self.counts.folded.fetch_add(folded, Relaxed);
        let all = before + folded;
        if before.checked_ilog2() != all.checked_ilog2() {
            tracing::warn!(all, "too many {what} purged at once: sites were, in part");
        }
    }

    /// The floor of an object of `site` under `key` with `tags`, as far as it is above `seen`: up to
    /// there it was looked at.
    pub fn floor(&self, key: &KeyRef<'_>, site: SiteId, tags: &Tags, seen: Seq) -> Floor {
        if self.newest.load(Acquire) <= seen.0 {
            return Floor::default();
        }
        let of = self.site(site);
        let mut floor = Floor::default();
        if of.tags.load(Acquire) > seen.0 {
            floor = floor.max(self.of_tags(of, tags));
        }
        if of.prefixes.load(Acquire) > seen.0 {
            floor = floor.max(unless(Mutant::Prefixes, || self.of_prefixes(site, key.text())));
        }
        if self.matching.load(Acquire) > seen.0 {
            let matching = || self.expressions.load().floor(key.text(), site, seen);
            floor = floor.max(unless(Mutant::Expressions, matching));
        }
        // Last: whoever folds a floor raises the site's, or that of everything, before the floor is gone.
        floor.max(of.whole.floor()).max(self.everything.floor())
    }

    fn of_tags(&self, site: &Site, tags: &Tags) -> Floor {
        if tags.is_all() {
            return both(site.tags.load(Acquire));
        }
        let table = self.table.load();
        let found = tags.hashes().iter().map(|hash| table.floor(*hash));
        found.fold(Floor::default(), Floor::max)
    }

    fn of_prefixes(&self, site: SiteId, key: &str) -> Floor {
        let table = self.table.load();
        let mut floor = Floor::default();
        for (depth, prefix) in prefixes(key).enumerate() {
            if depth == DEEPEST {
                return floor.max(both(self.site(site).prefixes.load(Acquire)));
            }
            floor = floor.max(table.floor(tags::prefix_hash(site, prefix)));
        }
        floor
    }

    /// Forgets the floors of tags, prefixes and expressions up to `swept`: nothing that they would cover is left.
    pub(super) fn forget(&self, swept: Seq) {
        let _writing = self.write();
        // First: whoever finds a floor gone must also find this.
        if !mutant::is(Mutant::ForgottenFirst) {
            self.forgotten.fetch_max(swept.0, SeqCst);
        }
        let table = self.table.load();
        if table.len() > 0 {
            let rest = table.rebuilt(|_, floor| floor.hard.max(floor.soft) > swept);
            self.table.store(rest.into());
        }
        let expressions = self.expressions.load();
        if expressions.len() > 0 {
            self.expressions.store(expressions.without(swept).into());
        }
        if mutant::is(Mutant::ForgottenFirst) {
            self.forgotten.fetch_max(swept.0, SeqCst);
        }
    }

    /// Up to where floors may be forgotten; to be asked after a floor was.
    pub(super) fn forgotten(&self) -> Seq {
        Seq(self.forgotten.load(SeqCst))
    }

    /// Waits until what is being raised now is.
    pub(super) fn settle(&self) {
        drop(self.write());
    }

    fn site(&self, site: SiteId) -> &Site {
        let [page, at] = site.0.to_be_bytes().map(usize::from);
        let page = &self.sites[page];
        &page.get_or_init(|| Box::new(std::array::from_fn(|_| Site::default())))[at]
    }

    /// While it is held, no floor of much is raised or forgotten.
    pub(super) fn write(&self) -> MutexGuard<'_, ()> {
        // It guards no data of its own; numbers only rise, so a panic leaves nothing half done.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A floor for something that may be covered by any purge up to `seq`, of which nobody knows whether it
/// was hard: so it is taken to be.
fn both(seq: u64) -> Floor {
    Floor { hard: Seq(seq), soft: Seq(seq) }
}

/// The prefixes of `host/path?query` that end at a segment's border, without the slash: the host, and
/// so on down to the path itself.
fn prefixes(key: &str) -> impl Iterator<Item = &str> {
    let path = &key[..key.find('?').unwrap_or(key.len())];
    let borders = path.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| at);
    let whole = (!path.ends_with('/')).then_some(path.len());
    borders.chain(whole).map(|end| &path[..end])
}

#[cfg(test)]
#[path = "wide_tests.rs"]
mod tests;
