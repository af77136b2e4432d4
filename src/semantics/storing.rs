//! What may be stored, and what of it (RFC 9111 §3).

use std::time::{Duration, SystemTime};

use http::header::{COOKIE, DATE, EXPIRES, HeaderMap, HeaderName, SET_COOKIE};
use http::{Method, StatusCode};

use super::{Life, Phase, ResponseDirectives, Vary, date, freshness, hop, validator};
use crate::base::Reason;

/// What the question of storing asks of the request.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// Its method; only what GET brought is stored.
    pub method: &'a Method,
    /// Whether it carried Authorization.
    pub authorization: bool,
    /// Whether it has a session, by the site's cookies.
    pub session: bool,
}

/// Whether a response may be stored and is of use then; else the first reason why not. `headers` are
/// those that came, `said` their Cache-Control and `life` the life that they give.
///
/// # Errors
/// The reason that forbids it.
pub fn storable(
    request: RequestFacts<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    said: &ResponseDirectives,
    life: &Life,
) -> Result<(), Reason> {
    if request.method != Method::GET {
        return Err(Reason::Method);
    }
    // RFC 9111 §3: a final status; 206 only where ranges are combined, which this cache does not; 304
    // is never a response of its own; with must-understand a status that is understood.
    if status == StatusCode::PARTIAL_CONTENT {
        return Err(Reason::Partial);
    }
    if !matches!(status.as_u16(), 200..=303 | 305..=599) {
        return Err(Reason::Status);
    }
    if said.must_understand && !understood(status) {
        return Err(Reason::Status);
    }
    // RFC 9111 §5.2.2.3: must-understand lifts no-store where the status is understood.
    if said.no_store && !said.must_understand {
        return Err(Reason::NoStore);
    }
    // RFC 9111 §5.2.2.7. Where it names fields, only those are not stored.
    if said.private {
        return Err(Reason::Private);
    }
    // RFC 9111 §4.1: it would match no request.
    if Vary::of(headers) == Vary::Any {
        return Err(Reason::VaryStar);
    }
    // RFC 9111 §7.3 allows it and leaves the danger to us: one user's session served to all. Where the
    // field is withheld from caches by name, its own client alone gets it.
    if headers.contains_key(SET_COOKIE) && !said.withheld_fields().any(|name| *name == SET_COOKIE) {
        return Err(Reason::SetCookie);
    }
    // RFC 9111 §3.5.
    let shared = said.public || said.must_revalidate || said.s_maxage.is_some();
    if request.authorization && !shared {
        return Err(Reason::Authorization);
    }
    // What varies on Cookie is the session's own. The rest is held to what Authorization is held to:
    // an origin that forgets to vary must have said that everybody may have it.
    if request.session && (!shared || varies_on_cookie(headers)) {
        return Err(Reason::Session);
    }
    // RFC 9111 §3, last point: explicit freshness, public, or a status cacheable by itself.
    let expires = !said.targeted && headers.contains_key(EXPIRES);
    let explicit = said.names_lifetime() || expires;
    if !explicit && !said.public && !freshness::heuristically_cacheable(status) {
        return Err(Reason::Status);
    }
    if !explicit && !said.no_cache && life.lifetime.is_zero() {
        return Err(Reason::NoLifetime);
    }
    useful(headers, life)
}

/// What is stored of the fields of a response: not those of the connection, not those of proxies,
/// not what `no-cache` and `private` withhold (RFC 9111 §3.1), and not Age, which is the [`Life`]'s.
/// A response without a Date is given the time at which it came (RFC 9110 §6.6.1).
pub fn stored_fields(
    headers: &HeaderMap,
    said: &ResponseDirectives,
    received: SystemTime,
) -> HeaderMap {
    let mut stored = headers.clone();
    hop::strip_hop_by_hop(&mut stored);
    for name in said.withheld_fields() {
        stored.remove(name);
    }
    stored.remove(http::header::AGE);
    if !stored.contains_key(DATE) {
        stored.insert(DATE, date::format(received));
    }
    stored
}

/// The fields that `said` withholds from caches by name: who asked gets them, and nobody else
/// (RFC 9111 §5.2.2.4, §5.2.2.7). `None` where there are none.
pub fn withheld_fields(headers: &HeaderMap, said: &ResponseDirectives) -> Option<HeaderMap> {
    said.withheld_fields().next()?;
    let mut passed = headers.clone();
    hop::strip_hop_by_hop(&mut passed);
    let mut withheld = HeaderMap::new();
    for name in said.withheld_fields() {
        passed.get_all(name).iter().for_each(|value| _ = withheld.append(name, value.clone()));
        passed.remove(name);
    }
    (!withheld.is_empty()).then_some(withheld)
}

/// Whether an answer blames the request, for more than its target: what is in no key may have provoked
/// it, and the next client would get what it did not deserve. RFC 9110 §15.5 and §15.6 say of each what
/// it is about; of 404, 410 and 451 it is the target.
pub fn blames_request(status: StatusCode) -> bool {
    match status.as_u16() {
        404 | 410 | 451 => false,
        400..=499 | 501 | 505 => true,
        _ => false,
    }
}

/// Whether a response is for the scheme alone that it was asked with, also where both are served the
/// same: a redirect mostly leads from one to the other, and back to itself there.
pub fn is_of_one_scheme(status: StatusCode, vary: &Vary) -> bool {
    status.is_redirection() || vary.names(&HeaderName::from_static("x-forwarded-proto"))
}

/// Whether this cache conforms to what the status requires of caches (RFC 9111 §3): the final ones of
/// RFC 9110 §15, but for 206 and 304.
fn understood(status: StatusCode) -> bool {
    matches!(status.as_u16(),
        200..=205 | 300..=303 | 305 | 307 | 308 | 400..=417 | 421 | 422 | 426 | 500..=505)
}

fn varies_on_cookie(headers: &HeaderMap) -> bool {
    matches!(Vary::of(headers), Vary::Names(names) if names.contains(&COOKIE))
}

/// A response that can never be served as it is must have something to be confirmed by.
fn useful(headers: &HeaderMap, life: &Life) -> Result<(), Reason> {
    let on_arrival = life.phase(Duration::ZERO);
    let servable = on_arrival < Phase::Keep || life.usable_on_error(Duration::ZERO);
    let confirmable = on_arrival == Phase::Keep && validator::present(headers);
    if servable || confirmable { Ok(()) } else { Err(Reason::NoLifetime) }
}

#[cfg(test)]
#[path = "storing_tests.rs"]
mod tests;
