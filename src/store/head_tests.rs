//! Lives that are packed and unpacked.

use super::*;

#[test]
fn spans_are_exact_to_the_millisecond_and_of_long_ones_to_the_second() {
    let days = |days: u64| Duration::from_secs(days * 86_400);
    for exact in [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(86_400_123)] {
        assert_eq!(Span::of(exact).duration(), exact);
    }
    let age = Duration::from_secs(1 << 31); // the most that an Age says, RFC 9111 §1.2.2
    for exact in [days(24), days(25), days(365), days(68 * 365), age] {
        assert_eq!(Span::of(exact).duration(), exact);
    }
    assert_eq!(Span::of(days(30) + Duration::from_millis(999)).duration(), days(30));
    assert_eq!(Span::of(Duration::from_micros(1999)).duration(), Duration::from_millis(1));
    // What is longer than anybody lives is as good as for ever.
    let longest = Duration::from_secs((1 << 31) - 1 + LEAST);
    assert_eq!(Span::of(Duration::MAX).duration(), longest);
    assert_eq!(Span::of(longest + Duration::from_secs(1)).duration(), longest);
}

#[test]
fn a_head_is_small() {
    assert!(size_of::<Head>() <= 96, "{}", size_of::<Head>());
}

#[test]
fn moments_before_and_after_the_first_are_exact() {
    let first = crate::base::Clock::by_hand(std::time::SystemTime::UNIX_EPOCH).now();
    let span = Duration::from_nanos(1_234_567_890_123);
    for instant in [first, first + span, first.checked_sub(span).unwrap()] {
        assert_eq!(Moment::of(instant).instant(), instant);
    }
}
