//! Answers that are one client's own: an origin's response passed on as it came.

use http::Version;
use http_body::Body as _;

use super::{For, Verdict, account, forward, mark};
use crate::base::{Body, Fields};
use crate::front::{Answer, Then};
use crate::origin::Exchange;
use crate::semantics::{CacheStatus, Handling, hop};
use crate::telemetry::account::OriginPart;

/// The origin's answer, without the fields of its connection and with those of ours.
pub fn answer(exchange: Exchange, to: &For<'_>, verdict: Verdict) -> Answer {
    let Exchange { mut head, body, server, cluster, first_byte, .. } = exchange;
    let version = head.version;
    hop::strip_hop_by_hop(&mut head.headers);
    let status = CacheStatus {
        node: to.node,
        handling: Handling::Forwarded {
            why: forward(verdict.forwarded.unwrap_or(verdict.reason)),
            status: Some(head.status.as_u16()),
            stored: false,
            collapsed: false,
        },
        ttl: None,
        detail: verdict.reason,
    };
    mark(&mut head.headers, to, version, &status);
    head.version = Version::HTTP_11;
    let mut account = account(to, verdict);
    let status = head.status;
    account.origin = Some(OriginPart { cluster, server, status, first_byte });
    let bodyless = to.request.method == http::Method::HEAD || body.is_end_stream();
    let body = if bodyless { Body::Empty } else { Body::stream(body) };
    Answer { head, stored: Fields::default(), body, account, then: Then::KeepAlive }
}
