//! Zones: master files (RFC 1035 §5) with geo records, made into finished tables that never change.
//!
//! A file is taken apart into [`words`], read into records (`master`, [`data`]), and made a zone (`build`)
//! that says of a name what it has ([`lookup`]). A geo record is `GEO resource`; gdnsd's
//! `DYNA geoip!resource` means the same, and its `DYNC geoip!resource` may also answer with a CNAME. All
//! that is wrong is told at once. DNAME, DNSSEC and transfers are not served.

mod build;
pub mod data;
pub mod lookup;
mod master;
pub mod problem;
mod svcb;
pub mod words;

use std::collections::HashMap;
use std::io;
use std::path::Path;

use foldhash::fast::RandomState;

use super::{Kind, Name, name};
use build::Builder;
pub use lookup::{End, Folded, Found, Geo, Node, Rrset, Zone};
pub use problem::Problem;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 256 << 20;

/// All zones.
#[derive(Debug, Default)]
pub struct Zones {
    zones: Vec<Zone>,
    /// By their folded names.
    index: HashMap<Box<[u8]>, usize, RandomState>,
}

/// Zones, and what is odd about their files.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The zones.
    pub zones: Zones,
    /// What does not keep them from being served.
    pub warnings: Vec<Problem>,
}

/// Reads every file of `folder`, which are named as their zones; those whose names begin with a dot, and
/// folders, are left out. `resources` gives the numbers of the resources that geo records may name.
///
/// # Errors
/// All that is wrong with them.
pub fn load(
    folder: &Path,
    resources: &dyn Fn(&str) -> Option<usize>,
) -> Result<Loaded, Vec<Problem>> {
    let failed = |error: io::Error| {
        let message = format!("the folder cannot be read: {error}");
        vec![Problem::of_file(folder.into(), message, "it has a file for each zone")]
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.is_file() && !hidden {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        let remedy = "write a file for each zone, named as the zone";
        return Err(vec![Problem::of_file(folder.into(), "there are no zones in it", remedy)]);
    }
    let mut loaded = Loaded::default();
    let mut errors = Vec::new();
    for file in files {
        let text = file.file_name().map_or(&b""[..], |name| name.as_encoded_bytes());
        let text = if text == b"@" { b"." } else { text };
        let Ok(zone) = Name::read(text, &Name::root()) else {
            let problem = Problem::of_file(file, "a file is named as its zone", "rename it");
            errors.push(problem);
            continue;
        };
        match read(&file, &zone, &open, resources) {
            Ok((zone, warnings)) => {
                loaded.warnings.extend(warnings);
                if !loaded.zones.add(zone) {
                    let problem = Problem::of_file(file, "two files have one zone", "remove one");
                    errors.push(problem);
                }
            }
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() { Ok(loaded) } else { Err(errors) }
}

fn open(path: &Path) -> io::Result<Vec<u8>> {
    let found = std::fs::metadata(path)?;
    // A pipe would be waited for.
    if !found.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if found.len() > LARGEST {
        return Err(io::Error::other("it is larger than 256 MiB"));
    }
    std::fs::read(path)
}

/// Reads the zone `name` from `file`, whose bytes and those of the files that it includes `open` gives.
/// Returns it with what is odd about it.
///
/// # Errors
/// All that is wrong with it.
pub fn read(
    file: &Path,
    name: &Name,
    open: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
    resources: &dyn Fn(&str) -> Option<usize>,
) -> Result<(Zone, Vec<Problem>), Vec<Problem>> {
    let master::Read { records, mut errors, mut warnings } = master::read(file, name, open);
    if records.is_empty() && !errors.is_empty() {
        return Err(errors);
    }
    let mut builder = Builder::new(name, resources);
    records.into_iter().for_each(|record| builder.add(record));
    let (zone, builder) = builder.finish(file);
    errors.extend(builder.errors);
    warnings.extend(builder.warnings);
    for problems in [&mut errors, &mut warnings] {
        problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    }
    match zone {
        Some(zone) if errors.is_empty() => Ok((zone, warnings)),
        _ => Err(errors),
    }
}

impl Zones {
    /// Adds a zone; whether there was none of its name.
    pub fn add(&mut self, zone: Zone) -> bool {
        let key = zone.name().folded();
        let is_new = self.index.insert(key.wire().into(), self.zones.len()).is_none();
        self.zones.push(zone);
        is_new
    }

    /// The zones, by their numbers.
    pub fn all(&self) -> &[Zone] {
        &self.zones
    }

    /// The number of the zone that a question about `folded`, a name in lower case, is for: that with the
    /// longest name, but for what signs a delegation the one that delegates (RFC 4035 §3.1.4.1).
    pub fn find(&self, folded: &[u8], kind: Kind) -> Option<usize> {
        let mut found = name::suffixes(folded).filter_map(|suffix| self.index.get(suffix).copied());
        let first = found.next()?;
        let is_apex =
            self.zones.get(first).is_some_and(|zone| zone.name().wire().len() == folded.len());
        if kind == Kind::DS && is_apex { Some(found.next().unwrap_or(first)) } else { Some(first) }
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod files_tests;
#[cfg(test)]
#[path = "model_tests.rs"]
mod model_tests;
