//! Prefixes within prefixes, made into stretches apart from each other: of those that hold an address the
//! longest answers it.

use super::table::{Answer, Stretch};
use crate::geo::Prefix;

/// The stretches that `prefixes`, of one family, answer, in ascending order. Of two that are equal the last
/// answers.
pub fn flatten(prefixes: &[(Prefix, Answer)]) -> Vec<Stretch> {
    let mut sorted: Vec<(u128, u8, u128, Answer)> = prefixes
        .iter()
        .map(|(prefix, answer)| (prefix.first(), prefix.length(), prefix.last(), *answer))
        .collect();
    sorted.sort_by_key(|(first, length, ..)| (*first, *length));
    let mut flat = Flat { out: Vec::new(), next: 0, open: Vec::new() };
    for (first, _, last, answer) in sorted {
        flat.close_before(first);
        if first > 0 {
            flat.fill(first - 1);
        }
        flat.next = first;
        flat.open.push((last, answer));
    }
    flat.close_all();
    flat.out
}

struct Flat {
    out: Vec<Stretch>,
    /// The first address that is not told; may be behind the last one's stretch.
    next: u128,
    /// The prefixes that hold it, the longest last.
    open: Vec<(u128, Answer)>,
}

impl Flat {
    /// Tells what the innermost answers, up to `last`.
    fn fill(&mut self, last: u128) {
        if let Some((_, answer)) = self.open.last()
            && self.next <= last
        {
            self.out.push(Stretch { first: self.next, last, answer: *answer });
        }
    }

    /// Tells those that end before `first`.
    fn close_before(&mut self, first: u128) {
        while let Some((last, _)) = self.open.last().copied().filter(|(last, _)| *last < first) {
            self.fill(last);
            self.next = last + 1;
            self.open.pop();
        }
    }

    fn close_all(&mut self) {
        while let Some((last, _)) = self.open.last().copied() {
            self.fill(last);
            self.open.pop();
            match last.checked_add(1) {
                Some(next) => self.next = self.next.max(next),
                // Nothing lies behind, and all that are left end here.
                None => return,
            }
        }
    }
}
