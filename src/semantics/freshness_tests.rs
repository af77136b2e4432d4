//! Ages, lifetimes and phases, case by case, with the paragraph that decides them.

use super::*;
use http::header::{AGE, CACHE_CONTROL, HeaderName, HeaderValue};
use std::time::UNIX_EPOCH;

/// When every response here comes.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_219_200)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A date so many seconds from now.
fn date_at(seconds: i64) -> HeaderValue {
    let distance = secs(seconds.unsigned_abs());
    date::format(if seconds < 0 { now() - distance } else { now() + distance })
}

#[derive(Default)]
struct Response {
    headers: HeaderMap,
    status: StatusCode,
    delay: Duration,
    policy: Policy,
}

impl Response {
    fn new(cache_control: &'static str) -> Self {
        Self::default().with(CACHE_CONTROL, HeaderValue::from_static(cache_control))
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    fn at(self, name: HeaderName, seconds: i64) -> Self {
        self.with(name, date_at(seconds))
    }

    fn status(self, status: u16) -> Self {
        Self { status: StatusCode::from_u16(status).unwrap(), ..self }
    }

    fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    fn life(&self) -> Life {
        let said = ResponseDirectives::of(&self.headers);
        let received = Received { wall: now(), delay: self.delay };
        Life::of(self.status, &self.headers, &said, received, &self.policy)
    }
}

const HEURISTIC: Policy = Policy { heuristic: true, ..Policy::RFC };

#[test]
fn the_lifetime_is_the_first_that_is_named_rfc9111_4_2_1() {
    let cases = [
        ("max-age", Response::new("max-age=3600"), 3600),
        ("s-maxage, longer", Response::new("max-age=1, s-maxage=3600"), 3600),
        ("s-maxage, shorter", Response::new("s-maxage=1, max-age=3600"), 1),
        ("max-age before Expires", Response::new("max-age=60").at(EXPIRES, 9000), 60),
        ("max-age=0 before Expires", Response::new("max-age=0").at(EXPIRES, 9000), 0),
        ("max-age before a past Expires", Response::new("max-age=60").at(EXPIRES, -9000), 60),
        ("Expires", Response::default().at(EXPIRES, 9000).at(DATE, 0), 9000),
        ("Expires without Date", Response::default().at(EXPIRES, 9000), 9000),
        ("Expires at Date", Response::default().at(EXPIRES, 0).at(DATE, 0), 0),
        ("Expires before Date", Response::default().at(EXPIRES, 300).at(DATE, 400), 0),
        ("Date behind our clock", Response::default().at(EXPIRES, 10).at(DATE, -10), 20),
        ("Date ahead of our clock", Response::default().at(EXPIRES, 20).at(DATE, 10), 10),
        ("nothing", Response::default(), 0),
    ];
    for (case, response, expected) in cases {
        assert_eq!(response.life().lifetime, secs(expected), "{case}");
    }
}

#[test]
fn an_expires_that_is_no_date_is_in_the_past_rfc9111_5_3() {
    for text in ["0", "-1", "", "Thu, 18 Aug 2050 02:01:18 UTC", "soon"] {
        let expires = HeaderValue::from_static(text);
        let response = Response::default().with(EXPIRES, expires).policy(HEURISTIC);
        let response = response.at(LAST_MODIFIED, -100_000);
        assert_eq!(response.life().lifetime, Duration::ZERO, "{text}");
    }
    let twice = Response::default().at(EXPIRES, 9000).at(EXPIRES, 9000);
    assert_eq!(twice.life().lifetime, Duration::ZERO);
    let far = HeaderValue::from_static("Fri, 31 Dec 9999 23:59:59 GMT");
    assert_eq!(Response::default().with(EXPIRES, far).life().lifetime, age::MAX_DELTA);
}

#[test]
fn a_date_that_is_missing_or_none_is_the_time_of_arrival_rfc9110_6_6_1() {
    let broken = HeaderValue::from_static("foo");
    let response = Response::default().at(EXPIRES, 10).with(DATE, broken);
    assert_eq!(response.life().lifetime, secs(10));
    let twice = Response::default().at(EXPIRES, 10).at(DATE, -50).at(DATE, -50);
    assert_eq!((twice.life().lifetime, twice.life().initial_age), (secs(10), secs(0)));
}

#[test]
fn heuristics_are_for_what_names_no_lifetime_rfc9111_4_2_2() {
    let changed = |seconds| Response::default().at(LAST_MODIFIED, seconds).at(DATE, 0);
    assert_eq!(changed(-86_400).life().lifetime, secs(0));
    assert_eq!(changed(-86_400).policy(HEURISTIC).life().lifetime, secs(8640));
    assert_eq!(changed(86_400).policy(HEURISTIC).life().lifetime, secs(0));
    assert_eq!(changed(-86_400_000).policy(HEURISTIC).life().lifetime, MAX_HEURISTIC);
    // From Date, not from our clock.
    let slow = Response::default().at(LAST_MODIFIED, -2000).at(DATE, -1000).policy(HEURISTIC);
    assert_eq!(slow.life().lifetime, secs(100));

    for status in [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501] {
        let life = changed(-1000).policy(HEURISTIC).status(status).life();
        assert_eq!(life.lifetime, secs(100), "{status}");
    }
    for status in [201, 202, 302, 303, 307, 400, 403, 500, 502, 503, 504, 599] {
        let life = changed(-1000).policy(HEURISTIC).status(status).life();
        assert_eq!(life.lifetime, secs(0), "{status}");
        let public = Response::new("public").at(LAST_MODIFIED, -1000).policy(HEURISTIC);
        assert_eq!(public.status(status).life().lifetime, secs(100), "public {status}");
    }
}

#[test]
fn the_default_is_for_what_gets_no_other_lifetime() {
    let policy = Policy { default_ttl: Some(secs(77)), ..HEURISTIC };
    let life = |response: Response| response.policy(policy).life().lifetime;
    assert_eq!(life(Response::default()), secs(77));
    assert_eq!(life(Response::default().status(500)), secs(0));
    assert_eq!(life(Response::default().at(LAST_MODIFIED, -1000)), secs(100));
    assert_eq!(life(Response::new("max-age=1")), secs(1));
    assert_eq!(life(Response::default().with(EXPIRES, HeaderValue::from_static("0"))), secs(0));
}

#[test]
fn the_initial_age_is_the_larger_of_two_rfc9111_4_2_3() {
    let age = |text| HeaderValue::from_static(text);
    let response = || Response::new("max-age=3600");
    let cases = [
        ("no Age", response().at(DATE, 0), 0),
        ("Age", response().at(DATE, 0).with(AGE, age("30")), 30),
        ("Age that is none", response().with(AGE, age("7200.0")), 0),
        ("Date behind our clock", response().at(DATE, -50).with(AGE, age("30")), 50),
        ("Date ahead of our clock", response().at(DATE, 50).with(AGE, age("30")), 30),
        ("delay", Response { delay: secs(7), ..response().with(AGE, age("30")) }, 37),
        ("delay within apparent age", Response { delay: secs(7), ..response().at(DATE, -9) }, 9),
        ("huge Age", response().with(AGE, age("99999999999999")), 1 << 31),
    ];
    for (case, response, expected) in cases {
        assert_eq!(response.life().initial_age, secs(expected), "{case}");
    }
    // Date's second has parts of which Date knows nothing.
    let said = ResponseDirectives::default();
    let headers = Response::default().at(DATE, 0).headers;
    let received = Received { wall: now() + Duration::from_millis(900), delay: Duration::ZERO };
    let life = Life::of(StatusCode::OK, &headers, &said, received, &Policy::default());
    assert_eq!(life.initial_age, Duration::ZERO);
}

#[test]
fn age_counts_against_every_kind_of_lifetime_rfc9111_4_2() {
    let old = HeaderValue::from_static("25");
    let cases = [
        Response::new("max-age=20"),
        Response::new("s-maxage=20, max-age=100"),
        Response::default().at(EXPIRES, 10).at(DATE, -10),
        Response::default().at(LAST_MODIFIED, -200).at(DATE, 0).policy(HEURISTIC),
        Response::default().policy(Policy { default_ttl: Some(secs(20)), ..Policy::default() }),
    ];
    for (case, response) in cases.into_iter().enumerate() {
        assert_eq!(response.life().phase(Duration::ZERO), Phase::Fresh, "{case}");
        let life = response.with(AGE, old.clone()).life();
        assert_eq!(life.phase(Duration::ZERO), Phase::Dead, "{case}");
        assert_eq!((life.age(secs(3)), life.ttl_left(secs(3))), (28, -8), "{case}");
    }
}

#[test]
fn phases_follow_each_other_and_borders_are_exact_rfc9111_4_2_rfc5861_3() {
    let policy = Policy { keep: secs(1000), ..Policy::default() };
    let response = Response::new("max-age=100, stale-while-revalidate=10");
    let life = response.with(AGE, HeaderValue::from_static("40")).policy(policy).life();
    let just = |seconds| secs(seconds) - Duration::from_nanos(1);
    let cases = [
        (secs(0), Phase::Fresh),
        (just(60), Phase::Fresh),
        (secs(60), Phase::Stale),
        (just(70), Phase::Stale),
        (secs(70), Phase::Keep),
        (just(1070), Phase::Keep),
        (secs(1070), Phase::Dead),
        (Duration::MAX, Phase::Dead),
    ];
    for (resident, expected) in cases {
        assert_eq!(life.phase(resident), expected, "{resident:?}");
    }
    assert_eq!(life.useful_for(), secs(1070));
    assert_eq!((life.age(just(60)), life.ttl_left(just(60))), (99, 0));
    assert_eq!((life.age(secs(60)), life.ttl_left(secs(60))), (100, 0));
    assert_eq!((life.age(secs(61)), life.ttl_left(just(61))), (101, -1));
    assert_eq!((life.age(Duration::MAX), life.ttl_left(secs(90))), (1 << 31, -30));
    assert!(life.ttl_left(Duration::MAX) < 0);
}

#[test]
fn grace_is_for_responses_that_neither_grant_nor_forbid_stale_rfc9111_4_2_4() {
    let policy = Policy { grace: secs(60), ..Policy::default() };
    let phase = |said| Response::new(said).policy(policy).life().phase(secs(105));
    assert_eq!(phase("max-age=100"), Phase::Stale);
    assert_eq!(phase("max-age=100, stale-while-revalidate=3"), Phase::Keep);
    assert_eq!(phase("max-age=100, stale-while-revalidate=0, stale-if-error=0"), Phase::Dead);
    for forbidding in [
        "max-age=100, must-revalidate",
        "max-age=100, proxy-revalidate",
        "s-maxage=100",
        "s-maxage=100, stale-while-revalidate=60, stale-if-error=60",
    ] {
        assert_eq!(phase(forbidding), Phase::Dead, "{forbidding}");
        let life = Response::new(forbidding).policy(policy).life();
        assert_eq!(life.phase(secs(99)), Phase::Fresh, "{forbidding}");
        assert!(!life.usable_on_error(secs(105)), "{forbidding}");
    }
}

#[test]
fn stale_if_error_keeps_and_serves_only_on_error_rfc5861_4() {
    let life = Response::new("max-age=100, stale-if-error=50").life();
    assert_eq!(life.phase(secs(120)), Phase::Keep);
    assert!(life.usable_on_error(secs(0)));
    assert!(life.usable_on_error(secs(149)));
    assert!(!life.usable_on_error(secs(150)));
    assert_eq!(life.phase(secs(150)), Phase::Dead);
    assert!(!Response::new("max-age=100").life().usable_on_error(secs(100)));
}

#[test]
fn no_cache_is_confirmed_before_every_use_rfc9111_5_2_2_4() {
    let policy = Policy { grace: secs(60), keep: secs(10), ..Policy::default() };
    let life = Response::new("max-age=100, no-cache").policy(policy).life();
    for (resident, expected) in [(0, Phase::Keep), (109, Phase::Keep), (110, Phase::Dead)] {
        assert_eq!(life.phase(secs(resident)), expected, "{resident}");
        assert_eq!(life.phase_after_soft_purge(secs(resident)), expected, "{resident}");
    }
    assert!(!life.usable_on_error(secs(0)));
    assert_eq!(Response::new("no-cache").policy(policy).life().phase(secs(9)), Phase::Keep);
}

#[test]
fn what_came_stale_is_kept_from_its_arrival() {
    let policy = Policy { keep: secs(10), ..Policy::default() };
    let old = HeaderValue::from_static("7200");
    let life = Response::new("max-age=3600").with(AGE, old).policy(policy).life();
    assert_eq!(life.phase(secs(9)), Phase::Keep);
    assert_eq!(life.phase(secs(10)), Phase::Dead);
}

#[test]
fn a_soft_purge_makes_stale_within_what_stale_is_allowed() {
    let policy = Policy { grace: secs(60), keep: secs(10), ..Policy::default() };
    let life = Response::new("max-age=100").policy(policy).life();
    let phases = [(0, Phase::Stale), (159, Phase::Stale), (160, Phase::Keep), (170, Phase::Dead)];
    for (resident, expected) in phases {
        assert_eq!(life.phase_after_soft_purge(secs(resident)), expected, "{resident}");
    }
    let life = Response::new("max-age=100, must-revalidate").policy(policy).life();
    assert_eq!(life.phase_after_soft_purge(secs(0)), Phase::Keep);
    let life = Response::new("max-age=100, stale-while-revalidate=0").life();
    assert_eq!(life.phase_after_soft_purge(secs(0)), Phase::Keep);
}

#[test]
fn a_sites_limits_shorten_what_a_response_names() {
    let policy = Policy {
        max_ttl: Some(secs(86_400)),
        not_found_ttl: Some(secs(600)),
        error_ttl: Some(secs(30)),
        negative_ttl: Some(secs(20)),
        default_ttl: Some(secs(1_000_000)),
        ..Policy::RFC
    };
    for (status, cache_control, lifetime) in [
        (200, "s-maxage=18000", 18_000),
        (308, "s-maxage=18000", 18_000),
        (410, "s-maxage=18000", 30),
        (503, "s-maxage=18000", 30),
        (410, "max-age=10", 10),
        (404, "x", 20),
        (501, "x", 20),
        (503, "x", 0),
        (308, "x", 86_400),
        (200, "max-age=1209600", 86_400),
        (404, "s-maxage=18000", 600),
        (404, "max-age=60", 60),
        (200, "public", 86_400),
    ] {
        let response = Response::new(cache_control).policy(policy);
        let life = response.status(status).life();
        assert_eq!(life.lifetime, secs(lifetime), "{status} {cache_control}");
    }
}

#[test]
fn a_lifetime_of_a_minute_or_more_is_shortened_by_chance_and_no_other() {
    let policy = Policy { jitter: 50_000, ..Policy::RFC };
    for (named, lifetime) in
        [("max-age=59", 59_000), ("max-age=60", 57_000), ("s-maxage=18000", 17_100_000)]
    {
        let life = Response::new(named).policy(policy).life();
        assert_eq!(life.lifetime.as_millis(), lifetime, "{named}");
    }
}

#[test]
fn an_operators_grace_wins_over_revalidation_and_never_over_no_cache() {
    let policy = Policy { grace: secs(1200), operator_grace: true, keep: secs(9), ..Policy::RFC };
    let life = |said, policy| Response::new(said).policy(policy).life();
    for said in [
        "s-maxage=60, must-revalidate, max-age=0",
        "max-age=60, must-revalidate",
        "max-age=60, proxy-revalidate",
        "s-maxage=60",
    ] {
        let operators = life(said, policy);
        assert!(operators.operator_grace, "{said}");
        assert_eq!(operators.phase(secs(61)), Phase::Stale, "{said}");
        assert_eq!(operators.phase_after_soft_purge(secs(1)), Phase::Stale, "{said}");
        assert!(operators.usable_on_error(secs(1259)), "{said}");
        assert_eq!(operators.phase(secs(1261)), Phase::Keep, "{said}");
        let rfc = life(said, Policy { operator_grace: false, ..policy });
        assert!(!rfc.operator_grace, "{said}");
        assert_eq!(rfc.phase(secs(61)), Phase::Keep, "{said}");
        assert!(!rfc.usable_on_error(secs(61)), "{said}");
    }
    for said in ["no-cache", "max-age=60, no-cache", "s-maxage=60, no-cache, must-revalidate"] {
        let life = life(said, policy);
        assert!(!life.operator_grace && !life.usable_on_error(secs(61)), "{said}");
        assert_eq!(life.phase(secs(1)), Phase::Keep, "{said}");
    }
    let own = life("max-age=60", policy);
    assert!(!own.operator_grace, "nothing forbids it: no rule is bent");
    assert_eq!(own.phase(secs(61)), Phase::Stale);
}

#[test]
fn stale_if_error_is_about_what_rfc5861_4_lists() {
    let failures =
        (100..=599).filter(|&status| is_origin_failure(StatusCode::from_u16(status).unwrap()));
    assert_eq!(failures.collect::<Vec<_>>(), [500, 502, 503, 504]);
}
