//! From what is stored, what grows, what an origin said, or what we say ourselves, to the answer
//! that this client gets: conditions, ranges, HEAD, Age, Via and Cache-Status.

pub mod passed;
pub mod shared;
pub mod synth;

use http::header::{AGE, Entry, VIA};
use std::time::Instant;

use http::{HeaderMap, HeaderValue, Version, request};

use crate::base::{Clock, Outcome, Reason, WorkerId};
use crate::semantics::{CacheStatus, Forward, Present};
use crate::site::forward::{append_member, protocol};
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
}

impl Verdict {
    /// An answer from the store.
    pub fn served(outcome: Outcome, reason: Reason) -> Self {
        Self { outcome, reason, forwarded: None, collapsed: false }
    }

    /// An answer that the origin was asked for because of `forwarded`.
    pub fn fetched(outcome: Outcome, reason: Reason, forwarded: Reason) -> Self {
        Self { outcome, reason, forwarded: Some(forwarded), collapsed: false }
    }
}

/// Sets the fields of our hop: Via, and Cache-Status behind what the origin said.
fn mark(headers: &mut HeaderMap, to: &For<'_>, version: Version, status: &CacheStatus<'_>) {
    match headers.try_entry(VIA) {
        Ok(Entry::Vacant(entry)) if version == Version::HTTP_11 => {
            entry.insert(to.via.clone());
        }
        _ => append_member(headers, &VIA, &format!("{} {}", protocol(version), to.node)),
    }
    status.append_to(headers);
}

/// The account of an answer for the client of `to`.
pub fn account(to: &For<'_>, verdict: Verdict) -> Account {
    let mut account = Account::new(Some(to.plan.site.id), verdict.outcome, verdict.reason);
    account.client = Some(to.plan.client.address);
    account.collapsed = verdict.collapsed;
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
        Reason::Method => Forward::Method,
        Reason::RequestBody | Reason::Upgrade | Reason::Condition => Forward::Bypass,
        _ => Forward::Miss,
    }
}
