//! An answer on its way out: its head with the framing fields that are ours, and its body in
//! pieces that tell when the socket's side has taken them.
//!
//! Content-Length and Transfer-Encoding are the protocol's from the body's size; what the plot put
//! there counts only for HEAD (RFC 9110 §8.6). A body that is shorter or longer than it said, that
//! fails, or whose answer is to be cut ends in an error: an HTTP/1 connection is then closed without
//! the last chunk, and hyper resets an HTTP/2 stream with INTERNAL_ERROR, its reason for any error
//! that names none. Only an HTTP/1.0 body that ends with its connection could still look complete, so
//! there the socket is reset.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Method, Response, StatusCode, Version};
use http_body::{Body as _, Frame, SizeHint};

use super::handler::{Answer, Then};
use super::record::Record;
use crate::base::pages::Pages;
use crate::base::tunnel::Tunnel;
use crate::base::{Body, Fault, Fields, Reason, Stored};

/// What becomes of the connection after an answer.
pub(super) enum Next {
    /// It takes the next request, if it can.
    KeepAlive,
    /// It is closed.
    Close,
    /// It is joined to the origin's.
    Tunnel(Tunnel),
}

/// Makes the response that is sent of `answer`, with the stored fields that go before its own.
///
/// # Errors
/// An answer that cannot be sent: an interim status without a tunnel, or a tunnel where there is
/// none. The connection or the stream is then cut.
pub(super) fn respond(
    answer: Answer,
    record: Arc<Record>,
) -> Result<(Response<Sent>, Fields, Next), Fault> {
    let Answer { mut head, stored, body, account, then } = answer;
    let why = account.reason;
    record.on_answer(head.status, account);
    record.on_head();
    head.version = Version::HTTP_11;
    head.headers.remove(CONNECTION);
    head.headers.remove(TRANSFER_ENCODING);

    let (cut, next) = match then {
        Then::KeepAlive => (None, Next::KeepAlive),
        Then::Close => (None, Next::Close),
        Then::Abort => (Some(why), Next::Close),
        Then::Tunnel(tunnel) => {
            let http1 = record.asked.version == Version::HTTP_11;
            if !http1 || head.status != StatusCode::SWITCHING_PROTOCOLS {
                return Err(unsendable(&record, "a tunnel for a request that asked for none"));
            }
            head.headers.remove(CONTENT_LENGTH);
            let sent = Sent::new(Body::Empty, record, None);
            return Ok((Response::from_parts(head, sent), stored, Next::Tunnel(tunnel)));
        }
    };
    if head.status.is_informational()
        || record.asked.method == Method::CONNECT && head.status.is_success()
    {
        return Err(unsendable(&record, "a status that changes the protocol, without a tunnel"));
    }

    let bodiless = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let is_head = record.asked.method == Method::HEAD;
    if !is_head || bodiless {
        head.headers.remove(CONTENT_LENGTH);
    } else if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        head.headers.entry(CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    let body = if is_head || bodiless { Body::Empty } else { body };
    Ok((Response::from_parts(head, Sent::new(body, record, cut)), stored, next))
}

fn unsendable(record: &Record, what: &str) -> Fault {
    record.on_broken(Reason::Upgrade);
    Fault::ours(Reason::Upgrade, what)
}

/// The body of an answer as the protocol pulls it.
pub(super) struct Sent {
    body: Body,
    record: Arc<Record>,
    /// Bytes that must still come, where the size was told.
    left: Option<u64>,
    /// Why the answer must not look complete, if it must not.
    cut: Option<Reason>,
    /// What it keeps in memory, where that is worth a note.
    kept: u64,
    /// The end of an answer that is broken off, once what came before it had time to leave.
    failed: Option<Fault>,
}

/// Below this the socket's buffer takes an answer at once: what it keeps is not noted.
const NOTED: u64 = 64 * 1024;

impl Sent {
    fn new(body: Body, record: Arc<Record>, cut: Option<Reason>) -> Self {
        let left = body.size_hint().exact().filter(|_| cut.is_none());
        // Nobody asks for what is known to be nothing.
        if cut.is_none() && (left == Some(0) || body.is_end_stream()) {
            record.on_ended();
        }
        let kept = if left.is_some_and(|left| left < NOTED) { 0 } else { body.keeps() };
        if kept > 0 {
            record.line.on_kept(kept);
        }
        Self { body, record, left, cut, kept, failed: None }
    }

    /// The whole body as pages for a plain socket, where it has some; nothing of it is left then.
    pub(super) fn take_pages(&mut self) -> Option<Paged> {
        let Body::Segments(segments) = &self.body else { return None };
        let (body, offset, left) = segments.pages().filter(|(.., left)| *left > 0)?;
        if self.cut.is_some() || self.left != Some(left) {
            return None;
        }
        let length = usize::try_from(left).ok()?;
        self.body = Body::Empty;
        self.left = Some(0);
        self.record.on_handed(length);
        self.record.on_ended();
        Some(Paged { body, offset, left: length, record: Arc::clone(&self.record) })
    }

    fn broken(&self, fault: Fault) -> Poll<Option<Result<Frame<Piece>, Fault>>> {
        self.record.on_broken(fault.reason);
        let ends_with_connection =
            self.left.is_none() && self.record.asked.version < Version::HTTP_11;
        if ends_with_connection {
            self.record.line.must_reset();
        }
        Poll::Ready(Some(Err(fault)))
    }

    fn on_data(&mut self, bytes: Bytes) -> Poll<Option<Result<Frame<Piece>, Fault>>> {
        let length = bytes.len() as u64;
        if let Some(left) = self.left {
            let Some(rest) = left.checked_sub(length) else {
                return self.broken(Fault::ours(Reason::Truncated, "more body than was told"));
            };
            self.left = Some(rest);
        }
        // What the store holds is shared, and paid for there.
        let owned = !matches!(self.body, Body::Segments(_) | Body::Trailed(_));
        let piece = Piece::new(bytes, &self.record, owned);
        if self.is_end_stream() {
            self.record.on_ended();
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    /// Whether the end must wait for the client; then it is woken when the rest has been taken.
    fn holds(&self, cx: &Context<'_>) -> bool {
        let holds = self.record.must_hold();
        if holds {
            self.record.hold(cx.waker());
        }
        holds
    }

    fn on_end(&mut self) -> Poll<Option<Result<Frame<Piece>, Fault>>> {
        if let Some(reason) = self.cut {
            return self.broken(Fault::ours(reason, "the answer is cut"));
        }
        if self.left.is_some_and(|left| left > 0) {
            return self.broken(Fault::origin(Reason::Truncated, "less body than was told"));
        }
        self.record.on_ended();
        Poll::Ready(None)
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, Fault>>> {
        if self.cut.is_none() && self.left == Some(0) && self.record.line.streams().is_some() {
            // Polled again for an end that was held back.
            return if self.holds(cx) { Poll::Pending } else { self.on_end() };
        }
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.body).poll_frame(cx)));
        match polled {
            Ok(Poll::Pending) => {
                self.record.on_nothing_to_give();
                Poll::Pending
            }
            Ok(Poll::Ready(Some(Ok(frame)))) => match frame.into_data() {
                Ok(bytes) => self.on_data(bytes),
                Err(frame) => {
                    self.record.on_head();
                    if self.cut.is_none() && self.left.unwrap_or(0) == 0 {
                        self.record.on_ended();
                    }
                    // Not data, so no piece is made of it.
                    Poll::Ready(Some(Ok(
                        frame.map_data(|bytes| Piece::new(bytes, &self.record, true))
                    )))
                }
            },
            Ok(Poll::Ready(Some(Err(fault)))) => self.broken(fault),
            Ok(Poll::Ready(None)) => {
                let held = self.cut.is_none() && self.left.is_none_or(|left| left == 0);
                if held && self.holds(cx) {
                    self.left = Some(0);
                    return Poll::Pending;
                }
                self.on_end()
            }
            Err(_) => {
                self.body = Body::Empty;
                self.broken(Fault::ours(Reason::Panic, "a body panicked"))
            }
        }
    }
}

impl http_body::Body for Sent {
    type Data = Piece;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, Fault>>> {
        let this = &mut *self;
        if let Some(fault) = this.failed.take() {
            return Poll::Ready(Some(Err(fault)));
        }
        match this.poll_body(cx) {
            // With the reset of its stream goes all that h2 has not written yet, the head included:
            // that leaves in between.
            Poll::Ready(Some(Err(fault))) if this.record.asked.version == Version::HTTP_2 => {
                this.failed = Some(fault);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            polled => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        // All that was told has come, whether or not the body knows that it is over.
        self.cut.is_none()
            && (self.left == Some(0) || self.body.is_end_stream())
            && !self.record.must_hold()
    }

    fn size_hint(&self) -> SizeHint {
        if self.cut.is_some() { SizeHint::default() } else { self.body.size_hint() }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if self.kept > 0 {
            self.record.line.on_released(self.kept);
        }
    }
}

/// A piece of a body that counts what is taken of it.
pub(super) struct Piece {
    bytes: Bytes,
    record: Arc<Record>,
    /// Whether its bytes are its own, not the store's.
    owned: bool,
    /// Whether they count among what an HTTP/2 connection makes us hold.
    pinned: bool,
}

impl Piece {
    fn new(bytes: Bytes, record: &Arc<Record>, owned: bool) -> Self {
        record.on_handed(bytes.len());
        let streams = record.line.streams().filter(|_| owned);
        if let Some(streams) = streams {
            streams.pin(bytes.len() as u64);
        }
        Self { pinned: streams.is_some(), owned, bytes, record: Arc::clone(record) }
    }

    /// Bytes that are in memory for it alone.
    pub(super) fn own(&self) -> usize {
        if self.owned { self.bytes.len() } else { 0 }
    }

    fn unpin(&self, count: usize) {
        if let Some(streams) = self.record.line.streams().filter(|_| self.pinned) {
            streams.unpin(count as u64);
        }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.unpin(count);
        self.record.on_taken(count);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if !self.bytes.is_empty() {
            self.unpin(self.bytes.len());
            self.record.line.on_lost(self.bytes.len());
        }
    }
}

/// A stored body that is sent as pages and counts what is taken of it.
pub(super) struct Paged {
    body: Arc<Stored>,
    offset: u64,
    left: usize,
    record: Arc<Record>,
}

impl Paged {
    /// Bytes that have not been taken.
    pub(super) fn remaining(&self) -> usize {
        self.left
    }

    /// The pages and where the rest begins.
    pub(super) fn rest(&self) -> Option<(&Pages, u64)> {
        self.body.pages().map(|pages| (pages, self.offset))
    }

    /// `count` bytes were taken.
    pub(super) fn advance(&mut self, count: usize) {
        self.offset += count as u64;
        self.left -= count;
        self.record.on_taken(count);
    }
}

impl Drop for Paged {
    fn drop(&mut self) {
        if self.left > 0 {
            self.record.line.on_lost(self.left);
        }
    }
}
