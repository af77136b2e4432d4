//! Random fields, made of the bytes that parsers trip over: nothing panics, and what is computed in
//! two ways comes out the same. The seed is fixed; a failure prints the fields.

use std::time::{Duration, UNIX_EPOCH};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::*;

const FIELDS: [&str; 24] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "age",
    "cache-control",
    "connection",
    "content-location",
    "cookie",
    "date",
    "etag",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "range",
    "set-cookie",
    "te",
    "user-agent",
    "vary",
    "x-any",
];

const PIECES: [&[u8]; 52] = [
    b",",
    b", ",
    b" ",
    b"\t",
    b"\"",
    b"\\",
    b"=",
    b";",
    b"*",
    b"-",
    b"/",
    b":",
    b"?",
    b"#",
    b".",
    b"..",
    b"\xff",
    b"\xc3\xbc",
    b"W/",
    b"\"a\"",
    b"a",
    b"b",
    b"q=0.5",
    b";q=0",
    b"0",
    b"1",
    b"60",
    b"99999999999999999999",
    b"max-age=",
    b"s-maxage=",
    b"no-cache",
    b"no-store",
    b"private",
    b"public",
    b"must-revalidate",
    b"stale-while-revalidate=",
    b"stale-if-error",
    b"bytes=",
    b"gzip",
    b"br",
    b"identity",
    b"en",
    b"de-CH",
    b"accept-encoding",
    b"x-any",
    b"content-length",
    b"trailers",
    b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"Sunday, 06-Nov-94 08:49:37 GMT",
    b"Sun Nov  6 08:49:37 1994",
    b"http://w/",
    b"//w",
];

fn random_headers(rng: &mut fastrand::Rng) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for _ in 0..rng.usize(..10) {
        let value: Vec<u8> =
            (0..rng.usize(..8)).flat_map(|_| PIECES[rng.usize(..PIECES.len())]).copied().collect();
        let name = HeaderName::from_static(FIELDS[rng.usize(..FIELDS.len())]);
        headers.append(name, HeaderValue::from_bytes(&value).unwrap());
    }
    headers
}

fn exercise(rng: &mut fastrand::Rng, request: &HeaderMap, response: &HeaderMap) {
    let status = StatusCode::from_u16(rng.u16(100..=999)).unwrap();
    let said = ResponseDirectives::of(response);
    let now = UNIX_EPOCH + Duration::from_secs(rng.u64(..=1 << 40));
    let received = Received { wall: now, delay: Duration::from_secs(rng.u64(..100)) };
    let policy = Policy {
        heuristic: rng.bool(),
        default_ttl: rng.bool().then_some(Duration::from_secs(9)),
        grace: Duration::from_secs(rng.u64(..9)),
        keep: Duration::from_secs(rng.u64(..9)),
        operator_grace: rng.bool(),
        ..Policy::RFC
    };
    let life = Life::of(status, response, &said, received, &policy);
    let resident = Duration::from_secs(rng.u64(..100));
    let (phase, ttl) = (life.phase(resident), life.ttl_left(resident));
    assert!(phase != Phase::Fresh || ttl >= 0, "{life:?}");
    assert_eq!(phase == Phase::Dead, resident >= life.useful_for(), "{life:?}");
    assert!(life.phase_after_soft_purge(resident) >= phase, "{life:?}");

    let facts =
        RequestFacts { method: &Method::GET, authorization: rng.bool(), session: rng.bool() };
    if storing::storable(facts, status, response, &said, &life).is_ok() {
        assert_ne!(life.phase(Duration::ZERO), Phase::Dead);
    }
    let stored = storing::stored_fields(response, &said, now);
    let validators = Validators::of(StatusCode::OK, &stored);
    let _ = conditional::evaluate(&Method::GET, request, validators, now);
    let _ = conditional::if_range_matches(request, validators, now);
    let _ = conditional::not_modified_fields(&stored);
    let _ = validation::confirms(&stored, request, now);
    let _ = validation::freshen(&stored, request, now);
    let _ = validation::ask_whether_modified(&mut request.clone(), &stored, now);
    let _ = RequestDirectives::of(request);
    let _ = hop::connection_names_forbidden(request);
    let target = invalidation::Target { scheme: "http", authority: "w", path_and_query: "/a/b" };
    for path in invalidation::named_beside(target, response) {
        assert!(path.starts_with('/'), "{path}");
    }
    let length = rng.u64(..);
    if let RangeAnswer::Part { first, last } = range::resolve(&Method::GET, request, length) {
        assert!(first <= last && last < length);
    }
}

#[test]
fn nothing_that_a_field_may_hold_panics() {
    let mut rng = fastrand::Rng::with_seed(9110);
    for _ in 0..20_000 {
        let (request, response) = (random_headers(&mut rng), random_headers(&mut rng));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            exercise(&mut rng, &request, &response);
        }));
        assert!(outcome.is_ok(), "request {request:?}\nresponse {response:?}");
    }
}

#[test]
fn requests_that_match_are_those_with_the_same_normal_form() {
    let mut rng = fastrand::Rng::with_seed(9111);
    let vary = HeaderMap::from_iter([(
        http::header::VARY,
        HeaderValue::from_static("accept-encoding, accept-language, cookie, x-any"),
    )]);
    let vary = Vary::of(&vary);
    let (mut matched, mut differed) = (0, 0);
    for _ in 0..20_000 {
        let (one, two) = (random_headers(&mut rng), random_headers(&mut rng));
        let (first, second) = (vary.select(&one).unwrap(), vary.select(&two).unwrap());
        assert!(first.matches(&one), "{one:?}");
        assert_eq!(first.matches(&two), first == second, "{one:?}\n{two:?}");
        *if first == second { &mut matched } else { &mut differed } += 1;
    }
    assert!(matched > 100 && differed > 100, "{matched} matched, {differed} differed");
}
