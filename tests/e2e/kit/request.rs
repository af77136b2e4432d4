//! A request as the nice client sends it.

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body::Frame;
use tokio::sync::mpsc;

use super::response::header_map;

/// A request for a path of a host, `wiki.test` unless said otherwise.
pub struct Request {
    pub(super) method: Method,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Upload,
}

/// A GET for `path`.
pub fn get(path: &str) -> Request {
    Request::new("GET", path)
}

impl Request {
    /// A request without a body.
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.parse().expect("a method"),
            host: "wiki.test".to_owned(),
            path: path.to_owned(),
            fields: Vec::new(),
            body: Upload::Whole(Bytes::new()),
        }
    }

    /// The same request to another host.
    pub fn host(self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self }
    }

    /// Adds a field.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same request with a body of known length.
    pub fn body(self, body: impl AsRef<[u8]>) -> Self {
        Self { body: Upload::Whole(Bytes::copy_from_slice(body.as_ref())), ..self }
    }

    /// The same request with a body of unknown length, which the test sends.
    pub fn streamed(self) -> (Sending, Self) {
        let (sender, receiver) = mpsc::channel(1024);
        (Sending(sender), Self { body: Upload::Streamed(receiver), ..self })
    }
}

/// The test's hold on a streamed request body. Dropping it breaks the body off.
pub struct Sending(mpsc::Sender<Piece>);

pub(super) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
}

impl Sending {
    /// Sends a piece.
    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        self.tell(Piece::Data(Bytes::copy_from_slice(bytes.as_ref())));
    }

    /// Ends the body.
    pub fn finish(self) {
        self.tell(Piece::End);
    }

    /// Ends the body with a trailer field.
    pub fn finish_with(self, name: &str, value: &str) {
        self.tell(Piece::Trailers(header_map(&[(name.to_owned(), value.to_owned())])));
        self.tell(Piece::End);
    }

    fn tell(&self, piece: Piece) {
        // A connection that has ended takes no more; the response tells the test.
        let _ = self.0.try_send(piece);
    }
}

/// The body of a request, as hyper pulls it.
pub(super) enum Upload {
    Whole(Bytes),
    Streamed(mpsc::Receiver<Piece>),
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => std::task::Poll::Ready(None),
            Self::Whole(bytes) => {
                std::task::Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))))
            }
            Self::Streamed(pieces) => pieces.poll_recv(cx).map(|piece| match piece {
                Some(Piece::Data(bytes)) => Some(Ok(Frame::data(bytes))),
                Some(Piece::Trailers(fields)) => Some(Ok(Frame::trailers(fields))),
                Some(Piece::End) => None,
                None => Some(Err(std::io::Error::other("the test broke the body off"))),
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            Self::Whole(bytes) => http_body::SizeHint::with_exact(bytes.len() as u64),
            Self::Streamed(_) => http_body::SizeHint::default(),
        }
    }
}
