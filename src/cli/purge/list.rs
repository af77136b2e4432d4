//! The URLs that are to be purged: those of the command line, then those of a file, read as they are
//! taken. Lines that are empty or begin with `#` are none; a line is bounded, since a file may be anything.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::vec;

use http::Uri;

/// The longest line, in bytes.
const LONGEST: u64 = 24 << 10;

/// URLs, one after another.
pub(super) struct Source {
    typed: vec::IntoIter<String>,
    file: Option<Box<dyn BufRead>>,
    line: u64,
}

impl Source {
    /// `typed`, and then what stands in `file`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(super) fn open(typed: Vec<String>, file: Option<&Path>) -> Result<Self, String> {
        let file: Option<Box<dyn BufRead>> = match file {
            None => None,
            Some(path) if path == Path::new("-") => Some(Box::new(BufReader::new(io::stdin()))),
            Some(path) => {
                let opened = File::open(path);
                let opened = opened.map_err(|error| format!("{}: {error}", path.display()))?;
                Some(Box::new(BufReader::new(opened)))
            }
        };
        Ok(Self { typed: typed.into_iter(), file, line: 0 })
    }

    /// Whether it may be long.
    pub(super) fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// The next URL; none at the end.
    ///
    /// # Errors
    /// The line is no URL, and the next may be one; or the file cannot be read, and nothing follows.
    pub(super) fn next(&mut self) -> Option<Result<String, String>> {
        if let Some(typed) = self.typed.next() {
            return Some(Ok(typed));
        }
        loop {
            let line = self.read()?;
            self.line += 1;
            let text = match &line {
                Ok(text) => text.trim(),
                Err(why) => return Some(Err(format!("line {}: {why}", self.line))),
            };
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            return Some(match url(text) {
                Ok(_) => Ok(text.to_owned()),
                Err(why) => Err(format!("line {}: {why}", self.line)),
            });
        }
    }

    fn read(&mut self) -> Option<Result<String, String>> {
        let file = self.file.as_mut()?;
        let mut line = Vec::new();
        let read = file.by_ref().take(LONGEST).read_until(b'\n', &mut line);
        match read {
            Ok(0) => return None,
            Ok(_) if line.ends_with(b"\n") || (line.len() as u64) < LONGEST => {}
            Ok(_) => {
                let skipped = file.skip_until(b'\n');
                if skipped.is_err() {
                    self.file = None;
                }
                return Some(Err(format!("longer than {LONGEST} bytes")));
            }
            Err(error) => {
                self.file = None;
                return Some(Err(error.to_string()));
            }
        }
        Some(String::from_utf8(line).map_err(|_| "not UTF-8".into()))
    }
}

/// The URL that `text` is.
///
/// # Errors
/// It is none that can be purged.
pub(super) fn url(text: &str) -> Result<Uri, &'static str> {
    let uri: Uri = text.parse().map_err(|_| "not a URL")?;
    let http = matches!(uri.scheme_str(), Some("http" | "https"));
    if http && uri.authority().is_some() {
        return Ok(uri);
    }
    Err("not an http:// or https:// URL")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(typed: &[&str], file: &[u8]) -> Vec<Result<String, String>> {
        let typed: Vec<String> = typed.iter().map(ToString::to_string).collect();
        let mut source = Source::open(typed, None).unwrap();
        source.file = Some(Box::new(io::Cursor::new(file.to_vec())));
        std::iter::from_fn(|| source.next()).collect()
    }

    #[test]
    fn what_is_typed_comes_before_what_stands_in_the_file() {
        let file = b"# a list\n\nhttp://w/1\r\n  https://w/2  \nhttp://w/3";
        let urls = ["http://w/0", "http://w/1", "https://w/2", "http://w/3"];
        assert_eq!(all(&urls[..1], file), urls.map(|url| Ok(url.to_owned())));
    }

    #[test]
    fn a_line_that_is_no_url_is_told_with_its_number_and_the_next_is_read() {
        let long = "x".repeat(50_000);
        let file = format!("/wiki/A\n{long}\nhttp://w/1\n");
        let all = all(&[], &[file.as_bytes(), b"\xff\nhttp://w/2\n"].concat());
        let expected = [
            Err("line 1: not an http:// or https:// URL".into()),
            Err("line 2: longer than 24576 bytes".into()),
            Ok("http://w/1".to_owned()),
            Err("line 4: not UTF-8".into()),
            Ok("http://w/2".to_owned()),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn what_is_no_http_url_is_refused() {
        for text in ["", "/wiki/A", "wiki.test", "ftp://wiki.test/", "http://", "http://a b/"] {
            assert!(url(text).is_err(), "{text}");
        }
    }
}
