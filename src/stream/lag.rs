//! What becomes of readers while the stream is further behind than `max_lag`. By default they are served:
//! lag is late purges, and asking the origin for every page is an outage. A site may ask for its pages to be
//! stale instead. It is made so by a purge that is repeated while the stream stays behind, so that nothing
//! costs a hit more, and no page is served as fresh for more than `max_lag` and a second after it was right.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::Stream;

/// How often it is looked how far behind the stream is.
const LOOK: Duration = Duration::from_secs(1);

impl Stream {
    /// Makes stale what may not be served while the stream is too far behind, for ever.
    pub async fn watch(self: Arc<Self>) {
        let mut last = None;
        loop {
            self.reach.clock.sleep(LOOK).await;
            last = self.look(last);
        }
    }

    /// Looks once; when sites turned stale last, or nothing where the stream is not too far behind.
    fn look(&self, last: Option<Instant>) -> Option<Instant> {
        let (now, most) = (self.reach.clock.now(), self.config.max_lag);
        if self.told().most_behind() <= most {
            if last.is_some() {
                tracing::info!("the purge stream is no more than {most:?} behind");
            }
            return None;
        }
        if last.is_some_and(|last| now - last < most) {
            return last;
        }
        let sites = self.heed.late();
        if sites > 0 {
            self.told().late.fetch_add(1, Relaxed);
        }
        if last.is_none() {
            tracing::warn!(
                "the purge stream is more than {most:?} behind; {sites} sites with `on_lag = \"stale\"` are stale"
            );
        }
        Some(now)
    }
}
