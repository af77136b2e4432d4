//! Range requests against a complete response (RFC 9110 §14): single ranges of bytes.
//!
//! A Range may always be ignored (§14.2), and is where it is malformed, in another unit, or asks for
//! several ranges. Whether If-Range lets it count is [`conditional`](super::conditional)'s question.

use http::Method;
use http::header::{HeaderMap, HeaderValue, RANGE};

use super::{age, list};

/// What a request's Range makes of a response of known length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeAnswer {
    /// All of it: 200.
    Whole,
    /// The bytes from `first` to `last`, both included, which lie within the length: 206.
    Part {
        /// The first byte's offset.
        first: u64,
        /// The last byte's offset.
        last: u64,
    },
    /// None of it: 416.
    Unsatisfiable,
}

/// Reads the Range of a request and resolves it against a body of `length` bytes. It counts for GET
/// only (RFC 9110 §14.2).
pub fn resolve(method: &Method, request: &HeaderMap, length: u64) -> RangeAnswer {
    if method != Method::GET {
        return RangeAnswer::Whole;
    }
    match single(request) {
        Some(Spec::From { first, .. }) if first >= length => RangeAnswer::Unsatisfiable,
        // `last` is at least `first`, so the length is not zero here.
        Some(Spec::From { first, last }) => RangeAnswer::Part { first, last: last.min(length - 1) },
        Some(Spec::Suffix(0)) => RangeAnswer::Unsatisfiable,
        // Nothing of nothing is satisfiable, but no Content-Range can say it.
        Some(Spec::Suffix(_)) if length == 0 => RangeAnswer::Whole,
        Some(Spec::Suffix(count)) => {
            RangeAnswer::Part { first: length.saturating_sub(count), last: length - 1 }
        }
        None => RangeAnswer::Whole,
    }
}

/// Content-Range of a 206 (RFC 9110 §14.4).
pub fn content_range(first: u64, last: u64, length: u64) -> HeaderValue {
    written(format!("bytes {first}-{last}/{length}"))
}

/// Content-Range of a 416 (RFC 9110 §15.5.17).
pub fn unsatisfied_range(length: u64) -> HeaderValue {
    written(format!("bytes */{length}"))
}

fn written(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("digits and punctuation are visible ASCII")
}

/// A range as it is asked for (RFC 9110 §14.1.2).
enum Spec {
    /// `first-last`, or `first-` with the largest number there is.
    From { first: u64, last: u64 },
    /// `-count`
    Suffix(u64),
}

/// The one range of a Range field that has one line, asks for bytes and is well formed.
fn single(request: &HeaderMap) -> Option<Spec> {
    let mut lines = request.get_all(RANGE).iter();
    let text = lines.next()?.as_bytes();
    if lines.next().is_some() {
        return None;
    }
    let equals = text.iter().position(|&byte| byte == b'=')?;
    if !text[..equals].eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut specs = list::Members::of(&text[equals + 1..]);
    let spec = specs.next()?;
    if specs.next().is_some() {
        return None;
    }
    let dash = spec.iter().position(|&byte| byte == b'-')?;
    match (&spec[..dash], &spec[dash + 1..]) {
        (b"", count) => age::digits(count).map(Spec::Suffix),
        (first, b"") => Some(Spec::From { first: age::digits(first)?, last: u64::MAX }),
        (first, last) => {
            let (first, last) = (age::digits(first)?, age::digits(last)?);
            (first <= last).then_some(Spec::From { first, last })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RangeAnswer::{Unsatisfiable, Whole};

    const fn part(first: u64, last: u64) -> RangeAnswer {
        RangeAnswer::Part { first, last }
    }

    fn answer(range: &str, length: u64) -> RangeAnswer {
        let mut request = HeaderMap::new();
        request.insert(RANGE, HeaderValue::from_bytes(range.as_bytes()).unwrap());
        resolve(&Method::GET, &request, length)
    }

    #[test]
    fn single_ranges_are_resolved_rfc9110_14_1_2() {
        let cases = [
            ("bytes=0-0", 10, part(0, 0)),
            ("bytes=0-9", 10, part(0, 9)),
            ("bytes=2-5", 10, part(2, 5)),
            ("bytes=5-100", 10, part(5, 9)),
            ("bytes=9-", 10, part(9, 9)),
            ("bytes=0-", 10, part(0, 9)),
            ("bytes=10-", 10, Unsatisfiable),
            ("bytes=10-20", 10, Unsatisfiable),
            ("bytes=-1", 10, part(9, 9)),
            ("bytes=-10", 10, part(0, 9)),
            ("bytes=-11", 10, part(0, 9)),
            ("bytes=-0", 10, Unsatisfiable),
            ("bytes=0-0", 0, Unsatisfiable),
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=-5", 0, Whole),
            ("BYTES=0-1", 10, part(0, 1)),
            ("bytes=,0-1", 10, part(0, 1)),
            ("bytes=007-0008", 10, part(7, 8)),
        ];
        for (range, length, expected) in cases {
            assert_eq!(answer(range, length), expected, "{range} of {length}");
        }
    }

    #[test]
    fn what_is_malformed_foreign_or_several_is_ignored_rfc9110_14_2() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=--1",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=1-b",
            "bytes=+1-2",
            "bytes=1",
            "bytes=1-2-3",
            "bytes=0-1,3-4",
            "bytes 0-1",
            "bytes =0-1",
            "items=0-1",
            "0-1",
            "bytes=0 -1",
            "bytes=\u{fc}-1",
        ] {
            assert_eq!(answer(range, 10), Whole, "{range}");
        }
        let mut twice = HeaderMap::new();
        twice.append(RANGE, HeaderValue::from_static("bytes=0-1"));
        twice.append(RANGE, HeaderValue::from_static("bytes=0-1"));
        assert_eq!(resolve(&Method::GET, &twice, 10), Whole);
    }

    #[test]
    fn only_get_has_ranges_rfc9110_14_2() {
        let mut request = HeaderMap::new();
        assert_eq!(resolve(&Method::GET, &request, 10), Whole);
        request.insert(RANGE, HeaderValue::from_static("bytes=0-1"));
        assert_eq!(resolve(&Method::HEAD, &request, 10), Whole);
    }

    #[test]
    fn huge_numbers_neither_wrap_nor_panic() {
        let huge = u64::MAX;
        assert_eq!(answer("bytes=9223372036854775807-", huge), part(i64::MAX as u64, huge - 1));
        assert_eq!(answer("bytes=0-99999999999999999999999", huge), part(0, huge - 1));
        assert_eq!(answer("bytes=99999999999999999999999-", huge), Unsatisfiable);
        assert_eq!(answer("bytes=-99999999999999999999999", huge), part(0, huge - 1));
        assert_eq!(answer("bytes=-9223372036854775808", 1 << 63), part(0, (1 << 63) - 1));
    }

    #[test]
    fn content_range_is_written_rfc9110_14_4() {
        assert_eq!(content_range(2, 5, 10), "bytes 2-5/10");
        assert_eq!(unsatisfied_range(u64::MAX), "bytes */18446744073709551615");
    }
}
