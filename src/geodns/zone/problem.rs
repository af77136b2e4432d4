//! What is wrong with master files: each problem with its file, line, the offending text and a remedy.

use std::fmt;
use std::path::PathBuf;

/// Bytes of the offending text that are shown.
const MOST_SHOWN: usize = 80;

/// One thing that is wrong. It prints as `file:line: message: text (remedy)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1; 0 where it is about the whole file.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What stands there; may be empty.
    pub text: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    /// One about all of `file`.
    pub fn of_file(file: PathBuf, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (message, remedy) = (message.into(), remedy.into());
        Self { file, line: 0, message, text: String::new(), remedy }
    }
}

/// What is wrong with a word of a line, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Half a sentence.
    pub message: String,
    /// The word.
    pub text: String,
    /// What to write instead.
    pub remedy: String,
}

impl Wrong {
    /// `text` is wrong as `message` says.
    pub fn new(message: impl Into<String>, text: &[u8], remedy: impl Into<String>) -> Self {
        Self { message: message.into(), text: shown(text), remedy: remedy.into() }
    }
}

/// `text` as it may be printed.
pub fn shown(text: &[u8]) -> String {
    let cut = text.get(..MOST_SHOWN).unwrap_or(text);
    let graphic = |byte: &u8| matches!(byte, 0x20..=0x7e).then_some(char::from(*byte));
    let mut out: String = cut.iter().map(|byte| graphic(byte).unwrap_or('?')).collect();
    if cut.len() < text.len() {
        out.push('…');
    }
    out
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        write!(f, " {}", self.message)?;
        if !self.text.is_empty() {
            write!(f, ": {}", self.text)?;
        }
        if self.remedy.is_empty() { Ok(()) } else { write!(f, " ({})", self.remedy) }
    }
}
