//! Floors of what a regular expression matches (PURGE.md rule 11): few, each held with its expression
//! until the store was swept after it. An object is matched once for each newer purge, and then remembers
//! that it was looked at.
//!
//! Expressions come from operators and wikis. They are matched in time that is linear in the key's length
//! (no backreferences, no look-around), and a key is as long as a request's target at most; how large one
//! may become in memory is bounded, and so is how many are held: beyond [`MOST`] the older half becomes
//! the floor of its site, or of everything.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

use super::Pair;
use crate::base::{Seq, SiteId};
use crate::store::floors::{Floor, Mode};

/// Expressions that are held at once.
pub(super) const MOST: usize = 64;
/// The longest expression, in bytes.
const LONGEST: usize = 1024;
/// What one may take when it is compiled, and what its matcher may take beside, in bytes.
const COMPILED: usize = 64 << 10;
/// How deeply groups may be nested.
const DEEPEST: u32 = 32;

/// An expression over `host/path?query`; ASCII classes, and no anchors but those that are written.
#[derive(Clone, Debug)]
pub struct Expression(Regex);

/// Why a text is no expression that can be purged by: where and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadExpression(String);

impl Expression {
    /// The expression that `text` says.
    ///
    /// # Errors
    /// It is none, or too long, too large or too deep.
    pub fn new(text: &str) -> Result<Self, BadExpression> {
        if text.is_empty() {
            return Err(BadExpression("it is empty, and would match everything".into()));
        }
        if text.len() > LONGEST {
            return Err(BadExpression(format!(
                "{} bytes, at most {LONGEST} are taken",
                text.len()
            )));
        }
        let built = RegexBuilder::new(text)
            .unicode(false)
            .size_limit(COMPILED)
            .dfa_size_limit(COMPILED)
            .nest_limit(DEEPEST)
            .build();
        built.map(Self).map_err(|error| BadExpression(error.to_string()))
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Bytes that it takes at most.
    pub fn bytes(&self) -> usize {
        2 * COMPILED + self.as_str().len()
    }

    pub(super) fn matches(&self, key: &str) -> bool {
        self.0.is_match(key.as_bytes())
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Expression {}

impl std::hash::Hash for Expression {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for BadExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadExpression {}

/// The expressions in force. It is never changed, but replaced as a whole; floors in it rise.
#[derive(Clone, Debug, Default)]
pub(super) struct Expressions(Vec<Held>);

/// One of them.
#[derive(Clone, Debug)]
struct Held {
    expression: Expression,
    /// The site that it is about; none for all.
    site: Option<SiteId>,
    floor: Floor,
}

impl Expressions {
    /// Expressions that it holds.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Bytes that they take at most.
    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(|held| held.expression.bytes() as u64).sum()
    }

    /// The floor of what is stored under `key` for `site`, as far as it is above `seen`.
    pub(super) fn floor(&self, key: &str, site: SiteId, seen: Seq) -> Floor {
        let about = |held: &&Held| held.site.is_none_or(|of| of == site) && held.newest() > seen;
        let covering = self.0.iter().filter(about).filter(|held| held.expression.matches(key));
        covering.map(|held| held.floor).fold(Floor::default(), Floor::max)
    }

    /// The same with the floor of `expression` raised.
    pub(super) fn raised(
        &self,
        expression: &Expression,
        site: Option<SiteId>,
        mode: Mode,
        seq: u64,
    ) -> Self {
        let raised = Pair::default();
        raised.raise(mode, seq);
        let mut all = self.clone();
        match all.0.iter_mut().find(|held| held.site == site && held.expression == *expression) {
            Some(held) => held.floor = held.floor.max(raised.floor()),
            None => {
                let floor = raised.floor();
                all.0.push(Held { expression: expression.clone(), site, floor });
            }
        }
        all
    }

    /// The same without those whose floors are at most `swept`.
    pub(super) fn without(&self, swept: Seq) -> Self {
        Self(self.0.iter().filter(|held| held.newest() > swept).cloned().collect())
    }

    /// The same without the older half, each of which `fold` is told of.
    pub(super) fn halved(&self, mut fold: impl FnMut(Option<SiteId>, Floor)) -> Self {
        let mut all = self.0.clone();
        all.sort_by_key(Held::newest);
        let newer = all.split_off(all.len() / 2);
        all.iter().for_each(|held| fold(held.site, held.floor));
        Self(newer)
    }
}

impl Held {
    fn newest(&self) -> Seq {
        self.floor.hard.max(self.floor.soft)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_matches_anywhere_unless_it_says_otherwise() {
        let key = "en.wiki.test/wiki/Foo?action=history";
        for text in ["wiki", "^en\\.", "history$", "/[A-Z]\\w+\\?", "^[^/]*\\.wiki\\.test/"] {
            assert!(Expression::new(text).unwrap().matches(key), "{text}");
        }
        for text in ["^wiki", "foo", "^/wiki", "Foo$"] {
            assert!(!Expression::new(text).unwrap().matches(key), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_or_too_much_of_one_is_refused_with_the_reason() {
        let long = "x".repeat(LONGEST + 1);
        let deep = format!("{}x{}", "(".repeat(50), ")".repeat(50));
        for (text, says) in [
            ("", "empty"),
            ("a(b", "unclosed group"),
            ("(a)\\1", "backreferences"),
            ("(?=a)", "look-around"),
            ("(x{900}){900}", "size limit"),
            (&long, "at most 1024"),
            (&deep, "nest"),
        ] {
            let error = Expression::new(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
