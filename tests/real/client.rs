//! A client's connection to the edge, over hyper: HTTP/1.1 plain and in TLS, HTTP/2 in TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::client::Resumption;
use tokio_rustls::TlsConnector;

use super::blunt::tcp;
use super::edge::{Edge, HOST};

/// How a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 over TCP.
    Http1,
    /// HTTP/1.1 over TLS.
    Http1Tls,
    /// HTTP/2 over TLS.
    Http2,
}

impl Protocol {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Http1, Self::Http1Tls, Self::Http2];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http1 => "h1",
            Self::Http1Tls => "h1+tls",
            Self::Http2 => "h2",
        }
    }
}

/// Where and how to connect; made once and shared by many connections.
#[derive(Clone)]
pub struct Way {
    protocol: Protocol,
    address: SocketAddr,
    tls: Arc<ClientConfig>,
    from: Option<Ipv4Addr>,
}

impl Way {
    /// The way to the edge's listener for `protocol`.
    pub fn to(edge: &Edge, protocol: Protocol) -> Self {
        let (address, alpn) = match protocol {
            Protocol::Http1 => (edge.plain, "http/1.1"),
            Protocol::Http1Tls => (edge.tls, "http/1.1"),
            Protocol::Http2 => (edge.tls, "h2"),
        };
        Self { protocol, address, tls: edge.identity.client(alpn), from: None }
    }

    /// The same way, from another address of this machine.
    pub fn from(&self, address: Ipv4Addr) -> Self {
        Self { from: Some(address), ..self.clone() }
    }

    /// The same way for who was never there: each connection makes a whole handshake.
    pub fn as_a_stranger(&self) -> Self {
        let mut tls = ClientConfig::clone(&self.tls);
        tls.resumption = Resumption::disabled();
        Self { tls: Arc::new(tls), ..self.clone() }
    }

    /// The way, in plain HTTP/1.1, to `address`.
    pub fn plain(edge: &Edge, address: SocketAddr) -> Self {
        Self { address, ..Self::to(edge, Protocol::Http1) }
    }

    /// Connects.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn connect(&self) -> Result<Connection, String> {
        // Handshakes are large and rare, and what waits for them is held by every client.
        Box::pin(self.make()).await
    }

    async fn make(&self) -> Result<Connection, String> {
        let tcp = tcp(self.address, self.from).await.map_err(|error| told("connect", &error))?;
        if self.protocol == Protocol::Http1 {
            return Connection::http1(TokioIo::new(tcp)).await;
        }
        let name = HOST.try_into().expect("a hostname");
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await;
        let tls = TokioIo::new(tls.map_err(|error| told("TLS", &error))?);
        if self.protocol == Protocol::Http1Tls {
            return Connection::http1(tls).await;
        }
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(1 << 20).initial_connection_window_size(16 << 20);
        let made = builder.handshake(tls).await;
        let (sender, connection) = made.map_err(|error| told("handshake", &error))?;
        tokio::spawn(connection);
        Ok(Connection::Http2(sender))
    }
}

/// An open connection.
pub enum Connection {
    /// One request at a time.
    Http1(http1::SendRequest<Empty<Bytes>>),
    /// Any number of requests.
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Connection {
    async fn http1<T>(io: T) -> Result<Self, String>
    where
        T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let made = http1::handshake(io).await;
        let (sender, connection) = made.map_err(|error| told("handshake", &error))?;
        tokio::spawn(connection);
        Ok(Self::Http1(sender))
    }

    /// The same connection for another task, where the protocol allows that.
    pub fn share(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(sender) => Some(Self::Http2(sender.clone())),
        }
    }

    /// Sends a request for the edge's site, or over HTTP/1.1 for the host that `fields` name; the
    /// answer's head, and its body as it comes.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn ask(
        &mut self,
        method: Method,
        path: &str,
        fields: HeaderMap,
    ) -> Result<Response<Incoming>, String> {
        let request = |uri: String| {
            let mut request = Request::new(Empty::new());
            *request.method_mut() = method;
            *request.uri_mut() = uri.parse::<Uri>().expect("the tests ask for URLs");
            *request.headers_mut() = fields;
            request
        };
        let answer = match self {
            Self::Http1(sender) => {
                let host = HOST.parse().expect("a field's value");
                let mut request = request(path.to_owned());
                request.headers_mut().entry(http::header::HOST).or_insert(host);
                sender.ready().await.map_err(|error| told("kept connection", &error))?;
                sender.send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await.map_err(|error| told("kept connection", &error))?;
                sender.send_request(request(format!("https://{HOST}{path}"))).await
            }
        };
        answer.map_err(|error| told("no answer", &error))
    }

    /// As [`ask`](Self::ask), with the whole body.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn fetch(
        &mut self,
        method: Method,
        path: &str,
        fields: HeaderMap,
    ) -> Result<Response<Bytes>, String> {
        let (head, body) = self.ask(method, path, fields).await?.into_parts();
        let body = body.collect().await.map_err(|error| told("body", &error))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

/// What the cache says that it did, without its name and the moment: `hit`, or `fwd=…` and more.
pub fn cache_status(headers: &HeaderMap) -> &str {
    headers.get("cache-status").and_then(|value| value.to_str().ok()).unwrap_or("none")
}

fn told(what: &str, error: &dyn std::error::Error) -> String {
    let mut text = format!("{what}: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}
