//! Taking a header off a socket: it is looked at where it lies in the kernel, and exactly its bytes are
//! taken, so that whoever reads next finds what stands behind it. It may come in any pieces. Nothing is
//! allocated for one that comes at once, as the specification asks of its senders.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use super::{Bad, Header, Whose, parse};

/// Bytes that are looked at together: the least segment that every host takes, into which the
/// specification has headers fit.
const PIECE: usize = 536;

/// Why there is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The peer closed the connection before it sent anything.
    Silent,
    /// The peer closed the connection in the middle of the header.
    BrokenOff,
    /// What came is none.
    Bad(Bad),
}

/// Takes the header with which `stream` begins, and says whose connection it is. How long that may take
/// is the caller's business; its memory is bounded by [`LONGEST`](super::LONGEST).
///
/// # Errors
/// The stream begins otherwise; then nothing more may be read from it.
pub async fn read(stream: &TcpStream) -> Result<Whose, Failed> {
    // What came before, and is no longer in the kernel.
    let mut begun = Vec::new();
    poll_fn(|cx| {
        loop {
            if let Some(header) = ready!(poll_piece(stream, cx, &mut begun))? {
                return Poll::Ready(Ok(header.whose));
            }
        }
    })
    .await
}

/// Takes the next piece of the header that `begun` is the beginning of; the header where it is its last.
fn poll_piece(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    begun: &mut Vec<u8>,
) -> Poll<Result<Option<Header>, Failed>> {
    let broken = if begun.is_empty() { Failed::Silent } else { Failed::BrokenOff };
    let mut piece = [0; PIECE];
    let mut seen = ReadBuf::new(&mut piece);
    let length = match ready!(stream.poll_peek(cx, &mut seen)) {
        Ok(0) | Err(_) => return Poll::Ready(Err(broken)),
        Ok(length) => length,
    };
    let before = begun.len();
    let parsed = if before == 0 {
        parse(&piece[..length])
    } else {
        begun.extend_from_slice(&piece[..length]);
        parse(begun)
    };
    let header = parsed.map_err(Failed::Bad)?;
    let of_it = header.map_or(length, |header| header.length - before);
    if before == 0 && header.is_none() {
        begun.extend_from_slice(&piece[..length]);
    }
    // They lie there, so one call takes them all.
    let taken = stream.try_read(&mut piece[..of_it]);
    Poll::Ready(if taken.is_ok_and(|taken| taken == of_it) { Ok(header) } else { Err(broken) })
}
