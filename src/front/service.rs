//! The bridge from hyper's service to the Handler seam. A ready answer passes without a box; one
//! that must be waited for is the handler's own box, polled in place. A panic on either way ends
//! the stream and nothing else. HTTP/1 calls the Handler itself (`http1`).

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;

use super::answer::{Sent, respond};
use super::handler::{Answer, Later, Reply, Then};
use super::line::Line;
use super::record::Record;
use super::request::{RequestBody, Source};
use crate::base::{Body, Fault, Outcome, Reason};
use crate::telemetry::{Account, Asked};

/// hyper's service of one HTTP/2 connection.
pub(super) struct Service(pub(super) Arc<Line>);

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Sent>;
    type Error = Fault;
    type Future = Call;

    fn call(&self, request: Request<Incoming>) -> Call {
        let line = &self.0;
        let (head, incoming) = request.into_parts();
        let record = Record::begin(line, Asked::of(&head));
        if head.headers.len() > line.serving.limits.headers {
            // hyper bounds their bytes, not their number.
            return Call::Ready(Some(responded(too_many_fields(), record)));
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
            Ok(Reply::Later(answer)) => Call::Later { answer, record: Some(record) },
            Err(_) => Call::Ready(Some(Err(panicked(&record)))),
        }
    }
}

/// RFC 6585 §5.
fn too_many_fields() -> Answer {
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    let account = Account::new(None, Outcome::Refused, Reason::BadRequest);
    Answer { head, body: Body::Empty, account, then: Then::Close }
}

fn responded(answer: Answer, record: Arc<Record>) -> Result<Response<Sent>, Fault> {
    respond(answer, record).map(|(response, _)| response)
}

/// The handler panicked over a request.
pub(super) fn panicked(record: &Record) -> Fault {
    record.on_broken(Reason::Panic);
    Fault::ours(Reason::Panic, "the handler panicked")
}

/// One request on its way to its response.
pub(super) enum Call {
    /// The response stands.
    Ready(Option<Result<Response<Sent>, Fault>>),
    /// The answer comes.
    Later {
        /// The handler's future.
        answer: Later,
        /// What the response needs besides.
        record: Option<Arc<Record>>,
    },
}

impl Future for Call {
    type Output = Result<Response<Sent>, Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Ready(response) => {
                Poll::Ready(response.take().expect("hyper polls no future after it was ready"))
            }
            Self::Later { answer, record } => {
                let answer = match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
                    Ok(answer) => Ok(ready!(answer)),
                    Err(_) => Err(()),
                };
                let record = record.take().expect("hyper polls no future after it was ready");
                Poll::Ready(match answer {
                    Ok(answer) => responded(answer, record),
                    Err(()) => Err(panicked(&record)),
                })
            }
        }
    }
}
