//! TOML from the table of keys: the reference with every key and its default, and a configuration
//! as it applies.

use std::fmt::Write;

use super::file::{Source, Table};
use super::keys::ROOT;
use super::kind::{Default, Form, Key, Part, Section, quoted};

/// Columns at which the reference's sentences are wrapped.
const WIDTH: usize = 100;

const HEAD: &str = "\
# Every key of a configuration, with its default.
#
# Sections and keys that have an example instead of a default, or whose default depends on
# something, are commented out with a `#` that no space follows. Everything else is as it applies
# when it is left out, but for [[listener]], [admin], [cluster.wiki] and [site.wiki]: without them
# there is none.
#
# Durations are numbers with ms, s, m, h or d (\"10s\", \"1h30m\"), sizes are bytes or numbers with
# KiB, MiB, GiB, TiB, KB, MB, GB or TB (\"4096\", \"8GiB\"). Paths are taken from this file's folder.
#
# This file is written by a test from src/config/keys.rs: TIDEGATE_BLESS=1 cargo test --test config
";

/// The text of `conf/reference.toml`.
pub fn reference() -> String {
    let mut out = String::from(HEAD);
    for part in ROOT.parts {
        reference_part(&mut out, part, "", false);
    }
    out
}

fn reference_part(out: &mut String, part: &Part, above: &str, commented: bool) {
    let commented = commented || part.optional;
    let mark = if commented { "#" } else { "" };
    let path =
        if above.is_empty() { part.name.to_owned() } else { format!("{above}.{}", part.name) };
    out.push('\n');
    wrapped(out, part.section.doc);
    let path = match part.form {
        Form::Inline => {
            for key in part.section.keys {
                wrapped(out, &format!("`{}`: {} {}", key.name, key.doc, default_note(key)));
            }
            let fields =
                part.section.keys.iter().map(|key| format!("{} = {}", key.name, key.example()));
            let fields: Vec<String> = fields.collect();
            line(out, format_args!("{mark}{} = [{{ {} }}]", part.name, fields.join(", ")));
            return;
        }
        Form::One | Form::Maybe => path,
        Form::List => format!("[{path}]"),
        Form::Named(example) => format!("{path}.{example}"),
    };
    line(out, format_args!("{mark}[{path}]"));
    for key in part.section.keys {
        out.push('\n');
        wrapped(out, format!("{} {}", key.doc, default_note(key)).trim_end());
        let live = matches!(key.default, Default::Is(_) | Default::Required { .. });
        let mark = if commented || !live { "#" } else { "" };
        line(out, format_args!("{mark}{} = {}", key.name, key.example()));
    }
    for inner in part.section.parts {
        reference_part(out, inner, &path, commented);
    }
}

/// What the example itself does not say of a default.
fn default_note(key: &Key) -> String {
    let mut note = match key.default {
        Default::Is(_) => String::new(),
        Default::Required { .. } => "Required.".into(),
        Default::Computed { says, .. } | Default::Unset { says, .. } => format!("Default: {says}."),
        Default::OfProfile(list) => {
            let each: Vec<String> =
                list.iter().map(|(profile, text)| format!("{text} in {profile}")).collect();
            format!("Default: {}.", each.join(", "))
        }
    };
    if key.restart {
        note.push_str(" A change needs a restart.");
    }
    note.trim().to_owned()
}

fn wrapped(out: &mut String, text: &str) {
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            out.push('\n');
            column = 0;
        }
        if column == 0 {
            out.push('#');
            column = 1;
        }
        out.push(' ');
        out.push_str(word);
        column += 1 + length;
    }
    if column > 0 {
        out.push('\n');
    }
}

/// What applies of `root`, a filled file.
pub(super) fn effective(root: &Table) -> String {
    let mut out =
        String::from("# What applies. A comment behind a value says where it comes from.\n");
    inner_tables(&mut out, root, "");
    out
}

fn inner_tables(out: &mut String, table: &Table, above: &str) {
    for part in table.section.parts {
        if part.form == Form::Maybe && table.tables(part.name).is_empty() {
            line(out, format_args!("\n# [{above}{}] is not written, so there is none", part.name));
        }
        for inner in table.tables(part.name) {
            let header = match part.form {
                Form::Inline => continue,
                Form::One | Form::Maybe | Form::List => format!("{above}{}", part.name),
                Form::Named(_) => format!("{above}{}.{}", part.name, bare_or_quoted(&inner.name)),
            };
            match part.form {
                Form::List => line(out, format_args!("\n[[{header}]]")),
                _ => line(out, format_args!("\n[{header}]")),
            }
            keys(out, inner);
            inner_tables(out, inner, &format!("{header}."));
        }
    }
}

fn keys(out: &mut String, table: &Table) {
    for key in table.section.keys {
        let Some(entry) = table.entries.get(key.name) else { continue };
        let Some(value) = &entry.value else {
            let Source::Unset(says) = entry.source else { continue };
            line(out, format_args!("# {} is not set: {says}", key.name));
            continue;
        };
        let note = note(entry.source);
        line(out, format_args!("{} = {}{note}", key.name, value.print()));
    }
    let inline = |part: &&Part| part.form == Form::Inline;
    for part in table.section.parts.iter().filter(inline) {
        let tables = table.tables(part.name);
        if !tables.is_empty() {
            line(out, format_args!("{} = [", part.name));
            for inner in tables {
                line(out, format_args!("    {},{}", fields(inner), defaults(inner, part.section)));
            }
            line(out, format_args!("]"));
        }
    }
}

fn note(source: Source) -> String {
    match source {
        Source::Default => "  # default".into(),
        Source::Profile(profile) => format!("  # default of the profile {profile}"),
        Source::Computed(says) => format!("  # default: {says}"),
        Source::Written | Source::Refused | Source::Unset(_) => String::new(),
    }
}

/// `table` as an inline table.
pub(super) fn fields(table: &Table) -> String {
    let keys = table.section.keys.iter();
    let fields: Vec<String> = keys
        .filter_map(|key| Some(format!("{} = {}", key.name, table.value(key.name)?.print())))
        .collect();
    format!("{{ {} }}", fields.join(", "))
}

/// A comment that names the keys of an inline table which were not written.
fn defaults(table: &Table, section: &Section) -> String {
    let unwritten = |key: &&Key| {
        table.entries.get(key.name).is_some_and(|entry| entry.source == Source::Default)
    };
    let names: Vec<&str> = section.keys.iter().filter(unwritten).map(|key| key.name).collect();
    if names.is_empty() { String::new() } else { format!("  # default: {}", names.join(", ")) }
}

/// A part of a header's path.
fn bare_or_quoted(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.bytes().all(bare) { name.to_owned() } else { quoted(name) }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
