//! The body of an answer that comes over a stream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use http_body::{Frame, SizeHint};

use super::fault;
use super::link::Stream;
use super::upload::Upload;
use crate::base::{Clock, Fault, Reason, Sleep};
use crate::semantics::hop;

/// The body of an answer. Dropped before its end, it resets its stream.
#[derive(Debug)]
pub struct StreamBody {
    /// `None` once it is over.
    rest: Option<Rest>,
    /// What its length was told to have left.
    left: Option<u64>,
    between: Duration,
    clock: Clock,
    /// When the piece that is waited for must have come.
    late: Option<Sleep>,
}

/// What is still to come.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) body: RecvStream,
    /// What is left of the request, whose answer came first.
    pub(super) upload: Option<Upload>,
    pub(super) stream: Stream,
}

impl StreamBody {
    /// The body of `length` bytes, where that is known, whose pieces may be `between` apart.
    pub(super) fn new(rest: Rest, length: Option<u64>, between: Duration, clock: Clock) -> Self {
        let is_over = length == Some(0) || rest.body.is_end_stream();
        let rest = Some(rest).filter(|_| !is_over);
        Self { rest, left: length, between, clock, late: None }
    }

    /// A piece, the trailer section, or the end.
    fn poll_piece(
        rest: &mut Rest,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        loop {
            let Some(piece) = ready!(rest.body.poll_data(cx)) else { break };
            match piece {
                Ok(bytes) => {
                    // Whoever has a piece makes room for another; the stream may have ended with it.
                    let _ = rest.body.flow_control().release_capacity(bytes.len());
                    if !bytes.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                }
                Err(error) => return Poll::Ready(Some(Err(fault::of_body(&error)))),
            }
        }
        Poll::Ready(match ready!(rest.body.poll_trailers(cx)) {
            Ok(trailers) => trailers.map(|mut trailers| {
                hop::strip_response_trailers(&mut trailers);
                Ok(Frame::trailers(trailers))
            }),
            Err(error) => Some(Err(fault::of_body(&error))),
        })
    }

    /// Counts a piece; what ends the body ends the exchange with it.
    fn take(
        &mut self,
        piece: Option<Result<Frame<Bytes>, Fault>>,
    ) -> Option<Result<Frame<Bytes>, Fault>> {
        let data = match &piece {
            Some(Ok(frame)) => frame.data_ref().map(Bytes::len),
            _ => None,
        };
        let Some(length) = data else {
            self.rest = None;
            let cut = self.left.filter(|left| *left > 0 && !matches!(piece, Some(Err(_))));
            let cut = cut.map(|left| format!("ended {left} bytes before the length of its body"));
            return cut.map_or(piece, |log| Some(Err(Fault::origin(Reason::Truncated, log))));
        };
        if let Some(left) = &mut self.left {
            // A longer one is an error of the stream (RFC 9113 §8.1.1), which h2 tells.
            *left = left.saturating_sub(length as u64);
        }
        if self.rest.as_ref().is_some_and(|rest| rest.body.is_end_stream())
            && self.left.is_none_or(|left| left == 0)
        {
            self.rest = None;
        }
        piece
    }
}

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = &mut *self;
        let Some(rest) = &mut this.rest else { return Poll::Ready(None) };
        if let Some(upload) = &mut rest.upload
            && let Poll::Ready(sent) = upload.poll_send(cx)
        {
            if let Err(fault) = sent {
                return Poll::Ready(this.take(Some(Err(fault))));
            }
            rest.upload = None;
        }
        if let Poll::Ready(piece) = Self::poll_piece(rest, cx) {
            this.late = None;
            return Poll::Ready(this.take(piece));
        }
        let (clock, between) = (&this.clock, this.between);
        let late = this.late.get_or_insert_with(|| clock.sleep(between));
        ready!(Pin::new(late).poll(cx));
        rest.stream.suspect();
        let log = format!("no byte of the body within {between:?}");
        let fault = Fault::origin(Reason::BetweenBytesTimeout, log);
        Poll::Ready(this.take(Some(Err(fault))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.rest, self.left) {
            (None, _) => SizeHint::with_exact(0),
            (Some(_), left) => left.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
