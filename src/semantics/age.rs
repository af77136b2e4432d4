//! The Age field and delta-seconds (RFC 9111 §5.1, §1.2.2).

use std::time::Duration;

use http::header::{AGE, HeaderMap};

use super::list;

/// The largest number of seconds that a field can name: 2^31 (RFC 9111 §1.2.2).
pub const MAX_DELTA: Duration = Duration::from_secs(1 << 31);

/// What the Age field says, zero where it says nothing. The first member of the list counts, and
/// what is not a non-negative integer is ignored (RFC 9111 §5.1).
pub fn field(headers: &HeaderMap) -> Duration {
    list::members(headers, &AGE).next().and_then(delta_seconds).unwrap_or_default()
}

/// Reads delta-seconds: digits and nothing else, leading zeros included. What is larger than
/// [`MAX_DELTA`] is [`MAX_DELTA`] (RFC 9111 §1.2.2).
pub fn delta_seconds(text: &[u8]) -> Option<Duration> {
    digits(text).map(|seconds| Duration::from_secs(seconds).min(MAX_DELTA))
}

/// Reads a number of one digit or more; one that does not fit is the largest that does.
pub fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_member_of_age_counts_and_only_an_integer_rfc9111_5_1() {
        let cases: &[(&[&str], u64)] = &[
            (&[], 0),
            (&["30"], 30),
            (&["0030"], 30),
            (&["0"], 0),
            (&["abc"], 0),
            (&["-7200"], 0),
            (&["+7200"], 0),
            (&["7200.0"], 0),
            (&["\"7200\""], 0),
            (&["7200,0"], 7200),
            (&["7200", "0"], 7200),
            (&["0,7200"], 0),
            (&["0", "7200"], 0),
            (&["", "7200"], 7200),
            (&["2147483648"], 1 << 31),
            (&["2147483649"], 1 << 31),
            (&["99999999999999999999999"], 1 << 31),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append(AGE, line.parse().unwrap());
            }
            assert_eq!(field(&headers), Duration::from_secs(*expected), "{lines:?}");
        }
    }
}
