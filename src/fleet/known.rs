//! What is known of etcd's entries: as it said last, unless there is reason to doubt it.
//!
//! A node that forgets who was depooled sends readers to broken servers, so etcd is not believed where it
//! seems to have forgotten too: where it is another cluster, where its revision is lower than one that was
//! seen or an entry is older than it was (a backup was restored), and where all entries are gone at once.
//! Then what was known stays, and what somebody writes from then on is put on top of it. That ends when a
//! reload of the configuration says that etcd is right, or when etcd says what the node knows; not with the
//! mere passing of revisions.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::state::{Entry, State};
use crate::base::whole;

/// What is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Which cluster it is from; empty before the first.
    cluster: String,
    /// The highest revision of that which was seen.
    revision: i64,
    state: State,
    /// The revision of each entry.
    written: BTreeMap<String, i64>,
    /// What etcd says meanwhile, where it is not believed, and why it is not.
    doubt: Option<(String, Snapshot)>,
}

/// All entries at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The cluster's id.
    pub cluster: String,
    /// The revision.
    pub revision: i64,
    /// The entries.
    pub state: State,
    /// The revision of each.
    pub written: BTreeMap<String, i64>,
    /// Keys of entries that cannot be read.
    pub unreadable: Vec<String>,
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

    /// Whether nothing is known of etcd yet.
    pub fn is_nothing(&self) -> bool {
        self.cluster.is_empty()
    }

    /// Why etcd is not believed, if it is not.
    pub fn doubt(&self) -> Option<&str> {
        self.doubt.as_ref().map(|(why, _)| why.as_str())
    }

    /// Takes all that etcd says.
    pub fn take(&mut self, mut snapshot: Snapshot) {
        for key in std::mem::take(&mut snapshot.unreadable) {
            // As the watch leaves it: as it was.
            snapshot.state.set(&key, self.state.get(&key));
        }
        if snapshot.state == self.state {
            return self.adopt(snapshot);
        }
        let Some((why, seen)) = self.doubt.take() else {
            match self.reason(&snapshot) {
                None => self.adopt(snapshot),
                Some(why) => self.doubt = Some((why, snapshot)),
            }
            return;
        };
        let goes_on = snapshot.cluster == seen.cluster && snapshot.revision >= seen.revision;
        if goes_on && !(snapshot.state.is_empty() && seen.state.len() > 1) {
            // What is other than before the connection was lost, somebody has written since.
            for (key, entry) in differences(&seen.state, &snapshot.state) {
                self.state.set(&key, entry);
            }
        }
        self.doubt = Some((why, snapshot));
        self.agree();
    }

    /// Has what etcd says believed, if it is not.
    pub fn believe(&mut self) {
        if let Some((_, snapshot)) = self.doubt.take() {
            self.adopt(snapshot);
        }
    }

    /// A member has told of this revision.
    pub fn see(&mut self, revision: i64) {
        if self.doubt.is_none() {
            self.revision = self.revision.max(revision);
        }
    }

    fn adopt(&mut self, snapshot: Snapshot) {
        let Snapshot { cluster, revision, state, written, .. } = snapshot;
        *self = Self { cluster, revision, state, written, doubt: None };
    }

    /// Believes etcd again where it says what is known.
    fn agree(&mut self) {
        if self.doubt.as_ref().is_some_and(|(_, seen)| seen.state == self.state) {
            self.believe();
        }
    }

    fn reason(&self, snapshot: &Snapshot) -> Option<String> {
        let older = |(key, then): &(&String, &i64)| {
            snapshot.written.get(*key).is_some_and(|now| now < then)
        };
        if self.cluster.is_empty() {
            None
        } else if snapshot.cluster != self.cluster {
            Some("it is another cluster than it was".to_owned())
        } else if snapshot.revision < self.revision {
            let (now, before) = (snapshot.revision, self.revision);
            Some(format!("its revision is {now} and was {before}: is it an old backup?"))
        } else if let Some((key, _)) = self.written.iter().find(older) {
            Some(format!("{key} is older than it was: is it an old backup?"))
        } else if snapshot.state.is_empty() && self.state.len() > 1 {
            Some(all_gone(&self.state))
        } else {
            None
        }
    }

    /// Takes what somebody has changed.
    pub fn change(&mut self, changes: Changes) {
        let Changes { revision, entries } = changes;
        let Some((why, seen)) = &mut self.doubt else {
            let mut snapshot = Snapshot {
                cluster: self.cluster.clone(),
                revision: self.revision,
                state: self.state.clone(),
                written: self.written.clone(),
                unreadable: Vec::new(),
            };
            snapshot.change(revision, &entries);
            // What is watched goes on where it was: a member may have told of a later revision before.
            match snapshot.state.is_empty() && self.state.len() > 1 {
                true => self.doubt = Some((all_gone(&self.state), snapshot)),
                false => self.adopt(snapshot),
            }
            return;
        };
        let before = seen.state.clone();
        seen.change(revision, &entries);
        if seen.state.is_empty() && before.len() > 1 {
            *why = all_gone(&before);
            return;
        }
        for (key, entry) in entries {
            // What was deleted with everything else is not what somebody wanted.
            if entry.is_some() || before.get(&key).is_some() {
                self.state.set(&key, entry);
            }
        }
        self.agree();
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
        let mut known = Self::default();
        known.adopt(Snapshot::read(&value).map_err(|why| wrong(&why))?);
        if let Some(why) = value["doubt"]["why"].as_str() {
            let seen = Snapshot::read(&value["doubt"]).map_err(|why| wrong(&why))?;
            known.doubt = Some((why.to_owned(), seen));
        }
        Ok(Some(known))
    }

    /// Writes it to the file at `path`.
    ///
    /// # Errors
    /// The system's; the old file is as it was.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut value = value(&self.cluster, self.revision, &self.state, &self.written);
        if let Some((why, seen)) = &self.doubt {
            value["doubt"] = self::value(&seen.cluster, seen.revision, &seen.state, &seen.written);
            value["doubt"]["why"] = why.as_str().into();
        }
        whole::write(path, format!("{value:#}\n").as_bytes())
    }
}

/// All entries at a revision, as a file has them.
fn value(cluster: &str, revision: i64, state: &State, written: &BTreeMap<String, i64>) -> Value {
    let entries = state.value();
    json!({ "cluster": cluster, "revision": revision, "entries": entries, "written": written })
}

impl Snapshot {
    /// What [`value`] has made a value of.
    fn read(value: &Value) -> Result<Self, String> {
        let state = State::read(&value["entries"])?;
        let (Some(cluster), Some(revision)) =
            (value["cluster"].as_str(), value["revision"].as_i64())
        else {
            return Err("it has no `cluster` or no `revision`".to_owned());
        };
        let number = |(key, at): (&String, &Value)| Some((key.clone(), at.as_i64()?));
        let written = value["written"].as_object();
        let written =
            written.map(|all| all.iter().filter_map(number).collect()).unwrap_or_default();
        Ok(Self { cluster: cluster.to_owned(), revision, state, written, unreadable: Vec::new() })
    }

    fn change(&mut self, revision: i64, entries: &[(String, Option<Entry>)]) {
        self.revision = self.revision.max(revision);
        for (key, entry) in entries {
            self.state.set(key, *entry);
            match entry {
                Some(_) => self.written.insert(key.clone(), revision),
                None => self.written.remove(key),
            };
        }
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
