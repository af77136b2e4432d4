//! `POST /purge`: orders in JSON, one a line, and a line for each of what became of it, in order. Both
//! are streamed: an order is in force when its line is written, and nothing waits for the last. One JSON
//! document is taken as well (`application/json`): an order, a list of them, or `{"orders": […]}`. Bodies
//! of other types are not taken.
//!
//! A batch runs in a task of its own, which ends with its client: what was answered is in force, what was
//! not may be or not. What is held of it is bounded: a line (16 KiB), a piece of answers that the client
//! has not read, or a document of 4 MiB. With `?dry=1`, or `"dry": true` in an order, nothing is purged;
//! entries are counted instead, which for a scope means a walk through the whole store on a thread of its
//! own.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Response, StatusCode, request};
use http_body::Frame;
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::audit::{Counts, Record, Result as Ended};
use super::gate::{Closed, Gate, Grant};
use super::lines::{LONGEST, Line, Lines};
use crate::base::mutant::{self, Mutant};
use crate::base::{Body, Clock, Fault, Fields, Outcome, Peer, Reason};
use crate::front::{Answer, Request, Then};
use crate::purge::wanted::{Done, Refused, Wanted};
use crate::purge::{Name, Order, Source, Sources, What};
use crate::store::{Cover, Store};
use crate::telemetry::{self, Account, Samples};

/// Orders that one request may hold.
const ORDERS: u64 = 10_000;
/// The largest document, in bytes.
const DOCUMENT: usize = 4 << 20;
/// Answers are sent on when there are so many bytes of them, or nothing more to do at once.
const PIECE: usize = 16 * 1024;

const NDJSON: &str = "application/x-ndjson";
const JSON: &str = "application/json";

/// Takes orders on the admin listener.
#[derive(Debug)]
pub struct Purges {
    sources: Arc<Sources>,
    store: Arc<Store>,
    clock: Clock,
    gate: Gate,
    counts: Counts,
}

/// One request's orders.
struct Batch {
    purges: Arc<Purges>,
    grant: Grant,
    source: Source,
    dry: bool,
    record: Record,
}

impl Purges {
    /// Hands orders to `sources`, of those whom `gate` lets in.
    pub fn new(sources: &Arc<Sources>, store: &Arc<Store>, clock: &Clock, gate: Gate) -> Self {
        let (sources, store, clock) = (Arc::clone(sources), Arc::clone(store), clock.clone());
        Self { sources, store, clock, gate, counts: Counts::default() }
    }

    /// Who may come.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Answers a request for `/purge`.
    pub(super) async fn answer(self: Arc<Self>, request: Request, peer: Arc<Peer>) -> Answer {
        let (head, body) = request.into_parts();
        if head.method != Method::POST {
            return refused(
                StatusCode::METHOD_NOT_ALLOWED,
                Reason::BadMethod,
                "send orders by POST",
            );
        }
        let Some(form) = Form::of(&head) else {
            let why = "send application/x-ndjson, an order a line, or application/json";
            return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, Reason::BadRequest, why);
        };
        let grant = match self.gate.admit(&head.headers, &peer) {
            Ok(grant) => grant,
            Err(why) => {
                self.counts.request(Ended::Refused);
                tracing::info!(target: "audit", client = %peer.remote, ?why, "purge refused");
                return closed(why);
            }
        };
        let record = Record::new(peer.remote, grant.name());
        let source = Source::new(Arc::clone(&self.sources), Name::Api, self.gate.terms());
        let batch = Batch { dry: is_dry(&head), purges: self, grant, source, record };
        match form {
            Form::Lines => batch.lines(body),
            // On a task of its own: what has begun is finished and recorded, whether its client stays or not.
            Form::Document => match tokio::spawn(batch.document(body)).await {
                Ok(answer) => answer,
                Err(ended) => std::panic::resume_unwind(ended.into_panic()),
            },
        }
    }

    /// How many entries `order` would touch.
    fn counting(&self, order: Order<'_>) -> Counting {
        match order.what {
            What::Key(key) => Counting::Known(u64::from(self.store.peek(&key).is_some())),
            What::All(scope) => {
                let (store, cover) = (Arc::clone(&self.store), Cover::from(scope));
                Counting::Walk(tokio::task::spawn_blocking(move || store.count(&cover)))
            }
        }
    }
}

impl telemetry::Source for Purges {
    fn samples(&self, out: &mut Samples) {
        self.counts.samples(out);
    }
}

/// A number of entries that is known, or is being counted.
enum Counting {
    Known(u64),
    Walk(JoinHandle<u64>),
}

impl Counting {
    async fn entries(self) -> Option<u64> {
        match self {
            Self::Known(entries) => Some(entries),
            Self::Walk(walk) => walk.await.ok(),
        }
    }
}

impl Batch {
    /// Answers lines as they come.
    fn lines(self, body: Body) -> Answer {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(self.run(Lines::new(body), sender));
        let body = Body::stream(Pieces(receiver));
        answer(StatusCode::OK, Reason::Admin, NDJSON, body)
    }

    async fn run(mut self, mut lines: Lines, out: mpsc::Sender<Bytes>) {
        let (mut piece, mut n) = (Vec::new(), 0);
        let ended = loop {
            let line = lines.ready();
            // Before waiting for more, whoever sent this much may read what became of it.
            if (line.is_none() || piece.len() >= PIECE) && !piece.is_empty() {
                let filled = std::mem::take(&mut piece);
                if out.send(filled.into()).await.is_err() {
                    break Ended::Left;
                }
            }
            let Some(line) = line else {
                match lines.more().await {
                    Ok(true) => continue,
                    Ok(false) => break Ended::Done,
                    Err(_) => break Ended::Left,
                }
            };
            n += 1;
            if n > ORDERS {
                let why =
                    format!("a request has {ORDERS} orders at most; send the rest in another");
                push(&mut piece, &said(n, Err(Refused::Bad(why))));
                // Whether the client still reads it is its own business.
                let _ = out.send(piece.into()).await;
                break Ended::TooMany;
            }
            let wanted = match &line {
                Line::Text(text) => Wanted::read(text),
                Line::TooLong => Err(Refused::Bad(format!("a line has {LONGEST} bytes at most"))),
            };
            let done = self.order(wanted).await;
            push(&mut piece, &said(n, done));
        };
        self.close(ended);
    }

    /// Answers a document when all of it is done.
    async fn document(mut self, body: Body) -> Answer {
        let orders = match document(body).await {
            Ok(orders) => orders,
            Err((status, why)) => {
                self.close(Ended::Bad);
                return refused(status, Reason::BadRequest, &why);
            }
        };
        let mut results = Vec::new();
        for (n, order) in (1..).zip(orders) {
            let done = self.order(Wanted::of(order)).await;
            results.push(said(n, done));
        }
        self.close(Ended::Done);
        let text = format!("{}\n", json!({ "results": results }));
        answer(StatusCode::OK, Reason::Admin, JSON, Body::from_bytes(text))
    }

    /// Carries out one order, or counts what it would touch.
    async fn order(&mut self, wanted: Result<Wanted, Refused>) -> Result<Done, Refused> {
        let done = self.carry_out(wanted).await;
        self.purges.counts.order(&done);
        self.record.order(&done);
        done
    }

    async fn carry_out(&self, wanted: Result<Wanted, Refused>) -> Result<Done, Refused> {
        let Self { purges, grant, .. } = self;
        if !grant.takes_one(purges.clock.now()) {
            return Err(Refused::TooMany);
        }
        let wanted = wanted?;
        let (kind, may) = (wanted.kind(), |site: Option<&str>| grant.covers(site));
        if !(self.dry || wanted.is_dry()) {
            let put_in_force = || {
                wanted.at(purges.sources.desk(), may, |order| {
                    let receipt = self.source.take(order);
                    let seq = Some(receipt.seq.0);
                    Done { kind, mode: receipt.mode, seq, entries: receipt.entries }
                })
            };
            let here_first = mutant::is(Mutant::ThereFirstApi).then(put_in_force);
            let relayed = match purges.sources.relay() {
                // What means nothing here, or is forbidden, goes nowhere.
                Some(relay) if wanted.at(purges.sources.desk(), may, |_| ()).is_ok() => {
                    relay.tell(wanted.to_json().to_string(), None).await
                }
                _ => Ok(()),
            };
            let done = here_first.unwrap_or_else(put_in_force)?;
            return relayed.map(|()| done).map_err(Refused::NotRelayed);
        }
        let count = |order: Order<'_>| (order.mode, purges.counting(order));
        let (mode, counting) = wanted.at(purges.sources.desk(), may, count)?;
        Ok(Done { kind, mode, seq: None, entries: counting.entries().await })
    }

    fn close(self, ended: Ended) {
        self.purges.counts.request(ended);
        self.record.tell(ended, self.dry);
    }
}

/// The orders of a document.
async fn document(body: Body) -> Result<Vec<Value>, (StatusCode, String)> {
    let whole = match Limited::new(body, DOCUMENT).collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(_) => {
            let why = format!("a document has {DOCUMENT} bytes at most; send lines instead");
            return Err((StatusCode::PAYLOAD_TOO_LARGE, why));
        }
    };
    let bad = |why: String| (StatusCode::BAD_REQUEST, why);
    let value = serde_json::from_slice(&whole).map_err(|why| bad(format!("no JSON: {why}")))?;
    let orders = match value {
        Value::Array(orders) => orders,
        Value::Object(mut fields) => match fields.remove("orders") {
            Some(Value::Array(orders)) => orders,
            Some(_) => return Err(bad("`orders` is a list".to_owned())),
            None => vec![Value::Object(fields)],
        },
        other => vec![other],
    };
    if orders.len() as u64 > ORDERS {
        return Err(bad(format!("a request has {ORDERS} orders at most; nothing was purged")));
    }
    Ok(orders)
}

/// What is told of the `n`th order.
fn said(n: u64, done: Result<Done, Refused>) -> Value {
    let mut said = match done {
        Ok(done) => done.to_json(),
        Err(why) => json!({ "ok": false, "error": why.as_str(), "message": why.to_string() }),
    };
    said["n"] = n.into();
    said
}

fn push(piece: &mut Vec<u8>, said: &Value) {
    piece.extend_from_slice(said.to_string().as_bytes());
    piece.push(b'\n');
}

fn is_dry(head: &request::Parts) -> bool {
    let query = head.uri.query().unwrap_or_default();
    query.split('&').any(|part| matches!(part, "dry" | "dry=1" | "dry=true"))
}

/// How a body holds its orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// One a line.
    Lines,
    /// As one JSON document.
    Document,
}

impl Form {
    /// What the head says of the body. Only what no page can have a browser send without asking first (Fetch
    /// Standard, "CORS-safelisted request-header"): else any page that an operator reads could purge.
    fn of(head: &request::Parts) -> Option<Self> {
        let kind = head.headers.get(CONTENT_TYPE)?.as_bytes().split(|byte| *byte == b';').next()?;
        let is = |named: &str| kind.trim_ascii().eq_ignore_ascii_case(named.as_bytes());
        if is(NDJSON) { Some(Self::Lines) } else { is(JSON).then_some(Self::Document) }
    }
}

fn closed(why: Closed) -> Answer {
    let (status, text) = match why {
        Closed::NoToken => (
            StatusCode::UNAUTHORIZED,
            "send `Authorization: Bearer` with a token of [[admin.token]]",
        ),
        Closed::BadToken => (StatusCode::UNAUTHORIZED, "the token is none of [[admin.token]]"),
        Closed::Address => (StatusCode::FORBIDDEN, "this address is not in `allow` of [purge]"),
    };
    refused(status, Reason::PurgeForbidden, text)
}

fn refused(status: StatusCode, reason: Reason, why: &str) -> Answer {
    let text = format!("{}\n", json!({ "ok": false, "error": reason.as_str(), "message": why }));
    let mut answer = answer(status, reason, JSON, Body::from_bytes(text));
    let more = match status {
        StatusCode::METHOD_NOT_ALLOWED => Some((ALLOW, "POST")),
        StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, "Bearer realm=\"tidegate\"")),
        _ => None,
    };
    if let Some((name, value)) = more {
        answer.head.headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn answer(status: StatusCode, reason: Reason, kind: &'static str, body: Body) -> Answer {
    let mut head = Response::new(()).into_parts().0;
    head.status = status;
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    head.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let account = Account::new(None, Outcome::Synth, reason);
    Answer { head, stored: Fields::default(), body, account, then: Then::KeepAlive }
}

/// Answers as their batch makes them.
struct Pieces(mpsc::Receiver<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
