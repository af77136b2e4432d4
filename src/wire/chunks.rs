//! Chunked bodies (RFC 9112 §7.1), read strictly: a size is hexadecimal digits, a line ends in CRLF,
//! and extensions, which nobody uses, are bounded and dropped. A reader that is lenient here sees
//! another end than its neighbour, and takes the rest for the next request.

use bytes::Bytes;
use http::HeaderMap;

use super::head::{self, Bad};

/// The longest line of a size with its extensions.
const LINE: usize = 4 * 1024;
/// Bytes of extensions that one body may bring.
const EXTENSIONS: usize = 16 * 1024;
/// The largest trailer section: bytes and fields.
const TRAILER_BYTES: usize = 16 * 1024;
const TRAILER_FIELDS: usize = 64;

/// Reads chunks out of bytes that come as they like.
#[derive(Clone, Copy, Debug)]
pub struct Chunks {
    state: State,
    extensions: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A line with a size comes.
    Size,
    /// So many bytes of data come.
    Data(u64),
    /// The CRLF after data comes.
    DataEnd,
    /// The trailer section comes.
    Trailers,
}

/// What the bytes begin with.
#[derive(Debug)]
pub enum Step {
    /// Too little to say.
    More,
    /// So many bytes of framing, to be dropped.
    Skip(usize),
    /// So many bytes of the body.
    Data(usize),
    /// The end, after so many bytes, which are the trailer section.
    End(usize),
}

impl Default for Chunks {
    fn default() -> Self {
        Self { state: State::Size, extensions: 0 }
    }
}

impl Chunks {
    /// What `bytes`, the first that were not taken yet, begin with. The caller takes what it is
    /// told before it asks again.
    ///
    /// # Errors
    /// What is no chunk.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Step, Bad> {
        match self.state {
            State::Size => self.size(bytes),
            State::Data(left) => {
                let here = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                if here == 0 {
                    return Ok(Step::More);
                }
                let left = left - here as u64;
                self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                Ok(Step::Data(here))
            }
            State::DataEnd => match bytes {
                [b'\r', b'\n', ..] => {
                    self.state = State::Size;
                    Ok(Step::Skip(2))
                }
                [] | [b'\r'] => Ok(Step::More),
                _ => Err(Bad::Syntax("data that goes on behind its chunk")),
            },
            State::Trailers => trailer_end(bytes),
        }
    }

    fn size(&mut self, bytes: &[u8]) -> Result<Step, Bad> {
        let window = &bytes[..bytes.len().min(LINE)];
        let Some(feed) = memchr::memchr(b'\n', window) else {
            return if window.len() < LINE { early(window) } else { Err(LONG) };
        };
        let line = window[..feed]
            .strip_suffix(b"\r")
            .ok_or(Bad::Syntax("a chunk's size whose line ends in a line feed alone"))?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let behind = &line[digits..];
        // Some servers pad a size with spaces, which nobody reads otherwise.
        let extended = behind.trim_ascii_start().first().is_none_or(|first| *first == b';');
        if digits == 0 || !extended || has_control(behind) {
            return Err(SIZE);
        }
        self.extensions += line.len() - digits;
        if self.extensions > EXTENSIONS {
            return Err(LONG);
        }
        let size = std::str::from_utf8(&line[..digits])
            .ok()
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .ok_or(SIZE)?;
        self.state = if size == 0 { State::Trailers } else { State::Data(size) };
        Ok(Step::Skip(feed + 1))
    }
}

const SIZE: Bad = Bad::Syntax("a chunk's size that is none");
const LONG: Bad = Bad::Syntax("a chunk's size with too much behind it");

/// A line that is not complete must at least begin like one: what is garbage need not be waited for.
fn early(line: &[u8]) -> Result<Step, Bad> {
    match line.first() {
        Some(first) if !first.is_ascii_hexdigit() => Err(SIZE),
        _ => Ok(Step::More),
    }
}

fn has_control(text: &[u8]) -> bool {
    text.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t')
}

/// Looks for the empty line that ends a trailer section.
fn trailer_end(bytes: &[u8]) -> Result<Step, Bad> {
    let window = &bytes[..bytes.len().min(TRAILER_BYTES)];
    let mut line = 0;
    for feed in memchr::memchr_iter(b'\n', window) {
        if feed == line || window[feed - 1] != b'\r' {
            return Err(Bad::Syntax("a trailer line that ends in a line feed alone"));
        }
        if feed == line + 1 {
            return Ok(Step::End(feed + 1));
        }
        line = feed + 1;
    }
    if window.len() < TRAILER_BYTES { Ok(Step::More) } else { Err(Bad::TooLarge) }
}

/// The fields of a trailer section, or `None` where it has none.
///
/// # Errors
/// Why it is no trailer section.
pub fn trailers(section: &Bytes) -> Result<Option<HeaderMap>, Bad> {
    if section.as_ref() == b"\r\n" {
        return Ok(None);
    }
    head::trailers(section, TRAILER_FIELDS).map(Some)
}
