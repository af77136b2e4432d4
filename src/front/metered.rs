//! The IO of an HTTP/2 connection, under the gathered writes and over TLS: every frame that passes
//! is counted against what the client may spend, and what it leaves unfinished is timed.
//!
//! A client that is beyond a limit gets nothing more read: h2 sees an error of its IO and ends,
//! and whoever served the connection says GOAWAY with ENHANCE_YOUR_CALM and the reason, which hyper
//! has no way to say. That is possible only between two frames, which this file knows.

use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{Ends, Frames, GOAWAY, HEADERS, Seen, goaway};
use super::limit::{Allowance, Limit, of_h2};
use super::line::Line;
use super::record::ConnectionEvent;
use super::streams::Streams;

/// SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 §6.5.2).
const INITIAL_WINDOW_SIZE: u16 = 4;

/// An IO that carries HTTP/2.
pub(super) struct Metered<T> {
    io: T,
    line: Arc<Line>,
    streams: Arc<Streams>,
    came: Frames,
    went: Frames,
    allowance: Allowance,
    /// The newest stream that the client opened.
    newest: u32,
    /// Heads and trailers that were sent, or that h2 has answered with by itself: a head that is
    /// too large is refused (431, RFC 6585 §5) before anybody here sees it.
    heads: u64,
    /// Whether a GOAWAY with an error has been sent.
    parted: bool,
    /// Met while writing, for the next flush.
    beyond: Option<Limit>,
}

impl<T> Metered<T> {
    pub(super) fn new(io: T, line: &Arc<Line>, streams: &Arc<Streams>) -> Self {
        let serving = &line.serving;
        Self {
            io,
            line: Arc::clone(line),
            streams: Arc::clone(streams),
            came: Frames::of_client(),
            went: Frames::of_server(),
            allowance: Allowance::new(&serving.http2, &serving.clock),
            newest: 0,
            heads: 0,
            parted: false,
            beyond: None,
        }
    }

    /// What it carries the frames over.
    pub(super) fn inner(&self) -> &T {
        &self.io
    }

    /// A last GOAWAY with `code`, where one can be sent: no frame is half written, and none was
    /// sent that says more.
    pub(super) fn farewell(&self, code: h2::Reason, reason: &str) -> Option<Vec<u8>> {
        let can = self.went.is_between() && !self.parted;
        can.then(|| goaway(self.newest, code.into(), reason))
    }

    fn on_read(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Self { came, allowance, newest, streams, .. } = self;
        let passed = came.pass(bytes, |seen| match seen {
            Seen::Head(head) => {
                if head.kind == HEADERS && head.stream > *newest {
                    *newest = head.stream;
                }
                allowance.came(head)
            }
            Seen::Setting(INITIAL_WINDOW_SIZE, bytes) => {
                streams.on_initial_window(bytes);
                ControlFlow::Continue(())
            }
            Seen::Setting(..) | Seen::Code(_) | Seen::Word(_) => ControlFlow::Continue(()),
        });
        match passed {
            ControlFlow::Continue(Ends::Well) => self.streams.finished(),
            ControlFlow::Continue(Ends::Begun) => self.streams.begun(self.line.stamp_now()),
            ControlFlow::Continue(Ends::Amid) => {
                if !self.streams.is_unfinished() {
                    self.streams.begun(self.line.stamp_now());
                }
            }
            ControlFlow::Break(limit) => {
                self.streams.go_beyond(limit);
                return Err(beyond(limit));
            }
        }
        Ok(())
    }

    fn on_written(&mut self, bytes: &[u8]) {
        let Self { line, went, allowance, heads, parted, beyond, streams, .. } = self;
        // Never stops: whether a GOAWAY may follow depends on where the last frame ends.
        let _ = went.pass(bytes, |seen| {
            match seen {
                Seen::Head(head) => {
                    if head.kind == HEADERS {
                        *heads += 1;
                    }
                    *parted |= head.kind == GOAWAY;
                    allowance.went(head);
                }
                Seen::Code(code) => *beyond = allowance.reset(code).break_value().or(*beyond),
                Seen::Word(word) => {
                    if let Some(limit) = of_h2(word) {
                        streams.ends_for(limit);
                    }
                }
                Seen::Setting(..) => {}
            }
            ControlFlow::<()>::Continue(())
        });
        // A stream that is reset first has its head sent never, and hides one of h2's.
        while *heads > streams.heads() {
            streams.on_head();
            line.tell(ConnectionEvent::Refused(Limit::Head));
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Metered<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        let came = &buffer.filled()[before..];
        Poll::Ready(if came.is_empty() { Ok(()) } else { self.on_read(came) })
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Metered<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, bytes))?;
        self.on_written(&bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(limit) = self.beyond.take() {
            self.streams.go_beyond(limit);
            return Poll::Ready(Err(beyond(limit)));
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

fn beyond(limit: Limit) -> io::Error {
    io::Error::other(limit.reason().as_str())
}
