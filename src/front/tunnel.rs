//! After a 101: the client's connection and the origin's are joined, and bytes pass both ways
//! without being looked at, until a side closes or neither says anything for `idle`.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::line::Line;
use super::record::{End, Wait};
use super::transport::Transport;
use crate::base::tunnel::Tunnel;

/// The client's side: what it sent behind its request, and then its socket.
pub(super) struct Client {
    /// What has been read already.
    pub(super) held: Bytes,
    /// The socket.
    pub(super) io: Transport,
}

impl AsyncRead for Client {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.held.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buffer);
        }
        let length = self.held.len().min(buffer.remaining());
        buffer.put_slice(&self.held[..length]);
        self.held.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Client {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Joins the two sides of a changed protocol.
pub(super) async fn join(mut client: Client, mut tunnel: Tunnel, line: &Arc<Line>) -> End {
    let mut copy = pin!(tokio::io::copy_bidirectional(&mut client, &mut tunnel.origin));

    // What the origin says is written to the client, so the client's socket sees both ways.
    let idle = line.serving.timeouts.idle;
    let mut passed = line.read() + line.written();
    let mut sleep = line.serving.clock.sleep(idle);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(over) = copy.as_mut().poll(cx) {
            return Poll::Ready(if over.is_ok() { End::Done } else { End::Left });
        }
        loop {
            std::task::ready!(Pin::new(&mut sleep).poll(cx));
            let now = line.read() + line.written();
            if now == passed {
                return Poll::Ready(End::Cut(Wait::Idle));
            }
            passed = now;
            sleep.reset(line.serving.clock.now() + idle);
        }
    })
    .await
}
