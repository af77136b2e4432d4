//! What waits to be written to a client: text of ours (heads, chunk lines) and pieces of answers,
//! which are never copied, or stored bodies as pages. All of it leaves in as few calls as the socket
//! allows.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use tokio::io::AsyncWrite;

use super::super::answer::{Paged, Piece};
use super::super::transport::Transport;

/// Bytes in memory of its own beyond which no more of an answer is asked for.
const ENOUGH: usize = 64 * 1024;
/// The same of bytes in all: what the store holds costs nothing, and should leave in one call.
const PLENTY: usize = 1024 * 1024;
/// Parts that one call writes; Linux takes 1024.
const SLICES: usize = 32;

/// A queue of what is to be written.
#[derive(Default)]
pub(super) struct Out {
    parts: VecDeque<Part>,
    bytes: usize,
    /// Of them, those in memory of an answer's own.
    own: usize,
}

enum Part {
    Text(Text),
    Piece(Piece),
    /// For plain sockets alone.
    Paged(Paged),
}

/// Text and how much of it was written.
struct Text {
    text: Vec<u8>,
    written: usize,
}

impl Part {
    /// Its bytes in memory of ours, where it has such.
    fn rest(&self) -> Option<&[u8]> {
        match self {
            Self::Text(Text { text, written }) => Some(&text[*written..]),
            Self::Piece(piece) => Some(piece.chunk()),
            Self::Paged(_) => None,
        }
    }

    fn remaining(&self) -> usize {
        match self {
            Self::Paged(paged) => paged.remaining(),
            own => own.rest().map_or(0, <[u8]>::len),
        }
    }

    /// Its bytes in memory of an answer's own.
    fn own(&self) -> usize {
        match self {
            Self::Text(Text { text, written }) => text.len() - written,
            Self::Piece(piece) => piece.own(),
            Self::Paged(_) => 0,
        }
    }

    fn advance(&mut self, bytes: usize) {
        match self {
            Self::Text(text) => text.written += bytes,
            Self::Piece(piece) => piece.advance(bytes),
            Self::Paged(paged) => paged.advance(bytes),
        }
    }
}

impl Out {
    /// Whether more of an answer is wanted.
    pub(super) fn has_room(&self) -> bool {
        self.own < ENOUGH && self.bytes < PLENTY && self.parts.len() < SLICES
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
            self.own += text.len() - before;
        }
    }

    /// Appends a piece.
    pub(super) fn piece(&mut self, piece: Piece) {
        self.bytes += piece.remaining();
        self.own += piece.own();
        self.parts.push_back(Part::Piece(piece));
    }

    /// Appends pages; the socket must be plain.
    pub(super) fn paged(&mut self, paged: Paged) {
        self.bytes += paged.remaining();
        self.parts.push_back(Part::Paged(paged));
    }

    /// Writes everything; ready when the socket's side has all of it.
    ///
    /// # Errors
    /// The socket's.
    pub(super) fn poll_write(
        &mut self,
        io: &mut Transport,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.bytes > 0 {
            match ready!(self.poll_some(io, cx))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.advance(written),
            }
        }
        Pin::new(io).poll_flush(cx)
    }

    /// Writes the first parts in one call.
    fn poll_some(&self, io: &mut Transport, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Some(socket) = io.plain() {
            match (self.parts.front(), self.parts.get(1)) {
                (Some(Part::Paged(paged)), _) => {
                    let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
                    let (pages, offset) = paged.rest().ok_or_else(gone)?;
                    return socket.poll_send_pages(cx, pages, offset, paged.remaining());
                }
                (Some(Part::Text(text)), Some(Part::Paged(paged))) => {
                    let text = &text.text[text.written..];
                    return socket.poll_begin(cx, text, paged.remaining());
                }
                _ => {}
            }
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut filled = 0;
        for (slice, rest) in slices.iter_mut().zip(self.parts.iter().map_while(Part::rest)) {
            *slice = IoSlice::new(rest);
            filled += 1;
        }
        Pin::new(io).poll_write_vectored(cx, &slices[..filled])
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(part) = self.parts.front_mut() {
            let (here, own) = (part.remaining().min(written), part.own());
            part.advance(here);
            self.own -= own - part.own();
            written -= here;
            if part.remaining() > 0 {
                break;
            }
            self.parts.pop_front();
        }
    }
}
