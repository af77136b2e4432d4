//! From an accepted socket to a served connection: the TLS handshake and the protocol that it
//! chose, or the wait for a first byte. One that says nothing in its handshake has no more than its
//! TLS state.
//!
//! What a connection is charged is what an idle one holds (`benches/idle`) and up to a quarter more;
//! what a request takes, and a client that reads slowly, is charged for itself.

use std::sync::Arc;

use rustls::{HandshakeKind, ProtocolVersion, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::connection::serve;
use super::line::Line;
use super::record::{ConnectionEvent, End, Wait};
use super::transport::{Socket, Transport};
use super::{Protocol, Serving};
use crate::base::budget::Part;
use crate::base::{Charge, Peer};

/// What a connection takes before it has said anything, in bytes: its task, its socket's place with
/// the runtime, what its parts share.
pub const FIRST_BYTES: u64 = 3 * 1024;
/// What TLS takes beside that.
const TLS_BYTES: u64 = 8 * 1024;
/// What HTTP/1 takes. It has a buffer only while a head comes in pieces or an answer waits.
const HTTP1_BYTES: u64 = 2 * 1024;
/// What HTTP/2 takes: its buffers in both directions above all, and its tables.
const HTTP2_BYTES: u64 = 23 * 1024;

/// The whole life of one client's connection over `stream`: with TLS where `tls` is given, ALPN
/// then choosing the protocol, else HTTP/1. The future ends when the connection does.
pub async fn connection(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    peer: Arc<Peer>,
    serving: Arc<Serving>,
) {
    let mut charge = serving.budget.charge(Part::Connections, FIRST_BYTES);
    let line = Arc::new(Line::new(peer, serving));
    let socket = Socket::new(stream, Arc::clone(&line));
    let end = match tls {
        None => match first_byte(&socket).await {
            Ok(()) => open(Transport::Plain(socket), Protocol::Http1, &line, &mut charge).await,
            Err(end) => end,
        },
        Some(tls) => {
            charge.grow(TLS_BYTES);
            // Boxed: a plain connection should not pay for a handshake's size.
            match Box::pin(handshake(tls, socket)).await {
                Ok((io, protocol)) => open(io, protocol, &line, &mut charge).await,
                Err(end) => end,
            }
        }
    };
    line.tell(ConnectionEvent::Closed(end));
}

async fn open(io: Transport, protocol: Protocol, line: &Arc<Line>, charge: &mut Charge) -> End {
    charge.grow(match protocol {
        Protocol::Http1 => HTTP1_BYTES,
        Protocol::Http2 => HTTP2_BYTES,
    });
    line.tell(ConnectionEvent::Opened(protocol));
    serve(io, protocol, line).await
}

async fn first_byte(socket: &Socket) -> Result<(), End> {
    let serving = &socket.line.serving;
    // A look, not `readable`: a new socket may be reported ready for reading when it is not.
    let mut first = [0];
    let heard = serving.clock.within(serving.timeouts.first_byte, socket.stream.peek(&mut first));
    match heard.await {
        Ok(Ok(1..)) => Ok(()),
        Ok(Ok(0)) => Err(End::Done),
        Ok(Err(_)) => Err(End::Left),
        Err(_) => Err(End::Cut(Wait::FirstByte)),
    }
}

async fn handshake(tls: Arc<ServerConfig>, socket: Socket) -> Result<(Transport, Protocol), End> {
    let line = Arc::clone(&socket.line);
    let serving = &line.serving;
    let accept = TlsAcceptor::from(tls).accept(socket);
    let stream = match serving.clock.within(serving.timeouts.handshake, accept).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(peer = %line.peer.remote, "TLS handshake failed: {error}");
            return Err(End::Handshake);
        }
        Err(_) => return Err(End::Cut(Wait::Handshake)),
    };
    let session = stream.get_ref().1;
    if let Some(name) = session.server_name() {
        // The first and only time.
        let _ = line.peer.server_name.set(name.to_ascii_lowercase().into());
    }
    line.tell(ConnectionEvent::Secured {
        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        tls13: session.protocol_version() == Some(ProtocolVersion::TLSv1_3),
    });
    let protocol = match session.alpn_protocol() {
        Some(b"h2") => Protocol::Http2,
        _ => Protocol::Http1,
    };
    Ok((Transport::Tls(Box::new(stream)), protocol))
}
