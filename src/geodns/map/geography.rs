//! From a place to a list: continent, country, subdivisions and city, each level with lists of its own that
//! hold for all below where nothing nearer is said.

use std::collections::BTreeMap;

use super::List;
use crate::geo::Place;

/// One level, and those below it.
#[derive(Debug, Default)]
pub struct Level {
    list: Option<List>,
    below: BTreeMap<String, Level>,
}

impl Level {
    /// Says that `list` is for `path`, such as `["NA", "US", "CA"]`; whether nothing was said of it.
    #[must_use]
    pub fn add(&mut self, path: &[&str], list: &[u8]) -> bool {
        match path {
            [] => self.list.replace(list.into()).is_none(),
            [first, rest @ ..] => {
                self.below.entry(first.to_uppercase()).or_default().add(rest, list)
            }
        }
    }

    /// The list for a place, and the part of the path that it was found under. A subdivision that is not
    /// there is skipped: its city may be.
    pub fn find(&self, place: &Place) -> (Option<&List>, Vec<String>) {
        let codes = [&place.continent, &place.country];
        let ends = place.subdivisions.iter().chain(&place.city);
        let (mut level, mut path) = (self, Vec::new());
        let mut best = (self.list.as_ref(), 0);
        let mut enter = |code: &str, must: bool| {
            let code = code.to_uppercase();
            let Some(below) = level.below.get(&code) else { return !must };
            level = below;
            path.push(code);
            if below.list.is_some() {
                best = (below.list.as_ref(), path.len());
            }
            true
        };
        let known = codes.iter().all(|code| code.as_ref().is_some_and(|code| enter(code, true)));
        if known {
            ends.for_each(|code| _ = enter(code, false));
        }
        let (list, depth) = best;
        path.truncate(depth);
        (list, path)
    }
}
