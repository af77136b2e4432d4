//! Past the store: one client's request, one origin's answer.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE};
use http::{Method, StatusCode};
use http_body::{Frame, SizeHint};
use serde_json::json;

use super::miss::no_cluster;
use super::{Node, Visit};
use crate::base::between;
use crate::base::budget::Part;
use crate::base::mutant::{self, Mutant, unless};
use crate::base::{Body, Charge, Coding, Credentials, Fault, KeyText, Outcome, Reason};
use crate::front::Answer;
use crate::origin::{Exchange, Pool};
use crate::reply::Verdict;
use crate::semantics::{Present, coding, hop, invalidation, tags, validation};
use crate::site::forward::{self, Purpose};
use crate::site::respell;
use crate::store::{Found, Mode, Object, Scope, group_tag};

pub(super) struct Pass {
    pub(super) visit: Visit,
    pub(super) reason: Reason,
    /// What is stored, for when the origin fails.
    pub(super) stale: Option<Arc<Object>>,
}

impl Pass {
    pub(super) async fn run(self) -> Answer {
        let Self { mut visit, reason, stale } = self;
        let tagged = visit.strip_suffixes();
        visit.identify();
        if mutant::is(Mutant::AtAnswer) && !visit.head.method.is_safe() {
            visit.node.store.purge(&visit.plan.key(), Mode::Hard);
        }
        match visit.ask(Purpose::Pass).await {
            Ok(mut exchange) => {
                if let Some(coding) = tagged
                    && exchange.head.status == StatusCode::NOT_MODIFIED
                {
                    // It is about what the client has, which is not what the origin calls it.
                    coding::add_suffix(&mut exchange.head.headers, coding);
                }
                if invalidation::invalidates(&visit.head.method, exchange.head.status) {
                    let changed = visit.changed(&exchange);
                    visit.invalidate(&changed, &exchange);
                    visit.tell(changed).await;
                }
                if reason == Reason::Marked {
                    visit.reconsider(&exchange);
                }
                // What a route leads past the store may be of another origin than what is in it.
                let of_its_own = matches!(reason, Reason::Route | Reason::Behind);
                let is_whole = exchange.head.status == StatusCode::OK && !of_its_own;
                if visit.head.method == Method::HEAD && is_whole {
                    visit.compare(&exchange);
                }
                let verdict = Verdict::fetched(Outcome::Pass, reason, reason);
                visit.answer_or_stale(exchange, verdict, stale.as_ref(), reason)
            }
            Err(fault) => visit.stale_or_failed(stale.as_ref(), (reason, false), &fault),
        }
    }

    /// By the origin's own answer, whatever is stored.
    pub(super) fn of(visit: Visit, reason: Reason) -> Self {
        Self { visit, reason, stale: None }
    }
}

impl Visit {
    /// Ends the memory that nothing could be stored, if this could have been.
    fn reconsider(&self, exchange: &Exchange) {
        let Node { store, clock, .. } = &*self.node;
        if self.terms().allow(exchange, clock.wall()) {
            let whom = Credentials::of(&self.head.headers);
            store.reconsider(&self.plan.key(), whom, clock.now());
        }
    }

    /// Has what is stored confirmed before it is used again, where the answer to a HEAD was about another
    /// (RFC 9111 §4.3.5). What agrees stays as it is. The answer must have been for everybody, and asked for
    /// as a fetch asks.
    fn compare(&self, exchange: &Exchange) {
        let (store, key, fields) = (&self.node.store, self.plan.key(), &exchange.head.headers);
        let own = self.view.session
            || self.view.hides()
            || [AUTHORIZATION, COOKIE].iter().any(|name| self.head.headers.contains_key(name));
        if own || !self.terms().allow(exchange, self.node.clock.wall()) {
            return;
        }
        let Some(entry) = store.peek(&key) else { return };
        let now = self.node.clock.now();
        let serves = |object: &Object| store.serves(&key, object, now);
        let found = entry.select_of(self.plan.axis, &self.head.headers, serves);
        if let Found::Object { object, .. } = found {
            let identity = entry.identity_of(&object);
            let stored = identity.head.fields.own();
            if !validation::head_agrees(&stored, identity.length(), fields) {
                store.purge(&key, Mode::Soft);
            }
        }
    }

    /// Drops what an unsafe request changed: its target, and what the answer names beside it
    /// (RFC 9111 §4.4) or groups with it (RFC 9875 §3). The purges take their place in the sequence now that
    /// the answer has come: what was asked meanwhile may have seen the state before it (PURGE.md rule 12).
    fn invalidate(&self, changed: &[KeyText], exchange: &Exchange) {
        if mutant::is(Mutant::AtAnswer) {
            return;
        }
        let (store, axis) = (&self.node.store, self.plan.axis);
        changed.iter().for_each(|key| _ = store.purge(&key.key(), Mode::Hard));
        let key = self.plan.key.as_str();
        let host = &key[..key.find('/').unwrap_or(key.len())];
        // What both schemes share is of either's origin.
        let schemes = [Some(axis.scheme), None];
        let schemes = &schemes[..if axis.shares_schemes { 2 } else { 1 }];
        tags::groups(&exchange.head.headers, &tags::CACHE_GROUP_INVALIDATION, |group| {
            for scheme in schemes {
                let tag = group_tag(host, (*scheme, axis.port), group);
                store.purge_all(Scope::Tag(axis.site, &tag), Mode::Hard);
            }
        });
    }

    /// Has the nodes forget what was changed that this one fetches through, and then this one once more
    /// (PURGE.md rule 14): one of them has seen it, and what else it changed may stand on another. That goes on
    /// when the client leaves, who has his answer in any case.
    async fn tell(&self, changed: Vec<KeyText>) {
        let relay = self.node.sources.relay().filter(|_| !self.peer.fleet);
        let relay = relay.filter(|_| !mutant::is(Mutant::WritesTold));
        let Some(relay) = relay.map(Arc::clone) else { return };
        let (store, worker) = (Arc::clone(&self.node.store), self.worker);
        let telling = tokio::spawn(async move {
            for key in changed {
                let url = format!("https://{}", key.as_str());
                let order = json!({ "url": url, "mode": "hard" }).to_string();
                if let Err(why) = relay.tell(order, Some(worker)).await {
                    tracing::warn!(
                        url,
                        why,
                        "what was changed is not forgotten by every node through which this one fetches"
                    );
                }
                store.purge(&key.key(), Mode::Hard);
            }
        });
        // A panic of it ends it alone.
        let _ = telling.await;
    }

    /// The keys of what an unsafe request changed: its target, and what the answer names beside it.
    fn changed(&self, exchange: &Exchange) -> Vec<KeyText> {
        let key = self.plan.key.as_str();
        let (host, path) = key.split_at(key.find('/').unwrap_or(key.len()));
        let axis = self.plan.axis;
        let authority = match axis.port {
            0 => Cow::Borrowed(host),
            port => Cow::Owned(format!("{host}:{port}")),
        };
        let target = invalidation::Target {
            scheme: axis.scheme.as_str(),
            authority: &authority,
            path_and_query: path,
        };
        let beside = invalidation::named_beside(target, &exchange.head.headers);
        let spelled =
            |path: &str| KeyText::new(host, &respell(path, &self.plan.site.spelling).target);
        let beside = beside.map(|path| spelled(&path));
        [KeyText::new(host, path)].into_iter().chain(beside).collect()
    }

    /// Makes the origin's of the entity tags that this node gave to what it coded; the coding.
    fn strip_suffixes(&mut self) -> Option<Coding> {
        if self.plan.site.encoding.codings.is_empty() || !self.present.has(Present::CONDITION) {
            return None;
        }
        coding::strip_suffixes(&mut self.head.headers)
    }

    /// Sends the client's own request, body and all; where no server of a datacenter can be reached, to
    /// another.
    pub(super) async fn ask(&mut self, purpose: Purpose<'_>) -> Result<Exchange, Fault> {
        let mut body = match std::mem::replace(&mut self.body, Body::Empty) {
            Body::Empty => Body::Empty,
            body => {
                let left = self.plan.site.max_request_body;
                let charge = self.node.budget.charge(Part::Uploads, UPLOAD);
                Body::stream(Limited { body, left, _charge: charge })
            }
        };
        let pool = Arc::clone(self.pool(None).ok_or_else(no_cluster)?);
        match self.send(&pool, purpose, &mut body).await {
            Err(fault) if fault.unsent => match self.pool(Some(&pool)) {
                Some(other) => self.send(&Arc::clone(other), purpose, &mut body).await,
                None => Err(fault),
            },
            answer => answer,
        }
    }

    async fn send(
        &self,
        pool: &Arc<Pool>,
        purpose: Purpose<'_>,
        body: &mut Body,
    ) -> Result<Exchange, Fault> {
        let (plan, hop) = (&self.plan, self.hop_to(pool));
        let mut head = forward::upstream(&self.head, plan, &self.view, &hop, purpose);
        if hop.to_node
            && matches!(head.method, Method::GET | Method::HEAD)
            && let Some(positions) = unless(Mutant::PassesTell, || self.node.positions())
        {
            head.headers.insert(between::POSITIONS, positions);
        }
        forward::frame(&mut head, body);
        pool.send(&head, body, plan.terms(), self.worker, &self.node.clock).await
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
