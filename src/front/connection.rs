//! The life of one connection: the protocol on it, driven together with the watchdog and the signal
//! to drain, and the end, which is orderly, a cut, or a reset.
//!
//! What is decided about hyper's HTTP/2 is in `multiplex`; HTTP/1 is `http1`.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Protocol;
use super::gather::Gather;
use super::http1::{Http1, Link, Over};
use super::line::Line;
use super::metered::Metered;
use super::multiplex::serve_http2;
use super::record::{End, Wait};
use super::request::Chain;
use super::transport::Transport;
use super::tunnel;
use super::watch::Watch;
use crate::base::Reason;
use crate::wire::Rewound;

/// How much, and how long, is read and thrown away so that the kernel does not reset a connection
/// whose last answer has not been read yet.
pub(super) const LINGER_BYTES: usize = 1024 * 1024;
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// Serves `io` until its end.
pub(super) async fn serve(io: Transport, protocol: Protocol, line: &Arc<Line>) -> End {
    match protocol {
        Protocol::Http1 => serve_http1(io, line).await,
        // Boxed: a plain connection should not pay for its size.
        Protocol::Http2 => Box::pin(serve_http2(io, line)).await,
    }
}

/// How the polling of a connection ended.
pub(super) enum Driven<T> {
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

/// Polls `connection` with its watchdog until one of them ends it; `shut` tells it to take nothing
/// new.
pub(super) async fn drive<C>(
    mut connection: Pin<&mut C>,
    line: &Line,
    protocol: Protocol,
    shut: impl Fn(Pin<&mut C>),
    gather: Option<&Gather<Metered<Transport>>>,
) -> Driven<C::Output>
where
    C: Future,
{
    let mut watch = Watch::new(protocol, line.begin(), line);
    let drain = &line.serving.drain;
    let mut drained = pin!(drain.wait());
    let (mut listening, mut shutting) = (false, false);
    poll_fn(|cx| {
        loop {
            if let Some(over) = poll_held(connection.as_mut(), gather, cx) {
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
    gather: Option<&Gather<Metered<Transport>>>,
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
        gather.release(cx);
    }
    match polled {
        Ok(Poll::Pending) => None,
        Ok(Poll::Ready(result)) => Some(Driven::Over(result)),
        Err(_) => Some(Driven::Panicked),
    }
}

/// Names the end of an HTTP/2 connection, logs what hyper refused, and decides whether the socket is
/// reset.
pub(super) fn judge(driven: Driven<hyper::Result<()>>, line: &Line) -> End {
    if let Some(limit) = line.beyond() {
        let (peer, reason) = (line.peer.remote, limit.reason());
        tracing::debug!(%peer, %reason, ?limit, "beyond a limit of HTTP/2");
        return End::Beyond(limit);
    }
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
