//! The states of one server and what leads from one to another, as a function of events and `now`.
//!
//! ```text
//! up, warming, unproven, ejected ── check-failed ──▶ down ── check-passed ──▶ warming
//! up, warming, unproven ── ejected ──▶ ejected ── returned ──▶ unproven
//! ejected, unproven ── answered ──▶ warming
//! warming ── warmed ──▶ up (at once, where there is no slow start)
//! ```

use std::time::{Duration, Instant};

use crate::config;

/// How many times longer than the first an ejection may last.
const LONGEST: u32 = 16;

/// What is known of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It takes its share.
    Up,
    /// Its time out is over, and it has not answered yet.
    Unproven,
    /// It was out, and takes more and more of its share.
    Warming {
        /// When it takes all.
        until: Instant,
    },
    /// Its checks fail.
    Down,
    /// Requests to it failed one after another.
    Ejected {
        /// When it is tried again.
        until: Instant,
    },
}

/// What happens to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A check found it well.
    Passed,
    /// A check did not.
    Failed,
    /// So many requests in turn failed as make it look dead.
    Errors,
    /// A request was answered although it is out or unproven.
    Answered,
    /// Time has passed.
    Tick,
}

/// A way from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// To down.
    CheckFailed,
    /// From down.
    CheckPassed,
    /// To ejected.
    Ejected,
    /// From ejected to unproven, since its time is over.
    Returned,
    /// From ejected or unproven, since it answers.
    Answered,
    /// From warming to up.
    Warmed,
}

/// The machine of one server.
#[derive(Clone, Debug)]
pub struct Machine {
    state: State,
    since: Instant,
    /// Checks in turn with one result.
    passes: u32,
    fails: u32,
    /// Whether it was ever checked: the first result alone decides.
    checked: bool,
    /// Ejections of late; each lasts twice as long as the one before.
    ejections: u32,
}

/// What the machine goes by.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Checks that must pass in turn, and fail in turn.
    pub rise: u32,
    /// As above.
    pub fall: u32,
    /// How long the first ejection lasts.
    pub eject_time: Duration,
    /// How long it takes to its whole share.
    pub slow_start: Duration,
}

impl State {
    /// Every word for a state.
    pub const WORDS: [&'static str; 5] = ["up", "warming", "unproven", "down", "ejected"];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Warming { .. } => "warming",
            Self::Unproven => "unproven",
            Self::Down => "down",
            Self::Ejected { .. } => "ejected",
        }
    }

    /// Whether it is to be asked for its own sake.
    pub const fn is_well(self) -> bool {
        matches!(self, Self::Up | Self::Warming { .. } | Self::Unproven)
    }
}

impl Transition {
    /// Every transition.
    pub const ALL: [Self; 6] = [
        Self::CheckFailed,
        Self::CheckPassed,
        Self::Ejected,
        Self::Returned,
        Self::Answered,
        Self::Warmed,
    ];

    /// The word for it in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CheckFailed => "check-failed",
            Self::CheckPassed => "check-passed",
            Self::Ejected => "ejected",
            Self::Returned => "returned",
            Self::Answered => "answered",
            Self::Warmed => "warmed",
        }
    }
}

impl Terms {
    /// Those of a cluster.
    pub fn of(cluster: &config::Cluster) -> Self {
        let (rise, fall) = cluster.check.as_ref().map_or((1, 1), |check| (check.rise, check.fall));
        Self { rise, fall, eject_time: cluster.eject_time, slow_start: cluster.slow_start }
    }
}

impl Machine {
    /// A server of which nothing is known is up.
    pub fn new(now: Instant) -> Self {
        let (state, since) = (State::Up, now);
        Self { state, since, passes: 0, fails: 0, checked: false, ejections: 0 }
    }

    /// The state that it is in.
    pub fn state(&self) -> State {
        self.state
    }

    /// Since when.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Without checks nothing would ever say that it is up again.
    pub fn forget_checks(&mut self, now: Instant) {
        if self.state == State::Down {
            (self.state, self.since) = (State::Up, now);
        }
        self.checked = false;
    }

    /// What `event` leads to.
    pub fn on(&mut self, event: Event, now: Instant, terms: &Terms) -> Option<Transition> {
        self.count(event);
        let first = matches!(event, Event::Passed | Event::Failed)
            && !std::mem::replace(&mut self.checked, true);
        let well = self.state.is_well();
        let (state, transition) = match (event, self.state) {
            (Event::Failed, from) if from != State::Down && (first || self.fails >= terms.fall) => {
                (State::Down, Transition::CheckFailed)
            }
            (Event::Passed, State::Down) if self.passes >= terms.rise => {
                (warming(now, terms), Transition::CheckPassed)
            }
            (Event::Errors, _) if well => {
                let times = 2u32.saturating_pow(self.ejections).min(LONGEST);
                self.ejections += 1;
                (State::Ejected { until: now + terms.eject_time * times }, Transition::Ejected)
            }
            (Event::Answered, State::Ejected { .. } | State::Unproven) => {
                (warming(now, terms), Transition::Answered)
            }
            (Event::Tick, State::Ejected { until }) if now >= until => {
                (State::Unproven, Transition::Returned)
            }
            (Event::Tick, State::Warming { until }) if now >= until => {
                (State::Up, Transition::Warmed)
            }
            (Event::Tick, State::Up) => {
                if now.saturating_duration_since(self.since) >= terms.eject_time * LONGEST {
                    self.ejections = 0;
                }
                return None;
            }
            _ => return None,
        };
        (self.state, self.since) = (state, now);
        Some(transition)
    }

    fn count(&mut self, event: Event) {
        match event {
            Event::Passed => {
                self.passes = self.passes.saturating_add(1);
                self.fails = 0;
            }
            Event::Failed => {
                self.fails = self.fails.saturating_add(1);
                self.passes = 0;
            }
            Event::Errors | Event::Answered | Event::Tick => {}
        }
    }
}

fn warming(now: Instant, terms: &Terms) -> State {
    if terms.slow_start.is_zero() {
        State::Up
    } else {
        State::Warming { until: now + terms.slow_start }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Clock;

    const TERMS: Terms = Terms {
        rise: 2,
        fall: 3,
        eject_time: Duration::from_secs(10),
        slow_start: Duration::from_secs(30),
    };

    struct Server {
        machine: Machine,
        now: Instant,
    }

    impl Server {
        fn new() -> Self {
            let now = Clock::system().now();
            Self { machine: Machine::new(now), now }
        }

        fn on(&mut self, event: Event) -> Option<Transition> {
            self.machine.on(event, self.now, &TERMS)
        }

        fn after(&mut self, seconds: u64) -> Option<Transition> {
            self.now += Duration::from_secs(seconds);
            self.on(Event::Tick)
        }

        fn each(&mut self, events: &[Event]) -> Vec<Option<Transition>> {
            events.iter().map(|event| self.on(*event)).collect()
        }
    }

    #[test]
    fn checks_must_fail_and_pass_in_turn() {
        use Event::{Failed, Passed};
        let mut server = Server::new();
        let quiet = [Passed, Failed, Failed, Passed, Failed, Failed];
        assert_eq!(server.each(&quiet), [None; 6]);
        assert_eq!(server.on(Failed), Some(Transition::CheckFailed));
        assert_eq!(server.each(&[Failed, Passed, Failed, Passed]), [None; 4]);
        assert_eq!(server.on(Passed), Some(Transition::CheckPassed));
        assert_eq!(server.machine.state().as_str(), "warming");
        assert_eq!(server.after(29), None);
        assert_eq!(server.after(1), Some(Transition::Warmed));
        assert_eq!(server.machine.state(), State::Up);
    }

    #[test]
    fn the_first_check_alone_decides() {
        let mut server = Server::new();
        assert_eq!(server.on(Event::Failed), Some(Transition::CheckFailed));
        assert_eq!(server.on(Event::Passed), None, "it rises as any other");
    }

    #[test]
    fn each_ejection_lasts_longer_until_it_was_well_for_long() {
        let mut server = Server::new();
        for seconds in [10, 20, 40, 80, 160, 160] {
            assert_eq!(server.on(Event::Errors), Some(Transition::Ejected));
            assert_eq!(server.on(Event::Errors), None);
            assert_eq!(server.after(seconds - 1), None);
            assert_eq!(server.after(1), Some(Transition::Returned), "{seconds}");
        }
        assert_eq!(server.after(100), None, "it has not answered yet");
        assert_eq!(server.on(Event::Answered), Some(Transition::Answered));
        assert_eq!(server.after(30), Some(Transition::Warmed));
        assert_eq!(server.after(160), None);
        assert_eq!(server.on(Event::Errors), Some(Transition::Ejected));
        assert_eq!(server.after(10), Some(Transition::Returned));
    }

    #[test]
    fn an_answer_ends_an_ejection_but_no_check_that_fails() {
        let mut server = Server::new();
        server.on(Event::Errors);
        assert_eq!(server.on(Event::Answered), Some(Transition::Answered));
        server.each(&[Event::Passed, Event::Failed, Event::Failed, Event::Failed]);
        assert_eq!(server.machine.state(), State::Down);
        assert_eq!(server.on(Event::Answered), None);
        server.machine.forget_checks(server.now);
        assert_eq!(server.machine.state(), State::Up);
    }

    #[test]
    fn without_a_slow_start_it_is_up_at_once() {
        let (now, terms) = (Clock::system().now(), Terms { slow_start: Duration::ZERO, ..TERMS });
        let mut machine = Machine::new(now);
        machine.on(Event::Errors, now, &terms);
        assert_eq!(machine.on(Event::Answered, now, &terms), Some(Transition::Answered));
        assert_eq!(machine.state(), State::Up);
    }
}
