//! HTTP/1.1 messages as bytes (RFC 9112): heads read and written, where a body ends, chunks. It is
//! the only reader of HTTP/1 in the house, for clients (`front`) and origins (`origin`) alike, and
//! stricter than the RFC asks: what two readers could read in two ways is refused, not repaired.
//!
//! httparse splits a head into its parts. Around it stand the rules that keep a message from being
//! taken for two: every line ends in CRLF, nothing is folded, a body has one framing, chunked
//! stands alone, and a chunk's size is hexadecimal digits and nothing else.

pub mod buffer;
pub mod chunks;
pub mod framing;
pub mod head;
mod names;
pub mod rewound;
pub mod write;

pub use buffer::{Buffer, Content, Piece, READ};
pub use framing::Framing;
pub use head::{Bad, HeadEnd, RequestHead, ResponseHead};
pub use rewound::Rewound;

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
