//! Hosts as they are written: those that a site answers for, and origin servers. What is wrong
//! comes back as a message about the text and a hint.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::errors::shown;
use super::kind::Origin;
use super::meaning::{Host, HostPattern};

/// A message and a hint.
pub(super) type Bad = (String, String);

/// Bytes of a whole name (RFC 1035 §2.3.4).
const MOST_NAME: usize = 253;

/// Bytes of a label (RFC 1035 §2.3.4).
const MOST_LABEL: usize = 63;

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Suffix(suffix) => write!(f, "*{suffix}"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// As a URL has it: an IPv6 address stands in brackets.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// A host of a site: a name, `*.suffix` or `*`.
pub(super) fn pattern(text: &str) -> Result<HostPattern, Bad> {
    if text == "*" {
        return Ok(HostPattern::Any);
    }
    if let Some(address) = text.strip_prefix('[') {
        return literal(text, address);
    }
    let (wildcard, name) = match text.strip_prefix("*.") {
        Some(name) => (true, name),
        None => (false, text),
    };
    if name.contains('*') {
        return Err((
            format!("`{}` has a wildcard that is not its whole first label", shown(text)),
            "`*.wiki.test` matches every name below `wiki.test`, `*` matches every host".into(),
        ));
    }
    let name = self::name(text, name)?;
    Ok(if wildcard { HostPattern::Suffix(format!(".{name}")) } else { HostPattern::Exact(name) })
}

/// An IPv6 address in brackets, of which `rest` is what follows the first one.
fn literal(text: &str, rest: &str) -> Result<HostPattern, Bad> {
    let address = rest.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
    let address = address.ok_or_else(|| {
        (
            format!("`{}` is no IPv6 address in brackets", shown(text)),
            "for example \"[2001:db8::1]\", without a port".to_owned(),
        )
    })?;
    Ok(HostPattern::Exact(format!("[{address}]")))
}

/// `name`, a part of `text`, in lower case and without its last dot.
fn name(text: &str, name: &str) -> Result<String, Bad> {
    let bad = |what: &str, hint: &str| Err((format!("`{}` {what}", shown(text)), hint.to_owned()));
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return bad("is no host", "for example \"en.wiki.test\", \"*.wiki.test\" or \"*\"");
    }
    if name.contains("://") || name.contains('/') {
        return bad("is a URL and no host", "write the host alone, for example \"en.wiki.test\"");
    }
    if name.parse::<Ipv6Addr>().is_ok() {
        return bad("is an IPv6 address without brackets", "for example \"[2001:db8::1]\"");
    }
    if let Some((host, port)) = name.rsplit_once(':')
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        let hint = format!("a site answers on every port: write \"{}\"", shown(host));
        return bad("has a port", &hint);
    }
    if !name.is_ascii() {
        return bad(
            "has letters beyond ASCII",
            "write the name as DNS has it, in punycode: each such label begins with `xn--`",
        );
    }
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !name.bytes().all(|byte| letter(byte) || byte == b'.') {
        return bad("is no host", "a host has letters, digits, `-`, `_` and dots");
    }
    let label = |label: &str| (1..=MOST_LABEL).contains(&label.len());
    if name.len() > MOST_NAME || !name.split('.').all(label) {
        return bad("is no host", "labels have 1 to 63 letters, whole names at most 253");
    }
    Ok(name.to_ascii_lowercase())
}

/// An origin server: `host:port`, `http://host[:port]` or `https://host[:port]`.
pub(super) fn origin(text: &str) -> Result<Origin, Bad> {
    let bad = |what: &str, hint: &str| Err((format!("`{}` {what}", shown(text)), hint.to_owned()));
    let (tls, default, rest) = match text.split_once("://") {
        Some(("http", rest)) => (false, Some(80), rest),
        Some(("https", rest)) => (true, Some(443), rest),
        Some((scheme, _)) => {
            let what = format!("has the scheme `{}`", shown(scheme));
            return bad(&what, "a server is reached over `http://` or `https://`");
        }
        None => (false, None, text),
    };
    // A lone slash after a URL's host says nothing.
    let rest = if default.is_some() { rest.strip_suffix('/').unwrap_or(rest) } else { rest };
    if rest.contains(['/', '?', '#', '@']) {
        return bad(
            "has more than a host and a port",
            "paths come from requests; for example \"https://origin.test:443\"",
        );
    }
    if rest.parse::<Ipv6Addr>().is_ok() {
        return bad("is an IPv6 address without brackets", "for example \"[::1]:80\"");
    }
    let (host, port) = match rest.rsplit_once(':') {
        // The last colon of `[::1]` is inside of the brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let port = match port {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        Some(_) => None,
        None => default,
    };
    let Some(port) = port.filter(|port| *port > 0) else {
        let hint =
            "a port is 1 to 65535; for example \"127.0.0.1:8080\" or \"https://origin.test\"";
        return bad("has no port", hint);
    };
    let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(inner) => inner.parse().ok().map(|v6: Ipv6Addr| Host::Address(IpAddr::V6(v6))),
        None => host.parse().ok().map(|v4| Host::Address(IpAddr::V4(v4))),
    }
    .map_or_else(|| name(text, host).map(Host::Name), Ok)?;
    Ok(Origin { text: text.to_owned(), host, port, tls })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_lower_case_names_suffixes_or_anything() {
        for (text, expected) in [
            ("wiki.test", HostPattern::Exact("wiki.test".into())),
            ("EN.Wiki.Test.", HostPattern::Exact("en.wiki.test".into())),
            ("*.Wiki.test", HostPattern::Suffix(".wiki.test".into())),
            ("*.test.", HostPattern::Suffix(".test".into())),
            ("*", HostPattern::Any),
            ("xn--bcher-kva.test", HostPattern::Exact("xn--bcher-kva.test".into())),
            ("127.0.0.1", HostPattern::Exact("127.0.0.1".into())),
            ("[::0001]", HostPattern::Exact("[::1]".into())),
        ] {
            assert_eq!(pattern(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_bad_host_says_what_is_wrong_with_it() {
        for (text, message) in [
            ("", "`` is no host"),
            ("*.", "`*.` is no host"),
            (".", "`.` is no host"),
            ("a..b", "`a..b` is no host"),
            ("a b", "`a b` is no host"),
            ("w*.test", "`w*.test` has a wildcard that is not its whole first label"),
            ("*.*.test", "`*.*.test` has a wildcard that is not its whole first label"),
            ("wiki.test:80", "`wiki.test:80` has a port"),
            ("http://wiki.test", "`http://wiki.test` is a URL and no host"),
            ("bücher.test", "`bücher.test` has letters beyond ASCII"),
            ("::1", "`::1` is an IPv6 address without brackets"),
            ("[::1]:80", "`[::1]:80` is no IPv6 address in brackets"),
        ] {
            assert_eq!(
                pattern(text).map_err(|(message, _)| message),
                Err(message.into()),
                "{text}"
            );
        }
        assert!(pattern(&"a".repeat(64)).is_err());
        assert!(pattern(&"a.".repeat(128)).is_err());
    }

    #[test]
    fn servers_are_addresses_or_urls() {
        let name = |name: &str| Host::Name(name.into());
        let address = |text: &str| Host::Address(text.parse().unwrap());
        for (text, host, port, tls) in [
            ("127.0.0.1:18080", address("127.0.0.1"), 18080, false),
            ("[::1]:80", address("::1"), 80, false),
            ("Origin.test:8080", name("origin.test"), 8080, false),
            ("http://origin.test", name("origin.test"), 80, false),
            ("https://origin.test/", name("origin.test"), 443, true),
            ("https://[2001:db8::1]", address("2001:db8::1"), 443, true),
            ("https://[::1]:8443", address("::1"), 8443, true),
        ] {
            let got = origin(text).unwrap();
            assert_eq!((got.host, got.port, got.tls), (host, port, tls), "{text}");
            assert_eq!(got.text, text);
        }
    }

    #[test]
    fn a_bad_server_says_what_is_wrong_with_it() {
        for (text, message) in [
            ("origin.test", "`origin.test` has no port"),
            ("origin.test:0", "`origin.test:0` has no port"),
            ("origin.test:65536", "`origin.test:65536` has no port"),
            ("origin.test:http", "`origin.test:http` has no port"),
            ("ftp://origin.test", "`ftp://origin.test` has the scheme `ftp`"),
            ("http://a/b", "`http://a/b` has more than a host and a port"),
            ("::1", "`::1` is an IPv6 address without brackets"),
            ("[::x]:80", "`[::x]:80` is no host"),
            (":80", "`:80` is no host"),
        ] {
            assert_eq!(origin(text).map_err(|(message, _)| message), Err(message.into()), "{text}");
        }
    }
}
