//! A request on its way to an origin. Its body goes out as it comes, but not byte by byte because
//! its client sends it so: behind the first piece, small ones are gathered for a moment. What a slow
//! sender costs an origin, and us, is bounded by time and not by how he cuts it up.

use std::future::Future;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, request};
use http_body::{Body as _, Frame};

use crate::base::{Body, Clock, Fault, Reason, Sleep};
use crate::wire::write;

/// Bytes that do not wait for more.
const ENOUGH: usize = 4 * 1024;
/// How long after the last piece fewer may wait for more.
const PAUSE: Duration = Duration::from_millis(50);

/// A request on its way out.
#[derive(Debug)]
pub struct Sending {
    /// What goes out next: the head, what frames pieces, and small pieces.
    text: Vec<u8>,
    written: usize,
    /// A large piece of the body, behind the text.
    piece: Bytes,
    body: Body,
    framing: Framed,
    /// What the body has still to bring of its length, where that was told.
    left: Option<u64>,
    /// What comes behind a body that is not framed here.
    trailers: Option<HeaderMap>,
    /// Whether something of the body has come.
    begun: bool,
    /// Whether the body is over.
    ended: bool,
    /// Whether all of it has gone, or never will.
    over: bool,
    gone: u64,
    clock: Clock,
    /// When what is gathered goes, whatever it is; at once where nothing has gone before it.
    due: Option<(Sleep, Instant)>,
}

/// How a body goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framed {
    /// As it is.
    Bare,
    /// In chunks, before the first of them.
    Chunks,
    /// In chunks, behind the data of one.
    Chunk,
}

impl Sending {
    /// A request with `body`, whose fields say its length where that is known.
    pub fn new(head: &request::Parts, body: Body, clock: &Clock) -> Self {
        let mut text = Vec::with_capacity(512);
        write::request(&mut text, head);
        let told = body.size_hint().exact();
        let chunked = !body.is_end_stream() && told.is_none();
        if chunked {
            write::field(&mut text, "transfer-encoding", b"chunked");
        }
        text.extend_from_slice(b"\r\n");
        let framing = if chunked { Framed::Chunks } else { Framed::Bare };
        Self { text, framing, ..Self::bare(body, clock) }
    }

    /// A body alone, which somebody else frames.
    pub fn bare(body: Body, clock: &Clock) -> Self {
        let (left, ended) = (body.size_hint().exact(), body.is_end_stream());
        Self {
            text: Vec::new(),
            written: 0,
            piece: Bytes::new(),
            body,
            framing: Framed::Bare,
            left,
            trailers: None,
            begun: false,
            ended,
            over: false,
            gone: 0,
            clock: clock.clone(),
            due: None,
        }
    }

    /// Whether all of it has gone, or never will.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Bytes that the socket took.
    pub fn gone(&self) -> u64 {
        self.gone
    }

    /// Whether its body comes as it is read.
    pub fn is_streamed(&self) -> bool {
        matches!(self.body, Body::Stream(_))
    }

    /// The rest will never go.
    pub fn give_up(&mut self) {
        self.over = true;
    }

    /// Takes at most `most` bytes of what is to be written next, and whether nothing follows them.
    pub fn take(&mut self, most: usize) -> (Bytes, bool) {
        let text = &self.text[self.written..];
        let bytes = match text.is_empty() {
            true => self.piece.slice(..most.min(self.piece.len())),
            false => Bytes::copy_from_slice(&text[..most.min(text.len())]),
        };
        self.advance(bytes.len());
        let gone = self.text.is_empty() && self.piece.is_empty();
        (bytes, gone && self.ended && self.trailers.is_none())
    }

    /// What is left of a body that was not framed here: pieces, and what has not been asked for.
    pub fn into_rest(mut self) -> ([Bytes; 2], Option<Body>) {
        let text = Bytes::from(self.text.split_off(self.written));
        ([text, self.piece], Some(self.body).filter(|_| !self.ended))
    }

    /// The trailer fields of a body that was not framed here, once all of it has gone.
    pub fn take_trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take()
    }

    /// What is to be written next; `None` once all of it has gone.
    ///
    /// # Errors
    /// What broke the body, or that it is not as long as its head told.
    pub fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<[IoSlice<'_>; 2]>, Fault>> {
        while self.gathers() {
            match self.poll_next(cx)? {
                Poll::Ready(()) => {}
                Poll::Pending if self.text.is_empty() => return Poll::Pending,
                Poll::Pending => {
                    ready!(self.poll_due(cx));
                    break;
                }
            }
        }
        self.over = self.text.is_empty() && self.piece.is_empty();
        Poll::Ready(Ok((!self.over)
            .then(|| [IoSlice::new(&self.text[self.written..]), IoSlice::new(&self.piece)])))
    }

    /// The socket took `written` bytes.
    pub fn advance(&mut self, written: usize) {
        self.gone += written as u64;
        let text = written.min(self.text.len() - self.written);
        self.written += text;
        drop(self.piece.split_to(written - text));
        if self.written == self.text.len() {
            self.text.clear();
            self.written = 0;
        }
        if self.begun && !self.ended {
            let due = self.clock.now() + PAUSE;
            match &mut self.due {
                Some((sleep, at)) => {
                    sleep.reset(due);
                    *at = due;
                }
                None => self.due = Some((self.clock.sleep_until(due), due)),
            }
        }
    }

    /// Whether more of the body may go with what is to be written.
    fn gathers(&self) -> bool {
        !self.ended && self.written == 0 && self.piece.is_empty() && self.text.len() < ENOUGH
    }

    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.due {
            Some((_, at)) if self.clock.now() >= *at => Poll::Ready(()),
            Some((sleep, _)) => Pin::new(sleep).poll(cx),
            None => Poll::Ready(()),
        }
    }

    /// Takes the next piece of the body, or its end.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx)?);
        let frame = match frame.map(Frame::into_data) {
            // A chunk of nothing would be the last.
            Some(Ok(bytes)) if bytes.is_empty() => return Poll::Ready(Ok(())),
            Some(Ok(bytes)) => Ok(bytes),
            Some(Err(last)) => Err(last.into_trailers().ok()),
            None => Err(None),
        };
        if self.framing != Framed::Bare {
            if std::mem::replace(&mut self.framing, Framed::Chunk) == Framed::Chunk {
                self.text.extend_from_slice(b"\r\n");
            }
            match &frame {
                Ok(bytes) => write::chunk(&mut self.text, bytes.len()),
                Err(trailers) => {
                    self.text.extend_from_slice(b"0\r\n");
                    trailers.iter().for_each(|fields| write::fields(&mut self.text, fields));
                    self.text.extend_from_slice(b"\r\n");
                }
            }
        }
        match frame {
            Ok(bytes) => {
                if let Some(left) = &mut self.left {
                    *left = left.checked_sub(bytes.len() as u64).ok_or_else(too_long)?;
                }
                // Nothing is asked of a body that has brought all it told.
                self.ended = self.framing == Framed::Bare && self.body.is_end_stream();
                self.begun = true;
                if bytes.len() < ENOUGH {
                    self.text.extend_from_slice(&bytes);
                } else {
                    self.piece = bytes;
                }
            }
            Err(trailers) => {
                if let Some(left) = self.left.filter(|left| *left > 0) {
                    return Poll::Ready(Err(too_short(left)));
                }
                self.trailers = trailers.filter(|_| self.framing == Framed::Bare);
                self.ended = true;
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn too_long() -> Fault {
    Fault::client(Reason::BodyBroken, "the body is longer than its head told")
}

fn too_short(left: u64) -> Fault {
    Fault::client(Reason::BodyBroken, format!("the body ended {left} bytes before its length"))
}

#[cfg(test)]
#[path = "sending_tests.rs"]
mod tests;
