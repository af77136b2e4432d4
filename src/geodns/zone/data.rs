//! The data of records: from the words of a master file to the bytes of a message, by one table of what each
//! type is made of, and the generic form `\# LENGTH HEX` of any type (RFC 3597 §5).

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::prelude::{BASE64_STANDARD, Engine};

use super::problem::Wrong;
use super::svcb;
use super::words::Word;
use crate::geodns::Name;
use crate::geodns::kind::Kind;
use crate::geodns::name;

/// The longest time to live in seconds (RFC 2181 §8).
pub const LONGEST_TTL: u32 = (1 << 31) - 1;

/// What a type's data is made of, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Name,
    Address4,
    Address6,
    Byte(&'static str),
    Short(&'static str),
    Long(&'static str),
    Seconds(&'static str),
    /// One text with its length before it.
    Text(&'static str),
    /// All that is left, each with its length; longer ones are cut into several.
    Texts,
    /// The rest of the data as one text without length.
    Bare(&'static str),
    /// All that is left, in hexadecimal.
    Hex(&'static str),
    /// Parameters of a service.
    Parameters,
}

fn parts(kind: Kind) -> Option<&'static [Part]> {
    use Part::{
        Address4, Address6, Bare, Byte, Hex, Long, Parameters, Seconds, Short, Text, Texts,
    };
    Some(match kind {
        Kind::A => &[Address4],
        Kind::AAAA => &[Address6],
        Kind::NS | Kind::CNAME | Kind::PTR => &[Part::Name],
        Kind::SOA => &[
            Part::Name,
            Part::Name,
            Long("the serial number"),
            Seconds("refresh"),
            Seconds("retry"),
            Seconds("expire"),
            Seconds("the TTL of what is not there"),
        ],
        Kind::MX => &[Short("the preference"), Part::Name],
        Kind::HINFO => &[Text("the machine"), Text("the system")],
        Kind::TXT => &[Texts],
        Kind::SRV => &[Short("the priority"), Short("the weight"), Short("the port"), Part::Name],
        Kind::CAA => &[Byte("the flags"), Text("the tag"), Bare("the value")],
        Kind::NAPTR => &[
            Short("the order"),
            Short("the preference"),
            Text("the flags"),
            Text("the services"),
            Text("the expression"),
            Part::Name,
        ],
        Kind::TLSA => &[
            Byte("the usage"),
            Byte("the selector"),
            Byte("the matching type"),
            Hex("the association"),
        ],
        Kind::SSHFP => &[Byte("the algorithm"), Byte("the type"), Hex("the fingerprint")],
        Kind::DS => {
            &[Short("the key tag"), Byte("the algorithm"), Byte("the type"), Hex("the digest")]
        }
        Kind::SVCB | Kind::HTTPS => &[Short("the priority"), Part::Name, Parameters],
        _ => return None,
    })
}

/// The names in the data of `kind` that a message may compress (RFC 3597 §4): how many bytes stand before
/// them, and how many names follow one another there.
pub fn compressible(kind: Kind) -> (usize, usize) {
    match kind {
        Kind::NS | Kind::CNAME | Kind::PTR => (0, 1),
        Kind::MX => (2, 1),
        Kind::SOA => (0, 2),
        _ => (0, 0),
    }
}

/// The data of a record of type `kind` that `words` write.
///
/// # Errors
/// The first word that is wrong, or the one that is missing.
pub fn read(kind: Kind, words: &[Word<'_>], origins: &Origins) -> Result<Vec<u8>, Wrong> {
    let bytes = if words.first().is_some_and(|word| !word.quoted && word.text == b"\\#") {
        generic(kind, words)?
    } else {
        let Some(parts) = parts(kind) else {
            let remedy = "write its data as \\# LENGTH HEX (RFC 3597)";
            return Err(Wrong::new(
                "the form of this type is not known",
                kind.to_string().as_bytes(),
                remedy,
            ));
        };
        Reader { words, origins, out: Vec::new() }.all(parts)?
    };
    if u16::try_from(bytes.len()).is_err() {
        return Err(Wrong::new("the data is longer than 65535 bytes", b"", "shorten it"));
    }
    Ok(bytes)
}

struct Reader<'a> {
    words: &'a [Word<'a>],
    origins: &'a Origins,
    out: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn all(mut self, parts: &[Part]) -> Result<Vec<u8>, Wrong> {
        for part in parts {
            self.part(*part)?;
        }
        match self.words.first() {
            None => Ok(self.out),
            Some(word) => Err(Wrong::new("nothing more may follow", word.text, "remove it")),
        }
    }

    fn next(&mut self, what: &str) -> Result<&'a Word<'a>, Wrong> {
        let Some((first, rest)) = self.words.split_first() else {
            return Err(Wrong::new(format!("{what} is missing"), b"", "write it at the end"));
        };
        self.words = rest;
        Ok(first)
    }

    fn rest(&mut self) -> &'a [Word<'a>] {
        std::mem::take(&mut self.words)
    }

    fn part(&mut self, part: Part) -> Result<(), Wrong> {
        match part {
            Part::Name => {
                let name = read_name(self.next("a name")?, self.origins)?;
                self.out.extend_from_slice(name.wire());
            }
            Part::Address4 => {
                let word = self.next("an address")?;
                let address: Ipv4Addr = word.as_str().parse().map_err(|_| {
                    Wrong::new("this is no IPv4 address", word.text, "write one such as 192.0.2.1")
                })?;
                self.out.extend_from_slice(&address.octets());
            }
            Part::Address6 => {
                let word = self.next("an address")?;
                let address: Ipv6Addr = word.as_str().parse().map_err(|_| {
                    Wrong::new(
                        "this is no IPv6 address",
                        word.text,
                        "write one such as 2001:db8::1",
                    )
                })?;
                self.out.extend_from_slice(&address.octets());
            }
            Part::Byte(what) => {
                let number = number(self.next(what)?, what, u64::from(u8::MAX))?;
                self.out.extend_from_slice(&number.to_be_bytes()[7..]);
            }
            Part::Short(what) => {
                let number = number(self.next(what)?, what, u64::from(u16::MAX))?;
                self.out.extend_from_slice(&number.to_be_bytes()[6..]);
            }
            Part::Long(what) => {
                let number = number(self.next(what)?, what, u64::from(u32::MAX))?;
                self.out.extend_from_slice(&number.to_be_bytes()[4..]);
            }
            Part::Seconds(what) => {
                let seconds = ttl(self.next(what)?)?;
                self.out.extend_from_slice(&seconds.to_be_bytes());
            }
            Part::Text(what) => {
                let word = self.next(what)?;
                let bytes = word.bytes()?;
                let Ok(length) = u8::try_from(bytes.len()) else {
                    let message = format!("{what} is longer than 255 bytes");
                    return Err(Wrong::new(message, word.text, "shorten it"));
                };
                self.out.push(length);
                self.out.extend_from_slice(&bytes);
            }
            Part::Texts => self.texts()?,
            Part::Bare(what) => {
                let bytes = self.next(what)?.bytes()?;
                self.out.extend_from_slice(&bytes);
            }
            Part::Hex(what) => {
                if self.words.is_empty() {
                    self.next(what)?;
                }
                let bytes = hex(self.rest())?;
                self.out.extend_from_slice(&bytes);
            }
            Part::Parameters => {
                let words = self.rest();
                svcb::read(words, &mut self.out)?;
            }
        }
        Ok(())
    }

    fn texts(&mut self) -> Result<(), Wrong> {
        if self.words.is_empty() {
            self.next("a text")?;
        }
        for word in self.rest() {
            let bytes = word.bytes()?;
            if bytes.is_empty() {
                self.out.push(0);
            }
            for piece in bytes.chunks(usize::from(u8::MAX)) {
                self.out.extend(u8::try_from(piece.len()));
                self.out.extend_from_slice(piece);
            }
        }
        Ok(())
    }
}

/// What names that do not end in a dot lie below.
#[derive(Clone, Debug)]
pub struct Origins {
    /// `@`, and what is added: `$ORIGIN` or what holds before one.
    pub here: Name,
    /// `@F`: what holds at the beginning of the file (gdnsd).
    pub file: Name,
    /// `@Z`: the zone (gdnsd).
    pub zone: Name,
}

/// The name that `word` writes.
///
/// # Errors
/// What is wrong with it.
pub fn read_name(word: &Word<'_>, origins: &Origins) -> Result<Name, Wrong> {
    let (text, origin) = match word.text {
        b"@Z" => (&b"@"[..], &origins.zone),
        b"@F" => (&b"@"[..], &origins.file),
        [text @ .., b'.', b'@', b'Z'] => (text, &origins.zone),
        [text @ .., b'.', b'@', b'F'] => (text, &origins.file),
        text => (text, &origins.here),
    };
    Name::read(text, origin).map_err(|why| {
        let remedy = "labels of 1 to 63 bytes, parted by dots, 255 bytes in all";
        Wrong::new(format!("this name {why}"), word.text, remedy)
    })
}

fn number(word: &Word<'_>, what: &str, most: u64) -> Result<u64, Wrong> {
    let digits = !word.text.is_empty() && word.text.iter().all(u8::is_ascii_digit);
    let number = word.as_str().parse().ok().filter(|number| digits && *number <= most);
    number.ok_or_else(|| {
        Wrong::new(format!("{what} is a number from 0 to {most}"), word.text, "write one in digits")
    })
}

/// A time to live: seconds, or numbers with the units `s`, `m`, `h`, `d` and `w`, such as `1h30m`.
///
/// # Errors
/// What is wrong with it.
pub fn ttl(word: &Word<'_>) -> Result<u32, Wrong> {
    let found = seconds(word.text).filter(|_| !word.quoted);
    found.ok_or_else(|| {
        let message = format!("a time is from 0 to {LONGEST_TTL} seconds");
        Wrong::new(message, word.text, "write seconds, or units such as 1h30m")
    })
}

/// As [`ttl`]; `None` where `text` is none.
pub fn seconds(text: &[u8]) -> Option<u32> {
    let (mut sum, mut digits) = (0_u64, None);
    for byte in text {
        let unit = match byte.to_ascii_lowercase() {
            digit @ b'0'..=b'9' => {
                let so_far: u64 = digits.unwrap_or(0);
                digits = Some(so_far.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?);
                continue;
            }
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        sum = sum.checked_add(digits.take()?.checked_mul(unit)?)?;
    }
    if text.is_empty() {
        return None;
    }
    let sum = sum.checked_add(digits.unwrap_or(0))?;
    u32::try_from(sum).ok().filter(|seconds| *seconds <= LONGEST_TTL)
}

/// Bytes in hexadecimal, over any number of words.
fn hex(words: &[Word<'_>]) -> Result<Vec<u8>, Wrong> {
    let mut out = Vec::new();
    let mut high = None;
    for word in words {
        for byte in word.text {
            let digit = char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let Some(digit) = digit else {
                let remedy = "write digits 0 to 9 and a to f, two a byte";
                return Err(Wrong::new("this is not hexadecimal", word.text, remedy));
            };
            match high.take() {
                None => high = Some(digit),
                Some(high) => out.push(high << 4 | digit),
            }
        }
    }
    match (high, words.last()) {
        (Some(_), Some(word)) => {
            Err(Wrong::new("the last byte has one digit", word.text, "write two digits a byte"))
        }
        _ => Ok(out),
    }
}

/// Bytes in base64.
///
/// # Errors
/// It is none.
pub(super) fn base64(word: &[u8]) -> Result<Vec<u8>, Wrong> {
    BASE64_STANDARD.decode(word).map_err(|_| Wrong::new("this is not base64", word, "RFC 4648 §4"))
}

fn generic(kind: Kind, words: &[Word<'_>]) -> Result<Vec<u8>, Wrong> {
    let [_, length, data @ ..] = words else {
        return Err(Wrong::new("the length is missing", b"\\#", "write \\# LENGTH HEX"));
    };
    let told = number(length, "the length", u64::from(u16::MAX))?;
    let bytes = hex(data)?;
    if u64::try_from(bytes.len()) != Ok(told) {
        let message = format!("the data has {} bytes and not as many as it says", bytes.len());
        return Err(Wrong::new(message, length.text, "correct the length or the data"));
    }
    if !is_well_formed(kind, &bytes) {
        let message = format!("this is not what {kind} data is made of");
        return Err(Wrong::new(message, length.text, "correct the data (RFC 3597 §5)"));
    }
    Ok(bytes)
}

/// Whether `data` is made of what the type is made of.
pub fn is_well_formed(kind: Kind, data: &[u8]) -> bool {
    let Some(parts) = parts(kind) else { return true };
    let mut rest = data;
    for part in parts {
        let length = match part {
            Part::Name => name::length(rest),
            Part::Byte(_) => Some(1),
            Part::Short(_) => Some(2),
            Part::Address4 | Part::Long(_) | Part::Seconds(_) => Some(4),
            Part::Address6 => Some(16),
            Part::Text(_) => rest.first().map(|length| 1 + usize::from(*length)),
            Part::Bare(_) | Part::Hex(_) => Some(rest.len()),
            Part::Texts => texts_length(rest),
            Part::Parameters => svcb::is_well_formed(rest).then_some(rest.len()),
        };
        match length.and_then(|length| rest.get(length..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

fn texts_length(data: &[u8]) -> Option<usize> {
    let mut rest = data;
    while let [length, after @ ..] = rest {
        rest = after.get(usize::from(*length)..)?;
    }
    (!data.is_empty()).then_some(data.len())
}
