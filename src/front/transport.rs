//! The client's socket as HTTP reads and writes it: plain or TLS over a wrapper that tells the
//! connection's [`Line`] what the kernel gave and took. The wrapper lies under TLS, so that a
//! record that trickles counts as the trickle that it is. One type for both, so that each
//! protocol's server is compiled once.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::SendFlags;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::advance::Advance;
use super::line::Line;
use crate::base::pages::Pages;

/// A client's socket.
pub(super) enum Transport {
    Plain(Socket),
    /// Boxed: it is ten times the size of a plain one.
    Tls(Box<TlsStream<Socket>>),
}

impl Transport {
    fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }

    /// The socket, where nothing stands between it and HTTP.
    pub(super) fn plain(&mut self) -> Option<&mut Socket> {
        match self {
            Self::Plain(socket) => Some(socket),
            Self::Tls(_) => None,
        }
    }

    /// Reads what the client sends into `scratch`, to be forgotten: not even TLS looks at it.
    pub(super) fn poll_discard(
        &self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let stream = &self.socket().stream;
        loop {
            ready!(stream.poll_read_ready(cx))?;
            match stream.try_read(scratch) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read),
            }
        }
    }

    /// Makes the end of the connection a reset instead of an orderly close, and the kernel forget
    /// what it still holds.
    pub(super) fn reset_when_dropped(&self) {
        let socket = socket2::SockRef::from(&self.socket().stream);
        // A socket that is gone already needs no reset.
        let _ = socket.set_linger(Some(Duration::ZERO));
    }
}

macro_rules! either {
    ($self:ident, $io:ident => $call:expr) => {
        match $self.get_mut() {
            Transport::Plain(socket) => {
                let $io = Pin::new(socket);
                $call
            }
            Transport::Tls(tls) => {
                let $io = Pin::new(&mut **tls);
                $call
            }
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, io => io.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, io => io.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, io => io.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => io.poll_shutdown(cx))
    }
}

/// What the kernel takes for one packet, which the network card or its driver cuts up.
const PACKET: usize = 64 * 1024;

/// A TCP stream that tells what passes.
pub(super) struct Socket {
    pub(super) stream: TcpStream,
    pub(super) line: Arc<Line>,
    advance: Advance,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, line: Arc<Line>) -> Self {
        let advance = Advance::new(line.peer.one_of_many);
        Self { stream, line, advance }
    }

    fn wrote(&mut self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Ready(Ok(bytes)) => {
                if self.line.on_write(*bytes) {
                    self.advance.on_caught_up(&self.stream);
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.line.on_blocked(),
        }
    }
}

impl Socket {
    /// Writes `bytes`, before `next` bytes of pages. Where all of that is one packet to the kernel, it
    /// need not send one yet; else the pages had better begin a packet of their own.
    pub(super) fn poll_begin(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        next: usize,
    ) -> Poll<io::Result<usize>> {
        let one = bytes.len() + next <= PACKET;
        let flags = if one { SendFlags::MORE } else { SendFlags::empty() };
        self.poll_call(cx, |stream| Ok(rustix::net::send(stream, bytes, flags)?))
    }

    /// Writes up to `count` bytes of `pages` from `offset` on, without copying them (sendfile(2)).
    pub(super) fn poll_send_pages(
        &mut self,
        cx: &mut Context<'_>,
        pages: &Pages,
        offset: u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        self.poll_call(cx, |stream| {
            let mut offset = offset;
            Ok(rustix::fs::sendfile(stream, pages, Some(&mut offset), count)?)
        })
    }

    fn poll_call(
        &mut self,
        cx: &mut Context<'_>,
        call: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let written = loop {
            match self.stream.poll_write_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
            match self.stream.try_io(Interest::WRITABLE, || call(&self.stream)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => break Poll::Ready(written),
            }
        };
        self.wrote(&written);
        written
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let bytes = buffer.filled().len() - before;
        if bytes > 0 {
            self.line.on_read(bytes);
        }
        polled
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
