//! The purge stream: a log that is trimmed, made anew and moved to another cluster, and each node's reader,
//! which takes its time. A reader asks for pages while it puts a purge in force.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use http::HeaderMap;
use serde_json::Value;
use tidegate::purge::wanted::Wanted;
use tidegate::purge::{Order, Source, What as Ordered};
use tidegate::store::{Mode, Scope};
use tidegate::stream::by_hand::{self, ByHand, Planned};
use tidegate::stream::protocol::{Led, Metadata, Topic};
use tidegate::stream::{Heed, Stream, event, write};

use super::book::{KEYS, Newest, Purge, What, url};

pub const TOPIC: &str = "purges";

/// A log, as long as it is there.
#[derive(Debug)]
pub struct Log {
    pub cluster: usize,
    pub id: u128,
    start: usize,
    events: Vec<Purge>,
}

/// What a reader puts in force, as it does it.
#[derive(Debug)]
pub struct Reading {
    pub newest: Mutex<Newest>,
    /// What comes next.
    coming: Mutex<VecDeque<Purge>>,
    gaps: AtomicU64,
    random: Mutex<Rng>,
}

/// How the stream is heeded.
#[derive(Debug)]
pub struct Heeding {
    pub source: Source,
    pub reading: Arc<Reading>,
    pub amid: Amid,
}

/// Has a page asked for at once.
pub struct Amid(pub Box<dyn Fn(usize, Newest) + Send + Sync>);

impl std::fmt::Debug for Amid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Amid")
    }
}

/// Where a node stands in the stream.
pub struct Reader {
    stream: Arc<Stream>,
    reading: Arc<Reading>,
    /// The number of the log, and what of it comes next.
    known: (usize, i64),
    stage: Stage,
}

enum Stage {
    New,
    Planned(Planned),
    Reads(ByHand),
}

impl Log {
    pub fn new(id: u128, cluster: usize) -> Self {
        Self { cluster, id, start: 0, events: Vec::new() }
    }

    pub fn append(&mut self, purge: Purge) {
        self.events.push(purge);
    }

    /// Forgets some of the oldest.
    pub fn trim(&mut self, count: usize) {
        self.start = (self.start + count).min(self.events.len());
    }

    fn metadata(&self) -> Metadata {
        let partitions = vec![Led { index: 0, leader: 0, epoch: 0 }];
        let name = TOPIC.to_owned();
        let topic = Topic { code: 0, name, id: self.id.to_be_bytes(), partitions };
        Metadata { cluster: format!("c{}", self.cluster), brokers: Vec::new(), topics: vec![topic] }
    }

    fn ends(&self) -> by_hand::Log {
        let offset = |at: usize| i64::try_from(at).unwrap();
        by_hand::Log { start: offset(self.start), next: offset(self.events.len()) }
    }
}

/// How far a node says that it has read: the number of the log, and the offset of what comes next.
pub fn told(logs: &[Log], headers: &HeaderMap) -> (usize, i64) {
    let Some(told) = headers.get("tidegate-positions") else { return (0, -1) };
    let (place, next) = told.to_str().unwrap().rsplit_once('=').unwrap();
    let is_it = |log: &Log| place == format!("c{}/{TOPIC}/{:032x}/0", log.cluster, log.id);
    // What was read at another cluster is more than anybody knows.
    logs.iter().position(is_it).map_or((logs.len(), 0), |log| (log, next.parse().unwrap()))
}

impl Reading {
    pub fn new(random: Rng) -> Arc<Self> {
        let (newest, coming) = (Mutex::default(), Mutex::default());
        let (gaps, random) = (AtomicU64::new(0), Mutex::new(random));
        Arc::new(Self { newest, coming, gaps, random })
    }

    pub fn newest(&self) -> Newest {
        *self.newest.lock().unwrap()
    }
}

impl Heeding {
    /// Somebody asks for a page just now.
    fn amid(&self) {
        let key = {
            let mut random = self.reading.random.lock().unwrap();
            (random.u8(..4) == 0).then(|| random.usize(..KEYS))
        };
        if let Some(key) = key {
            (self.amid.0)(key, self.reading.newest());
        }
    }

    fn put_in_force(&self, purge: impl FnOnce() -> bool) -> bool {
        self.amid();
        let done = purge();
        if let Some(coming) = self.reading.coming.lock().unwrap().pop_front() {
            self.reading.newest.lock().unwrap().note(coming);
        }
        self.amid();
        done
    }
}

impl Heed for Heeding {
    fn changed(&self, url: &str) -> bool {
        self.put_in_force(|| self.source.take_url(url, None).is_ok())
    }

    fn order(&self, order: Value) -> Result<bool, String> {
        let wanted = Wanted::of(order).map_err(|why| why.to_string())?;
        Ok(self.put_in_force(|| self.source.take_wanted(&wanted).is_ok()))
    }

    fn late(&self) -> usize {
        0
    }

    fn everything(&self) {
        self.amid();
        self.source.take(Order::new(Ordered::All(Scope::Everything), Some(Mode::Soft)));
        self.reading.gaps.fetch_add(1, Relaxed);
        self.amid();
    }
}

impl Reader {
    pub fn new(stream: Arc<Stream>, reading: Arc<Reading>) -> Self {
        Self { stream, reading, known: (0, -1), stage: Stage::New }
    }

    /// How far it has come: the number of the log, and the offset in it of what comes next.
    pub fn known(&self) -> (usize, i64) {
        self.known
    }

    /// Begins again with what the cluster says, as after a trouble.
    pub fn again(&mut self, logs: &[Log]) {
        let gaps = self.reading.gaps.load(Relaxed);
        let log = logs.last().unwrap();
        let mut planned = by_hand::plan(&self.stream, &log.metadata()).unwrap();
        let before = &logs[self.known.0];
        // At another cluster there is no position before the log is read.
        if before.cluster == log.cluster {
            self.note_gap(gaps, logs, 0);
        }
        if self.known.0 + 1 != logs.len() {
            self.known = (logs.len() - 1, 0);
        }
        self.stage = Stage::Planned(planned.remove(0));
    }

    /// Reads on in the newest log, at most `most` messages.
    pub fn read(&mut self, logs: &[Log], most: usize) -> Option<Vec<Purge>> {
        let log = logs.last().unwrap();
        if self.known.0 + 1 != logs.len() {
            self.again(logs);
            return None;
        }
        let gaps = self.reading.gaps.load(Relaxed);
        match std::mem::replace(&mut self.stage, Stage::New) {
            Stage::New => self.again(logs),
            Stage::Planned(planned) => {
                let by_hand = ByHand::begin(&self.stream, planned, log.ends());
                self.note_gap(gaps, logs, by_hand.next());
                self.known.1 = by_hand.next();
                self.stage = Stage::Reads(by_hand);
            }
            Stage::Reads(mut by_hand) => {
                if by_hand.skip(log.ends()) {
                    self.note_gap(gaps, logs, by_hand.next());
                    self.known.1 = by_hand.next();
                    self.stage = Stage::Reads(by_hand);
                } else {
                    let from = usize::try_from(by_hand.next()).unwrap();
                    let to = log.events.len().min(from + most);
                    self.stage = Stage::Reads(by_hand);
                    return Some(log.events[from..to].to_vec());
                }
            }
        }
        None
    }

    /// Puts `purges` in force, which come next.
    pub async fn apply(&mut self, purges: &[Purge], end: usize) {
        let Stage::Reads(by_hand) = &mut self.stage else { return };
        let text = |purge: &Purge| match *purge {
            Purge { what: What::Key(key), mode: Mode::Hard, .. } => event::changed(&url(key)),
            other => event::ordered(&other.order()),
        };
        let texts: Vec<String> = purges.iter().map(text).collect();
        let values: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        let batch = write::batch(by_hand.next(), 0, 1, &values);
        *self.reading.coming.lock().unwrap() = purges.to_vec().into();
        by_hand.apply(&batch, i64::try_from(end).unwrap()).await;
        self.known.1 = by_hand.next();
        assert!(self.reading.coming.lock().unwrap().is_empty(), "a message is passed over");
    }

    /// Where everything turned stale, what stood in logs before `next` of the newest is in force: softly,
    /// since nobody knows what it was.
    fn note_gap(&self, before: u64, logs: &[Log], next: i64) {
        if self.reading.gaps.load(Relaxed) == before {
            return;
        }
        let (last, lost) = logs.split_last().unwrap();
        let read = &last.events[..usize::try_from(next).unwrap()];
        let mut newest = self.reading.newest.lock().unwrap();
        for purge in lost.iter().flat_map(|log| &log.events).chain(read) {
            newest.note(Purge { mode: Mode::Soft, ..*purge });
        }
    }
}

impl Log {
    pub fn len(&self) -> usize {
        self.events.len()
    }
}
