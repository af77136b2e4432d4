//! A well-behaved client over hyper: HTTP/1.1 and HTTP/2, plain and TLS, with blocking calls.
//!
//! One runtime on a thread of its own drives every client of the test binary. A [`Client`] is one
//! connection, which it makes when first asked and again when the old one has closed; a
//! [`Pending`] is one request under way, read no faster than the test reads it.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Uri, response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tidegate::base::Clock;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::pki;
use super::request::{Request, Upload, get};
use super::response::Response;
use super::wait::DEADLINE;

/// Bytes of a head that the client takes: more than any proxy should send.
const LARGE: u32 = 1 << 20;

static RUNTIME: LazyLock<Handle> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the system gives a runtime what it needs");
    let handle = runtime.handle().clone();
    std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    handle
});

/// One connection to the proxy.
pub struct Client {
    address: SocketAddr,
    protocol: Protocol,
    connection: Mutex<Option<Connection>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http1Tls,
    Http2Tls,
}

enum Connection {
    Http1(http1::SendRequest<Upload>),
    Http2(http2::SendRequest<Upload>),
}

/// Why there is no response.
#[derive(Debug)]
pub struct NoResponse(pub String);

impl Client {
    /// HTTP/1.1 without TLS.
    pub fn http1(address: SocketAddr) -> Self {
        Self::new(address, Protocol::Http1)
    }

    /// HTTP/1.1 over TLS.
    pub fn http1_tls(address: SocketAddr) -> Self {
        Self::new(address, Protocol::Http1Tls)
    }

    /// HTTP/2 over TLS.
    pub fn http2(address: SocketAddr) -> Self {
        Self::new(address, Protocol::Http2Tls)
    }

    fn new(address: SocketAddr, protocol: Protocol) -> Self {
        Self { address, protocol, connection: Mutex::default() }
    }

    /// Sends a GET for `path` and reads the whole response, or as much of it as came.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.send(get(path))
    }

    /// Sends `request` and reads the whole response, or as much of it as came.
    #[track_caller]
    pub fn send(&self, request: Request) -> Response {
        self.begin(request).response()
    }

    /// Sends `request`; the response is for later. On HTTP/2, many may be under way.
    #[track_caller]
    pub fn begin(&self, request: Request) -> Pending {
        self.try_begin(request).unwrap_or_else(|error| panic!("no connection: {}", error.0))
    }

    /// As [`begin`](Self::begin), where the proxy may take no connection.
    ///
    /// # Errors
    /// What kept the connection from being made.
    pub fn try_begin(&self, request: Request) -> Result<Pending, NoResponse> {
        let request = self.lower(request);
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        wait("the client can send", async {
            if !connection.as_ref().is_some_and(Connection::is_open) {
                *connection = Some(self.connect().await?);
            }
            let connection = connection.as_mut().expect("just made");
            connection.ready().await.map_err(told)?;
            Ok(Pending::start(connection.send(request)))
        })
    }

    /// Whether the connection that was used last still stands.
    pub fn is_connected(&self) -> bool {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.as_ref().is_some_and(Connection::is_open)
    }

    fn lower(&self, request: Request) -> http::Request<Upload> {
        let target = match self.protocol {
            Protocol::Http2Tls => format!("https://{}{}", request.host, request.path),
            _ => request.path,
        };
        let uri: Uri = target.parse().expect("the test asks for a URL");
        let mut lowered = http::Request::builder().method(request.method).uri(uri);
        if self.protocol != Protocol::Http2Tls {
            lowered = lowered.header("host", request.host);
        }
        for (name, value) in request.fields {
            lowered = lowered.header(name, value);
        }
        lowered.body(request.body).expect("the test's fields are valid")
    }

    async fn connect(&self) -> Result<Connection, NoResponse> {
        let tcp = tokio::net::TcpStream::connect(self.address).await.map_err(told)?;
        tcp.set_nodelay(true).map_err(told)?;
        if self.protocol == Protocol::Http1 {
            return Connection::http1(TokioIo::new(tcp)).await;
        }
        let is_http2 = self.protocol == Protocol::Http2Tls;
        let alpn = if is_http2 { "h2" } else { "http/1.1" };
        let connector = tokio_rustls::TlsConnector::from(pki::client_config(&[alpn]));
        let name = "wiki.test".try_into().expect("a hostname");
        let tls = connector.connect(name, tcp).await.map_err(told)?;
        assert_eq!(tls.get_ref().1.alpn_protocol(), Some(alpn.as_bytes()));
        if !is_http2 {
            return Connection::http1(TokioIo::new(tls)).await;
        }
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_header_list_size(LARGE);
        let (sender, connection) = builder.handshake(TokioIo::new(tls)).await.map_err(told)?;
        tokio::spawn(connection);
        Ok(Connection::Http2(sender))
    }
}

impl Connection {
    async fn http1<T>(io: T) -> Result<Self, NoResponse>
    where
        T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let mut builder = http1::Builder::new();
        builder.max_headers(1000);
        let (sender, connection) = builder.handshake(io).await.map_err(told)?;
        tokio::spawn(connection);
        Ok(Self::Http1(sender))
    }

    fn is_open(&self) -> bool {
        match self {
            Self::Http1(sender) => !sender.is_closed(),
            Self::Http2(sender) => !sender.is_closed(),
        }
    }

    async fn ready(&mut self) -> hyper::Result<()> {
        match self {
            Self::Http1(sender) => sender.ready().await,
            Self::Http2(sender) => sender.ready().await,
        }
    }

    fn send(&mut self, request: http::Request<Upload>) -> Coming {
        match self {
            Self::Http1(sender) => Box::pin(sender.send_request(request)),
            Self::Http2(sender) => Box::pin(sender.send_request(request)),
        }
    }
}

type Coming = Pin<Box<dyn Future<Output = hyper::Result<http::Response<Incoming>>> + Send>>;

/// A request under way. Dropping it gives the request up: a reset stream on HTTP/2, a closed
/// connection on HTTP/1.1.
pub struct Pending {
    events: mpsc::Receiver<Event>,
    task: AbortHandle,
    head: Option<response::Parts>,
    broken: bool,
}

enum Event {
    Head(response::Parts),
    Data(Bytes),
    Trailers(HeaderMap),
    Broken(String),
}

impl Pending {
    fn start(response: Coming) -> Self {
        let (sender, events) = mpsc::channel(1);
        let task = tokio::spawn(async move {
            let mut body = match response.await {
                Err(error) => {
                    return drop(sender.send(Event::Broken(format!("{error:?}"))).await);
                }
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    let _ = sender.send(Event::Head(head)).await;
                    body
                }
            };
            while let Some(frame) = body.frame().await {
                let event = match frame.map(|frame| frame.into_data()) {
                    Ok(Ok(data)) => Event::Data(data),
                    Ok(Err(frame)) => Event::Trailers(frame.into_trailers().unwrap_or_default()),
                    Err(error) => {
                        return drop(sender.send(Event::Broken(format!("{error:?}"))).await);
                    }
                };
                let _ = sender.send(event).await;
            }
        });
        Self { events, task: task.abort_handle(), head: None, broken: false }
    }

    /// Waits for the head; its status.
    #[track_caller]
    pub fn head(&mut self) -> u16 {
        self.try_head().unwrap_or_else(|error| panic!("no response: {}", error.0))
    }

    /// As [`head`](Self::head), where none may come.
    ///
    /// # Errors
    /// What came instead of a head.
    pub fn try_head(&mut self) -> Result<u16, NoResponse> {
        if self.head.is_none() {
            self.head = match self.next() {
                Some(Event::Head(head)) => Some(head),
                Some(Event::Broken(error)) => return Err(NoResponse(error)),
                _ => return Err(NoResponse("the connection ended".into())),
            };
        }
        Ok(self.head.as_ref().map_or(0, |head| head.status.as_u16()))
    }

    /// Whether the head, or the failure to get one, has come by now.
    pub fn has_head(&mut self) -> bool {
        self.head.is_some() || !self.events.is_empty() || self.events.is_closed()
    }

    /// Whether nothing more of the body comes. Reads what is there.
    pub fn has_ended(&mut self) -> bool {
        loop {
            match self.events.try_recv() {
                Ok(Event::Broken(_)) => {
                    self.broken = true;
                    return true;
                }
                Ok(_) => {}
                Err(error) => return error == mpsc::error::TryRecvError::Disconnected,
            }
        }
    }

    /// Waits until `length` more bytes of the body have come; these, and whatever came with them.
    #[track_caller]
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        self.head();
        let mut all = Vec::new();
        while all.len() < length {
            match self.next() {
                Some(Event::Data(data)) => all.extend_from_slice(&data),
                Some(Event::Broken(error)) => panic!("broke after {all:?}: {error}"),
                _ => panic!("ended after {all:?}"),
            }
        }
        all
    }

    /// Waits for the whole response, or as much of it as comes.
    #[track_caller]
    pub fn response(self) -> Response {
        self.try_response().unwrap_or_else(|error| panic!("no response: {}", error.0))
    }

    /// As [`response`](Self::response), where not even a head may come.
    ///
    /// # Errors
    /// What came instead of a head.
    pub fn try_response(mut self) -> Result<Response, NoResponse> {
        let status = self.try_head()?;
        let head = self.head.take();
        let headers = head.map(|head| head.headers).unwrap_or_default();
        let complete = !self.broken;
        let mut response = Response { status, headers, complete, ..Response::default() };
        while let Some(event) = self.next() {
            match event {
                Event::Data(data) => response.body.extend_from_slice(&data),
                Event::Trailers(fields) => response.trailers = fields,
                Event::Broken(how) => (response.complete, response.broke) = (false, how),
                Event::Head(_) => unreachable!("a response has one head"),
            }
        }
        Ok(response)
    }

    fn next(&mut self) -> Option<Event> {
        wait("something of the response comes", self.events.recv())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[track_caller]
fn wait<F: Future>(what: &str, future: F) -> F::Output {
    let output = RUNTIME.block_on(async { Clock::system().within(DEADLINE, future).await });
    output.unwrap_or_else(|_| panic!("waited in vain until {what}"))
}

fn told(error: impl std::fmt::Debug) -> NoResponse {
    NoResponse(format!("{error:?}"))
}
