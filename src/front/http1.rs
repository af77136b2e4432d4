//! HTTP/1 towards clients: requests are read off the socket, answered one after the other, and
//! written back, all in the connection's own task. [`wire`](crate::wire) reads and writes; what is
//! decided here is when. A connection is in one of few stages ([`Stage`]), and one that is idle holds
//! neither a buffer to read into nor one to write from.
//!
//! While a request is answered the socket is still read, as far as a head may be long: a client
//! that closes its sending side in mid-request has nearly always left, and its fetch should not go on
//! for nobody. A body that the plot did not read is dropped as far as it has come; with the rest
//! outstanding the connection closes after the answer, so that it is never taken for a request.

mod link;
mod out;
mod upload;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use tokio::task::yield_now;

pub(super) use self::link::Link;
use self::upload::Intake;
pub(super) use self::upload::Upload;
use super::answer::{Next, Sent, respond};
use super::handler::{Answer, Later, Reply};
use super::line::Line;
use super::record::Record;
use super::request::{RequestBody, Source};
use super::service::panicked;
use super::transport::Transport;
use crate::base::Body;
use crate::base::tunnel::Tunnel;
use crate::semantics::hop;
use crate::telemetry::Asked;
use crate::wire::{Bad, Framing, RequestHead};

/// How HTTP on a connection ends.
pub(super) enum Over {
    /// In order.
    Done,
    /// The client left.
    Left,
    /// The client sent what is no request.
    Refused(Bad),
    /// An answer cannot be completed.
    Broken,
    /// The protocol changes.
    Tunnel(Tunnel),
}

/// HTTP/1 on one connection: a future of how it ends.
pub(super) struct Http1 {
    link: Link,
    stage: Stage,
}

/// What a connection is about.
enum Stage {
    /// A head is awaited.
    Head,
    /// The plot works on an answer.
    Waiting(Box<Waiting>),
    /// An answer is sent.
    Sending(Sending),
    /// What is no request is refused.
    Refusing(Bad),
}

/// A request without an answer.
struct Waiting {
    later: Later,
    record: Arc<Record>,
    manner: Manner,
    intake: Option<Intake>,
}

/// What a request says of the connection.
#[derive(Clone, Copy)]
struct Manner {
    /// Whether it may be kept.
    keep_alive: bool,
    /// Whether trailer fields are welcome (RFC 9110 §10.1.4).
    takes_trailers: bool,
}

/// An answer whose head is queued.
struct Sending {
    sent: Sent,
    ending: Ending,
    ended: bool,
    broken: bool,
    takes_trailers: bool,
    /// The rest of the request, which may be wanted still.
    intake: Option<Intake>,
    next: Next,
}

/// How the end of an answer's body is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// By its length, or by having none.
    Told,
    /// By the last chunk.
    Chunk,
    /// By the end of the connection (HTTP/1.0).
    Connection,
}

/// Requests that a connection has answered at once before the others have their turn: whoever sends
/// many on many connections must not keep the rest waiting for all of them.
const TURN: u32 = 4;

/// The last chunk, and no trailers.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

impl Http1 {
    pub(super) fn new(io: Transport, line: &Arc<Line>) -> Self {
        Self { link: Link::new(io, Arc::clone(line)), stage: Stage::Head }
    }

    /// The socket, with nothing left of any request.
    pub(super) fn into_link(self) -> Link {
        self.link
    }
}

impl Future for Http1 {
    type Output = Over;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Over> {
        let Self { link, stage } = &mut *self;
        let mut answered = 0;
        loop {
            let next = match stage {
                // Unlike a task that wakes itself, this one is woken behind those whose sockets are.
                Stage::Head if answered == TURN => {
                    let _ = pin!(yield_now()).poll(cx);
                    return Poll::Pending;
                }
                Stage::Head => match ready!(link.poll_head(cx)) {
                    Ok(head) => ask(link, head),
                    Err(Over::Refused(bad)) => {
                        link.refuse(bad);
                        Ok(Stage::Refusing(bad))
                    }
                    Err(over) => Err(over),
                },
                Stage::Waiting(waiting) => match ready!(waiting.poll(link, cx)) {
                    Ok(answer) => {
                        let Waiting { record, manner, intake, .. } = &mut **waiting;
                        begin(link, answer, Arc::clone(record), *manner, intake.take())
                    }
                    Err(over) => Err(over),
                },
                Stage::Sending(sending) => match ready!(sending.poll(link, cx)) {
                    Ok(()) => match std::mem::replace(&mut sending.next, Next::Close) {
                        Next::KeepAlive => {
                            answered += 1;
                            Ok(Stage::Head)
                        }
                        Next::Close => Err(Over::Done),
                        Next::Tunnel(tunnel) => Err(Over::Tunnel(tunnel)),
                    },
                    Err(over) => Err(over),
                },
                Stage::Refusing(bad) => ready!(link.poll_write(cx)).and(Err(Over::Refused(*bad))),
            };
            match next {
                Ok(next) => *stage = next,
                Err(over) => return Poll::Ready(over),
            }
        }
    }
}

/// Gives a request to the plot.
fn ask(link: &mut Link, head: RequestHead) -> Result<Stage, Over> {
    let RequestHead { parts, framing, keep_alive, expects_continue } = head;
    let manner = Manner { keep_alive, takes_trailers: hop::accepts_trailers(&parts.headers) };
    let record = Record::begin(&link.line, Asked::of(&parts));
    let intake = match framing {
        Framing::NONE => None,
        framing => Some(Intake::new(framing, expects_continue)),
    };
    let body = intake.as_ref().map_or(Body::Empty, |intake| {
        Body::stream(RequestBody::new(Source::Http1(intake.upload()), &record))
    });
    let (handler, request) = (&link.line.serving.handler, Request::from_parts(parts, body));
    match catch_unwind(AssertUnwindSafe(|| handler.handle(request, &link.line.peer))) {
        Ok(Reply::Ready(answer)) => begin(link, answer, record, manner, intake),
        Ok(Reply::Later(later)) => {
            let waiting = Waiting { later, record, manner, intake };
            Ok(Stage::Waiting(Box::new(waiting)))
        }
        Err(_) => {
            panicked(&record);
            Err(Over::Broken)
        }
    }
}

/// Begins to send an answer: queues its head.
fn begin(
    link: &mut Link,
    answer: Answer,
    record: Arc<Record>,
    manner: Manner,
    mut intake: Option<Intake>,
) -> Result<Stage, Over> {
    let version = record.asked.version;
    let is_head = record.asked.method == Method::HEAD;
    let (response, stored, next) = respond(answer, record).map_err(|_| Over::Broken)?;
    let settled = intake.as_mut().is_none_or(|intake| intake.settle(&mut link.buffer));
    link.unread = !settled;
    let ending = ending(&response, version, is_head);
    let keep = manner.keep_alive
        && settled
        && ending != Ending::Connection
        && !link.line.serving.drain.is_draining();
    let next = if matches!(next, Next::KeepAlive) && !keep { Next::Close } else { next };
    let connection = match (&next, version) {
        (Next::Tunnel(_), _) => Some("upgrade"),
        (Next::Close, _) => Some("close"),
        (Next::KeepAlive, Version::HTTP_10) => Some("keep-alive"),
        (Next::KeepAlive, _) => None,
    };
    link.write_head(&response, &stored, ending, is_head, connection);
    let mut sent = response.into_body();
    if ending == Ending::Told
        && link.io.plain().is_some()
        && let Some(paged) = sent.take_pages()
    {
        link.out.paged(paged);
    }
    let ended = sent.is_end_stream();
    if ended && ending == Ending::Chunk {
        link.out.text(|out| out.extend_from_slice(LAST_CHUNK));
    }
    Ok(Stage::Sending(Sending {
        sent,
        ending,
        ended,
        broken: false,
        takes_trailers: manner.takes_trailers,
        intake,
        next,
    }))
}

impl Waiting {
    /// Waits for the answer, and meanwhile reads what of the body is asked for.
    fn poll(&mut self, link: &mut Link, cx: &mut Context<'_>) -> Poll<Result<Answer, Over>> {
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.later.as_mut().poll(cx))) {
                Ok(Poll::Ready(answer)) => return Poll::Ready(Ok(answer)),
                Ok(Poll::Pending) => {}
                Err(_) => {
                    panicked(&self.record);
                    return Poll::Ready(Err(Over::Broken));
                }
            }
            if !link.listen(self.intake.as_mut(), cx)? {
                return Poll::Pending;
            }
        }
    }
}

impl Sending {
    /// Sends the answer's body behind its head.
    fn poll(&mut self, link: &mut Link, cx: &mut Context<'_>) -> Poll<Result<(), Over>> {
        loop {
            let mut starved = false;
            while !self.ended && !starved && link.out.has_room() {
                match Pin::new(&mut self.sent).poll_frame(cx) {
                    Poll::Pending => starved = true,
                    Poll::Ready(frame) => link.put(frame, self),
                }
            }
            match link.poll_write(cx) {
                Poll::Ready(Err(over)) => return Poll::Ready(Err(over)),
                Poll::Ready(Ok(())) if self.broken => return Poll::Ready(Err(Over::Broken)),
                Poll::Ready(Ok(())) if self.ended => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) if !starved => continue,
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
            if !link.listen(self.intake.as_mut(), cx)? {
                return Poll::Pending;
            }
        }
    }
}

fn has_body(status: StatusCode) -> bool {
    !status.is_informational()
        && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// RFC 9112 §6.3, for what is sent.
fn ending(response: &Response<Sent>, version: Version, is_head: bool) -> Ending {
    if is_head || !has_body(response.status()) || response.body().size_hint().exact().is_some() {
        Ending::Told
    } else if version == Version::HTTP_10 {
        Ending::Connection
    } else {
        Ending::Chunk
    }
}
