//! What a client may spend, with a clock by hand.

use std::time::SystemTime;

use super::*;
use crate::front::kit::HTTP2;

fn head(kind: u8, flags: u8, length: u32) -> Head {
    Head { length, kind, flags, stream: 1 }
}

fn allowance() -> (Allowance, Clock) {
    let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
    (Allowance::new(&HTTP2, &clock), clock)
}

/// How many of these pass before one does not, and which limit it is beyond.
fn passes(allowance: &mut Allowance, head: Head) -> (u32, Limit) {
    for count in 0..1_000_000 {
        if let ControlFlow::Break(limit) = allowance.came(head) {
            return (count, limit);
        }
    }
    panic!("{head:?} has no limit");
}

fn cases() -> [(Head, Limit, u32); 8] {
    [
        (head(RST_STREAM, 0, 4), Limit::Resets, HTTP2.resets),
        (head(PING, 0, 8), Limit::Pings, HTTP2.pings),
        (head(PING, ACK, 8), Limit::Pings, HTTP2.pings),
        (head(SETTINGS, 0, 6), Limit::Settings, HTTP2.settings),
        (head(2, 0, 5), Limit::Ignored, HTTP2.ignored),
        (head(0x10, 0, 5), Limit::Ignored, HTTP2.ignored),
        (head(WINDOW_UPDATE, 0, 4), Limit::WindowUpdates, HTTP2.window_updates),
        (head(DATA, 0, 0), Limit::EmptyFrames, HTTP2.empty_frames),
    ]
}

#[test]
fn ten_seconds_worth_may_come_at_once_and_the_rate_from_then_on() {
    for (head, limit, rate) in cases() {
        let (mut allowance, clock) = allowance();
        assert_eq!(passes(&mut allowance, head), (rate * HOLDS, limit), "{head:?}");
        clock.advance(Duration::from_secs(3));
        assert_eq!(passes(&mut allowance, head), (rate * 3, limit), "{head:?}");
        clock.advance(Duration::from_secs(3600));
        assert_eq!(passes(&mut allowance, head), (rate * HOLDS, limit), "{head:?}");
        clock.advance(Duration::from_millis(1));
        assert!(allowance.came(head).is_break(), "{head:?} is forgiven too soon");
    }
}

#[test]
fn who_keeps_the_rate_is_never_refused() {
    for (head, _, rate) in cases() {
        let (mut allowance, clock) = allowance();
        for _ in 0..1000 {
            (0..rate).for_each(|_| assert!(allowance.came(head).is_continue(), "{head:?}"));
            clock.advance(Duration::from_secs(1));
        }
    }
}

#[test]
fn one_kind_of_frame_spends_nothing_of_another() {
    let (mut allowance, _) = allowance();
    passes(&mut allowance, head(PING, 0, 8));
    for (head, limit, rate) in cases().into_iter().filter(|case| case.1 != Limit::Pings) {
        if head.kind != 0x10 {
            assert_eq!(passes(&mut allowance, head), (rate * HOLDS, limit));
        }
    }
}

#[test]
fn bodies_and_requests_are_not_counted() {
    let (mut allowance, _) = allowance();
    for frame in [
        head(DATA, 0, 1),
        head(DATA, END_STREAM, 0),
        head(HEADERS, END_HEADERS | END_STREAM, 50),
        head(HEADERS, END_HEADERS, 0),
        head(SETTINGS, ACK, 0),
    ] {
        (0..100_000).for_each(|_| assert!(allowance.came(frame).is_continue(), "{frame:?}"));
    }
}

#[test]
fn window_updates_are_explained_by_what_was_sent_and_not_by_bytes_one_by_one() {
    let update = head(WINDOW_UPDATE, 0, 4);
    let (mut generous, _) = allowance();
    for _ in 0..100_000 {
        generous.went(head(DATA, 0, 16_384));
        (0..8).for_each(|_| assert!(generous.came(update).is_continue()));
    }
    let (mut small, _) = allowance();
    for _ in 0..100_000 {
        let _ = small.came(head(HEADERS, END_HEADERS | END_STREAM, 20));
        small.went(head(DATA, END_STREAM, 1));
        (0..2).for_each(|_| assert!(small.came(update).is_continue()));
    }
    let (mut stingy, _) = allowance();
    let refused = (0..100_000).position(|_| {
        stingy.went(head(DATA, 0, 1));
        stingy.came(update).is_break()
    });
    let most = HTTP2.window_updates * HOLDS;
    let refused = u32::try_from(refused.expect("a byte explains no frame")).unwrap();
    assert!((most..most * 11 / 10).contains(&refused), "{refused}");
}

#[test]
fn a_header_block_has_so_many_continuations_and_empty_ones_count_twice() {
    let (mut allowance, _) = allowance();
    for _ in 0..1000 {
        assert!(allowance.came(head(HEADERS, END_STREAM, 9)).is_continue());
        for _ in 0..HTTP2.continuations {
            assert!(allowance.came(head(CONTINUATION, 0, 9)).is_continue());
        }
    }
    assert_eq!(
        allowance.came(head(CONTINUATION, END_HEADERS, 9)),
        ControlFlow::Break(Limit::Continuations)
    );
    assert!(allowance.came(head(HEADERS, END_STREAM, 9)).is_continue());
    let mut blocks = 0;
    let limit = loop {
        let empty = [head(HEADERS, END_STREAM, 0), head(CONTINUATION, 0, 0)];
        if let Some(limit) = empty.into_iter().find_map(|head| allowance.came(head).break_value()) {
            break limit;
        }
        blocks += 1;
    };
    assert_eq!((limit, blocks), (Limit::EmptyFrames, HTTP2.empty_frames * HOLDS / 2));
}

#[test]
fn only_resets_that_are_the_clients_fault_count_against_it() {
    let (mut allowance, _) = allowance();
    for ours in [0, 2, 8] {
        (0..100_000).for_each(|_| assert!(allowance.reset(ours).is_continue()));
    }
    let most = HTTP2.stream_errors * HOLDS;
    (0..most).for_each(|_| assert!(allowance.reset(1).is_continue()));
    assert_eq!(allowance.reset(7), ControlFlow::Break(Limit::StreamErrors));
}
