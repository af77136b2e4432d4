//! Preconditions of requests against a stored response (RFC 9110 §13, RFC 9111 §4.3.2), and what
//! a 304 of ours carries.

use std::time::SystemTime;

use http::Method;
use http::header::{
    CACHE_CONTROL, CONTENT_LOCATION, DATE, ETAG, EXPIRES, HeaderMap, HeaderName, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, VARY,
};

use super::validator::{self, EntityTag};
use super::{Validators, date};

/// What a request's preconditions make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is answered as if it had none.
    Proceed,
    /// It is answered with 304.
    NotModified,
    /// What is stored is not what the client made its request for. RFC 9111 §4.3.2 leaves If-Match
    /// and If-Unmodified-Since to the origin, which may have something newer.
    PreconditionFailed,
}

/// Evaluates a request's preconditions against a stored response in the order of RFC 9110 §13.2.2.
/// `now` places two-digit years.
pub fn evaluate(
    method: &Method,
    request: &HeaderMap,
    stored: Validators<'_>,
    now: SystemTime,
) -> Verdict {
    // RFC 9110 §13.2.1: only where the answer would otherwise be a success.
    if !stored.status.is_success() {
        return Verdict::Proceed;
    }
    if request.contains_key(IF_MATCH) {
        if !matches_any(request, &IF_MATCH, stored, |held, sent| held.strongly_equals(sent)) {
            return Verdict::PreconditionFailed;
        }
    } else if modified_after(request, &IF_UNMODIFIED_SINCE, stored.modified(now), now) == Some(true)
    {
        return Verdict::PreconditionFailed;
    }
    let reads = method == Method::GET || method == Method::HEAD;
    if request.contains_key(IF_NONE_MATCH) {
        // Decides alone, whatever If-Modified-Since says (RFC 9110 §13.1.3).
        return match matches_any(request, &IF_NONE_MATCH, stored, |held, sent| {
            held.weakly_equals(sent)
        }) {
            true if reads => Verdict::NotModified,
            true => Verdict::PreconditionFailed,
            false => Verdict::Proceed,
        };
    }
    // RFC 9111 §4.3.2: without a Last-Modified the Date counts.
    let made = || stored.date.and_then(|value| date::parse(value, now));
    let changed = stored.modified(now).or_else(made);
    match modified_after(request, &IF_MODIFIED_SINCE, changed, now) {
        Some(false) if reads => Verdict::NotModified,
        _ => Verdict::Proceed,
    }
}

/// Whether the Range of a request counts: it has no If-Range, or that names what is stored by a
/// strong validator (RFC 9110 §13.1.5).
pub fn if_range_matches(request: &HeaderMap, stored: Validators<'_>, now: SystemTime) -> bool {
    let mut lines = request.get_all(IF_RANGE).iter();
    let Some(value) = lines.next() else { return true };
    if lines.next().is_some() {
        return false;
    }
    if let Some(asked) = date::parse(value, now) {
        return stored.strongly_modified(now) == Some(asked);
    }
    stored.etag.is_some_and(|etag| EntityTag::of(etag).strongly_equals(EntityTag::of(value)))
}

/// The fields of a stored response that a 304 carries (RFC 9110 §15.4.5); Last-Modified only where
/// there is no entity tag.
pub fn not_modified_fields(stored: &HeaderMap) -> HeaderMap {
    let mut fields = HeaderMap::new();
    let modified = if stored.contains_key(ETAG) { None } else { Some(LAST_MODIFIED) };
    let names = [CACHE_CONTROL, CONTENT_LOCATION, DATE, ETAG, EXPIRES, VARY];
    for name in names.into_iter().chain(modified) {
        for value in stored.get_all(&name) {
            fields.append(&name, value.clone());
        }
    }
    fields
}

/// Whether the list in field `name` has the stored entity tag by `equals`; `*` alone matches
/// whatever is stored.
fn matches_any(
    request: &HeaderMap,
    name: &HeaderName,
    stored: Validators<'_>,
    equals: impl Fn(EntityTag<'_>, EntityTag<'_>) -> bool,
) -> bool {
    let mut tags = validator::tags(request, name).peekable();
    if let Some(EntityTag::Unquoted(b"*")) = tags.peek() {
        tags.next();
        return tags.next().is_none();
    }
    let held = stored.etag.map(EntityTag::of);
    held.is_some_and(|held| tags.any(|tag| equals(held, tag)))
}

/// Whether `changed` lies after the date in field `name`; `None` where either is unknown, repeated
/// or no date (RFC 9110 §13.1.3, §13.1.4).
fn modified_after(
    request: &HeaderMap,
    name: &HeaderName,
    changed: Option<SystemTime>,
    now: SystemTime,
) -> Option<bool> {
    Some(changed? > date::field(request, name, now)?)
}

#[cfg(test)]
#[path = "conditional_tests.rs"]
mod tests;
