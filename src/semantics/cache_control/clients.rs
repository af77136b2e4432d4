//! Cache-Control for clients, apart from what this cache obeys: `s-maxage` is meant for caches that are
//! told when a page changes, and no such word reaches a client's copy.

use http::header::{CACHE_CONTROL, HeaderMap, HeaderValue};

use super::{Argument, Directive};
use crate::semantics::list::{self, Members};

/// What is said to shared caches, or of how long and by whom a copy may be used.
const REPLACED: [&[u8]; 6] =
    [b"s-maxage", b"max-age", b"must-revalidate", b"proxy-revalidate", b"public", b"private"];

/// What grants something, and nothing where it has an argument.
const GRANTS: [&[u8]; 2] = [b"immutable", b"must-understand"];

/// `instead`, with what else the response says, in place of a Cache-Control that names `s-maxage`
/// (RFC 9111 §5.2.2.10); `None` where it names none.
pub fn for_clients(headers: &HeaderMap, instead: &HeaderValue) -> Option<HeaderValue> {
    let said = || list::members(headers, &CACHE_CONTROL);
    if !said().any(|member| is(member, b"s-maxage")) {
        return None;
    }
    let mut told = instead.as_bytes().to_vec();
    for member in said() {
        let replaced = REPLACED.iter().any(|name| is(member, name));
        if replaced || Members::of(instead.as_bytes()).any(|other| is(member, name_of(other))) {
            continue;
        }
        let argument = Directive::read(member).argument;
        if matches!(argument, Argument::Broken) && GRANTS.iter().any(|name| is(member, name)) {
            continue;
        }
        // A quotation mark without its fellow would swallow what follows.
        let is_whole = matches!(argument, Argument::Is(_));
        let piece = if is_whole { member } else { name_of(member) };
        if is_whole || list::is_token(piece) {
            told.extend_from_slice(b", ");
            told.extend_from_slice(piece);
        }
    }
    // Field values joined by commas are a field value.
    HeaderValue::from_bytes(&told).ok()
}

/// Adds `seconds` to the `max-age` of Cache-Control, for a response that has that Age: a client may
/// then use its copy for as long as `max-age` said (RFC 9111 §4.2).
pub fn lengthen(headers: &mut HeaderMap, seconds: u64) {
    let mut told = Vec::new();
    for member in list::members(headers, &CACHE_CONTROL) {
        if !told.is_empty() {
            told.extend_from_slice(b", ");
        }
        let directive = Directive::read(member);
        match (directive.name(), lifetime(&directive)) {
            (b"max-age", Some(lifetime)) => {
                told.extend_from_slice(b"max-age=");
                let sum = lifetime.saturating_add(seconds);
                told.extend_from_slice(itoa::Buffer::new().format(sum).as_bytes());
            }
            _ => told.extend_from_slice(member),
        }
    }
    if let Ok(told) = HeaderValue::from_bytes(&told) {
        headers.insert(CACHE_CONTROL, told);
    }
}

fn lifetime(directive: &Directive<'_>) -> Option<u64> {
    let mut lifetime = None;
    directive.seconds(&mut lifetime);
    lifetime.map(|lifetime| lifetime.as_secs())
}

fn is(member: &[u8], name: &[u8]) -> bool {
    name_of(member).eq_ignore_ascii_case(name)
}

fn name_of(member: &[u8]) -> &[u8] {
    let end = member.iter().position(|&byte| byte == b'=').unwrap_or(member.len());
    member[..end].trim_ascii_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, line.parse().unwrap());
        }
        headers
    }

    fn told(lines: &[&str], instead: &str) -> Option<String> {
        let told = for_clients(&headers(lines), &instead.parse().unwrap())?;
        Some(told.to_str().unwrap().to_owned())
    }

    #[test]
    fn only_what_names_s_maxage_is_replaced_rfc9111_5_2_2_10() {
        for lines in [
            &["max-age=60"][..],
            &["private, must-revalidate, max-age=0"],
            &["x=\"s-maxage=5\""],
            &["no-store", "public"],
            &[],
        ] {
            assert_eq!(told(lines, "private"), None, "{lines:?}");
        }
        assert_eq!(told(&["S-MaxAge=18000"], "private").as_deref(), Some("private"));
    }

    #[test]
    fn what_is_said_to_shared_caches_goes_and_the_rest_stays() {
        for (lines, expected) in [
            (&["s-maxage=18000, must-revalidate, max-age=0"][..], "private, max-age=0"),
            (&["public, proxy-revalidate, private=\"x\", s-maxage=1"], "private, max-age=0"),
            (
                &["s-maxage=9, no-transform, x=\"1, 2\""],
                "private, max-age=0, no-transform, x=\"1, 2\"",
            ),
            (&["no-cache", "s-maxage=9", "immutable"], "private, max-age=0, no-cache, immutable"),
            (&["s-maxage", "no-store"], "private, max-age=0, no-store"),
        ] {
            assert_eq!(told(lines, "private, max-age=0").as_deref(), Some(expected), "{lines:?}");
        }
    }

    #[test]
    fn nothing_is_said_twice() {
        let lines = ["s-maxage=9, No-Transform, a-directive-that-nobody-has-ever-heard-of=1"];
        let expected = "max-age=5, no-transform, a-directive-that-nobody-has-ever-heard-of=1";
        assert_eq!(told(&lines, "max-age=5, no-transform").as_deref(), Some(expected));
    }

    #[test]
    fn a_broken_member_cannot_hide_those_behind_it() {
        let lines = ["s-maxage=9, x=\"1, no-store", "no-cache=\"a", "no-transform, z\""];
        let told = told(&lines, "private").unwrap();
        assert_eq!(told, "private, x, no-store, no-cache, no-transform");
    }

    #[test]
    fn what_grants_nothing_for_its_broken_argument_is_not_told_without_it() {
        let lines = ["s-maxage=9, immutable=\"x", "must-understand=, immutable = 1"];
        assert_eq!(told(&lines, "private").as_deref(), Some("private"));
        assert_eq!(told(&["s-maxage=9, immutable=1"], "x").as_deref(), Some("x, immutable=1"));
    }

    #[test]
    fn a_lifetime_is_lengthened_by_the_age_that_goes_with_it() {
        let mut fields = headers(&["private, max-age=60", "no-transform"]);
        lengthen(&mut fields, 4000);
        assert_eq!(fields[CACHE_CONTROL], "private, max-age=4060, no-transform");
    }
}
