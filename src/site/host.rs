//! The host that a request is for, in its one canonical spelling.
//!
//! RFC 9112 §3.3 says where it stands: in an absolute-form target or HTTP/2's `:authority` before
//! the Host field. RFC 9110 §4.2.3 makes hosts equal that differ in case; a trailing dot names the
//! same host. The port is kept apart: it is no part of the key, so that a purge covers every
//! spelling, but it is part of what the origin sees and so a variant axis ([`crate::base::Axis`]).

use std::net::Ipv6Addr;

use http::header::HOST;
use http::{HeaderMap, Uri};

use crate::base::Reason;

/// The longest host that DNS can name, in bytes of its text form (RFC 1035 §2.3.4).
const MAX_HOST: usize = 253;

/// A host and, where one is named, a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The host as it was written, without port and without a trailing dot.
    pub host: &'a str,
    /// The port, where one was written.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// The authority that a request is for.
    ///
    /// # Errors
    /// [`Reason::BadHost`] where there is none, where there are two, where they differ, or where
    /// one is not a host.
    pub fn of(target: &'a Uri, headers: &'a HeaderMap) -> Result<Self, Reason> {
        let mut fields = headers.get_all(HOST).iter();
        let field = match (fields.next(), fields.next()) {
            (Some(_), Some(_)) => return Err(Reason::BadHost),
            (Some(value), None) => Some(Self::parse(value.to_str().map_err(|_| Reason::BadHost)?)?),
            (None, _) => None,
        };
        match (target.authority(), field) {
            (Some(authority), field) => {
                let named = Self::parse(authority.as_str())?;
                // RFC 9110 §7.2: a Host that contradicts the target is a smuggler's.
                match field {
                    Some(field) if !field.names_the_same(&named) => Err(Reason::BadHost),
                    _ => Ok(named),
                }
            }
            (None, Some(field)) => Ok(field),
            (None, None) => Err(Reason::BadHost),
        }
    }

    /// Reads `host[:port]`.
    ///
    /// # Errors
    /// [`Reason::BadHost`] where the text is neither a DNS name nor an address.
    pub fn parse(text: &'a str) -> Result<Self, Reason> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let end = rest.find(']').ok_or(Reason::BadHost)?;
                let (host, after) = (&text[..end + 2], &rest[end + 1..]);
                let literal = &host[1..host.len() - 1];
                let address = literal.parse::<Ipv6Addr>().map_err(|_| Reason::BadHost)?;
                // One address has many spellings and would have as many keys: only that of RFC 5952
                // is taken, which is what clients make of the others.
                if !literal.eq_ignore_ascii_case(&address.to_string()) {
                    return Err(Reason::BadHost);
                }
                (host, after.strip_prefix(':').or_else(|| after.is_empty().then_some("")))
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, Some("")),
            },
        };
        let port = match port.ok_or(Reason::BadHost)? {
            // `host:` is `host` (RFC 3986 §3.2.3).
            "" => None,
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
                Some(digits.parse().map_err(|_| Reason::BadHost)?)
            }
            _ => return Err(Reason::BadHost),
        };
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.len() > MAX_HOST || !(host.starts_with('[') || is_name(host)) {
            return Err(Reason::BadHost);
        }
        Ok(Self { host, port })
    }

    fn names_the_same(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(other.host) && self.port == other.port
    }
}

/// Whether `host` is labels with single dots between them. An empty label names no host (RFC 1035
/// §2.3.1), and would give one host two keys.
fn is_name(host: &str) -> bool {
    let mut label = 0;
    for byte in host.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'A'..=b'Z' => label += 1,
            b'.' if label > 0 => label = 0,
            _ => return false,
        }
    }
    label > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn of(target: &str, hosts: &[&str]) -> Result<(String, Option<u16>), Reason> {
        let target: Uri = target.parse().unwrap();
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_str(host).unwrap());
        }
        Authority::of(&target, &headers).map(|a| (a.host.to_owned(), a.port))
    }

    #[test]
    fn the_target_names_the_host_before_the_field_does() {
        assert_eq!(of("http://a.test/x", &[]), Ok(("a.test".into(), None)));
        assert_eq!(of("http://a.test/x", &["A.test"]), Ok(("a.test".into(), None)));
        assert_eq!(of("/x", &["a.test:8080"]), Ok(("a.test".into(), Some(8080))));
    }

    #[test]
    fn contradicting_double_and_missing_hosts_are_refused() {
        for (target, hosts) in [
            ("http://a.test/", &["b.test"][..]),
            ("http://a.test/", &["a.test:81"]),
            ("/", &["a.test", "a.test"]),
            ("/", &[]),
        ] {
            assert_eq!(of(target, hosts), Err(Reason::BadHost), "{target} {hosts:?}");
        }
    }

    #[test]
    fn spellings_of_a_host() {
        for (text, host, port) in [
            ("wiki.test", "wiki.test", None),
            ("wiki.test.", "wiki.test", None),
            ("wiki.test:", "wiki.test", None),
            ("wiki.test.:443", "wiki.test", Some(443)),
            ("127.0.0.1:8080", "127.0.0.1", Some(8080)),
            ("[::1]:80", "[::1]", Some(80)),
            ("[::1]", "[::1]", None),
            ("[2001:DB8::1]", "[2001:DB8::1]", None),
        ] {
            assert_eq!(Authority::parse(text), Ok(Authority { host, port }), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let long = "a".repeat(254);
        for text in [
            "",
            ".",
            ":80",
            "a b",
            "a/b",
            "u@a.test",
            "a.test:80x",
            "a.test:99999",
            "a.test:+80",
            "[::1",
            "[::1]x",
            "[zz]",
            "[::0001]",
            "[0:0:0:0:0:0:0:1]",
            "[2001:db8::0:1]",
            "a\u{e9}.test",
            "a%2e.test",
            "a..",
            ".a",
            "a..b",
            &long,
        ] {
            assert_eq!(Authority::parse(text), Err(Reason::BadHost), "{text}");
        }
    }
}
