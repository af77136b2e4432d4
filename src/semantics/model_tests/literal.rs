//! A cache with room for one response, as slow and as literal as RFC 9111 reads: every statement is one of
//! its sentences. It is written from the text alone, and shares nothing with the rules that it checks.

use super::said::{Asked, Directive, Moment, Said, Seconds, Time};

/// A stored response.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub said: Said,
    pub asked: Asked,
    pub request_time: Time,
    pub response_time: Time,
}

/// What is to be done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// What is stored answers it, at this age.
    Reuse { age: Time },
    /// The same, while it is validated.
    ReuseStale { age: Time },
    /// What is stored is validated.
    Validate,
    /// It is forwarded.
    Forward,
}

/// 2^31, by which larger numbers are taken (§1.2.2).
const LARGEST: Time = 1 << 31;

impl Seconds {
    /// "If a cache receives a delta-seconds value greater than the greatest integer it can represent …, the
    /// cache MUST consider the value to be 2147483648" (§1.2.2). What is none makes a response stale
    /// (§4.2.1).
    fn value(self) -> Time {
        match self {
            Self::Are(seconds) => seconds.min(LARGEST),
            Self::Nonsense => 0,
        }
    }
}

impl Said {
    /// "When there is more than one value present for a given directive …, either the first occurrence
    /// should be used or the response should be considered stale" (§4.2.1).
    fn first(&self, find: impl Fn(&Directive) -> Option<Time>) -> Option<Time> {
        self.directives.iter().find_map(find)
    }

    fn max_age(&self) -> Option<Time> {
        self.first(|said| if let Directive::MaxAge(is) = said { Some(is.value()) } else { None })
    }

    fn s_maxage(&self) -> Option<Time> {
        self.first(|said| if let Directive::SMaxAge(is) = said { Some(is.value()) } else { None })
    }

    fn while_revalidate(&self) -> Time {
        let find = |said: &Directive| match said {
            Directive::StaleWhileRevalidate(span) => Some(*span),
            _ => None,
        };
        self.first(find).unwrap_or(0)
    }

    fn if_error(&self) -> Time {
        let find = |said: &Directive| {
            if let Directive::StaleIfError(span) = said { Some(*span) } else { None }
        };
        self.first(find).unwrap_or(0)
    }

    /// "A cache MUST NOT store a response to a request unless" (§3), for GET.
    pub(super) fn may_be_stored(&self, asked: &Asked) -> bool {
        // "if the response status code is 206 or 304, or the must-understand cache directive is present …:
        // the cache understands the response status code". A 304 is never stored by itself.
        let understood = self.status != 299;
        let must_understand = self.says(Directive::MustUnderstand);
        let status = self.status != 304 && (!must_understand || understood);
        // "the no-store cache directive is not present in the response", which must-understand lifts where
        // the status is understood (§5.2.2.3).
        let no_store = self.says(Directive::NoStore) && !(must_understand && understood);
        // "if the cache is shared: the private response directive is either not present or allows a shared
        // cache to store a modified response".
        let private = self.says(Directive::Private);
        // "if the cache is shared: the Authorization header field is not present in the request or a
        // response directive is present that explicitly allows shared caching" (§3.5).
        let allows = self.says(Directive::MustRevalidate)
            || self.says(Directive::Public)
            || self.s_maxage().is_some();
        let authorized = !asked.authorization || allows;
        // "the response contains at least one of": public, Expires, max-age, s-maxage, "a status code that
        // is defined as heuristically cacheable".
        let heuristic = [200, 203, 301, 404, 410].contains(&self.status);
        let explicit = self.says(Directive::Public)
            || !self.expires.is_empty()
            || self.max_age().is_some()
            || self.s_maxage().is_some()
            || heuristic;
        status && !no_store && !private && authorized && explicit
    }

    fn has_validator(&self) -> bool {
        self.etag.is_some() || matches!(self.last_modified, Some(Moment::Is(_)))
    }

    /// Whether it names a lifetime, or must be confirmed, and could then ever be used: what does not need
    /// not be stored, and is not here.
    pub(super) fn is_of_use(&self, response_time: Time, request_time: Time) -> bool {
        let (asked, said) = (Asked::default(), self.clone());
        let stored = Stored { said, asked, request_time, response_time };
        let named = self.max_age().is_some()
            || self.s_maxage().is_some()
            || !self.expires.is_empty()
            || self.says(Directive::NoCache);
        if !named {
            return false;
        }
        stored.is_fresh(response_time)
            || stored.may_be_stale_for(response_time, self.while_revalidate())
            || stored.may_serve_on_error(response_time)
            || self.has_validator()
    }
}

impl Stored {
    /// `date_value` (§4.2.3); "a recipient with a clock that receives a response message without a Date
    /// header field MUST record the time it was received" (RFC 9110 §6.6.1).
    fn date(&self) -> Time {
        match self.said.date {
            Some(Moment::Is(date)) => date,
            Some(Moment::Nonsense(_)) | None => self.response_time,
        }
    }

    /// "Calculating Freshness Lifetime" (§4.2.1).
    fn freshness_lifetime(&self) -> Time {
        // "If the cache is shared and the s-maxage response directive is present, use its value, or"
        if let Some(lifetime) = self.said.s_maxage() {
            return lifetime;
        }
        // "If the max-age response directive is present, use its value, or"
        if let Some(lifetime) = self.said.max_age() {
            return lifetime;
        }
        // "If the Expires response header field is present, use its value minus the value of the Date response
        // header field". "A cache recipient MUST interpret invalid date formats … as representing a time in
        // the past" (§5.3).
        match self.said.expires[..] {
            [Moment::Is(expires)] => (expires - self.date()).clamp(0, LARGEST),
            // "Otherwise, no explicit expiration time is present in the response."
            _ => 0,
        }
    }

    /// "Calculating Age" (§4.2.3).
    fn current_age(&self, now: Time) -> Time {
        let apparent_age = (self.response_time - self.date()).max(0);
        let response_delay = self.response_time - self.request_time;
        let age_value = self.said.age.map_or(0, Seconds::value);
        let corrected_age_value = age_value + response_delay;
        let corrected_initial_age = apparent_age.max(corrected_age_value);
        let resident_time = now - self.response_time;
        corrected_initial_age + resident_time
    }

    /// `response_is_fresh` (§4.2), and without the no-cache response directive (§4).
    fn is_fresh(&self, now: Time) -> bool {
        self.freshness_lifetime() > self.current_age(now) && !self.said.says(Directive::NoCache)
    }

    /// "A cache MUST NOT generate a stale response if it is prohibited by an explicit in-protocol directive
    /// (e.g., by a no-cache response directive, a must-revalidate response directive, or an applicable
    /// s-maxage or proxy-revalidate response directive" (§4.2.4), and "unless … explicitly permitted":
    /// within `allowance` (RFC 5861).
    fn may_be_stale_for(&self, now: Time, allowance: Time) -> bool {
        let said = &self.said;
        let forbidden = said.says(Directive::NoCache)
            || said.says(Directive::MustRevalidate)
            || said.says(Directive::ProxyRevalidate)
            || said.s_maxage().is_some();
        !forbidden && self.current_age(now) < self.freshness_lifetime() + allowance
    }

    /// RFC 5861 §4.
    pub(super) fn may_serve_on_error(&self, now: Time) -> bool {
        let allowance = self.said.if_error().max(self.said.while_revalidate());
        self.is_fresh(now) || self.may_be_stale_for(now, allowance)
    }

    /// "Constructing Responses from Caches" (§4).
    pub(super) fn decide(&self, asked: &Asked, now: Time) -> Decision {
        // "request header fields nominated by the stored response (if any) match those presented".
        if self.said.vary && self.asked.a != asked.a {
            return Decision::Forward;
        }
        let age = self.current_age(now).min(LARGEST);
        if self.is_fresh(now) {
            Decision::Reuse { age }
        } else if self.may_be_stale_for(now, self.said.while_revalidate()) {
            Decision::ReuseStale { age }
        } else if self.said.has_validator() {
            Decision::Validate
        } else {
            Decision::Forward
        }
    }

    /// "Freshening Stored Responses upon Validation" (§4.3.4); `None` where the 304 is not about it.
    pub(super) fn freshened(
        &self,
        news: &Said,
        request_time: Time,
        response_time: Time,
    ) -> Option<Self> {
        let dates = (self.said.last_modified, news.last_modified);
        let same_date =
            matches!(dates, (Some(Moment::Is(held)), Some(Moment::Is(sent))) if held == sent);
        let chosen = match (self.said.etag, news.etag) {
            // "If the new response contains one or more strong validators …": an entity tag decides before a
            // date.
            (Some(held), Some(sent @ (_, false))) => held == sent,
            // "If the new response contains no strong validators but does contain one or more weak validators".
            (Some((held, _)), Some((sent, true))) => held == sent,
            // A tag that what is stored has not: the date must speak for it, and beside a strong tag as a
            // strong validator, a second before Date at least (RFC 9110 §8.8.2.2).
            (None, Some((_, false))) => {
                same_date
                    && matches!((news.last_modified, news.date), (Some(Moment::Is(changed)), Some(Moment::Is(date)))
                        if date > changed)
            }
            (None, Some((_, true))) => same_date,
            // "If the new response does not include any form of validator": what was asked is what is meant.
            (_, None) => {
                news.last_modified.is_none()
                    || same_date
                    || self.said.last_modified == news.last_modified
            }
        };
        if !chosen {
            return None;
        }
        // "the cache MUST add each header field in the provided response to the stored response, replacing
        // field values that are already present" (§3.2).
        let mut said = self.said.clone();
        if !news.directives.is_empty() {
            said.directives.clone_from(&news.directives);
        }
        if !news.expires.is_empty() {
            said.expires.clone_from(&news.expires);
        }
        said.last_modified = news.last_modified.or(said.last_modified);
        said.etag = news.etag.or(said.etag);
        // Of when this response was made, and by what age: RFC 9110 §6.6.1, RFC 9111 §5.1.
        (said.date, said.age) = (news.date, news.age);
        Some(Self { said, asked: self.asked.clone(), request_time, response_time })
    }
}
