//! How long a stored response lives (RFC 9111 §4.2, RFC 5861): its age on arrival, its freshness
//! lifetime, and what may be done with it afterwards.
//!
//! A [`Life`] is made once, when the response arrives, and then only compared with the time that the
//! response has been resident: no date is read on a hit, and the wall clock may jump. Soft purges
//! know no date either: [`Life::phase_after_soft_purge`] treats whatever they cover as stale.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::header::{DATE, EXPIRES, HeaderMap, LAST_MODIFIED};

use super::{ResponseDirectives, age, date};

/// The longest lifetime that a heuristic gives.
const MAX_HEURISTIC: Duration = Duration::from_secs(24 * 60 * 60);

/// What a site chooses of RFC 9111's freedom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether a response without a lifetime gets a tenth of the time since its last change, a day
    /// at most (RFC 9111 §4.2.2).
    pub heuristic: bool,
    /// The lifetime of a response that names none and gets none by the heuristic.
    pub default_ttl: Option<Duration>,
    /// How long a response may be served stale where it does not say so itself and nothing forbids
    /// it.
    pub grace: Duration,
    /// Whether the grace wins over `must-revalidate`, `proxy-revalidate` and what `s-maxage` implies.
    pub operator_grace: bool,
    /// How long a response is kept after that, to be confirmed by the origin.
    pub keep: Duration,
    /// The longest lifetime.
    pub max_ttl: Option<Duration>,
    /// The longest lifetime of a 404.
    pub not_found_ttl: Option<Duration>,
    /// The longest lifetime of any other error.
    pub error_ttl: Option<Duration>,
    /// The lifetime of an error that names none, in the place of `default_ttl`.
    pub negative_ttl: Option<Duration>,
    /// Whether an error that [blames the request](super::storing::blames_request) is not stored, also
    /// where it may be.
    pub passes_request_errors: bool,
    /// The millionths that are taken off a lifetime of a minute or more: what came together should not
    /// expire together.
    pub jitter: u32,
}

/// The shortest lifetime that is shortened by chance.
const MIN_JITTERED: Duration = Duration::from_secs(60);

/// When a response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The time at which its head had come: RFC 9111's `response_time`, by the wall clock.
    pub wall: SystemTime,
    /// The time from the request to that: `response_time − request_time`, by the monotonic clock.
    pub delay: Duration,
}

/// How long a response may be used, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Its age when it came: `corrected_initial_age` of RFC 9111 §4.2.3.
    pub initial_age: Duration,
    /// The age at which it stops being fresh (RFC 9111 §4.2.1).
    pub lifetime: Duration,
    /// How long after that it may be served while it is refreshed (RFC 5861 §3).
    pub while_revalidate: Duration,
    /// How long after its lifetime it may be served where the origin fails (RFC 5861 §4).
    pub if_error: Duration,
    /// How long after all that it is kept to be confirmed.
    pub keep: Duration,
    /// It must be confirmed before every use (`no-cache`, RFC 9111 §5.2.2.4).
    pub always_validate: bool,
    /// It may not be served stale (RFC 9111 §4.2.4).
    pub no_stale: bool,
    /// It would not be, but for the operator's grace.
    pub operator_grace: bool,
}

/// What may be done with a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It may be served.
    Fresh,
    /// It may be served while one flight refreshes it.
    Stale,
    /// It may only be confirmed, or served where the origin fails and
    /// [`Life::usable_on_error`] allows it.
    Keep,
    /// It is of no use.
    Dead,
}

impl Policy {
    /// What RFC 9111 says and no more.
    pub const RFC: Self = Self {
        heuristic: false,
        default_ttl: None,
        grace: Duration::ZERO,
        operator_grace: false,
        keep: Duration::ZERO,
        max_ttl: None,
        not_found_ttl: None,
        error_ttl: None,
        negative_ttl: None,
        passes_request_errors: false,
        jitter: 0,
    };

    /// `lifetime` within the site's limits.
    fn limited(&self, status: StatusCode, lifetime: Duration) -> Duration {
        let most = |most: Option<Duration>| most.unwrap_or(Duration::MAX);
        let of_status = match status {
            StatusCode::NOT_FOUND => self.not_found_ttl,
            status if is_error(status) => self.error_ttl,
            _ => None,
        };
        let lifetime = lifetime.min(most(self.max_ttl)).min(most(of_status));
        if lifetime < MIN_JITTERED {
            return lifetime;
        }
        lifetime - lifetime.mul_f64(f64::from(self.jitter) / 1e6)
    }
}

impl Life {
    /// The life of a response with `status` and `headers`, whose Cache-Control is `said`.
    pub fn of(
        status: StatusCode,
        headers: &HeaderMap,
        said: &ResponseDirectives,
        received: Received,
        policy: &Policy,
    ) -> Self {
        // Without a date that can be read the time of arrival is the date (RFC 9110 §6.6.1).
        let date = date::field(headers, &DATE, received.wall).unwrap_or(received.wall);
        let lifetime = explicit_lifetime(headers, said, date, received.wall)
            .or_else(|| implicit_lifetime(status, headers, said, date, received.wall, policy))
            .unwrap_or_default();
        let lifetime = policy.limited(status, lifetime);
        let forbidden = said.forbids_stale();
        let operator_grace = forbidden && policy.operator_grace && !said.no_cache;
        Self {
            initial_age: initial_age(headers, date, received),
            lifetime,
            while_revalidate: said.stale_while_revalidate.unwrap_or(policy.grace),
            if_error: said.stale_if_error.unwrap_or(policy.grace),
            keep: policy.keep,
            always_validate: said.no_cache,
            no_stale: forbidden && !operator_grace,
            operator_grace,
        }
    }

    /// What may be done with the response when it has been stored for `resident`.
    pub fn phase(&self, resident: Duration) -> Phase {
        if self.is_fresh(resident) {
            Phase::Fresh
        } else if self.within(self.stale_allowance(), resident) {
            Phase::Stale
        } else {
            self.phase_unserved(resident)
        }
    }

    /// The same for a response that a soft purge covers: it is never fresh.
    pub fn phase_after_soft_purge(&self, resident: Duration) -> Phase {
        let stale = self.stale_allowance();
        if !stale.is_zero() && self.within(stale, resident) {
            Phase::Stale
        } else {
            self.phase_unserved(resident)
        }
    }

    /// Its age in whole seconds, for the Age field (RFC 9111 §5.1): at most 2^31.
    pub fn age(&self, resident: Duration) -> u64 {
        self.current_age(resident).min(age::MAX_DELTA).as_secs()
    }

    /// Whether it may be served where the origin fails (RFC 5861 §4, RFC 9111 §4.2.4).
    pub fn usable_on_error(&self, resident: Duration) -> bool {
        self.is_fresh(resident) || self.within(self.error_allowance(), resident)
    }

    /// Whole seconds for which it will be fresh, for Cache-Status (RFC 9211 §2.4); negative once it
    /// is stale.
    pub fn ttl_left(&self, resident: Duration) -> i64 {
        let age = self.current_age(resident);
        match self.lifetime.checked_sub(age) {
            Some(left) => i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            None => {
                let over = age - self.lifetime;
                let seconds = over.as_secs().saturating_add(u64::from(over.subsec_nanos() > 0));
                i64::try_from(seconds).map_or(i64::MIN, |seconds| -seconds)
            }
        }
    }

    /// How long after its arrival it is of some use; zero where it never is.
    pub fn useful_for(&self) -> Duration {
        // Keeping is ours to choose, so it counts from arrival where that is later than the end of
        // freshness; the other times are the origin's and count by age.
        let served = self.resident_until(self.stale_allowance());
        let kept = served.saturating_add(self.keep);
        kept.max(self.resident_until(self.error_allowance()))
    }

    /// `current_age` of RFC 9111 §4.2.3.
    pub(super) fn current_age(&self, resident: Duration) -> Duration {
        self.initial_age.saturating_add(resident)
    }

    /// `response_is_fresh` of RFC 9111 §4.2.
    fn is_fresh(&self, resident: Duration) -> bool {
        !self.always_validate && self.current_age(resident) < self.lifetime
    }

    fn within(&self, allowance: Duration, resident: Duration) -> bool {
        !self.always_validate
            && !self.no_stale
            && self.current_age(resident) < self.lifetime.saturating_add(allowance)
    }

    fn stale_allowance(&self) -> Duration {
        if self.no_stale { Duration::ZERO } else { self.while_revalidate }
    }

    fn error_allowance(&self) -> Duration {
        if self.no_stale { Duration::ZERO } else { self.if_error.max(self.while_revalidate) }
    }

    /// The residence at which the age reaches the end of the lifetime and of `allowance`.
    fn resident_until(&self, allowance: Duration) -> Duration {
        self.lifetime.saturating_add(allowance).saturating_sub(self.initial_age)
    }

    fn phase_unserved(&self, resident: Duration) -> Phase {
        if resident < self.useful_for() { Phase::Keep } else { Phase::Dead }
    }
}

/// Whether stale-if-error is about an answer with this status (RFC 5861 §4).
pub fn is_origin_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// Whether a response with this status may get a heuristic lifetime (RFC 9110 §15.1).
pub fn heuristically_cacheable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// `corrected_initial_age` (RFC 9111 §4.2.3).
fn initial_age(headers: &HeaderMap, date: SystemTime, received: Received) -> Duration {
    // Date counts whole seconds, so a part of one says nothing about the response's age.
    let apparent = received.wall.duration_since(date).unwrap_or_default().as_secs();
    let corrected = age::field(headers).saturating_add(received.delay);
    Duration::from_secs(apparent).min(age::MAX_DELTA).max(corrected)
}

/// The lifetime that the response names: s-maxage before max-age before Expires (RFC 9111 §4.2.1).
/// Expires counts from Date, and one that is no date or stands there twice is in the past (§5.3).
fn explicit_lifetime(
    headers: &HeaderMap,
    said: &ResponseDirectives,
    date: SystemTime,
    now: SystemTime,
) -> Option<Duration> {
    said.s_maxage.or(said.max_age).or_else(|| {
        (!said.targeted && headers.contains_key(EXPIRES)).then(|| {
            date::field(headers, &EXPIRES, now)
                .and_then(|expires| expires.duration_since(date).ok())
                .unwrap_or_default()
                .min(age::MAX_DELTA)
        })
    })
}

/// The lifetime of a response that names none (RFC 9111 §4.2.2): only for statuses that are
/// cacheable by themselves, or with `public` (§5.2.2.9).
fn implicit_lifetime(
    status: StatusCode,
    headers: &HeaderMap,
    said: &ResponseDirectives,
    date: SystemTime,
    now: SystemTime,
    policy: &Policy,
) -> Option<Duration> {
    if !said.public && !heuristically_cacheable(status) {
        return None;
    }
    let heuristic = policy.heuristic.then(|| {
        let changed = date::field(headers, &LAST_MODIFIED, now)?;
        Some((date.duration_since(changed).ok()? / 10).min(MAX_HEURISTIC))
    });
    let negative = policy.negative_ttl.filter(|_| is_error(status));
    heuristic.flatten().or(negative).or(policy.default_ttl)
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

#[cfg(test)]
#[path = "freshness_tests.rs"]
mod tests;
