//! HTTP/2 towards origins (RFC 9113): the requests of a worker to a server share a few connections, and each
//! is a stream of its own. A TLS server is offered `h2` and `http/1.1` and may choose; to one without TLS it
//! is spoken at once (§3.3).
//!
//! What is different from HTTP/1.1: a connection carries up to 100 requests, so that what breaks it breaks
//! them all, and it must not be believed alive because it is open. While it has streams the server is sent
//! a PING now and then, and one that does not answer is given up. A stream's window is small and the
//! connection's is as large as all of its streams', so that a client who reads slowly holds up his own
//! answer alone. What a server has said that it did not process (REFUSED_STREAM, GOAWAY; §8.7) may be asked
//! again.

mod body;
mod fault;
mod link;
mod links;
mod stream;
mod upload;

pub use body::StreamBody;
pub use link::{Link, Stream};
pub use links::{Found, Links, Told};
pub use stream::exchange;
