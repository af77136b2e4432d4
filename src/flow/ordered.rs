//! A purge that another node of the fleet passes on: an order as the control API takes it.

use http::{HeaderValue, Response, StatusCode, request};

use super::Node;
use crate::base::{Body, Fields, Outcome, Reason, between};
use crate::config::{HostPattern, SourceTerms};
use crate::front::{Answer, Then};
use crate::purge::wanted::{Refused, Wanted};
use crate::purge::{Name, Source};
use crate::telemetry::Account;

/// The order in `head`, if it holds one.
pub(super) fn order(head: &request::Parts) -> Option<&HeaderValue> {
    head.headers.get(between::ORDER).filter(|_| head.method.as_str() == "PURGE")
}

/// Puts `order` in force.
pub(super) fn answer(node: &Node, order: &HeaderValue) -> Answer {
    let rebound = node.running.load().config.purge.rebound;
    let terms = SourceTerms { hosts: vec![HostPattern::Any], rebound };
    let source = Source::new(node.sources.clone(), Name::Http, terms);
    let done = Wanted::read(order.as_bytes()).and_then(|wanted| source.take_wanted(&wanted));
    let (status, reason) = match done {
        // What is not served here cannot be fetched from here either.
        Ok(_) | Err(Refused::UnknownHost | Refused::UnknownSite(_)) => {
            (StatusCode::OK, Reason::Purged)
        }
        Err(_) => (StatusCode::BAD_REQUEST, Reason::BadRequest),
    };
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = status;
    let (stored, body) = (Fields::default(), Body::Empty);
    let account = Account::new(None, Outcome::Synth, reason);
    Answer { head, stored, body, account, then: Then::KeepAlive }
}
