//! Past the store: one client's request, one origin's answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::Visit;
use super::miss::no_cluster;
use crate::base::budget::Part;
use crate::base::{Body, Charge, Fault, KeyText, Outcome, Reason};
use crate::front::Answer;
use crate::origin::Exchange;
use crate::reply::{Verdict, passed, synth};
use crate::semantics::{hop, invalidation};
use crate::site::forward::{self, Purpose};
use crate::store::Mode;

pub(super) struct Pass {
    pub(super) visit: Visit,
    pub(super) reason: Reason,
}

impl Pass {
    pub(super) async fn run(self) -> Answer {
        let Self { mut visit, reason } = self;
        match visit.ask(Purpose::Pass).await {
            Ok(exchange) => {
                if invalidation::invalidates(&visit.head.method, exchange.head.status) {
                    visit.invalidate(&exchange);
                }
                let verdict = Verdict::fetched(Outcome::Pass, reason, reason);
                passed::answer(exchange, &visit.to(), verdict)
            }
            Err(fault) => synth::failed(&visit.to(), &fault),
        }
    }
}

impl Visit {
    /// Drops what an unsafe request changed: its target, and what the answer names beside it
    /// (RFC 9111 §4.4). The purges take their place in the sequence now that the answer has come:
    /// what was asked meanwhile may have seen the state before it (PURGE.md rule 12).
    fn invalidate(&self, exchange: &Exchange) {
        let (store, key) = (&self.node.store, self.plan.key.as_str());
        store.purge(&self.plan.key(), Mode::Hard);
        let (host, path) = key.split_at(key.find('/').unwrap_or(key.len()));
        let scheme = self.plan.client.scheme.as_str();
        let target = invalidation::Target { scheme, authority: host, path_and_query: path };
        for path in invalidation::named_beside(target, &exchange.head.headers) {
            store.purge(&KeyText::new(host, &path).key(), Mode::Hard);
        }
    }

    /// Sends the client's own request, body and all.
    pub(super) async fn ask(&mut self, purpose: Purpose<'_>) -> Result<Exchange, Fault> {
        let origins = &self.running.origins;
        let cluster = origins.get(self.plan.site.cluster.id).ok_or_else(no_cluster)?;
        let mut head =
            forward::upstream(&self.head, &self.plan, &self.peer, self.node_name(), purpose);
        forward::frame(&mut head, &self.body);
        let body = match std::mem::replace(&mut self.body, Body::Empty) {
            Body::Empty => Body::Empty,
            body => {
                let left = self.plan.site.max_request_body;
                let charge = self.node.budget.charge(Part::Uploads, UPLOAD);
                Body::stream(Limited { body, left, _charge: charge })
            }
        };
        cluster.send(head, body, self.worker, &self.node.clock).await
    }
}

/// A request's body that may not outgrow the site's limit, whatever its framing said, and whose
/// trailer section holds no field of a head.
struct Limited {
    body: Body,
    left: u64,
    _charge: Charge,
}

/// What is held of a request's body on its way, in bytes: a window of HTTP/2, or a read of HTTP/1.
const UPLOAD: u64 = 64 * 1024;

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let mut polled = Pin::new(&mut self.body).poll_frame(cx);
        let Poll::Ready(Some(Ok(frame))) = &mut polled else { return polled };
        if let Some(trailers) = frame.trailers_mut() {
            hop::strip_request_trailers(trailers);
        }
        if let Some(piece) = frame.data_ref() {
            match self.left.checked_sub(piece.len() as u64) {
                Some(left) => self.left = left,
                None => {
                    let fault = Fault::client(Reason::BodyTooLarge, "over the site's limit");
                    return Poll::Ready(Some(Err(fault)));
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
