//! Cache-Control of responses and requests (RFC 9111 §5.2).

use std::time::Duration;

use http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::{lines, now};
use crate::semantics::{
    Life, Phase, Policy, Received, RequestDirectives, RequestFacts, ResponseDirectives,
    cache_control, storing, targeted,
};

/// `data` as lines of Cache-Control. Case means nothing, saying it twice means nothing, and what
/// forbids is heard wherever it stands: no broken member hides it.
pub fn directives(data: &[u8]) {
    let headers = lines(&CACHE_CONTROL, data);
    let said = ResponseDirectives::of(&headers);
    let asked = RequestDirectives::of(&headers);

    let shouted = changed(&headers, |line| line.to_ascii_uppercase());
    assert_eq!(ResponseDirectives::of(&shouted), said, "case counts");
    assert_eq!(RequestDirectives::of(&shouted), asked, "case counts");
    let mut twice = headers.clone();
    for line in headers.get_all(CACHE_CONTROL) {
        twice.append(CACHE_CONTROL, line.clone());
    }
    assert_eq!(RequestDirectives::of(&twice), asked, "saying it twice counts");
    let mut again = ResponseDirectives::of(&twice);
    // The names are a set; how long a list of them may be is another promise.
    let unqualified = (again.no_cache, again.private);
    assert!(unqualified.0 >= said.no_cache && unqualified.1 >= said.private);
    (again.no_cache, again.private) = (said.no_cache, said.private);
    again.no_cache_fields.clone_from(&said.no_cache_fields);
    again.private_fields.clone_from(&said.private_fields);
    assert_eq!(again, said, "saying it twice counts");

    check_added(&headers, &said);
    check_life(&headers, &said);
    check_told(&headers, &said);
    check_targeted(data, &said);
}

/// A targeted field says the same as Cache-Control or nothing, but for what is written otherwise as a
/// structured field: the last of several counts there, and arguments are strings.
fn check_targeted(data: &[u8], said: &ResponseDirectives) {
    const TARGET: HeaderName = HeaderName::from_static("cdn-cache-control");
    let mut headers = lines(&TARGET, data);
    let heard = targeted::directives(&headers, &[TARGET]);
    assert!(heard.targeted || heard == ResponseDirectives::default());
    // Parameters, which mean nothing, are no part of Cache-Control.
    let plain = !data.contains(&b';');
    assert!(said.no_store || !heard.no_store || !plain, "it forbids what was not said");
    assert!(
        said.names_lifetime() || !heard.names_lifetime() || !plain,
        "it names a lifetime that was not said"
    );
    // One more member that is none, and nothing of it is believed.
    headers.append(TARGET, HeaderValue::from_static("&"));
    assert!(!targeted::directives(&headers, &[TARGET]).targeted);
}

/// What clients are told in place of it lets them do no more, and names nothing of shared caches.
fn check_told(headers: &HeaderMap, said: &ResponseDirectives) {
    let instead = HeaderValue::from_static("private, max-age=0");
    let told = cache_control::for_clients(headers, &instead);
    assert_eq!(told.is_some(), said.s_maxage.is_some(), "{headers:?}");
    let Some(told) = told else { return };
    let mut clients = HeaderMap::new();
    clients.insert(CACHE_CONTROL, told);
    let heard = ResponseDirectives::of(&clients);
    assert!(heard.private && !heard.public && heard.s_maxage.is_none(), "{clients:?}");
    assert_eq!(heard.max_age, Some(Duration::ZERO));
    assert!(heard.no_store == said.no_store && heard.no_cache == said.no_cache, "{clients:?}");
    assert_eq!((heard.no_transform, heard.immutable), (said.no_transform, said.immutable));
    cache_control::lengthen(&mut clients, 60);
    let heard = ResponseDirectives::of(&clients);
    assert_eq!(heard.max_age, Some(Duration::from_secs(60)));
    assert_eq!(heard.no_store, said.no_store);
}

/// The same lines, each made another by `change`.
fn changed(headers: &HeaderMap, change: impl Fn(&[u8]) -> Vec<u8>) -> HeaderMap {
    let lines = headers.get_all(CACHE_CONTROL).iter();
    let changed = lines.filter_map(|line| HeaderValue::from_bytes(&change(line.as_bytes())).ok());
    changed.map(|line| (CACHE_CONTROL, line)).collect()
}

/// One more directive at any end of any line is heard, and takes back nothing that forbids.
fn check_added(headers: &HeaderMap, said: &ResponseDirectives) {
    for directive in ["no-store", "no-cache", "private", "must-revalidate"] {
        for behind in [true, false] {
            let more = changed(headers, |line| match behind {
                true => [line, b", ", directive.as_bytes()].concat(),
                false => [directive.as_bytes(), b" ,", line].concat(),
            });
            let heard = ResponseDirectives::of(&more);
            let is_heard = match directive {
                "no-store" => heard.no_store,
                "no-cache" => heard.no_cache,
                "private" => heard.private,
                _ => heard.must_revalidate,
            };
            assert!(is_heard || headers.is_empty(), "{directive} is not heard in {more:?}");
            assert!(heard.no_store >= said.no_store && heard.no_cache >= said.no_cache);
            assert!(heard.private >= said.private && heard.forbids_stale() >= said.forbids_stale());
            assert_eq!((heard.max_age, heard.s_maxage), (said.max_age, said.s_maxage));
        }
    }
}

/// What is said decides alike however it is asked: nothing that is forbidden is stored, and what must
/// be confirmed is never fresh.
fn check_life(headers: &HeaderMap, said: &ResponseDirectives) {
    let received = Received { wall: now(), delay: Duration::ZERO };
    let policy = Policy { grace: Duration::from_secs(60), ..Policy::default() };
    let life = Life::of(StatusCode::OK, headers, said, received, &policy);
    for authorization in [false, true] {
        let facts = RequestFacts { method: &Method::GET, authorization, session: false };
        let stored = storing::storable(facts, StatusCode::OK, headers, said, &life).is_ok();
        assert!(!stored || !said.private && (!said.no_store || said.must_understand));
        let shared = said.public || said.must_revalidate || said.s_maxage.is_some();
        assert!(!stored || !authorization || shared, "one user's answer is shared");
    }
    let fresh = life.phase(Duration::ZERO);
    assert!(fresh != Phase::Fresh || !said.no_cache, "it must be confirmed");
    assert!(fresh != Phase::Stale || !said.forbids_stale(), "it may not be served stale");
    assert!(life.lifetime <= crate::semantics::age::MAX_DELTA);
}
