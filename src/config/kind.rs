//! The words in which the table of keys is written: sections, keys, kinds of values, defaults; and
//! the values themselves as they are after reading.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::errors::Place;
use super::host::Bad;
use super::machine::Machine;
use super::meaning::{Host, HostPattern};
use super::units;
use crate::geo::Prefix;

/// A table of the file.
#[derive(Debug)]
pub(super) struct Section {
    /// What it is for, in sentences.
    pub(super) doc: &'static str,
    /// The key for which a mere value stands in place of the table.
    pub(super) shorthand: Option<&'static str>,
    pub(super) keys: &'static [Key],
    pub(super) parts: &'static [Part],
}

/// Tables inside a section.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) section: &'static Section,
    /// Whether the reference shows it as a comment only: it needs what a fresh machine has not.
    pub(super) optional: bool,
}

/// How tables are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `[name]`, always there with its defaults.
    One,
    /// `[name]`, which does something only where it is written.
    Maybe,
    /// `[[name]]`, any number.
    List,
    /// `name = [{ … }]`, any number.
    Inline,
    /// `[name.NAME]`, any number; the text is the example's NAME.
    Named(&'static str),
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) default: Default,
    /// Whether a change needs a restart.
    pub(super) restart: bool,
    /// What it does, in sentences.
    pub(super) doc: &'static str,
}

/// What applies where a key is not written.
#[derive(Debug)]
pub(super) enum Default {
    /// This, in TOML.
    Is(&'static str),
    /// This for each profile, in TOML.
    OfProfile(&'static [(&'static str, &'static str)]),
    /// What `by` finds.
    Computed {
        says: &'static str,
        by: fn(&Known<'_>) -> Result<Value, Lacking>,
        example: &'static str,
    },
    /// Nothing.
    Unset { says: &'static str, example: &'static str },
    /// An error.
    Required { example: &'static str },
}

/// What computed defaults may depend on.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) machine: &'a Machine,
    /// `[node] memory`.
    pub(super) node_memory: Option<u64>,
    /// `memory` of the section itself.
    pub(super) own_memory: Option<u64>,
}

/// Why nothing could be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lacking {
    /// The machine does not say.
    Machine,
    /// What it depends on has an error of its own.
    Earlier,
}

/// What a key takes.
#[derive(Debug)]
pub(super) enum Kind {
    /// A token (RFC 9110 §5.6.2), at most 255 bytes.
    Token,
    /// True or false.
    Boolean,
    /// A whole number within bounds.
    Integer { least: u64, most: u64 },
    /// One of a few numbers.
    Number(&'static [u64]),
    /// A duration, and whether zero is one.
    Duration { zero: bool },
    /// Bytes within bounds.
    Size { least: u64, most: u64 },
    /// An IP address and a port.
    Address,
    /// A file's path, relative to the configuration's folder.
    Path,
    /// A list of address prefixes.
    Prefixes,
    /// A list of hosts, at least one.
    Hosts,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// One of a few words, or a path.
    ChoiceOrPath(&'static [&'static str]),
    /// One of a few words, or a duration.
    ChoiceOrDuration(&'static [&'static str]),
    /// One of a few words, or a text that the function takes.
    ChoiceOrText(&'static [&'static str], Check),
    /// A text that the function takes.
    Text(Check),
    /// A list of texts that the function takes each.
    Texts(Check),
    /// A filter of events.
    Filter,
    /// The name of a `[cluster.NAME]`.
    Cluster,
    /// An origin server.
    Origin,
}

/// Finds what is wrong with a text: a message about it and a hint.
pub(super) type Check = fn(&str) -> Result<(), Bad>;

/// A value as it was read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Of [`Kind::Token`], [`Kind::Filter`], [`Kind::Cluster`], [`Kind::Text`], and of the words
    /// of the choices.
    Text(String),
    Texts(Vec<String>),
    Boolean(bool),
    /// Of [`Kind::Integer`] and [`Kind::Number`].
    Integer(u64),
    Duration(Duration),
    Size(u64),
    Address(SocketAddr),
    /// What was written, and where that is.
    Path(String, PathBuf),
    Prefixes(Vec<Prefix>),
    Hosts(Vec<(HostPattern, Place)>),
    Origin(Origin),
}

/// An origin server's address.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Origin {
    /// What was written.
    pub(super) text: String,
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) tls: bool,
}

impl Key {
    /// A value that could be written.
    pub(super) fn example(&self) -> &'static str {
        match self.default {
            Default::Is(text) => text,
            Default::OfProfile(list) => list.first().map_or("", |(_, text)| text),
            Default::Computed { example, .. }
            | Default::Unset { example, .. }
            | Default::Required { example } => example,
        }
    }
}

impl Value {
    /// As TOML.
    pub(super) fn print(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Texts(list) => listed(list.iter().cloned()),
            Self::Boolean(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Duration(value) => quoted(&units::print_duration(*value)),
            Self::Size(value) => quoted(&units::print_size(*value)),
            Self::Address(address) => quoted(&address.to_string()),
            Self::Path(_, path) => quoted(&path.to_string_lossy()),
            Self::Prefixes(list) => listed(list.iter().map(ToString::to_string)),
            Self::Hosts(list) => listed(list.iter().map(|(host, _)| host.to_string())),
            Self::Origin(origin) => quoted(&origin.text),
        }
    }
}

fn listed(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.map(|item| quoted(&item)).collect();
    format!("[{}]", items.join(", "))
}

/// `text` as a TOML string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
