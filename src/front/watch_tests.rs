//! The verdict, as a table; the timer around it is tested with the connections.

use super::*;
use crate::base::Clock;
use std::time::SystemTime;

const LIMITS: Timeouts = Timeouts {
    handshake: Duration::from_secs(5),
    first_byte: Duration::from_secs(3),
    header: Duration::from_secs(10),
    idle: Duration::from_secs(60),
    body: Duration::from_secs(20),
    write: Duration::from_secs(40),
    progress: Duration::from_secs(30),
    min_rate: 100,
    min_body_rate: 100,
};

fn at(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

fn start() -> Instant {
    Clock::by_hand(SystemTime::UNIX_EPOCH).now()
}

fn quiet(start: Instant) -> State {
    State {
        started: start,
        heard: true,
        head_since: None,
        unfinished_since: None,
        idle_since: start,
        in_flight: 0,
        lags: [None, None],
    }
}

#[test]
fn each_wait_runs_out_at_its_limit_and_not_before() {
    let start = start();
    let lag = Lag { moved_at: start, window_at: at(start, 100), window_moved: 0 };
    let slow = Lag { moved_at: at(start, 29), window_at: start, window_moved: 2999 };
    let cases = [
        (State { heard: false, ..quiet(start) }, 3, Wait::FirstByte),
        (State { head_since: Some(start), ..quiet(start) }, 10, Wait::Header),
        (State { unfinished_since: Some(start), ..quiet(start) }, 10, Wait::Header),
        (State { in_flight: 3, unfinished_since: Some(start), ..quiet(start) }, 10, Wait::Header),
        (quiet(start), 60, Wait::Idle),
        (State { in_flight: 1, lags: [Some(lag), None], ..quiet(start) }, 40, Wait::Write),
        (State { in_flight: 1, lags: [None, Some(lag)], ..quiet(start) }, 40, Wait::Write),
        (State { in_flight: 9, lags: [None, Some(slow)], ..quiet(start) }, 30, Wait::Progress),
    ];
    for (state, seconds, wait) in cases {
        let dead = at(start, seconds);
        assert_eq!(verdict(&state, dead, &LIMITS), Verdict::Dead(wait), "{state:?}");
        let before = dead - Duration::from_nanos(1);
        let Verdict::Alive { until } = verdict(&state, before, &LIMITS) else {
            panic!("{wait:?} ran out early");
        };
        assert!(until <= dead, "{wait:?} would be noticed late");
        assert!(until > before, "{wait:?} would spin");
    }
}

#[test]
fn a_request_in_flight_waits_for_us_as_long_as_it_takes() {
    let start = start();
    let state = State { in_flight: 1, head_since: Some(start), ..quiet(start) };
    let late = at(start, 100_000);
    assert_eq!(verdict(&state, late, &LIMITS), Verdict::Alive { until: late + LIMITS.idle });
}

#[test]
fn a_client_that_keeps_the_rate_is_left_alone_in_each_window() {
    let start = start();
    let mut lane = Lane::new(start);
    let mut moved = 0;
    for second in (0..600).step_by(10) {
        let now = at(start, second);
        lane.see(now, true, moved, 0);
        let state = State { in_flight: 1, lags: [lane.lag(), None], ..quiet(start) };
        assert!(matches!(verdict(&state, now, &LIMITS), Verdict::Alive { .. }), "{second}");
        lane.turn(now, &LIMITS);
        moved += 1000;
    }
}

#[test]
fn a_slow_window_is_not_saved_by_a_fast_one_before_it() {
    let start = start();
    let mut lane = Lane::new(start);
    lane.see(start, true, 0, 0);
    lane.see(at(start, 30), true, 1 << 20, 0);
    lane.turn(at(start, 30), &LIMITS);
    lane.see(at(start, 60), true, (1 << 20) + 10, 0);
    let state = State { in_flight: 1, lags: [lane.lag(), None], ..quiet(start) };
    assert_eq!(verdict(&state, at(start, 60), &LIMITS), Verdict::Dead(Wait::Progress));
}

#[test]
fn having_caught_up_begins_the_count_anew() {
    let start = start();
    let mut lane = Lane::new(start);
    lane.see(start, true, 5, 0);
    lane.see(at(start, 39), true, 5, 1);
    let state = State { in_flight: 1, lags: [lane.lag(), None], ..quiet(start) };
    assert!(matches!(verdict(&state, at(start, 41), &LIMITS), Verdict::Alive { .. }));
    lane.see(at(start, 50), false, 5, 1);
    assert_eq!(lane.lag(), None);
}

#[test]
fn too_much_unread_cuts_whoever_is_behind_and_the_slowest_first() {
    let mib = 1 << 20;
    let backlog = Backlog { own: 8 * mib, address: 8 * mib, node: 8 * mib, moved: 0 };
    let budget = 512 * mib;
    let cases = [
        ("little is unread", backlog, false),
        ("its address leaves too much", Backlog { address: 33 * mib, ..backlog }, true),
        ("all together leave too much", Backlog { node: 65 * mib, ..backlog }, true),
        ("it reads on", Backlog { node: 65 * mib, moved: mib, ..backlog }, false),
        ("it keeps little", Backlog { node: 65 * mib, own: 4096, moved: 512, ..backlog }, false),
    ];
    for (what, backlog, cut) in cases {
        assert_eq!(excess(backlog, 32 * mib, budget), cut, "{what}");
    }
}
