//! Conditional fetches and 304s: RFC 9111 §4.3 and §3.2, case by case.

use super::*;
use http::HeaderValue;
use std::time::{Duration, UNIX_EPOCH};

const CHANGED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const CHANGED_850: &str = "Sunday, 06-Nov-94 08:49:37 GMT";
const OTHER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
const MADE: &str = "Sun, 06 Nov 1994 09:00:00 GMT";

type Fields = [(&'static str, &'static str)];

fn headers(fields: &Fields) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn every_validator_held_is_sent_and_nothing_of_the_client_s_rfc9111_4_3_1() {
    let client: &Fields = &[
        ("if-none-match", "\"theirs\""),
        ("if-modified-since", OTHER),
        ("if-match", "\"theirs\""),
        ("if-unmodified-since", OTHER),
        ("if-range", "\"theirs\""),
        ("range", "bytes=0-1"),
        ("accept", "*/*"),
    ];
    let cases: &[(&Fields, &Fields)] = &[
        (
            &[("etag", "\"a\""), ("last-modified", CHANGED)],
            &[("accept", "*/*"), ("if-none-match", "\"a\""), ("if-modified-since", CHANGED)],
        ),
        (&[("etag", "W/\"a\"")], &[("accept", "*/*"), ("if-none-match", "W/\"a\"")]),
        (&[("last-modified", CHANGED)], &[("accept", "*/*"), ("if-modified-since", CHANGED)]),
        (&[("last-modified", "yesterday")], &[("accept", "*/*")]),
        (&[], &[("accept", "*/*")]),
    ];
    for (stored, expected) in cases {
        let mut request = headers(client);
        let conditional = ask_whether_modified(&mut request, &headers(stored), UNIX_EPOCH);
        assert_eq!(request, headers(expected), "{stored:?}");
        assert_eq!(conditional, expected.len() > 1, "{stored:?}");
    }
}

#[test]
fn a_304_speaks_of_the_response_with_its_validators_rfc9111_4_3_4() {
    let cases: &[(&Fields, &Fields, bool)] = &[
        // Strong tags must be the same.
        (&[("etag", "\"a\"")], &[("etag", "\"a\"")], true),
        (&[("etag", "\"a\"")], &[("etag", "\"b\"")], false),
        (&[("etag", "W/\"a\"")], &[("etag", "\"a\"")], false),
        // Weak ones must match.
        (&[("etag", "\"a\"")], &[("etag", "W/\"a\"")], true),
        (&[("etag", "W/\"a\"")], &[("etag", "W/\"a\"")], true),
        (&[("etag", "W/\"a\"")], &[("etag", "W/\"b\"")], false),
        // Dates.
        (&[("last-modified", CHANGED)], &[("last-modified", CHANGED)], true),
        (&[("last-modified", CHANGED)], &[("last-modified", CHANGED_850)], true),
        (&[("last-modified", CHANGED)], &[("last-modified", OTHER)], false),
        (&[("last-modified", "x")], &[("last-modified", "x")], true),
        (&[("etag", "\"a\"")], &[("last-modified", CHANGED)], false),
        // Where both have tags, they decide.
        (
            &[("etag", "\"a\""), ("last-modified", CHANGED)],
            &[("etag", "\"b\""), ("last-modified", CHANGED), ("date", MADE)],
            false,
        ),
        (
            &[("etag", "\"a\""), ("last-modified", CHANGED)],
            &[("etag", "\"a\""), ("last-modified", OTHER)],
            true,
        ),
        (&[("etag", "\"a\""), ("last-modified", CHANGED)], &[("last-modified", CHANGED)], true),
        // A tag that is new beside the stored date.
        (
            &[("last-modified", CHANGED)],
            &[("etag", "\"a\""), ("last-modified", CHANGED), ("date", MADE)],
            true,
        ),
        (
            &[("last-modified", CHANGED)],
            &[("etag", "\"a\""), ("last-modified", CHANGED), ("date", CHANGED)],
            false,
        ),
        (&[("last-modified", CHANGED)], &[("etag", "W/\"a\"")], false),
        // Without validators it answers what it was asked.
        (&[("etag", "\"a\"")], &[], true),
        (&[("last-modified", CHANGED)], &[], true),
        (&[], &[], true),
    ];
    for (stored, sent, expected) in cases {
        let confirms = confirms(&headers(stored), &headers(sent), UNIX_EPOCH);
        assert_eq!(confirms, *expected, "{stored:?} {sent:?}");
    }
}

#[test]
fn a_304_replaces_what_it_has_but_for_the_bytes_fields_rfc9111_3_2() {
    let stored = headers(&[
        ("cache-control", "max-age=1"),
        ("cache-control", "stale-if-error=5"),
        ("content-encoding", "gzip"),
        ("content-length", "5"),
        ("content-md5", "stored"),
        ("content-type", "text/plain"),
        ("date", OTHER),
        ("age", "100"),
        ("etag", "\"a\""),
        ("x-kept", "1"),
        ("x-test", "A"),
    ]);
    let sent = headers(&[
        ("age", "3"),
        ("cache-control", "max-age=3600"),
        ("connection", "x-hop"),
        ("content-encoding", "br"),
        ("content-digest", "sha-256=:of nothing:"),
        ("content-length", "0"),
        ("content-md5", "of nothing"),
        ("content-range", "bytes 0-1/2"),
        ("content-type", "text/plain;charset=utf-8"),
        ("date", MADE),
        ("etag", "W/\"a\""),
        ("set-cookie", "a=b"),
        ("transfer-encoding", "chunked"),
        ("x-hop", "1"),
        ("x-test", "B"),
        ("x-test", "C"),
    ]);
    let expected = headers(&[
        ("age", "3"),
        ("cache-control", "max-age=3600"),
        ("content-encoding", "gzip"),
        ("content-length", "5"),
        ("content-md5", "stored"),
        ("content-type", "text/plain;charset=utf-8"),
        ("date", MADE),
        ("etag", "W/\"a\""),
        ("x-kept", "1"),
        ("x-test", "B"),
        ("x-test", "C"),
    ]);
    assert_eq!(freshen(&stored, &sent, UNIX_EPOCH), expected);
}

#[test]
fn a_304_without_date_and_age_makes_the_response_new_rfc9110_6_6_1() {
    let stored = headers(&[("date", OTHER), ("age", "100"), ("cache-control", "max-age=9")]);
    let received = UNIX_EPOCH + Duration::from_secs(784_112_400);
    let expected = headers(&[("date", MADE), ("cache-control", "max-age=9")]);
    assert_eq!(freshen(&stored, &HeaderMap::new(), received), expected);
}

#[test]
fn what_a_head_says_is_of_another_response_where_validators_or_length_differ_rfc9111_4_3_5() {
    let stored = headers(&[("etag", "\"a\""), ("last-modified", CHANGED)]);
    let cases: &[(&[(&str, &str)], bool)] = &[
        (&[], true),
        (&[("etag", "\"a\"")], true),
        (&[("etag", "\"b\"")], false),
        (&[("etag", "W/\"a\"")], false),
        (&[("last-modified", CHANGED)], true),
        (&[("last-modified", OTHER)], false),
        (&[("content-length", "7")], true),
        (&[("content-length", "8")], false),
        (&[("content-length", "x")], false),
        (&[("etag", "\"a\""), ("content-length", "0")], false),
    ];
    for (sent, agrees) in cases {
        assert_eq!(head_agrees(&stored, 7, &headers(sent)), *agrees, "{sent:?}");
    }
    // What is stored and has no tag may be what has one.
    assert!(head_agrees(&HeaderMap::new(), 7, &headers(&[("etag", "\"a\"")])));
}

#[test]
fn each_condition_goes_alone_or_with_others() {
    for name in ["if-match", "if-none-match", "if-modified-since", "if-range", "range"] {
        let mut request = headers(&[("x-other", "1")]);
        request.insert(name, HeaderValue::from_static("x"));
        strip_conditions(&mut request);
        assert_eq!(request, headers(&[("x-other", "1")]), "{name}");
    }
}
