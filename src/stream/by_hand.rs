//! A stream that is read without brokers, for a model: what a cluster says of its topics, where logs begin and
//! end, and their batches are handed in, and all that follows from them is as it is with brokers. Only with
//! the feature `mutants`.

use std::sync::Arc;

use super::follow::Task;
use super::protocol::{End, Fetched, Metadata};
use super::read::Reading;
use super::{Stream, Trouble};

/// A log, by where it begins and where its next message will stand.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// The offset of the oldest message that is there.
    pub start: i64,
    /// The offset of the next one.
    pub next: i64,
}

/// A partition that is about to be read.
#[derive(Debug)]
pub struct Planned(Task);

/// A partition that is read.
pub struct ByHand {
    stream: Arc<Stream>,
    reading: Reading,
}

/// Takes in what the cluster says of its topics.
///
/// # Errors
/// As where a broker says so.
pub fn plan(stream: &Stream, metadata: &Metadata) -> Result<Vec<Planned>, Trouble> {
    Ok(stream.plan(metadata)?.into_iter().map(Planned).collect())
}

impl ByHand {
    /// Begins to read what was planned of `log`.
    pub fn begin(stream: &Arc<Stream>, Planned(task): Planned, log: Log) -> Self {
        let found = stream.end_of_interest(&task).map(|end| match end {
            End::Start => log.start,
            End::Next => log.next,
        });
        Self { stream: Arc::clone(stream), reading: stream.begin_at(task, found) }
    }

    /// The offset that is read next.
    pub fn next(&self) -> i64 {
        self.reading.at.next
    }

    /// Goes on where `log` can be read, where it does not hold what comes next; whether that is so.
    pub fn skip(&mut self, log: Log) -> bool {
        self.stream.skip(&mut self.reading, log.start, log.next)
    }

    /// Puts in force what `records` say that come next; `high` is where the log ends.
    pub async fn apply(&mut self, records: &[u8], high: i64) {
        let (topic, start) = ([0; 16], 0);
        let fetched =
            Fetched { topic, partition: 0, code: 0, high, start, diverged: None, records };
        self.stream.apply(&mut self.reading, &fetched).await;
    }
}
