//! Fills read and outgrown by hand: a clock that stands still and readers polled one at a time.

use std::pin::Pin;
use std::task::Waker;
use std::time::SystemTime;

use http::StatusCode;
use http_body::Body as _;

use super::*;
use crate::base::{Axis, Scheme};
use crate::base::{Budget, ClusterId, Reason, SiteId};
use crate::fetch::FillReader;
use crate::fetch::growth::WINDOW;
use crate::semantics::{Life, Policy, Received, ResponseDirectives, Selecting};

struct Bench {
    clock: Clock,
    budget: Budget,
    fill: Arc<Fill>,
}

fn bench(length: Option<u64>) -> Bench {
    let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
    let budget = Budget::new(1 << 30);
    let headers = HeaderMap::new();
    let none = Duration::ZERO;
    let said = ResponseDirectives::of(&headers);
    let received = Received { wall: clock.wall(), delay: none };
    let life = Life::of(StatusCode::OK, &headers, &said, received, &Policy::RFC);
    let selected = (Axis::new(SiteId(0), Scheme::Http, None).stored(false), Selecting::default());
    let head = Head::new(StatusCode::OK, &headers, &life, clock.now(), selected);
    let origin = OriginPart {
        cluster: ClusterId(0),
        server: "o".into(),
        status: StatusCode::OK,
        first_byte: none,
    };
    let charge = budget.charge(Part::Fills, 0);
    let fill = Fill::new(Arc::new(head), length, Seq(0), origin, Relays::new(1), charge);
    Bench { clock, budget, fill }
}

impl Bench {
    fn push(&self, piece: &'static str) {
        self.fill.push(Bytes::from_static(piece.as_bytes()), self.clock.now());
    }
}

/// What a reader gets now; `None` where it has to wait.
fn next(reader: &mut FillReader) -> Option<Result<String, Reason>> {
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(reader).poll_frame(&mut cx) {
        Poll::Pending => None,
        Poll::Ready(None) => Some(Ok("end".into())),
        Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
            Ok(data) => Some(Ok(String::from_utf8(data.to_vec()).unwrap())),
            Err(_) => Some(Ok("trailers".into())),
        },
        Poll::Ready(Some(Err(fault))) => Some(Err(fault.reason)),
    }
}

fn data(text: &str) -> Option<Result<String, Reason>> {
    Some(Ok(text.into()))
}

#[tokio::test(flavor = "current_thread")]
async fn a_late_reader_reads_from_the_beginning() {
    let bench = bench(Some(10));
    let mut early = FillReader::whole(Arc::clone(&bench.fill), WorkerId(0)).unwrap();
    assert_eq!(next(&mut early), None);
    bench.push("hello");
    assert_eq!(next(&mut early), data("hello"));
    assert_eq!(next(&mut early), None);
    bench.push("world");
    bench.fill.end(Ok(None));
    let mut late = FillReader::whole(Arc::clone(&bench.fill), WorkerId(0)).unwrap();
    assert_eq!(next(&mut late), data("hello"));
    assert_eq!(next(&mut late), data("world"));
    assert_eq!(next(&mut late), data("end"));
    assert_eq!(next(&mut early), data("world"));
    assert_eq!(next(&mut early), data("end"));
}

#[tokio::test(flavor = "current_thread")]
async fn a_stretch_begins_and_ends_inside_pieces() {
    let bench = bench(Some(15));
    let mut reader = FillReader::whole(Arc::clone(&bench.fill), WorkerId(0)).unwrap().part(3, 11);
    bench.push("hello");
    assert_eq!(next(&mut reader), data("lo"));
    assert_eq!(next(&mut reader), None);
    bench.push("world");
    assert_eq!(next(&mut reader), data("world"));
    bench.push("again");
    assert_eq!(next(&mut reader), data("ag"));
    assert_eq!(next(&mut reader), data("end"), "though the fill goes on");
}

#[tokio::test(flavor = "current_thread")]
async fn a_fill_that_breaks_off_never_looks_complete() {
    let bench = bench(Some(10));
    let mut reader = FillReader::whole(Arc::clone(&bench.fill), WorkerId(0)).unwrap();
    bench.push("hello");
    bench.fill.end(Err(Fault::origin(Reason::Truncated, "test")));
    assert_eq!(next(&mut reader), data("hello"));
    assert_eq!(next(&mut reader), Some(Err(Reason::Truncated)));
}

#[tokio::test(flavor = "current_thread")]
async fn what_outgrew_the_cache_waits_for_its_slowest_reader_and_stops_with_its_last() {
    let bench = bench(None);
    let mut fast = FillReader::whole(Arc::clone(&bench.fill), WorkerId(0)).unwrap();
    let slow = FillReader::whole(Arc::clone(&bench.fill), WorkerId(0)).unwrap();
    let piece = Bytes::from(vec![0u8; usize::try_from(WINDOW).unwrap()]);
    bench.fill.push(piece, bench.clock.now());
    bench.fill.outgrow();
    assert!(!bench.fill.admits());
    while next(&mut fast).is_some() {}

    let mut room = Box::pin(bench.fill.room());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(room.as_mut().poll(&mut cx).is_pending(), "the slow reader has read nothing");
    drop(slow);
    assert_eq!(room.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
    assert_eq!(bench.budget.held(), 0, "what everybody has read is let go of");
    drop(room);
    assert!(FillReader::whole(Arc::clone(&bench.fill), WorkerId(0)).is_none(), "it is too late");
    drop(fast);
    let mut room = Box::pin(bench.fill.room());
    assert_eq!(room.as_mut().poll(&mut cx), Poll::Ready(Err(())));
}

#[tokio::test(flavor = "current_thread")]
async fn a_range_that_begins_later_holds_nobody_back() {
    let bench = bench(Some(2 * WINDOW));
    let seat = FillReader::whole(Arc::clone(&bench.fill), WorkerId(0)).unwrap();
    let mut range = seat.part(2 * WINDOW - 1, 2 * WINDOW - 1);
    let piece = Bytes::from(vec![0u8; usize::try_from(WINDOW).unwrap()]);
    bench.fill.push(piece, bench.clock.now());
    assert_eq!(next(&mut range), None, "its byte has not come yet");
    bench.fill.outgrow();
    assert_eq!(bench.fill.room().await, Ok(()), "and until then the fill goes on");
}

#[tokio::test(flavor = "current_thread")]
async fn what_outgrew_the_cache_is_kept_for_whoever_may_still_begin_to_read() {
    let bench = bench(None);
    bench.fill.relays.wants();
    bench.push("beginning");
    bench.fill.outgrow();
    assert_eq!(bench.fill.room().await, Ok(()));
    let mut late = FillReader::whole(Arc::clone(&bench.fill), WorkerId(0)).unwrap();
    bench.fill.relays.wants_no_more();
    assert_eq!(next(&mut late), data("beginning"));
}

#[tokio::test(flavor = "current_thread")]
async fn readers_are_woken_at_the_first_byte_then_by_size_or_time() {
    let bench = bench(None);
    let now = || bench.clock.now();
    assert!(bench.fill.push(Bytes::from_static(b"x"), now()), "the first");
    assert!(!bench.fill.push(Bytes::from_static(b"x"), now()));
    assert!(bench.fill.push(Bytes::from(vec![0; 64 * 1024]), now()), "64 KiB later");
    assert!(!bench.fill.push(Bytes::from_static(b"x"), now()));
    assert_eq!(bench.fill.wake_due(), Some(now() + WAKE_AFTER));
    bench.clock.advance(WAKE_AFTER);
    assert!(bench.fill.push(Bytes::from_static(b"x"), now()), "5 ms later");
    assert_eq!(bench.fill.wake_due(), None);
}
