//! HTTP/2 over loopback sockets, with h2's own client: streams, their ends, and draining.

use super::kit::*;
use super::*;
use crate::base::{Body, Fault, Reason};
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::StatusCode;

pub(super) async fn connect(server: &Server, builder: &Builder) -> SendRequest<Bytes> {
    let stream = server.connect().await.0;
    let (send, connection) = soon("the preface", builder.handshake(stream)).await.unwrap();
    tokio::spawn(async move {
        let _ = connection.await;
    });
    send
}

pub(super) fn get(path: &str) -> http::Request<()> {
    http::Request::get(format!("http://a{path}")).version(http::Version::HTTP_2).body(()).unwrap()
}

async fn body(mut body: h2::RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = soon("a piece", body.data()).await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

#[tokio::test]
async fn streams_are_answered_side_by_side() {
    let server = Server::http2(|request: Request| match request.uri().path() {
        "/big" => ok(vec![b'x'; 300_000]),
        path => ok(path.to_owned()),
    })
    .await;
    let mut send = connect(&server, &Builder::new()).await;
    let mut waiting = Vec::new();
    for number in 0..50 {
        let path = if number == 25 { "/big".to_owned() } else { format!("/{number}") };
        waiting.push((path.clone(), send.send_request(get(&path), true).unwrap().0));
    }
    for (path, response) in waiting {
        let response = soon("an answer", response).await.unwrap();
        assert!(response.headers().contains_key("date"));
        let length: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
        let got = body(response.into_body()).await.unwrap();
        assert_eq!(got.len(), length);
        assert!(path == "/big" || got == path.as_bytes());
    }
    until("all records", || server.requests().len() == 50).await;
    assert!(server.requests().iter().all(|note| note.broken.is_none()));
    let big = server.requests().into_iter().find(|note| note.what == "GET /big").unwrap();
    assert_eq!(big.body_bytes, 300_000);
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let server = Server::http2(|_: Request| ok("12345")).await;
    let mut send = connect(&server, &Builder::new()).await;
    let mut head = get("/");
    *head.method_mut() = http::Method::HEAD;
    let response = soon("an answer", send.send_request(head, true).unwrap().0).await.unwrap();
    assert_eq!(response.headers()["content-length"], "5");
    assert!(response.body().is_end_stream());
}

#[tokio::test]
async fn what_breaks_resets_its_stream_and_no_other() {
    let server = Server::http2(|request: Request| {
        let frames = vec![Ok("abc".into()), Err(Fault::origin(Reason::Truncated, "gone"))];
        match request.uri().path() {
            "/broken" => Reply::Ready(answer(Body::stream(Frames(frames, true)))),
            "/abort" => Reply::Ready(Answer { then: Then::Abort, ..answer(Body::Empty) }),
            "/panic" => panic!("a test's own"),
            _ => ok("fine"),
        }
    })
    .await;
    let mut send = connect(&server, &Builder::new()).await;
    for path in ["/broken", "/abort", "/panic"] {
        let response = soon("an answer", send.send_request(get(path), true).unwrap().0).await;
        let error = match response {
            Ok(response) => body(response.into_body()).await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.reason(), Some(h2::Reason::INTERNAL_ERROR), "{path}");
        let fine = soon("an answer", send.send_request(get("/"), true).unwrap().0).await.unwrap();
        assert_eq!(body(fine.into_body()).await.unwrap(), b"fine");
    }
    until("all records", || server.requests().len() == 6).await;
    let broken: Vec<_> = server.requests().into_iter().filter_map(|note| note.broken).collect();
    assert_eq!(broken, [Reason::Truncated, Reason::Fresh, Reason::Panic]);
}

#[tokio::test]
async fn a_body_shorter_than_it_said_resets_the_stream() {
    struct Short(bool);
    impl http_body::Body for Short {
        type Data = Bytes;
        type Error = Fault;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Fault>>> {
            let first = !std::mem::replace(&mut self.0, true);
            std::task::Poll::Ready(first.then(|| Ok(http_body::Frame::data("abc".into()))))
        }
        fn size_hint(&self) -> http_body::SizeHint {
            http_body::SizeHint::with_exact(if self.0 { 2 } else { 5 })
        }
    }
    let server = Server::http2(|_: Request| Reply::Ready(answer(Body::stream(Short(false))))).await;
    let mut send = connect(&server, &Builder::new()).await;
    let response = soon("an answer", send.send_request(get("/"), true).unwrap().0).await;
    // The reset may overtake the head.
    if let Ok(response) = response {
        assert!(body(response.into_body()).await.is_err());
    }
    assert_eq!(server.note().await.broken, Some(Reason::Truncated));
}

#[tokio::test]
async fn a_stream_that_the_client_resets_is_told_of() {
    let server = Server::http2(|_: Request| Reply::Later(Box::pin(std::future::pending()))).await;
    let mut send = connect(&server, &Builder::new()).await;
    let (response, mut stream) = send.send_request(get("/"), true).unwrap();
    until("the connection", || !server.events().is_empty()).await;
    stream.send_reset(h2::Reason::CANCEL);
    drop(response);
    assert_eq!(server.note().await.broken, Some(Reason::ClientLeft));
}

#[tokio::test]
async fn a_head_of_too_many_fields_is_refused() {
    let server = Server::http2(|_: Request| ok("no")).await;
    let mut send = connect(&server, &Builder::new()).await;
    let mut request = get("/");
    for _ in 0..60 {
        request.headers_mut().append("a", "b".parse().unwrap());
    }
    let response = soon("an answer", send.send_request(request, true).unwrap().0).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

#[tokio::test]
async fn a_flood_of_resets_ends_the_connection() {
    let server = Server::http2(|_: Request| Reply::Later(Box::pin(std::future::pending()))).await;
    let mut send = connect(&server, &Builder::new()).await;
    until("the connection to be closed", || {
        if let Ok((_, mut stream)) = send.send_request(get("/"), true) {
            stream.send_reset(h2::Reason::CANCEL);
        }
        server.is_closed()
    })
    .await;
    assert_eq!(server.end().await, End::Beyond(Limit::Resets));
}

#[tokio::test]
async fn draining_finishes_what_is_in_flight_and_takes_nothing_new() {
    let gate = Arc::new(tokio::sync::Notify::new());
    let opened = gate.clone();
    let server = Server::http2(move |request: Request| {
        let gate = gate.clone();
        match request.uri().path() {
            "/slow" => Reply::Later(Box::pin(async move {
                gate.notified().await;
                answer(Body::from_bytes("done"))
            })),
            _ => ok("fine"),
        }
    })
    .await;
    let mut send = connect(&server, &Builder::new()).await;
    let slow = send.send_request(get("/slow"), true).unwrap().0;
    let fine = send.send_request(get("/"), true).unwrap().0;
    soon("an answer", fine).await.unwrap();
    server.drain.begin();
    until("the GOAWAY", || {
        let waker = std::task::Waker::noop();
        let ready = send.poll_ready(&mut std::task::Context::from_waker(waker));
        matches!(ready, std::task::Poll::Ready(Err(_)))
    })
    .await;
    opened.notify_one();
    let response = soon("an answer", slow).await.unwrap();
    assert_eq!(body(response.into_body()).await.unwrap(), b"done");
    assert_eq!(server.end().await, End::Done);
}
