//! Durations and sizes as they are written: a number and a unit. Printing gives the unit that says
//! it exactly and shortest.

use std::time::Duration;

/// The longest duration, 100 years: sums of a few of them still fit every clock.
const LONGEST: Duration = Duration::from_secs(36_500 * 86_400);

/// Milliseconds of each unit, the longest first.
const TIMES: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Bytes of each unit.
const SIZES: [(&str, u64); 8] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1000),
];

/// Why a text is no duration or no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// It is not written as one.
    Form,
    /// It is, but is more than can be meant.
    TooMuch,
}

/// A duration such as `10s`, `500ms` or `1h30m`: units from the longest, each once at most.
pub(super) fn duration(text: &str) -> Result<Duration, Bad> {
    let mut rest = text;
    let mut units = TIMES.iter();
    let mut total = 0u64;
    loop {
        let (number, after) = number(rest)?;
        let unit = after.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        let (_, each) = units.by_ref().find(|(name, _)| *name == unit).ok_or(Bad::Form)?;
        let part = number.and_then(|n| n.checked_mul(*each));
        total = part.and_then(|part| total.checked_add(part)).ok_or(Bad::TooMuch)?;
        rest = &after[unit.len()..];
        if rest.is_empty() {
            break;
        }
    }
    let total = Duration::from_millis(total);
    if total > LONGEST { Err(Bad::TooMuch) } else { Ok(total) }
}

/// A size such as `8GiB`, `10MB` or `4096`, in bytes.
pub(super) fn size(text: &str) -> Result<u64, Bad> {
    let (number, unit) = number(text)?;
    let each = match unit {
        "" | "B" => 1,
        unit => SIZES.iter().find(|(name, _)| *name == unit).ok_or(Bad::Form)?.1,
    };
    number.and_then(|n| n.checked_mul(each)).ok_or(Bad::TooMuch)
}

/// The digits that `text` begins with, as a number unless it is too large, and what follows.
fn number(text: &str) -> Result<(Option<u64>, &str), Bad> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() { Err(Bad::Form) } else { Ok((digits.parse().ok(), rest)) }
}

/// As it would be written; what is less than a millisecond is cut off.
pub(super) fn print_duration(duration: Duration) -> String {
    let total = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    match TIMES.iter().find(|(_, each)| total > 0 && total.is_multiple_of(*each)) {
        Some((unit, each)) => format!("{}{unit}", total / each),
        None => "0s".into(),
    }
}

/// As it would be written.
pub(super) fn print_size(bytes: u64) -> String {
    let exact = SIZES.iter().filter(|(_, each)| bytes > 0 && bytes.is_multiple_of(*each));
    match exact.max_by_key(|(_, each)| *each) {
        Some((unit, each)) => format!("{}{unit}", bytes / each),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_from_their_units() {
        for (text, millis) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            ("1h30m", 5_400_000),
            ("1d1h1m1s1ms", 90_061_001),
            ("0s", 0),
            ("36500d", 36_500 * 86_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "10", "s", "10 s", "10sec", "-1s", "1.5s", "30m1h", "1s1s", "1h30", "10S", "1é"]
        {
            assert_eq!(duration(text), Err(Bad::Form), "{text}");
        }
        for text in ["36501d", "99999999999999999999s", "18446744073709551615d", "36500d1ms"] {
            assert_eq!(duration(text), Err(Bad::TooMuch), "{text}");
        }
    }

    #[test]
    fn sizes_read_from_their_units() {
        for (text, bytes) in [
            ("4096", 4096),
            ("4096B", 4096),
            ("24KiB", 24 << 10),
            ("512MiB", 512 << 20),
            ("8GiB", 8 << 30),
            ("1TiB", 1 << 40),
            ("10MB", 10_000_000),
            ("0", 0),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "GiB", "8 GiB", "8gb", "8G", "-1", "1.5GiB", "8GiBs", "é"] {
            assert_eq!(size(text), Err(Bad::Form), "{text}");
        }
        for text in ["18446744073709551616", "16777216TiB"] {
            assert_eq!(size(text), Err(Bad::TooMuch), "{text}");
        }
    }

    #[test]
    fn printing_takes_the_shortest_exact_unit() {
        for (written, printed) in
            [("1h30m", "90m"), ("75s", "75s"), ("60s", "1m"), ("1500ms", "1500ms"), ("0ms", "0s")]
        {
            assert_eq!(print_duration(duration(written).unwrap()), printed);
        }
        for (written, printed) in
            [("2048MiB", "2GiB"), ("80MB", "80MB"), ("4096", "4KiB"), ("1001", "1001"), ("0", "0")]
        {
            assert_eq!(print_size(size(written).unwrap()), printed);
        }
    }
}
