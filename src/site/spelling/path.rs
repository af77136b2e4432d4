//! A path in the spelling that a [`Table`] gives it (RFC 3986 §6.2.2): each byte is looked up once,
//! escapes are in upper case, and a `%` that begins none is `%25`.

use std::borrow::Cow;

use super::tables::{DIGIT, GENERIC, MEDIAWIKI, REST, TITLE, Table, UPLOAD, UPPER_DIGIT, Written};
use super::{PathEncoding, Spelling};

/// `path` as the site spells it.
pub(super) fn spell<'a>(path: &'a str, policy: &Spelling) -> Cow<'a, str> {
    match policy.path {
        PathEncoding::AsSent => Cow::Borrowed(path),
        PathEncoding::Generic => by(path, &GENERIC, false),
        PathEncoding::Upload => by(path, &UPLOAD, true),
        PathEncoding::MediaWiki => by(path, mediawikis(path, policy), false),
    }
}

fn mediawikis(path: &str, policy: &Spelling) -> &'static Table {
    if policy.rest_paths.iter().any(|rest| begins(path, rest, true)) {
        return &REST;
    }
    match policy.article_path.as_deref() {
        Some(pages) if begins(path, pages, false) => &TITLE,
        _ => &MEDIAWIKI,
    }
}

/// Whether `path` begins with `prefix` in whatever spelling; where slashes are `literal`, `%2F` is
/// none. Otherwise a path could be spelled by one table now and by another one when it comes again.
fn begins(path: &str, prefix: &str, literal: bool) -> bool {
    let mut rest = path.as_bytes();
    prefix.bytes().all(|wanted| {
        let Some(unit) = Unit::first(rest) else { return false };
        rest = &rest[unit.length()..];
        unit.byte == wanted && !(literal && unit.escaped && wanted == b'/')
    })
}

/// `path` as `table` spells it, without empty segments where slashes `merge`.
fn by<'a>(path: &'a str, table: &Table, merge: bool) -> Cow<'a, str> {
    let text = path.as_bytes();
    let mut at = settled(text, table, merge);
    if at == text.len() {
        return Cow::Borrowed(path);
    }
    let mut spelled = String::with_capacity(text.len() + 32);
    // Whatever is not ASCII does not stay, so this is a boundary of characters.
    spelled.push_str(&path[..at]);
    while let Some(unit) = Unit::first(&text[at..]) {
        at += unit.length();
        if !(merge && unit.byte == b'/' && spelled.ends_with('/')) {
            push(&mut spelled, unit, table);
        }
    }
    Cow::Owned(spelled)
}

/// How much of `text` stays as it is, from its beginning.
pub(super) fn settled(text: &[u8], table: &Table, merge: bool) -> usize {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if table[usize::from(*byte)] != Written::Encoded {
            if *byte == b'/' && merge && at > 0 && text[at - 1] == b'/' {
                break;
            }
            at += 1;
            continue;
        }
        let [b'%', high, low, ..] = &text[at..] else { break };
        let (high, low) = (UPPER_DIGIT[usize::from(*high)], UPPER_DIGIT[usize::from(*low)]);
        if high | low > 15 || table[usize::from(high << 4 | low)] == Written::Plain {
            break;
        }
        at += 3;
    }
    at
}

/// A byte as it stands in a path or a query: for itself, or in percent-encoding.
#[derive(Clone, Copy)]
pub(super) struct Unit {
    /// The byte that is meant.
    pub byte: u8,
    /// Whether it is percent-encoded, and so takes three bytes.
    pub escaped: bool,
}

impl Unit {
    /// What `text` begins with.
    pub(super) fn first(text: &[u8]) -> Option<Self> {
        let byte = *text.first()?;
        if byte == b'%'
            && let [_, high, low, ..] = text
        {
            let (high, low) = (DIGIT[usize::from(*high)], DIGIT[usize::from(*low)]);
            if high < 16 && low < 16 {
                return Some(Self { byte: high << 4 | low, escaped: true });
            }
        }
        Some(Self { byte, escaped: false })
    }

    /// Its length in the text.
    pub(super) fn length(self) -> usize {
        if self.escaped { 3 } else { 1 }
    }
}

/// Appends a byte as `table` writes it.
pub(super) fn push(spelled: &mut String, unit: Unit, table: &Table) {
    let plain = match table[usize::from(unit.byte)] {
        Written::Plain => true,
        Written::Encoded => false,
        Written::AsCame => !unit.escaped,
    };
    if plain {
        spelled.push(char::from(unit.byte));
        return;
    }
    let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value & 15)]);
    spelled.extend(['%', digit(unit.byte >> 4), digit(unit.byte)]);
}
