//! One connection to an origin: hyper's client over a stream that counts what it reads.
//!
//! The count is what makes a retry safe: a request that failed on a kept connection may be sent
//! again only if not one byte came back after it was handed over. It also bounds what an origin may
//! send before its head is complete: hyper bounds one head, but not the interim responses before it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::fault;
use super::server::Open;
use crate::base::{Body, Fault};
use crate::net::dial::Stream;

/// The largest head of an answer, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// The most fields of an answer's head.
const MAX_FIELDS: usize = 256;

/// The sending half of a connection whose other half runs as a task of the worker.
#[derive(Debug)]
pub struct Connection {
    /// hyper's half.
    pub sender: http1::SendRequest<Body>,
    counts: Arc<Counts>,
    _open: Open,
}

/// What has been read of a connection, and how much may be.
#[derive(Debug)]
struct Counts {
    read: AtomicU64,
    /// Where reading ends while a head is awaited; else the largest number.
    limit: AtomicU64,
}

impl Connection {
    /// Speaks HTTP/1.1 over `stream`, as a task of the current runtime.
    ///
    /// # Errors
    /// Where hyper refuses, which it does only for a stream that is closed already.
    pub async fn start(stream: Stream, open: Open) -> Result<Self, Fault> {
        let counts = Arc::new(Counts { read: AtomicU64::new(0), limit: AtomicU64::new(u64::MAX) });
        let io = TokioIo::new(Counted { stream, counts: Arc::clone(&counts) });
        let (sender, connection) = http1::Builder::new()
            .max_headers(MAX_FIELDS)
            .max_header_size(MAX_HEAD)
            // What a connection keeps when it is idle, too.
            .max_buf_size(MAX_HEAD)
            .handshake(io)
            .await
            .map_err(|error| fault::of_exchange(&error))?;
        // What ends the connection is told to the request that was under way.
        tokio::spawn(connection.with_upgrades());
        Ok(Self { sender, counts, _open: open })
    }

    /// Bytes that have come so far.
    pub fn bytes_read(&self) -> u64 {
        self.counts.read.load(Ordering::Relaxed)
    }

    /// A head is awaited from here on: it may be as large as `MAX_HEAD`, with every interim response
    /// before it, which hyper reads over one by one for as long as they come.
    pub fn head_begins(&self) {
        let limit = self.bytes_read().saturating_add(MAX_HEAD as u64);
        self.counts.limit.store(limit, Ordering::Relaxed);
    }

    /// The head has come; a body may be as long as it likes.
    pub fn head_ends(&self) {
        self.counts.limit.store(u64::MAX, Ordering::Relaxed);
    }
}

/// A stream that counts what it reads.
struct Counted {
    stream: Stream,
    counts: Arc<Counts>,
}

impl AsyncRead for Counted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Counts { read, limit } = &*this.counts;
        // Asked for more though so much has come: the head is not complete yet.
        if read.load(Ordering::Relaxed) >= limit.load(Ordering::Relaxed) {
            let error = io::Error::new(io::ErrorKind::InvalidData, "a head without end");
            return Poll::Ready(Err(error));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        read.fetch_add((buf.filled().len() - before) as u64, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
