//! What a reload changes: two configurations compared key by key, by the table of keys.

use std::collections::BTreeMap;
use std::fmt;

use super::Loaded;
use super::file::Table;
use super::kind::{Form, Key};
use super::print::fields;

/// One thing that is otherwise in the new configuration. It prints as `cache.memory: "1GiB" →
/// "2GiB" (needs a restart)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key or the section.
    pub what: String,
    /// What it was, in TOML; `None` where it was not there.
    pub old: Option<String>,
    /// What it is; `None` where it is gone.
    pub new: Option<String>,
    /// Whether it takes effect only with a restart.
    pub restart: bool,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let restart = if self.restart { " (needs a restart)" } else { "" };
        let show = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".into());
        write!(f, "{}: {} → {}{restart}", self.what, show(&self.old), show(&self.new))
    }
}

/// What is otherwise in `new` than it was in `old`, in the order of the table of keys.
pub fn diff(old: &Loaded, new: &Loaded) -> Vec<Change> {
    let mut changes = Vec::new();
    parts(&old.root, &new.root, &mut changes);
    changes
}

fn parts(old: &Table, new: &Table, changes: &mut Vec<Change>) {
    for part in new.section.parts {
        let (before, after) = (old.tables(part.name), new.tables(part.name));
        match part.form {
            Form::List | Form::Inline => {
                let path =
                    if new.path.is_empty() { String::new() } else { format!("{}.", new.path) };
                lists(&format!("{path}{}", part.name), before, after, changes);
            }
            Form::One | Form::Maybe | Form::Named(_) => named(before, after, changes),
        }
    }
}

/// Tables that are the same thing when they have the same path.
fn named(before: &[Table], after: &[Table], changes: &mut Vec<Change>) {
    let mut pairs: BTreeMap<&str, (Option<&Table>, Option<&Table>)> = BTreeMap::new();
    for table in before {
        pairs.entry(&table.path).or_default().0 = Some(table);
    }
    for table in after {
        pairs.entry(&table.path).or_default().1 = Some(table);
    }
    for (path, pair) in pairs {
        let change = |old: Option<&Table>, new: Option<&Table>| Change {
            what: path.to_owned(),
            old: old.map(fields),
            new: new.map(fields),
            restart: false,
        };
        match pair {
            (Some(old), Some(new)) => {
                keys(old, new, changes);
                parts(old, new, changes);
            }
            (old, new) => changes.push(change(old, new)),
        }
    }
}

fn keys(old: &Table, new: &Table, changes: &mut Vec<Change>) {
    let print = |table: &Table, key: &Key| table.value(key.name).map(super::kind::Value::print);
    for key in new.section.keys {
        let (before, after) = (print(old, key), print(new, key));
        if before != after {
            let what = format!("{}.{}", new.path, key.name);
            changes.push(Change { what, old: before, new: after, restart: key.restart });
        }
    }
}

/// Lists of tables without names: what is in one and not in the other.
fn lists(what: &str, before: &[Table], after: &[Table], changes: &mut Vec<Change>) {
    let (before, after): (Vec<String>, Vec<String>) =
        (before.iter().map(fields).collect(), after.iter().map(fields).collect());
    let mut change = |old: Option<&String>, new: Option<&String>| {
        let (old, new) = (old.cloned(), new.cloned());
        changes.push(Change { what: what.to_owned(), old, new, restart: false });
    };
    before
        .iter()
        .filter(|table| !after.contains(table))
        .for_each(|table| change(Some(table), None));
    after
        .iter()
        .filter(|table| !before.contains(table))
        .for_each(|table| change(None, Some(table)));
}
