//! Answers that are one client's own: an origin's response passed on as it came, but for what the site
//! shows otherwise. A page of the site's takes the place of an error that the origin gave no page.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
    LAST_MODIFIED, SET_COOKIE,
};
use http::{HeaderMap, Method, StatusCode, Version};
use http_body::{Body as _, Frame, SizeHint};

use super::synth::{self, Asker};
use super::{For, Verdict, account, forward, mark, show, told_key};
use crate::base::{Body, Fault, Fields};
use crate::config::{CookiePolicy, Site};
use crate::front::{Answer, Then};
use crate::origin::{Exchange, OriginBody};
use crate::semantics::{CacheStatus, Handling, hop};
use crate::site::answers;
use crate::telemetry::Account;
use crate::telemetry::account::OriginPart;

/// The origin's answer, without the fields of its connection and with those of ours.
pub fn answer(exchange: Exchange, to: &For<'_>, verdict: Verdict) -> Answer {
    let Exchange { mut head, body, server, cluster, first_byte, .. } = exchange;
    let site = &to.plan.site;
    let mut account = account(to, verdict);
    account.origin = Some(OriginPart { cluster, server, status: head.status, first_byte });
    hop::strip_hop_by_hop(&mut head.headers);
    // What failed has no session to begin, and may be asked for by somebody else's request.
    if head.status.is_server_error() && site.cookies.policy != CookiePolicy::AsSent {
        head.headers.remove(SET_COOKIE);
    }
    let bodiless = body.is_end_stream();
    let page = if bodiless { page(head.status, to, &account) } else { None };
    if page.is_some() {
        describe_page(&mut head.headers);
    }
    show(&mut head.headers, to, &account);
    let status = CacheStatus {
        node: to.node,
        handling: Handling::Forwarded {
            why: forward(verdict.forwarded.unwrap_or(verdict.reason)),
            status: Some(head.status.as_u16()),
            stored: false,
            collapsed: false,
        },
        ttl: None,
        key: told_key(to),
        detail: verdict.reason,
    };
    mark(&mut head.headers, to, head.version, &status);
    head.version = Version::HTTP_11;
    let body = match page {
        Some(page) => Body::from_bytes(page),
        None if bodiless || to.request.method == Method::HEAD => Body::Empty,
        None if answers::withholds(site) => {
            Body::stream(Withholding { body, site: Arc::clone(site) })
        }
        None => Body::stream(body),
    };
    Answer { head, stored: Fields::default(), body, account, then: Then::KeepAlive }
}

/// What the page says of an origin that says nothing itself.
const SENTENCE: &str = "The server behind this one answered so, without a word of its own.";

/// The site's page in place of an origin's answer without a body, where it has one and that is an
/// error.
fn page(status: StatusCode, to: &For<'_>, account: &Account) -> Option<String> {
    let wanted = to.request.method == Method::GET;
    if wanted { synth::from_template(&Asker::of(to), status, account, SENTENCE) } else { None }
}

/// Has the fields of an origin's answer describe a page in place of nothing (RFC 9110 §8).
fn describe_page(headers: &mut HeaderMap) {
    let of_nothing =
        [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, ETAG, LAST_MODIFIED, ACCEPT_RANGES];
    of_nothing.iter().for_each(|name| _ = headers.remove(name));
    headers.insert(CONTENT_TYPE, synth::HTML);
}

/// A body whose trailer fields are shown as the head's are.
struct Withholding {
    body: OriginBody,
    site: Arc<Site>,
}

impl http_body::Body for Withholding {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let mut frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            answers::withhold(trailers, &self.site);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
