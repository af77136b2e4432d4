//! Pages that can be checked: every byte follows from a page's number and version.
//!
//! The first line of a page tells its number, version, length and the checksum of the rest, so
//! that any whole answer can be judged by itself, by hand too. The rest comes from a generator
//! that starts anywhere, so that any slice can be judged as well. No two versions of a page have
//! the same length: the length names the version where no body comes with it (HEAD, 206, 304),
//! and nginx's ETag, made of seconds and length, names one version only.

use std::ops::Range;

/// One version of one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its number.
    pub id: u32,
    /// Counted from 0.
    pub version: u32,
}

/// The length of the first line, its end included.
const LINE: u64 = 81;

/// How much versions may add to a page's length.
const ROOM: u64 = 16 * 1024;

const MIB: u64 = 1024 * 1024;

impl Page {
    /// The page's version of this length, where there is one.
    pub fn of_length(id: u32, length: u64) -> Option<Self> {
        let version = u32::try_from(length.checked_sub(first_length(id))?).ok()?;
        (u64::from(version) < ROOM).then_some(Self { id, version })
    }

    /// Bytes of this version: 200 B to 8 MiB.
    pub fn length(self) -> u64 {
        first_length(self.id) + u64::from(self.version)
    }

    /// The first line.
    pub fn line(self) -> String {
        let mut sum = Sum::default();
        self.generate(LINE..self.length(), |word| sum.add(word));
        let Self { id, version } = self;
        let (length, sum) = (self.length(), sum.0);
        format!("tidegate id={id:010} version={version:010} length={length:010} sum={sum:016x}\n")
    }

    /// The whole.
    pub fn body(self) -> Vec<u8> {
        self.slice(0..self.length())
    }

    /// The bytes of `range`.
    pub fn slice(self, range: Range<u64>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(usize::try_from(range.end - range.start).unwrap_or(0));
        if range.start < LINE {
            let line = self.line();
            let (from, to) = (index(range.start), index(range.end.min(LINE)));
            bytes.extend_from_slice(&line.as_bytes()[from..to]);
        }
        self.generate(range.start.max(LINE)..range.end, |more| bytes.extend_from_slice(more));
        bytes
    }

    /// Whether `got` is what this version has from `offset` on.
    ///
    /// # Errors
    /// Where it is not, and what its first line says.
    pub fn check(self, offset: u64, got: &[u8]) -> Result<(), String> {
        let expected = self.slice(offset..offset + got.len() as u64);
        let Some(at) = expected.iter().zip(got).position(|(a, b)| a != b) else { return Ok(()) };
        let start = String::from_utf8_lossy(&got[..got.len().min(index(LINE))]);
        Err(format!(
            "{self:?} differs at {} of {offset}+{}: {start:?}",
            offset + at as u64,
            got.len()
        ))
    }

    /// Gives the bytes of `range`, which begins after the first line, word by word.
    fn generate(self, range: Range<u64>, mut take: impl FnMut(&[u8])) {
        let seed = mix(u64::from(self.id) << 32 | u64::from(self.version));
        let mut at = range.start;
        while at < range.end {
            let word = mix(seed.wrapping_add((at - LINE) / 8)).to_le_bytes();
            let from = (at - LINE) % 8;
            let to = (from + range.end - at).min(8);
            take(&word[index(from)..index(to)]);
            at += to - from;
        }
    }
}

/// The length of a page's first version. Most have some 10 KB, a few are large; it leaves room for
/// versions below 8 MiB, which is the largest that the cache takes.
fn first_length(id: u32) -> u64 {
    match id % 2000 {
        500 => 8 * MIB - ROOM,
        250 => 2 * MIB,
        1250 => MIB,
        _ => {
            // Dice for the exponent make it about log-normal: 200 B to 400 KB, 20 KB on average.
            let mut dice = mix(u64::from(id) ^ 0x5a);
            let mut length = 200;
            for _ in 0..5 {
                length <<= dice % 3;
                dice /= 3;
            }
            length + dice % length
        }
    }
}

/// A fast checksum of 64 bits, over bytes taken eight by eight.
#[derive(Default)]
struct Sum(u64);

impl Sum {
    /// Adds a word, of which only the last may be short.
    fn add(&mut self, bytes: &[u8]) {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        let mixed = (self.0 ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed.rotate_left(29);
    }
}

/// The finalizer of SplitMix64, which spreads neighbouring numbers over all words.
fn mix(number: u64) -> u64 {
    let mut word = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("pages fit into memory")
}

mod tests {
    use super::*;

    #[test]
    fn a_page_tells_what_it_is_in_its_first_line() {
        let page = Page { id: 7, version: 3 };
        let body = page.body();
        let (line, rest) = body.split_at(index(LINE));
        assert_eq!(body.len() as u64, page.length());
        assert_eq!(line, page.line().as_bytes());
        let mut sum = Sum::default();
        rest.chunks(8).for_each(|word| sum.add(word));
        let length = body.len();
        let told =
            format!("id=0000000007 version=0000000003 length={length:010} sum={:016x}", sum.0);
        assert_eq!(String::from_utf8_lossy(line), format!("tidegate {told}\n"));
    }

    #[test]
    fn any_slice_can_be_computed_by_itself() {
        let page = Page { id: 42, version: 9 };
        let body = page.body();
        let end = page.length();
        for start in [0, 1, LINE - 1, LINE, LINE + 1, LINE + 7, LINE + 8, end - 9, end - 1] {
            for end in [start, start + 1, LINE + 3, LINE + 64, end] {
                if start <= end {
                    let (from, to) = (index(start), index(end));
                    assert_eq!(page.slice(start..end), body[from..to], "{start}..{end}");
                    assert_eq!(page.check(start, &body[from..to]), Ok(()));
                }
            }
        }
    }

    #[test]
    fn a_wrong_byte_is_seen_wherever_it_is() {
        let page = Page { id: 1, version: 0 };
        for at in [0, 80, 81, 100, index(page.length()) - 1] {
            let mut body = page.body();
            body[at] ^= 1;
            let error = page.check(0, &body).expect_err("a byte is wrong");
            assert!(error.contains(&format!("differs at {at} ")), "{error}");
        }
        let older = Page { id: 1, version: 1 };
        assert!(older.check(200, &page.slice(200..210)).is_err());
    }

    #[test]
    fn a_length_names_its_version() {
        for id in [0, 500, 1999] {
            for version in [0, 1, 700] {
                let page = Page { id, version };
                assert_eq!(Page::of_length(id, page.length()), Some(page));
            }
            assert_eq!(Page::of_length(id, 199), None);
            assert_eq!(Page::of_length(id, 9 * MIB), None);
        }
    }

    #[test]
    fn twenty_thousand_pages_are_of_all_sizes_and_fit_a_small_disk() {
        let lengths: Vec<u64> = (0..20_000).map(|id| Page { id, version: 0 }.length()).collect();
        let (least, most) = (lengths.iter().min(), lengths.iter().max());
        assert!(least < Some(&210) && most > Some(&(7 * MIB)), "{least:?} to {most:?}");
        let total = lengths.iter().sum::<u64>();
        assert!((300 * MIB..600_000_000).contains(&total), "{total}");
    }
}
