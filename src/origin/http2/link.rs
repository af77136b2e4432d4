//! One connection of HTTP/2, and who has a stream on it.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Ping, PingPong};
use tokio::sync::oneshot;

use super::super::allowance::Turn;
use super::super::server::Open;
use super::fault;
use crate::base::{Clock, Fault, Reason};
use crate::net::dial;

/// The most requests over one connection at a time.
const MOST: u32 = 100;
/// What of an answer may be on its way to a reader who does not read, in bytes.
const WINDOW: u32 = 256 * 1024;
/// How long a server may take to answer a PING at least, while requests are under way.
const BUSY: Duration = Duration::from_secs(5);
/// The largest head of an answer, in bytes.
const MAX_HEAD: u32 = 64 * 1024;

/// A connection that takes more requests.
#[derive(Debug)]
pub struct Link {
    sender: SendRequest<Bytes>,
    shared: Arc<Shared>,
    opened: Instant,
    used: Instant,
    is_tls: bool,
}

/// What a connection's streams and its driver share. It counts as open until all of them have gone.
#[derive(Debug)]
struct Shared {
    streams: AtomicUsize,
    /// Whether a request waited for an answer in vain: others would too.
    is_suspect: AtomicBool,
    /// Whether the server has answered no PING, so that nobody waits any longer.
    is_given_up: AtomicBool,
    /// Whether the server wants HTTP/1.1 for what it was asked (RFC 9113 §7).
    wants_http1: AtomicBool,
    _open: Open,
}

/// The right to one exchange over a connection, until dropped.
#[derive(Debug)]
pub struct Stream {
    pub(super) sender: SendRequest<Bytes>,
    shared: Arc<Shared>,
    /// Whether the connection had carried others before.
    pub reused: bool,
    pub(super) is_tls: bool,
    turn: Option<Turn>,
}

impl Link {
    /// Speaks HTTP/2 over `stream`: the server must answer a PING within `patience`, so that it is known what
    /// it takes and that it does, and again and again while requests are under way.
    ///
    /// # Errors
    /// What kept it from being spoken.
    pub async fn new(
        stream: dial::Stream,
        open: Open,
        patience: Duration,
        clock: &Clock,
    ) -> Result<Self, Fault> {
        let is_tls = stream.is_tls();
        let begun = Builder::new()
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW * MOST)
            .max_header_list_size(MAX_HEAD)
            .enable_push(false)
            .handshake(stream);
        let (sender, connection) = begun.await.map_err(|error| fault::of_head(&error))?;
        let [is_suspect, is_given_up, wants_http1] =
            std::array::from_fn(|_| AtomicBool::new(false));
        let streams = AtomicUsize::new(0);
        let shared = Shared { streams, is_suspect, is_given_up, wants_http1, _open: open };
        let shared = Arc::new(shared);
        let (tell, told) = oneshot::channel();
        let driven = drive(connection, Arc::clone(&shared), patience, clock.clone(), tell);
        tokio::spawn(driven);
        let gone = |_| Err(Fault::origin(Reason::OriginClosed, "no PING can be sent"));
        told.await.unwrap_or_else(gone)?;
        let now = clock.now();
        Ok(Self { sender, shared, opened: now, used: now, is_tls })
    }

    /// When it was opened.
    pub fn opened(&self) -> Instant {
        self.opened
    }

    /// Whether it takes requests at all.
    pub fn is_open(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let ended = matches!(self.sender.poll_ready(&mut cx), Poll::Ready(Err(_)));
        !ended && !self.shared.is_suspect.load(Ordering::Relaxed) && !self.wants_http1()
    }

    /// Whether its server wants HTTP/1.1.
    pub fn wants_http1(&self) -> bool {
        self.shared.wants_http1.load(Ordering::Relaxed)
    }

    /// Whether nobody has a stream on it.
    pub fn is_unused(&self) -> bool {
        self.shared.streams.load(Ordering::Relaxed) == 0
    }

    /// Whether it takes one more now.
    pub fn has_room(&self) -> bool {
        let most = self.sender.current_max_send_streams().min(MOST as usize);
        self.shared.streams.load(Ordering::Relaxed) < most
    }

    /// Whether nobody has asked anything over it for so long.
    pub fn is_idle(&self, time: Duration, now: Instant) -> bool {
        self.is_unused() && now.saturating_duration_since(self.used) >= time
    }

    /// One more stream.
    pub fn stream(&mut self, now: Instant) -> Stream {
        let reused = self.used > self.opened || self.shared.streams.load(Ordering::Relaxed) > 0;
        self.used = now;
        self.shared.streams.fetch_add(1, Ordering::Relaxed);
        let (sender, shared) = (self.sender.clone(), Arc::clone(&self.shared));
        Stream { sender, shared, reused, is_tls: self.is_tls, turn: None }
    }
}

impl Stream {
    /// The same, in the `turn` of a request.
    #[must_use]
    pub fn in_turn(mut self, turn: Turn) -> Self {
        self.turn = Some(turn);
        self
    }

    /// No answer has come: nobody else is to wait for one over this connection.
    pub(super) fn suspect(&self) {
        self.shared.is_suspect.store(true, Ordering::Relaxed);
    }

    /// What `error` is, before an answer's head was complete.
    pub(super) fn fault(&self, error: &h2::Error) -> Fault {
        if self.shared.is_given_up.load(Ordering::Relaxed) {
            return Fault::origin(Reason::FirstByteTimeout, "it answers no PING").retryable();
        }
        if error.reason() == Some(h2::Reason::HTTP_1_1_REQUIRED) {
            self.shared.wants_http1.store(true, Ordering::Relaxed);
        }
        fault::of_head(error)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Moves the bytes of a connection until it ends, or its server does not answer, and tells whether it has
/// answered at all.
async fn drive(
    mut connection: Connection<dial::Stream, Bytes>,
    shared: Arc<Shared>,
    patience: Duration,
    clock: Clock,
    tell: oneshot::Sender<Result<(), Fault>>,
) {
    let Some(mut ping) = connection.ping_pong() else { return };
    let mut tell = Some(tell);
    let mut is_pinged = ping.send_ping(Ping::opaque()).is_ok();
    let mut sleep = clock.sleep(patience);
    // Whoever has answered once may be busy for a while.
    let patience = patience.max(BUSY);
    loop {
        tokio::select! {
            biased;
            ended = &mut connection => {
                let closed = || Fault::origin(Reason::OriginClosed, "closed as it was opened");
                let why = ended.map_or_else(|error| fault::of_head(&error), |()| closed());
                // Of those that have streams each is told by its own.
                return drop(tell.map(|tell| tell.send(Err(why))));
            }
            pong = pong(&mut ping), if is_pinged => {
                if pong.is_err() { return }
                is_pinged = false;
                drop(tell.take().map(|tell| tell.send(Ok(()))));
            }
            () = &mut sleep => {
                if is_pinged {
                    shared.is_given_up.store(true, Ordering::Relaxed);
                    return drop(tell.map(|tell| tell.send(Err(silent(patience)))));
                }
                if shared.streams.load(Ordering::Relaxed) > 0 {
                    is_pinged = ping.send_ping(Ping::opaque()).is_ok();
                }
                sleep.reset(clock.now() + patience);
            }
        }
    }
}

fn silent(patience: Duration) -> Fault {
    Fault::origin(Reason::ConnectTimeout, format!("no answer in HTTP/2 within {patience:?}"))
}

async fn pong(ping: &mut PingPong) -> Result<(), h2::Error> {
    poll_fn(|cx| ping.poll_pong(cx)).await.map(drop)
}
