//! The bridge from hyper's service to the Handler seam. A ready answer passes without a box; one
//! that must be waited for is the handler's own box, polled in place. A panic on either way ends
//! the stream and nothing else. HTTP/1 calls the Handler itself (`http1`).

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::COOKIE;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;

use super::Serving;
use super::answer::{Sent, respond};
use super::handler::{Answer, Later, Reply, Then};
use super::limit::Limit;
use super::line::Line;
use super::record::{ConnectionEvent, Record};
use super::request::{RequestBody, Source};
use super::streams::Streams;
use crate::base::{Body, Fault, Fields, Outcome, Reason};
use crate::telemetry::{Account, Asked};

/// hyper's service of one HTTP/2 connection.
pub(super) struct Service(pub(super) Arc<Line>);

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Sent>;
    type Error = Unanswered;
    type Future = Call;

    fn call(&self, request: Request<Incoming>) -> Call {
        let line = &self.0;
        let (head, incoming) = request.into_parts();
        let record = Record::begin(line, Asked::of(&head));
        if let Some(streams) = line.streams() {
            streams.begin(&record);
            match beyond(streams, &record, &head.headers) {
                Some(Limit::Pinned) => return Call::Ready(Some(Err(Unanswered::calm(&record)))),
                Some(_) => return Call::Ready(Some(responded(too_many_fields(), record))),
                None => {}
            }
        }
        let body = if incoming.is_end_stream() {
            Body::Empty
        } else {
            Body::stream(RequestBody::new(Source::Http2(incoming), &record))
        };
        let request = Request::from_parts(head, body);
        let handler = &line.serving.handler;
        match catch_unwind(AssertUnwindSafe(|| handler.handle(request, &line.peer))) {
            Ok(Reply::Ready(answer)) => Call::Ready(Some(responded(answer, record))),
            Ok(Reply::Later(answer)) => Call::Later { answer, record: Some(record), begun: false },
            Err(_) => Call::Ready(Some(Err(panicked(&record).into()))),
        }
    }
}

/// The limit that a request is beyond, which is told of. hyper bounds the fields' bytes and not their
/// number, and some take one byte on the wire.
fn beyond(streams: &Streams, record: &Record, fields: &HeaderMap) -> Option<Limit> {
    let Serving { limits, http2, .. } = &*record.line.serving;
    record.pin(Streams::weight(fields.len()));
    let mut limit = (streams.pinned() > http2.max_pinned).then_some(Limit::Pinned);
    if fields.len() > limits.headers.min(http2.max_crumbs) {
        // A Cookie may come in crumbs (RFC 9113 §8.2.3), which are one field to everybody else.
        let crumbs = fields.get_all(COOKIE).iter().count();
        if crumbs > http2.max_crumbs {
            limit = Some(Limit::Crumbs);
        } else if fields.len() - crumbs.saturating_sub(1) > limits.headers {
            limit = Some(Limit::Head);
        }
    }
    if let Some(limit) = limit {
        let (line, reason) = (&record.line, limit.reason());
        tracing::debug!(peer = %line.peer.remote, %reason, ?limit, "refused");
        line.tell(ConnectionEvent::Refused(limit));
    }
    limit
}

/// RFC 6585 §5.
fn too_many_fields() -> Answer {
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    let account = Account::new(None, Outcome::Refused, Reason::HeadTooLarge);
    Answer { head, stored: Fields::default(), body: Body::Empty, account, then: Then::Close }
}

fn responded(answer: Answer, record: Arc<Record>) -> Result<Response<Sent>, Unanswered> {
    let (response, stored, _) = respond(answer, record)?;
    debug_assert!(stored.is_empty(), "only HTTP/1 writes fields as they are stored");
    Ok(response)
}

/// The handler panicked over a request.
pub(super) fn panicked(record: &Record) -> Fault {
    record.on_broken(Reason::Panic);
    Fault::ours(Reason::Panic, "the handler panicked")
}

/// Why there is no response; hyper resets the stream with the code of the error beneath, or with
/// INTERNAL_ERROR.
#[derive(Debug)]
pub(super) struct Unanswered {
    fault: Fault,
    code: Option<h2::Error>,
}

impl Unanswered {
    /// The client asks for too much at once.
    fn calm(record: &Record) -> Self {
        record.on_broken(Reason::Pinned);
        let fault = Fault::client(Reason::Pinned, "the connection makes us hold too much");
        Self { fault, code: Some(h2::Reason::ENHANCE_YOUR_CALM.into()) }
    }
}

impl From<Fault> for Unanswered {
    fn from(fault: Fault) -> Self {
        Self { fault, code: None }
    }
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for Unanswered {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.code.as_ref().map(|code| code as _)
    }
}

/// One request on its way to its response.
pub(super) enum Call {
    /// The response stands.
    Ready(Option<Result<Response<Sent>, Unanswered>>),
    /// The answer comes.
    Later {
        /// The handler's future.
        answer: Later,
        /// What the response needs besides.
        record: Option<Arc<Record>>,
        /// Whether the handler's future has been polled.
        begun: bool,
    },
}

impl Future for Call {
    type Output = Result<Response<Sent>, Unanswered>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Ready(response) => {
                Poll::Ready(response.take().expect("hyper polls no future after it was ready"))
            }
            // hyper looks for a reset only behind a future that waits. Whoever opens streams and has
            // them reset by what is sent with them (CVE-2023-44487, CVE-2025-8671) costs no origin
            // anything: the wait is until after that look.
            Self::Later { begun: begun @ false, .. } => {
                *begun = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Later { answer, record, .. } => {
                let answer = match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
                    Ok(answer) => Ok(ready!(answer)),
                    Err(_) => Err(()),
                };
                let record = record.take().expect("hyper polls no future after it was ready");
                Poll::Ready(match answer {
                    Ok(answer) => responded(answer, record),
                    Err(()) => Err(panicked(&record).into()),
                })
            }
        }
    }
}
