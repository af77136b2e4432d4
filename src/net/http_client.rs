//! A plain HTTP/1.1 client for our own errands (purges from the command line and from the demo's
//! wiki, later the fleet's stores): one address, one kept connection, one request at a time, each
//! with a limit on its time and on its answer's size.
//!
//! It is not how origins are reached: no pools, no TLS, no redirects, no streaming. The driver of
//! the connection is a task of the runtime that [`Client::send`] is called on, and ends with the
//! client.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::base::{Body, Clock};

/// Bytes of an answer's body that are read; more is an error.
const MAX_ANSWER: usize = 1 << 20;

/// A client of one server.
#[derive(Debug)]
pub struct Client {
    address: String,
    clock: Clock,
    limit: Duration,
    kept: Option<SendRequest<Body>>,
}

/// Why a request got no answer; says what was being done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientError(String);

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ClientError {}

impl Client {
    /// A client of `address` (`host:port`), not yet connected, that waits at most `limit` for
    /// each answer, connecting included.
    pub fn new(address: impl Into<String>, clock: Clock, limit: Duration) -> Self {
        Self { address: address.into(), clock, limit, kept: None }
    }

    /// Sends `request` as it is (its target in the form that its URI has) and reads the answer.
    /// `Host` is the caller's business, and so is whether a request may be repeated: this never
    /// does. A kept connection that the server has closed meanwhile is replaced first.
    ///
    /// # Errors
    /// When there is no connection, no answer in time, or more than a mebibyte of it. The
    /// connection is then given up.
    pub async fn send(&mut self, request: Request<Body>) -> Result<Response<Bytes>, ClientError> {
        let kept = self.kept.take();
        let exchange = exchange(&self.address, kept, request);
        let (kept, response) = match self.clock.within(self.limit, exchange).await {
            Ok(done) => done?,
            Err(_) => return Err(self.late()),
        };
        self.kept = Some(kept);
        Ok(response)
    }

    fn late(&self) -> ClientError {
        ClientError(format!("{}: no answer within {:?}", self.address, self.limit))
    }
}

async fn exchange(
    address: &str,
    kept: Option<SendRequest<Body>>,
    request: Request<Body>,
) -> Result<(SendRequest<Body>, Response<Bytes>), ClientError> {
    let fail = |doing: &str, error: &dyn fmt::Display| {
        ClientError(format!("{address}: cannot {doing}: {error}"))
    };
    let mut sender = match ready(kept).await {
        Some(sender) => sender,
        None => connect(address).await.map_err(|error| fail("connect", &error))?,
    };
    let response = sender.send_request(request).await.map_err(|error| fail("ask", &error))?;
    let (head, body) = response.into_parts();
    let body = collect(body).await.map_err(|error| fail("read the answer", &error))?;
    Ok((sender, Response::from_parts(head, body)))
}

/// The kept connection once it takes the next request; `None` where the server has closed it.
async fn ready(kept: Option<SendRequest<Body>>) -> Option<SendRequest<Body>> {
    let mut sender = kept?;
    sender.ready().await.is_ok().then_some(sender)
}

async fn connect(
    address: &str,
) -> Result<SendRequest<Body>, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // Its error reaches the caller through the request that it ends.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

async fn collect(mut body: Incoming) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let mut whole = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame?.into_data() {
            if whole.len() + data.len() > MAX_ANSWER {
                return Err("it is longer than a mebibyte".into());
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}

#[cfg(test)]
#[path = "http_client_tests.rs"]
mod tests;
