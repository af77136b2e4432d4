//! Bodies as they travel through the house: nothing, one piece, the shared segments of a stored
//! object, or a stream. Either protocol pulls them through [`http_body::Body`]; a hit's segments are
//! shared, never copied.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use super::budget::Charge;
use super::error::Fault;
use super::pages::{Pages, Warm};

/// A body that comes as it is read.
pub struct Stream {
    body: Pin<Box<dyn http_body::Body<Data = Bytes, Error = Fault> + Send + Sync>>,
    keeps: u64,
}

/// The body of a request or an answer.
pub enum Body {
    /// No body.
    Empty,
    /// One piece.
    Bytes(Bytes),
    /// Part or all of a stored object.
    Segments(Segments),
    /// All of a stored object that ends in trailer fields.
    Trailed(Box<(Segments, Option<HeaderMap>)>),
    /// Whatever comes.
    Stream(Stream),
}

impl Body {
    /// The body made of `bytes`; empty where there are none.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() { Self::Empty } else { Self::Bytes(bytes) }
    }

    /// A stored body and the trailer fields after it.
    pub fn with_trailers(segments: Segments, trailers: HeaderMap) -> Self {
        Self::Trailed(Box::new((segments, Some(trailers))))
    }

    /// A body that comes as it is read.
    pub fn stream<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes, Error = Fault> + Send + Sync + 'static,
    {
        Self::stream_of(body, 0)
    }

    /// A body that comes as it is read, from something of `keeps` bytes that it keeps in memory.
    pub fn stream_of<B>(body: B, keeps: u64) -> Self
    where
        B: http_body::Body<Data = Bytes, Error = Fault> + Send + Sync + 'static,
    {
        Self::Stream(Stream { body: Box::pin(body), keeps })
    }

    /// Bytes that it keeps in memory for as long as it is not read.
    pub fn keeps(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Segments(segments) => segments.body.length(),
            Self::Trailed(trailed) => trailed.0.body.length(),
            Self::Stream(stream) => stream.keeps,
        }
    }
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.body.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Bytes(_) => "Bytes",
            Self::Segments(_) => "Segments",
            Self::Trailed(_) => "Trailed",
            Self::Stream(_) => "Stream",
        })
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Segments(segments) => Poll::Ready(segments.next().map(|b| Ok(Frame::data(b)))),
            Self::Trailed(trailed) => {
                let (segments, trailers) = &mut **trailed;
                let frame = segments.next().map(Frame::data);
                Poll::Ready(frame.or_else(|| trailers.take().map(Frame::trailers)).map(Ok))
            }
            Self::Stream(stream) => Pin::new(stream).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Segments(segments) => segments.left == 0,
            Self::Trailed(trailed) => trailed.0.left == 0 && trailed.1.is_none(),
            Self::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Segments(segments) => SizeHint::with_exact(segments.left),
            // Not exact: HTTP/1.1 carries trailers in chunked framing only (RFC 9112 §7.1.2).
            Self::Trailed(_) => SizeHint::default(),
            Self::Stream(stream) => stream.size_hint(),
        }
    }
}

/// The body of a stored object. The bytes are charged for as long as they live, which may be longer
/// than the object is stored: a slow client still reads them.
#[derive(Debug)]
pub struct Stored {
    pieces: Pieces,
    charge: Charge,
    warm: Option<Box<Warm>>,
}

/// One segment, as most bodies have, needs no list.
#[derive(Debug)]
enum Pieces {
    One(Bytes),
    Many(Box<[Bytes]>),
}

impl Stored {
    /// A body of `segments`, which `charge` pays for.
    pub fn new(segments: Vec<Bytes>, charge: Charge) -> Arc<Self> {
        let length = segments.iter().map(|segment| segment.len() as u64).sum();
        let pieces = match <[_; 1]>::try_from(segments) {
            Ok([segment]) => Pieces::One(segment),
            Err(segments) => Pieces::Many(segments.into()),
        };
        Arc::new(Self { pieces, charge, warm: Warm::of(length) })
    }

    /// The segments.
    pub fn segments(&self) -> &[Bytes] {
        match &self.pieces {
            Pieces::One(segment) => std::slice::from_ref(segment),
            Pieces::Many(segments) => segments,
        }
    }

    /// The length in bytes.
    pub fn length(&self) -> u64 {
        self.segments().iter().map(|segment| segment.len() as u64).sum()
    }

    /// The body in the page cache, if it is there, now that it is about to be sent over a plain
    /// socket.
    pub fn pages(&self) -> Option<&Pages> {
        self.warm.as_ref()?.pages(self.segments(), self.length(), &self.charge)
    }
}

/// A stretch of a stored body: shared segments, the place reached, and how much is left.
#[derive(Clone, Debug)]
pub struct Segments {
    body: Arc<Stored>,
    index: usize,
    offset: usize,
    left: u64,
}

impl Segments {
    /// The bytes `first..first + length` of the segments' concatenation, or as many of them as
    /// there are.
    pub fn new(body: Arc<Stored>, first: u64, length: u64) -> Self {
        let list = body.segments();
        let (mut index, mut skip) = (0, first);
        while let Some(segment) = list.get(index) {
            let size = segment.len() as u64;
            if skip < size {
                break;
            }
            skip -= size;
            index += 1;
        }
        let held: u64 = list.get(index..).unwrap_or_default().iter().map(|s| s.len() as u64).sum();
        let left = length.min(held.saturating_sub(skip));
        let offset = usize::try_from(skip).unwrap_or_default();
        Self { body, index, offset, left }
    }

    /// The stretch as pages for a plain socket, where its body has some: the body, which holds them,
    /// where in them the stretch begins, and how long it is.
    pub fn pages(&self) -> Option<(Arc<Stored>, u64, u64)> {
        self.body.pages()?;
        let before = self.body.segments()[..self.index].iter().map(|s| s.len() as u64).sum::<u64>();
        Some((Arc::clone(&self.body), before + self.offset as u64, self.left))
    }
}

impl Iterator for Segments {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        while self.left > 0 {
            let segment = self.body.segments().get(self.index)?;
            let here = segment.len() - self.offset;
            let take = usize::try_from(self.left).map_or(here, |left| left.min(here));
            let piece = segment.slice(self.offset..self.offset + take);
            self.left -= take as u64;
            self.index += 1;
            self.offset = 0;
            if !piece.is_empty() {
                return Some(piece);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Budget;
    use crate::base::budget::Part;

    fn list() -> Arc<Stored> {
        let segments = ["hello ", "wide ", "world"].map(Bytes::from).to_vec();
        Stored::new(segments, Budget::new(1000).charge(Part::Stored, 16))
    }

    #[test]
    fn a_reader_keeps_the_bytes_charged_that_are_stored_no_longer() {
        let budget = Budget::new(1000);
        let body = Stored::new(vec![Bytes::from("x")], budget.charge(Part::Stored, 1));
        let reader = Segments::new(Arc::clone(&body), 0, 1);
        drop(body);
        assert_eq!(budget.held(), 1);
        drop(reader);
        assert_eq!(budget.held(), 0);
    }

    fn read(segments: Segments) -> String {
        segments.map(|b| String::from_utf8(b.to_vec()).expect("the test's own text")).collect()
    }

    #[test]
    fn a_stretch_may_begin_and_end_inside_segments() {
        for first in 0..18usize {
            for length in 0..20usize {
                let whole = "hello wide world";
                let from = first.min(whole.len());
                let to = (from + length).min(whole.len());
                let got = read(Segments::new(list(), first as u64, length as u64));
                assert_eq!(got, whole[from..to], "from {first}, {length} bytes");
            }
        }
    }

    #[test]
    fn the_size_is_told_exactly_before_anything_is_read() {
        let body = Body::Segments(Segments::new(list(), 3, 100));
        assert_eq!(http_body::Body::size_hint(&body).exact(), Some(13));
    }
}
