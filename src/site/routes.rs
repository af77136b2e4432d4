//! Which of a site's routes takes a request, and what the origin sees of it then.
//!
//! Routes are tried in the file's order. What one rewrites is what the origin sees alone: the key, and
//! with it every purge, is the public URL's.

use http::{HeaderMap, HeaderName, HeaderValue, request};

use super::view;
use crate::config::{Pattern, Route, When};

/// The first of `routes` that takes a request with `head`, whose key is `key`, by its number.
pub fn find(routes: &[Route], head: &request::Parts, key: &str) -> Option<usize> {
    routes.iter().position(|route| takes(&route.when, head, key))
}

fn takes(when: &When, head: &request::Parts, key: &str) -> bool {
    let (place, query) = key.split_once('?').unwrap_or((key, ""));
    let (host, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    let When { hosts, methods, path: beginning, pattern, query: parameter, header, cookie } = when;
    hosts.as_ref().is_none_or(|hosts| hosts.iter().any(|pattern| pattern.is_match(host)))
        && methods.as_ref().is_none_or(|methods| methods.contains(&head.method))
        && beginning.as_ref().is_none_or(|beginning| path.starts_with(&**beginning))
        && pattern.as_ref().is_none_or(|pattern| pattern.is_match(place.as_bytes()))
        && parameter.as_ref().is_none_or(|wanted| has_parameter(query, wanted))
        && header.as_ref().is_none_or(|wanted| has_field(&head.headers, wanted))
        && cookie.as_ref().is_none_or(|wanted| has_cookie(&head.headers, wanted))
}

fn has_parameter(query: &str, (name, value): &(Box<str>, Option<Box<str>>)) -> bool {
    query.split('&').any(|parameter| {
        let (its_name, its_value) = parameter.split_once('=').unwrap_or((parameter, ""));
        its_name == &**name && value.as_ref().is_none_or(|value| its_value == &**value)
    })
}

fn has_field(headers: &HeaderMap, (name, value): &(HeaderName, Option<Pattern>)) -> bool {
    let matches = |line: &HeaderValue| value.as_ref().is_none_or(|it| it.is_match(line.as_bytes()));
    headers.get_all(name).iter().any(matches)
}

fn has_cookie(headers: &HeaderMap, (name, value): &(Box<str>, Option<Pattern>)) -> bool {
    let matches = |found: &[u8]| value.as_ref().is_none_or(|it| it.is_match(found));
    view::cookie(headers, name).is_some_and(matches)
}

/// Whether a request for `key` must not be rewritten by `route`: with a segment that leads upwards (RFC 3986
/// §5.2.4) the origin might see what lies beside that to which the route leads.
pub fn leads_away(route: &Route, key: &str) -> bool {
    let is_dots = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    };
    let (place, _) = key.split_once('?').unwrap_or((key, ""));
    route.origin_path.is_some() && place.split('/').skip(1).any(is_dots)
}

/// The Host that the origin sees of a request for `key`, where `route` wants another.
pub fn origin_host(route: &Route, key: &str) -> Option<HeaderValue> {
    let template = route.origin_host.as_deref()?;
    let host = expanded(route, key, template)?;
    HeaderValue::try_from(host).ok()
}

/// The target that the origin sees of a request for `target` with the key `key`, where `route` wants
/// another.
pub fn origin_target(route: &Route, key: &str, target: &str) -> Option<String> {
    let template = route.origin_path.as_deref()?;
    let query = target.find('?').map_or("", |at| &target[at..]);
    if route.when.pattern.is_some() {
        let path = expanded(route, key, template)?;
        let slash = if path.starts_with('/') { "" } else { "/" };
        return Some(format!("{slash}{path}{query}"));
    }
    // As it was written, where it was written so.
    let spelled = &key[key.find('/').unwrap_or(key.len())..];
    let beginning = route.when.path.as_deref()?;
    let rest = target.strip_prefix(beginning).or_else(|| spelled.strip_prefix(beginning))?;
    Some(format!("{template}{rest}"))
}

fn expanded(route: &Route, key: &str, template: &str) -> Option<String> {
    match &route.when.pattern {
        Some(pattern) => {
            pattern.expand(key.split_once('?').map_or(key, |(place, _)| place), template)
        }
        None => Some(template.to_owned()),
    }
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
