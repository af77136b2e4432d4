//! The signal that something ends gracefully: whoever sees it takes nothing new, finishes what is
//! in flight and leaves. It is given once and never taken back. Who waits for the leavers, and for
//! how long, is the giver's business.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// A signal to finish; cheap to clone, every clone is the same signal.
#[derive(Clone, Debug, Default)]
pub struct Drain(Arc<Signal>);

#[derive(Debug, Default)]
struct Signal {
    begun: AtomicBool,
    waiting: Notify,
}

impl Drain {
    /// A signal that has not been given.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal.
    pub fn begin(&self) {
        self.0.begun.store(true, Ordering::Release);
        self.0.waiting.notify_waiters();
    }

    /// Whether it was given.
    pub fn is_draining(&self) -> bool {
        self.0.begun.load(Ordering::Acquire)
    }

    /// Waits until it is given.
    pub async fn wait(&self) {
        // The wake-up is registered before the look, so a signal given in between is not lost.
        let given = self.0.waiting.notified();
        if !self.is_draining() {
            given.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn everyone_who_waits_or_comes_later_sees_the_signal() {
        let drain = Drain::new();
        let cx = &mut Context::from_waker(Waker::noop());
        let mut early = pin!(drain.wait());
        assert_eq!(early.as_mut().poll(cx), Poll::Pending);
        assert!(!drain.is_draining());
        drain.clone().begin();
        assert_eq!(early.as_mut().poll(cx), Poll::Ready(()));
        assert_eq!(pin!(drain.wait()).poll(cx), Poll::Ready(()));
        assert!(drain.is_draining());
    }
}
