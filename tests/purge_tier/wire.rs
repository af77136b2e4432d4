//! Connections between nodes and to the origin, in memory: a request waits until it is delivered, its answer
//! until its head and then its body are.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use tidegate::base::Body;
use tidegate::front::Reply;
use tidegate::net::memory::DuplexStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection, by its end here.
pub struct Conn {
    pub to: SocketAddr,
    stream: DuplexStream,
    inbox: Vec<u8>,
    pub state: State,
}

/// What is under way on it.
#[allow(clippy::large_enum_variant, reason = "there are a few dozen")]
pub enum State {
    /// Nothing.
    Idle,
    /// A request that has not arrived.
    Sent(Sent),
    /// A node that is to answer.
    Asked(Option<Reply>, Sent),
    /// An answer that has not left.
    Answered(Vec<u8>, Rest),
    /// Its head has left.
    Headed(Rest),
    /// It is closed.
    Closed,
}

/// A request as it was sent.
pub struct Sent {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    /// When it left.
    pub number: u64,
}

/// What is left of an answer.
pub enum Rest {
    Bytes(Vec<u8>),
    Comes(Body, Vec<u8>),
}

impl Conn {
    pub fn new(to: SocketAddr, stream: DuplexStream) -> Self {
        Self { to, stream, inbox: Vec::new(), state: State::Idle }
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Whether something of it waits to be delivered.
    pub fn waits(&self) -> bool {
        match &self.state {
            State::Sent(_) | State::Answered(..) | State::Headed(Rest::Bytes(_)) => true,
            State::Idle | State::Asked(..) | State::Headed(_) | State::Closed => false,
        }
    }

    /// Whether an order is under way on it.
    pub fn orders(&self) -> bool {
        match &self.state {
            State::Sent(sent) | State::Asked(_, sent) => {
                sent.headers.contains_key("tidegate-order")
            }
            State::Answered(..) => true,
            _ => false,
        }
    }

    /// Reads what has come; whether that is a whole request now, which left with that `number`.
    pub fn read(&mut self, number: u64) -> bool {
        let mut bytes = [0; 2048];
        loop {
            let mut buf = ReadBuf::new(&mut bytes);
            let mut cx = Context::from_waker(Waker::noop());
            match Pin::new(&mut self.stream).poll_read(&mut cx, &mut buf) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    self.inbox.extend_from_slice(buf.filled());
                }
                Poll::Ready(_) => {
                    self.state = State::Closed;
                    return false;
                }
            }
        }
        if !matches!(self.state, State::Idle) || self.inbox.is_empty() {
            return false;
        }
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Request::new(&mut fields);
        let Ok(httparse::Status::Complete(length)) = head.parse(&self.inbox) else { return false };
        let field = |field: &httparse::Header<'_>| {
            let name = http::HeaderName::try_from(field.name).unwrap();
            (name, http::HeaderValue::from_bytes(field.value).unwrap())
        };
        let headers = head.headers.iter().map(field).collect();
        let (method, path) = (head.method.unwrap().to_owned(), head.path.unwrap().to_owned());
        self.state = State::Sent(Sent { method, path, headers, number });
        self.inbox.drain(..length);
        true
    }

    /// Sends what is next of the answer.
    pub fn send(&mut self) {
        let rest = match std::mem::replace(&mut self.state, State::Idle) {
            State::Answered(head, rest) => {
                self.write(&head);
                rest
            }
            State::Headed(Rest::Bytes(body)) => {
                self.write(&body);
                return;
            }
            other => {
                self.state = other;
                return;
            }
        };
        if !matches!(&rest, Rest::Bytes(bytes) if bytes.is_empty()) {
            self.state = State::Headed(rest);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.stream).poll_write(&mut cx, bytes) {
            Poll::Ready(Ok(written)) => assert_eq!(written, bytes.len(), "an answer is short"),
            Poll::Ready(Err(_)) | Poll::Pending => self.state = State::Closed,
        }
    }

    /// Reads on in a body that a node sends.
    pub fn pump(&mut self) {
        let (State::Answered(_, rest) | State::Headed(rest)) = &mut self.state else { return };
        let Rest::Comes(body, bytes) = rest else { return };
        loop {
            let mut cx = Context::from_waker(Waker::noop());
            match Pin::new(&mut *body).poll_frame(&mut cx) {
                Poll::Pending => return,
                Poll::Ready(None) => break,
                Poll::Ready(Some(Ok(frame))) => {
                    bytes.extend_from_slice(&frame.into_data().unwrap_or_else(|_| Bytes::new()));
                }
                Poll::Ready(Some(Err(_))) => {
                    self.state = State::Closed;
                    return;
                }
            }
        }
        *rest = Rest::Bytes(std::mem::take(bytes));
    }
}

/// An answer's head as it is written.
pub fn written(head: &Parts, length: Option<u64>) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} x\r\n", head.status.as_u16()).into_bytes();
    for (name, value) in &head.headers {
        if !["content-length", "transfer-encoding", "connection"].contains(&name.as_str()) {
            text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
    }
    let bodiless = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !bodiless {
        let length = length.expect("bodies here are as long as they say");
        text.extend(format!("content-length: {length}\r\n").as_bytes());
    }
    text.extend(b"\r\n");
    text
}
