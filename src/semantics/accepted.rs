//! Which content codings a request takes (RFC 9110 §12.5.3), reduced to those that this node makes
//! or asks origins for. What else Accept-Encoding may name, and how it is written, selects nothing.

use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

use super::list;
use crate::base::{Accepted, Coding};

/// Members that are looked at: a longer list is a stranger's game, and takes nothing.
const MOST: usize = 32;

/// What browsers and their like send, byte for byte: nearly every request has one of these.
const USUAL: [(&[u8], Accepted); 4] = [
    (b"gzip, deflate, br, zstd", Accepted::ALL),
    (b"gzip, deflate, br", Accepted::IDENTITY.with(Coding::Gzip)),
    (b"gzip, deflate", Accepted::IDENTITY.with(Coding::Gzip)),
    (b"gzip", Accepted::IDENTITY.with(Coding::Gzip)),
];

impl Accepted {
    /// What `headers` takes. Without the field, nothing but what is not coded: RFC 9110 would allow
    /// anything, and clients that leave it out mostly understand none. A member that is not well
    /// formed counts for nothing; `q=0` refuses, and `*` stands for what is not named.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(ACCEPT_ENCODING).iter();
        let only = lines.next().filter(|_| lines.next().is_none());
        only.and_then(Self::usual).unwrap_or_else(|| Self::read(headers))
    }

    /// What a request takes whose only Accept-Encoding is `line`, if that is a usual one.
    pub fn usual(line: &HeaderValue) -> Option<Self> {
        USUAL.iter().find(|(usual, _)| *usual == line.as_bytes()).map(|(_, taken)| *taken)
    }

    fn read(headers: &HeaderMap) -> Self {
        let (mut taken, mut named, mut others) = (Self::IDENTITY, Self::default(), None);
        for (number, member) in list::members(headers, &ACCEPT_ENCODING).enumerate() {
            if number == MOST {
                return Self::IDENTITY;
            }
            let (name, takes) = match member.iter().position(|byte| *byte == b';') {
                None => (member, Some(true)),
                Some(at) => (member[..at].trim_ascii_end(), weighs(&member[at + 1..])),
            };
            let Some(takes) = takes else { continue };
            let one = match name {
                _ if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") => {
                    Self::only(Coding::Gzip)
                }
                _ if name.eq_ignore_ascii_case(b"zstd") => Self::only(Coding::Zstd),
                _ if name.eq_ignore_ascii_case(b"identity") => Self::IDENTITY,
                b"*" => {
                    others = Some(takes);
                    continue;
                }
                _ => continue,
            };
            named = named.and(one);
            taken = if takes { taken.and(one) } else { taken.without(one) };
        }
        let unnamed = Self::ALL.without(named);
        match others {
            Some(true) => taken.and(unnamed),
            Some(false) => taken.without(unnamed),
            None => taken,
        }
    }
}

/// Whether the weight behind a member's semicolon is more than zero; `None` where it is none.
fn weighs(parameter: &[u8]) -> Option<bool> {
    let [b'q' | b'Q', b'=', digits @ ..] = parameter.trim_ascii() else { return None };
    let (whole, part) = match digits {
        [whole] => (whole, &[][..]),
        [whole, b'.', part @ ..] if part.len() <= 3 => (whole, part),
        _ => return None,
    };
    let zeros = part.iter().all(|digit| *digit == b'0');
    match whole {
        b'0' if part.iter().all(u8::is_ascii_digit) => Some(!zeros),
        b'1' if zeros => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&'static str]) -> (bool, bool, bool) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(line));
        }
        let accepted = Accepted::of(&headers);
        let taken = |coding| accepted.takes(coding);
        (taken(Coding::Zstd), taken(Coding::Gzip), accepted.takes_identity())
    }

    #[test]
    fn what_a_request_takes_is_a_closed_set_rfc9110_12_5_3() {
        for (lines, taken) in [
            (&[][..], (false, false, true)),
            (&[""], (false, false, true)),
            (&["gzip"], (false, true, true)),
            (&["gzip, deflate, br, zstd"], (true, true, true)),
            (&["br"], (false, false, true)),
            (&["GZIP;q=0.5", "Zstd ; q=1.000"], (true, true, true)),
            (&["x-gzip"], (false, true, true)),
            (&["gzip;q=0"], (false, false, true)),
            (&["gzip;q=0.000, zstd;q=0.001"], (true, false, true)),
            (&["*"], (true, true, true)),
            (&["*;q=0"], (false, false, false)),
            (&["identity;q=0"], (false, false, false)),
            (&["gzip, *;q=0"], (false, true, false)),
            (&["gzip;q=0, *"], (true, false, true)),
            (&["identity, *;q=0"], (false, false, true)),
            (&["gzip;q=2, gzip;x=1, gzip;q=0.0000, gzipped, ,"], (false, false, true)),
            (&["gzip;q=1.001, gzip;q=0.0001, gzip;q=0.0x, gzip;q=0.x"], (false, false, true)),
        ] {
            assert_eq!(of(lines), taken, "{lines:?}");
        }
    }

    #[test]
    fn what_is_usual_is_read_as_it_would_be_if_it_were_not() {
        for (line, taken) in USUAL {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_bytes(line).unwrap());
            assert_eq!((Accepted::read(&headers), Accepted::of(&headers)), (taken, taken));
            assert_eq!(Accepted::usual(&headers[ACCEPT_ENCODING]), Some(taken));
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static("gzip;q=0"));
            assert!(!Accepted::of(&headers).takes(Coding::Gzip), "of several lines all count");
        }
    }

    #[test]
    fn a_list_without_end_takes_nothing() {
        let long: String = "gzip,".repeat(MOST + 1);
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(&long).unwrap());
        assert!(!Accepted::of(&headers).takes(Coding::Gzip));
    }
}
