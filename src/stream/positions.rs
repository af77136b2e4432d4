//! How far the stream is applied, and the file that keeps it over a restart.
//!
//! The file is JSON, and whole at any time. It belongs to a cluster by its id, and to topics by theirs: positions in another cluster, or in a topic
//! that was made anew, mean nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::codec::TopicId;
use crate::base::whole;

/// How far each partition is applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// The id of the cluster that they are of; empty before the first.
    pub cluster: String,
    /// Topics that were seen, and those that were asked for and not there.
    pub topics: BTreeMap<String, Known>,
}

/// What is known of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Its id; none where it was not there.
    pub id: Option<TopicId>,
    /// How far its partitions are applied.
    pub at: BTreeMap<i32, Position>,
}

/// How far a partition is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The offset of what comes next.
    pub next: i64,
    /// The epoch of the message before it; -1 where it is not known.
    pub epoch: i32,
}

/// The longest file that is read: one of as many partitions as are read is shorter.
const LONGEST: u64 = 16 << 20;

/// Reads the file at `path`. `None` where there is no file, which is so at the first start.
///
/// # Errors
/// A sentence about why it cannot be read.
pub fn read(path: &Path) -> Result<Option<Positions>, String> {
    let wrong = |why: &dyn std::fmt::Display| {
        format!("{}: {why}; without it everything stored turns stale once", path.display())
    };
    let Some(text) = whole::read(path, LONGEST).map_err(|error| wrong(&error))? else {
        return Ok(None);
    };
    let value: Value = serde_json::from_slice(&text).map_err(|error| wrong(&error))?;
    parse(&value).map(Some).ok_or_else(|| wrong(&"these are no positions"))
}

/// Writes `positions` to the file at `path`.
///
/// # Errors
/// The system's; the old file is as it was.
pub fn write(path: &Path, positions: &Positions) -> io::Result<()> {
    whole::write(path, shown(positions).to_string().as_bytes())
}

/// Positions in JSON, as the file and the status page have them.
pub fn shown(positions: &Positions) -> Value {
    let topic = |(name, known): (&String, &Known)| {
        let at = known
            .at
            .iter()
            .map(|(index, at)| (index.to_string(), json!({ "next": at.next, "epoch": at.epoch })));
        let id = known.id.map(hex);
        (name.clone(), json!({ "id": id, "partitions": at.collect::<Map<_, _>>() }))
    };
    let topics: Map<_, _> = positions.topics.iter().map(topic).collect();
    json!({ "cluster": positions.cluster, "topics": topics })
}

fn parse(value: &Value) -> Option<Positions> {
    let topic = |(name, known): (&String, &Value)| {
        let id = match known.get("id")? {
            Value::Null => None,
            id => Some(unhex(id.as_str()?)?),
        };
        let at = known.get("partitions")?.as_object()?.iter().map(|(index, at)| {
            let next = at.get("next")?.as_i64().filter(|next| *next >= 0)?;
            let epoch = i32::try_from(at.get("epoch")?.as_i64()?).ok()?;
            Some((index.parse().ok()?, Position { next, epoch }))
        });
        Some((name.clone(), Known { id, at: at.collect::<Option<_>>()? }))
    };
    let topics = value.get("topics")?.as_object()?.iter().map(topic).collect::<Option<_>>()?;
    Some(Positions { cluster: value.get("cluster")?.as_str()?.to_owned(), topics })
}

pub(super) fn hex(id: TopicId) -> String {
    format!("{:032x}", u128::from_be_bytes(id))
}

fn unhex(text: &str) -> Option<TopicId> {
    u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32).map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions() -> Positions {
        let at = [(0, Position { next: 7, epoch: 2 }), (11, Position { next: 1 << 40, epoch: -1 })];
        let known = Known { id: Some(*b"0123456789abcdef"), at: at.into() };
        let absent = Known::default();
        let topics = [("purges".to_owned(), known), ("to come".to_owned(), absent)];
        Positions { cluster: "c-1".to_owned(), topics: topics.into() }
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(parse(&shown(&positions())), Some(positions()));
        assert_eq!(parse(&shown(&Positions::default())), Some(Positions::default()));
    }

    #[test]
    fn what_is_half_there_is_nothing() {
        let whole = shown(&positions()).to_string();
        for end in 0..whole.len() {
            let value = serde_json::from_str::<Value>(&whole[..end]).unwrap_or(Value::Null);
            assert_eq!(parse(&value), None, "{end}");
        }
        for (from, to) in [
            ("\"next\":7", "\"next\":-7"),
            ("\"next\":7", "\"next\":\"7\""),
            ("\"11\"", "\"x\""),
            ("\"3031", "\"31"),
            ("\"epoch\":2", "\"epoch\":2.5"),
        ] {
            assert!(whole.contains(from), "{whole}");
            let value = serde_json::from_str(&whole.replacen(from, to, 1)).unwrap();
            assert_eq!(parse(&value), None, "{from}");
        }
    }
}
