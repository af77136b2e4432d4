//! A request's body on its way out over a stream, as fast as the server's windows let it. A server may refuse
//! the stream all the same without a look at it (RFC 9113 §8.7), so that what has gone is kept for a while.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::SendStream;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};

use super::super::sending::Sending;
use crate::base::{Body, Clock, Fault};

/// Bytes of a body that are kept after they have gone. What a server refuses it refuses early.
const KEPT: usize = 64 * 1024;

/// A request's body on its way out.
#[derive(Debug)]
pub(super) struct Upload {
    stream: SendStream<Bytes>,
    sending: Sending,
    over: bool,
    /// What has gone; `None` once that is too much to be kept.
    gone: Option<VecDeque<Bytes>>,
    trailers: Option<HeaderMap>,
    /// Whether its length was told in the head.
    is_told: bool,
}

impl Upload {
    pub(super) fn new(stream: SendStream<Bytes>, body: Body, clock: &Clock) -> Self {
        let is_told = body.size_hint().exact().is_some();
        let (sending, gone) = (Sending::bare(body, clock), Some(VecDeque::new()));
        Self { stream, sending, over: false, gone, trailers: None, is_told }
    }

    /// Bytes that have gone.
    pub(super) fn gone(&self) -> u64 {
        self.sending.gone()
    }

    /// Whether all has gone, or never will.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Sends what the server takes; ready when all has gone, or the server wants no more of it: it may
    /// answer all the same.
    ///
    /// # Errors
    /// What broke the body, or that it is not as long as its head told.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        while !self.over {
            let Some(slices) = ready!(self.sending.poll_bytes(cx))? else {
                self.end();
                break;
            };
            let length = slices.iter().map(|slice| slice.len()).sum();
            let Some(capacity) = ready!(capacity(&mut self.stream, length, cx)) else {
                self.over = true;
                break;
            };
            let (piece, is_last) = self.sending.take(capacity);
            if self.sending.gone() > KEPT as u64 {
                self.gone = None;
            }
            if let Some(gone) = &mut self.gone {
                gone.push_back(piece.clone());
            }
            self.over = self.stream.send_data(piece, is_last).is_err() || is_last;
        }
        Poll::Ready(Ok(()))
    }

    fn end(&mut self) {
        self.over = true;
        self.trailers = self.sending.take_trailers();
        // A stream that the server has reset takes neither.
        let _ = match &self.trailers {
            Some(trailers) => self.stream.send_trailers(trailers.clone()),
            None => self.stream.send_data(Bytes::new(), true),
        };
    }

    /// The body as it was, where all of it is there still.
    pub(super) fn into_body(mut self) -> Option<Body> {
        let mut pieces = self.gone?;
        let trailers = self.trailers.or_else(|| self.sending.take_trailers());
        let (left, rest) = self.sending.into_rest();
        pieces.extend(left.into_iter().filter(|piece| !piece.is_empty()));
        Some(Body::stream(Again { pieces, rest, trailers, is_told: self.is_told }))
    }
}

/// A body that goes out once more.
struct Again {
    pieces: VecDeque<Bytes>,
    rest: Option<Body>,
    trailers: Option<HeaderMap>,
    is_told: bool,
}

impl http_body::Body for Again {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if let Some(piece) = self.pieces.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(cx),
            None => Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        let rest = self.rest.as_ref().is_none_or(http_body::Body::is_end_stream);
        self.pieces.is_empty() && rest && self.trailers.is_none()
    }

    /// Exact where it was before: the head tells it already, and how the body is framed follows from it.
    fn size_hint(&self) -> SizeHint {
        let kept: u64 = self.pieces.iter().map(|piece| piece.len() as u64).sum();
        let rest = self.rest.as_ref().map_or(Some(0), |rest| rest.size_hint().exact());
        let whole = rest.filter(|_| self.is_told).map(|rest| kept + rest);
        whole.map_or_else(SizeHint::default, SizeHint::with_exact)
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
