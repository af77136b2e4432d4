//! What a request's own Cache-Control makes of a stored response (RFC 9111 §5.2.1), where its site heeds
//! that.

use std::time::Duration;

use super::{Life, Phase, RequestDirectives};

impl RequestDirectives {
    /// What may be done for this request with a response that has been stored for `resident`, and that is
    /// in `phase` for others: less than that, but for `max-stale`, which allows what nothing forbids.
    pub fn phase(&self, life: &Life, resident: Duration, phase: Phase) -> Phase {
        let age = life.current_age(resident);
        let (left, over) = (life.lifetime.saturating_sub(age), age.saturating_sub(life.lifetime));
        // RFC 9111 §5.2.1.1, §5.2.1.4.
        let too_old = self.no_cache || self.max_age.is_some_and(|most| age > most);
        if too_old {
            return phase.max(Phase::Keep);
        }
        match phase {
            // §5.2.1.3.
            Phase::Fresh if self.min_fresh.is_some_and(|least| left < least) => Phase::Keep,
            // §5.2.1.1: whoever names an age takes nothing stale, unless it says so too.
            Phase::Stale if !self.takes_stale(over) => Phase::Keep,
            // §5.2.1.2, §4.2.4.
            Phase::Keep
                if self.max_stale.is_some_and(|most| over <= most) && life.may_be_stale() =>
            {
                Phase::Stale
            }
            phase => phase,
        }
    }

    /// Whether it may take less than others do.
    pub fn demands(&self) -> bool {
        self.no_cache || self.max_age.is_some() || self.min_fresh.is_some()
    }

    /// Whether the response may be served where the origin fails (RFC 9111 §4.2.4; RFC 5861 §4, which lets a
    /// request allow more than the response does, where that forbids nothing).
    pub fn usable_on_error(&self, life: &Life, resident: Duration) -> bool {
        let over = life.current_age(resident).saturating_sub(life.lifetime);
        let allowed = life.usable_on_error(resident)
            || self.stale_if_error.is_some_and(|most| over <= most) && life.may_be_stale();
        let fresh = life.phase(resident) == Phase::Fresh;
        let served = if fresh { Phase::Fresh } else { Phase::Stale };
        allowed && self.phase(life, resident, served) <= Phase::Stale
    }

    /// Whether a response is taken whose freshness is over since `over`, where that is allowed.
    fn takes_stale(&self, over: Duration) -> bool {
        match self.max_stale {
            Some(most) => over <= most,
            None => !self.demands(),
        }
    }
}

impl Life {
    /// Whether nothing that the response says forbids serving it stale (RFC 9111 §4.2.4).
    const fn may_be_stale(&self) -> bool {
        !self.no_stale && !self.operator_grace && !self.always_validate
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use http::header::CACHE_CONTROL;
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;
    use crate::semantics::{Policy, Received, ResponseDirectives};

    fn said(text: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(text));
        headers
    }

    /// The life of a response that says this and has just come.
    fn life(says: &'static str, policy: &Policy) -> Life {
        let received = Received { wall: SystemTime::UNIX_EPOCH, delay: Duration::ZERO };
        let fields = said(says);
        Life::of(StatusCode::OK, &fields, &ResponseDirectives::of(&fields), received, policy)
    }

    #[test]
    fn a_request_takes_what_it_says_that_it_takes_rfc9111_5_2_1() {
        use Phase::{Dead, Fresh, Keep, Stale};
        let plain = "max-age=100";
        let grace = "max-age=100, stale-while-revalidate=50";
        let strict = "max-age=100, must-revalidate";
        let always = "max-age=100, no-cache";
        // What the response says, its age, what the request says, and what may be done.
        let cases = [
            (plain, 40, "", Fresh),
            (plain, 40, "foo, max-stal=1", Fresh),
            (plain, 40, "no-cache", Keep),
            (plain, 40, "no-store", Fresh),
            (plain, 40, "max-age=0", Keep),
            (plain, 40, "max-age=39", Keep),
            (plain, 40, "max-age=40", Fresh),
            (plain, 40, "max-age=x", Keep),
            (plain, 40, "min-fresh=60", Fresh),
            (plain, 40, "min-fresh=61", Keep),
            (plain, 40, "max-age=39, max-stale", Keep),
            (grace, 120, "", Stale),
            (grace, 120, "max-age=200", Keep),
            (grace, 120, "max-age=200, max-stale", Stale),
            (grace, 120, "min-fresh=0", Keep),
            (grace, 120, "max-stale=20", Stale),
            (grace, 120, "max-stale=19", Keep),
            (grace, 120, "no-cache, max-stale", Keep),
            (plain, 120, "", Keep),
            (plain, 120, "max-stale", Stale),
            (plain, 120, "max-stale=20", Stale),
            (plain, 120, "max-stale=19", Keep),
            (strict, 120, "max-stale", Keep),
            (always, 40, "max-stale", Keep),
            (plain, 200, "max-stale", Dead),
        ];
        let keep = Duration::from_secs(60);
        for operator_grace in [false, true] {
            let policy = Policy { keep, operator_grace, ..Policy::RFC };
            for (response, age, request, expected) in cases {
                let life = life(response, &policy);
                let resident = Duration::from_secs(age);
                let asked = RequestDirectives::of(&said(request));
                let phase = asked.phase(&life, resident, life.phase(resident));
                assert_eq!(phase, expected, "{response}; {age} s; {request}; {operator_grace}");
            }
        }
    }

    #[test]
    fn when_the_origin_fails_a_request_takes_no_more_than_it_says_rfc9111_4_2_4_rfc5861_4() {
        let plain = "max-age=100";
        let error = "max-age=100, stale-if-error=50";
        let strict = "max-age=100, must-revalidate";
        // What the response says, its age, what the request says, and whether it may be served.
        let cases = [
            (plain, 40, "foo", true),
            (plain, 40, "no-cache", false),
            (plain, 40, "max-age=39", false),
            (plain, 40, "max-age=40", true),
            (plain, 40, "min-fresh=60", true),
            (plain, 40, "min-fresh=61", false),
            (plain, 120, "foo", false),
            (error, 120, "foo", true),
            (error, 120, "no-cache", false),
            (error, 120, "max-age=200", false),
            (error, 120, "max-stale=20", true),
            (error, 120, "max-stale=19", false),
            (error, 160, "foo", false),
            (plain, 120, "stale-if-error=20", true),
            (plain, 120, "stale-if-error=19", false),
            (plain, 120, "stale-if-error=20, no-cache", false),
            (strict, 120, "stale-if-error=20", false),
        ];
        for (response, age, request, expected) in cases {
            let life = life(response, &Policy::RFC);
            let asked = RequestDirectives::of(&said(request));
            let usable = asked.usable_on_error(&life, Duration::from_secs(age));
            assert_eq!(usable, expected, "{response}; {age} s; {request}");
        }
    }
}
