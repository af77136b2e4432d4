//! Between the stages: gives every key that was not written what applies instead, so that what
//! follows need not know of defaults. Only a required key that is missing, and a default that this
//! machine cannot give, are errors.

use super::errors::Errors;
use super::file::{Entry, Source, Table};
use super::kind::{Default, Form, Key, Known, Lacking, Value};
use super::machine::Machine;
use super::read;

/// Fills `root`, the whole file, from the table of keys and from `machine`.
pub(super) fn fill(root: &mut Table, machine: &Machine, errors: &mut Errors) {
    let mut known = Known { machine, node_memory: None, own_memory: None };
    table(root, &mut known, errors);
}

fn table(table: &mut Table, known: &mut Known<'_>, errors: &mut Errors) {
    let section = table.section;
    for key in section.keys {
        if !table.entries.contains_key(key.name) {
            known.own_memory = memory(table);
            let entry = absent(key, table, known, errors);
            table.entries.insert(key.name, entry);
        }
    }
    for part in section.parts {
        let tables = table.parts.entry(part.name).or_default();
        if part.form == Form::One && tables.is_empty() {
            let title = format!("[{}]", part.name);
            tables.push(Table::new(part.section, part.name.into(), title, table.place));
        }
        for inner in tables.iter_mut() {
            self::table(inner, known, errors);
        }
        if part.name == "node" {
            known.node_memory = tables.first().and_then(memory);
        }
    }
}

fn memory(table: &Table) -> Option<u64> {
    match table.value("memory") {
        Some(Value::Size(bytes)) => Some(*bytes),
        _ => None,
    }
}

fn absent(key: &'static Key, table: &Table, known: &Known<'_>, errors: &mut Errors) -> Entry {
    let (value, source) = match &key.default {
        Default::Is(text) => (Some(read::default(key, text)), Source::Default),
        Default::OfProfile(list) => {
            // `profile` stands before its keys in the table. A refused one has its own error.
            let profile = match table.value("profile") {
                Some(Value::Text(profile)) => profile.as_str(),
                _ => "",
            };
            match list.iter().find(|(name, _)| *name == profile) {
                Some((name, text)) => (Some(read::default(key, text)), Source::Profile(name)),
                None => (None, Source::Refused),
            }
        }
        Default::Computed { says, by, example } => match by(known) {
            Ok(value) => (Some(value), Source::Computed(says)),
            Err(lacking) => {
                if lacking == Lacking::Machine {
                    let message = format!(
                        "{} has no `{}`, and this machine no answer",
                        table.title, key.name
                    );
                    let hint = format!("write it, for example: {} = {example}", key.name);
                    errors.add(table.place, message, hint);
                }
                (None, Source::Refused)
            }
        },
        Default::Unset { says, .. } => (None, Source::Unset(says)),
        Default::Required { example } => {
            let message = format!("{} has no `{}`", table.title, key.name);
            let hint = format!("write it, for example: {} = {example}", key.name);
            errors.add(table.place, message, hint);
            (None, Source::Refused)
        }
    };
    Entry { value, place: table.place, source }
}
