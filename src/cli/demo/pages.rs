//! The wiki's pages: what it begins with, and what visitors made of it. Everything is in memory and
//! gone when the demo ends; texts, pages and histories are bounded, and of older revisions only
//! their lines in the history are kept. One lock, held for a look-up or a replacement.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::title::Title;

/// The longest text of a page, in bytes.
pub(super) const MAX_TEXT: usize = 32 << 10;
/// The longest summary of an edit, in bytes.
const MAX_SUMMARY: usize = 200;
/// Pages that there may be.
const MAX_PAGES: usize = 500;
/// Revisions that a page's history shows.
const MAX_HISTORY: usize = 50;

/// What the wiki begins with.
const FIRST: [(&str, &str); 15] = [
    ("Main Page", include_str!("pages/Main_Page.txt")),
    ("Breakwater", include_str!("pages/Breakwater.txt")),
    ("Estuary", include_str!("pages/Estuary.txt")),
    ("Fresnel lens", include_str!("pages/Fresnel_lens.txt")),
    ("Harbour", include_str!("pages/Harbour.txt")),
    ("Lighthouse", include_str!("pages/Lighthouse.txt")),
    ("Moon", include_str!("pages/Moon.txt")),
    ("Neap tide", include_str!("pages/Neap_tide.txt")),
    ("Slow tide", include_str!("pages/Slow_tide.txt")),
    ("Spring tide", include_str!("pages/Spring_tide.txt")),
    ("Tidal bore", include_str!("pages/Tidal_bore.txt")),
    ("Tide", include_str!("pages/Tide.txt")),
    ("Tide gate", include_str!("pages/Tide_gate.txt")),
    ("Tide gauge", include_str!("pages/Tide_gauge.txt")),
    ("Tide mill", include_str!("pages/Tide_mill.txt")),
];

/// A page as it stands.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// Its text.
    pub(super) text: String,
    /// Its history, the newest revision first; never empty.
    pub(super) history: VecDeque<Revision>,
}

/// A line of a page's history.
#[derive(Clone, Debug)]
pub(super) struct Revision {
    /// Counted over the whole wiki.
    pub(super) number: u64,
    /// When it was saved.
    pub(super) saved: SystemTime,
    /// What its author says of it.
    pub(super) summary: String,
    /// The text's length in bytes.
    pub(super) size: usize,
}

/// Why a text was not saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotSaved {
    /// It is longer than [`MAX_TEXT`].
    TooLong,
    /// The wiki has as many pages as it may have.
    Full,
}

/// All pages.
#[derive(Debug)]
pub(super) struct Pages(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    pages: BTreeMap<Title, Arc<Page>>,
    revisions: u64,
}

impl Pages {
    /// The pages that the wiki begins with, saved `now`.
    pub(super) fn first(now: SystemTime) -> Self {
        let pages = Self(Mutex::default());
        for (title, text) in FIRST {
            let title = Title::parse(title).expect("the built-in titles are titles");
            pages.save(title, text.into(), "The first version", now).expect("they fit");
        }
        pages
    }

    /// The page called `title`.
    pub(super) fn get(&self, title: &Title) -> Option<Arc<Page>> {
        self.book().pages.get(title).cloned()
    }

    /// The titles of all pages, in order.
    #[cfg(test)]
    pub(super) fn titles(&self) -> Vec<Title> {
        self.book().pages.keys().cloned().collect()
    }

    /// Replaces or creates the page called `title`.
    ///
    /// # Errors
    /// Where a bound would be passed; nothing has changed then.
    pub(super) fn save(
        &self,
        title: Title,
        text: String,
        summary: &str,
        now: SystemTime,
    ) -> Result<(), NotSaved> {
        if text.len() > MAX_TEXT {
            return Err(NotSaved::TooLong);
        }
        let mut book = self.book();
        let before = book.pages.get(&title);
        if before.is_none() && book.pages.len() >= MAX_PAGES {
            return Err(NotSaved::Full);
        }
        let mut history = before.map(|page| page.history.clone()).unwrap_or_default();
        let summary = summary[..summary.floor_char_boundary(MAX_SUMMARY)].to_owned();
        let number = book.revisions + 1;
        history.push_front(Revision { number, saved: now, summary, size: text.len() });
        history.truncate(MAX_HISTORY);
        book.revisions = number;
        book.pages.insert(title, Arc::new(Page { text, history }));
        Ok(())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A save replaces a page whole: there is no half-done state to fear after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    /// The revision that stands.
    pub(super) fn newest(&self) -> &Revision {
        self.history.front().expect("a page is made by saving a revision")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(text: &str) -> Title {
        Title::parse(text).unwrap()
    }

    fn pages() -> Pages {
        Pages::first(SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_saved_page_is_read_back_with_its_history() {
        let pages = pages();
        let before = pages.get(&title("Tide")).unwrap().newest().number;
        pages.save(title("Tide"), "wet".into(), "shorter", SystemTime::UNIX_EPOCH).unwrap();
        let page = pages.get(&title("tide")).unwrap();
        assert_eq!(page.text, "wet");
        assert_eq!(page.history.len(), 2);
        assert!(page.newest().number > before);
    }

    #[test]
    fn every_bound_holds() {
        let pages = pages();
        let save = |name: &str, text: String, summary: &str| {
            pages.save(title(name), text, summary, SystemTime::UNIX_EPOCH)
        };
        assert_eq!(save("Tide", "x".repeat(MAX_TEXT + 1), ""), Err(NotSaved::TooLong));
        for _ in 0..MAX_HISTORY + 5 {
            save("Tide", "x".into(), &"é".repeat(MAX_SUMMARY)).unwrap();
        }
        let page = pages.get(&title("Tide")).unwrap();
        assert_eq!(page.history.len(), MAX_HISTORY);
        assert!(page.newest().summary.len() <= MAX_SUMMARY);
        for number in 0..MAX_PAGES - FIRST.len() {
            save(&format!("P{number}"), String::new(), "").unwrap();
        }
        assert_eq!(save("One more", String::new(), ""), Err(NotSaved::Full));
        assert_eq!(save("Tide", "still editable".into(), ""), Ok(()));
    }
}
