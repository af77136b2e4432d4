//! What may be coded, and what a coded response and its requests say.

use super::*;

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    headers
}

fn lines(headers: &HeaderMap, name: &str) -> Vec<String> {
    let text = |line: &HeaderValue| String::from_utf8(line.as_bytes().to_vec()).unwrap();
    headers.get_all(name).iter().map(text).collect()
}

#[test]
fn what_is_of_a_type_that_is_wanted_may_be_coded() {
    let types = ["text/*", "image/svg+xml"].map(Into::into);
    let may = |content_type: &str| {
        let headers = headers(&[("content-type", content_type)]);
        may_be_coded(StatusCode::OK, &headers, &ResponseDirectives::default(), &types)
    };
    for content_type in
        ["text/html", "TEXT/css; charset=utf-8", "image/svg+xml", " text/x ;a=b", "text/"]
    {
        assert!(may(content_type), "{content_type}");
    }
    for content_type in ["", "text", "image/png", "image/svg+xmlx", "xtext/html", "a; b=text/html"]
    {
        assert!(!may(content_type), "{content_type}");
    }
}

#[test]
fn what_is_coded_partial_or_not_to_be_changed_is_left_alone() {
    let types = ["text/*".into()];
    let html = ("content-type", "text/html");
    let may = |status: u16, field| {
        let headers = headers(&[html, field]);
        let said = ResponseDirectives::of(&headers);
        may_be_coded(StatusCode::from_u16(status).unwrap(), &headers, &said, &types)
    };
    let nothing = ("x-nothing", "");
    assert!(may(200, nothing));
    assert!(!may(200, ("content-encoding", "br")));
    assert!(!may(200, ("content-range", "bytes 0-1/2")));
    assert!(!may(200, ("cache-control", "max-age=60, No-Transform")), "RFC 9111 §5.2.2.6");
    assert!(!may(404, nothing) && !may(203, nothing));
}

#[test]
fn a_coded_response_has_a_tag_and_no_digest_of_its_own_rfc9110_8_8_3_3() {
    let plain = headers(&[
        ("content-type", "text/html"),
        ("etag", "\"abc\""),
        ("content-length", "9"),
        ("content-md5", "x"),
        ("digest", "x"),
        ("content-digest", "x"),
        ("repr-digest", "x"),
        ("accept-ranges", "bytes"),
        ("vary", "Cookie"),
    ]);
    let expected = headers(&[
        ("content-type", "text/html"),
        ("etag", "\"abc-gzip\""),
        ("accept-ranges", "bytes"),
        ("vary", "Cookie, Accept-Encoding"),
        ("content-encoding", "gzip"),
    ]);
    assert_eq!(coded_fields(&plain, Coding::Gzip), expected);
}

#[test]
fn suffixes_go_inside_the_quotation_marks_and_come_off_again() {
    for (tag, coded) in [
        ("\"abc\"", "\"abc-zstd\""),
        ("W/\"abc\"", "W/\"abc-zstd\""),
        ("\"\"", "\"-zstd\""),
        ("abc", "abc-zstd"),
        ("\"abc-gzip\"", "\"abc-gzip-zstd\""),
    ] {
        let mut response = headers(&[("etag", tag)]);
        add_suffix(&mut response, Coding::Zstd);
        assert_eq!(lines(&response, "etag"), [coded]);
        for name in ["if-match", "if-none-match"] {
            let mut request = headers(&[(name, coded)]);
            assert_eq!(strip_suffixes(&mut request), Some(Coding::Zstd));
            assert_eq!(lines(&request, name), [tag]);
        }
    }
}

#[test]
fn every_tag_of_a_request_is_stripped_and_nothing_else() {
    let mut request = headers(&[
        ("if-none-match", "\"a-gzip\", W/\"b-zstd\",\"c\""),
        ("if-none-match", "\"d-gzip\""),
        ("if-range", "\"a-gzip\""),
    ]);
    assert!(strip_suffixes(&mut request).is_some());
    assert_eq!(lines(&request, "if-none-match"), ["\"a\", W/\"b\",\"c\"", "\"d\""]);
    assert_eq!(lines(&request, "if-range"), ["\"a-gzip\""]);
    let other = headers(&[("if-none-match", "\"-gzi\", \"xgzip\", *"), ("if-match", "gzip")]);
    let mut same = other.clone();
    assert_eq!(strip_suffixes(&mut same), None);
    assert_eq!(same, other);
}

#[test]
fn vary_names_the_field_once() {
    for (before, after) in [
        (&[][..], &["Accept-Encoding"][..]),
        (&["Cookie"], &["Cookie, Accept-Encoding"]),
        (&["Cookie", "X-Device"], &["Cookie, Accept-Encoding", "X-Device"]),
        (&["Cookie", "x,ACCEPT-encoding"], &["Cookie", "x,ACCEPT-encoding"]),
    ] {
        let vary: Vec<_> = before.iter().map(|line| ("vary", *line)).collect();
        let mut fields = headers(&vary);
        vary_on_coding(&mut fields);
        assert_eq!(lines(&fields, "vary"), after);
        assert!(varies_on_coding(&fields));
    }
}
