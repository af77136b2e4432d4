//! What is wrong with a file: each error with its place, the line that it stands in and what to do
//! about it. The text is kept once; lines are cut out of it only when they are printed, and at most
//! [`MOST_SHOWN`] characters of each.

use std::fmt;
use std::sync::Arc;

/// Characters of a line, or of a word in a message, that are printed.
const MOST_SHOWN: usize = 120;

/// Words that are longer are near nothing.
const MOST_COMPARED: usize = 48;

/// A stretch of the file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    start: usize,
    end: usize,
}

impl Place {
    /// No stretch in particular: the file's first line, which is not shown.
    pub(super) const START: Self = Self { start: 0, end: 0 };

    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

impl From<std::ops::Range<usize>> for Place {
    fn from(span: std::ops::Range<usize>) -> Self {
        Self::new(span.start, span.end)
    }
}

/// The errors of one file. They print one after the other in the file's order, each as
/// `file:line: message`, the line itself, and a hint.
#[derive(Clone, Debug)]
pub struct Errors {
    name: Arc<str>,
    text: Arc<str>,
    /// Where each line begins.
    lines: Arc<[usize]>,
    list: Vec<Problem>,
}

#[derive(Clone, Debug)]
struct Problem {
    /// `None` where the error is the file's and not a line's.
    place: Option<Place>,
    message: String,
    hint: String,
}

impl Errors {
    pub(super) fn new(name: &str, text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { name: name.into(), text: text.into(), lines, list: Vec::new() }
    }

    /// An error of a file that has no lines to show.
    pub(super) fn of_file(name: &str, message: String, hint: &str) -> Self {
        let mut errors = Self::new(name, "");
        errors.list.push(Problem { place: None, message, hint: hint.into() });
        errors
    }

    pub(super) fn add(
        &mut self,
        place: Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let (message, hint) = (message.into(), hint.into());
        self.list.push(Problem { place: Some(place), message, hint });
    }

    /// Puts in the file's order.
    pub(super) fn sorted(mut self) -> Self {
        self.list.sort_by_key(|problem| problem.place);
        self
    }

    /// The number of the line in which `place` begins, from 1.
    pub(super) fn line(&self, place: Place) -> usize {
        self.lines.partition_point(|start| *start <= place.start)
    }

    /// Adds the errors of `other`, which are of the same file.
    pub fn join(&mut self, other: Self) {
        self.list.extend(other.list);
        self.list.sort_by_key(|problem| problem.place);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What `place` shows of its line: without indentation, and only what surrounds it where the
    /// line is long.
    fn excerpt(&self, place: Place) -> String {
        let line = self.line(place);
        let first = self.lines.get(line - 1).copied().unwrap_or_default();
        let last = self.lines.get(line).copied().unwrap_or(self.text.len());
        // What stands at the far end of a long line is shown with what comes right before it.
        let (start, most) = (place.start.min(last), MOST_SHOWN / 2);
        let from = if start - first <= most { first } else { floor(&self.text, start - most) };
        let text = self.text.get(from..last).unwrap_or_default();
        format!("{}{}", if from == first { "" } else { "…" }, shown(text.trim()))
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.list {
            match problem.place {
                None => writeln!(f, "{}: {}", self.name, problem.message)?,
                Some(place) => {
                    writeln!(f, "{}:{}: {}", self.name, self.line(place), problem.message)?;
                    let line = self.excerpt(place);
                    if place != Place::START && !line.is_empty() {
                        writeln!(f, "    {line}")?;
                    }
                }
            }
            writeln!(f, "    hint: {}", problem.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

/// The last boundary of a character at or before `index`.
fn floor(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or_default()
}

/// A stranger's word as a message may show it: on one line, and not endless.
pub(super) fn shown(word: &str) -> String {
    let mut text: String = word
        .chars()
        .take(MOST_SHOWN)
        .map(|c| if c == '\t' { ' ' } else { c })
        .flat_map(|c| {
            let (escaped, plain) = if c.is_control() { (Some(c), None) } else { (None, Some(c)) };
            escaped.into_iter().flat_map(char::escape_default).chain(plain)
        })
        .collect();
    if word.chars().nth(MOST_SHOWN).is_some() {
        text.push('…');
    }
    text
}

/// A hint towards what was meant: the candidate nearest to `word`, or all of them.
pub(super) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
    what: &str,
) -> String {
    if let Some(near) = near(word, candidates.clone()) {
        return format!("did you mean `{near}`?");
    }
    let mut list: Vec<String> =
        candidates.clone().into_iter().take(30).map(|c| format!("`{c}`")).collect();
    if candidates.into_iter().nth(30).is_some() {
        list.push("…".into());
    }
    format!("{what}: {}", list.join(", "))
}

/// The candidate that `word` was surely meant to be.
pub(super) fn near<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.len() > MOST_COMPARED {
        return None;
    }
    let word = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= MOST_COMPARED)
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(far, candidate)| *far <= 1 + candidate.len().min(word.len()) / 5)
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words (optimal string
/// alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let differs = usize::from(a[i - 1] != b[j - 1]);
            let mut least =
                (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + differs);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_one_slip_away() {
        let keys = ["address", "tls", "only"];
        for (word, expected) in [
            ("adress", Some("address")),
            ("addrses", Some("address")),
            ("tsl", Some("tls")),
            ("Only", Some("only")),
            ("workers", None),
            ("", None),
        ] {
            assert_eq!(near(word, keys), expected, "{word}");
        }
    }

    #[test]
    fn a_long_line_is_cut_around_its_place() {
        let text = format!("first\n{}é!{}\n", "a".repeat(300), "b".repeat(300));
        let mut errors = Errors::new("f", &text);
        // Inside of a character: a place may be anything, printing must hold.
        errors.add(Place::new(307, 308), "here", "look");
        let printed = errors.to_string();
        assert!(printed.starts_with("f:2: here\n    …aaa"), "{printed}");
        assert!(printed.contains("é!bbb") && printed.contains("b…\n"), "{printed}");
    }

    #[test]
    fn a_place_beyond_the_text_is_its_last_line() {
        let mut errors = Errors::new("f", "one\ntwo");
        errors.add(Place::new(100, 200), "there", "look");
        assert_eq!(errors.to_string(), "f:2: there\n    two\n    hint: look\n");
    }
}
