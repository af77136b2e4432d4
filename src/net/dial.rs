//! Connections that we open: TCP, and TLS over it where the other side speaks it.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::yield_now;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::base::{Clock, Elapsed, Fault, Reason};

/// The longest that another end may acknowledge nothing.
const MOST_SILENCE: Duration = Duration::from_secs(3600);
/// Connections that a thread begins to open before it looks at its sockets.
const AT_ONCE: usize = 4;

thread_local! {
    /// First come, first served.
    static TURNS: Arc<Semaphore> = Arc::new(Semaphore::new(AT_ONCE));
}

/// The right to begin a connection. To begin one takes the kernel as long as ten hits, and a crowd that
/// needs hundreds at once must not keep a worker from who is already being served.
struct Turn(#[allow(dead_code, reason = "held, and dropped")] Option<OwnedSemaphorePermit>);

impl Turn {
    async fn take() -> Self {
        // Nobody closes the turns.
        Self(TURNS.with(Arc::clone).acquire_owned().await.ok())
    }
}

/// A connection that we opened.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS.
    Tls(Box<TlsStream<TcpStream>>),
    /// Nothing but memory, where a model answers.
    #[cfg(feature = "mutants")]
    Memory(super::memory::DuplexStream),
}

impl Stream {
    /// Whether it is encrypted.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Has the connection end where the other end acknowledges nothing for `patience` (RFC 5482; tcp(7)), or
    /// not before the kernel's own time where that is `None`: who reads slowly acknowledges nothing either.
    pub fn bound_silence(&self, patience: Option<Duration>) {
        let stream = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
            #[cfg(feature = "mutants")]
            Self::Memory(_) => return,
        };
        let least = Duration::from_secs(1);
        let patience = patience.map(|patience| patience.clamp(least, MOST_SILENCE));
        // A socket that is no more has ended already.
        let _ = SockRef::from(stream).set_tcp_user_timeout(patience);
    }

    /// Whether the server has chosen HTTP/2, where it had the choice (RFC 7301).
    pub fn chose_http2(&self) -> Option<bool> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => Some(stream.get_ref().1.alpn_protocol() == Some(b"h2")),
            #[cfg(feature = "mutants")]
            Self::Memory(_) => None,
        }
    }
}

/// How to speak TLS to a server: whom to believe, and whom to expect.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Roots, versions, and session tickets.
    pub config: Arc<ClientConfig>,
    /// The name that the certificate must bear.
    pub name: ServerName<'static>,
}

/// Connects to the first of `addresses` that answers; each gets its share of `limit`.
///
/// # Errors
/// [`Reason::ConnectFailed`], [`Reason::ConnectTimeout`] or [`Reason::OriginTls`], with the last
/// address's error.
pub async fn dial(
    addresses: &[IpAddr],
    port: u16,
    tls: Option<&Tls>,
    limit: Duration,
    clock: &Clock,
) -> Result<Stream, Fault> {
    let mut deadline = None;
    let mut last = Fault::origin(Reason::NoAddress, "no address to connect to");
    for (at, address) in addresses.iter().enumerate() {
        let turn = Turn::take().await;
        // From the first turn on: to have waited for it is not the server's fault.
        let deadline = *deadline.get_or_insert_with(|| clock.now() + limit);
        let left = deadline.saturating_duration_since(clock.now());
        let share = left / u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        let address = SocketAddr::new(*address, port);
        match clock.within(share, connect(address, tls, limit, turn)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(fault)) => last = fault,
            Err(Elapsed) => {
                last = Fault::origin(
                    Reason::ConnectTimeout,
                    format!("{address}: no connection within {share:?}"),
                );
            }
        }
    }
    Err(last)
}

async fn connect(
    address: SocketAddr,
    tls: Option<&Tls>,
    patience: Duration,
    turn: Turn,
) -> Result<Stream, Fault> {
    #[cfg(feature = "mutants")]
    if let Some(stream) = super::memory::dial(address) {
        return Ok(Stream::Memory(stream));
    }
    let failed =
        |reason| move |error: io::Error| Fault::origin(reason, format!("{address}: {error}"));
    let stream = open(address, turn).await.map_err(failed(Reason::ConnectFailed))?;
    stream.set_nodelay(true).map_err(failed(Reason::ConnectFailed))?;
    look_after(&stream, patience).map_err(failed(Reason::ConnectFailed))?;
    secured(stream, tls).await.map_err(failed(Reason::OriginTls))
}

/// Speaks TLS over `stream`, where that is wanted.
///
/// # Errors
/// What the handshake failed of.
pub(super) async fn secured(stream: TcpStream, tls: Option<&Tls>) -> io::Result<Stream> {
    let Some(tls) = tls else { return Ok(Stream::Plain(stream)) };
    let connector = TlsConnector::from(Arc::clone(&tls.config));
    let stream = connector.connect(tls.name.clone(), stream).await?;
    Ok(Stream::Tls(Box::new(stream)))
}

/// Has the kernel look whether the other end is still there while nothing comes, from `patience` on.
fn look_after(stream: &TcpStream, patience: Duration) -> io::Result<()> {
    // The kernel counts whole seconds, and not so far as durations do.
    let second = Duration::from_secs(1);
    let patience = patience.clamp(second, MOST_SILENCE);
    let probes = TcpKeepalive::new().with_time(patience).with_interval(second).with_retries(3);
    SockRef::from(stream).set_tcp_keepalive(&probes)
}

/// Opens a connection, whose turn it is.
async fn open(address: SocketAddr, turn: Turn) -> io::Result<TcpStream> {
    let mut connect = pin!(TcpStream::connect(address));
    let begun = poll_fn(|cx| Poll::Ready(connect.as_mut().poll(cx))).await;
    // Comes back once the runtime has looked for what else there is to do.
    yield_now().await;
    drop(turn);
    match begun {
        Poll::Ready(stream) => stream,
        Poll::Pending => connect.await,
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            #[cfg(feature = "mutants")]
            Self::Memory(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            #[cfg(feature = "mutants")]
            Self::Memory(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            #[cfg(feature = "mutants")]
            Self::Memory(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(feature = "mutants")]
            Self::Memory(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "mutants")]
            Self::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
#[path = "dial_tests.rs"]
mod tests;
