//! Asking the origin whether a stored response still holds, and what its 304 does to it
//! (RFC 9111 §4.3.1, §4.3.3, §4.3.4, §3.2).

use std::time::SystemTime;

use http::StatusCode;
use http::header::{
    AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderName,
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED,
    RANGE, SET_COOKIE,
};

use super::validator::EntityTag;
use super::{Present, Validators, date, hop};

/// Fields that a 304 does not change: those of the stored bytes, digests of a content that it has not
/// (RFC 9530 §2, RFC 2616 §14.15), and cookies.
const UNCHANGED: [HeaderName; 6] = [
    CONTENT_LENGTH,
    CONTENT_ENCODING,
    CONTENT_RANGE,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    SET_COOKIE,
];

/// Removes a client's preconditions and range from the request that a fetch for the store sends: it
/// wants the whole response, whatever the client already has.
pub fn strip_conditions(request: &mut HeaderMap) {
    let present = Present::of(request);
    if !present.has(Present::CONDITION) && !present.has(Present::RANGE) {
        return;
    }
    for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, IF_RANGE, RANGE] {
        request.remove(name);
    }
}

/// Makes of a request one that asks whether what is stored still holds, by every validator that it
/// has (RFC 9111 §4.3.1). Says `false` where there is none; the request is then a plain one.
pub fn ask_whether_modified(request: &mut HeaderMap, stored: &HeaderMap, now: SystemTime) -> bool {
    strip_conditions(request);
    let etag = stored.get(ETAG);
    if let Some(etag) = etag {
        request.insert(IF_NONE_MATCH, etag.clone());
    }
    let modified = stored.get(LAST_MODIFIED).filter(|value| date::parse(value, now).is_some());
    if let Some(modified) = modified {
        request.insert(IF_MODIFIED_SINCE, modified.clone());
    }
    etag.is_some() || modified.is_some()
}

/// Whether a 304 speaks of the stored response (RFC 9111 §4.3.4): a strong validator must be the
/// same, a weak one must match. Where both have entity tags these decide, which is stricter than the
/// RFC: a date has whole seconds only. A 304 without validators answers what it was asked, and that
/// was asked with this response's own.
pub fn confirms(stored: &HeaderMap, not_modified: &HeaderMap, now: SystemTime) -> bool {
    let held = Validators::of(StatusCode::OK, stored);
    let sent = Validators::of(StatusCode::NOT_MODIFIED, not_modified);
    match (held.etag.map(EntityTag::of), sent.etag.map(EntityTag::of)) {
        (Some(held), Some(sent @ EntityTag::Strong(_))) => sent.strongly_equals(held),
        (Some(held), Some(sent)) => sent.weakly_equals(held),
        // A tag that what is stored does not carry: only the date can speak for it, and beside a
        // strong tag only a strong date.
        (None, Some(EntityTag::Strong(_))) => {
            sent.strongly_modified(now).is_some() && same_date(held, sent, now)
        }
        (None, Some(_)) => sent.last_modified.is_some() && same_date(held, sent, now),
        (_, None) => sent.last_modified.is_none() || same_date(held, sent, now),
    }
}

/// Whether the 200 that answered a HEAD, with `fields`, may be of the stored response, of `length` bytes
/// (RFC 9111 §4.3.5): what both say of validators and length is the same.
pub fn head_agrees(stored: &HeaderMap, length: u64, fields: &HeaderMap) -> bool {
    let same = |name: HeaderName| match (stored.get(&name), fields.get(&name)) {
        (Some(held), Some(sent)) => held == sent,
        _ => true,
    };
    let announced = fields.get(CONTENT_LENGTH).map(|value| super::age::digits(value.as_bytes()));
    same(ETAG) && same(LAST_MODIFIED) && announced.is_none_or(|said| said == Some(length))
}

/// The fields of a stored response after a 304 (RFC 9111 §3.2): what the 304 has replaces what is
/// stored, but for what describes the stored bytes, and for cookies, which are one user's. The
/// result is to be treated like the head of a new response that came at `received`: its directives
/// and its life are taken from it, and [`stored_fields`](super::storing::stored_fields) again.
pub fn freshen(stored: &HeaderMap, not_modified: &HeaderMap, received: SystemTime) -> HeaderMap {
    let mut news = not_modified.clone();
    hop::strip_hop_by_hop(&mut news);
    for name in UNCHANGED {
        news.remove(name);
    }
    // RFC 9110 §6.6.1; with the old Date the response would look as old as that.
    if !news.contains_key(DATE) {
        news.insert(DATE, date::format(received));
    }
    let mut fresh = stored.clone();
    fresh.remove(AGE);
    for name in news.keys() {
        fresh.remove(name);
    }
    for (name, value) in &news {
        fresh.append(name, value.clone());
    }
    fresh
}

fn same_date(held: Validators<'_>, sent: Validators<'_>, now: SystemTime) -> bool {
    held.last_modified == sent.last_modified
        || matches!((held.modified(now), sent.modified(now)), (Some(one), Some(two)) if one == two)
}

#[cfg(test)]
#[path = "validation_tests.rs"]
mod tests;
