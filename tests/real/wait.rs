//! Waiting, always for a condition and with a deadline, and the order of the tests.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate::base::Clock;

/// For what a healthy machine does in a moment.
pub const SOON: Duration = Duration::from_secs(20);

/// Waits until `condition` holds, at most for `limit`.
#[track_caller]
pub fn until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let clock = Clock::system();
    let end = clock.now() + limit;
    while !condition() {
        assert!(clock.now() < end, "waited for {limit:?} in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Waits for `what`, at most for `limit`.
pub async fn within<F: Future>(what: &str, limit: Duration, future: F) -> F::Output {
    let output = Clock::system().within(limit, future).await;
    output.unwrap_or_else(|_| panic!("waited for {limit:?} in vain until {what}"))
}

/// The machine for one test alone: each of them measures and loads it.
pub fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number that the environment may set.
pub fn setting(name: &str, otherwise: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return otherwise };
    text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number"))
}

/// A runtime on the calling thread.
pub fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime can be made")
}
