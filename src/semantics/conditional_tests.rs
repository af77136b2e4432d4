//! Preconditions against stored responses: RFC 9110 §13 and RFC 9111 §4.3.2, case by case.

use super::*;
use http::{HeaderValue, StatusCode};
use std::time::UNIX_EPOCH;

const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const CHANGED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const CHANGED_850: &str = "Sunday, 06-Nov-94 08:49:37 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
const MADE: &str = "Sun, 06 Nov 1994 09:00:00 GMT";

type Fields = [(&'static str, &'static str)];

fn headers(fields: &Fields) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

fn verdict(method: &Method, request: &Fields, stored: &Fields) -> Verdict {
    let stored = headers(stored);
    let stored = Validators::of(StatusCode::OK, &stored);
    evaluate(method, &headers(request), stored, UNIX_EPOCH)
}

const TAGGED: &Fields = &[("etag", "\"a\""), ("last-modified", CHANGED), ("date", MADE)];
const WEAK: &Fields = &[("etag", "W/\"a\""), ("date", MADE)];
const DATED: &Fields = &[("last-modified", CHANGED), ("date", MADE)];
const BARE: &Fields = &[("date", MADE)];

#[test]
fn if_none_match_compares_weakly_rfc9110_13_1_2() {
    let cases: &[(&Fields, &'static str, bool)] = &[
        (TAGGED, "\"a\"", true),
        (TAGGED, "W/\"a\"", true),
        (WEAK, "\"a\"", true),
        (WEAK, "W/\"a\"", true),
        (TAGGED, "\"b\"", false),
        (TAGGED, "\"b\", \"c\", \"a\"", true),
        (TAGGED, "\"b\", \"a\", \"c\"", true),
        (TAGGED, "*", true),
        (BARE, "*", true),
        (BARE, "\"a\"", false),
        (TAGGED, "*, \"b\"", false),
        (TAGGED, "\"b\", *", false),
        (TAGGED, "a", false),
        (TAGGED, "", false),
        (TAGGED, "\"a", false),
        (&[("etag", "a")], "a", true),
        (&[("etag", "a")], "\"a\"", false),
    ];
    for (stored, sent, matches) in cases {
        let expected = if *matches { Verdict::NotModified } else { Verdict::Proceed };
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(verdict(&method, &[("if-none-match", sent)], stored), expected, "{sent}");
        }
    }
    let lines = [("if-none-match", "\"b\""), ("if-none-match", "\"a\"")];
    assert_eq!(verdict(&Method::GET, &lines, TAGGED), Verdict::NotModified);
    let post = verdict(&Method::POST, &[("if-none-match", "*")], TAGGED);
    assert_eq!(post, Verdict::PreconditionFailed);
}

#[test]
fn if_none_match_decides_alone_rfc9110_13_1_3() {
    for (tag, since, expected) in [
        ("\"a\"", EARLIER, Verdict::NotModified),
        ("\"b\"", LATER, Verdict::Proceed),
        ("", LATER, Verdict::Proceed),
    ] {
        let request = [("if-none-match", tag), ("if-modified-since", since)];
        assert_eq!(verdict(&Method::GET, &request, TAGGED), expected, "{tag} {since}");
    }
}

#[test]
fn if_modified_since_compares_with_last_modified_or_date_rfc9111_4_3_2() {
    let cases: &[(&Fields, &'static str, Verdict)] = &[
        (DATED, EARLIER, Verdict::Proceed),
        (DATED, CHANGED, Verdict::NotModified),
        (DATED, CHANGED_850, Verdict::NotModified),
        (DATED, LATER, Verdict::NotModified),
        (DATED, "yesterday", Verdict::Proceed),
        (DATED, "", Verdict::Proceed),
        (BARE, LATER, Verdict::Proceed),
        (BARE, MADE, Verdict::NotModified),
        (&[("last-modified", "x"), ("date", MADE)], LATER, Verdict::Proceed),
        (&[], MADE, Verdict::Proceed),
    ];
    for (stored, since, expected) in cases {
        let request = [("if-modified-since", *since)];
        assert_eq!(verdict(&Method::GET, &request, stored), *expected, "{since} {stored:?}");
    }
    let post = verdict(&Method::POST, &[("if-modified-since", LATER)], DATED);
    assert_eq!(post, Verdict::Proceed);
    let twice = [("if-modified-since", LATER), ("if-modified-since", LATER)];
    assert_eq!(verdict(&Method::GET, &twice, DATED), Verdict::Proceed);
}

#[test]
fn if_match_compares_strongly_and_comes_first_rfc9110_13_1_1() {
    let failed = Verdict::PreconditionFailed;
    let cases: &[(&Fields, &Fields, Verdict)] = &[
        (TAGGED, &[("if-match", "\"a\"")], Verdict::Proceed),
        (TAGGED, &[("if-match", "\"b\", \"a\"")], Verdict::Proceed),
        (TAGGED, &[("if-match", "*")], Verdict::Proceed),
        (TAGGED, &[("if-match", "\"b\"")], failed),
        (TAGGED, &[("if-match", "W/\"a\"")], failed),
        (WEAK, &[("if-match", "W/\"a\"")], failed),
        (BARE, &[("if-match", "\"a\"")], failed),
        (TAGGED, &[("if-match", "\"a\""), ("if-unmodified-since", EARLIER)], Verdict::Proceed),
        (TAGGED, &[("if-match", "\"b\""), ("if-none-match", "\"a\"")], failed),
        (TAGGED, &[("if-match", "\"a\""), ("if-none-match", "\"a\"")], Verdict::NotModified),
        (TAGGED, &[("if-unmodified-since", EARLIER)], failed),
        (TAGGED, &[("if-unmodified-since", CHANGED)], Verdict::Proceed),
        (TAGGED, &[("if-unmodified-since", "never")], Verdict::Proceed),
        (BARE, &[("if-unmodified-since", EARLIER)], Verdict::Proceed),
    ];
    for (stored, request, expected) in cases {
        assert_eq!(verdict(&Method::GET, request, stored), *expected, "{request:?} {stored:?}");
    }
}

#[test]
fn only_successes_have_preconditions_rfc9110_13_2_1() {
    let stored = headers(TAGGED);
    for request in [[("if-none-match", "\"a\"")], [("if-match", "\"b\"")]] {
        for status in [StatusCode::NOT_FOUND, StatusCode::FOUND] {
            let stored = Validators::of(status, &stored);
            let verdict = evaluate(&Method::GET, &headers(&request), stored, UNIX_EPOCH);
            assert_eq!(verdict, Verdict::Proceed, "{status}");
        }
    }
}

#[test]
fn if_range_compares_strongly_rfc9110_13_1_5() {
    let fast: &Fields = &[("last-modified", CHANGED), ("date", CHANGED)];
    let cases: &[(&Fields, &Fields, bool)] = &[
        (TAGGED, &[], true),
        (TAGGED, &[("if-range", "\"a\"")], true),
        (TAGGED, &[("if-range", "\"b\"")], false),
        (TAGGED, &[("if-range", "W/\"a\"")], false),
        (WEAK, &[("if-range", "W/\"a\"")], false),
        (TAGGED, &[("if-range", "a")], false),
        (TAGGED, &[("if-range", "*")], false),
        (TAGGED, &[("if-range", "\"a\", \"b\"")], false),
        (TAGGED, &[("if-range", "\"a\""), ("if-range", "\"a\"")], false),
        (DATED, &[("if-range", CHANGED)], true),
        (DATED, &[("if-range", CHANGED_850)], true),
        (DATED, &[("if-range", LATER)], false),
        (DATED, &[("if-range", EARLIER)], false),
        (fast, &[("if-range", CHANGED)], false),
        (BARE, &[("if-range", MADE)], false),
    ];
    for (stored, request, expected) in cases {
        let stored = headers(stored);
        let stored = Validators::of(StatusCode::OK, &stored);
        let matches = if_range_matches(&headers(request), stored, UNIX_EPOCH);
        assert_eq!(matches, *expected, "{request:?} {stored:?}");
    }
}

#[test]
fn a_304_carries_what_rfc9110_15_4_5_names() {
    let stored: &Fields = &[
        ("content-type", "text/html"),
        ("content-length", "5"),
        ("etag", "\"a\""),
        ("last-modified", CHANGED),
        ("date", MADE),
        ("vary", "a"),
        ("vary", "b"),
        ("cache-control", "max-age=9"),
        ("expires", LATER),
        ("content-location", "/x"),
        ("x-other", "1"),
    ];
    let mut expected = vec![
        ("cache-control", "max-age=9"),
        ("content-location", "/x"),
        ("date", MADE),
        ("etag", "\"a\""),
        ("expires", LATER),
        ("vary", "a"),
        ("vary", "b"),
    ];
    assert_eq!(not_modified_fields(&headers(stored)), headers(&expected));

    let untagged: Vec<_> = stored.iter().copied().filter(|(name, _)| *name != "etag").collect();
    expected.retain(|(name, _)| *name != "etag");
    expected.push(("last-modified", CHANGED));
    assert_eq!(not_modified_fields(&headers(&untagged)), headers(&expected));
}
