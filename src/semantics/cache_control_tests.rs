//! Cache-Control as it is written in the wild, and what RFC 9111 §5.2 makes of it.

use super::*;

fn headers(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(CACHE_CONTROL, http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    headers
}

fn response(lines: &[&str]) -> ResponseDirectives {
    ResponseDirectives::of(&headers(lines))
}

fn secs(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn max_age_is_read_as_rfc9111_1_2_2_and_4_2_1_say() {
    let cases: &[(&[&str], Option<Duration>)] = &[
        (&[], None),
        (&["max-age=3600"], secs(3600)),
        (&["MaX-aGe=3600"], secs(3600)),
        (&["max-age=003600"], secs(3600)),
        (&["max-age=\"3600\""], secs(3600)),
        (&["foobar, max-age=3600"], secs(3600)),
        (&["max-age=2147483648"], secs(1 << 31)),
        (&["max-age=99999999999"], secs(1 << 31)),
        (&["max-age=99999999999999999999999999"], secs(1 << 31)),
        // The first of several counts.
        (&["max-age=1800, max-age=1"], secs(1800)),
        (&["max-age=1", "max-age=1800"], secs(1)),
        (&["max-age=x, max-age=1800"], secs(0)),
        // What is not delta-seconds means stale.
        (&["max-age=-100"], secs(0)),
        (&["max-age=a3600"], secs(0)),
        (&["max-age=3600a"], secs(0)),
        (&["max-age=3600.0"], secs(0)),
        (&["max-age='3600'"], secs(0)),
        (&["max-age =3600"], secs(0)),
        (&["max-age= 3600"], secs(0)),
        (&["max-age="], secs(0)),
        (&["max-age"], secs(0)),
        // A directive inside a quoted string is none.
        (&["extension=\"max-age=3600\""], None),
        (&["extension=\"max-age=3600\", max-age=1"], secs(1)),
        (&["max-age=1, extension=\"max-age=3600\""], secs(1)),
        (&["extension=\"a\\\", max-age=3600\", max-age=2"], secs(2)),
        (&["s-maxage=1"], None),
        (&["max-age;3600"], None),
    ];
    for (lines, expected) in cases {
        assert_eq!(response(lines).max_age, *expected, "{lines:?}");
    }
}

#[test]
fn every_directive_is_found_in_any_case_and_on_any_line_rfc9111_5_2_2() {
    let said = response(&[
        "No-StOrE, PUBLIC, must-revalidate, Proxy-Revalidate",
        "must-understand,no-transform , immutable",
        "S-MaxAge=7, stale-while-revalidate=8, Stale-If-Error=9, no-cache, private",
    ]);
    let expected = ResponseDirectives {
        max_age: None,
        s_maxage: secs(7),
        stale_while_revalidate: secs(8),
        stale_if_error: secs(9),
        no_store: true,
        no_cache: true,
        no_cache_fields: vec![],
        private: true,
        private_fields: vec![],
        public: true,
        must_revalidate: true,
        proxy_revalidate: true,
        must_understand: true,
        no_transform: true,
        immutable: true,
        targeted: false,
    };
    assert_eq!(said, expected);
    assert_eq!(response(&["foo, bar=\"no-store, private\", x"]), ResponseDirectives::default());
}

#[test]
fn restrictions_hold_with_any_argument_and_grants_with_none() {
    let said = response(&["no-store=x, must-revalidate=\"\", public=x, immutable=1"]);
    assert!(said.no_store && said.must_revalidate);
    assert!(!said.public && !said.immutable);
    // An unclosed quotation mark hides nothing that follows it.
    assert!(response(&["extension=\"abc, no-store"]).no_store);
}

#[test]
fn qualified_no_cache_and_private_name_fields_rfc9111_5_2_2_4_and_7() {
    let said = response(&["no-cache=\"Set-Cookie, A\", private=x-user"]);
    assert!(!said.no_cache && !said.private);
    let names: Vec<_> = said.withheld_fields().map(HeaderName::as_str).collect();
    assert_eq!(names, ["set-cookie", "a", "x-user"]);

    for unqualified in [
        "no-cache",
        "no-cache=",
        "no-cache=\"\"",
        "no-cache=\" , \"",
        "no-cache=\"a b\"",
        "no-cache=\"content-type\"",
        "no-cache=\"a, Vary\"",
        "no-cache=\"a\", no-cache",
        "no-cache, no-cache=\"a\"",
    ] {
        let said = response(&[unqualified]);
        assert!(said.no_cache && said.no_cache_fields.is_empty(), "{unqualified}");
        let said = response(&[&unqualified.replace("no-cache", "private")]);
        assert!(said.private && said.private_fields.is_empty(), "{unqualified}");
    }
    let many = format!("private=\"{}\"", "a,".repeat(MAX_NAMES + 1));
    assert!(response(&[&many]).private);
}

#[test]
fn what_forbids_stale_is_known_rfc9111_4_2_4() {
    for line in ["must-revalidate", "proxy-revalidate", "s-maxage=10", "no-cache"] {
        assert!(response(&[line]).forbids_stale(), "{line}");
    }
    assert!(!response(&["max-age=1, no-cache=\"a\", stale-if-error=5"]).forbids_stale());
}

#[test]
fn requests_are_read_rfc9111_5_2_1() {
    let request = |lines: &[&str]| RequestDirectives::of(&headers(lines));
    let said = request(&["max-age=1, MIN-fresh=2", "max-stale=3, stale-if-error=4"]);
    assert_eq!((said.max_age, said.min_fresh), (secs(1), secs(2)));
    assert_eq!((said.max_stale, said.stale_if_error), (secs(3), secs(4)));
    let said = request(&["no-cache, no-store, no-transform, only-if-cached, max-stale"]);
    assert!(said.no_cache && said.no_store && said.no_transform && said.only_if_cached);
    assert_eq!(said.max_stale, Some(Duration::MAX));
    assert_eq!(request(&["max-stale=x"]).max_stale, secs(0));
    assert_eq!(request(&[]), RequestDirectives::default());
}

#[test]
fn no_bytes_panic() {
    for bytes in [&b"\xff=\xfe"[..], b"=\"", b"\"", b",=,=", b"max-age=\"\\", b"no-cache=\"\xff\""]
    {
        let mut headers = HeaderMap::new();
        headers.append(CACHE_CONTROL, http::HeaderValue::from_bytes(bytes).unwrap());
        let _ = ResponseDirectives::of(&headers);
        let _ = RequestDirectives::of(&headers);
    }
}
