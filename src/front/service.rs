//! The bridge from hyper's service to the Handler seam. A ready answer passes without a box; one
//! that must be waited for is the handler's own box, polled in place. A panic on either way ends
//! the connection (HTTP/1) or the stream (HTTP/2) and nothing else.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use super::answer::{Sent, respond};
use super::handler::{Answer, Reply, Then};
use super::line::Line;
use super::record::Record;
use super::request::RequestBody;
use crate::base::{Body, Fault, Outcome, Reason};
use crate::telemetry::{Account, Asked};

/// hyper's service of one connection.
pub(super) struct Service(pub(super) Arc<Line>);

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Sent>;
    type Error = Fault;
    type Future = Call;

    fn call(&self, request: Request<Incoming>) -> Call {
        let line = &self.0;
        let (mut head, incoming) = request.into_parts();
        let upgrade = head.extensions.remove::<OnUpgrade>();
        let record = Record::begin(line, Asked::of(&head));
        if head.headers.len() > line.serving.limits.headers {
            // hyper counts the fields of HTTP/1 itself; HTTP/2's one-byte fields it does not.
            return Call::Ready(Some(respond(too_many_fields(), record, None)));
        }
        let body = if incoming.is_end_stream() {
            Body::Empty
        } else {
            Body::stream(RequestBody::new(incoming, &record))
        };
        let request = Request::from_parts(head, body);
        let handler = &line.serving.handler;
        match catch_unwind(AssertUnwindSafe(|| handler.handle(request, &line.peer))) {
            Ok(Reply::Ready(answer)) => Call::Ready(Some(respond(answer, record, upgrade))),
            Ok(Reply::Later(answer)) => {
                Call::Later { answer, rest: Some(Rest { record, upgrade }) }
            }
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

fn panicked(record: &Record) -> Fault {
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
        answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
        /// What the response needs besides.
        rest: Option<Rest>,
    },
}

/// What a response needs besides the answer.
pub(super) struct Rest {
    record: Arc<Record>,
    upgrade: Option<OnUpgrade>,
}

impl Future for Call {
    type Output = Result<Response<Sent>, Fault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Ready(response) => {
                Poll::Ready(response.take().expect("hyper polls no future after it was ready"))
            }
            Self::Later { answer, rest } => {
                let answer = match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
                    Ok(answer) => Ok(ready!(answer)),
                    Err(_) => Err(()),
                };
                let Rest { record, upgrade } =
                    rest.take().expect("hyper polls no future after it was ready");
                Poll::Ready(match answer {
                    Ok(answer) => respond(answer, record, upgrade),
                    Err(()) => Err(panicked(&record)),
                })
            }
        }
    }
}
