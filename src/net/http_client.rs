//! A plain HTTP/1.1 client for our own errands (purges from the command line and from the demo's
//! wiki, later the fleet's stores): one address, one kept connection, one request at a time, each
//! with a limit on its time and on its answer's size; or an answer that comes line by line without end.
//!
//! It is not how origins are reached: no pools, no redirects. The driver of
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

use super::dial::{self, Tls};
use crate::base::{Body, Clock};

/// Bytes of an answer's body that are read; more is an error.
const MAX_ANSWER: usize = 1 << 20;

/// Where a server is.
#[derive(Clone, Debug)]
pub struct Reach {
    /// `host:port`.
    pub address: String,
    /// How it speaks TLS, if it does.
    pub tls: Option<Tls>,
}

impl From<String> for Reach {
    /// Without TLS.
    fn from(address: String) -> Self {
        Self { address, tls: None }
    }
}

impl From<&str> for Reach {
    /// Without TLS.
    fn from(address: &str) -> Self {
        address.to_owned().into()
    }
}

/// A client of one server.
#[derive(Debug)]
pub struct Client {
    reach: Reach,
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
    /// A client of the server at `reach`, not yet connected, that waits at most `limit` for
    /// each answer, connecting included.
    pub fn new(reach: impl Into<Reach>, clock: Clock, limit: Duration) -> Self {
        Self { reach: reach.into(), clock, limit, kept: None }
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
        let exchange = exchange(&self.reach, kept, request);
        let (kept, response) = match self.clock.within(self.limit, exchange).await {
            Ok(done) => done?,
            Err(_) => return Err(self.late()),
        };
        self.kept = Some(kept);
        Ok(response)
    }

    fn late(&self) -> ClientError {
        ClientError(format!("{}: no answer within {:?}", self.reach.address, self.limit))
    }
}

/// An answer that comes line by line, for as long as the server likes.
pub struct Lines {
    address: String,
    body: Incoming,
    held: BytesMut,
    _kept: SendRequest<Body>,
}

impl Lines {
    /// Sends `request` to the server at `reach` over a connection of its own, and waits at most `limit` for the head of
    /// its answer, which must be a success.
    ///
    /// # Errors
    /// When there is no such answer in time.
    pub async fn open(
        reach: &Reach,
        request: Request<Body>,
        clock: &Clock,
        limit: Duration,
    ) -> Result<Self, ClientError> {
        let address = &reach.address;
        let asked = async {
            let failed = |error: &dyn fmt::Display| ClientError(format!("{address}: {error}"));
            let mut sender = connect(reach).await.map_err(|error| failed(&error))?;
            let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
            Ok::<_, ClientError>((sender, response))
        };
        let late = |_| ClientError(format!("{address}: no answer within {limit:?}"));
        let (kept, response) = clock.within(limit, asked).await.map_err(late)??;
        if !response.status().is_success() {
            return Err(ClientError(format!("{address}: answered {}", response.status())));
        }
        let held = BytesMut::new();
        Ok(Self { address: address.clone(), body: response.into_body(), held, _kept: kept })
    }

    /// The next line, without its end; `None` after the last.
    ///
    /// # Errors
    /// The connection breaks, or a line is longer than a mebibyte.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                let line = self.held.split_to(end + 1).freeze();
                return Ok(Some(line.slice(..end)));
            }
            let failed = |why: &dyn fmt::Display| ClientError(format!("{}: {why}", self.address));
            if self.held.len() > MAX_ANSWER {
                return Err(failed(&"a line is longer than a mebibyte"));
            }
            match poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx)).await {
                None => return Ok(None),
                Some(Err(error)) => return Err(failed(&error)),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.held.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

async fn exchange(
    reach: &Reach,
    kept: Option<SendRequest<Body>>,
    request: Request<Body>,
) -> Result<(SendRequest<Body>, Response<Bytes>), ClientError> {
    let address = &reach.address;
    let fail = |doing: &str, error: &dyn fmt::Display| {
        ClientError(format!("{address}: cannot {doing}: {error}"))
    };
    let mut sender = match ready(kept).await {
        Some(sender) => sender,
        None => connect(reach).await.map_err(|error| fail("connect", &error))?,
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
    reach: &Reach,
) -> Result<SendRequest<Body>, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(&reach.address).await?;
    stream.set_nodelay(true)?;
    let stream = dial::secured(stream, reach.tls.as_ref()).await?;
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
