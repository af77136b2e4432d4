//! HTTP/2 writes gathered over one poll of the connection. h2 flushes after every DATA frame, so
//! 32 answered streams would be 32 TLS records and 32 system calls; while the connection is being
//! polled, a flush does nothing here, and what was written leaves together afterwards.
//!
//! The buffer holds at most one TLS record (16 KiB). A write that finds it full pushes it on to the
//! socket first, and waits where the socket takes nothing: that is the back-pressure. Everything
//! that is held leaves after each poll ([`Gather::release`]), before a shutdown, and with the last
//! GOAWAY ([`Gather::poll_finish`]). HTTP/1 is not gathered: it writes an answer in
//! one call.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a TLS record holds (RFC 8446 §5.1).
const LIMIT: usize = 16 * 1024;

/// An IO whose flushes wait for the end of a poll. Its clones are the same IO: one is hyper's, one
/// belongs to whoever polls hyper.
pub(super) struct Gather<T>(Arc<Mutex<Gathered<T>>>);

struct Gathered<T> {
    io: T,
    buffer: BytesMut,
    /// Whether the connection is being polled.
    held: bool,
    /// Whether a write was refused for want of room.
    refused: bool,
    /// An error met outside a poll, for the next one.
    failed: Option<io::Error>,
}

impl<T> Clone for Gather<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Gather<T> {
    pub(super) fn new(io: T) -> Self {
        let buffer = BytesMut::new();
        let gathered = Gathered { io, buffer, held: false, refused: false, failed: None };
        Self(Arc::new(Mutex::new(gathered)))
    }

    fn lock(&self) -> MutexGuard<'_, Gathered<T>> {
        // Both clones are used by one task; a panic elsewhere leaves the bytes in order.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A poll of the connection begins: flushes wait.
    pub(super) fn hold(&self) {
        self.lock().held = true;
    }

    /// The poll is over: what is held leaves, as far as the socket takes it. The rest leaves when
    /// the socket wakes the connection. An empty buffer is given back: the last answer of a burst is not
    /// always over when its last byte is written.
    pub(super) fn release(&self, cx: &mut Context<'_>) {
        let mut gathered = self.lock();
        gathered.held = false;
        let held = gathered.buffer.len();
        let drained = gathered.poll_flush(cx);
        let moved = gathered.buffer.len() < held;
        // hyper waits for room, or does not know of the error yet: it must be polled again.
        let wakes = match drained {
            Poll::Ready(Err(error)) => {
                gathered.failed = Some(error);
                true
            }
            _ => moved && gathered.refused,
        };
        gathered.refused = false;
        if gathered.buffer.is_empty() {
            gathered.buffer = BytesMut::new();
        }
        drop(gathered);
        if wakes {
            cx.waker().wake_by_ref();
        }
    }

    /// Writes out the last of what is held.
    pub(super) fn poll_finish(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().poll_flush(cx)
    }

    /// Looks at the IO.
    pub(super) fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock().io)
    }
}

impl<T: AsyncWrite + Unpin> Gathered<T> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.buffer.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, &self.buffer))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.buffer.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn failed(&mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Room for at least one byte.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.failed()?;
        if self.buffer.len() >= LIMIT {
            let drained = self.poll_drain(cx)?;
            if drained.is_pending() && self.buffer.len() >= LIMIT {
                self.refused = true;
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(LIMIT - self.buffer.len()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gather<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut gathered = self.lock();
        gathered.failed()?;
        Pin::new(&mut gathered.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gather<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut gathered = self.lock();
        let mut room = ready!(gathered.poll_room(cx))?;
        if gathered.buffer.capacity() == 0 {
            gathered.buffer.reserve(LIMIT);
        }
        let mut copied = 0;
        for slice in slices {
            let take = slice.len().min(room);
            gathered.buffer.extend_from_slice(&slice[..take]);
            room -= take;
            copied += take;
            if room == 0 {
                break;
            }
        }
        Poll::Ready(Ok(copied))
    }

    fn is_write_vectored(&self) -> bool {
        // h2 then does not copy payloads together itself before they are copied here.
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathered = self.lock();
        gathered.failed()?;
        if gathered.held { Poll::Ready(Ok(())) } else { gathered.poll_flush(cx) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathered = self.lock();
        ready!(gathered.poll_flush(cx))?;
        Pin::new(&mut gathered.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod tests;
