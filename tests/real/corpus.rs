//! The pages on the origin's disk, and what is known of their versions while they change.
//!
//! The rule that is judged: who asks after the purge of a version was answered gets that version
//! or a later one, and nobody gets one that has not been written yet. Private pages are not
//! stored, so they are at their newest without a purge.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use fastrand::Rng;

use super::page::Page;

/// Of a hundred requests, these are for private pages.
const PRIVATE: u32 = 5;

/// Pages in a folder that an origin serves: those that may be cached, then the private ones.
pub struct Corpus {
    root: PathBuf,
    cacheable: u32,
    pages: Vec<Versions>,
    /// Sums of the weights 1/rank (Zipf's law), by which pages are drawn.
    ranks: Vec<f64>,
}

#[derive(Default)]
struct Versions {
    /// The newest that is written, or about to be.
    newest: AtomicU32,
    /// The oldest that a request sent now may get.
    least: AtomicU32,
}

impl Corpus {
    /// Writes the first versions of `cacheable` pages, and of a twentieth as many private ones.
    pub fn write(root: &Path, cacheable: u32) -> Self {
        let mut sum = 0.0;
        let ranks = (1..=cacheable).map(|rank| {
            sum += 1.0 / f64::from(rank);
            sum
        });
        let ranks = ranks.collect();
        let pages = (0..cacheable + cacheable / 20 + 1).map(|_| Versions::default()).collect();
        let corpus = Self { root: root.to_owned(), cacheable, pages, ranks };
        for id in corpus.ids() {
            fs::write(corpus.file(id), Page { id, version: 0 }.body()).expect("the disk has room");
        }
        corpus
    }

    /// Every page's number.
    pub fn ids(&self) -> impl Iterator<Item = u32> + use<> {
        0..u32::try_from(self.pages.len()).expect("it was made of a u32")
    }

    /// Whether the page must not be stored.
    pub fn is_private(&self, id: u32) -> bool {
        id >= self.cacheable
    }

    /// The page's path, in URLs and below the origin's folder.
    pub fn path(&self, id: u32) -> String {
        format!("/{}/{id}", if self.is_private(id) { "private" } else { "p" })
    }

    /// A page to ask for: few are asked for often.
    pub fn draw(&self, random: &mut Rng) -> u32 {
        let count = u32::try_from(self.pages.len()).expect("it was made of a u32");
        if random.u32(..100) < PRIVATE {
            return random.u32(self.cacheable..count);
        }
        let at = random.f64() * self.ranks.last().expect("there are pages");
        let rank = self.ranks.partition_point(|sum| *sum < at);
        u32::try_from(rank).expect("there are no more ranks than pages").min(self.cacheable - 1)
    }

    /// A page to change: half of them are often asked for, half are any.
    pub fn draw_to_change(&self, random: &mut Rng) -> u32 {
        if random.bool() { self.draw(random) } else { random.u32(..self.cacheable) }
    }

    /// The oldest version that a request sent now may get.
    pub fn least(&self, id: u32) -> u32 {
        self.versions(id).least.load(Ordering::SeqCst)
    }

    /// The newest version that a response that came by now may be.
    pub fn newest(&self, id: u32) -> u32 {
        self.versions(id).newest.load(Ordering::SeqCst)
    }

    /// Puts the page's next version into the place of its last. One thread changes pages.
    pub fn change(&self, id: u32) -> Page {
        let version = self.versions(id).newest.fetch_add(1, Ordering::SeqCst) + 1;
        let page = Page { id, version };
        let file = self.file(id);
        let new = self.root.join("new");
        fs::write(&new, page.body()).expect("the disk has room");
        fs::rename(&new, &file).expect("both are ours");
        if self.is_private(id) {
            self.in_force(page);
        }
        page
    }

    /// From now on requests get this version or a later one.
    pub fn in_force(&self, page: Page) {
        self.versions(page.id).least.fetch_max(page.version, Ordering::SeqCst);
    }

    fn versions(&self, id: u32) -> &Versions {
        &self.pages[id as usize]
    }

    fn file(&self, id: u32) -> PathBuf {
        self.root.join(&self.path(id)[1..])
    }
}
