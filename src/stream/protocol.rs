//! The four requests by which a log is read and the one by which it is written, each in one version that
//! brokers from Apache Kafka 3.1 to today's have: ApiVersions 0, Metadata 12, ListOffsets 6, Fetch 13 and
//! Produce 9 (Kafka protocol guide).
//!
//! These versions name topics by their ids (KIP-516), so that a topic that was deleted and made again is
//! never taken for the old one, and tell where a log was cut off (KIP-320, KIP-595), both of which a
//! reader of purges must know and no Kafka client in Rust tells.

use super::code::Code;
use super::codec::{Malformed, Reader, TopicId, Writer};

/// A request, as far as its frame must know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Api {
    /// Its number.
    pub key: i16,
    /// The version in which it is sent.
    pub version: i16,
    /// Its name, in errors.
    pub name: &'static str,
}

impl Api {
    /// Which requests a broker takes.
    pub const VERSIONS: Self = Self { key: 18, version: 0, name: "ApiVersions" };
    /// Brokers, topics and who leads what.
    pub const METADATA: Self = Self { key: 3, version: 12, name: "Metadata" };
    /// Where logs begin and end.
    pub const LIST_OFFSETS: Self = Self { key: 2, version: 6, name: "ListOffsets" };
    /// What is in the logs.
    pub const FETCH: Self = Self { key: 1, version: 13, name: "Fetch" };
    /// More for a log.
    pub const PRODUCE: Self = Self { key: 0, version: 9, name: "Produce" };
    /// All of whom is read from.
    pub const READING: [Self; 3] = [Self::METADATA, Self::LIST_OFFSETS, Self::FETCH];
    /// All of whom is written to.
    pub const WRITING: [Self; 2] = [Self::METADATA, Self::PRODUCE];

    /// Whether heads and bodies have tagged fields.
    pub const fn is_flexible(self) -> bool {
        self.version > 0
    }
}

/// Those of `wanted` that a broker's answer to [`Api::VERSIONS`] leaves out.
///
/// # Errors
/// The answer is none.
pub fn not_taken(answer: &[u8], wanted: &[Api]) -> Result<Vec<Api>, Malformed> {
    let mut reader = Reader::new(answer);
    let _code = reader.int16()?;
    let mut missing = wanted.to_vec();
    for _ in 0..reader.int32()? {
        let (key, least, most) = (reader.int16()?, reader.int16()?, reader.int16()?);
        missing.retain(|api| api.key != key || !(least..=most).contains(&api.version));
    }
    Ok(missing)
}

/// What a broker tells of its cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The cluster's id.
    pub cluster: String,
    /// Its brokers.
    pub brokers: Vec<Broker>,
    /// The topics that were asked for.
    pub topics: Vec<Topic>,
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its number.
    pub id: i32,
    /// Where it is, as it says itself.
    pub host: String,
    /// And at which port.
    pub port: u16,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// What is wrong with it.
    pub code: Code,
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: TopicId,
    /// Its partitions.
    pub partitions: Vec<Led>,
}

/// A partition, and who leads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Led {
    /// Its number.
    pub index: i32,
    /// Its leader's number; -1 where it has none.
    pub leader: i32,
    /// The epoch of its leader.
    pub epoch: i32,
}

/// Asks for `topics`; none of them is made by that.
pub fn metadata_request(topics: &[String]) -> Vec<u8> {
    let mut body = Writer::default();
    body.each(topics, |body, name| {
        body.raw(&TopicId::default());
        body.compact(name.as_bytes());
        body.no_tags();
    });
    body.boolean(false);
    body.boolean(false);
    body.no_tags();
    body.into_bytes()
}

/// Reads the answer to [`metadata_request`].
///
/// # Errors
/// It is none.
pub fn metadata(answer: &[u8]) -> Result<Metadata, Malformed> {
    let mut reader = Reader::new(answer);
    reader.no_tags()?;
    let _throttled = reader.int32()?;
    let brokers = reader.each(|reader| {
        let (id, host) = (reader.int32()?, reader.text()?.to_owned());
        let port = u16::try_from(reader.int32()?).map_err(|_| Malformed::Number)?;
        let _rack = reader.maybe_text()?;
        reader.no_tags()?;
        Ok(Broker { id, host, port })
    })?;
    let cluster = reader.maybe_text()?.unwrap_or_default().to_owned();
    let _controller = reader.int32()?;
    let topics = reader.each(topic)?;
    Ok(Metadata { cluster, brokers, topics })
}

fn topic(reader: &mut Reader<'_>) -> Result<Topic, Malformed> {
    let code = reader.int16()?;
    let name = reader.maybe_text()?.unwrap_or_default().to_owned();
    let id = reader.uuid()?;
    let _internal = reader.boolean()?;
    let partitions = reader.each(|reader| {
        let _code = reader.int16()?;
        let led = Led { index: reader.int32()?, leader: reader.int32()?, epoch: reader.int32()? };
        for _replicas in 0..3 {
            reader.each(Reader::int32)?;
        }
        reader.no_tags()?;
        Ok(led)
    })?;
    let _operations = reader.int32()?;
    reader.no_tags()?;
    Ok(Topic { code, name, id, partitions })
}

/// An end of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The offset of the oldest message that is kept.
    Start,
    /// The offset that the next message will get.
    Next,
}

/// Asks for an end of the log of `partitions` of `topic`.
pub fn offsets_request(topic: &str, partitions: &[i32], end: End) -> Vec<u8> {
    let time = match end {
        End::Start => -2,
        End::Next => -1,
    };
    let mut body = Writer::default();
    body.int32(-1);
    body.int8(0);
    body.each(&[topic], |body, topic| {
        body.compact(topic.as_bytes());
        body.each(partitions, |body, partition| {
            body.int32(*partition);
            body.int32(-1);
            body.int64(time);
            body.no_tags();
        });
        body.no_tags();
    });
    body.no_tags();
    body.into_bytes()
}

/// Reads the answer to [`offsets_request`]: partition, error and offset.
///
/// # Errors
/// It is none.
pub fn offsets(answer: &[u8]) -> Result<Vec<(i32, Code, i64)>, Malformed> {
    let mut reader = Reader::new(answer);
    reader.no_tags()?;
    let _throttled = reader.int32()?;
    let topics = reader.each(|reader| {
        let _name = reader.text()?;
        let partitions = reader.each(|reader| {
            let (index, code) = (reader.int32()?, reader.int16()?);
            let _time = reader.int64()?;
            let offset = reader.int64()?;
            let _epoch = reader.int32()?;
            reader.no_tags()?;
            Ok((index, code, offset))
        })?;
        reader.no_tags()?;
        Ok(partitions)
    })?;
    Ok(topics.into_iter().flatten().collect())
}

/// What is wanted of a partition's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The topic's id.
    pub topic: TopicId,
    /// The partition.
    pub partition: i32,
    /// The leader's epoch; -1 where it is not known.
    pub epoch: i32,
    /// From where.
    pub offset: i64,
    /// The epoch of the message before that; -1 where it is not known.
    pub last_epoch: i32,
}

/// How a broker is to answer a fetch.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long it may wait for something to be there, in milliseconds.
    pub wait: i32,
    /// How many bytes it may send of one partition, and of all.
    pub bytes: [i32; 2],
}

/// Asks for what is in the logs. Partitions of a topic need not stand together.
pub fn fetch_request(wanted: &[Wanted], terms: Terms) -> Vec<u8> {
    let [each, all] = terms.bytes;
    let mut body = Writer::default();
    body.int32(-1);
    body.int32(terms.wait);
    body.int32(1);
    body.int32(all);
    // Messages of transactions that were given up purge too: more is stale than must be, never less.
    body.int8(0);
    body.int32(0);
    body.int32(-1);
    let topics: Vec<&[Wanted]> = wanted.chunk_by(|one, two| one.topic == two.topic).collect();
    body.each(&topics, |body, topic| {
        body.raw(&topic.first().map_or(TopicId::default(), |one| one.topic));
        body.each(topic, |body, one| {
            body.int32(one.partition);
            body.int32(one.epoch);
            body.int64(one.offset);
            body.int32(one.last_epoch);
            body.int64(-1);
            body.int32(each);
            body.no_tags();
        });
        body.no_tags();
    });
    body.each::<()>(&[], |_, ()| {});
    body.compact(b"");
    body.no_tags();
    body.into_bytes()
}

/// What was fetched of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched<'a> {
    /// The topic's id.
    pub topic: TopicId,
    /// The partition.
    pub partition: i32,
    /// What is wrong.
    pub code: Code,
    /// The offset below which messages are safe.
    pub high: i64,
    /// The offset of the oldest message.
    pub start: i64,
    /// Where the log was cut off, if what the reader has read last is in it no more.
    pub diverged: Option<i64>,
    /// Batches of messages; the last may be incomplete.
    pub records: &'a [u8],
}

/// Reads the answer to [`fetch_request`]: its own error, and what there is of each partition.
///
/// # Errors
/// It is none.
pub fn fetched(answer: &[u8]) -> Result<(Code, Vec<Fetched<'_>>), Malformed> {
    let mut reader = Reader::new(answer);
    reader.no_tags()?;
    let _throttled = reader.int32()?;
    let code = reader.int16()?;
    let _session = reader.int32()?;
    let topics = reader.each(|reader| {
        let id = reader.uuid()?;
        let partitions = reader.each(|reader| partition(reader, id))?;
        reader.no_tags()?;
        Ok(partitions)
    })?;
    Ok((code, topics.into_iter().flatten().collect()))
}

fn partition<'a>(reader: &mut Reader<'a>, topic: TopicId) -> Result<Fetched<'a>, Malformed> {
    let (partition, code) = (reader.int32()?, reader.int16()?);
    let (high, _stable, start) = (reader.int64()?, reader.int64()?, reader.int64()?);
    reader.each(|reader| {
        let _producer_and_offset = (reader.int64()?, reader.int64()?);
        reader.no_tags()
    })?;
    let _replica = reader.int32()?;
    let records = reader.compact()?.unwrap_or_default();
    let mut diverged = None;
    reader.tagged(|tag, value| {
        if tag == 0 {
            let _epoch = value.int32()?;
            diverged = Some(value.int64()?).filter(|end| *end >= 0);
        }
        Ok(())
    })?;
    Ok(Fetched { topic, partition, code, high, start, diverged, records })
}

/// Asks for `batch` to be added to the log of a partition, and to be safe before that is answered.
pub fn produce_request(topic: &str, partition: i32, batch: &[u8]) -> Vec<u8> {
    let mut body = Writer::default();
    body.null();
    body.int16(-1);
    body.int32(10_000);
    body.each(&[topic], |body, topic| {
        body.compact(topic.as_bytes());
        body.each(&[partition], |body, partition| {
            body.int32(*partition);
            body.compact(batch);
            body.no_tags();
        });
        body.no_tags();
    });
    body.no_tags();
    body.into_bytes()
}

/// Reads the answer to [`produce_request`]: an error and the offset of the batch's first message.
///
/// # Errors
/// It is none.
pub fn produced(answer: &[u8]) -> Result<(Code, i64), Malformed> {
    let mut reader = Reader::new(answer);
    reader.no_tags()?;
    let topics = reader.each(|reader| {
        let _name = reader.text()?;
        let partitions = reader.each(|reader| {
            let _partition = reader.int32()?;
            let (code, offset) = (reader.int16()?, reader.int64()?);
            let _time_and_start = (reader.int64()?, reader.int64()?);
            reader.each(|reader| {
                let _message = (reader.int32()?, reader.maybe_text()?);
                reader.no_tags()
            })?;
            let _why = reader.maybe_text()?;
            reader.no_tags()?;
            Ok((code, offset))
        })?;
        reader.no_tags()?;
        Ok(partitions)
    })?;
    topics.into_iter().flatten().next().ok_or(Malformed::Null)
}
