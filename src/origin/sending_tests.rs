//! Small pieces are gathered for a moment; the first, the last and large ones wait for nothing.

use std::task::Waker;
use std::time::SystemTime;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;

/// A body that brings what is sent to it.
struct Told(UnboundedReceiver<Vec<u8>>);

impl http_body::Body for Told {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let piece = ready!(self.0.poll_recv(cx));
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece.into()))))
    }
}

/// A request in chunks, and the way to its body.
fn chunked(clock: &Clock) -> (Sending, UnboundedSender<Vec<u8>>) {
    let (say, told) = unbounded_channel();
    let head = http::Request::post("/edit").body(()).unwrap().into_parts().0;
    (Sending::new(&head, Body::stream(Told(told)), clock), say)
}

/// What would be written now, and is taken as written.
fn written(sending: &mut Sending) -> Option<String> {
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(slices) = sending.poll_bytes(&mut cx) else { return None };
    let bytes =
        slices.unwrap().map_or(Vec::new(), |[text, piece]| [&text[..], &piece[..]].concat());
    sending.advance(bytes.len());
    Some(String::from_utf8(bytes).unwrap())
}

#[test]
fn small_pieces_wait_for_others_but_not_for_long() {
    let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
    let (mut sending, say) = chunked(&clock);
    let head = written(&mut sending).expect("a head waits for no body");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(written(&mut sending), None);

    say.send(b"a".to_vec()).unwrap();
    assert_eq!(written(&mut sending).as_deref(), Some("1\r\na"), "the first waits for nothing");

    say.send(b"b".to_vec()).unwrap();
    assert_eq!(written(&mut sending), None);
    clock.advance(PAUSE - Duration::from_millis(1));
    say.send(b"c".to_vec()).unwrap();
    assert_eq!(written(&mut sending), None);
    clock.advance(Duration::from_millis(1));
    assert_eq!(written(&mut sending).as_deref(), Some("\r\n1\r\nb\r\n1\r\nc"));

    clock.advance(PAUSE * 2);
    say.send(b"d".to_vec()).unwrap();
    assert_eq!(written(&mut sending).as_deref(), Some("\r\n1\r\nd"), "after a pause, at once");
}

#[test]
fn the_end_and_large_pieces_go_at_once_with_what_waits() {
    let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
    let (mut sending, say) = chunked(&clock);
    say.send(b"a".to_vec()).unwrap();
    let first = written(&mut sending).expect("the first waits for nothing");
    assert!(first.ends_with("\r\n\r\n1\r\na"), "{first}");

    say.send(b"b".to_vec()).unwrap();
    assert_eq!(written(&mut sending), None);
    let large = "x".repeat(ENOUGH);
    say.send(large.clone().into_bytes()).unwrap();
    assert_eq!(written(&mut sending), Some(format!("\r\n1\r\nb\r\n1000\r\n{large}")));

    say.send(b"c".to_vec()).unwrap();
    assert_eq!(written(&mut sending), None);
    drop(say);
    assert_eq!(written(&mut sending).as_deref(), Some("\r\n1\r\nc\r\n0\r\n\r\n"));
    assert_eq!(written(&mut sending).as_deref(), Some(""));
    assert!(sending.is_over());
}

#[test]
fn many_small_pieces_are_no_large_buffer() {
    let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
    let (mut sending, say) = chunked(&clock);
    (0..100_000).for_each(|_| say.send(b"x".to_vec()).unwrap());
    drop(say);
    let mut all = String::new();
    while !sending.is_over() {
        let bytes = written(&mut sending).expect("there is more");
        assert!(bytes.len() < 2 * ENOUGH, "{}", bytes.len());
        all += &bytes;
    }
    assert_eq!(all.matches("1\r\nx").count(), 100_000);
    assert!(all.ends_with("\r\n0\r\n\r\n"), "{}", &all[all.len() - 20..]);
}
