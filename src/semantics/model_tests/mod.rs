//! Random histories of one page, decided by the rules of this module and by a literal model of RFC 9111 side
//! by side, and by the crate `http-cache-semantics` where that has the rule.
//!
//! Where the rules differ from the model's text by choice, the test says so where it lets them:
//! - what could never be used, or names no lifetime, is not stored (nothing obliges a cache to);
//! - a response with Set-Cookie is not stored (RFC 9111 §7.3 leaves that to us);
//! - a 304 without validators is about what was asked with them.
//!
//! `TIDEGATE_HISTORIES` is how many there are; a failure prints its seed, for `TIDEGATE_HISTORY_SEED`.

mod literal;
mod said;

use std::time::Duration;

use fastrand::Rng;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Method, StatusCode, request, response};
use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};

use self::literal::{Decision, Stored};
use self::said::{Asked, Directive, Moment, Said, Seconds, Time, calendar};
use super::{
    Life, Phase, Policy, Received, RequestFacts, ResponseDirectives, Selecting, Vary, storing,
    validation, validator,
};
use crate::base::Reason;

/// A cache with room for one response, by the rules that are tested.
struct Ours {
    status: StatusCode,
    fields: HeaderMap,
    life: Life,
    selecting: Selecting,
    response_time: Time,
}

/// As the RFC has it, and kept for as long as the history lasts.
const POLICY: Policy = Policy { keep: Duration::from_secs(1 << 40), ..Policy::RFC };

/// Why a response was not stored, where nothing forbade it: see the head of this file.
const CHOSEN: [Reason; 2] = [Reason::NoLifetime, Reason::SetCookie];

impl Ours {
    /// What is stored of a response, or why it is not.
    fn of(
        status: StatusCode,
        came: &HeaderMap,
        asked: &Asked,
        [request_time, response_time]: [Time; 2],
    ) -> Result<Self, Reason> {
        let wall = calendar(response_time);
        let delay = Duration::from_secs((response_time - request_time).unsigned_abs());
        let directives = ResponseDirectives::of(came);
        let life = Life::of(status, came, &directives, Received { wall, delay }, &POLICY);
        let authorization = asked.authorization;
        let facts = RequestFacts { method: &Method::GET, authorization, session: false };
        storing::storable(facts, status, came, &directives, &life)?;
        let fields = storing::stored_fields(came, &directives, wall);
        let selecting = Vary::of(&fields).select(&asked.fields()).ok_or(Reason::VaryStar)?;
        Ok(Self { status, fields, life, selecting, response_time })
    }

    fn resident(&self, now: Time) -> Duration {
        Duration::from_secs((now - self.response_time).unsigned_abs())
    }

    fn decide(&self, asked: &Asked, now: Time) -> Decision {
        if !self.selecting.matches(&asked.fields()) {
            return Decision::Forward;
        }
        let resident = self.resident(now);
        let age = i64::try_from(self.life.age(resident)).expect("an age is at most 2^31");
        match self.life.phase(resident) {
            Phase::Fresh => Decision::Reuse { age },
            Phase::Stale => Decision::ReuseStale { age },
            Phase::Keep if validator::present(&self.fields) => Decision::Validate,
            Phase::Keep | Phase::Dead => Decision::Forward,
        }
    }

    /// What a 304 makes of it; `None` where it is about something else, or lets nothing be stored.
    fn freshened(&self, news: &HeaderMap, asked: &Asked, times: [Time; 2]) -> Option<Self> {
        let wall = calendar(times[1]);
        if !validation::confirms(&self.fields, news, wall) {
            return None;
        }
        let fields = validation::freshen(&self.fields, news, wall);
        Self::of(self.status, &fields, asked, times).ok()
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// The seeds of as many histories as are wanted.
fn seeds() -> impl Iterator<Item = u64> {
    let first = setting("TIDEGATE_HISTORY_SEED", 0);
    let count = if first > 0 { 1 } else { setting("TIDEGATE_HISTORIES", 20_000) };
    let begin = if first > 0 { first } else { fastrand::u64(1..u64::MAX / 2) };
    (0..count).map(move |n| begin + n)
}

#[test]
fn histories_are_decided_as_the_text_of_rfc9111_has_it() {
    let mut seen = [0_u64; 7];
    for seed in seeds() {
        let mut rng = Rng::with_seed(seed);
        let mut now = 0;
        let mut both: Option<(Stored, Ours)> = None;
        for step in 0..8 {
            let asked = Asked::any(&mut rng);
            let (literal, ours) = match &both {
                Some((stored, ours)) => (stored.decide(&asked, now), ours.decide(&asked, now)),
                None => (Decision::Forward, Decision::Forward),
            };
            let about = || {
                let stored = both.as_ref().map(|(stored, _)| stored);
                format!("TIDEGATE_HISTORY_SEED={seed}, step {step} at {now}: {asked:?} {stored:#?}")
            };
            assert_eq!(ours, literal, "{}", about());
            if let Some((stored, ours)) = &both {
                let usable = ours.life.usable_on_error(ours.resident(now));
                assert_eq!(usable, stored.may_serve_on_error(now), "on error: {}", about());
            }
            seen[match literal {
                Decision::Reuse { .. } => 0,
                Decision::ReuseStale { .. } => 1,
                Decision::Validate => 2,
                Decision::Forward => 3,
            }] += 1;
            if !matches!(literal, Decision::Reuse { .. }) {
                let asked_at = now;
                now += [0, 0, 0, 2][rng.usize(..4)];
                answer(&mut rng, &mut both, &asked, [asked_at, now], &mut seen, seed);
            }
            now += [0, 1, 9, 30, 60, 100, 700, 100_000][rng.usize(..8)];
        }
    }
    // A run in which one of these hardly came says nothing of it.
    let least = setting("TIDEGATE_HISTORIES", 20_000) / 1000;
    let whole = setting("TIDEGATE_HISTORY_SEED", 0) == 0;
    assert!(!whole || seen.iter().all(|&count| count > least), "{seen:?}");
}

/// The origin answers what was asked and received at `times`.
fn answer(
    rng: &mut Rng,
    both: &mut Option<(Stored, Ours)>,
    asked: &Asked,
    times: [Time; 2],
    seen: &mut [u64; 7],
    seed: u64,
) {
    let [request_time, response_time] = times;
    if let Some((stored, ours)) = both
        && stored.decide(asked, request_time) == Decision::Validate
        && rng.bool()
    {
        let news = Said::not_modified(rng, response_time, &stored.said);
        let confirmed = stored.freshened(&news, request_time, response_time);
        // What a 304 says counts for what is kept: no-store, private, or that it is of no use.
        let confirmed = confirmed.filter(|stored| {
            stored.said.may_be_stored(asked) && stored.said.is_of_use(response_time, request_time)
        });
        let mine = ours.freshened(&news.fields(rng), asked, times);
        assert_eq!(
            mine.is_some(),
            confirmed.is_some(),
            "TIDEGATE_HISTORY_SEED={seed}: {news:#?} for {stored:#?}"
        );
        seen[4 + usize::from(mine.is_some())] += 1;
        *both = confirmed.zip(mine).or(both.take());
        return;
    }
    let said = Said::any(rng, response_time);
    let status = StatusCode::from_u16(said.status).expect("these are statuses");
    match Ours::of(status, &said.fields(rng), asked, times) {
        Ok(ours) => {
            assert!(said.may_be_stored(asked), "TIDEGATE_HISTORY_SEED={seed}: {said:#?} {asked:?}");
            seen[6] += 1;
            let stored = Stored { said, asked: asked.clone(), request_time, response_time };
            *both = Some((stored, ours));
        }
        Err(reason) => {
            let of_use = said.is_of_use(response_time, request_time);
            let chosen = CHOSEN.contains(&reason) && (said.set_cookie || !of_use);
            assert!(
                chosen || !said.may_be_stored(asked),
                "TIDEGATE_HISTORY_SEED={seed}: not stored for {reason}: {said:#?} {asked:?}"
            );
        }
    }
}

/// What `http-cache-semantics` does otherwise, by its own documentation or its code, and why we do not.
fn is_told_apart(said: &Said) -> bool {
    let says = |directive| said.says(directive);
    let first_and_only =
        |is: fn(&Directive) -> bool| said.directives.iter().filter(|d| is(d)).count() < 2;
    let number = |directive: &Directive| match directive {
        Directive::MaxAge(seconds) | Directive::SMaxAge(seconds) => {
            matches!(seconds, Seconds::Are(0..=600))
        }
        _ => true,
    };
    // It takes qualified directives for unqualified ones, which RFC 9111 §5.2.2.4 and §5.2.2.7 let a cache do
    // and which costs hits.
    says(Directive::NoCacheOfField)
        || says(Directive::PrivateOfField)
        // It knows neither must-understand (§5.2.2.3) nor RFC 5861's delays while a response is validated
        // elsewhere, and takes immutable for a lifetime, which RFC 8246 does not say.
        || says(Directive::MustUnderstand)
        || says(Directive::Immutable)
        || said.directives.iter().any(|d| matches!(d, Directive::StaleWhileRevalidate(_)))
        // For it proxy-revalidate makes a response stale at once; §5.2.2.8 forbids to serve it once stale.
        || says(Directive::ProxyRevalidate)
        // What is said twice it takes for must-revalidate, which lets what Authorization brought be stored
        // too; §4.2.1 has the first, or stale.
        || !first_and_only(|d| matches!(d, Directive::StaleIfError(_)))
        || !first_and_only(|d| matches!(d, Directive::MaxAge(_)))
        || !first_and_only(|d| matches!(d, Directive::SMaxAge(_)))
        || said.expires.len() > 1
        // Of quoted numbers, large ones, and what is no number it makes something else (§1.2.2, §5.2).
        || !said.directives.iter().all(number)
        || matches!(said.age, Some(Seconds::Nonsense | Seconds::Are(601..)))
        // It leaves the apparent age out (§4.2.3), and takes the time of arrival for a Date that is none.
        || !matches!(said.date, None | Some(Moment::Is(_)))
        // It stores the statuses that it lists, and §3 any final one that names a lifetime.
        || [299, 500, 503].contains(&said.status)
        // It stores Set-Cookie beside public.
        || said.set_cookie
        || says(Directive::Unknown)
}

fn lower(line: &HeaderValue) -> HeaderValue {
    let text = line.to_str().expect("what is written here is ASCII").to_lowercase();
    HeaderValue::try_from(text).expect("it was a field's value")
}

#[test]
fn what_another_implementation_decides_is_decided_so() {
    let (mut compared, mut fresh) = (0, 0);
    for seed in seeds() {
        let mut rng = Rng::with_seed(seed);
        let asked = Asked::any(&mut rng);
        let mut said = Said::any(&mut rng, 0);
        // It leaves the apparent age out, so that there is none here.
        said.date = said.date.map(|_| Moment::Is(0));
        if is_told_apart(&said) {
            continue;
        }
        let status = StatusCode::from_u16(said.status).expect("these are statuses");
        let fields = said.fields(&mut rng);
        let parts = |asked: &Asked| -> request::Parts {
            let (mut parts, ()) = http::Request::new(()).into_parts();
            parts.headers = asked.fields();
            parts
        };
        let (mut came, ()) = http::Response::new(()).into_parts();
        (came.status, came.headers) = (status, fields.clone());
        // It knows names in lower case alone; RFC 9111 §5.2 has them in any.
        let lines: Vec<_> = fields.get_all(CACHE_CONTROL).iter().map(lower).collect();
        came.headers.remove(CACHE_CONTROL);
        lines.into_iter().for_each(|line| _ = came.headers.append(CACHE_CONTROL, line));
        let came: response::Parts = came;
        let options = CacheOptions {
            cache_heuristic: 0.0,
            immutable_min_time_to_live: Duration::ZERO,
            ..CacheOptions::default()
        };
        let theirs = CachePolicy::new_options(&parts(&asked), &came, calendar(0), options);
        let ours = Ours::of(status, &fields, &asked, [0, 0]);
        let about = format!("TIDEGATE_HISTORY_SEED={seed}: {status} {fields:?} {asked:?}");
        match &ours {
            Ok(_) => assert!(theirs.is_storable(), "{about}"),
            // It stores what is never of use.
            Err(Reason::NoLifetime) => {}
            Err(reason) => assert!(!theirs.is_storable(), "{about}: {reason}"),
        }
        let Ok(ours) = ours else { continue };
        for now in [0, 1, 9, 10, 59, 60, 599, 600, 10_000] {
            let next = Asked { authorization: false, ..Asked::any(&mut rng) };
            let theirs = theirs.before_request(&parts(&next), calendar(now));
            let theirs = matches!(theirs, BeforeRequest::Fresh(_));
            let mine = matches!(ours.decide(&next, now), Decision::Reuse { .. });
            assert_eq!(mine, theirs, "{about}, {now} s later: {next:?}");
            compared += 1;
            fresh += u64::from(mine);
        }
    }
    let least = setting("TIDEGATE_HISTORIES", 20_000) / 100;
    let whole = setting("TIDEGATE_HISTORY_SEED", 0) == 0;
    assert!(!whole || compared > least && fresh > least / 10, "{compared} {fresh}");
}
