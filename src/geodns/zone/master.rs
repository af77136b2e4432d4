//! Reads master files (RFC 1035 §5, RFC 2308 §4): directives and records, with all that is wrong at once.
//! Whether the records make a zone is decided in `build`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::data::{self, Origins};
use super::problem::{Problem, Wrong};
use super::words::{Entries, Entry, Word};
use crate::geodns::{Kind, Name};

/// How deep files may include each other.
const DEEPEST: usize = 8;
/// The time to live where neither the record nor `$TTL` nor a record before it has one, as with gdnsd.
const DEFAULT_TTL: u32 = 86_400;

/// Where something stands.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub(super) file: Arc<Path>,
    pub(super) line: usize,
}

impl At {
    pub(super) fn problem(&self, wrong: Wrong) -> Problem {
        let Wrong { message, text, remedy } = wrong;
        Problem { file: self.file.to_path_buf(), line: self.line, message, text, remedy }
    }
}

/// A record as it is written.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) at: At,
    pub(super) owner: Name,
    pub(super) ttl: u32,
    pub(super) data: Data,
}

#[derive(Clone, Debug)]
pub(super) enum Data {
    Plain(Kind, Vec<u8>),
    Geo {
        resource: String,
        /// Whether it may answer with a CNAME.
        alias: bool,
        /// The shortest time to live.
        least: u32,
    },
}

/// Gives the bytes of a file.
pub(super) type Open<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// What files say.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) records: Vec<Record>,
    pub(super) errors: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

/// Reads the file of `zone`.
pub(super) fn read(file: &Path, zone: &Name, open: Open<'_>) -> Read {
    let mut read = Read::default();
    let origins = Origins { here: zone.clone(), file: zone.clone(), zone: zone.clone() };
    let state = State { origins, default_ttl: None, last_ttl: None, owner: None };
    match open(file) {
        Ok(text) => {
            FileReader { file: file.into(), depth: 0, open, read: &mut read }.all(&text, state);
        }
        Err(error) => {
            let message = format!("it cannot be read: {error}");
            read.errors.push(Problem::of_file(file.into(), message, ""));
        }
    }
    read
}

struct FileReader<'a> {
    file: Arc<Path>,
    depth: usize,
    open: Open<'a>,
    read: &'a mut Read,
}

#[derive(Clone)]
struct State {
    origins: Origins,
    /// `$TTL`.
    default_ttl: Option<u32>,
    last_ttl: Option<u32>,
    owner: Option<Name>,
}

impl FileReader<'_> {
    fn all(&mut self, text: &[u8], mut state: State) {
        for entry in Entries::new(text) {
            let (line, result) = match entry {
                Err((line, wrong)) => (line, Err(wrong)),
                Ok(entry) => (entry.line, self.entry(&entry, &mut state)),
            };
            if let Err(wrong) = result {
                self.read.errors.push(At { file: Arc::clone(&self.file), line }.problem(wrong));
            }
        }
    }

    fn entry(&mut self, entry: &Entry<'_>, state: &mut State) -> Result<(), Wrong> {
        let at = At { file: Arc::clone(&self.file), line: entry.line };
        match &entry.words[..] {
            [first, rest @ ..] if first.text.starts_with(b"$") && !first.quoted => {
                self.directive(&at, first, rest, state)
            }
            _ => {
                let record = record(at, entry, state)?;
                self.read.records.push(record);
                Ok(())
            }
        }
    }

    fn directive(
        &mut self,
        at: &At,
        name: &Word<'_>,
        words: &[Word<'_>],
        state: &mut State,
    ) -> Result<(), Wrong> {
        match words {
            [origin] if name.is("$ORIGIN") => {
                state.origins.here = data::read_name(origin, &state.origins)?;
            }
            [ttl] if name.is("$TTL") => state.default_ttl = Some(data::ttl(ttl)?),
            [file] if name.is("$INCLUDE") => self.include(file, state.clone())?,
            [file, origin] if name.is("$INCLUDE") => {
                let mut state = state.clone();
                state.origins.here = data::read_name(origin, &state.origins)?;
                self.include(file, state)?;
            }
            [_] if name.is("$ADDR_LIMIT_4") || name.is("$ADDR_LIMIT_6") => {
                let wrong = Wrong::new("this directive does nothing here", name.text, "remove it");
                self.read.warnings.push(at.problem(wrong));
            }
            _ => {
                let remedy = "$ORIGIN NAME, $TTL TIME, or $INCLUDE FILE [ORIGIN]";
                return Err(Wrong::new("this is no directive", name.text, remedy));
            }
        }
        Ok(())
    }

    /// Reads another file, relative to this one's folder (RFC 1035 §5.1); what it sets holds in it alone.
    fn include(&mut self, file: &Word<'_>, mut state: State) -> Result<(), Wrong> {
        if self.depth >= DEEPEST {
            let message = format!("files include each other more than {DEEPEST} deep");
            return Err(Wrong::new(message, file.text, "does one include itself?"));
        }
        let name = String::from_utf8(file.bytes()?)
            .map_err(|_| Wrong::new("this is no file's name", file.text, "write it in UTF-8"))?;
        let folder = self.file.parent().unwrap_or(Path::new(""));
        let path: PathBuf = folder.join(name);
        let text = (self.open)(&path).map_err(|error| {
            let remedy = format!("it was looked for at {}", path.display());
            Wrong::new(format!("this file cannot be read: {error}"), file.text, remedy)
        })?;
        state.origins.file = state.origins.here.clone();
        let depth = self.depth + 1;
        FileReader { file: path.into(), depth, open: self.open, read: self.read }.all(&text, state);
        Ok(())
    }
}

fn record(at: At, entry: &Entry<'_>, state: &mut State) -> Result<Record, Wrong> {
    let mut words = &entry.words[..];
    let owner = if entry.blank {
        state.owner.clone().ok_or_else(|| {
            Wrong::new("the first record has no owner", b"", "write a name at the line's start")
        })?
    } else {
        let (first, rest) = words.split_first().ok_or_else(no_type)?;
        words = rest;
        let owner = data::read_name(first, &state.origins)?;
        state.owner = Some(owner.clone());
        owner
    };
    let (ttl, least) = ttl_and_class(&mut words, state)?;
    let (word, words) = words.split_first().ok_or_else(no_type)?;
    if !word.quoted && ["GEO", "DYNA", "DYNC"].iter().any(|geo| word.is(geo)) {
        let data = geo(word, words, least.unwrap_or(ttl / 2))?;
        return Ok(Record { at, owner, ttl, data });
    }
    if least.is_some() {
        return Err(Wrong::new("two times are for geo records", word.text, "write one"));
    }
    let kind = Kind::read(word.as_str()).filter(|kind| !word.quoted && !kind.is_meta());
    let kind = kind.ok_or_else(|| {
        let remedy = "write one such as A or CNAME, or TYPE and its number";
        Wrong::new("this is no type of records", word.text, remedy)
    })?;
    if kind == Kind::DNAME {
        let remedy = "write the names out, or a wildcard";
        return Err(Wrong::new("DNAME is not served", word.text, remedy));
    }
    let bytes = data::read(kind, words, &state.origins)?;
    Ok(Record { at, owner, ttl, data: Data::Plain(kind, bytes) })
}

fn no_type() -> Wrong {
    Wrong::new("a record has a name, a type and data", b"", "write NAME [TTL] [IN] TYPE DATA")
}

/// Takes the time to live and the class, in either order, off `words`: the time, and the shortest where two
/// are written.
fn ttl_and_class(words: &mut &[Word<'_>], state: &mut State) -> Result<(u32, Option<u32>), Wrong> {
    let (mut ttl, mut class) = (None, false);
    while let Some((word, rest)) = words.split_first() {
        if !class && (word.is("IN") || word.is("CLASS1")) {
            class = true;
        } else if ["CH", "HS", "CS"].iter().any(|other| word.is(other)) {
            return Err(Wrong::new("only the class IN is served", word.text, "leave it out"));
        } else if ttl.is_none() && !word.quoted && word.text.first().is_some_and(u8::is_ascii_digit)
        {
            ttl = Some(two_times(word)?);
        } else {
            break;
        }
        *words = rest;
    }
    if let Some((ttl, _)) = ttl {
        state.last_ttl = Some(ttl);
    }
    let default = state.default_ttl.or(state.last_ttl).unwrap_or(DEFAULT_TTL);
    Ok(ttl.unwrap_or((default, None)))
}

/// `MOST` or `MOST/LEAST`.
fn two_times(word: &Word<'_>) -> Result<(u32, Option<u32>), Wrong> {
    let Some(at) = word.text.iter().position(|byte| *byte == b'/') else {
        return Ok((data::ttl(word)?, None));
    };
    let part = |text| data::ttl(&Word { text, quoted: false });
    let (most, least) =
        (part(&word.text[..at])?, part(word.text.get(at + 1..).unwrap_or_default())?);
    if least > most {
        let remedy = "write the longest first: 300/150";
        return Err(Wrong::new("the shortest time is longer than the longest", word.text, remedy));
    }
    Ok((most, Some(least)))
}

/// `GEO resource`, or gdnsd's `DYNA geoip!resource` and `DYNC geoip!resource`.
fn geo(word: &Word<'_>, words: &[Word<'_>], least: u32) -> Result<Data, Wrong> {
    let [what] = words else {
        let remedy = format!("write {} and a resource", word.as_str());
        return Err(Wrong::new("a geo record names one resource", word.text, remedy));
    };
    let resource = if word.is("GEO") {
        what.as_str()
    } else {
        let geoip = what.as_str().strip_prefix("geoip!");
        geoip.ok_or_else(|| {
            let remedy = "write geoip!RESOURCE, or GEO RESOURCE";
            Wrong::new("of gdnsd's plugins only geoip is known", what.text, remedy)
        })?
    };
    if resource.is_empty() || resource.contains('/') {
        let remedy = "write its name; its datacenters are chosen by its map";
        return Err(Wrong::new("this is no resource", what.text, remedy));
    }
    Ok(Data::Geo { resource: resource.to_owned(), alias: word.is("DYNC"), least })
}
