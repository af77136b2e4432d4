//! What waits to be written to a client: text of ours (heads, chunk lines) and pieces of answers,
//! which are never copied. All of it leaves in as few calls as the socket allows.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use tokio::io::AsyncWrite;

use super::super::answer::Piece;

/// Bytes beyond which no more of an answer is asked for.
const ENOUGH: usize = 64 * 1024;
/// Parts that one call writes; Linux takes 1024.
const SLICES: usize = 32;

/// A queue of what is to be written.
#[derive(Default)]
pub(super) struct Out {
    parts: VecDeque<Part>,
    bytes: usize,
}

enum Part {
    Text(Text),
    Piece(Piece),
}

/// Text and how much of it was written.
struct Text {
    text: Vec<u8>,
    written: usize,
}

impl Part {
    fn rest(&self) -> &[u8] {
        match self {
            Self::Text(Text { text, written }) => &text[*written..],
            Self::Piece(piece) => piece.chunk(),
        }
    }

    fn advance(&mut self, bytes: usize) {
        match self {
            Self::Text(text) => text.written += bytes,
            Self::Piece(piece) => piece.advance(bytes),
        }
    }
}

impl Out {
    /// Whether more of an answer is wanted.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < ENOUGH && self.parts.len() < SLICES
    }

    /// Has `write` append text.
    pub(super) fn text(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if !matches!(self.parts.back(), Some(Part::Text(_))) {
            self.parts.push_back(Part::Text(Text { text: Vec::new(), written: 0 }));
        }
        if let Some(Part::Text(Text { text, .. })) = self.parts.back_mut() {
            let before = text.len();
            write(text);
            self.bytes += text.len() - before;
        }
    }

    /// Appends a piece.
    pub(super) fn piece(&mut self, piece: Piece) {
        self.bytes += piece.remaining();
        self.parts.push_back(Part::Piece(piece));
    }

    /// Writes everything; ready when the socket's side has all of it.
    ///
    /// # Errors
    /// The socket's.
    pub(super) fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        io: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut io = Pin::new(io);
        while self.bytes > 0 {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let mut filled = 0;
            for (slice, part) in slices.iter_mut().zip(&self.parts) {
                *slice = IoSlice::new(part.rest());
                filled += 1;
            }
            match ready!(io.as_mut().poll_write_vectored(cx, &slices[..filled]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.advance(written),
            }
        }
        io.poll_flush(cx)
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(part) = self.parts.front_mut() {
            let here = part.rest().len().min(written);
            part.advance(here);
            written -= here;
            if !part.rest().is_empty() {
                break;
            }
            self.parts.pop_front();
        }
    }
}
