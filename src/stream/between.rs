//! How far streams are read, as nodes of a fleet tell each other (PURGE.md rule 14): one member of a list for
//! each partition, `cluster/topic/id/partition=offset` of what comes next. Who asks tells it; who is asked
//! compares, and does not know of a purge before its own stream has applied it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use http::HeaderValue;

use super::Stream;
use super::positions::{self, Position};
use super::told::Track;
use crate::base::mutant::{self, Mutant};

/// How far `streams` are read; none where nothing is known. What is being applied counts as read.
pub fn tell<'a>(streams: impl IntoIterator<Item = &'a Stream>) -> Option<HeaderValue> {
    let mut text = String::new();
    streams.into_iter().for_each(|stream| stream.tell(&mut text));
    (!text.is_empty()).then(|| HeaderValue::try_from(text).ok()).flatten()
}

/// Whether all that another node has told is applied by one of `streams`.
pub fn have_reached<'a>(
    streams: impl IntoIterator<Item = &'a Stream, IntoIter: Clone>,
    told: &[u8],
) -> bool {
    let Ok(told) = std::str::from_utf8(told) else { return false };
    let streams = streams.into_iter();
    let known = |one: &str| streams.clone().any(|stream| stream.has_reached(one));
    told.split(',').map(str::trim).filter(|one| !one.is_empty()).all(known)
}

/// The id of a topic that nobody has read.
const ANOTHER: &str = "-";

impl Stream {
    /// Writes into `text` how far each partition is read.
    fn tell(&self, text: &mut String) {
        let positions = self.positions();
        let (cluster, tracks) = (&positions.cluster, self.told().tracks());
        let mut one = |topic: &str, id: &str, partition: i32, next: i64| {
            let separator = if text.is_empty() { "" } else { ", " };
            *text += &format!("{separator}{cluster}/{topic}/{id}/{partition}={next}");
        };
        for (topic, known) in &positions.topics {
            let Some(id) = known.id.map(positions::hex) else { continue };
            if known.at.is_empty() {
                // Made anew, and not read yet: who is asked must know of that.
                one(topic, &id, 0, 0);
            }
            for (partition, at) in &known.at {
                // What was applied before a restart is known before a broker has answered.
                let same = |(name, number, _): &&(Arc<str>, i32, Arc<Track>)| {
                    **name == **topic && number == partition && !mutant::is(Mutant::BegunTold)
                };
                let begun = tracks.iter().find(same).map_or(0, |(_, _, track)| track.begun());
                one(topic, &id, *partition, begun.max(at.next));
            }
        }
        // What was read at another cluster is in force here, and nobody can compare it.
        if self.moved.load(Relaxed) {
            let unread = |topic: &&String| !positions.topics.contains_key(*topic);
            self.config.topics.iter().filter(unread).for_each(|topic| one(topic, ANOTHER, 0, 1));
        }
    }

    /// Whether what another node told as one partition is applied here as far as there. What is noted of a
    /// partition goes with the log that it was read of, and is gone with it.
    fn has_reached(&self, told: &str) -> bool {
        let Some((place, next)) = told.rsplit_once('=') else { return false };
        let place: Vec<&str> = place.split('/').collect();
        let [cluster, topic, id, partition] = place[..] else { return false };
        let (Ok(partition), Ok(next)) = (partition.parse(), next.parse::<i64>()) else {
            return false;
        };
        let positions = self.positions();
        let Some(known) = positions.topics.get(topic) else { return false };
        let same_cluster = positions.cluster == cluster || mutant::is(Mutant::SameCluster);
        let same_topic = known.id.is_some_and(|ours| positions::hex(ours) == id);
        let as_far = |at: &Position| at.next >= next || mutant::is(Mutant::AsFar);
        same_cluster
            && (same_topic || mutant::is(Mutant::SameTopic))
            && (next == 0 || known.at.get(&partition).is_some_and(as_far))
    }
}

#[cfg(test)]
#[path = "between_tests.rs"]
mod tests;
