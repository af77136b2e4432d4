//! The two directions of a client's HTTP/1 connection: heads and bodies as they are read, answers as
//! they are written. Nothing here knows in which stage the connection is.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Buf;
use http::Response;
use http::header::{CONNECTION, DATE};
use http_body::{Body as _, Frame};

use super::out::Out;
use super::upload::Intake;
use super::{Ending, LAST_CHUNK, Over, Sending, has_body};
use crate::base::budget::Part;
use crate::base::{Charge, Fault, Fields};
use crate::front::answer::{Piece, Sent};
use crate::front::line::Line;
use crate::front::transport::Transport;
use crate::semantics::date;
use crate::wire::{Bad, Buffer, HeadEnd, READ, RequestHead, write};

/// A client's socket, with what was read of it and what is to be written.
pub(in crate::front) struct Link {
    pub(in crate::front) io: Transport,
    pub(super) line: Arc<Line>,
    pub(in crate::front) buffer: Buffer,
    /// For what waits in the buffer: part of a head, or requests behind the one that is answered.
    charge: Option<Charge>,
    head_end: HeadEnd,
    pub(super) out: Out,
    /// Whether part of a request's body may still be on its way.
    pub(in crate::front) unread: bool,
}

impl Link {
    pub(super) fn new(io: Transport, line: Arc<Line>) -> Self {
        let (buffer, out) = (Buffer::default(), Out::default());
        let head_end = HeadEnd::default();
        Self { io, line, buffer, charge: None, head_end, out, unread: false }
    }

    /// Reads the next request's head.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<RequestHead, Over>> {
        let limits = &self.line.serving.limits;
        loop {
            // RFC 9112 §2.2: empty lines before a request are ignored.
            while self.buffer.rest().starts_with(b"\r\n") {
                self.buffer.skip(2);
            }
            if !self.buffer.is_empty() && self.buffer.rest() != b"\r" {
                self.line.on_head_begun();
                let found = self.head_end.find(self.buffer.rest(), limits.header_bytes);
                if let Some(length) = found.map_err(Over::Refused)? {
                    self.head_end = HeadEnd::default();
                    let text = self.buffer.take(length);
                    let head = RequestHead::read(&text, limits.headers);
                    return Poll::Ready(head.map_err(Over::Refused));
                }
            }
            // A client whose first request is on its way is waited for.
            let draining = self.line.serving.drain.is_draining() && self.line.heard();
            if draining && self.buffer.is_empty() {
                return Poll::Ready(Err(Over::Done));
            }
            // A head that is as long as it may be is complete, or refused above.
            let most = limits.header_bytes.saturating_sub(self.buffer.rest().len());
            match self.buffer.poll_fill(Pin::new(&mut self.io), most, cx) {
                Poll::Pending => {
                    self.charge_buffer();
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0)) if self.buffer.is_empty() => {
                    return Poll::Ready(Err(Over::Done));
                }
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(Over::Left)),
                Poll::Ready(Ok(_)) => {}
            }
        }
    }

    /// Queues what tells the client that it sent no request.
    pub(super) fn refuse(&mut self, bad: Bad) {
        let now = self.line.serving.clock.wall();
        self.out.text(|out| {
            write::status(out, bad.status());
            write::length(out, 0);
            write::field(out, CONNECTION.as_str(), b"close");
            write::field(out, DATE.as_str(), date::format(now).as_bytes());
            out.extend_from_slice(b"\r\n");
        });
    }

    /// Queues an answer's head.
    pub(super) fn write_head(
        &mut self,
        response: &Response<Sent>,
        stored: &Fields,
        ending: Ending,
        is_head: bool,
        connection: Option<&str>,
    ) {
        let (status, headers) = (response.status(), response.headers());
        let length = response.body().size_hint().exact().filter(|_| !is_head && has_body(status));
        let clock = &self.line.serving.clock;
        self.out.text(|out| {
            // Room for the usual head, so that it is written without growing.
            out.reserve(512 + stored.size());
            write::status(out, status);
            stored.texts().for_each(|(name, value)| write::field(out, name, value));
            write::fields(out, headers);
            match (ending, length) {
                (Ending::Chunk, _) => write::field(out, "transfer-encoding", b"chunked"),
                (Ending::Told, Some(length)) => write::length(out, length),
                _ => {}
            }
            if let Some(option) = connection {
                write::field(out, CONNECTION.as_str(), option.as_bytes());
            }
            let dated = headers.contains_key(DATE) || stored.is_dated();
            if !dated && !status.is_informational() {
                write::field(out, DATE.as_str(), date::format(clock.wall()).as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        });
    }

    /// Queues a frame of an answer's body, or its end.
    pub(super) fn put(
        &mut self,
        frame: Option<Result<Frame<Piece>, Fault>>,
        sending: &mut Sending,
    ) {
        let chunked = sending.ending == Ending::Chunk;
        let piece = match frame.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(piece))) => piece,
            Some(Ok(Err(last))) => {
                sending.ended = true;
                if chunked {
                    let trailers = last.trailers_ref().filter(|_| sending.takes_trailers);
                    self.out.text(|out| {
                        out.extend_from_slice(b"0\r\n");
                        trailers.inspect(|trailers| write::fields(out, trailers));
                        out.extend_from_slice(b"\r\n");
                    });
                }
                return;
            }
            Some(Err(fault)) => {
                tracing::debug!(peer = %self.line.peer.remote, "cut: {fault}");
                (sending.ended, sending.broken) = (true, true);
                return;
            }
            None => {
                sending.ended = true;
                if chunked {
                    self.out.text(|out| out.extend_from_slice(LAST_CHUNK));
                }
                return;
            }
        };
        // A chunk of nothing would be the last.
        if chunked && piece.has_remaining() {
            self.out.text(|out| write::chunk(out, piece.remaining()));
            self.out.piece(piece);
            self.out.text(|out| out.extend_from_slice(b"\r\n"));
        } else if piece.has_remaining() {
            self.out.piece(piece);
        }
        // Nothing is asked of a body that has brought all it told.
        sending.ended = sending.ending == Ending::Told && sending.sent.is_end_stream();
    }

    /// Reads what the plot wants of the body, or else looks whether the client is still there;
    /// whether the plot got something.
    pub(super) fn listen(
        &mut self,
        intake: Option<&mut Intake>,
        cx: &mut Context<'_>,
    ) -> Result<bool, Over> {
        let Some(intake) = intake.filter(|intake| !intake.is_done()) else {
            return self.look_for_the_end(cx).map(|()| false);
        };
        if !intake.is_wanted(cx) {
            return Ok(false);
        }
        while !intake.give(&mut self.buffer) {
            if intake.takes_continue(&self.buffer) {
                self.out.text(|out| out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n"));
                if let Poll::Ready(Err(_)) = self.out.poll_write(&mut self.io, cx) {
                    return Err(Over::Left);
                }
            }
            match self.buffer.poll_fill(Pin::new(&mut self.io), READ, cx) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Ok(0) | Err(_)) => intake.fail(),
            }
        }
        Ok(true)
    }

    /// Reads what the client sends behind its request, as far as a head may be long, and so finds out
    /// that it has left.
    fn look_for_the_end(&mut self, cx: &mut Context<'_>) -> Result<(), Over> {
        let most = self.line.serving.limits.header_bytes;
        while let Some(room @ 1..) = most.checked_sub(self.buffer.rest().len()) {
            match self.buffer.poll_fill(Pin::new(&mut self.io), room, cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Ok(0) | Err(_)) => return Err(Over::Left),
            }
        }
        self.charge_buffer();
        Ok(())
    }

    /// Charges the budget with what waits in the buffer, which is nothing as a rule.
    fn charge_buffer(&mut self) {
        let bytes = self.buffer.rest().len() as u64;
        match &mut self.charge {
            Some(_) if bytes == 0 => self.charge = None,
            Some(charge) => charge.set(bytes),
            None if bytes == 0 => {}
            None => {
                let budget = &self.line.serving.budget;
                self.charge = Some(budget.charge(Part::Connections, bytes));
            }
        }
    }

    /// Writes what is queued.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Over>> {
        self.out.poll_write(&mut self.io, cx).map_err(|_| Over::Left)
    }
}
