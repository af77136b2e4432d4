//! The life of one connection: the protocol on it, driven together with the watchdog and the signal
//! to drain, and the end, which is orderly, a cut, or a reset.
//!
//! What is decided here about hyper's HTTP/2: streams, header lists, resets in both directions,
//! windows and send buffers are bounded, and no extended CONNECT is offered. HTTP/1 is `http1`.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Protocol;
use super::gather::Gather;
use super::http1::{Http1, Link, Over};
use super::line::Line;
use super::record::{End, Wait};
use super::request::Chain;
use super::service::Service;
use super::transport::Transport;
use super::tunnel;
use super::watch::Watch;
use crate::base::Reason;
use crate::wire::Rewound;

/// What a client may upload on a stream before we read on, and on all streams together.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of a stream's answer that h2 takes ahead of the socket.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that a client may reset before they are served (CVE-2023-44487), and make us reset
/// (CVE-2025-8671), before the connection is closed.
const PENDING_RESETS: usize = 20;
const LOCAL_RESETS: usize = 256;
/// How much, and how long, is read and thrown away so that the kernel does not reset a connection
/// whose last answer has not been read yet.
const LINGER_BYTES: usize = 1024 * 1024;
const LINGER: Duration = Duration::from_secs(2);

/// Serves `io` until its end.
pub(super) async fn serve(io: Transport, protocol: Protocol, line: &Arc<Line>) -> End {
    match protocol {
        Protocol::Http1 => serve_http1(io, line).await,
        // Boxed: a plain connection should not pay for its size.
        Protocol::Http2 => Box::pin(serve_http2(io, line)).await,
    }
}

/// How the polling of a connection ended.
enum Driven<T> {
    Over(T),
    Cut(Wait),
    Panicked,
}

async fn serve_http1(io: Transport, line: &Arc<Line>) -> End {
    let mut http1 = Http1::new(io, line);
    let driven = {
        let driven = drive(Pin::new(&mut http1), line, Protocol::Http1, |_| (), None).await;
        if let Driven::Cut(wait) = driven {
            line.cut(wait);
        }
        driven
    };
    let Link { io, mut buffer, unread, .. } = http1.into_link();
    let end = match driven {
        Driven::Over(Over::Tunnel(tunnel)) => {
            let client = Rewound::new(buffer.take(usize::MAX), io);
            return Box::pin(tunnel::join(client, tunnel, line)).await;
        }
        Driven::Over(Over::Done) => End::Done,
        Driven::Over(Over::Left) => End::Left,
        Driven::Over(Over::Broken) => End::Broken,
        Driven::Over(Over::Refused(bad)) => refused(line, &bad),
        Driven::Cut(wait) => cut(line, wait),
        Driven::Panicked => End::Panicked,
    };
    if line.is_reset() {
        io.reset_when_dropped();
    } else if matches!(end, End::Done | End::Refused(_)) {
        let whole = end == End::Done && !unread;
        Box::pin(close(io, whole, line)).await;
    }
    end
}

/// Closes our side in order. Unless the client has sent nothing but `whole` requests, what it still
/// sends is read and thrown away, so that the last answer reaches it: closing a socket with unread
/// bytes resets it (RFC 9112 §9.6).
async fn close(mut io: Transport, whole: bool, line: &Line) {
    let closed =
        line.serving.clock.within(LINGER, poll_fn(|cx| Pin::new(&mut io).poll_shutdown(cx)));
    if matches!(closed.await, Ok(Ok(()))) && !whole {
        linger(&mut io, line).await;
    }
}

async fn serve_http2(io: Transport, line: &Arc<Line>) -> End {
    let limits = &line.serving.limits;
    let gather = Gather::new(io);
    let mut builder = http2::Builder::new(AtOnce);
    builder
        .max_concurrent_streams(line.serving.http2.max_streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER);
    let service = Service(Arc::clone(line));
    let driven = {
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
        gather.with(Transport::reset_when_dropped);
    } else {
        // The last GOAWAY, if the client takes it.
        let finish = poll_fn(|cx| gather.poll_finish(cx));
        let _ = line.serving.clock.within(line.serving.timeouts.write.min(LINGER), finish).await;
    }
    end
}

/// Runs the streams of a connection: a hit's answer stands when it is first polled, so that is done
/// in place, and only what must wait becomes a task.
#[derive(Clone, Copy, Debug)]
struct AtOnce;

impl<F> hyper::rt::Executor<F> for AtOnce
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let mut stream = Box::pin(stream);
        // Nobody is woken by this poll: the task begins with another.
        if stream.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            tokio::spawn(stream);
        }
    }
}

/// Polls `connection` with its watchdog until one of them ends it; `shut` tells it to take nothing
/// new.
async fn drive<C>(
    mut connection: Pin<&mut C>,
    line: &Line,
    protocol: Protocol,
    shut: impl Fn(Pin<&mut C>),
    gather: Option<&Gather<Transport>>,
) -> Driven<C::Output>
where
    C: Future,
{
    let mut watch = Watch::new(protocol, line.begin(protocol), line);
    let drain = &line.serving.drain;
    let mut drained = pin!(drain.wait());
    let (mut listening, mut shutting) = (false, false);
    poll_fn(|cx| {
        loop {
            if let Some(over) = poll_held(connection.as_mut(), line, gather, cx) {
                return Poll::Ready(over);
            }
            if !listening {
                // Once is enough: this task's waker stays the same, and the flag tells the rest.
                listening = true;
                let _ = drained.as_mut().poll(cx);
            }
            // A connection on which nothing came at all would be closed, so a client whose first
            // request is on its way is waited for as long as `first_byte` allows.
            if shutting || !drain.is_draining() || !line.heard() {
                break;
            }
            shutting = true;
            shut(connection.as_mut());
        }
        watch.poll(cx, line).map(Driven::Cut)
    })
    .await
}

/// Polls `connection` once, with its writes gathered.
fn poll_held<C>(
    connection: Pin<&mut C>,
    line: &Line,
    gather: Option<&Gather<Transport>>,
    cx: &mut Context<'_>,
) -> Option<Driven<C::Output>>
where
    C: Future,
{
    if let Some(gather) = gather {
        gather.hold();
    }
    let polled = catch_unwind(AssertUnwindSafe(|| connection.poll(cx)));
    if let Some(gather) = gather {
        gather.release(cx, line.in_flight() == 0);
    }
    match polled {
        Ok(Poll::Pending) => None,
        Ok(Poll::Ready(result)) => Some(Driven::Over(result)),
        Err(_) => Some(Driven::Panicked),
    }
}

/// Names the end of an HTTP/2 connection, logs what hyper refused, and decides whether the socket is
/// reset.
fn judge(driven: Driven<hyper::Result<()>>, line: &Line) -> End {
    let error = match driven {
        Driven::Over(Ok(())) => return End::Done,
        Driven::Panicked => return End::Panicked,
        Driven::Cut(wait) => return cut(line, wait),
        Driven::Over(Err(error)) => error,
    };
    let h2 = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    if error.is_parse() || h2.is_some_and(|h2| h2.is_library() && !h2.is_io()) {
        refused(line, &Chain(&error))
    } else if error.is_user() {
        tracing::debug!(peer = %line.peer.remote, "cut: {}", Chain(&error));
        End::Broken
    } else {
        End::Left
    }
}

fn cut(line: &Line, wait: Wait) -> End {
    if matches!(wait, Wait::Write | Wait::Progress | Wait::Unread) {
        // The kernel would go on offering what the client does not take.
        line.must_reset();
    }
    End::Cut(wait)
}

fn refused(line: &Line, why: &dyn std::fmt::Display) -> End {
    tracing::debug!(peer = %line.peer.remote, reason = %Reason::BadRequest, "refused: {why}");
    End::Refused(Reason::BadRequest)
}

/// Reads until the client closes, or enough.
async fn linger(io: &mut Transport, line: &Line) {
    let mut scratch = vec![0; 4096];
    let mut left = LINGER_BYTES;
    let read = poll_fn(|cx| {
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut *io).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() && left > 0 => {
                    left = left.saturating_sub(buffer.filled().len());
                }
                Poll::Pending => return Poll::Pending,
                Poll::Ready(_) => return Poll::Ready(()),
            }
        }
    });
    let _ = line.serving.clock.within(LINGER, read).await;
}
