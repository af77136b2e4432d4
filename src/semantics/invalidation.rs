//! What a request that changes something invalidates (RFC 9111 §4.4): its own target, and what
//! Location and Content-Location name within the same origin. Making keys of the targets and ordering
//! their purge against fetches is done elsewhere.

use http::header::{CONTENT_LOCATION, HeaderMap, LOCATION};
use http::{Method, StatusCode};

/// Whether a method is known to be safe (RFC 9110 §9.2.1); unknown methods are not.
pub fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(method)
}

/// Whether the answer to a request means that what is stored for its target no longer holds: an
/// unsafe method, and no error (RFC 9111 §4.4).
pub fn invalidates(method: &Method, status: StatusCode) -> bool {
    !is_safe(method) && (status.is_success() || status.is_redirection())
}

/// The target of a request: its origin (RFC 9110 §4.3.1) and its path.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// `http` or `https`, lower case.
    pub scheme: &'a str,
    /// Host and, where it was given, port.
    pub authority: &'a str,
    /// The path with the query; begins with a slash.
    pub path_and_query: &'a str,
}

/// The paths with queries that Location and Content-Location name, where they stand once and lie
/// within the target's origin; names of another origin invalidate nothing (RFC 9111 §4.4).
pub fn named_beside(target: Target<'_>, response: &HeaderMap) -> impl Iterator<Item = String> {
    [LOCATION, CONTENT_LOCATION].into_iter().filter_map(move |name| {
        let mut lines = response.get_all(name).iter();
        let reference = lines.next()?.to_str().ok()?.trim_ascii();
        if lines.next().is_some() { None } else { resolve(target, reference) }
    })
}

/// Resolves a URI reference (RFC 3986 §5.2.2); `None` where that leaves the origin.
fn resolve(target: Target<'_>, reference: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or_default();
    let (scheme, rest) = match scheme_of(reference) {
        Some((scheme, rest)) => (scheme, rest),
        None => (target.scheme, reference),
    };
    if let Some(rest) = rest.strip_prefix("//") {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        return same_origin(target, scheme, authority).then(|| normal(path));
    }
    // A scheme without an authority is another kind of URI.
    if rest.len() != reference.len() {
        return None;
    }
    let path = target.path_and_query.split('?').next().unwrap_or_default();
    Some(match rest.as_bytes().first() {
        None => normal(target.path_and_query),
        Some(b'/') => normal(rest),
        Some(b'?') => normal(&format!("{path}{rest}")),
        Some(_) => {
            let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
            normal(&format!("{folder}{rest}"))
        }
    })
}

/// Splits off the scheme (RFC 3986 §3.1).
fn scheme_of(reference: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = reference.split_once(':')?;
    let wellformed = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    wellformed.then_some((scheme, rest))
}

/// Whether scheme, host and port are the same (RFC 9110 §4.3.1).
fn same_origin(target: Target<'_>, scheme: &str, authority: &str) -> bool {
    scheme.eq_ignore_ascii_case(target.scheme)
        && without_default_port(authority, target.scheme)
            .eq_ignore_ascii_case(without_default_port(target.authority, target.scheme))
}

fn without_default_port<'a>(authority: &'a str, scheme: &str) -> &'a str {
    let default = if scheme == "https" { ":443" } else { ":80" };
    authority.strip_suffix(default).or_else(|| authority.strip_suffix(':')).unwrap_or(authority)
}

/// Removes dot segments from the path and leaves the query (RFC 3986 §5.2.4, §6.2.3).
fn normal(path_and_query: &str) -> String {
    let split = path_and_query.find('?').unwrap_or(path_and_query.len());
    let (path, query) = path_and_query.split_at(split);
    let mut kept: Vec<&str> = Vec::new();
    let mut open = false;
    for segment in path.split('/').skip(1) {
        open = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let mut normal = String::with_capacity(path_and_query.len() + 1);
    for segment in &kept {
        normal.push('/');
        normal.push_str(segment);
    }
    if open || kept.is_empty() {
        normal.push('/');
    }
    normal.push_str(query);
    normal
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn unsafe_and_unknown_methods_invalidate_unless_they_fail_rfc9111_4_4() {
        let unknown = Method::from_bytes(b"M-SEARCH").unwrap();
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, unknown] {
            for (status, expected) in
                [(200, true), (204, true), (302, true), (404, false), (500, false), (100, false)]
            {
                let status = StatusCode::from_u16(status).unwrap();
                assert_eq!(invalidates(&method, status), expected, "{method} {status}");
            }
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
            assert!(!invalidates(&method, StatusCode::OK), "{method}");
        }
    }

    fn named(reference: &'static str) -> Vec<String> {
        let target = Target {
            scheme: "https",
            authority: "wiki.test",
            path_and_query: "/a/b/c?action=submit",
        };
        let mut response = HeaderMap::new();
        response.insert(LOCATION, HeaderValue::from_static(reference));
        named_beside(target, &response).collect()
    }

    #[test]
    fn references_within_the_origin_are_resolved_rfc3986_5_4() {
        for (reference, expected) in [
            ("https://wiki.test/x?y", "/x?y"),
            ("HTTPS://WIKI.test:443/x", "/x"),
            ("https://wiki.test:/x", "/x"),
            ("https://wiki.test", "/"),
            ("https://wiki.test?y", "/?y"),
            ("//wiki.test/x#part", "/x"),
            ("/x/./y/../z", "/x/z"),
            ("/x/..", "/"),
            ("/x/.", "/x/"),
            ("/../../x", "/x"),
            ("/x//y", "/x//y"),
            ("d", "/a/b/d"),
            ("./d/", "/a/b/d/"),
            ("../d?e/../f", "/a/d?e/../f"),
            ("?y", "/a/b/c?y"),
            ("", "/a/b/c?action=submit"),
            ("#part", "/a/b/c?action=submit"),
            ("d/x:y", "/a/b/d/x:y"),
            (" /x ", "/x"),
        ] {
            assert_eq!(named(reference), [expected], "{reference}");
        }
    }

    #[test]
    fn other_origins_invalidate_nothing_rfc9111_4_4() {
        for reference in [
            "http://wiki.test/x",
            "https://wiki.test:8443/x",
            "https://other.test/x",
            "https://wiki.test.evil/x",
            "https://user@wiki.test/x",
            "//other.test/x",
            "mailto:x",
            "https:/x",
            "https:x",
        ] {
            assert_eq!(named(reference), [""; 0], "{reference}");
        }
    }

    #[test]
    fn both_fields_count_and_repeated_ones_do_not() {
        let target = Target { scheme: "http", authority: "w:80", path_and_query: "/" };
        let mut response = HeaderMap::new();
        response.append(LOCATION, HeaderValue::from_static("http://w/x"));
        response.append(CONTENT_LOCATION, HeaderValue::from_static("y"));
        assert_eq!(named_beside(target, &response).collect::<Vec<_>>(), ["/x", "/y"]);
        response.append(LOCATION, HeaderValue::from_static("/z"));
        assert_eq!(named_beside(target, &response).collect::<Vec<_>>(), ["/y"]);
        let odd = HeaderValue::from_bytes(b"/\xff").unwrap();
        response.insert(CONTENT_LOCATION, odd);
        assert_eq!(named_beside(target, &response).count(), 0);
    }
}
