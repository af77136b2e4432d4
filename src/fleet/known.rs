//! What is known of etcd's entries: as it said last, unless there is reason to doubt it.
//!
//! A node that forgets who was depooled sends readers to broken servers, so etcd is not believed where it
//! seems to have forgotten too: where it is another cluster, where its revision is lower than one that was
//! seen (a backup was restored), and where all entries are gone at once. Then what was known stays, and
//! what somebody writes from then on is put on top of it. A reload of the configuration believes etcd again;
//! so does the node itself where etcd says what it knows.

use std::path::Path;

use serde_json::{Value, json};

use super::state::{Entry, State};
use crate::base::whole;

/// What is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Which cluster it is from; empty before the first.
    cluster: String,
    /// Which revision of that it is.
    revision: i64,
    state: State,
    /// Why etcd is not believed, and what it says meanwhile.
    doubt: Option<(String, State)>,
}

/// All entries at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The cluster's id.
    pub cluster: String,
    /// The revision.
    pub revision: i64,
    /// The entries.
    pub state: State,
}

/// Changes of entries at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The revision.
    pub revision: i64,
    /// The entries that are others now, or none.
    pub entries: Vec<(String, Option<Entry>)>,
}

/// The longest file that is read.
const LONGEST: u64 = 64 << 20;

impl Known {
    /// The entries that hold.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Which revision they are of.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Why etcd is not believed, if it is not.
    pub fn doubt(&self) -> Option<&str> {
        self.doubt.as_ref().map(|(why, _)| why.as_str())
    }

    /// Takes all that etcd says; `believe` it whatever that is.
    pub fn take(&mut self, snapshot: Snapshot, believe: bool) {
        let why =
            if believe || snapshot.state == self.state { None } else { self.reason(&snapshot) };
        let Some(why) = why else {
            let Snapshot { cluster, revision, state } = snapshot;
            *self = Self { cluster, revision, state, doubt: None };
            return;
        };
        if let Some((_, seen)) = self.doubt.take()
            && !snapshot.state.is_empty()
        {
            // What is other than before the connection was lost, somebody has written since.
            for (key, entry) in differences(&seen, &snapshot.state) {
                self.state.set(&key, entry);
            }
        }
        self.doubt = Some((why, snapshot.state));
    }

    fn reason(&self, snapshot: &Snapshot) -> Option<String> {
        if self.cluster.is_empty() {
            None
        } else if snapshot.cluster != self.cluster {
            Some("it is another cluster than it was".to_owned())
        } else if snapshot.revision < self.revision {
            let (now, before) = (snapshot.revision, self.revision);
            Some(format!("its revision is {now} and was {before}: is it an old backup?"))
        } else if snapshot.state.is_empty() {
            Some(all_gone(&self.state))
        } else {
            None
        }
    }

    /// Takes what somebody has changed.
    pub fn change(&mut self, changes: Changes) {
        let Changes { revision, entries } = changes;
        if let Some((why, seen)) = &mut self.doubt {
            let mut now = seen.clone();
            entries.iter().for_each(|(key, entry)| _ = now.set(key, *entry));
            if now.is_empty() && seen.len() > 1 {
                *why = all_gone(seen);
            } else {
                // What was deleted with everything else is not what somebody wanted.
                let meant = entries
                    .iter()
                    .filter(|(key, entry)| entry.is_some() || seen.get(key).is_some());
                meant.for_each(|(key, entry)| _ = self.state.set(key, *entry));
            }
            *seen = now;
            return;
        }
        let mut state = self.state.clone();
        for (key, entry) in entries {
            state.set(&key, entry);
        }
        if state.is_empty() && self.state.len() > 1 {
            let snapshot = Snapshot { cluster: self.cluster.clone(), revision, state };
            return self.take(snapshot, false);
        }
        (self.state, self.revision) = (state, revision);
    }

    /// What was known when the file at `path` was written. `None` where there is no file.
    ///
    /// # Errors
    /// A sentence about why it cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>, String> {
        let wrong = |why: &dyn std::fmt::Display| {
            format!("{}: {why}; without it the node knows only what etcd says now", path.display())
        };
        let text = whole::read(path, LONGEST).map_err(|error| wrong(&error))?;
        let Some(text) = text else { return Ok(None) };
        let value: Value = serde_json::from_slice(&text).map_err(|error| wrong(&error))?;
        let state = State::read(&value["entries"]).map_err(|why| wrong(&why))?;
        let known = (value["cluster"].as_str(), value["revision"].as_i64());
        let (Some(cluster), Some(revision)) = known else {
            return Err(wrong(&"it has no `cluster` or no `revision`"));
        };
        Ok(Some(Self { cluster: cluster.to_owned(), revision, state, doubt: None }))
    }

    /// Writes it to the file at `path`.
    ///
    /// # Errors
    /// The system's; the old file is as it was.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let entries = self.state.value();
        let value =
            json!({ "cluster": self.cluster, "revision": self.revision, "entries": entries });
        whole::write(path, format!("{value:#}\n").as_bytes())
    }
}

fn all_gone(before: &State) -> String {
    format!("all {} entries are gone", before.len())
}

/// What is otherwise in `now` than it was in `then`.
fn differences(then: &State, now: &State) -> Vec<(String, Option<Entry>)> {
    let gone = then.iter().filter(|(key, _)| now.get(key).is_none());
    let other = now.iter().filter(|(key, entry)| then.get(key) != Some(*entry));
    let gone = gone.map(|(key, _)| (key.to_owned(), None));
    gone.chain(other.map(|(key, entry)| (key.to_owned(), Some(entry)))).collect()
}

#[cfg(test)]
#[path = "known_tests.rs"]
mod tests;
