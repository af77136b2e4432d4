//! Time as a value.
//!
//! Every wait and every look at a clock goes through [`Clock`], HTTP/2's timers included, so that a
//! test can hold time in its hand: a clock made by [`Clock::by_hand`] stands still until
//! [`Clock::advance`] moves it, and then wakes exactly the sleepers that are due. tokio's paused
//! clock is not used, because it runs ahead while sockets wait.
//!
//! This is the only file that may name the operating system's clocks (clippy.toml bans them
//! elsewhere).

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

/// A source of time and of waiting; cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Hand(Arc<Hand>),
}

/// A clock that only a test moves.
#[derive(Debug)]
struct Hand {
    started: Instant,
    wall: SystemTime,
    state: Mutex<HandState>,
}

#[derive(Debug, Default)]
struct HandState {
    passed: Duration,
    wall_shift: i64,
    next_id: u64,
    /// Sleepers by deadline; the id keeps equal deadlines apart.
    sleepers: BTreeMap<(Instant, u64), Waker>,
}

impl Hand {
    fn state(&self) -> MutexGuard<'_, HandState> {
        // The state is consistent between statements; a panicking test must not hide its cause.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock {
    /// The operating system's clocks.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `wall` until [`advance`](Self::advance) moves it.
    #[allow(clippy::disallowed_methods, reason = "an Instant cannot be made otherwise")]
    pub fn by_hand(wall: SystemTime) -> Self {
        let started = Instant::now();
        Self(Source::Hand(Arc::new(Hand { started, wall, state: Mutex::default() })))
    }

    /// The monotonic time: for ages, deadlines and everything that must not jump.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that may ask")]
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System => Instant::now(),
            Source::Hand(hand) => hand.started + hand.state().passed,
        }
    }

    /// The calendar time: for `Date`, logs and certificates. It may jump.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that may ask")]
    pub fn wall(&self) -> SystemTime {
        match &self.0 {
            Source::System => SystemTime::now(),
            Source::Hand(hand) => {
                let state = hand.state();
                let shifted = hand.wall + state.passed;
                let by = Duration::from_secs(state.wall_shift.unsigned_abs());
                if state.wall_shift < 0 { shifted - by } else { shifted + by }
            }
        }
    }

    /// Moves a clock made by hand forward and wakes whoever is due.
    ///
    /// # Panics
    /// On the system's clock, which nobody moves.
    pub fn advance(&self, by: Duration) {
        let Source::Hand(hand) = &self.0 else { panic!("only a clock by hand can be moved") };
        let due: Vec<Waker> = {
            let mut state = hand.state();
            state.passed += by;
            let now = hand.started + state.passed;
            let later = state.sleepers.split_off(&(now, u64::MAX));
            std::mem::replace(&mut state.sleepers, later).into_values().collect()
        };
        due.into_iter().for_each(Waker::wake);
    }

    /// Makes the calendar of a clock made by hand jump by `seconds` without time passing.
    ///
    /// # Panics
    /// On the system's clock.
    pub fn jump_wall(&self, seconds: i64) {
        let Source::Hand(hand) = &self.0 else { panic!("only a clock by hand can be moved") };
        hand.state().wall_shift += seconds;
    }

    /// Whether a sleeper waits for a moment at or before `deadline`: what a test asks before it
    /// moves the clock. Always false on the system's clock.
    pub fn has_sleeper_until(&self, deadline: Instant) -> bool {
        match &self.0 {
            Source::System => false,
            Source::Hand(hand) => {
                hand.state().sleepers.range(..=(deadline, u64::MAX)).next().is_some()
            }
        }
    }

    /// Waits for `duration`.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// Waits until `deadline`.
    #[allow(clippy::disallowed_methods, reason = "this is the one place that may wait")]
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep(match &self.0 {
            Source::System => Waiting::System(Box::pin(tokio::time::sleep_until(deadline.into()))),
            Source::Hand(hand) => {
                let mut state = hand.state();
                state.next_id += 1;
                Waiting::Hand { hand: Arc::clone(hand), key: (deadline, state.next_id) }
            }
        })
    }

    /// Runs `future` for at most `limit`.
    ///
    /// # Errors
    /// [`Elapsed`] when the limit passes first; the future is dropped.
    pub async fn within<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        let mut future = std::pin::pin!(future);
        let mut sleep = self.sleep(limit);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            Pin::new(&mut sleep).poll(cx).map(|()| Err(Elapsed))
        })
        .await
    }
}

/// A limit passed before its future was ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

/// A wait for a moment; done when polled at or after it.
#[derive(Debug)]
pub struct Sleep(Waiting);

#[derive(Debug)]
enum Waiting {
    System(Pin<Box<tokio::time::Sleep>>),
    Hand { hand: Arc<Hand>, key: (Instant, u64) },
}

impl Sleep {
    /// Waits for another moment instead, without giving the timer back.
    pub fn reset(&mut self, deadline: Instant) {
        match &mut self.0 {
            Waiting::System(sleep) => sleep.as_mut().reset(deadline.into()),
            Waiting::Hand { hand, key } => {
                let mut state = hand.state();
                if let Some(waker) = state.sleepers.remove(key) {
                    state.sleepers.insert((deadline, key.1), waker);
                }
                key.0 = deadline;
            }
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Waiting::System(sleep) => sleep.as_mut().poll(cx),
            Waiting::Hand { hand, key } => {
                let mut state = hand.state();
                if hand.started + state.passed >= key.0 {
                    state.sleepers.remove(key);
                    return Poll::Ready(());
                }
                state.sleepers.insert(*key, cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Waiting::Hand { hand, key } = &self.0 {
            hand.state().sleepers.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll_once(sleep: &mut Sleep) -> Poll<()> {
        Pin::new(sleep).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_clock_by_hand_stands_still_until_it_is_moved() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let start = clock.now();
        let mut sleep = clock.sleep(Duration::from_secs(5));
        assert_eq!(poll_once(&mut sleep), Poll::Pending);
        clock.advance(Duration::from_secs(4));
        assert_eq!(poll_once(&mut sleep), Poll::Pending);
        assert!(clock.has_sleeper_until(start + Duration::from_secs(5)));
        clock.advance(Duration::from_secs(1));
        assert_eq!(poll_once(&mut sleep), Poll::Ready(()));
        assert_eq!(clock.now() - start, Duration::from_secs(5));
        assert_eq!(clock.wall(), SystemTime::UNIX_EPOCH + Duration::from_secs(5));
    }

    #[test]
    fn a_dropped_sleeper_is_forgotten() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let mut sleep = clock.sleep(Duration::from_secs(1));
        assert_eq!(poll_once(&mut sleep), Poll::Pending);
        drop(sleep);
        assert!(!clock.has_sleeper_until(clock.now() + Duration::from_secs(9)));
    }

    #[test]
    fn the_calendar_may_jump_while_no_time_passes() {
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH + Duration::from_secs(7200));
        let before = clock.now();
        clock.jump_wall(-3600);
        assert_eq!(clock.now(), before);
        assert_eq!(clock.wall(), SystemTime::UNIX_EPOCH + Duration::from_secs(3600));
    }
}
