//! A request's body between the connection, which reads it, and whoever the plot gave it to. It is
//! read piece by piece and only when asked for, so a body that nobody wants costs nothing, and one
//! that is taken slowly slows its sender.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::base::{Fault, Reason};
use crate::wire::{Bad, Buffer, Content, Framing, Piece};

/// The reader's half.
pub(in super::super) struct Upload(Arc<Shared>);

/// The connection's half.
pub(super) struct Intake {
    shared: Arc<Shared>,
    content: Content,
    /// Whether the client waits for a 100 (RFC 9110 §10.1.1).
    expects: bool,
    failed: bool,
}

struct Shared(Mutex<Slot>);

/// One piece at most is in between.
struct Slot {
    piece: Option<Frame<Bytes>>,
    end: Option<Result<(), Fault>>,
    left: Option<u64>,
    /// Whether the reader waits for a piece.
    wanted: bool,
    /// Whether the reader is gone.
    gone: bool,
    reader: Option<Waker>,
    /// The connection's task, while it waits.
    connection: Option<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        // The slot is whole between statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intake {
    /// A body that ends as `framing` says.
    pub(super) fn new(framing: Framing, expects: bool) -> Self {
        let content = Content::new(framing);
        let slot = Slot {
            piece: None,
            end: None,
            left: content.left(),
            wanted: false,
            gone: false,
            reader: None,
            connection: None,
        };
        Self { shared: Arc::new(Shared(Mutex::new(slot))), content, expects, failed: false }
    }

    /// The reader's half; there is one.
    pub(super) fn upload(&self) -> Upload {
        Upload(Arc::clone(&self.shared))
    }

    /// Whether its end has come, so that the next request may follow.
    pub(super) fn is_over(&self) -> bool {
        self.content.is_over() && !self.failed
    }

    /// Whether there is nothing more to read of it.
    pub(super) fn is_done(&self) -> bool {
        self.content.is_over() || self.failed
    }

    /// Whether somebody waits for a piece; if not, the connection's task is woken when one does.
    pub(super) fn is_wanted(&self, cx: &Context<'_>) -> bool {
        let mut slot = self.shared.lock();
        if !slot.wanted {
            slot.connection = Some(cx.waker().clone());
        }
        slot.wanted
    }

    /// Whether a 100 must be sent now: the body is wanted and none of it has come.
    pub(super) fn takes_continue(&mut self, buffer: &Buffer) -> bool {
        std::mem::take(&mut self.expects) && buffer.is_empty()
    }

    /// Gives the reader what `buffer` holds of its next piece; whether it got that, or the end.
    pub(super) fn give(&mut self, buffer: &mut Buffer) -> bool {
        if self.failed {
            return true;
        }
        let next = self.content.next(buffer);
        let mut slot = self.shared.lock();
        match next {
            Ok(Piece::More) => return false,
            Ok(Piece::Data(bytes)) => slot.piece = Some(Frame::data(bytes)),
            Ok(Piece::End(trailers)) => slot.piece = trailers.map(Frame::<Bytes>::trailers),
            Err(bad) => {
                self.failed = true;
                slot.end = Some(Err(broken(bad)));
            }
        }
        if self.content.is_over() {
            slot.end = Some(Ok(()));
        }
        slot.left = self.content.left();
        slot.wake();
        true
    }

    /// The connection ended in the middle of it.
    pub(super) fn fail(&mut self) {
        self.failed = true;
        let mut slot = self.shared.lock();
        slot.end = Some(Err(Fault::client(Reason::BodyBroken, "the client stopped in mid-body")));
        slot.wake();
    }

    /// The answer begins: no 100 may follow. Where the reader is gone, what has come of the body is
    /// dropped; whether its end was there.
    pub(super) fn settle(&mut self, buffer: &mut Buffer) -> bool {
        self.expects = false;
        while !self.is_done() && self.shared.lock().gone {
            match self.content.next(buffer) {
                Ok(Piece::Data(_) | Piece::End(_)) => {}
                Ok(Piece::More) => break,
                Err(_) => self.failed = true,
            }
        }
        self.is_over()
    }
}

fn broken(bad: Bad) -> Fault {
    Fault::client(Reason::BodyBroken, bad.to_string())
}

impl Slot {
    fn wake(&mut self) {
        self.wanted = false;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let mut slot = self.0.lock();
        if let Some(frame) = slot.piece.take() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match &mut slot.end {
            Some(Ok(())) => Poll::Ready(None),
            Some(end @ Err(_)) => {
                let fault = std::mem::replace(end, Ok(()));
                Poll::Ready(fault.err().map(Err))
            }
            None => {
                slot.wanted = true;
                slot.reader = Some(cx.waker().clone());
                if let Some(connection) = slot.connection.take() {
                    connection.wake();
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let slot = self.0.lock();
        slot.piece.is_none() && matches!(slot.end, Some(Ok(())))
    }

    fn size_hint(&self) -> SizeHint {
        let slot = self.0.lock();
        let held = slot.piece.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        slot.left.map_or_else(SizeHint::default, |left| SizeHint::with_exact(left + held))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut slot = self.0.lock();
        (slot.gone, slot.wanted) = (true, false);
    }
}
