//! What is stored and what is not, with the reason and the paragraph of RFC 9111.

use super::*;
use crate::semantics::{Policy, Received};
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use std::time::UNIX_EPOCH;

const CAME: Received = Received { wall: UNIX_EPOCH, delay: Duration::ZERO };
const KEEPING: Policy = Policy { keep: Duration::from_secs(60), ..Policy::RFC };

type Fields = [(&'static str, &'static str)];

fn headers(fields: &Fields) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

fn ask(
    method: &Method,
    authorization: bool,
    status: u16,
    fields: &Fields,
    policy: &Policy,
) -> Result<(), Reason> {
    let headers = headers(fields);
    let said = ResponseDirectives::of(&headers);
    let status = StatusCode::from_u16(status).unwrap();
    let life = Life::of(status, &headers, &said, CAME, policy);
    storable(RequestFacts { method, authorization, session: false }, status, &headers, &said, &life)
}

fn get(status: u16, fields: &Fields) -> Result<(), Reason> {
    ask(&Method::GET, false, status, fields, &KEEPING)
}

const FRESH: (&str, &str) = ("cache-control", "max-age=100");

#[test]
fn an_error_blames_the_request_or_what_it_is_for_rfc9110_15_5() {
    let blaming = [400, 401, 403, 405, 406, 408, 413, 414, 415, 417, 421, 429, 431, 499, 501, 505];
    for status in 200..=599 {
        let blames = blames_request(StatusCode::from_u16(status).unwrap());
        assert!(blames || !blaming.contains(&status), "{status}");
        assert!(!blames || (400..=505).contains(&status), "{status}");
    }
    for status in [200, 301, 404, 410, 451, 500, 502, 503, 504] {
        assert!(!blames_request(StatusCode::from_u16(status).unwrap()), "{status}");
    }
}

#[test]
fn each_obstacle_has_its_reason_rfc9111_3() {
    let cases: &[(&Fields, Result<(), Reason>)] = &[
        (&[FRESH], Ok(())),
        (&[("expires", "Thu, 18 Aug 2050 02:01:18 GMT")], Ok(())),
        (&[FRESH, ("cache-control", "no-store")], Err(Reason::NoStore)),
        (&[FRESH, ("cache-control", "No-StOrE")], Err(Reason::NoStore)),
        (&[FRESH, ("cache-control", "must-understand, no-store")], Ok(())),
        (&[FRESH, ("cache-control", "private")], Err(Reason::Private)),
        (&[FRESH, ("cache-control", "private=\"x-user\"")], Ok(())),
        (&[FRESH, ("vary", "accept, *")], Err(Reason::VaryStar)),
        (&[FRESH, ("vary", "accept")], Ok(())),
        (&[FRESH, ("set-cookie", "a=b")], Err(Reason::SetCookie)),
        (&[FRESH, ("set-cookie", "a=b"), ("cache-control", "no-cache=Set-Cookie")], Ok(())),
        (&[FRESH, ("set-cookie", "a=b"), ("cache-control", "private=\"Set-Cookie\"")], Ok(())),
        (
            &[FRESH, ("set-cookie", "a=b"), ("cache-control", "no-cache=x-other")],
            Err(Reason::SetCookie),
        ),
        (&[], Err(Reason::NoLifetime)),
        (&[("etag", "\"a\"")], Err(Reason::NoLifetime)),
        (&[("cache-control", "public")], Err(Reason::NoLifetime)),
    ];
    for (fields, expected) in cases {
        assert_eq!(get(200, fields), *expected, "{fields:?}");
    }
}

#[test]
fn what_must_be_confirmed_needs_something_to_be_confirmed_by_rfc9111_5_2_2_4() {
    let etag = ("etag", "\"a\"");
    let modified = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    for said in ["no-cache", "no-cache, max-age=100", "max-age=0", "s-maxage=0", "max-age=x"] {
        let said = ("cache-control", said);
        assert_eq!(get(200, &[said, etag]), Ok(()), "{said:?}");
        assert_eq!(get(200, &[said, modified]), Ok(()), "{said:?}");
        assert_eq!(get(200, &[said]), Err(Reason::NoLifetime), "{said:?}");
        let unreadable = ("last-modified", "yesterday");
        assert_eq!(get(200, &[said, unreadable]), Err(Reason::NoLifetime), "{said:?}");
    }
    assert_eq!(get(200, &[("expires", "0"), etag]), Ok(()));
    assert_eq!(get(200, &[("expires", "0")]), Err(Reason::NoLifetime));
    // Without a time to keep it in, confirming is out of the question.
    let none = Policy::default();
    let stale = [("cache-control", "max-age=0"), etag];
    assert_eq!(ask(&Method::GET, false, 200, &stale, &none), Err(Reason::NoLifetime));
    // Being allowed to serve stale is a use.
    for said in ["max-age=0, stale-while-revalidate=9", "max-age=0, stale-if-error=9"] {
        assert_eq!(get(200, &[("cache-control", said)]), Ok(()), "{said}");
    }
}

#[test]
fn statuses_are_stored_as_rfc9111_3_and_rfc9110_15_1_say() {
    let explicit = [
        200, 201, 202, 203, 204, 299, 300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 414,
        451, 499, 500, 501, 502, 503, 504, 599,
    ];
    for status in explicit {
        assert_eq!(get(status, &[FRESH]), Ok(()), "{status}");
    }
    let keep = Policy { default_ttl: Some(Duration::from_secs(9)), ..KEEPING };
    let implicit = |status, fields: &[_]| ask(&Method::GET, false, status, fields, &keep);
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        assert_eq!(implicit(status, &[]), Ok(()), "{status}");
    }
    for status in [201, 302, 303, 307, 400, 403, 500, 502, 503, 504, 599] {
        assert_eq!(implicit(status, &[]), Err(Reason::Status), "{status}");
        assert_eq!(implicit(status, &[("cache-control", "public")]), Ok(()), "{status}");
        let confirmed = [("cache-control", "no-cache"), ("etag", "\"a\"")];
        assert_eq!(implicit(status, &confirmed), Err(Reason::Status), "{status}");
    }
    for status in [100, 101, 103, 304, 600, 999] {
        assert_eq!(get(status, &[FRESH]), Err(Reason::Status), "{status}");
    }
    assert_eq!(get(206, &[FRESH]), Err(Reason::Partial));
}

#[test]
fn must_understand_asks_for_a_known_status_rfc9111_5_2_2_3() {
    let said = ("cache-control", "must-understand, max-age=9");
    assert_eq!(get(200, &[said]), Ok(()));
    assert_eq!(get(404, &[said, ("cache-control", "no-store")]), Ok(()));
    for status in [299, 451, 499, 599] {
        assert_eq!(get(status, &[said]), Err(Reason::Status), "{status}");
    }
}

#[test]
fn authorization_needs_leave_to_share_rfc9111_3_5() {
    let with = |said| ask(&Method::GET, true, 200, &[("cache-control", said)], &KEEPING);
    for said in ["max-age=9", "max-age=9, proxy-revalidate", "max-age=9, public=\"x\""] {
        assert_eq!(with(said), Err(Reason::Authorization), "{said}");
    }
    for said in ["max-age=9, public", "max-age=9, must-revalidate", "s-maxage=9"] {
        assert_eq!(with(said), Ok(()), "{said}");
    }
}

#[test]
fn only_what_get_brought_is_stored() {
    for method in [Method::HEAD, Method::POST, Method::OPTIONS] {
        let answer = ask(&method, false, 200, &[FRESH], &KEEPING);
        assert_eq!(answer, Err(Reason::Method), "{method}");
    }
}

#[test]
fn fields_of_the_connection_and_withheld_fields_are_not_stored_rfc9111_3_1() {
    let came = headers(&[
        ("connection", "close, x-hop"),
        ("x-hop", "1"),
        ("proxy-authenticate", "Basic"),
        ("transfer-encoding", "chunked"),
        ("cache-control", "max-age=9, no-cache=\"set-cookie\", private=\"x-user\""),
        ("set-cookie", "a=b"),
        ("set-cookie", "c=d"),
        ("x-user", "u"),
        ("age", "5"),
        ("etag", "\"a\""),
    ]);
    let said = ResponseDirectives::of(&came);
    let stored = stored_fields(&came, &said, UNIX_EPOCH + Duration::from_secs(784_111_777));
    let expected = headers(&[
        ("cache-control", "max-age=9, no-cache=\"set-cookie\", private=\"x-user\""),
        ("etag", "\"a\""),
        ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ]);
    assert_eq!(stored, expected);
    let dated = headers(&[("date", "Sun, 06 Nov 1994 08:49:37 GMT")]);
    assert_eq!(stored_fields(&dated, &said, UNIX_EPOCH), dated);
    assert!(!stored.contains_key(AUTHORIZATION));
}

#[test]
fn redirects_and_what_varies_on_the_scheme_are_for_one_scheme() {
    let one = |status, vary: &Fields| {
        is_of_one_scheme(StatusCode::from_u16(status).unwrap(), &Vary::of(&headers(vary)))
    };
    for status in [300, 301, 302, 303, 307, 308] {
        assert!(one(status, &[]), "{status}");
    }
    for status in [200, 404, 410, 500] {
        assert!(!one(status, &[("vary", "cookie")]), "{status}");
        assert!(one(status, &[("vary", "cookie, X-Forwarded-Proto")]), "{status}");
    }
}

#[test]
fn withheld_fields_are_those_that_are_named_and_there_rfc9111_5_2_2_4() {
    let cases: &[(&Fields, &Fields)] = &[
        (&[FRESH, ("x-a", "1")], &[]),
        (&[("cache-control", "private=\"x-a\""), ("x-b", "1")], &[]),
        (
            &[
                ("cache-control", "private=\"x-a, x-c\", no-cache=X-A"),
                ("x-a", "1"),
                ("x-a", "2"),
                ("x-b", "3"),
            ],
            &[("x-a", "1"), ("x-a", "2")],
        ),
        // What concerns one connection is nobody's here.
        (
            &[
                ("cache-control", "private=\"x-a, te\""),
                ("connection", "x-a"),
                ("x-a", "1"),
                ("te", "x"),
            ],
            &[],
        ),
    ];
    for (fields, expected) in cases {
        let fields = headers(fields);
        let withheld = withheld_fields(&fields, &ResponseDirectives::of(&fields));
        assert_eq!(withheld, (!expected.is_empty()).then(|| headers(expected)), "{fields:?}");
    }
}

#[test]
fn a_session_s_response_is_held_to_what_authorization_s_is_rfc9111_3_5() {
    let public = ("cache-control", "public");
    let cases: &[(&Fields, Result<(), Reason>)] = &[
        (&[FRESH], Err(Reason::Session)),
        (&[FRESH, public], Ok(())),
        (&[FRESH, ("cache-control", "must-revalidate")], Ok(())),
        (&[("cache-control", "s-maxage=9")], Ok(())),
        (&[FRESH, public, ("vary", "accept")], Ok(())),
        (&[FRESH, public, ("vary", "accept, Cookie")], Err(Reason::Session)),
    ];
    for (fields, expected) in cases {
        let fields = headers(fields);
        let said = ResponseDirectives::of(&fields);
        let life = Life::of(StatusCode::OK, &fields, &said, CAME, &KEEPING);
        let facts = |session| RequestFacts { method: &Method::GET, authorization: false, session };
        let of = |session| storable(facts(session), StatusCode::OK, &fields, &said, &life);
        assert_eq!((of(true), of(false)), (*expected, Ok(())), "{fields:?}");
    }
}
