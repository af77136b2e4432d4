//! A request's body on its way out over a stream, as fast as the server's windows let it.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::SendStream;

use super::super::sending::Sending;
use crate::base::{Body, Clock, Fault};

/// A request's body on its way out.
#[derive(Debug)]
pub(super) struct Upload {
    stream: SendStream<Bytes>,
    sending: Sending,
}

impl Upload {
    pub(super) fn new(stream: SendStream<Bytes>, body: Body, clock: &Clock) -> Self {
        Self { stream, sending: Sending::bare(body, clock) }
    }

    /// Bytes that have gone.
    pub(super) fn gone(&self) -> u64 {
        self.sending.gone()
    }

    /// Sends what the server takes; ready when all has gone, or the server wants no more of it: it may
    /// answer all the same.
    ///
    /// # Errors
    /// What broke the body, or that it is not as long as its head told.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        while let Some(slices) = ready!(self.sending.poll_bytes(cx))? {
            let length = slices.iter().map(|slice| slice.len()).sum();
            let Some(capacity) = ready!(capacity(&mut self.stream, length, cx)) else { break };
            let (piece, is_last) = self.sending.take(capacity);
            if self.stream.send_data(piece, is_last).is_err() || is_last {
                return Poll::Ready(Ok(()));
            }
        }
        // A stream that the server has reset takes neither.
        let _ = match self.sending.take_trailers() {
            Some(trailers) => self.stream.send_trailers(trailers),
            None => self.stream.send_data(Bytes::new(), true),
        };
        Poll::Ready(Ok(()))
    }
}

/// How much of `length` bytes may go now; `None` where nothing may any more.
fn capacity(
    stream: &mut SendStream<Bytes>,
    length: usize,
    cx: &mut Context<'_>,
) -> Poll<Option<usize>> {
    stream.reserve_capacity(length);
    loop {
        match stream.capacity() {
            0 => match ready!(stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(None),
            },
            capacity => return Poll::Ready(Some(capacity)),
        }
    }
}
