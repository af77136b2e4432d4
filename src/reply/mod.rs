//! From what is stored, what grows, what an origin said, or what we say ourselves, to the answer
//! that this client gets: conditions, ranges, HEAD, Age, Via and Cache-Status, and what the site has
//! every answer say.

pub mod error_pages;
pub mod passed;
pub mod shared;
pub mod synth;
pub mod template;

pub use error_pages::ErrorPages;

use std::sync::Arc;
use std::time::Instant;

use http::header::{AGE, Entry, HeaderName, VIA};
use http::{HeaderMap, HeaderValue, StatusCode, Version, request};

use crate::base::fields::X_CACHE;
use crate::base::{Clock, Outcome, Reason, Scheme, WorkerId};
use crate::config::Site;
use crate::semantics::{CacheStatus, Forward, Present, age, cache_control};
use crate::site::answers;
use crate::site::forward::{append_member, protocol};
use crate::site::identity::X_REQUEST_ID;
use crate::site::plan::Plan;
use crate::telemetry::Account;

/// For whom an answer is made.
#[derive(Clone, Copy, Debug)]
pub struct For<'a> {
    /// The client's request.
    pub request: &'a request::Parts,
    /// Which of the fields that decide something it has.
    pub present: Present,
    /// What was decided about it.
    pub plan: &'a Plan,
    /// The node's name.
    pub node: &'a str,
    /// Our member of Via on what an HTTP/1.1 origin said.
    pub via: &'a HeaderValue,
    /// The request's name, where it went to an origin and its site wants it to have one.
    pub request_id: Option<&'a Arc<HeaderValue>>,
    /// The sites' error pages.
    pub error_pages: &'a ErrorPages,
    /// The worker that serves the client.
    pub worker: WorkerId,
    /// When it is made.
    pub now: Instant,
    /// The calendar.
    pub clock: &'a Clock,
}

/// What became of the request, and why.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    /// What.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// Why the request went to the origin; differs from `reason` where that says why the answer
    /// was not stored.
    pub forwarded: Option<Reason>,
    /// Whether the fetch was another client's.
    pub collapsed: bool,
    /// What the origin answered, where what is stored is served in its place.
    pub status: Option<StatusCode>,
}

impl Verdict {
    /// An answer from the store.
    pub fn served(outcome: Outcome, reason: Reason) -> Self {
        Self { outcome, reason, forwarded: None, collapsed: false, status: None }
    }

    /// An answer that the origin was asked for because of `forwarded`.
    pub fn fetched(outcome: Outcome, reason: Reason, forwarded: Reason) -> Self {
        Self { outcome, reason, forwarded: Some(forwarded), collapsed: false, status: None }
    }
}

/// Sets the fields of our hop: Via, Cache-Status behind what the origin said, and the request's name in
/// place of what it said.
fn mark(headers: &mut HeaderMap, to: &For<'_>, version: Version, status: &CacheStatus<'_>) {
    match headers.try_entry(VIA) {
        Ok(Entry::Vacant(entry)) if version == Version::HTTP_11 => {
            entry.insert(to.via.clone());
        }
        _ => append_member(headers, &VIA, &format!("{} {}", protocol(version), to.node)),
    }
    status.append_to(headers);
    if let Some(id) = to.request_id {
        headers.insert(X_REQUEST_ID, HeaderValue::clone(id));
    }
}

/// Makes of an origin's end-to-end fields those that the client of `to` gets.
pub fn show(headers: &mut HeaderMap, to: &For<'_>, account: &Account) {
    let (site, scheme) = (&*to.plan.site, to.plan.client.scheme);
    if answers::rewrite(headers, site) && site.answers.client_max_age > 0 {
        cache_control::lengthen(headers, age::field(headers).as_secs());
    }
    add(headers, site, scheme, to.node, account);
}

/// Server-Timing of W3C's recommendation of that name.
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Sets what `site` has every answer say to a client over `scheme`: fields of its own, and, for
/// browsers and for people who are used to X-Cache, what became of the request.
fn add(headers: &mut HeaderMap, site: &Site, scheme: Scheme, node: &str, account: &Account) {
    if site.answers.more == 0 {
        return;
    }
    answers::add(headers, site, scheme);
    if site.answers.server_timing {
        headers.append(SERVER_TIMING, timing(account));
    }
    if site.answers.x_cache {
        let word = match account.outcome {
            Outcome::Hit | Outcome::Stale => "hit",
            Outcome::Miss | Outcome::Revalidated => "miss",
            Outcome::Pass => "pass",
            Outcome::Synth | Outcome::Refused => "int",
        };
        append_member(headers, &X_CACHE, &[node, " ", word].concat());
    }
}

/// The outcome with its reason, and how long the origin took where it was asked for this answer.
fn timing(account: &Account) -> HeaderValue {
    let Account { outcome, reason, origin, .. } = account;
    if let (Outcome::Hit, Reason::Fresh, None) = (outcome, reason, origin) {
        return HeaderValue::from_static("cache;desc=\"hit fresh\"");
    }
    let mut text = format!("cache;desc=\"{outcome} {reason}\"");
    if let Some(origin) = origin {
        let millis = origin.first_byte.as_secs_f64() * 1000.0;
        text.push_str(&format!(", origin;dur={millis:.1}"));
    }
    HeaderValue::try_from(text).expect("tokens and digits are visible ASCII")
}

/// The key, where the site has answers say it.
fn told_key<'a>(to: &For<'a>) -> Option<&'a str> {
    to.plan.site.answers.cache_status_key.then(|| to.plan.key.as_str())
}

/// The account of an answer for the client of `to`.
pub fn account(to: &For<'_>, verdict: Verdict) -> Account {
    let mut account = Account::new(Some(to.plan.site.id), verdict.outcome, verdict.reason);
    account.client = Some(to.plan.client.address);
    account.collapsed = verdict.collapsed;
    account.request_id = to.request_id.cloned();
    account
}

fn set_age(headers: &mut HeaderMap, seconds: u64) {
    headers.insert(AGE, HeaderValue::from(seconds));
}

/// Why a request was forwarded, in RFC 9211's words (§2.2).
fn forward(reason: Reason) -> Forward {
    match reason {
        Reason::Absent => Forward::UriMiss,
        Reason::Variant => Forward::VaryMiss,
        Reason::Expired | Reason::NoCache | Reason::SoftPurged => Forward::Stale,
        Reason::RequestDirective => Forward::Request,
        Reason::Method => Forward::Method,
        Reason::RequestBody
        | Reason::Upgrade
        | Reason::Condition
        | Reason::Session
        | Reason::Range => Forward::Bypass,
        _ => Forward::Miss,
    }
}
