//! The head of a response: how long it lives, what is stored of it, and what a 304 makes of it.

use std::time::Duration;

use http::header::{AGE, CONNECTION, DATE, SET_COOKIE, TRANSFER_ENCODING};
use http::{HeaderMap, Method, StatusCode};

use super::{fields, first_block, first_line, now, numbers};
use crate::base::Reason;
use crate::semantics::{
    CacheStatus, Handling, Life, Phase, Policy, Received, RequestFacts, ResponseDirectives,
    Validators, conditional, storing, validation, validator,
};

/// `data` as a line of numbers (status, delay, grace, keep, default lifetime, and whether to guess),
/// the fields of a response, and after an empty line those of a 304. Time only ages what is stored,
/// a 304 says the same however often it comes, and what is stored can be confirmed by itself.
pub fn response(data: &[u8]) {
    let (line, rest) = first_line(data);
    let mut number = numbers(line);
    let status = u16::try_from(number()).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::OK);
    let mut seconds = || Duration::from_secs(number() & 0xffff_ffff);
    let received = Received { wall: now(), delay: seconds() };
    let (grace, keep, ttl, heuristic) = (seconds(), seconds(), seconds(), !seconds().is_zero());
    let default_ttl = Some(ttl).filter(|ttl| !ttl.is_zero());
    let policy = Policy { heuristic, default_ttl, grace, keep, ..Policy::RFC };
    let (head, not_modified) = first_block(rest);
    let (headers, not_modified) = (fields(head), fields(not_modified));

    let said = ResponseDirectives::of(&headers);
    let life = Life::of(status, &headers, &said, received, &policy);
    check_life(&life);
    let facts = RequestFacts { method: &Method::GET, authorization: false, session: false };
    let storable = storing::storable(facts, status, &headers, &said, &life);
    if storable.is_ok() {
        assert_ne!(life.phase(Duration::ZERO), Phase::Dead, "what is stored is of no use");
        assert!(!headers.contains_key(SET_COOKIE), "one reader's cookie is stored");
    }
    let stored = storing::stored_fields(&headers, &said, received.wall);
    check_stored(&stored, status);
    let fresh = validation::freshen(&stored, &not_modified, received.wall);
    let again = validation::freshen(&fresh, &not_modified, received.wall);
    assert!(same(&again, &fresh), "a 304 says something else the second time");
    assert_eq!(fresh.get_all(SET_COOKIE).iter().count(), stored.get_all(SET_COOKIE).iter().count());
    let _ = validation::confirms(&stored, &not_modified, received.wall);

    let ttl = life.ttl_left(received.delay);
    let node = std::str::from_utf8(line).unwrap_or("cp1");
    let member = CacheStatus {
        node,
        handling: Handling::Hit,
        ttl: Some(ttl),
        key: None,
        detail: Reason::Fresh,
    };
    assert!(member.to_value().to_str().is_ok(), "Cache-Status is visible ASCII");
}

/// Time passes in one direction.
fn check_life(life: &Life) {
    let useful = life.useful_for();
    let mut moments =
        [0, 1, 59, 60, 3600, 86_400, 1 << 31, 1 << 40].map(Duration::from_secs).to_vec();
    let second = Duration::from_secs(1);
    let ends = [life.lifetime, life.lifetime.saturating_sub(life.initial_age), useful];
    for end in ends {
        moments.extend([end.saturating_sub(second), end, end.saturating_add(second)]);
    }
    moments.sort_unstable();
    let mut before: Option<(Phase, Phase, u64, i64, bool)> = None;
    for resident in moments {
        let (phase, soft) = (life.phase(resident), life.phase_after_soft_purge(resident));
        let (age, ttl) = (life.age(resident), life.ttl_left(resident));
        let on_error = life.usable_on_error(resident);
        assert!(phase != Phase::Fresh || ttl >= 0, "{life:?} {resident:?}");
        assert_eq!(phase == Phase::Dead, resident >= useful, "{life:?} {resident:?}");
        assert!(soft >= phase && soft != Phase::Fresh, "{life:?} {resident:?}");
        if let Some((was, soft_was, age_was, ttl_was, on_error_was)) = before {
            assert!(phase >= was && soft >= soft_was, "{life:?} grows younger at {resident:?}");
            assert!(age >= age_was && ttl <= ttl_was, "{life:?} grows younger at {resident:?}");
            assert!(on_error <= on_error_was, "{life:?} serves again at {resident:?}");
        }
        before = Some((phase, soft, age, ttl, on_error));
    }
}

/// What is stored has a date and nothing of a connection, stays as it is when it is stored again, and
/// answers the question whether it has changed with no.
fn check_stored(stored: &HeaderMap, status: StatusCode) {
    for name in [CONNECTION, TRANSFER_ENCODING, AGE] {
        assert!(!stored.contains_key(&name), "{name} is stored");
    }
    assert!(stored.contains_key(DATE), "what is stored has no date");
    let said = ResponseDirectives::of(stored);
    let again = storing::stored_fields(stored, &said, now());
    assert!(same(&again, stored), "what is stored would be stored otherwise");

    let mut question = HeaderMap::new();
    let asked = validation::ask_whether_modified(&mut question, stored, now());
    assert_eq!(asked, !question.is_empty());
    assert!(asked || !validator::present(stored), "what could be confirmed is not asked about");
    let readable = |etag: &http::HeaderValue| {
        !matches!(validator::EntityTag::of(etag), validator::EntityTag::Unquoted(_))
    };
    // An origin that forgets the quotation marks may be asked something that is read as a list.
    let usual = stored.get("etag").is_none_or(readable);
    if asked && status.is_success() && usual && one_date(stored) {
        let validators = Validators::of(status, stored);
        let verdict = conditional::evaluate(&Method::GET, &question, validators, now());
        assert_eq!(verdict, conditional::Verdict::NotModified, "{question:?} of {stored:?}");
    }
    let fields = conditional::not_modified_fields(stored);
    assert!(validation::confirms(stored, &fields, now()), "our own 304 confirms nothing");
}

/// Whether Last-Modified stands once at most: of several no two readers take the same.
fn one_date(headers: &HeaderMap) -> bool {
    headers.get_all("last-modified").iter().count() < 2
}

/// Whether two heads have the same fields, lines in their order; that of names means nothing.
fn same(one: &HeaderMap, two: &HeaderMap) -> bool {
    one.keys_len() == two.keys_len()
        && one.keys().all(|name| one.get_all(name).iter().eq(two.get_all(name).iter()))
}
