//! Domain names (RFC 1035 §3.1) as they stand in a message, not compressed: labels after their lengths,
//! and the root's empty one. The spelling is kept; what compares names folds them first (RFC 4343).

use std::fmt;

/// The longest name, with the length of each label and the root's.
pub const LONGEST: usize = 255;
/// The longest label.
pub const LONGEST_LABEL: usize = 63;

/// A whole name, at most [`LONGEST`] bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Box<[u8]>);

impl Name {
    /// The root.
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// The name that `text` writes in a master file (RFC 1035 §5.1): `\DDD` is a byte, `\X` is X without its
    /// meaning, and what does not end in a dot lies below `origin`.
    ///
    /// # Errors
    /// Half a sentence about what is wrong with it.
    pub fn read(text: &[u8], origin: &Self) -> Result<Self, &'static str> {
        if text == b"@" {
            return Ok(origin.clone());
        }
        if text == b"." {
            return Ok(Self::root());
        }
        let (mut wire, mut label, mut rest) = (Vec::new(), Vec::new(), text);
        let mut absolute = false;
        while let Some((byte, plain, after)) = unescape(rest)? {
            rest = after;
            if byte == b'.' && plain {
                push_label(&mut wire, &mut label)?;
                absolute = rest.is_empty();
            } else {
                label.push(byte);
            }
        }
        if !absolute {
            push_label(&mut wire, &mut label)?;
        }
        wire.extend_from_slice(if absolute { &[0] } else { &origin.0 });
        if wire.len() > LONGEST { Err("is longer than 255 bytes") } else { Ok(Self(wire.into())) }
    }

    /// The name that begins `wire`, not compressed.
    pub fn from_wire(wire: &[u8]) -> Option<Self> {
        Some(Self(wire.get(..length(wire)?)?.into()))
    }

    /// The bytes of a message.
    pub fn wire(&self) -> &[u8] {
        &self.0
    }

    /// The same in lower case.
    #[must_use]
    pub fn folded(&self) -> Self {
        // No length of a label is a letter.
        Self(self.0.to_ascii_lowercase().into())
    }

    /// Whether it is `other`, whatever the spelling.
    pub fn is(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }

    /// Whether it is `zone` or lies below it.
    pub fn is_within(&self, zone: &Self) -> bool {
        suffixes(&self.0).any(|suffix| suffix.eq_ignore_ascii_case(&zone.0))
    }

    /// Whether its first label is `*`.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(b"\x01*")
    }

    /// The name without its first label; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        parent(&self.0).map(|wire| Self(wire.into()))
    }
}

fn push_label(wire: &mut Vec<u8>, label: &mut Vec<u8>) -> Result<(), &'static str> {
    let length = u8::try_from(label.len()).ok().filter(|length| *length <= 63);
    match length {
        Some(0) => return Err("has an empty label"),
        None => return Err("has a label of more than 63 bytes"),
        Some(length) => wire.push(length),
    }
    wire.append(label);
    Ok(())
}

/// The first byte of what is written, whether it stands for itself, and the rest.
type Unescaped<'a> = Option<(u8, bool, &'a [u8])>;

/// Takes the first byte off `text`, with its escape (RFC 1035 §5.1).
///
/// # Errors
/// Half a sentence about an escape that is none.
pub fn unescape(text: &[u8]) -> Result<Unescaped<'_>, &'static str> {
    match text {
        [] => Ok(None),
        [b'\\', a @ b'0'..=b'9', rest @ ..] => {
            let [b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] = rest else {
                return Err("has an escape of fewer than three digits");
            };
            let number = [a, b, c].iter().fold(0_u16, |sum, d| sum * 10 + u16::from(**d - b'0'));
            let byte = u8::try_from(number).map_err(|_| "has an escape above \\255")?;
            Ok(Some((byte, false, rest)))
        }
        [b'\\', byte, rest @ ..] => Ok(Some((*byte, false, rest))),
        [b'\\'] => Err("ends in a backslash"),
        [byte, rest @ ..] => Ok(Some((*byte, true, rest))),
    }
}

/// The length of the name that begins `wire`, with the root's label; `None` where there is no whole one that
/// is not compressed and not too long.
pub fn length(wire: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let label = usize::from(*wire.get(at)?);
        if label > LONGEST_LABEL {
            return None;
        }
        at += 1 + label;
        if at > LONGEST || at > wire.len() {
            return None;
        }
        if label == 0 {
            return Some(at);
        }
    }
}

/// A whole name without its first label; `None` for the root.
pub fn parent(wire: &[u8]) -> Option<&[u8]> {
    match wire {
        [] | [0, ..] => None,
        [length, ..] => wire.get(1 + usize::from(*length)..),
    }
}

/// A whole name and all that it lies in, the root last.
pub fn suffixes(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(wire), |wire| parent(wire))
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(&self.0, f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(&self.0, f)
    }
}

fn show(wire: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if wire.first().is_none_or(|first| *first == 0) {
        return f.write_str(".");
    }
    for suffix in suffixes(wire) {
        let [length, rest @ ..] = suffix else { return Ok(()) };
        for byte in rest.get(..usize::from(*length)).unwrap_or_default() {
            match byte {
                b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                    write!(f, "\\{}", char::from(*byte))?;
                }
                0x21..=0x7e => write!(f, "{}", char::from(*byte))?,
                _ => write!(f, "\\{byte:03}")?,
            }
        }
        if *length > 0 {
            f.write_str(".")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Name, &'static str> {
        let origin = Name::read(b"wiki.test.", &Name::root()).unwrap();
        Name::read(text.as_bytes(), &origin)
    }

    #[test]
    fn names_are_read_as_master_files_write_them() {
        for (text, shown) in [
            ("@", "wiki.test."),
            (".", "."),
            ("www", "www.wiki.test."),
            ("WWW.example.", "WWW.example."),
            (r"a\.b", r"a\.b.wiki.test."),
            (r"\097\255\\", r"a\255\\.wiki.test."),
            ("*", "*.wiki.test."),
        ] {
            assert_eq!(read(text).unwrap().to_string(), shown, "{text}");
            assert_eq!(read(shown).unwrap(), read(text).unwrap());
        }
        let long = "a".repeat(64);
        let longest = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
        assert_eq!(read(&format!("{longest}.")).unwrap().wire().len(), LONGEST);
        for text in ["", "a..b", "..", ".a", &long, &longest, r"\25", r"\256", "a\\"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_lie_in_each_other_whatever_their_spelling() {
        let (name, zone) = (read("WWW.a").unwrap(), read("A").unwrap());
        assert!(name.is_within(&zone) && zone.is_within(&zone) && !zone.is_within(&name));
        assert!(name.is_within(&Name::root()) && !read("xa").unwrap().is_within(&zone));
        assert!(name.parent().unwrap().is(&zone) && Name::root().parent().is_none());
        assert_eq!(name.folded().to_string(), "www.a.wiki.test.");
        assert!(read("*.a").unwrap().is_wildcard() && !read("a.*").unwrap().is_wildcard());
    }

    #[test]
    fn what_is_no_whole_name_has_no_length() {
        assert_eq!(length(b"\x03www\x00rest"), Some(5));
        for wire in [&b""[..], b"\x03ww", b"\x03www", b"\xc0\x0c", b"\x40", &[1; 256]] {
            assert_eq!(length(wire), None);
            assert_eq!(Name::from_wire(wire), None);
        }
    }
}
