//! What an answer names beside its target: Location and Content-Location (RFC 9111 §4.4).

use http::header::{CONTENT_LOCATION, HeaderMap, HeaderValue, LOCATION};
use http::uri::PathAndQuery;

use super::{fields, first_line};
use crate::semantics::invalidation::{Target, named_beside};
use crate::site::Authority;

/// `data` as a line `scheme authority path`, then fields. What is named lies within the origin, has no
/// dot segments left, and is the same when it is named in full.
pub fn location(data: &[u8]) {
    let (line, rest) = first_line(data);
    let Ok(line) = std::str::from_utf8(line) else { return };
    let mut words = line.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let scheme = if word() == "https" { "https" } else { "http" };
    let authority = word();
    // As the plan hands them over: a target has no fragment.
    let Ok(path) = word().parse::<PathAndQuery>() else { return };
    let path_and_query = path.as_str();
    if !path_and_query.starts_with('/') || Authority::parse(authority).is_err() {
        return;
    }
    let target = Target { scheme, authority, path_and_query };
    for path in named_beside(target, &fields(rest)) {
        assert!(path.starts_with('/'), "{path} is no path");
        let segments = path.split(['?', '#']).next().unwrap_or_default();
        assert!(!segments.split('/').any(|part| part == "." || part == ".."), "{path}");
        let once_more = named(target, &format!("{scheme}://{authority}{path}"));
        if let Some(once_more) = once_more {
            assert_eq!(once_more, path, "it is another page when it is named in full");
        }
        assert_eq!(named(target, &format!("{scheme}://x.{authority}{path}")), None);
        assert_eq!(named(target, &format!("other://{authority}{path}")), None);
    }
}

fn named(target: Target<'_>, reference: &str) -> Option<String> {
    let value = HeaderValue::from_str(reference).ok()?;
    let headers: HeaderMap = [(LOCATION, value)].into_iter().collect();
    assert!(!headers.contains_key(CONTENT_LOCATION));
    named_beside(target, &headers).next()
}
