//! What a client gets that goes beyond a limit of HTTP/2, as bytes over a loopback socket.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::framer::Framer;
use super::kit::*;
use super::wire::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PRIORITY, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, frame, number, request,
};
use super::*;
use crate::base::{Body, Reason};

fn pending() -> Reply {
    Reply::Later(Box::pin(std::future::pending()))
}

fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    wire::get("a", "/", fields)
}

/// Streams that are opened, each with what follows its HEADERS.
fn streams(count: u32, follows: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let block = block(&[]);
    let one = |n: u32| [request(2 * n + 1, &block), follows(2 * n + 1)].concat();
    (0..count).flat_map(one).collect()
}

/// Sends `bytes` while it reads; the GOAWAY that comes, and the resets before it.
async fn flooded(server: &Server, bytes: Vec<u8>) -> (wire::Came, Vec<&'static str>) {
    let framer = Framer::connect(server, &[]).await;
    let (read, mut write) = framer.io.into_split();
    let send = tokio::spawn(async move {
        // Whoever is beyond a limit is not read to the end.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut write, &bytes).await;
        write
    });
    let mut reader = tokio::io::BufReader::new(read);
    let (mut bytes, mut resets) = (Vec::new(), Vec::new());
    loop {
        while let Some(came) = wire::Came::take(&mut bytes) {
            match came.kind {
                RST_STREAM => resets.push(came.code()),
                GOAWAY => {
                    drop(soon("the flood to end", send).await);
                    return (came, resets);
                }
                _ => {}
            }
        }
        let read = tokio::io::AsyncReadExt::read_buf(&mut reader, &mut bytes);
        let some = soon("a frame", read).await.expect("a GOAWAY before the end");
        assert!(some > 0, "closed without a GOAWAY");
    }
}

#[tokio::test]
async fn each_flood_ends_in_a_goaway_that_names_it() {
    let ten = |rate: u32| (rate * 10 + 1) as usize;
    let open = request(1, &block(&[]));
    let post = frame(HEADERS, END_HEADERS, 1, &block(&[]));
    let many = |before: &[u8], one: Vec<u8>, count| [before, &one.repeat(count)].concat();
    let reset = |stream| number(RST_STREAM, stream, 8);
    let overflow = |stream| number(WINDOW_UPDATE, stream, 0x7fff_ffff);
    let cases = [
        (Limit::Pings, many(&open, frame(PING, 0, 0, &[7; 8]), ten(HTTP2.pings))),
        (Limit::Pings, many(&open, frame(PING, ACK, 0, &[7; 8]), ten(HTTP2.pings))),
        (Limit::Settings, many(&open, frame(SETTINGS, 0, 0, &[]), ten(HTTP2.settings))),
        (Limit::Ignored, many(&open, frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 1]), ten(HTTP2.ignored))),
        (Limit::Ignored, many(&open, frame(0x10, 0, 0, b"\0\0\0\x01u=1"), ten(HTTP2.ignored))),
        (
            Limit::WindowUpdates,
            many(&open, number(WINDOW_UPDATE, 0, 1), ten(HTTP2.window_updates) + 4),
        ),
        (
            Limit::WindowUpdates,
            many(&open, number(WINDOW_UPDATE, 1, 1), ten(HTTP2.window_updates) + 4),
        ),
        (Limit::EmptyFrames, many(&post, frame(DATA, 0, 1, &[]), ten(HTTP2.empty_frames))),
        (Limit::Resets, streams(HTTP2.resets * 10 + 1, reset)),
        (Limit::StreamErrors, streams(HTTP2.stream_errors * 10 + 1, overflow)),
        (
            Limit::Continuations,
            many(
                &frame(HEADERS, END_STREAM, 1, &block(&[])),
                frame(CONTINUATION, 0, 1, b"\x90"),
                5,
            ),
        ),
    ];
    for (limit, bytes) in cases {
        let server = Server::http2(|_: Request| pending()).await;
        let (goaway, resets) = flooded(&server, bytes).await;
        assert_eq!(goaway.code(), "ENHANCE_YOUR_CALM", "{limit:?}");
        assert_eq!(goaway.debug_data(), limit.reason().as_str(), "{limit:?}");
        assert_eq!(server.end().await, End::Beyond(limit));
        if limit == Limit::StreamErrors {
            assert!(resets.iter().all(|code| *code == "FLOW_CONTROL_ERROR"), "{resets:?}");
            assert!(resets.len() >= HTTP2.stream_errors as usize * 10, "{}", resets.len());
        } else {
            assert_eq!(resets, [""; 0], "{limit:?}");
        }
        let begun = server.requests();
        let told = |note: &Note| note.broken == Some(limit.reason());
        // Those that were reset before the end have a reason of their own.
        let reset = matches!(limit, Limit::Resets | Limit::StreamErrors);
        assert!(reset || begun.iter().all(told), "{limit:?}: {begun:?}");
    }
}

#[tokio::test]
async fn what_may_come_in_ten_seconds_may_come_at_once() {
    let server = Server::http2(|_: Request| ok("fine")).await;
    let mut framer = Framer::connect(&server, &[]).await;
    for _ in 0..5 {
        let all = [
            frame(PING, 0, 0, &[7; 8]).repeat(HTTP2.pings as usize),
            frame(SETTINGS, 0, 0, &[]).repeat(HTTP2.settings as usize),
            frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 1]).repeat(HTTP2.ignored as usize),
            number(WINDOW_UPDATE, 0, 1).repeat(HTTP2.window_updates as usize),
        ];
        framer.send(&all.concat().repeat(if server.requests().is_empty() { 9 } else { 1 })).await;
        let stream = u32::try_from(server.requests().len()).unwrap() * 2 + 1;
        framer.get(stream, "/").await;
        assert_eq!(framer.body(stream).await, b"fine");
        until("its record", || server.requests().len() == (stream as usize).div_ceil(2)).await;
        server.clock.advance(std::time::Duration::from_secs(1));
    }
}

#[tokio::test]
async fn the_goaway_names_the_newest_stream_and_answers_before_it_are_whole() {
    let server = Server::http2(|_: Request| ok("fine")).await;
    let mut framer = Framer::connect(&server, &[]).await;
    for stream in [1, 3, 5] {
        framer.get(stream, "/").await;
        assert_eq!(framer.body(stream).await, b"fine");
    }
    framer.send(&frame(PING, 0, 0, &[0; 8]).repeat(HTTP2.pings as usize * 10 + 1)).await;
    let goaway = framer.next_of(GOAWAY, 0).await;
    assert_eq!(goaway.payload[..8], [0, 0, 0, 5, 0, 0, 0, 11]);
    assert_eq!(framer.next().await, None);
    assert!(server.requests().iter().all(|note| note.broken.is_none()));
}

#[tokio::test]
async fn what_h2_refuses_of_itself_is_counted_under_its_limit() {
    let http2 = Http2 { continuations: 1000, ..HTTP2 };
    let head = frame(HEADERS, END_STREAM, 1, &block(&[]));
    let many = frame(CONTINUATION, 0, 1, b"\x90").repeat(100);
    // Ever the same byte, an indexed field: 8 KiB of them would be ninety times that.
    let bomb = request(1, &[block(&[]), vec![0x90; 8000]].concat());
    for (bytes, limit, said) in [
        ([head, many].concat(), Limit::Continuations, "too_many_continuations"),
        (bomb, Limit::Head, "header_list_way_too_large"),
    ] {
        let server = Server::limited(|_: Request| pending(), http2).await;
        let (goaway, _) = flooded(&server, bytes).await;
        assert_eq!((goaway.code(), goaway.debug_data().as_str()), ("ENHANCE_YOUR_CALM", said));
        assert_eq!(server.end().await, End::Beyond(limit));
    }
}

#[tokio::test]
async fn a_head_of_too_many_bytes_is_refused_and_the_connection_goes_on() {
    // What its bytes are not, 32 for each field make it (RFC 9113 §6.5.2).
    let large = block(&[("x", &"y".repeat(8100)), ("z", "")]);
    let server = Server::http2(|_: Request| ok("fine")).await;
    let mut framer = Framer::connect(&server, &[]).await;
    for stream in [1, 5] {
        framer.send(&request(stream, &large)).await;
        let head = framer.next_of(HEADERS, stream).await;
        assert!(head.flags & END_STREAM != 0 && !head.payload.contains(&0x88), "{head:?}");
        framer.get(stream + 2, "/").await;
        assert_eq!(framer.body(stream + 2).await, b"fine");
    }
    let told = |event: &&ConnectionEvent| **event == ConnectionEvent::Refused(Limit::Head);
    assert_eq!(server.events().iter().filter(told).count(), 2);
}

#[tokio::test]
async fn fields_and_crumbs_are_counted_apart() {
    let crumbs = |count: usize| vec![("cookie", "a=1"); count];
    let fields = |count: usize| vec![("x", "y"); count];
    for (fields, fine, limit) in [
        (crumbs(80), true, None),
        ([crumbs(80), fields(49)].concat(), true, None),
        (fields(50), true, None),
        (crumbs(81), false, Some(Limit::Crumbs)),
        ([crumbs(80), fields(50)].concat(), false, Some(Limit::Head)),
        (fields(51), false, Some(Limit::Head)),
    ] {
        let server = Server::http2(|_: Request| ok("fine")).await;
        let mut framer = Framer::connect(&server, &[]).await;
        framer.send(&request(1, &block(&fields))).await;
        let head = framer.next_of(HEADERS, 1).await;
        // `:status: 200` is one byte; 431 is not.
        assert_eq!(head.payload[0] == 0x88, fine, "{} fields", fields.len());
        let told = server.events().into_iter().find_map(|event| match event {
            ConnectionEvent::Refused(limit) => Some(limit),
            _ => None,
        });
        assert_eq!(told, limit, "{} fields", fields.len());
        framer.get(3, "/").await;
        assert_eq!(framer.next_of(HEADERS, 3).await.payload[0], 0x88, "it goes on");
    }
}

#[tokio::test]
async fn a_connection_that_makes_us_hold_too_much_gets_no_more_streams() {
    let server = Server::http2(|request: Request| match request.uri().path() {
        "/" => ok("fine"),
        _ => ok(vec![b'x'; 300_000]),
    })
    .await;
    // The client takes nothing of any stream.
    let mut framer = Framer::connect(&server, &[(wire::INITIAL_WINDOW_SIZE, 0)]).await;
    for stream in [1, 3, 5, 7] {
        framer.get(stream, "/large").await;
        framer.next_of(HEADERS, stream).await;
    }
    framer.get(9, "/large").await;
    assert_eq!(framer.next_of(RST_STREAM, 9).await.code(), "ENHANCE_YOUR_CALM");
    assert_eq!(server.note().await.broken, Some(Reason::Pinned));
    assert!(server.events().contains(&ConnectionEvent::Refused(Limit::Pinned)));
    framer.send(&number(WINDOW_UPDATE, 0, 1 << 20)).await;
    framer.send(&number(WINDOW_UPDATE, 1, 300_000)).await;
    assert_eq!(framer.body(1).await.len(), 300_000);
    framer.send(&number(RST_STREAM, 3, 8)).await;
    until("two records", || server.requests().len() == 3).await;
    framer.get(11, "/").await;
    framer.send(&number(WINDOW_UPDATE, 11, 100)).await;
    assert_eq!(framer.body(11).await, b"fine");
}

#[tokio::test]
async fn a_stream_that_is_reset_as_it_opens_never_begins_what_is_waited_for() {
    let reset = |stream| number(RST_STREAM, stream, 8);
    let overflow = |stream| number(WINDOW_UPDATE, stream, 0x7fff_ffff);
    for streams in [streams(40, reset), streams(40, overflow)] {
        let begun = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&begun);
        let server = Server::http2(move |_: Request| {
            let begun = Arc::clone(&counted);
            Reply::Later(Box::pin(async move {
                begun.fetch_add(1, Ordering::Relaxed);
                answer(Body::from_bytes("fine"))
            }))
        })
        .await;
        let mut framer = Framer::connect(&server, &[]).await;
        framer.send(&streams).await;
        framer.get(81, "/").await;
        assert_eq!(framer.body(81).await, b"fine");
        assert_eq!(begun.load(Ordering::Relaxed), 1);
    }
}
