//! One exchange over a stream.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use http::header::{CONNECTION, HOST};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Uri, Version, request, response};
use http_body::Body as _;

use super::super::answer;
use super::super::body::OriginBody;
use super::super::carrier::{Answered, Limits};
use super::super::fault as faults;
use super::body::{Rest, StreamBody};
use super::link::Stream;
use super::upload::Upload;
use crate::base::{Body, Clock, Fault, Reason};
use crate::wire::Framing;

/// Sends a request over `stream` and reads the head of its answer. Interim responses are read over.
///
/// # Errors
/// What kept the head from coming.
pub async fn exchange(
    mut stream: Stream,
    asked: &request::Parts,
    body: &mut Body,
    limits: Limits,
    clock: &Clock,
) -> Result<Answered, Fault> {
    let request = head(asked, stream.is_tls)?;
    let limit = limits.first_byte;
    let begun = clock.within(limit, begin(&mut stream, request, body.is_end_stream())).await;
    let late = || {
        stream.suspect();
        faults::late(limit)
    };
    let (mut answer, sender) = begun.map_err(|_| late())??;
    let is_streamed = matches!(body, Body::Stream(_));
    let sent = (!body.is_end_stream()).then(|| std::mem::replace(body, Body::Empty));
    let mut upload = sent.map(|body| Upload::new(sender, body, clock));
    let mut sleep = clock.sleep(limit);
    let answer = poll_fn(|cx| {
        if let Some(sending) = &mut upload {
            let gone = sending.gone();
            _ = sending.poll_send(cx)?;
            if is_streamed && sending.gone() != gone {
                sleep.reset(clock.now() + limit);
            }
        }
        if let Poll::Ready(answer) = Pin::new(&mut answer).poll(cx) {
            return Poll::Ready(answer.map_err(|error| stream.fault(&error)));
        }
        Pin::new(&mut sleep).poll(cx).map(|()| Err(late()))
    });
    let answer = match (answer.await, upload) {
        (Ok(answer), upload) => (answer, upload.filter(|sending| !sending.is_over())),
        (Err(fault), Some(sending)) if fault.unsent => return Err(put_back(fault, sending, body)),
        (Err(fault), _) => return Err(fault),
    };
    let (answer, upload) = answer;
    let (mut head, body): (response::Parts, RecvStream) = answer.into_parts();
    let framing = answer::check(asked, &mut head)
        .map_err(|what| Fault::origin(Reason::OriginGarbage, what))?;
    let length = match framing {
        Framing::Length(length) => Some(length),
        Framing::Chunked | Framing::Connection => None,
    };
    let rest = Rest { body, upload, stream };
    let body = StreamBody::new(rest, length, limits.between, clock.clone());
    Ok(Answered { head, body: OriginBody::Stream(body), upgrade: None })
}

/// Makes whole again the body of a request that the server has refused, or tells that it cannot be.
fn put_back(mut fault: Fault, sending: Upload, body: &mut Body) -> Fault {
    match sending.into_body() {
        Some(whole) => *body = whole,
        None => (fault.unsent, fault.retry) = (false, false),
    }
    fault
}

/// Opens the stream with the head of the request, as soon as the server takes one more.
async fn begin(
    stream: &mut Stream,
    request: Request<()>,
    is_whole: bool,
) -> Result<(ResponseFuture, SendStream<Bytes>), Fault> {
    let sender = &mut stream.sender;
    let ready = poll_fn(|cx| sender.poll_ready(cx)).await;
    let sent = ready.and_then(|()| sender.send_request(request, is_whole));
    sent.map_err(|error| match error.is_io() || error.is_remote() || error.is_library() {
        true => stream.fault(&error),
        // It cannot be said in HTTP/2.
        false => Fault::client(Reason::BadRequest, error),
    })
}

/// The head as HTTP/2 has it (RFC 9113 §8.3.1): the authority stands in the target alone, and nothing is
/// said of the connection.
fn head(asked: &request::Parts, is_tls: bool) -> Result<Request<()>, Fault> {
    let mut headers = asked.headers.clone();
    headers.remove(CONNECTION);
    let host = headers.remove(HOST);
    let authority = host.as_ref().and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let target = asked.uri.path_and_query().cloned();
    let uri = Uri::builder()
        .scheme(if is_tls { Scheme::HTTPS } else { Scheme::HTTP })
        .path_and_query(target.unwrap_or(PathAndQuery::from_static("/")));
    let uri = authority.into_iter().fold(uri, http::uri::Builder::authority);
    let uri = uri.build().map_err(|error| Fault::client(Reason::BadRequest, error))?;
    let mut request = Request::new(());
    *request.method_mut() = asked.method.clone();
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = headers;
    Ok(request)
}
