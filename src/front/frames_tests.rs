//! Frames are seen alike however their bytes are cut.

use super::*;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn pass(frames: &mut Frames, bytes: &[u8], seen: &mut Vec<Seen>) -> Ends {
    let passed = frames.pass(bytes, |one| {
        seen.push(one);
        ControlFlow::<()>::Continue(())
    });
    match passed {
        ControlFlow::Continue(ends) => ends,
        ControlFlow::Break(()) => unreachable!("nothing breaks"),
    }
}

fn conversation() -> Vec<u8> {
    [
        vec![b'P'; PREFACE],
        frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100, 0, 4, 0, 0, 0, 1]),
        frame(SETTINGS, ACK, 0, &[]),
        frame(HEADERS, END_STREAM, 1, b"block"),
        frame(CONTINUATION, END_HEADERS, 1, b"its end"),
        frame(DATA, 0, 3, &[7; 300]),
        frame(DATA, END_STREAM, 3, &[]),
        frame(RST_STREAM, 0, 0x8000_0005, &[0, 0, 0, 8]),
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        frame(0x10, 0, 0, b"of no known type"),
    ]
    .concat()
}

#[test]
fn every_cut_shows_the_same_frames() {
    let bytes = conversation();
    let mut whole = Vec::new();
    assert_eq!(pass(&mut Frames::of_client(), &bytes, &mut whole), Ends::Well);
    let head = |length, kind, flags, stream| Seen::Head(Head { length, kind, flags, stream });
    assert_eq!(
        whole,
        [
            head(12, SETTINGS, 0, 0),
            Seen::Setting(3, 100),
            Seen::Setting(4, 1),
            head(0, SETTINGS, ACK, 0),
            head(5, HEADERS, END_STREAM, 1),
            head(7, CONTINUATION, END_HEADERS, 1),
            head(300, DATA, 0, 3),
            head(0, DATA, END_STREAM, 3),
            head(4, RST_STREAM, 0, 5),
            Seen::Code(8),
            head(4, WINDOW_UPDATE, 0, 0),
            head(16, 0x10, 0, 0),
        ]
    );
    for size in 1..40 {
        let (mut frames, mut seen) = (Frames::of_client(), Vec::new());
        for piece in bytes.chunks(size) {
            pass(&mut frames, piece, &mut seen);
        }
        assert_eq!(seen, whole, "in pieces of {size}");
        assert!(frames.is_between());
    }
}

#[test]
fn what_has_begun_and_not_ended_is_told_apart_from_what_goes_on() {
    let mut frames = Frames::of_client();
    let mut step = |bytes: &[u8]| pass(&mut frames, bytes, &mut Vec::new());
    assert_eq!(step(&[b'P'; 10]), Ends::Amid, "the preface");
    assert_eq!(step(&[b'P'; 14]), Ends::Well);
    let headers = frame(HEADERS, 0, 1, b"block");
    assert_eq!(step(&headers[..4]), Ends::Begun, "half a head");
    assert_eq!(step(&headers[4..12]), Ends::Amid, "half a payload");
    assert_eq!(step(&headers[12..]), Ends::Amid, "the block has not ended");
    let more = frame(CONTINUATION, 0, 1, b"more");
    assert_eq!(step(&more), Ends::Amid);
    let end = frame(CONTINUATION, END_HEADERS, 1, b"end");
    assert_eq!(step(&end), Ends::Well);
    let next = [&frame(PING, 0, 0, &[0; 8])[..], &headers].concat();
    assert_eq!(step(&next[..20]), Ends::Begun);
    assert_eq!(step(&next[20..]), Ends::Amid);
    assert_eq!(step(&[&end[..], &headers].concat()), Ends::Begun, "another block");
    assert_eq!(step(&end), Ends::Well);
    let data = frame(DATA, 0, 1, &[0; 100]);
    assert_eq!(step(&data[..50]), Ends::Well, "a body's pauses are timed with the body");
    assert_eq!(step(&data[50..]), Ends::Well);
}

#[test]
fn a_payload_that_is_not_what_its_frame_claims_does_no_harm() {
    let mut frames = Frames::of_server();
    let mut seen = Vec::new();
    let odd = [
        frame(RST_STREAM, 0, 1, &[1, 2]),
        frame(RST_STREAM, 0, 1, &[0, 0, 0, 1, 0, 0, 0, 2, 3]),
        frame(SETTINGS, 0, 0, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        frame(PING, 0, 0, &[]),
    ]
    .concat();
    for byte in odd.chunks(1) {
        pass(&mut frames, byte, &mut seen);
    }
    let heads = seen.iter().filter(|seen| matches!(seen, Seen::Head(_))).count();
    assert_eq!(heads, 4, "{seen:?}");
    assert!(frames.is_between());
}

#[test]
fn it_stops_where_it_is_told_to() {
    let bytes = frame(PING, 0, 0, &[0; 8]).repeat(10);
    let mut count = 0;
    let passed = Frames::of_server().pass(&bytes, |_| {
        count += 1;
        if count == 3 { ControlFlow::Break(count) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(passed, ControlFlow::Break(3));
}

#[test]
fn a_goaway_is_a_frame() {
    let bytes = goaway(7, 11, "too-many-frames");
    let mut seen = Vec::new();
    let mut frames = Frames::of_server();
    pass(&mut frames, &bytes, &mut seen);
    let head = Head { length: 8 + 15, kind: GOAWAY, flags: 0, stream: 0 };
    let number = Seen::Word([0, 0, 0, 7, 0, 0, 0, 11]);
    assert_eq!(seen, [Seen::Head(head), number, Seen::Word(*b"too-many")]);
    assert!(frames.is_between());
    assert_eq!(bytes[9..17], [0, 0, 0, 7, 0, 0, 0, 11]);
}
