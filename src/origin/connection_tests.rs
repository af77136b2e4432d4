//! What goes out over a connection to an origin is one request of the length that it tells.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::base::budget::Part;
use crate::base::{Body, Budget};

/// A body in pieces that says that it has `told` bytes.
struct Pieces {
    told: u64,
    pieces: VecDeque<&'static str>,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let piece = self.pieces.pop_front();
        Poll::Ready(piece.map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.told)
    }
}

fn post(told: u64, pieces: &[&'static str]) -> Sending {
    let head = http::Request::post("/edit").header("content-length", told).body(()).unwrap();
    let pieces = pieces.iter().copied().collect();
    Sending::new(&head.into_parts().0, Body::stream(Pieces { told, pieces }), &Clock::system())
}

/// A connection, and its origin's end of it.
async fn connected() -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
    let charge = Budget::new(1 << 20).charge(Part::Origins, 1);
    let open = Open { count: Arc::default(), _charge: charge };
    (Connection::new(Stream::Plain(ours.unwrap()), open), theirs.unwrap().0)
}

#[tokio::test]
async fn a_body_of_another_length_than_its_head_tells_is_no_request() {
    for (pieces, whole) in [
        (&["sea", "weed"][..], true),
        (&["sea", "wee"], false),
        (&[], false),
        (&["sea", "weeds"], false),
        (&["seaweed", ""], true),
        (&["seaweed", "GET /smuggled HTTP/1.1\r\n\r\n"], false),
    ] {
        let (mut connection, mut origin) = connected().await;
        let mut sending = post(7, pieces);
        let sent = poll_fn(|cx| connection.poll_send(&mut sending, cx)).await;
        drop(connection);
        let mut got = String::new();
        origin.read_to_string(&mut got).await.unwrap();
        let body = got.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        assert_eq!(sent.is_ok(), whole, "{pieces:?} {got:?}");
        assert!("seaweed".starts_with(body) && (!whole || body.len() == 7), "{got:?}");
        if let Err(fault) = sent {
            assert_eq!(fault.reason, Reason::BodyBroken, "{pieces:?}");
        }
    }
}

#[tokio::test]
async fn no_request_follows_one_that_the_socket_did_not_take() {
    let (mut connection, origin) = connected().await;
    assert!(connection.is_quiet());
    // Bytes that nobody reads make the kernel answer with a reset.
    let mut sending = post(3, &["sea"]);
    poll_fn(|cx| connection.poll_send(&mut sending, cx)).await.unwrap();
    drop(origin);
    let refused = async {
        while !connection.broken {
            let mut sending = post(3, &["sea"]);
            poll_fn(|cx| connection.poll_send(&mut sending, cx)).await.unwrap();
            assert!(sending.is_over());
            tokio::task::yield_now().await;
        }
    };
    let refused = Clock::system().within(Duration::from_secs(10), refused).await;
    refused.expect("the socket takes everything");
    assert!(!connection.is_quiet());
}
