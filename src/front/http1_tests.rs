//! HTTP/1 over loopback sockets: framing, what is refused, how answers and connections end.

use super::kit::*;
use super::*;
use crate::base::{Body, Fault, Reason};
use http::StatusCode;
use http_body_util::BodyExt;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use tokio::io::AsyncReadExt;

#[tokio::test]
async fn a_kept_connection_answers_pipelined_requests_in_order() {
    let server = Server::http1(|request: Request| ok(request.uri().path().to_owned())).await;
    let mut client = server.connect().await;
    client.send("GET /one HTTP/1.1\r\nhost: a\r\n\r\nGET /two HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let one = client.until("/one").await;
    assert!(one.starts_with("HTTP/1.1 200 OK\r\ncontent-length: 4\r\ndate: "), "{one}");
    client.until("/two").await;
    client.send("GET /three HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    client.until("/three").await;
    assert_eq!(client.rest().await.unwrap(), "");
    assert_eq!(server.end().await, End::Done);
    let three = &server.requests()[2];
    assert_eq!((three.what.as_str(), three.body_bytes, three.broken), ("GET /three", 6, None));
    assert_eq!(server.events()[0], ConnectionEvent::Opened(Protocol::Http1));
}

#[tokio::test]
async fn others_have_their_turn_between_pipelined_requests() {
    let turns = Arc::new(AtomicUsize::new(0));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (seeing, ours) = (Arc::clone(&seen), Arc::clone(&turns));
    let server = Server::http1(move |_: Request| {
        seeing.lock().unwrap().push(ours.load(Relaxed));
        ok("x")
    })
    .await;
    let mut client = server.connect().await;
    let another = tokio::spawn(async move {
        loop {
            turns.fetch_add(1, Relaxed);
            tokio::task::yield_now().await;
        }
    });
    client.send(&"GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(40)).await;
    until("all are answered", || seen.lock().unwrap().len() == 40).await;
    another.abort();
    let mut seen = seen.lock().unwrap().clone();
    seen.dedup();
    assert!(seen.len() >= 4, "40 requests in {} turns", seen.len());
}

#[tokio::test]
async fn head_tells_the_length_and_sends_no_body() {
    let server = Server::http1(|request: Request| match request.uri().path() {
        "/stored" => ok("12345"),
        _ => {
            let mut answer = answer(Body::Empty);
            answer.head.headers.insert("content-length", 77.into());
            Reply::Ready(answer)
        }
    })
    .await;
    let mut client = server.connect().await;
    client.send("HEAD /stored HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(client.until("\r\n\r\n").await.contains("content-length: 5\r\n"));
    client.send("HEAD /told HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(client.until("\r\n\r\n").await.contains("content-length: 77\r\n"));
    client.send("GET /told HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(client.rest().await.unwrap().contains("content-length: 0\r\n"));
    assert!(server.requests().iter().all(|note| note.broken.is_none()));
}

#[tokio::test]
async fn statuses_without_a_body_get_none() {
    let server = Server::http1(|request: Request| {
        let mut answer = answer(Body::from_bytes("must not be sent"));
        answer.head.status = request.uri().path()[1..].parse().unwrap();
        answer.head.headers.insert("content-length", 16.into());
        Reply::Ready(answer)
    })
    .await;
    let mut client = server.connect().await;
    for status in ["204", "304"] {
        client.send(&format!("GET /{status} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        let head = client.until("\r\n\r\n").await;
        assert!(head.contains(status) && !head.contains("content-length"), "{head}");
    }
    client.send("GET /200 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    client.until("must not be sent").await;
}

#[tokio::test]
async fn a_body_of_unknown_size_is_chunked_or_ends_with_the_connection() {
    let server = Server::http1(|_: Request| {
        let frames = vec![Ok("ab".into()), Ok("cde".into())];
        Reply::Ready(answer(Body::stream(Frames(frames, true))))
    })
    .await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let whole = client.until("\r\n0\r\n\r\n").await;
    assert!(whole.contains("\r\n\r\n2\r\nab\r\n3\r\ncde"), "{whole}");
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    assert!(client.rest().await.unwrap().ends_with("\r\n\r\nabcde"));
}

#[tokio::test]
async fn an_unread_body_is_drained_or_closes_and_is_never_parsed() {
    let server = Server::http1(|_: Request| ok("hit")).await;
    let mut client = server.connect().await;
    client
        .send("GET /a HTTP/1.1\r\nhost: a\r\ncontent-length: 19\r\n\r\nGET /x HTTP/1.1\r\n\r\n")
        .await;
    client.until("hit").await;
    client.send("GET /b HTTP/1.1\r\nhost: a\r\n\r\n").await;
    client.until("hit").await;

    let rest = "GET /x HTTP/1.1\r\nhost: a\r\n\r\n".repeat(1000);
    let length = rest.len() + 100_000;
    client.send(&format!("POST /c HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n")).await;
    client.until("hit").await;
    let _ = tokio::io::AsyncWriteExt::write_all(&mut client.0, rest.as_bytes()).await;
    assert_eq!(client.rest().await.unwrap_or_default(), "");
    let asked: Vec<_> = server.requests().into_iter().map(|note| note.what).collect();
    assert_eq!(asked, ["GET /a", "GET /b", "POST /c"]);
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let server = Server::http1(|_: Request| {
        let mut answer = answer(Body::Empty);
        answer.head.status = StatusCode::PAYLOAD_TOO_LARGE;
        Reply::Ready(answer)
    })
    .await;
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n").await;
    client.send(&"x".repeat(300_000)).await;
    let text = client.rest().await.unwrap();
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
    assert!(text.contains("connection: close\r\n"), "{text}");
}

#[tokio::test]
async fn an_unread_body_that_waits_for_100_is_not_asked_for() {
    let server = Server::http1(|_: Request| ok("no")).await;
    let mut client = server.connect().await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    client.send(head).await;
    let text = client.rest().await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("no"), "{text}");
}

#[tokio::test]
async fn a_request_body_is_read_as_it_comes() {
    let server = Server::http1(|request: Request| {
        Reply::Later(Box::pin(async move {
            answer(Body::from_bytes(request.into_body().collect().await.unwrap().to_bytes()))
        }))
    })
    .await;
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
    client.send("3\r\nabc\r\n").await;
    client.send("2\r\nde\r\n0\r\n\r\n").await;
    client.until("abcde").await;
    assert_eq!(server.note().await.request_bytes, 5);
}

#[tokio::test]
async fn a_body_that_breaks_never_looks_complete() {
    let server = Server::http1(|request: Request| {
        let fault = Fault::origin(Reason::Truncated, "gone");
        let frames = vec![Ok("abc".into()), Err(fault)];
        let body = Body::stream(Frames(frames, true));
        let mut answer = answer(body);
        if request.uri().path() == "/abort" {
            answer.body = Body::from_bytes("all of it");
            answer.then = Then::Abort;
        }
        Reply::Ready(answer)
    })
    .await;
    for path in ["/broken", "/abort"] {
        let mut client = server.connect().await;
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        let text = client.rest().await.unwrap_or_default();
        assert!(!text.contains("\r\n0\r\n") && !text.contains("content-length"), "{text}");
    }
    let mut old = server.connect().await;
    old.send("GET /broken HTTP/1.0\r\n\r\n").await;
    assert_eq!(old.rest().await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let broken: Vec<_> = server.requests().into_iter().map(|note| note.broken).collect();
    let [truncated, cut] = [Reason::Truncated, Reason::Fresh].map(Some);
    assert_eq!(broken, [truncated, cut, truncated]);
    assert_eq!(server.end().await, End::Broken);
}

#[tokio::test]
async fn a_panic_ends_its_connection_and_nothing_else() {
    let server = Server::http1(|request: Request| match request.uri().path() {
        "/now" => panic!("a test's own"),
        "/later" => Reply::Later(Box::pin(async { panic!("a test's own") })),
        "/body" => {
            struct Panics;
            impl http_body::Body for Panics {
                type Data = bytes::Bytes;
                type Error = Fault;
                fn poll_frame(
                    self: std::pin::Pin<&mut Self>,
                    _: &mut std::task::Context<'_>,
                ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Fault>>>
                {
                    panic!("a test's own")
                }
            }
            Reply::Ready(answer(Body::stream(Panics)))
        }
        _ => ok("fine"),
    })
    .await;
    let mut other = server.connect().await;
    for path in ["/now", "/later", "/body"] {
        let mut client = server.connect().await;
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        assert!(!client.rest().await.unwrap().contains("\r\n0\r\n"));
        other.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        other.until("fine").await;
    }
    let panics = server.requests().iter().filter(|n| n.broken == Some(Reason::Panic)).count();
    assert_eq!(panics, 3);
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_told() {
    let long = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(9000));
    let many = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "a: b\r\n".repeat(60));
    for (bytes, status) in [
        ("GET / HTTP/9\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "400"),
        ("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n", "400"),
        ("GET / HTTP/1.1\nhost: a\n\n", "400"),
        ("\x16\x03\x01", "400"),
        (long.as_str(), "431"),
        (many.as_str(), "431"),
    ] {
        let server = Server::http1(|_: Request| ok("")).await;
        let mut client = server.connect().await;
        client.send(bytes).await;
        let text = client.rest().await.unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes}: {text}");
        drop(client);
        assert_eq!(server.end().await, End::Refused(Reason::BadRequest));
        assert!(server.requests().is_empty());
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_told_of_once() {
    let server = Server::http1(|request: Request| match request.uri().path() {
        "/later" => Reply::Later(Box::pin(std::future::pending())),
        _ => Reply::Ready(answer(Body::stream(Frames(vec![Ok("abc".into())], false)))),
    })
    .await;
    for (path, status) in [("/later", None), ("/now", Some(StatusCode::OK))] {
        let mut client = server.connect().await;
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        if status.is_some() {
            client.until("abc").await;
        } else {
            // The request is there when the server waits for nothing but us.
            until("the request", || server.events().len() == 1).await;
        }
        drop(client);
        let before = server.requests().len();
        until("the record", || server.requests().len() > before).await;
        let note = server.requests().pop().unwrap();
        assert_eq!((note.status, note.broken), (status, Some(Reason::ClientLeft)));
    }
    assert_eq!(server.end().await, End::Left);
}

#[tokio::test]
async fn a_tunnel_joins_both_sides_after_a_101() {
    let (ours, theirs) = tokio::io::duplex(64);
    let slot = Mutex::new(Some(ours));
    let server = Server::http1(move |_: Request| {
        let mut answer = answer(Body::Empty);
        answer.head.status = StatusCode::SWITCHING_PROTOCOLS;
        answer.head.headers.insert("upgrade", "echo".parse().unwrap());
        let ours = slot.lock().unwrap().take().unwrap();
        answer.then = Then::Tunnel(crate::base::tunnel::Tunnel {
            origin: Box::pin(ours),
            held: Box::new(()),
        });
        Reply::Ready(answer)
    })
    .await;
    let mut client = server.connect().await;
    client
        .send("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhi")
        .await;
    let head = client.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("connection: upgrade"), "{head}");
    let mut origin = Client(theirs);
    assert_eq!(origin.until("hi").await, "hi");
    origin.send("ho").await;
    assert_eq!(client.until("ho").await, "ho");
    drop(origin);
    assert_eq!(client.0.read(&mut [0; 8]).await.unwrap(), 0);
    drop(client);
    assert_eq!(server.end().await, End::Done);
}

#[tokio::test]
async fn a_body_with_broken_or_doubtful_framing_is_the_last_thing_on_its_connection() {
    let next = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    for (fields, body, reason) in [
        ("transfer-encoding: chunked", "11111111111111111\r\n", "body-broken"),
        ("transfer-encoding: chunked", "3 x\r\nabc\r\n0\r\n\r\n", "body-broken"),
        ("transfer-encoding: chunked", "3\nabc\n0\n\n", "body-broken"),
        ("transfer-encoding: chunked", "3\r\nabcX\r\n0\r\n\r\n", "body-broken"),
        ("transfer-encoding: chunked", "0x3\r\nabc\r\n0\r\n\r\n", "body-broken"),
    ] {
        let server = Server::http1(|request: Request| {
            Reply::Later(Box::pin(async move {
                answer(Body::from_bytes(match request.into_body().collect().await {
                    Ok(body) => body.to_bytes(),
                    Err(fault) => fault.reason.as_str().into(),
                }))
            }))
        })
        .await;
        let mut client = server.connect().await;
        client.send(&format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n{body}{next}")).await;
        let text = client.rest().await.unwrap_or_default();
        assert!(text.is_empty() || text.ends_with(reason), "{body:?}: {text}");
        drop(client);
        server.end().await;
        assert_eq!(server.requests().len(), 1, "{body:?}");
    }
}
