//! Bytes that have come and are not used yet, and the content that is taken out of them.
//!
//! A connection that waits for something holds no memory to read into: reading goes through one
//! piece of memory a thread, and what came is kept in just as many bytes as it has.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use tokio::io::{AsyncRead, ReadBuf};

use super::chunks::{self, Chunks, Step};
use super::framing::Framing;
use super::head::Bad;

/// The most that is read at once, in bytes.
pub const READ: usize = 64 * 1024;
/// Chunks below this size are copied together, in bytes.
const SMALL: usize = 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
}

/// What came over a connection and was not taken yet.
#[derive(Debug, Default)]
pub struct Buffer(BytesMut);

impl Buffer {
    /// What came.
    pub fn rest(&self) -> &[u8] {
        &self.0
    }

    /// Whether nothing came that was not taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the first `length` bytes, or all.
    pub fn take(&mut self, length: usize) -> Bytes {
        if length >= self.0.len() {
            return std::mem::take(&mut self.0).freeze();
        }
        self.0.split_to(length).freeze()
    }

    /// Drops the first `length` bytes.
    pub fn skip(&mut self, length: usize) {
        self.0.advance(length.min(self.0.len()));
    }

    /// Reads what is there, at most `most` bytes and no more than [`READ`]; ready with 0 at the end.
    ///
    /// # Errors
    /// The stream's.
    pub fn poll_fill<R: AsyncRead>(
        &mut self,
        io: Pin<&mut R>,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut read = ReadBuf::new(&mut scratch[..most.min(READ)]);
            ready!(io.poll_read(cx, &mut read))?;
            self.push(read.filled());
            Poll::Ready(Ok(read.filled().len()))
        })
    }

    /// Appends what came.
    pub fn push(&mut self, came: &[u8]) {
        if self.0.is_empty() {
            // Exactly as large: most heads and bodies come at once.
            self.0 = BytesMut::from(came);
        } else {
            self.0.extend_from_slice(came);
        }
    }
}

/// A body on its way out of a [`Buffer`].
#[derive(Debug)]
pub struct Content(State);

#[derive(Debug)]
enum State {
    Length(u64),
    Chunks(Chunks),
    Connection,
    Over,
}

/// The next of a body.
#[derive(Debug)]
pub enum Piece {
    /// More must come first.
    More,
    /// Some of it.
    Data(Bytes),
    /// Its end, with trailer fields where there are any.
    End(Option<HeaderMap>),
}

impl Default for Content {
    /// A body that is over.
    fn default() -> Self {
        Self(State::Over)
    }
}

impl Content {
    /// A body that ends as `framing` says.
    pub fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::Length(0) => State::Over,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunks(Chunks::default()),
            Framing::Connection => State::Connection,
        })
    }

    /// Whether its end was taken.
    pub fn is_over(&self) -> bool {
        matches!(self.0, State::Over)
    }

    /// Whether the end of the connection would be its end.
    pub fn ends_with_connection(&self) -> bool {
        matches!(self.0, State::Connection)
    }

    /// How many bytes are left, where that was told.
    pub fn left(&self) -> Option<u64> {
        match self.0 {
            State::Length(left) => Some(left),
            State::Over => Some(0),
            State::Chunks(_) | State::Connection => None,
        }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// What came is no such body.
    pub fn next(&mut self, buffer: &mut Buffer) -> Result<Piece, Bad> {
        match &mut self.0 {
            State::Over => Ok(Piece::End(None)),
            _ if buffer.is_empty() => Ok(Piece::More),
            State::Connection => Ok(Piece::Data(buffer.take(usize::MAX))),
            State::Length(left) => {
                let bytes = buffer.take(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= bytes.len() as u64;
                if *left == 0 {
                    self.0 = State::Over;
                }
                Ok(Piece::Data(bytes))
            }
            State::Chunks(chunks) => {
                let piece = chunked(chunks, buffer)?;
                if matches!(piece, Piece::End(_)) {
                    self.0 = State::Over;
                }
                Ok(piece)
            }
        }
    }
}

/// The next piece of a chunked body. Small chunks are gathered as far as they have come: a byte that
/// comes in a chunk of its own would otherwise cost all who pass it on as much as a large piece.
fn chunked(chunks: &mut Chunks, buffer: &mut Buffer) -> Result<Piece, Bad> {
    let mut gathered = BytesMut::new();
    loop {
        let before = *chunks;
        let step = chunks.next(buffer.rest());
        match step {
            Ok(Step::Skip(length)) => buffer.skip(length),
            Ok(Step::Data(length)) if length < SMALL => {
                gathered.extend_from_slice(&buffer.rest()[..length]);
                buffer.skip(length);
            }
            // What has been gathered goes first; the step is taken again.
            _ if !gathered.is_empty() => {
                *chunks = before;
                return Ok(Piece::Data(gathered.freeze()));
            }
            Ok(Step::Data(length)) => return Ok(Piece::Data(buffer.take(length))),
            Ok(Step::More) => return Ok(Piece::More),
            Ok(Step::End(length)) => {
                return Ok(Piece::End(chunks::trailers(&buffer.take(length))?));
            }
            Err(bad) => return Err(bad),
        }
    }
}
