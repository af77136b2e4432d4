//! Reading the partitions that one broker leads: what each message says is put in force, then the position
//! behind it is noted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::follow::{From, Stream, Task};
use super::link::Link;
use super::positions::Position;
use super::protocol::{self, Api, Broker, End, Fetched, Terms, Wanted};
use super::records::{self, Message, Unreadable};
use super::told::{Became, Gap, Track};
use super::{Trouble, code, event};

/// How a broker is to answer: after half a second even with nothing.
const TERMS: Terms = Terms { wait: 500, bytes: [1 << 20, 8 << 20] };

/// How soon after a question that brought nothing the next one is asked.
const AGAIN: Duration = Duration::from_millis(50);

/// Messages that are put in force before others have their turn on the thread.
const TURN: usize = 256;

/// A partition that is being read.
pub(super) struct Reading {
    task: Task,
    pub(super) at: Position,
    track: Arc<Track>,
}

impl Stream {
    /// Reads the partitions of `tasks`, which `broker` leads, until something fails.
    pub(super) async fn read(self: Arc<Self>, broker: Broker, tasks: Vec<Task>) -> Trouble {
        match self.read_on(&broker, tasks).await {
            Ok(never) => match never {},
            Err(trouble) => trouble,
        }
    }

    async fn read_on(
        &self,
        broker: &Broker,
        tasks: Vec<Task>,
    ) -> Result<std::convert::Infallible, Trouble> {
        let mut link = Link::open(&self.reach, &broker.host, broker.port, &Api::READING).await?;
        let mut readings = Vec::with_capacity(tasks.len());
        for task in tasks {
            readings.push(self.begin(&mut link, task).await?);
        }
        loop {
            let wanted: Vec<Wanted> = readings.iter().map(Reading::wanted).collect();
            let request = protocol::fetch_request(&wanted, TERMS);
            let patience = Duration::from_millis(u64::from(TERMS.wait.unsigned_abs()));
            let asked = self.reach.clock.now();
            let answer = link.ask(Api::FETCH, &request, patience).await?;
            let (error, all) = protocol::fetched(&answer).map_err(|why| link.malformed(why))?;
            if error != 0 {
                return Err(link.trouble(&format_args!("{} ({error})", code::words(error))));
            }
            let nothing = all.iter().all(|fetched| fetched.records.is_empty());
            for fetched in all {
                let reading = readings.iter_mut().find(|reading| {
                    (reading.task.id, reading.task.partition) == (fetched.topic, fetched.partition)
                });
                // What nobody asked for is nobody's.
                let Some(reading) = reading else { continue };
                self.take(&mut link, reading, &fetched, asked).await?;
            }
            // Whose turn is first goes round, so that nobody waits for all others when answers are full.
            readings.rotate_left(1);
            if nothing {
                // A broker waits for something to send; one that does not is not asked all the time.
                self.reach.clock.sleep_until(asked + AGAIN).await;
            }
        }
    }

    /// Finds out from where a partition is read.
    async fn begin(&self, link: &mut Link, task: Task) -> Result<Reading, Trouble> {
        let found = match self.end_of_interest(&task) {
            Some(end) => Some(offset(link, &task, end).await?),
            None => None,
        };
        Ok(self.begin_at(task, found))
    }

    /// Which end of its log must be known before a partition is read; none where its position is.
    pub(super) fn end_of_interest(&self, task: &Task) -> Option<End> {
        match task.from {
            From::Next => Some(End::Next),
            From::Position if self.position_of(task).is_some() => None,
            From::Position | From::Start => Some(End::Start),
        }
    }

    fn position_of(&self, task: &Task) -> Option<Position> {
        let positions = self.positions();
        let known = positions.topics.get(&*task.topic)?;
        known.at.get(&task.partition).copied()
    }

    /// Begins to read a partition, where the end of interest of its log was `found`.
    pub(super) fn begin_at(&self, task: Task, found: Option<i64>) -> Reading {
        let track = self.told().track(&task.topic, task.partition);
        let known = self.position_of(&task);
        let mut reading = Reading { task, at: Position { next: 0, epoch: -1 }, track };
        let place = reading.place();
        match (reading.task.from, known, found) {
            (From::Position, Some(at), None) => reading.at = at,
            (From::Position | From::Start, _, start) => {
                let start = start.unwrap_or_default();
                reading.at.next = start;
                if start > 0 {
                    let place = format_args!("{place}: begins at {start} by now");
                    self.over_gap(Gap::Expired, &place, || self.applied(&reading, 0));
                    return reading;
                }
            }
            (From::Next, _, next) => {
                reading.at.next = next.unwrap_or_default();
                self.over_gap(Gap::First, &place, || self.applied(&reading, 0));
                return reading;
            }
        }
        self.applied(&reading, 0);
        reading
    }

    /// Takes what a broker, who was `asked` then, has sent of a partition.
    async fn take(
        &self,
        link: &mut Link,
        reading: &mut Reading,
        fetched: &Fetched<'_>,
        asked: Instant,
    ) -> Result<(), Trouble> {
        match fetched.code {
            0 => {}
            code::OFFSET_OUT_OF_RANGE => return self.find(link, reading).await,
            other => {
                let (place, words) = (reading.place(), code::words(other));
                return Err(link.trouble(&format_args!("{place}: {words} ({other})")));
            }
        }
        if let Some(end) = fetched.diverged {
            let (next, place) = (reading.at.next, reading.place());
            tracing::warn!(
                "{place}: the log was cut off at {end} and goes on differently; what stood from there to {next} has been applied, and is read again"
            );
            self.told().cut.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            reading.at = Position { next: next.min(end), epoch: -1 };
            self.applied(reading, 0);
        }
        self.told().poll(&reading.track, fetched.high, asked);
        if fetched.diverged.is_none() && !fetched.records.is_empty() {
            let before = reading.at.next;
            self.apply(reading, fetched).await;
            if reading.at.next == before {
                let place = reading.place();
                return Err(link.trouble(&format_args!("{place}: not one whole batch came of it")));
            }
        }
        Ok(())
    }

    /// What is next is not in the log: says why, and goes on where the log can be read.
    async fn find(&self, link: &mut Link, reading: &mut Reading) -> Result<(), Trouble> {
        let start = offset(link, &reading.task, End::Start).await?;
        let next = offset(link, &reading.task, End::Next).await?;
        let (at, place) = (reading.at.next, reading.place());
        match self.skip(reading, start, next) {
            true => Ok(()),
            false => Err(link.trouble(&format_args!("{place}: {at} is in the log after all"))),
        }
    }

    /// Goes on in a log from `start` to `next` that does not hold what comes next; whether that is so.
    pub(super) fn skip(&self, reading: &mut Reading, start: i64, next: i64) -> bool {
        let (at, place) = (reading.at.next, reading.place());
        let (gap, on) = match at {
            _ if at < start => (Gap::Expired, start),
            _ if at > next => (Gap::Beyond, next),
            _ => return false,
        };
        let place = format_args!("{place}: {at} was next, and there is {start} to {next}");
        reading.at = Position { next: on, epoch: -1 };
        self.over_gap(gap, &place, || self.applied(reading, 0));
        true
    }

    pub(super) async fn apply(&self, reading: &mut Reading, fetched: &Fetched<'_>) {
        let mut unreadable = None;
        let mut turn = 0;
        for batch in records::batches(fetched.records) {
            if batch.next <= reading.at.next {
                continue;
            }
            let mut newest = 0;
            match &batch.messages {
                Err(why) => unreadable = Some((batch.first, why.clone())),
                Ok(messages) => {
                    for message in messages.iter() {
                        match message {
                            Ok(message) if message.offset < reading.at.next => {}
                            Ok(message) => {
                                newest = newest.max(message.time);
                                // Told to other nodes before it is in force here.
                                reading.track.begin(message.offset.saturating_add(1));
                                self.heed_one(reading, message);
                            }
                            Err(why) => unreadable = Some((batch.first, why)),
                        }
                        turn += 1;
                        if turn % TURN == 0 {
                            tokio::task::yield_now().await;
                        }
                    }
                }
            }
            let before = reading.at.next;
            reading.at = Position { next: batch.next, epoch: batch.epoch };
            // In force before the position says so. Where such a batch ends is not to be believed either:
            // what goes stale now covers whatever is in the log by now, and nothing that comes later.
            match unreadable.take() {
                None => self.applied(reading, newest),
                Some((at, why)) => {
                    let next = batch.next.min(fetched.high).max(before.saturating_add(1));
                    reading.at = Position { next, epoch: -1 };
                    self.pass_over(reading, (at, &why), newest);
                }
            }
        }
    }

    fn pass_over(&self, reading: &Reading, (at, why): (i64, &Unreadable), newest: i64) {
        let place = reading.place();
        let place = format_args!("{place}, offset {at}: {why}");
        self.over_gap(Gap::Unreadable, &place, || self.applied(reading, newest));
    }

    fn heed_one(&self, reading: &Reading, message: Message<'_>) {
        // Compacted topics mark what is deleted by a message without a value; nothing is to be purged by it.
        let heeded = message.value.map_or(Ok(false), |value| self.heed_value(value));
        let became = match heeded {
            Ok(true) => Became::Taken,
            Ok(false) => Became::Dropped,
            Err(why) => {
                if self.told().may_sample() {
                    let (place, offset) = (reading.place(), message.offset);
                    tracing::warn!(
                        "{place}, offset {offset}: this is no event, and is passed over: {why}"
                    );
                }
                Became::Malformed
            }
        };
        reading.track.note(became);
    }

    fn heed_value(&self, value: &[u8]) -> Result<bool, String> {
        match event::uri(value) {
            Ok(url) => Ok(self.heed.changed(&url)),
            Err(why) => match event::order(value) {
                Some(order) => self.heed.order(order),
                None => Err(why.into_owned()),
            },
        }
    }

    /// Notes that all before the reading's position is in force.
    fn applied(&self, reading: &Reading, newest: i64) {
        let (task, at) = (&reading.task, reading.at);
        let mut positions = self.positions();
        let known = positions.topics.entry(task.topic.to_string()).or_default();
        known.id = Some(task.id);
        known.at.insert(task.partition, at);
        drop(positions);
        reading.track.applied(at.next, newest);
        self.note_change();
    }
}

impl Reading {
    fn wanted(&self) -> Wanted {
        Wanted {
            topic: self.task.id,
            partition: self.task.partition,
            epoch: self.task.epoch,
            offset: self.at.next,
            last_epoch: self.at.epoch,
        }
    }

    /// Which partition it is, in words.
    fn place(&self) -> String {
        format!("topic {}, partition {}", self.task.topic, self.task.partition)
    }
}

/// Where the log of a partition begins or ends.
async fn offset(link: &mut Link, task: &Task, end: End) -> Result<i64, Trouble> {
    let request = protocol::offsets_request(&task.topic, &[task.partition], end);
    let answer = link.ask(Api::LIST_OFFSETS, &request, Duration::ZERO).await?;
    let offsets = protocol::offsets(&answer).map_err(|why| link.malformed(why))?;
    let place = format!("topic {}, partition {}", task.topic, task.partition);
    match offsets.iter().find(|(partition, ..)| *partition == task.partition) {
        Some((_, 0, offset)) if *offset >= 0 => Ok(*offset),
        Some((_, code, _)) => {
            Err(link.trouble(&format_args!("{place}: {} ({code})", code::words(*code))))
        }
        None => Err(link.trouble(&format_args!("{place}: no word of where its log is"))),
    }
}
