//! What is a date and what is not, after RFC 9110 §5.6.7 and RFC 9111 §4.2.

use super::*;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// 2026-11-21 00:00:00.
const NOW: u64 = 1_795_219_200;

fn read(text: &str) -> Option<SystemTime> {
    parse(&HeaderValue::from_bytes(text.as_bytes()).unwrap(), at(NOW))
}

#[test]
fn the_three_forms_are_read_rfc9110_5_6_7() {
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "  Sun, 06 Nov 1994 08:49:37 GMT\t",
    ] {
        assert_eq!(read(text), Some(at(784_111_777)), "{text}");
    }
    assert_eq!(read("Sun Nov 16 08:49:37 1994"), Some(at(784_975_777)));
}

#[test]
fn names_match_in_any_case_and_the_weekday_may_be_untrue_rfc9111_4_2() {
    for text in [
        "SUN, 06 nov 1994 08:49:37 gMT",
        "sunday, 06-NOV-94 08:49:37 gmt",
        "sUN nOV  6 08:49:37 1994",
        "Tue, 06 Nov 1994 08:49:37 GMT",
        "Tuesday, 06-Nov-94 08:49:37 GMT",
    ] {
        assert_eq!(read(text), Some(at(784_111_777)), "{text}");
    }
}

#[test]
fn anything_else_is_no_date() {
    for text in [
        "",
        "0",
        "-1",
        "Thu, 18 Aug 2050 02:01:18 UTC",
        "Thu, 18 Aug 2050 02:01:18 AEST",
        "Thu, 18 Aug 2050 02:01:18 +0000",
        "Thu, 18 Aug 2050 02:01:18",
        "Thu, 18 Aug 50 02:01:18 GMT",
        "Thu 18 Aug 2050 02:01:18 GMT",
        "Thu, 18-Aug-2050 02:01:18 GMT",
        "Thu, 18  Aug 2050 02:01:18 GMT",
        "Thu,  18 Aug 2050 2:01:18 GMT",
        "Thu, 18 Aug 2050 02.01.18 GMT",
        "Thu, 18 Aug 2050 2:01:18 GMT",
        "Thu, 8 Aug 2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 24:00:00 GMT",
        "Thu, 18 Aug 2050 02:60:18 GMT",
        "Thu, 18 Aug 2050 02:01:61 GMT",
        "Thu, 31 Jun 2050 02:01:18 GMT",
        "Thu, 29 Feb 2100 02:01:18 GMT",
        "Thu, 00 Aug 2050 02:01:18 GMT",
        "Thx, 18 Aug 2050 02:01:18 GMT",
        "Thu, 18 Agu 2050 02:01:18 GMT",
        "Thu, +8 Aug 2050 02:01:18 GMT",
        "Thu, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov 06 08:49:37 94",
        "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 02:01:18 GM\u{fc}",
        "\u{fc}\u{fc}\u{fc}\u{fc}, 18 Aug 2050 02:01:1",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn every_byte_of_a_date_counts() {
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ] {
        for at in 0..text.len() {
            let changed = format!("{}#{}", &text[..at], &text[at + 1..]);
            assert_eq!(read(&changed), None, "{changed}");
        }
    }
}

#[test]
fn dates_beyond_2038_and_before_1970_are_read() {
    let cases = [
        ("Tue, 19 Jan 2038 14:14:08 GMT", 2_147_523_248),
        ("Sun, 21 Nov 2286 04:46:39 GMT", 10_000_039_599),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
        ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
        ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
    ];
    for (text, seconds) in cases {
        assert_eq!(read(text), Some(at(seconds)), "{text}");
    }
    let before = read("Wed, 31 Dec 1969 23:59:59 GMT").unwrap();
    assert_eq!(UNIX_EPOCH.duration_since(before).unwrap(), Duration::from_secs(1));
    assert!(read("Sat, 01 Jan 0000 00:00:00 GMT").unwrap() < UNIX_EPOCH);
}

#[test]
fn a_two_digit_year_lies_at_most_fifty_years_ahead_rfc9110_5_6_7() {
    let cases = [
        ("Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("Sunday, 06-Nov-27 08:49:37 GMT", "Sun, 06 Nov 2027 08:49:37 GMT"),
        ("Sunday, 06-Nov-76 08:49:37 GMT", "Sun, 06 Nov 2076 08:49:37 GMT"),
        ("Sunday, 06-Dec-76 08:49:37 GMT", "Sun, 06 Dec 1976 08:49:37 GMT"),
        ("Sunday, 06-Nov-77 08:49:37 GMT", "Sun, 06 Nov 1977 08:49:37 GMT"),
        ("Tuesday, 29-Feb-00 08:49:37 GMT", "Tue, 29 Feb 2000 08:49:37 GMT"),
    ];
    for (short, long) in cases {
        assert_eq!(read(short), read(long), "{short}");
        assert!(read(short).is_some(), "{short}");
    }
    // Near a century's end the years ahead are the next century's.
    let near_2100 = at(4_070_908_800);
    let value = HeaderValue::from_static("Sunday, 06-Nov-05 08:49:37 GMT");
    assert_eq!(parse(&value, near_2100), read("Sun, 06 Nov 2105 08:49:37 GMT"));
}

#[test]
fn a_repeated_date_is_none() {
    let name = http::header::EXPIRES;
    let date = HeaderValue::from_static("Thu, 18 Aug 2050 02:01:18 GMT");
    let mut headers = HeaderMap::new();
    assert_eq!(field(&headers, &name, at(NOW)), None);
    headers.append(&name, date.clone());
    assert!(field(&headers, &name, at(NOW)).is_some());
    headers.append(&name, date);
    assert_eq!(field(&headers, &name, at(NOW)), None);
}

#[test]
fn what_is_written_is_read_again_and_never_panics() {
    // Every few days from 1970 to 9999, so that each kind of leap year has its turn.
    for seconds in (0..=253_402_300_799).step_by(5 * 86_400 + 12_345) {
        assert_eq!(parse(&format(at(seconds)), at(NOW)), Some(at(seconds)));
    }
    assert_eq!(format(at(253_402_300_800)), "Fri, 31 Dec 9999 23:59:59 GMT");
    assert_eq!(format(UNIX_EPOCH - Duration::from_secs(5)), "Thu, 01 Jan 1970 00:00:00 GMT");
}
