//! Writing into the purge stream, so that one order reaches every node that reads it.

use std::time::Duration;

use super::link::{Link, Reach};
use super::protocol::{self, Api, Metadata, Topic};
use super::{Trouble, cluster, code, write};
use crate::base::Clock;
use crate::config;
use crate::net::resolver::Resolver;

/// How often a batch is sent before that is given up, and the pause between: longer than a leader's election.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_secs(1);

/// Bytes of a batch: brokers take a mebibyte unless they are told otherwise.
const BATCH: usize = 512 << 10;

/// Someone who writes into one topic.
#[derive(Debug)]
pub struct Publisher {
    config: config::Stream,
    topic: String,
    reach: Reach,
    leader: Option<Leader>,
}

/// The leader of a partition.
#[derive(Debug)]
struct Leader {
    link: Link,
    partition: i32,
}

/// How far a partition must be applied for what was written to be in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The partition.
    pub partition: i32,
    /// The offset behind the last message.
    pub next: i64,
}

impl Publisher {
    /// Someone who writes into the first topic of `config`.
    ///
    /// # Errors
    /// A sentence about its topics or its TLS settings.
    pub fn new(config: config::Stream, clock: &Clock, resolver: Resolver) -> Result<Self, String> {
        let topic = config.topics.first().cloned().ok_or("there is no topic")?;
        let reach = Reach::new(&config, clock, resolver)?;
        Ok(Self { config, topic, reach, leader: None })
    }

    /// The topic that is written into.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Writes `messages`, which are safe when this returns. Where that had to be tried again some may stand
    /// there twice, which purges twice.
    ///
    /// # Errors
    /// The cluster could not be written to for some time; what came before may have been.
    pub async fn publish(&mut self, messages: &[String]) -> Result<Vec<Written>, Trouble> {
        let mut written = Vec::new();
        let mut rest = messages;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = rest.iter().take_while(|message| {
                bytes += message.len();
                bytes <= BATCH
            });
            let (batch, later) = rest.split_at(fits.count().max(1));
            written.push(self.write(batch).await?);
            rest = later;
        }
        Ok(written)
    }

    async fn write(&mut self, messages: &[String]) -> Result<Written, Trouble> {
        let values: Vec<&[u8]> = messages.iter().map(String::as_bytes).collect();
        let now = self.reach.clock.wall().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let time = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let batch = write::batch(0, -1, time, &values);
        let mut tried = 0;
        loop {
            let trouble = match self.write_once(&batch).await {
                Ok((partition, first)) => {
                    let next = first.saturating_add(values.len() as i64);
                    return Ok(Written { partition, next });
                }
                Err(trouble) => trouble,
            };
            // Whoever leads it now is found anew.
            self.leader = None;
            tried += 1;
            if tried == TRIES {
                return Err(trouble);
            }
            self.reach.clock.sleep(PAUSE).await;
        }
    }

    async fn write_once(&mut self, batch: &[u8]) -> Result<(i32, i64), Trouble> {
        let mut leader = match self.leader.take() {
            Some(leader) => leader,
            None => self.find().await?,
        };
        let request = protocol::produce_request(&self.topic, leader.partition, batch);
        let answer = leader.link.ask(Api::PRODUCE, &request, Duration::ZERO).await?;
        let (error, first) =
            protocol::produced(&answer).map_err(|why| leader.link.malformed(why))?;
        if error != 0 {
            let (topic, words) = (&self.topic, code::words(error));
            return Err(leader.link.trouble(&format_args!("topic {topic}: {words} ({error})")));
        }
        let partition = leader.partition;
        self.leader = Some(leader);
        Ok((partition, first))
    }

    /// The leader of any partition: which one a purge stands in makes no difference.
    async fn find(&self) -> Result<Leader, Trouble> {
        let (brokers, topics) = (&self.config.brokers, std::slice::from_ref(&self.topic));
        let found = cluster::bootstrap(&self.reach, brokers, topics, &Api::WRITING).await?;
        let (_, Metadata { brokers, topics, .. }) = found;
        let trouble = |what: &str| Trouble(format!("topic {}: {what}", self.topic));
        let topic = topics.first().ok_or_else(|| trouble("the cluster tells nothing of it"))?;
        if topic.code != 0 {
            return Err(trouble(code::words(topic.code)));
        }
        let led: Vec<_> = led(topic).collect();
        let led = fastrand::choice(&led).ok_or_else(|| trouble("no broker leads a partition"))?;
        let broker = brokers.iter().find(|broker| broker.id == led.1);
        let broker = broker.ok_or_else(|| trouble("nobody knows where its leader is"))?;
        let link = Link::open(&self.reach, &broker.host, broker.port, &Api::WRITING).await?;
        Ok(Leader { link, partition: led.0 })
    }
}

/// The partitions that have a leader, with its number.
fn led(topic: &Topic) -> impl Iterator<Item = (i32, i32)> {
    topic.partitions.iter().filter(|led| led.leader >= 0).map(|led| (led.index, led.leader))
}
