//! Takes a master file apart into entries of words (RFC 1035 §5.1): comments, quotes, escapes, and
//! parentheses that carry an entry over several lines. What the words mean is left to others.

use super::problem::Wrong;
use crate::geodns::name;

/// A word as it is written, escapes included and quotes taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// What is written.
    pub text: &'a [u8],
    /// Whether it stood in quotes.
    pub quoted: bool,
}

impl<'a> Word<'a> {
    /// Whether it is `other` in any spelling, and not quoted.
    pub fn is(&self, other: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(other.as_bytes())
    }

    /// Its text, without escapes' meaning.
    pub fn as_str(&self) -> &'a str {
        std::str::from_utf8(self.text).unwrap_or_default()
    }

    /// The bytes that it stands for.
    ///
    /// # Errors
    /// An escape that is none.
    pub fn bytes(&self) -> Result<Vec<u8>, Wrong> {
        let (mut out, mut rest) = (Vec::with_capacity(self.text.len()), self.text);
        loop {
            match name::unescape(rest) {
                Ok(None) => return Ok(out),
                Ok(Some((byte, _, after))) => {
                    out.push(byte);
                    rest = after;
                }
                Err(why) => {
                    let remedy = "a byte is written \\DDD, in decimal";
                    return Err(Wrong::new(format!("this {why}"), self.text, remedy));
                }
            }
        }
    }
}

/// One entry: a directive or a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The line that it begins in, from 1.
    pub line: usize,
    /// Whether it begins with a blank, and so has no owner of its own.
    pub blank: bool,
    /// At least one.
    pub words: Vec<Word<'a>>,
}

fn wrong(line: usize, message: &str, remedy: &str) -> (usize, Wrong) {
    (line, Wrong::new(message, b"", remedy))
}

/// The entries of a file, and what is wrong with some of them.
pub struct Entries<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
}

impl<'a> Entries<'a> {
    /// Those of `text`.
    pub fn new(text: &'a [u8]) -> Self {
        Self { text: text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text), at: 0, line: 1 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// A quoted word, behind its first quote.
    fn quoted(&mut self) -> Result<Word<'a>, (usize, Wrong)> {
        let (start, line) = (self.at, self.line);
        loop {
            match self.peek() {
                Some(b'"') => {
                    let text = self.text.get(start..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(Word { text, quoted: true });
                }
                // A line's end is no letter, escaped or not.
                Some(b'\\') if self.text.get(self.at + 1) != Some(&b'\n') => self.at += 2,
                Some(b'\n') | None => {
                    return Err(wrong(line, "a quote is not closed", "write the second \""));
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn plain(&mut self) -> Word<'a> {
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' | b'"' => break,
                // A line's end is no letter, escaped or not.
                b'\\' if self.text.get(self.at + 1) != Some(&b'\n') => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.text.len());
        Word { text: &self.text[start..self.at], quoted: false }
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    /// The entry that begins in this line, if there is one; at the end, behind its last line.
    fn entry(&mut self) -> Result<Option<Entry<'a>>, (usize, Wrong)> {
        let blank = matches!(self.peek(), Some(b' ' | b'\t'));
        let (mut words, mut open, mut first) = (Vec::new(), None, self.line);
        loop {
            match self.peek() {
                None if open.is_some() => {
                    let line = open.unwrap_or(first);
                    return Err(wrong(line, "a parenthesis is not closed", "write the )"));
                }
                None => break,
                Some(b'\n') => {
                    (self.at, self.line) = (self.at + 1, self.line + 1);
                    if open.is_none() {
                        break;
                    }
                }
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b';') => self.skip_line(),
                Some(b'(') if open.is_none() => (self.at, open) = (self.at + 1, Some(self.line)),
                Some(b')') if open.is_some() => (self.at, open) = (self.at + 1, None),
                Some(b'(' | b')') => {
                    let line = self.line;
                    self.at += 1;
                    self.skip_line();
                    return Err(wrong(
                        line,
                        "a parenthesis too many",
                        "one ( opens and one ) closes; they do not nest",
                    ));
                }
                Some(byte) => {
                    if words.is_empty() {
                        first = self.line;
                    }
                    words.push(if byte == b'"' {
                        self.at += 1;
                        self.quoted()?
                    } else {
                        self.plain()
                    });
                }
            }
        }
        Ok((!words.is_empty()).then_some(Entry { line: first, blank, words }))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, (usize, Wrong)>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.text.len() {
            match self.entry() {
                Ok(None) => {}
                Ok(Some(entry)) => return Some(Ok(entry)),
                Err(wrong) => {
                    self.skip_line();
                    return Some(Err(wrong));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let show = |word: &Word<'_>| {
            let text = word.as_str();
            if word.quoted { format!("<{text}>") } else { text.to_owned() }
        };
        Entries::new(text.as_bytes())
            .map(|entry| match entry {
                Ok(entry) => {
                    let words: Vec<String> = entry.words.iter().map(show).collect();
                    let blank = if entry.blank { "_" } else { "" };
                    format!("{}{blank} {}", entry.line, words.join(" "))
                }
                Err((line, wrong)) => format!("{line}! {}", wrong.message),
            })
            .collect()
    }

    #[test]
    fn entries_are_lines_but_for_parentheses_quotes_and_comments() {
        assert_eq!(words("; nothing\n\n  \na A 1 ; x\r\n\tB\n"), ["4 a A 1", "5_ B"]);
        assert_eq!(words("a (b ; )\n c\n)d\ne"), ["1 a b c d", "4 e"]);
        assert_eq!(words("a \"b ;( \\\" c\"d"), ["1 a <b ;( \\\" c> d"]);
        assert_eq!(words("a\\;b\\ c \\\"d"), ["1 a\\;b\\ c \\\"d"]);
    }

    #[test]
    fn what_is_not_closed_is_told_and_the_next_line_goes_on() {
        assert_eq!(words("a \"b\nc"), ["1! a quote is not closed", "2 c"]);
        assert_eq!(words("a )\nc"), ["1! a parenthesis too many", "2 c"]);
        assert_eq!(words("a ((\nc"), ["1! a parenthesis too many", "2 c"]);
        assert_eq!(words("a\nb (c\nd"), ["1 a", "2! a parenthesis is not closed"]);
        assert_eq!(words("a \\"), ["1 a \\"]);
        assert_eq!(words("a \"\\"), ["1! a quote is not closed"]);
    }
}
