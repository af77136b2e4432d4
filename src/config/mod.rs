//! Configuration in stages: `file` holds what was written, with its places; `fill` adds what was
//! left out; `check` finds what cannot be together; `lower` makes the plain values of [`meaning`].
//! All of them go by one table, `keys`, which also writes `conf/reference.toml` and what
//! [`Loaded::effective`] prints. Every error of a file is found in one go.
//!
//! It reads the configuration file and asks whether the files that it names can be read; what is in
//! those is judged by whoever uses them, who adds errors with [`Loaded::error_at`].

mod check;
mod diff;
mod errors;
mod file;
mod fill;
mod host;
mod keys;
mod kind;
mod lower;
mod machine;
pub mod meaning;
mod print;
mod read;
mod texts;
mod units;

use std::path::Path;

pub use diff::{Change, diff};
pub use errors::Errors;
pub use meaning::*;
pub use print::reference;

use crate::base::Names;
use errors::Place;
use file::Table;
use machine::Machine;

/// A file that is larger is surely not a configuration.
const MOST_BYTES: u64 = 16 << 20;

/// The numbers of sites, clusters and policies, which outlive a reload.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    /// The sites' numbers.
    pub sites: Names,
    /// The clusters' numbers.
    pub clusters: Names,
    /// The numbers of what sites make of origins' fields, by what that is.
    pub policies: Names,
}

/// A configuration without errors, and where everything in it was written.
#[derive(Debug)]
pub struct Loaded {
    /// What it means.
    pub config: Config,
    root: Table,
    none: Errors,
}

/// A thing in a configuration at which somebody else may find an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot<'a> {
    /// The address of the listener with this index.
    Listener(usize),
    /// The chain of the certificate with this index.
    Chain(usize),
    /// The key of the certificate with this index.
    Key(usize),
    /// The roots of the cluster with this name.
    Roots(&'a str),
    /// The roots of the purge stream with this index.
    StreamRoots(usize),
    /// The error page of the site with this name.
    ErrorPage(&'a str),
    /// The admin listener's address.
    Admin,
    /// The access log.
    AccessLog,
}

/// Reads and parses the file at `path`; paths in it are taken from its folder. A refused file takes
/// no numbers from `ids`.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load(path: &Path, ids: &Ids) -> Result<Loaded, Errors> {
    let name = path.display().to_string();
    let unreadable = |why: String| {
        Errors::of_file(&name, why, "the path is the argument of --config or of `check`")
    };
    let found = std::fs::metadata(path).map_err(|e| unreadable(format!("cannot be read: {e}")))?;
    if !found.is_file() || found.len() > MOST_BYTES {
        return Err(unreadable("is no file of at most 16MiB".into()));
    }
    let bytes = std::fs::read(path).map_err(|e| unreadable(format!("cannot be read: {e}")))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let mut errors = Errors::new(&name, &String::from_utf8_lossy(e.as_bytes()));
        errors.add(Place::new(at, at + 1), "this is not UTF-8", "save the file as UTF-8");
        errors
    })?;
    // An empty parent is the working folder; absolute, so that `effective` holds anywhere.
    let dir = std::path::absolute(path.parent().unwrap_or(Path::new("")))
        .unwrap_or_else(|_| path.parent().unwrap_or(Path::new("")).to_path_buf());
    parse(&text, &name, &dir, ids)
}

/// Parses `text`, which errors call `name`; paths in it are taken from `dir`. A refused text takes
/// no numbers from `ids`.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn parse(text: &str, name: &str, dir: &Path, ids: &Ids) -> Result<Loaded, Errors> {
    parse_on(&Machine::here(), text, name, dir, ids)
}

fn parse_on(
    machine: &Machine,
    text: &str,
    name: &str,
    dir: &Path,
    ids: &Ids,
) -> Result<Loaded, Errors> {
    let mut errors = Errors::new(name, text);
    let Some(mut root) = file::read(text, dir, &mut errors) else {
        return Err(errors.sorted());
    };
    fill::fill(&mut root, machine, &mut errors);
    check::check(&root, &mut errors);
    if !errors.is_empty() {
        return Err(errors.sorted());
    }
    let Some(config) = lower::lower(&root, ids) else {
        errors.add(
            Place::START,
            "this process has seen 65536 names of sites or clusters, and has no number for another",
            "restart it",
        );
        return Err(errors);
    };
    Ok(Loaded { config, root, none: errors })
}

impl Loaded {
    /// What applies, as TOML: every key, with a comment where it was not written.
    pub fn effective(&self) -> String {
        print::effective(&self.root)
    }

    /// One error of somebody else's finding, at the place of `spot`; [`Errors::join`] puts several
    /// together.
    pub fn error_at(
        &self,
        spot: Spot<'_>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Errors {
        let named = |part, index: usize, key| {
            self.root.tables(part).get(index).map(|table: &Table| table.place_of(key))
        };
        let called = |part, name: &str, key| {
            let tables = self.root.tables(part);
            tables.iter().find(|table| table.name == name).map(|table| table.place_of(key))
        };
        let place = match spot {
            Spot::Listener(index) => named("listener", index, "address"),
            Spot::Chain(index) => named("certificate", index, "cert"),
            Spot::Key(index) => named("certificate", index, "key"),
            Spot::Roots(name) => called("cluster", name, "roots"),
            Spot::StreamRoots(index) => {
                let purge = self.root.tables("purge").first();
                let stream = purge.and_then(|purge| purge.tables("stream").get(index));
                stream.map(|table| table.place_of("roots"))
            }
            Spot::ErrorPage(name) => called("site", name, "error_page"),
            Spot::Admin => named("admin", 0, "address"),
            Spot::AccessLog => named("log", 0, "access"),
        };
        let mut errors = self.none.clone();
        errors.add(place.unwrap_or(Place::START), message, hint);
        errors
    }
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;
