//! The parameters of services (RFC 9460 §2.1 and §14.3), from `key=value` to bytes in the order of their
//! keys. Values that have a comma in themselves are written under the key's number.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::data::base64;
use super::problem::Wrong;
use super::words::Word;

const KEYS: [&str; 8] =
    ["mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath"];

/// Adds the parameters that `words` write to `out`.
///
/// # Errors
/// The first that is wrong.
pub(super) fn read(words: &[Word<'_>], out: &mut Vec<u8>) -> Result<(), Wrong> {
    let mut found = BTreeMap::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let equals = word.text.iter().position(|byte| *byte == b'=').filter(|_| !word.quoted);
        let (key, value) = match equals {
            None => (word.text, None),
            Some(at) => (&word.text[..at], word.text.get(at + 1..)),
        };
        let value = match value {
            None => Vec::new(),
            // The value stands in quotes of its own.
            Some([]) if words.peek().is_some_and(|next| next.quoted) => {
                words.next().map_or(Ok(Vec::new()), Word::bytes)?
            }
            Some(text) => Word { text, quoted: false }.bytes()?,
        };
        let number = number(key).ok_or_else(|| {
            let remedy = format!("one of {}, or keyNUMBER", KEYS.join(", "));
            Wrong::new("there is no such parameter", word.text, remedy)
        })?;
        if found.insert(number, encode(number, &value, word)?).is_some() {
            return Err(Wrong::new("this parameter stands twice", word.text, "remove one"));
        }
    }
    for (key, value) in found {
        out.extend_from_slice(&key.to_be_bytes());
        let length = u16::try_from(value.len());
        let length = length.map_err(|_| Wrong::new("a value is too long", b"", "shorten it"))?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&value);
    }
    Ok(())
}

fn number(key: &[u8]) -> Option<u16> {
    let key = std::str::from_utf8(key).ok()?;
    let known = KEYS.iter().position(|name| *name == key).and_then(|at| u16::try_from(at).ok());
    known.or_else(|| key.strip_prefix("key")?.parse().ok())
}

fn encode(key: u16, value: &[u8], word: &Word<'_>) -> Result<Vec<u8>, Wrong> {
    let wrong = |message: &str| Wrong::new(message, word.text, "RFC 9460 §7");
    let items = || value.split(|byte| *byte == b',').map(|item| std::str::from_utf8(item).ok());
    let text = || std::str::from_utf8(value).ok();
    let all = match key {
        0 => items()
            .map(|item| Some(number(item?.as_bytes())?.to_be_bytes().to_vec()))
            .collect::<Option<Vec<_>>>()
            .map(|mut keys| {
                keys.sort();
                keys.concat()
            }),
        1 => items()
            .map(|item| {
                let item = item.filter(|item| !item.is_empty())?;
                Some([&[u8::try_from(item.len()).ok()?], item.as_bytes()].concat())
            })
            .collect::<Option<Vec<_>>>()
            .map(|items| items.concat()),
        2 => value.is_empty().then(Vec::new),
        3 => text().and_then(|text| Some(text.parse::<u16>().ok()?.to_be_bytes().to_vec())),
        4 => items()
            .map(|item| Some(item?.parse::<Ipv4Addr>().ok()?.octets().to_vec()))
            .collect::<Option<Vec<_>>>()
            .map(|items| items.concat()),
        5 => Some(base64(value)?),
        6 => items()
            .map(|item| Some(item?.parse::<Ipv6Addr>().ok()?.octets().to_vec()))
            .collect::<Option<Vec<_>>>()
            .map(|items| items.concat()),
        _ => Some(value.to_vec()),
    };
    all.ok_or_else(|| wrong("this parameter's value is none"))
}

/// Whether `data` is parameters in the order of their keys.
pub(super) fn is_well_formed(data: &[u8]) -> bool {
    let (mut rest, mut last) = (data, None);
    while let [a, b, c, d, after @ ..] = rest {
        let (key, length) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
        if last.is_some_and(|last| last >= key) {
            return false;
        }
        last = Some(key);
        match after.get(usize::from(length)..) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}
