//! What the tests of this room share: a server on a loopback socket whose handler is a closure, a
//! recorder that remembers, and clients that read and write bytes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http::{Response, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;

use super::connection::serve;
use super::line::Line;
use super::transport::{Socket, Transport};
use super::*;
use crate::base::{Body, Budget, Clients, Fields, Outcome, Peer, Reason};
use crate::telemetry::Account;
use crate::telemetry::Finished;

impl<F> Handler for F
where
    F: Fn(Request) -> Reply + Send + Sync + 'static,
{
    fn handle(&self, request: Request, _peer: &Arc<Peer>) -> Reply {
        self(request)
    }
}

pub(super) const TIMEOUTS: Timeouts = Timeouts {
    handshake: Duration::from_secs(10),
    first_byte: Duration::from_secs(11),
    header: Duration::from_secs(12),
    idle: Duration::from_secs(60),
    body: Duration::from_secs(14),
    write: Duration::from_secs(40),
    progress: Duration::from_secs(30),
    min_rate: 1000,
    min_body_rate: 1000,
};

pub(super) const HTTP2: Http2 = Http2 {
    enabled: true,
    max_streams: 100,
    max_crumbs: 80,
    max_pinned: 1 << 20,
    stream_window: 64 << 10,
    connection_window: 1 << 20,
    continuations: 4,
    resets: 8,
    stream_errors: 5,
    pings: 30,
    settings: 4,
    ignored: 40,
    window_updates: 100,
    empty_frames: 5,
};

pub(super) fn answer(body: Body) -> Answer {
    let (head, ()) = Response::new(()).into_parts();
    let account = Account::new(None, Outcome::Hit, Reason::Fresh);
    Answer { head, stored: Fields::default(), body, account, then: Then::KeepAlive }
}

pub(super) fn ok(body: impl Into<bytes::Bytes>) -> Reply {
    Reply::Ready(answer(Body::from_bytes(body)))
}

/// A body of the given frames; `None` in the end means that it stops without an end.
pub(super) struct Frames(pub(super) Vec<Result<bytes::Bytes, crate::base::Fault>>, pub(super) bool);

impl http_body::Body for Frames {
    type Data = bytes::Bytes;
    type Error = crate::base::Fault;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, crate::base::Fault>>> {
        use std::task::Poll;
        if self.0.is_empty() {
            return if self.1 { Poll::Ready(None) } else { Poll::Pending };
        }
        Poll::Ready(Some(self.0.remove(0).map(http_body::Frame::data)))
    }
}

/// What the recorder was told of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) what: String,
    pub(super) status: Option<StatusCode>,
    pub(super) request_bytes: u64,
    pub(super) body_bytes: u64,
    pub(super) broken: Option<Reason>,
}

#[derive(Default)]
pub(super) struct Notes {
    requests: Mutex<Vec<Note>>,
    events: Mutex<Vec<ConnectionEvent>>,
    news: Notify,
}

impl Recorder for Notes {
    fn began(&self) {}

    fn finished(&self, finished: &Finished<'_>) {
        assert!(finished.first_byte <= finished.duration);
        self.requests.lock().unwrap().push(Note {
            what: finished
                .asked
                .map(|asked| format!("{} {}", asked.method, asked.uri.path()))
                .unwrap_or_default(),
            status: finished.status,
            request_bytes: finished.received,
            body_bytes: finished.bytes,
            broken: finished.broke_off,
        });
        self.news.notify_waiters();
    }

    fn event(&self, _peer: &Peer, event: ConnectionEvent) {
        self.events.lock().unwrap().push(event);
        self.news.notify_waiters();
    }
}

pub(super) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match Clock::system().within(Duration::from_secs(20), future).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain: {what}"),
    }
}

/// Lets everything run until `done`.
pub(super) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    soon(what, async {
        while !done() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) notes: Arc<Notes>,
    pub(super) clock: Clock,
    pub(super) drain: Drain,
    pub(super) serving: Arc<Serving>,
}

impl Server {
    /// A server of HTTP/1 without TLS that answers by `handler`.
    pub(super) async fn http1(handler: impl Handler) -> Self {
        Self::start(Protocol::Http1, handler, TIMEOUTS).await
    }

    /// A server of HTTP/2 without TLS.
    pub(super) async fn http2(handler: impl Handler) -> Self {
        Self::start(Protocol::Http2, handler, TIMEOUTS).await
    }

    pub(super) async fn start(
        protocol: Protocol,
        handler: impl Handler,
        timeouts: Timeouts,
    ) -> Self {
        Self::run(protocol, handler, timeouts, None).await
    }

    /// A server of HTTP/2 without TLS, with other limits.
    pub(super) async fn limited(handler: impl Handler, http2: Http2) -> Self {
        Self::run_with(Protocol::Http2, handler, TIMEOUTS, http2, None).await
    }

    pub(super) async fn with_tls(
        handler: impl Handler,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Self {
        Self::run(Protocol::Http1, handler, TIMEOUTS, tls).await
    }

    async fn run(
        protocol: Protocol,
        handler: impl Handler,
        timeouts: Timeouts,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Self {
        Self::run_with(protocol, handler, timeouts, HTTP2, tls).await
    }

    async fn run_with(
        protocol: Protocol,
        handler: impl Handler,
        timeouts: Timeouts,
        http2: Http2,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Self {
        // What the system's buffers swallow, a slow client never has to take.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(4096).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener: TcpListener = socket.listen(64).unwrap();
        let address = listener.local_addr().unwrap();
        let notes = Arc::new(Notes::default());
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let drain = Drain::new();
        let serving = Arc::new(Serving {
            handler: Arc::new(handler),
            recorder: notes.clone(),
            clock: clock.clone(),
            timeouts,
            limits: Limits {
                connections: 100,
                client_connections: 100,
                client_requests: 100,
                client_unread: u64::MAX,
                header_bytes: 8192,
                headers: 50,
            },
            http2,
            budget: Budget::new(1 << 30),
            clients: Clients::default(),
            trusted_proxies: PrefixSet::default(),
            drain: drain.clone(),
        });
        let shared = Arc::clone(&serving);
        tokio::spawn(async move {
            while let Ok((stream, remote)) = listener.accept().await {
                let peer = Arc::new(Peer::plain(address, remote));
                let (tls, serving) = (tls.clone(), Arc::clone(&shared));
                match protocol {
                    Protocol::Http1 => tokio::spawn(connection(stream, tls, peer, serving)),
                    Protocol::Http2 => tokio::spawn(bare_http2(stream, peer, serving)),
                };
            }
        });
        Self { address, notes, clock, drain, serving }
    }

    pub(super) async fn connect(&self) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Client(socket.connect(self.address).await.unwrap())
    }

    pub(super) fn requests(&self) -> Vec<Note> {
        self.notes.requests.lock().unwrap().clone()
    }

    pub(super) fn events(&self) -> Vec<ConnectionEvent> {
        self.notes.events.lock().unwrap().clone()
    }

    /// Waits for the end of the first connection that ends.
    pub(super) async fn end(&self) -> End {
        let mut end = None;
        until("the connection's end", || {
            end = self.events().into_iter().find_map(|event| match event {
                ConnectionEvent::Closed(end) => Some(end),
                _ => None,
            });
            end.is_some()
        })
        .await;
        end.unwrap()
    }

    /// Waits for the first request's note.
    pub(super) async fn note(&self) -> Note {
        until("a request's record", || !self.requests().is_empty()).await;
        self.requests().remove(0)
    }

    /// Moves the clock by `step` until `done`.
    pub(super) async fn pass(&self, step: Duration, mut done: impl FnMut() -> bool) -> Duration {
        let start = self.clock.now();
        until("time to run out", || {
            let done = done();
            if !done {
                self.clock.advance(step);
            }
            done
        })
        .await;
        self.clock.now() - start
    }

    /// Waits until the server has something to do within `time`.
    pub(super) async fn armed(&self, time: Duration) {
        let by = self.clock.now() + time;
        until("the watchdog", || self.clock.has_sleeper_until(by)).await;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.events().iter().any(|event| matches!(event, ConnectionEvent::Closed(_)))
    }
}

async fn bare_http2(stream: TcpStream, peer: Arc<Peer>, serving: Arc<Serving>) {
    let line = Arc::new(Line::new(peer, serving));
    let socket = Socket::new(stream, Arc::clone(&line));
    line.tell(ConnectionEvent::Opened(Protocol::Http2));
    let end = serve(Transport::Plain(socket), Protocol::Http2, &line).await;
    line.tell(ConnectionEvent::Closed(end));
}

/// A client of bytes.
pub(super) struct Client<T = TcpStream>(pub(super) T);

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub(super) async fn send(&mut self, bytes: &str) {
        soon("the server to read", self.0.write_all(bytes.as_bytes())).await.unwrap();
    }

    /// Reads until `end` has come.
    pub(super) async fn until(&mut self, end: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            let byte = soon(end, self.0.read_u8()).await;
            text.push(byte.unwrap_or_else(|error| {
                panic!("{error} after {:?}", String::from_utf8_lossy(&text))
            }));
        }
        String::from_utf8(text).unwrap()
    }

    /// Reads until the connection is closed.
    pub(super) async fn rest(&mut self) -> std::io::Result<String> {
        let mut bytes = Vec::new();
        soon("the connection's end", self.0.read_to_end(&mut bytes)).await?;
        Ok(String::from_utf8(bytes).unwrap())
    }
}
