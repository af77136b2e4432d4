//! The life of one HTTP/2 connection: hyper's server over metered IO and gathered writes, and what
//! is said in the end.
//!
//! h2 bounds streams, header lists, windows and what it buffers. How often frames may come is
//! bounded beneath it (`metered`), what a request may hold where it begins (`service`), and how
//! long a stream may wait for its client beside it (`streams`). No extended CONNECT is offered.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};

use hyper::server::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

use super::Protocol;
use super::connection::{Driven, LINGER, LINGER_BYTES, drive, judge};
use super::gather::Gather;
use super::limit::HOLDS;
use super::line::Line;
use super::metered::Metered;
use super::record::{End, Wait};
use super::service::Service;
use super::streams::Executor;
use super::transport::Transport;

/// Bytes of a stream's answer that h2 takes ahead of the socket.
const SEND_BUFFER: usize = 64 * 1024;

/// Serves `io` until its end.
pub(super) async fn serve_http2(io: Transport, line: &Arc<Line>) -> End {
    let streams = line.begin_streams();
    let gather = Gather::new(Metered::new(io, line, &streams));
    let driven = {
        let builder = builder(line, Executor(streams));
        let service = Service(Arc::clone(line));
        let connection = builder.serve_connection(TokioIo::new(gather.clone()), service);
        let shut = |connection: Pin<&mut http2::Connection<_, _, _>>| {
            connection.graceful_shutdown();
        };
        let driven = drive(pin!(connection), line, Protocol::Http2, shut, Some(&gather)).await;
        if let Driven::Cut(wait) = driven {
            line.cut(wait);
        }
        driven
    };
    let end = judge(driven, line);
    if line.is_reset() {
        gather.with(|io| io.inner().reset_when_dropped());
    } else {
        let limit = line.serving.timeouts.write.min(LINGER);
        let _ = line.serving.clock.within(limit, part(&gather, end)).await;
    }
    end
}

fn builder(line: &Line, executor: Executor) -> http2::Builder<Executor> {
    let (limits, http2) = (&line.serving.limits, &line.serving.http2);
    let mut builder = http2::Builder::new(executor);
    builder
        .max_concurrent_streams(http2.max_streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        // A browser that leaves a page resets all that it had asked for; how often is counted
        // beneath, and before h2 counts to this.
        .max_pending_accept_reset_streams(http2.resets.saturating_mul(HOLDS) as usize)
        // Counted beneath too, by the second and not for the connection's whole life.
        .max_local_error_reset_streams(None)
        .initial_stream_window_size(http2.stream_window)
        .initial_connection_window_size(http2.connection_window)
        .max_send_buf_size(SEND_BUFFER);
    builder
}

/// Says what is still to be said, and lets the client read it.
async fn part(gather: &Gather<Metered<Transport>>, end: End) -> std::io::Result<()> {
    // What is gathered, h2's own GOAWAY with it.
    poll_fn(|cx| gather.poll_finish(cx)).await?;
    let goaway = match end {
        End::Beyond(limit) => Some((h2::Reason::ENHANCE_YOUR_CALM, limit.reason().as_str())),
        End::Cut(Wait::Header) => Some((h2::Reason::ENHANCE_YOUR_CALM, Wait::Header.as_str())),
        End::Cut(Wait::Idle) => Some((h2::Reason::NO_ERROR, Wait::Idle.as_str())),
        _ => None,
    };
    let frame = goaway.and_then(|(code, reason)| gather.with(|io| io.farewell(code, reason)));
    let mut io = gather.clone();
    if let Some(frame) = frame {
        io.write_all(&frame).await?;
    }
    io.shutdown().await?;
    if matches!(end, End::Beyond(_) | End::Refused(_)) {
        linger(gather).await?;
    }
    Ok(())
}

/// Reads and throws away what the client still sends, as it is on the wire: closing a socket with
/// unread bytes resets it, and the GOAWAY would be lost with it (RFC 9113 §5.4.1).
async fn linger(gather: &Gather<Metered<Transport>>) -> std::io::Result<()> {
    let mut scratch = vec![0; 4096];
    let mut left = LINGER_BYTES;
    poll_fn(|cx| {
        while left > 0 {
            let read = gather.with(|io| io.inner().poll_discard(cx, &mut scratch));
            match ready!(read)? {
                0 => break,
                bytes => left = left.saturating_sub(bytes),
            }
        }
        Poll::Ready(Ok(()))
    })
    .await
}
