//! Fields that concern one connection and are not passed on (RFC 9110 §7.6.1).
//!
//! Connection may name fields of its own, but not such as are meant for everybody: a sender that
//! names Content-Length or X-Forwarded-For wants the next hop to read another request than we did.
//! [`connection_names_forbidden`] finds that, and [`strip_hop_by_hop`] never removes them for it.
//! [`strip_look_alikes`] is for one more way to have two hops frame or believe differently.

use http::header::{
    AGE, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, COOKIE, DATE, EXPIRES, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION,
    MAX_FORWARDS, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, VARY,
};

use super::{Present, list};

/// Removed whether Connection names them or not (RFC 9110 §7.6.1); those of proxies concern the next
/// proxy, which we are (§11.7).
pub(super) const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Options that a request's Connection may have.
const OPTIONS: usize = 64;

/// Fields that say how a message is framed, routed, stored or read, which has happened when trailers
/// come (RFC 9110 §6.5.1).
const NO_TRAILERS: [HeaderName; 16] = [
    AGE,
    AUTHORIZATION,
    CACHE_CONTROL,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    COOKIE,
    DATE,
    EXPIRES,
    HOST,
    LOCATION,
    MAX_FORWARDS,
    SET_COOKIE,
    TRAILER,
    VARY,
];

/// Removes from the trailer fields of a response what is not passed on, and what may not stand there:
/// HTTP/2 has no way to say the one (RFC 9113 §8.2.2), and a cache would keep the other for everybody.
pub fn strip_response_trailers(trailers: &mut HeaderMap) {
    for name in HOP_BY_HOP.iter().chain(&NO_TRAILERS) {
        trailers.remove(name);
    }
}

/// Removes from a request or a response what is not passed on. Trailer stays: it announces fields
/// that pass through. TE goes; [`accepts_trailers`] must be asked before.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if !Present::of(headers).has(Present::HOP_BY_HOP) {
        return;
    }
    let lines: Vec<HeaderValue> = headers.get_all(CONNECTION).iter().cloned().collect();
    for option in lines.iter().flat_map(|line| list::Members::of(line.as_bytes())) {
        // Most options name no field that is there, and need not become names.
        if std::str::from_utf8(option).is_ok_and(|option| headers.contains_key(option))
            && let Ok(name) = HeaderName::from_bytes(option)
            && !is_end_to_end(&name)
        {
            headers.remove(name);
        }
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Whether Connection names a field that is meant for everybody on the way, or by which the request
/// is framed; such a request is refused (RFC 9110 §7.6.1: a sender must not). So is one that names
/// more than anybody has reason to: each name is looked for.
pub fn connection_names_forbidden(headers: &HeaderMap) -> bool {
    list::members(headers, &CONNECTION).enumerate().any(|(at, option)| {
        let name = HeaderName::from_bytes(option);
        at >= OPTIONS || name.is_ok_and(|name| name == TRANSFER_ENCODING || is_end_to_end(&name))
    })
}

/// Names that tell of a request's framing and way, beside the families and hop-by-hop fields.
const LOOKED_LIKE: [&str; 6] =
    ["content-length", "forwarded", "host", "via", "x-client-ip", "x-request-id"];

/// Removes fields that an origin may take for others: what CGI's reading of `-` as `_`
/// (RFC 3875 §4.1.18) makes one of those by which a request is framed or that tell of its way, and
/// names with the one byte that [`HeaderName`] takes and no token has, a quotation mark.
pub fn strip_look_alikes(headers: &mut HeaderMap) {
    // One look at most names: they hold neither of the two.
    let odd = |name: &&HeaderName| name.as_str().bytes().any(|byte| matches!(byte, b'_' | b'"'));
    let alike = |name: &&HeaderName| {
        let meant = name.as_str().contains('_').then(|| name.as_str().replace('_', "-"));
        name.as_str().contains('"')
            || meant.is_some_and(|meant| {
                meant.starts_with("x-forwarded-")
                    || LOOKED_LIKE.contains(&&*meant)
                    || HOP_BY_HOP.iter().any(|hop| *hop == *meant)
            })
    };
    let names: Vec<HeaderName> = headers.keys().filter(odd).filter(alike).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Removes fields of these names, and what CGI's reading of `-` as `_` makes one of them.
pub fn strip_named(headers: &mut HeaderMap, names: &[HeaderName]) {
    if names.is_empty() {
        return;
    }
    for name in names {
        headers.remove(name);
    }
    let alike = |name: &&HeaderName| {
        name.as_str().contains('_') && {
            let meant = name.as_str().replace('_', "-");
            names.iter().any(|name| name.as_str() == meant)
        }
    };
    let alike: Vec<HeaderName> = headers.keys().filter(alike).cloned().collect();
    for name in alike {
        headers.remove(name);
    }
}

/// Takes the blanks off the ends of values, which HTTP/2 cannot have (RFC 9113 §8.2.1) and HTTP/1
/// does not count (RFC 9112 §5.1).
pub fn trim(headers: &mut HeaderMap) {
    for value in headers.values_mut() {
        let bytes = value.as_bytes();
        let blank = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        if blank(bytes.first()) || blank(bytes.last()) {
            // What is left of a value is a value.
            *value =
                HeaderValue::from_bytes(bytes.trim_ascii()).unwrap_or(HeaderValue::from_static(""));
        }
    }
}

/// Removes from a request's trailer section what belongs into a head, lest an origin merges the two
/// (RFC 9110 §6.5.1).
pub fn strip_request_trailers(trailers: &mut HeaderMap) {
    let misplaced = |name: &HeaderName| is_end_to_end(name) || HOP_BY_HOP.contains(name);
    let names: Vec<HeaderName> = trailers.keys().filter(|name| misplaced(name)).cloned().collect();
    for name in names {
        trailers.remove(name);
    }
    strip_look_alikes(trailers);
}

/// Whether the sender takes trailer fields (RFC 9110 §6.5.1, §10.1.4: `TE: trailers`).
pub fn accepts_trailers(headers: &HeaderMap) -> bool {
    list::members(headers, &TE).any(|member| {
        let name = member.split(|&byte| byte == b';').next().unwrap_or_default();
        name.trim_ascii_end().eq_ignore_ascii_case(b"trailers")
    })
}

/// Fields that are never a connection's own.
fn is_end_to_end(name: &HeaderName) -> bool {
    let name = name.as_str();
    let families = ["content-", "if-", "x-forwarded-", "access-control-", "sec-"];
    families.iter().any(|family| name.starts_with(family))
        || matches!(
            name,
            "accept-encoding"
                | "accept-ranges"
                | "age"
                | "authorization"
                | "cache-control"
                | "cache-status"
                | "cdn-cache-control"
                | "cookie"
                | "date"
                | "etag"
                | "expires"
                | "forwarded"
                | "host"
                | "last-modified"
                | "location"
                | "origin"
                | "range"
                | "server"
                | "set-cookie"
                | "trailer"
                | "vary"
                | "via"
                | "www-authenticate"
                | "x-client-ip"
                | "x-real-ip"
                | "x-request-id"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_field_is_removed_with_those_that_cgi_takes_for_it_rfc3875_4_1_18() {
        let names = ["x-host", "proxy"].map(HeaderName::from_static);
        let mut all = headers(&[
            ("x-host", "a"),
            ("x_host", "a"),
            ("proxy", "a"),
            ("x-hosts", "a"),
            ("x_hosts", "a"),
            ("xhost", "a"),
        ]);
        strip_named(&mut all, &names);
        assert_eq!(all, headers(&[("x-hosts", "a"), ("x_hosts", "a"), ("xhost", "a")]));
        strip_named(&mut all, &[]);
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn what_concerns_one_connection_is_removed_rfc9110_7_6_1() {
        let mut all = headers(&[
            ("connection", "close, X-Mine"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("proxy-authentication-info", "x"),
            ("proxy-authorization", "x"),
            ("proxy-connection", "keep-alive"),
            ("te", "trailers"),
            ("trailer", "digest"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("x-mine", "1"),
            ("x-also-mine", "1"),
            ("x-yours", "1"),
        ]);
        all.append(CONNECTION, HeaderValue::from_static("x-aLsO-mine,, \"odd, not a name"));
        strip_hop_by_hop(&mut all);
        assert_eq!(all, headers(&[("trailer", "digest"), ("x-yours", "1")]));
    }

    #[test]
    fn connection_cannot_remove_what_is_meant_for_everybody_rfc9110_7_6_1() {
        for name in [
            "host",
            "content-length",
            "authorization",
            "cookie",
            "x-forwarded-for",
            "x-forwarded-proto",
            "forwarded",
            "cache-control",
            "vary",
            "via",
            "range",
            "if-none-match",
        ] {
            let mut request = headers(&[("connection", "close"), (name, "x")]);
            request.append(CONNECTION, name.to_ascii_uppercase().parse().unwrap());
            assert!(connection_names_forbidden(&request), "{name}");
            strip_hop_by_hop(&mut request);
            assert_eq!(request, headers(&[(name, "x")]), "{name}");
        }
        assert!(connection_names_forbidden(&headers(&[("connection", "transfer-encoding")])));
        for option in ["close", "keep-alive", "upgrade, http2-settings", "TE", "x-mine", "\"", ""] {
            assert!(!connection_names_forbidden(&headers(&[("connection", option)])), "{option}");
        }
    }

    #[test]
    fn a_connection_has_only_so_many_options() {
        let named = |count| {
            let mut request = HeaderMap::new();
            request.insert(CONNECTION, "a,".repeat(count).parse().unwrap());
            connection_names_forbidden(&request)
        };
        assert!(!named(64) && named(65));
    }

    #[test]
    fn look_alikes_of_what_frames_or_tells_of_the_way_are_removed() {
        let mut all = headers(&[
            ("content_length", "5"),
            ("transfer_encoding", "chunked"),
            ("x_forwarded-for", "127.0.0.1"),
            ("x-forwarded_proto", "https"),
            ("host", "w.test"),
            ("x_mine", "1"),
            ("user_agent", "x"),
            ("host_", "v.test"),
            ("\"host\"", "v.test"),
        ]);
        strip_look_alikes(&mut all);
        let kept = [("host", "w.test"), ("x_mine", "1"), ("user_agent", "x"), ("host_", "v.test")];
        assert_eq!(all, headers(&kept));
    }

    #[test]
    fn a_trailer_section_holds_no_field_of_a_head_rfc9110_6_5_1() {
        let mut trailers = headers(&[
            ("x-sum", "7"),
            ("content-length", "5"),
            ("transfer-encoding", "chunked"),
            ("host", "v.test"),
            ("x-forwarded-for", "127.0.0.1"),
            ("via", "1.1 cp1"),
            ("connection", "close"),
            ("cookie", "a=b"),
            ("content_length", "5"),
        ]);
        strip_request_trailers(&mut trailers);
        assert_eq!(trailers, headers(&[("x-sum", "7")]));
    }

    #[test]
    fn blanks_around_a_value_are_not_passed_on_rfc9113_8_2_1() {
        let mut padded = headers(&[("a", " b"), ("c", "d\t"), ("e", " "), ("f", "g h")]);
        trim(&mut padded);
        assert_eq!(padded, headers(&[("a", "b"), ("c", "d"), ("e", ""), ("f", "g h")]));
    }

    #[test]
    fn trailers_carry_nothing_that_is_decided_before_them_rfc9110_6_5_1() {
        let mut trailers = headers(&[
            ("digest", "x"),
            ("etag", "\"x\""),
            ("set-cookie", "a=1"),
            ("transfer-encoding", "chunked"),
            ("connection", "close"),
            ("content-length", "5"),
            ("cache-control", "max-age=60"),
        ]);
        strip_response_trailers(&mut trailers);
        assert_eq!(trailers, headers(&[("digest", "x"), ("etag", "\"x\"")]));
    }

    #[test]
    fn trailers_are_accepted_where_te_says_so_rfc9110_10_1_4() {
        for (te, accepts) in [
            ("trailers", true),
            ("gzip, Trailers", true),
            ("trailers;q=1", true),
            ("gzip", false),
            ("trailers2", false),
        ] {
            assert_eq!(accepts_trailers(&headers(&[("te", te)])), accepts, "{te}");
        }
    }
}
