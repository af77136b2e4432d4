//! Following topics: who leads which partition, from where each is read, and beginning again after a
//! trouble. Reading one leader's partitions is [`super::read`]'s.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use super::codec::TopicId;
use super::link::Reach;
use super::positions::{self, Known, Positions};
use super::protocol::{Api, Metadata, Topic};
use super::told::{Gap, Told};
use super::{Heed, Trouble, cluster, code};
use crate::base::Clock;
use crate::config;
use crate::net::resolver::Resolver;

/// How often brokers are asked who leads what, and how often while that is not known of all partitions.
const REFRESH: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(1)];

/// How long after a trouble reading begins again: the first time, and at most.
const PAUSE: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];

/// How often positions are written to disk.
const SAVE: Duration = Duration::from_secs(1);

/// Partitions that are read, of all topics together.
const MOST_PARTITIONS: usize = 4096;

/// A stream that is read.
#[derive(Debug)]
pub struct Stream {
    pub(super) config: config::Stream,
    pub(super) reach: Reach,
    pub(super) heed: Box<dyn Heed>,
    told: Told,
    positions: Mutex<Positions>,
    changed: AtomicBool,
    /// Whether it has been read at another cluster than where it is read now.
    pub(super) moved: AtomicBool,
}

/// A partition to be read, and from where.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) topic: Arc<str>,
    pub(super) id: TopicId,
    pub(super) partition: i32,
    /// The epoch of its leader.
    pub(super) epoch: i32,
    pub(super) from: From,
}

/// From where a partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// From its position.
    Position,
    /// From the oldest message.
    Start,
    /// From the next message, after everything turned stale.
    Next,
}

impl Stream {
    /// The stream that `config` describes, handing what it reads to `heed`.
    ///
    /// # Errors
    /// A sentence about its TLS settings.
    pub fn new(
        config: config::Stream,
        clock: &Clock,
        resolver: Resolver,
        heed: Box<dyn Heed>,
    ) -> Result<Self, String> {
        let reach = Reach::new(&config, clock, resolver)?;
        let positions = config.positions.as_deref().map_or_else(Positions::default, at_start);
        let told = Told::new(clock.clone());
        let (positions, changed) = (Mutex::new(positions), AtomicBool::new(false));
        let moved = AtomicBool::new(false);
        Ok(Self { config, reach, heed, told, positions, changed, moved })
    }

    /// What it tells of itself.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// How far it is applied.
    pub fn positions(&self) -> MutexGuard<'_, Positions> {
        // Each change of them is one statement.
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on from where `before`, another stream of the same brokers, has come to.
    pub fn inherit(&self, before: &Self) {
        let positions = before.positions().clone();
        *self.positions() = positions;
        self.told.inherit(&before.told);
        self.moved.store(before.moved.load(Relaxed), Relaxed);
        self.note_change();
    }

    /// Reads for ever.
    pub async fn run(self: Arc<Self>) {
        let mut said = None;
        let [first, longest] = PAUSE;
        let mut pause = first;
        loop {
            let begun = self.reach.clock.now();
            match self.read_until_trouble(&mut said).await {
                Ok(()) => pause = first,
                Err(trouble) => {
                    self.told.troubles.fetch_add(1, Relaxed);
                    if said.as_ref() != Some(&trouble) {
                        tracing::warn!(%trouble, "the purge stream is not read; it is tried again, and nothing of it is lost");
                        said = Some(trouble);
                    }
                    if self.reach.clock.now() - begun > longest {
                        pause = first;
                    }
                }
            }
            self.reach.clock.sleep(pause.mul_f64(1.0 + fastrand::f64() / 4.0)).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// Reads until something fails, or brokers and topics are others than they were.
    async fn read_until_trouble(
        self: &Arc<Self>,
        said: &mut Option<Trouble>,
    ) -> Result<(), Trouble> {
        let (brokers, topics) = (&self.config.brokers, &self.config.topics);
        let found = cluster::bootstrap(&self.reach, brokers, topics, &Api::READING).await?;
        let (mut link, metadata) = found;
        let tasks = self.plan(&metadata)?;
        let mut leaders: BTreeMap<i32, Vec<Task>> = BTreeMap::new();
        let mut whole = metadata.topics.iter().all(|topic| topic.code == 0);
        for (leader, task) in tasks.iter().filter_map(|task| Some((leader(&metadata, task)?, task)))
        {
            leaders.entry(leader).or_default().push(task.clone());
        }
        whole &= leaders.values().map(Vec::len).sum::<usize>() == tasks.len();
        let mut readers = JoinSet::new();
        for (id, tasks) in leaders {
            let broker = metadata.brokers.iter().find(|broker| broker.id == id);
            let broker =
                broker.ok_or_else(|| Trouble(format!("nobody knows where broker {id} is")))?;
            readers.spawn(Arc::clone(self).read(broker.clone(), tasks));
        }
        let [usual, soon] = REFRESH;
        loop {
            let refresh = self.reach.clock.sleep(if whole { usual } else { soon });
            tokio::select! {
                Some(ended) = readers.join_next() => {
                    return match ended {
                        Ok(trouble) => Err(trouble),
                        Err(ended) => Err(Trouble(format!("reading a partition: {ended}"))),
                    };
                }
                () = refresh => {}
            }
            if said.take().is_some() {
                tracing::info!("the purge stream is read again");
            }
            if cluster::ask(&mut link, topics).await? != metadata {
                return Ok(());
            }
        }
    }

    /// From where each partition is read, now that the cluster has told what there is.
    pub(super) fn plan(&self, metadata: &Metadata) -> Result<Vec<Task>, Trouble> {
        self.meet_cluster(&metadata.cluster);
        let mut tasks = Vec::new();
        for topic in &metadata.topics {
            match topic.code {
                0 => self.meet(topic, &mut tasks),
                code::UNKNOWN_TOPIC => self.miss(&topic.name),
                other => {
                    let words = code::words(other);
                    return Err(Trouble(format!("topic {}: {words} ({other})", topic.name)));
                }
            }
        }
        if tasks.len() > MOST_PARTITIONS {
            let count = tasks.len();
            return Err(Trouble(format!("{count} partitions are more than {MOST_PARTITIONS}")));
        }
        // Nobody may lead one: it is behind all the same.
        for task in &tasks {
            self.told.track(&task.topic, task.partition);
        }
        self.told.keep(|topic, partition| {
            tasks.iter().any(|task| (&*task.topic, task.partition) == (topic, partition))
        });
        Ok(tasks)
    }

    fn meet_cluster(&self, cluster: &str) {
        let theirs = self.positions().cluster.clone();
        if theirs == cluster {
            return;
        }
        if !theirs.is_empty() {
            self.gap(Gap::Foreign, &format_args!("cluster {theirs} before, {cluster} now"));
            self.moved.store(true, Relaxed);
            *self.positions() = Positions::default();
        }
        cluster.clone_into(&mut self.positions().cluster);
        self.note_change();
    }

    fn meet(&self, topic: &Topic, tasks: &mut Vec<Task>) {
        let known = self.positions().topics.get(&topic.name).cloned();
        if known.as_ref().is_some_and(|known| known.id.is_some_and(|id| id != topic.id)) {
            self.over_gap(Gap::Recreated, &format_args!("topic {}", topic.name), || {
                self.told.anew(&topic.name);
                let anew = Known { id: Some(topic.id), at: BTreeMap::new() };
                self.positions().topics.insert(topic.name.clone(), anew);
                self.note_change();
            });
        }
        let name: Arc<str> = topic.name.as_str().into();
        for led in &topic.partitions {
            let placed = self.positions();
            let placed = placed.topics.get(&topic.name);
            let from = match placed {
                None => From::Next,
                Some(known) if known.at.contains_key(&led.index) => From::Position,
                // Of a topic that is known, or known not to have been there, nothing was ever asked before.
                Some(_) => From::Start,
            };
            tasks.push(Task {
                topic: Arc::clone(&name),
                id: topic.id,
                partition: led.index,
                epoch: led.epoch,
                from,
            });
        }
    }

    /// A topic that is not there will be read from its beginning once it is.
    fn miss(&self, name: &str) {
        let mut positions = self.positions();
        if !positions.topics.contains_key(name) {
            tracing::warn!(
                topic = name,
                "a topic of the purge stream is not there; it is read once it is"
            );
            positions.topics.insert(name.to_owned(), Known::default());
        }
    }

    /// Turns everything stale, since not all purges between then and now may be known. The offset from which
    /// reading goes on was learnt before, so that what is stored meanwhile is purged by what is read.
    pub(super) fn gap(&self, gap: Gap, place: &dyn std::fmt::Display) {
        self.heed.everything();
        self.told.gap(gap);
        if gap == Gap::First {
            tracing::info!("the purge stream begins: {place}: {}", gap.words());
        } else {
            tracing::warn!(
                "a gap in the purge stream: {place}: {}; everything stored is stale now",
                gap.words()
            );
        }
    }

    /// Turns everything stale before what is behind the gap is noted, and once more after that: until then
    /// nodes that are fetched through were asked by what was known before, and may not know of the gap.
    pub(super) fn over_gap(&self, gap: Gap, place: &dyn std::fmt::Display, note: impl FnOnce()) {
        self.gap(gap, place);
        note();
        self.heed.everything();
    }

    /// What is to be saved has changed.
    pub(super) fn note_change(&self) {
        self.changed.store(true, Relaxed);
    }

    /// Keeps positions on disk, for ever. What cannot be written is tried again; after a crash more is
    /// read again then.
    pub async fn keep(self: Arc<Self>) {
        let mut fails = false;
        while self.config.positions.is_some() {
            self.reach.clock.sleep(SAVE).await;
            let stream = Arc::clone(&self);
            let saved = tokio::task::spawn_blocking(move || stream.save()).await;
            let failed = match saved {
                Ok(Ok(())) => None,
                Ok(Err(why)) => Some(why),
                Err(ended) => Some(ended.to_string()),
            };
            match &failed {
                Some(why) if !fails => tracing::error!(
                    "positions in the purge stream are not saved: {why}; a restart repeats purges since the last that were"
                ),
                None if fails => tracing::info!("positions in the purge stream are saved again"),
                _ => {}
            }
            fails = failed.is_some();
        }
    }

    /// Writes the positions to disk, where they have changed since.
    ///
    /// # Errors
    /// A sentence about the file.
    pub fn save(&self) -> Result<(), String> {
        let Some(path) = &self.config.positions else { return Ok(()) };
        if !self.changed.swap(false, Relaxed) {
            return Ok(());
        }
        let positions = self.positions().clone();
        let written = positions::write(path, &positions);
        self.told.saves[usize::from(written.is_err())].fetch_add(1, Relaxed);
        written.map_err(|error| {
            self.note_change();
            format!("{}: {error}", path.display())
        })
    }
}

/// The number of the broker that leads a partition.
fn leader(metadata: &Metadata, task: &Task) -> Option<i32> {
    let topic = metadata.topics.iter().find(|topic| topic.name == *task.topic)?;
    let led = topic.partitions.iter().find(|led| led.index == task.partition)?;
    (led.leader >= 0).then_some(led.leader)
}

/// The positions in the file at `path`; none where it cannot be read, which is told.
fn at_start(path: &Path) -> Positions {
    match positions::read(path) {
        Ok(positions) => positions.unwrap_or_default(),
        Err(why) => {
            tracing::error!("positions in the purge stream: {why}");
            Positions::default()
        }
    }
}
