//! Bodies that come in time, that stop, and that trickle.

use super::*;
use crate::base::Clock;
use crate::front::kit::TIMEOUTS;

/// `body` is 14 s, and 1000 bytes a second must come over each 30 s.
const LIMITS: Timeouts =
    Timeouts { progress: Duration::from_secs(30), min_body_rate: 1000, ..TIMEOUTS };

/// Brings `bytes` after every `wait` seconds that it is waited, `busy` seconds of ours between;
/// what is said first, and after how many seconds.
fn play(bytes: usize, wait: u64, busy: u64) -> (Verdict, u64) {
    let start = Clock::system().now();
    let at = |second| start + Duration::from_secs(second);
    let (mut pace, mut second) = (Pace::default(), 0);
    while second < 1000 {
        let mut until = pace.on_wait(|| at(second), &LIMITS);
        for _ in 0..wait {
            second += 1;
            if at(second) >= until {
                match pace.judge(at(second), &LIMITS) {
                    Verdict::Alive(later) => {
                        assert!(later > at(second), "it would spin");
                        until = later;
                    }
                    verdict => return (verdict, second),
                }
            }
        }
        pace.on_piece(bytes, || at(second));
        second += busy;
    }
    (Verdict::Alive(start), second)
}

#[test]
fn a_byte_now_and_then_is_too_slow() {
    assert_eq!(play(1, 13, 0), (Verdict::Slow(2), 30));
    assert_eq!(play(1, 1, 0), (Verdict::Slow(29), 30));
    assert_eq!(play(990, 1, 0), (Verdict::Slow(29 * 990), 30));
}

#[test]
fn a_body_that_keeps_the_rate_may_pause() {
    for (bytes, wait) in [(1100, 1), (16_000, 13), (1 << 20, 13)] {
        assert!(matches!(play(bytes, wait, 0).0, Verdict::Alive(_)), "{bytes} each {wait} s");
    }
    assert_eq!(play(1 << 20, 20, 0), (Verdict::Stopped, 14));
}

#[test]
fn what_we_take_slowly_is_not_the_clients_fault() {
    // It brings 100 bytes each 100 s, of which we wait for none.
    assert!(matches!(play(100, 0, 100).0, Verdict::Alive(_)));
    // Of 10 s for each piece we wait one.
    assert!(matches!(play(1100, 1, 9).0, Verdict::Alive(_)));
    assert_eq!(play(100, 1, 9).0, Verdict::Slow(2900));
}
