//! Time that a client takes, and draining: with a clock by hand, over loopback sockets.

use super::http2_tests::{connect, get};
use super::kit::*;
use super::*;
use crate::base::{Body, Reason};
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::io::AsyncReadExt;

const SECOND: Duration = Duration::from_secs(1);

/// Lets time run out and checks that it was `limit`, or up to a quarter more where the watchdog
/// samples.
async fn runs_out(server: &Server, limit: Duration, wait: Wait) {
    let passed = server.pass(SECOND, || server.is_closed()).await;
    assert_eq!(server.end().await, End::Cut(wait));
    assert!(passed >= limit, "{wait:?} after {passed:?}");
    assert!(passed <= limit + limit / 4 + 5 * SECOND, "{wait:?} after {passed:?}");
}

fn endless() -> Reply {
    Reply::Ready(answer(Body::stream(Frames(vec![Ok("abc".into())], false))))
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut() {
    let server = Server::http1(|_: Request| ok("")).await;
    let mut client = server.connect().await;
    server.armed(TIMEOUTS.first_byte).await;
    runs_out(&server, TIMEOUTS.first_byte, Wait::FirstByte).await;
    assert_eq!(client.rest().await.unwrap(), "");
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_on_a_fresh_connection_and_on_a_kept_one() {
    for before in ["", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"] {
        let server = Server::http1(|_: Request| ok("fine")).await;
        let mut client = server.connect().await;
        client.send(before).await;
        if !before.is_empty() {
            client.until("fine").await;
        }
        client.send("GET / HT").await;
        server.armed(TIMEOUTS.header).await;
        runs_out(&server, TIMEOUTS.header, Wait::Header).await;
        assert_eq!(client.rest().await.unwrap(), "");
    }
}

#[tokio::test]
async fn a_kept_connection_is_closed_silently_when_it_is_idle() {
    let server = Server::http1(|_: Request| ok("fine")).await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    client.until("fine").await;
    runs_out(&server, TIMEOUTS.idle, Wait::Idle).await;
    assert_eq!(client.rest().await.unwrap(), "");

    let server = Server::http2(|_: Request| ok("fine")).await;
    let mut send = connect(&server, &h2::client::Builder::new()).await;
    soon("an answer", send.send_request(get("/"), true).unwrap().0).await.unwrap();
    until("the record", || !server.requests().is_empty()).await;
    runs_out(&server, TIMEOUTS.idle, Wait::Idle).await;
}

#[tokio::test]
async fn a_pause_in_a_request_body_is_a_fault_with_a_name() {
    let server = Server::http1(|request: Request| {
        Reply::Later(Box::pin(async move {
            let fault = request.into_body().collect().await.unwrap_err();
            answer(Body::from_bytes(fault.reason.as_str()))
        }))
    })
    .await;
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc").await;
    server.armed(TIMEOUTS.body).await;
    server.pass(SECOND, || !server.requests().is_empty()).await;
    client.until("body-timeout").await;
    drop(client);
    assert_eq!(server.note().await.request_bytes, 3);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut() {
    let server = Server::http1(|_: Request| ok(vec![b'x'; 4 << 20])).await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    server.armed(TIMEOUTS.write / 4).await;
    let timeouts = Timeouts { progress: TIMEOUTS.write * 2, ..TIMEOUTS };
    assert!(timeouts.progress > TIMEOUTS.write);
    let passed = server.pass(SECOND, || server.is_closed()).await;
    assert!(passed >= TIMEOUTS.progress.min(TIMEOUTS.write), "{passed:?}");
    assert!(matches!(server.end().await, End::Cut(Wait::Write | Wait::Progress)));
    assert_eq!(server.note().await.broken, Some(Reason::ClientSlow));
    assert!(client.0.read_to_end(&mut Vec::new()).await.is_err(), "the kernel goes on offering");
}

#[tokio::test]
async fn a_window_of_zero_is_cut_though_pings_are_answered() {
    let timeouts = Timeouts { progress: TIMEOUTS.write * 10, ..TIMEOUTS };
    let server =
        Server::start(Protocol::Http2, |_: Request| ok(vec![b'x'; 100_000]), timeouts).await;
    let stream = server.connect().await.0;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0);
    let (send, mut connection) =
        soon("the preface", builder.handshake::<_, bytes::Bytes>(stream)).await.unwrap();
    let mut pings = connection.ping_pong().unwrap();
    tokio::spawn(async move {
        let _ = connection.await;
    });
    let mut send = soon("the settings", send.ready()).await.unwrap();
    let response = send.send_request(get("/"), true).unwrap().0;
    let _unread = soon("the head", response).await.unwrap();
    soon("a pong", pings.ping(h2::Ping::opaque())).await.unwrap();
    server.armed(timeouts.write / 4).await;
    let start = server.clock.now();
    while !server.is_closed() {
        server.clock.advance(SECOND);
        let _ = soon("a pong, or the end", pings.ping(h2::Ping::opaque())).await;
    }
    let passed = server.clock.now() - start;
    assert!(passed >= timeouts.write, "{passed:?}");
    assert!(passed <= timeouts.write * 5 / 4 + 5 * SECOND, "{passed:?}");
    assert_eq!(server.end().await, End::Cut(Wait::Write));
    assert_eq!(server.note().await.broken, Some(Reason::ClientSlow));
}

#[tokio::test]
async fn a_client_that_takes_too_little_is_cut_and_one_that_takes_enough_is_not() {
    let timeouts = Timeouts { write: TIMEOUTS.progress * 10, ..TIMEOUTS };
    for (rate, survives) in [(100, false), (4000, true)] {
        let handler = |_: Request| ok(vec![b'x'; 4 << 20]);
        let server = Server::start(Protocol::Http1, handler, timeouts).await;
        let mut client = server.connect().await;
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        server.armed(timeouts.write / 4).await;
        let mut took = vec![0; rate];
        for _ in 0..200 {
            if server.is_closed() || client.0.read_exact(&mut took).await.is_err() {
                break;
            }
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            server.clock.advance(SECOND);
        }
        if survives {
            assert!(!server.is_closed());
        } else {
            assert_eq!(server.end().await, End::Cut(Wait::Progress));
            assert_eq!(server.note().await.broken, Some(Reason::ClientSlow));
        }
    }
}

#[tokio::test]
async fn a_client_is_not_blamed_for_our_slowness() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let server = Server::start(protocol, |_: Request| endless(), TIMEOUTS).await;
        let mut raw = None;
        let mut stream = None;
        if protocol == Protocol::Http1 {
            let mut client = server.connect().await;
            client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
            client.until("abc\r\n").await;
            raw = Some(client);
        } else {
            let mut send = connect(&server, &h2::client::Builder::new()).await;
            let response = send.send_request(get("/"), true).unwrap().0;
            stream = Some((soon("the head", response).await.unwrap(), send));
        }
        for _ in 0..1000 {
            server.clock.advance(SECOND);
            tokio::task::yield_now().await;
        }
        assert!(!server.is_closed(), "{protocol:?}");
        drop((raw, stream));
    }
}

#[tokio::test]
async fn draining_closes_what_is_idle_finishes_what_is_not_and_serves_who_has_just_come() {
    let gate = Arc::new(tokio::sync::Notify::new());
    let opened = gate.clone();
    let server = Server::http1(move |request: Request| {
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
    let mut idle = server.connect().await;
    idle.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    idle.until("fine").await;
    let mut busy = server.connect().await;
    busy.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut fresh = server.connect().await;
    server.armed(TIMEOUTS.first_byte).await;
    until("both requests", || server.events().len() >= 2).await;

    server.drain.begin();
    assert_eq!(idle.rest().await.unwrap(), "");
    fresh.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let text = fresh.rest().await.unwrap();
    assert!(text.contains("connection: close\r\n") && text.ends_with("fine"), "{text}");
    opened.notify_one();
    let text = busy.rest().await.unwrap();
    assert!(text.contains("connection: close\r\n") && text.ends_with("done"), "{text}");
}

#[test]
fn what_an_idle_connection_holds_is_small() {
    let service = size_of::<service::Call>();
    assert!(service < 512, "the handler's future takes {service} bytes");
    let body = size_of::<answer::Sent>();
    assert!(body < 128, "an answer's body takes {body} bytes");
    let line = size_of::<line::Line>();
    assert!(line < 256, "what a connection's parts share takes {line} bytes");
}
