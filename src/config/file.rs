//! The first stage: what was written, with its places. Unknown sections and keys, wrong types and
//! values that cannot be read are found here, by the table of keys; what is left out, and what does
//! not go together, is not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::errors::{Errors, Place, did_you_mean, near, shown};
use super::keys::ROOT;
use super::kind::{Form, Part, Section, Value};
use super::read::{self, type_of};

/// A table of the file. After `fill` it has an entry for every key of its section.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) section: &'static Section,
    /// The NAME of `[site.NAME]`; empty where there is none.
    pub(super) name: String,
    /// Where it stands from the root, such as `site.wiki`.
    pub(super) path: String,
    /// The same as it is written, such as `[site.wiki]`.
    pub(super) title: String,
    pub(super) place: Place,
    pub(super) entries: BTreeMap<&'static str, Entry>,
    pub(super) parts: BTreeMap<&'static str, Vec<Table>>,
    /// Parts in which something was refused: that they seem empty says nothing.
    pub(super) refused: BTreeSet<&'static str>,
}

/// A key's value.
#[derive(Debug)]
pub(super) struct Entry {
    /// `None` where it is unset, or was refused.
    pub(super) value: Option<Value>,
    pub(super) place: Place,
    pub(super) source: Source,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// It was written.
    Written,
    /// There is an error about it.
    Refused,
    /// The table of keys.
    Default,
    /// The defaults of this profile.
    Profile(&'static str),
    /// A computation, named so.
    Computed(&'static str),
    /// Nothing is said, which means this.
    Unset(&'static str),
}

/// Reads `text`; `None` where it is not TOML. Paths in it are taken from `dir`.
pub(super) fn read(text: &str, dir: &Path, errors: &mut Errors) -> Option<Table> {
    let (document, bad) = DeTable::parse_recoverable(text);
    // Of a key that stands twice the first is kept, so everything else can still be judged. Other
    // slips of syntax make the rest a guess.
    let mut readable = true;
    for error in bad {
        let place = error.span().map_or(Place::START, Place::from);
        let twice = error.message() == "duplicate key";
        readable &= twice;
        if twice {
            errors.add(place, "this key stands twice", "a key stands once; remove one of them");
        } else {
            let message = format!("this is not TOML: {}", shown(error.message()));
            let hint = if error.message().contains("must be quoted") {
                "what is neither a number nor true nor false stands in quotes, such as \"10s\""
            } else {
                "everything else is checked once this is TOML (https://toml.io)"
            };
            errors.add(place, message, hint);
        }
    }
    let mut root = Table::new(&ROOT, String::new(), "the file".into(), Place::START);
    let mut reader = Reader { dir, errors };
    readable.then(|| {
        reader.table(&mut root, document.get_ref());
        root
    })
}

impl Table {
    pub(super) fn new(
        section: &'static Section,
        path: String,
        title: String,
        place: Place,
    ) -> Self {
        let (entries, parts, refused) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { section, name: String::new(), path, title, place, entries, parts, refused }
    }

    /// The tables of the part `name`.
    pub(super) fn tables(&self, name: &str) -> &[Self] {
        self.parts.get(name).map_or(&[], Vec::as_slice)
    }

    /// The value of `key`, if there is one.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.entries.get(key)?.value.as_ref()
    }

    /// Whether `key` has no value and was not written wrong either.
    pub(super) fn lacks(&self, key: &str) -> bool {
        let refused = |entry: &Entry| entry.source == Source::Refused;
        self.value(key).is_none() && !self.entries.get(key).is_some_and(refused)
    }

    /// Where `key` was written; where it was not, the table.
    pub(super) fn place_of(&self, key: &str) -> Place {
        match self.entries.get(key) {
            Some(entry) if entry.source == Source::Written => entry.place,
            _ => self.place,
        }
    }
}

struct Reader<'a> {
    dir: &'a Path,
    errors: &'a mut Errors,
}

impl Reader<'_> {
    /// Puts what `written` has into `table`.
    fn table(&mut self, table: &mut Table, written: &DeTable<'_>) {
        let section = table.section;
        for (name, value) in written {
            if let Some(key) = section.keys.iter().find(|key| key.name == name.get_ref()) {
                let place = value.span().into();
                let value = read::value(key, value, self.dir, self.errors);
                let source = if value.is_some() { Source::Written } else { Source::Refused };
                table.entries.insert(key.name, Entry { value, place, source });
            } else if let Some(part) = section.parts.iter().find(|part| part.name == name.get_ref())
            {
                let before = self.errors.len();
                let tables = self.part(part, table, value);
                if self.errors.len() > before {
                    table.refused.insert(part.name);
                }
                table.parts.insert(part.name, tables);
            } else {
                self.unknown(table, name.get_ref(), name.span().into(), value.get_ref());
            }
        }
    }

    /// The tables of `part` in `above`, written as `value`.
    fn part(&mut self, part: &Part, above: &Table, value: &Spanned<DeValue<'_>>) -> Vec<Table> {
        let path = join(&above.path, part.name);
        let place = Place::from(value.span());
        let (wanted, written) = match (part.form, value.get_ref()) {
            (Form::One | Form::Maybe, DeValue::Table(written)) => {
                let mut table = Table::new(part.section, path.clone(), format!("[{path}]"), place);
                self.table(&mut table, written);
                return vec![table];
            }
            (Form::Named(_), DeValue::Table(written)) => {
                let named = |(name, value)| self.named(part, &path, name, value);
                return written.iter().filter_map(named).collect();
            }
            (Form::List, DeValue::Array(list)) => {
                let title = format!("[[{path}]]");
                return list
                    .iter()
                    .filter_map(|item| self.item(part, &path, &title, item))
                    .collect();
            }
            (Form::Inline, DeValue::Array(list)) => {
                let title = format!("`{}` of {}", part.name, above.title);
                return list
                    .iter()
                    .filter_map(|item| self.item(part, &path, &title, item))
                    .collect();
            }
            (Form::One | Form::Maybe, other) => {
                (format!("write [{path}] and its keys below"), other)
            }
            (Form::Named(example), other) => {
                (format!("write [{path}.NAME], for example [{path}.{example}]"), other)
            }
            (Form::List, other) => (format!("write [[{path}]] once for each"), other),
            (Form::Inline, other) => {
                let example = part.section.keys.first().map_or("", |key| key.example());
                (format!("for example: {} = [{{ address = {example} }}]", part.name), other)
            }
        };
        let is = match part.form {
            Form::One | Form::Maybe | Form::Named(_) => "a section",
            Form::List => "a list of sections",
            Form::Inline => "a list of tables",
        };
        let message = format!("`{}` is {is}, not {}", part.name, type_of(written));
        self.errors.add(place, message, wanted);
        Vec::new()
    }

    fn named(
        &mut self,
        part: &Part,
        path: &str,
        name: &Spanned<toml::de::DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Table> {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let (text, place) = (name.get_ref().as_ref(), Place::from(name.span()));
        let DeValue::Table(written) = value.get_ref() else {
            let message = format!("`{}` stands in [{path}], which has no name", shown(text));
            let example = match part.form {
                Form::Named(example) => example,
                _ => "NAME",
            };
            let hint = format!("write [{path}.NAME], for example [{path}.{example}]");
            self.errors.add(place, message, hint);
            return None;
        };
        if !(1..=64).contains(&text.len()) || !text.bytes().all(letter) {
            let message = format!("`{}` cannot be a name", shown(text));
            let hint = "a name has 1 to 64 letters, digits, `-`, `_` and dots";
            self.errors.add(place, message, hint);
            return None;
        }
        let path = join(path, text);
        let title = format!("[{path}]");
        let mut table = Table::new(part.section, path, title, place);
        table.name = text.to_owned();
        self.table(&mut table, written);
        Some(table)
    }

    fn item(
        &mut self,
        part: &Part,
        path: &str,
        title: &str,
        item: &Spanned<DeValue<'_>>,
    ) -> Option<Table> {
        let place = item.span().into();
        let mut table = Table::new(part.section, path.to_owned(), title.to_owned(), place);
        let short = part.section.shorthand;
        let short = part.section.keys.iter().find(|key| Some(key.name) == short);
        match (item.get_ref(), short) {
            (DeValue::Table(written), _) => self.table(&mut table, written),
            (DeValue::String(_), Some(key)) => {
                let value = read::value(key, item, self.dir, self.errors)?;
                let source = Source::Written;
                table.entries.insert(key.name, Entry { value: Some(value), place, source });
            }
            (other, _) => {
                let message = format!("{title} takes tables, and this is {}", type_of(other));
                let example = part.section.keys.first().map_or("", |key| key.example());
                let hint = format!("for example: {{ address = {example} }}");
                self.errors.add(place, message, hint);
                return None;
            }
        }
        Some(table)
    }

    /// Adds an error about `name` in `table`, and marks what it was surely meant to be, so that its
    /// absence is no second error.
    fn unknown(&mut self, table: &mut Table, name: &str, place: Place, value: &DeValue<'_>) {
        let section = table.section;
        let keys = section.keys.iter().map(|key| key.name);
        let known = keys.chain(section.parts.iter().map(|part| part.name));
        let name_shown = shown(name);
        let message = match value {
            DeValue::Table(_) if table.path.is_empty() => {
                format!("there is no section [{name_shown}]")
            }
            DeValue::Array(list)
                if table.path.is_empty() && list.iter().any(|item| item.get_ref().is_table()) =>
            {
                format!("there is no section [[{name_shown}]]")
            }
            _ if table.path.is_empty() => format!("`{name_shown}` stands before every section"),
            _ => format!("unknown key `{name_shown}` in {}", table.title),
        };
        let meant = near(name, known.clone());
        let elsewhere = ROOT.parts.iter().find(|p| p.section.keys.iter().any(|k| k.name == name));
        let hint = match elsewhere {
            Some(part) if meant.is_none() => match part.form {
                Form::List => format!("`{name}` is a key of [[{}]]", part.name),
                Form::Named(_) => format!("`{name}` is a key of [{}.NAME]", part.name),
                _ => format!("`{name}` is a key of [{}]", part.name),
            },
            _ => did_you_mean(name, known, "known here"),
        };
        self.errors.add(place, message, hint);
        if let Some(key) = section.keys.iter().find(|key| Some(key.name) == meant) {
            let refused = Entry { value: None, place, source: Source::Refused };
            table.entries.entry(key.name).or_insert(refused);
        }
        if let Some(part) = section.parts.iter().find(|part| Some(part.name) == meant) {
            table.refused.insert(part.name);
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
