//! Time that one HTTP/2 stream takes beside others, and heads that trickle between them: with a
//! clock by hand, over loopback sockets.

use std::time::Duration;

use super::framer::Framer;
use super::kit::*;
use super::wire::{
    CONTINUATION, END_STREAM, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, RST_STREAM, WINDOW_UPDATE,
    frame, number,
};
use super::*;
use crate::base::{Body, Reason};

const SECOND: Duration = Duration::from_secs(1);

/// Bytes of `/`, which is more than the least rate when it is taken each second.
const FLOWS: u32 = 4000;

/// Asks for `/` on `stream` and takes it; what came of `other` meanwhile.
async fn flow(framer: &mut Framer, stream: u32, other: u32) -> Option<wire::Came> {
    framer.get(stream, "/").await;
    framer.send(&number(WINDOW_UPDATE, stream, FLOWS)).await;
    framer.send(&number(WINDOW_UPDATE, 0, FLOWS)).await;
    let mut end = None;
    loop {
        let came = framer.next().await.expect("the connection goes on");
        assert_ne!(came.kind, GOAWAY, "{}", came.debug_data());
        if came.stream == other && came.kind == RST_STREAM {
            end = Some(came);
        } else if came.stream == stream && came.flags & END_STREAM != 0 {
            return end;
        }
    }
}

fn handler(large: usize) -> impl Handler {
    move |request: Request| match request.uri().path() {
        "/" => ok(vec![b'f'; FLOWS as usize]),
        "/unknown" => {
            let pieces = vec![Ok(vec![b'x'; large].into())];
            Reply::Ready(answer(Body::stream(Frames(pieces, true))))
        }
        _ => ok(vec![b'x'; large]),
    }
}

#[tokio::test]
async fn a_stream_whose_client_takes_nothing_is_reset_and_those_beside_it_go_on() {
    for (window, large, path) in [
        (None, 300_000, "/large"),
        (None, 300_000, "/unknown"),
        (Some(0), 20_000, "/large"),
        (Some(0), 20_000, "/unknown"),
        (Some(1), 20_000, "/large"),
        (Some(1), 20_000, "/unknown"),
        (Some(100), 20_000, "/large"),
    ] {
        let timeouts = Timeouts { progress: TIMEOUTS.write * 10, ..TIMEOUTS };
        let server = Server::start(Protocol::Http2, handler(large), timeouts).await;
        let settings: Vec<_> =
            window.map(|window| (INITIAL_WINDOW_SIZE, window)).into_iter().collect();
        let mut framer = Framer::connect(&server, &settings).await;
        framer.send(&number(WINDOW_UPDATE, 0, 1 << 20)).await;
        framer.get(1, path).await;
        framer.next_of(HEADERS, 1).await;
        let (start, mut stream) = (server.clock.now(), 1);
        let reset = loop {
            stream += 2;
            if let Some(reset) = flow(&mut framer, stream, 1).await {
                break reset;
            }
            server.clock.advance(SECOND);
        };
        let passed = server.clock.now() - start;
        assert_eq!(reset.code(), "CANCEL", "{window:?} {path}");
        assert!(passed >= TIMEOUTS.write, "{window:?} {path}: after {passed:?}");
        assert!(passed <= TIMEOUTS.write * 5 / 4 + 5 * SECOND, "{window:?} {path}: {passed:?}");
        until("its record", || server.requests().iter().any(|note| note.what != "GET /")).await;
        let notes = server.requests();
        let large = notes.iter().find(|note| note.what != "GET /").unwrap();
        assert_eq!(large.broken, Some(Reason::ClientSlow), "{window:?} {path}");
        assert!(server.events().contains(&ConnectionEvent::GaveUp(Wait::Write)));
        assert_eq!(flow(&mut framer, stream + 2, 1).await, None);
        assert!(!server.is_closed());
    }
}

#[tokio::test]
async fn a_stream_that_is_taken_byte_by_byte_is_reset_for_its_rate() {
    let timeouts = Timeouts { write: TIMEOUTS.progress * 10, ..TIMEOUTS };
    let server = Server::start(Protocol::Http2, handler(20_000), timeouts).await;
    let mut framer = Framer::connect(&server, &[(INITIAL_WINDOW_SIZE, 1)]).await;
    framer.get(1, "/large").await;
    let (start, mut stream) = (server.clock.now(), 1);
    let reset = loop {
        stream += 2;
        framer.send(&number(WINDOW_UPDATE, 1, 1)).await;
        if let Some(reset) = flow(&mut framer, stream, 1).await {
            break reset;
        }
        server.clock.advance(SECOND);
    };
    let passed = server.clock.now() - start;
    assert_eq!(reset.code(), "CANCEL");
    assert!(passed >= timeouts.progress, "{passed:?}");
    assert!(passed <= timeouts.progress + timeouts.write / 4 + 5 * SECOND, "{passed:?}");
    assert!(server.events().contains(&ConnectionEvent::GaveUp(Wait::Progress)));
}

#[tokio::test]
async fn a_stream_that_waits_for_us_is_not_given_up_beside_others() {
    let server = Server::http2(|request: Request| match request.uri().path() {
        "/" => ok("fine"),
        _ => Reply::Ready(answer(Body::stream(Frames(vec![Ok("abc".into())], false)))),
    })
    .await;
    let mut framer = Framer::connect(&server, &[]).await;
    framer.get(1, "/endless").await;
    for n in 1..200 {
        assert_eq!(flow(&mut framer, 2 * n + 1, 1).await, None);
        server.clock.advance(SECOND);
    }
}

#[tokio::test]
async fn an_answer_whose_end_was_held_back_is_whole() {
    for path in ["/large", "/unknown"] {
        let server = Server::http2(handler(200_000)).await;
        let mut framer = Framer::connect(&server, &[(INITIAL_WINDOW_SIZE, 10)]).await;
        framer.get(1, path).await;
        framer.next_of(HEADERS, 1).await;
        framer.send(&number(WINDOW_UPDATE, 1, 100_000)).await;
        framer.send(&number(WINDOW_UPDATE, 0, 200_000)).await;
        framer.send(&number(WINDOW_UPDATE, 1, 100_000)).await;
        assert_eq!(framer.body(1).await.len(), 200_000, "{path}");
        let note = server.note().await;
        assert_eq!((note.broken, note.body_bytes), (None, 200_000), "{path}");
    }
}

/// Gives the server the time to read what was sent, or to act on the time.
async fn rest() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_though_other_streams_flow() {
    let block = wire::get("a", "/", &[]);
    let open = frame(HEADERS, END_STREAM, 1, &block[..3]);
    let whole = frame(HEADERS, END_STREAM | wire::END_HEADERS, 1, &block);
    let byte = |at: usize| frame(CONTINUATION, 0, 1, &block[at..=at]);
    let cases = [
        // CONTINUATION by CONTINUATION, a byte each.
        (open, vec![byte(3), byte(4), byte(5)]),
        // One frame, byte by byte.
        (whole[..5].to_vec(), whole[5..whole.len() - 1].chunks(1).map(<[u8]>::to_vec).collect()),
    ];
    for (begin, trickle) in cases {
        let server = Server::http2(|request: Request| match request.uri().path() {
            "/" => ok("fine"),
            _ => Reply::Later(Box::pin(std::future::pending())),
        })
        .await;
        let mut framer = Framer::connect(&server, &[]).await;
        framer.get(1, "/never").await;
        assert_eq!(flow(&mut framer, 3, 1).await, None);
        let later = begin.iter().copied().enumerate();
        // On a stream of its own.
        let begin: Vec<u8> = later.map(|(at, b)| if at == 8 { 5 } else { b }).collect();
        framer.send(&begin).await;
        server.armed(TIMEOUTS.header).await;
        let start = server.clock.now();
        for mut bytes in trickle {
            if bytes.len() > 8 {
                bytes[8] = 5;
            }
            framer.send(&bytes).await;
            rest().await;
            server.clock.advance(3 * SECOND);
            rest().await;
            if server.is_closed() {
                break;
            }
        }
        server.pass(SECOND, || server.is_closed()).await;
        let passed = server.clock.now() - start;
        assert_eq!(server.end().await, End::Cut(Wait::Header));
        assert!(passed >= TIMEOUTS.header && passed <= TIMEOUTS.header + 5 * SECOND, "{passed:?}");
    }
}

#[tokio::test]
async fn a_preface_that_trickles_is_cut() {
    let server = Server::http2(|_: Request| ok("fine")).await;
    let mut client = server.connect().await;
    client.send("PRI * HT").await;
    server.armed(TIMEOUTS.header).await;
    server.pass(SECOND, || server.is_closed()).await;
    assert_eq!(server.end().await, End::Cut(Wait::Header));
}

#[tokio::test]
async fn an_idle_connection_is_told_goodbye() {
    let server = Server::http2(|_: Request| ok("fine")).await;
    let mut framer = Framer::connect(&server, &[]).await;
    assert_eq!(flow(&mut framer, 1, 0).await, None);
    server.pass(SECOND, || server.is_closed()).await;
    let goaway = framer.next_of(GOAWAY, 0).await;
    assert_eq!((goaway.code(), goaway.debug_data().as_str()), ("NO_ERROR", "idle"));
    assert_eq!(goaway.payload[..4], [0, 0, 0, 1]);
    assert_eq!(framer.next().await, None);
}
