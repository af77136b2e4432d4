//! HTTP/2's pseudo-headers: each cut by what HTTP/1 would be cut by, doubled, missing, unknown and
//! late, and the authority against the Host field (RFC 9113 §8.3, §10.3).

use super::corpus::Corpus;
use super::http2::{CUTS, Fields, REFUSED, both, fields, set};

/// Adds the whole family.
pub fn add(corpus: &mut Corpus) {
    values(corpus);
    paths(corpus);
    schemes(corpus);
    methods(corpus);
    order(corpus);
    hosts(corpus);
}

/// What is no path.
const NO_PATHS: [&str; 10] = [
    "",
    "m/IDIDI",
    "wiki.test/m/IDIDI",
    "http://wiki.test/m/IDIDI",
    "http://evil.test/m/IDIDI",
    "*/m",
    "%2fm/IDIDI",
    "\\m",
    "@evil.test/m/IDIDI",
    ":80/m/IDIDI",
];

/// What is one.
const PATHS: [&str; 11] = [
    "/m/IDIDI#x",
    "/m/IDIDI?a#b",
    "/m/IDIDI?",
    "/m/IDIDI//x",
    "/m/IDIDI/../x",
    "/m/IDIDI%0d%0aX:y",
    "/m/IDIDI\"",
    "/m/IDIDI|",
    "/m/IDIDI?http://evil.test",
    "/m/IDIDI\u{e9}",
    "/m/IDIDI\\x",
];

fn values(corpus: &mut Corpus) {
    for (name, value) in [
        (":method", "GET"),
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "wiki.test"),
        (":path", "/m/IDIDI"),
    ] {
        for cut in CUTS {
            for at in [0, 1, value.len()] {
                let mut fields = fields("GET", &[]);
                let cut = [&value.as_bytes()[..at], cut, &value.as_bytes()[at..]].concat();
                set(&mut fields, name, cut);
                both(corpus, "a pseudo-header that is cut", REFUSED, &fields);
            }
        }
    }
}

fn paths(corpus: &mut Corpus) {
    for path in NO_PATHS {
        let mut fields = fields("GET", &[]);
        set(&mut fields, ":path", path);
        both(corpus, "no path", "reset kept", &fields);
    }
    for path in PATHS {
        let mut fields = fields("GET", &[]);
        set(&mut fields, ":path", path);
        both(corpus, "path", "200 kept", &fields);
    }
}

fn schemes(corpus: &mut Corpus) {
    let mut plain = fields("GET", &[]);
    set(&mut plain, ":scheme", "http");
    both(corpus, "scheme", "200 kept", &plain);
    for scheme in ["ftp", "javascript", "file", "h2c", "x", "HTTPS", "HTTP"] {
        let mut fields = fields("GET", &[]);
        set(&mut fields, ":scheme", scheme);
        both(corpus, "another scheme", "400 kept", &fields);
    }
    for scheme in
        ["", "http://evil.test/?", "https:", "https://", "ht tp", "1x", "a/b", "https\u{e9}"]
    {
        let mut fields = fields("GET", &[]);
        set(&mut fields, ":scheme", scheme);
        both(corpus, "no scheme", "reset kept|400 kept", &fields);
    }
}

fn methods(corpus: &mut Corpus) {
    for method in
        ["", "G(T", "GET /s/IDIDI", "G,T", "G:T", "\"GET\"", "G\u{e9}T", "G/T", "G@T", "[", "GET;"]
    {
        let mut fields = fields("GET", &[]);
        set(&mut fields, ":method", method);
        both(corpus, "no method", REFUSED, &fields);
    }
    for method in
        ["get", "M-SEARCH", "PRI", "DELETE", "PATCH", "A!#$%&'*+-.^_`|~Z", "OPTIONS", "HEAD"]
    {
        let mut fields = fields("GET", &[]);
        set(&mut fields, ":method", method);
        both(corpus, "another method", "200 kept", &fields);
    }
    let mut trace = fields("TRACE", &[]);
    both(corpus, "a method that is refused", "405 kept", &trace);
    set(&mut trace, ":method", "CONNECT");
    both(corpus, "a method that is refused", "reset kept", &trace);
    let connect: Fields = vec![
        (b":method".to_vec(), b"CONNECT".to_vec()),
        (b":authority".to_vec(), b"wiki.test:80".to_vec()),
    ];
    both(corpus, "CONNECT", "405 kept", &connect);
    let mut extended = fields("CONNECT", &[]);
    extended.insert(1, (b":protocol".to_vec(), b"websocket".to_vec()));
    both(corpus, "extended CONNECT", "reset kept", &extended);
    set(&mut extended, ":method", "GET");
    both(corpus, "extended CONNECT", "reset kept", &extended);
}

fn order(corpus: &mut Corpus) {
    let plain = fields("GET", &[("x-a", b"b")]);
    for at in 0..4 {
        for (name, value) in &plain[..4] {
            let mut doubled = plain.clone();
            doubled.insert(at, (name.clone(), value.clone()));
            both(corpus, "a pseudo-header twice", REFUSED, &doubled);
            let mut other = plain.clone();
            other.insert(at, (name.clone(), b"/s/IDIDI".to_vec()));
            both(corpus, "a pseudo-header twice", REFUSED, &other);
        }
        let mut late = plain.clone();
        let moved = late.remove(at);
        late.push(moved.clone());
        both(corpus, "a late pseudo-header", "reset kept", &late);
        let mut again = plain.clone();
        again.push(moved);
        both(corpus, "a late pseudo-header", "reset kept", &again);
        for (name, value) in [
            (":status", "200"),
            (":protocol", "websocket"),
            (":unknown", "x"),
            (":", "x"),
            (":host", "evil.test"),
            ("::path", "/s/IDIDI"),
            (":path ", "/s/IDIDI"),
            (":Path", "/s/IDIDI"),
            (":content-length", "5"),
        ] {
            let mut more = plain.clone();
            more.insert(at, (name.into(), value.into()));
            both(corpus, "an unknown pseudo-header", REFUSED, &more);
        }
    }
    for at in [0, 1, 3] {
        let mut missing = plain.clone();
        missing.remove(at);
        both(corpus, "a pseudo-header missing", "reset kept", &missing);
    }
    for order in [[3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1]] {
        let mut shuffled: Fields = order.iter().map(|at| plain[*at].clone()).collect();
        shuffled.push(plain[4].clone());
        both(corpus, "pseudo-headers in another order", "200 kept", &shuffled);
    }
}

/// What the library takes for no authority.
const NO_AUTHORITIES: [&str; 10] = [
    "wiki.test, evil.test",
    "wiki.test evil.test",
    "wiki.test/x",
    "wiki.test?x",
    "wiki.test#x",
    "http://wiki.test",
    "[::1",
    "wiki.test\\",
    "<wiki.test>",
    "wiki.test:80:80",
];

fn hosts(corpus: &mut Corpus) {
    for host in [
        "evil.test",
        "wiki.test:81",
        "en.wiki.test",
        "",
        "wiki.test, evil.test",
        "u@wiki.test",
        "wiki.test/x",
    ] {
        both(
            corpus,
            "a host that differs",
            "400 kept",
            &fields("GET", &[("host", host.as_bytes())]),
        );
    }
    for hosts in [["wiki.test", "wiki.test"], ["wiki.test", "evil.test"]] {
        both(
            corpus,
            "two hosts",
            "400 kept",
            &fields("GET", &[("host", hosts[0].as_bytes()), ("host", hosts[1].as_bytes())]),
        );
    }
    for host in ["wiki.test", "WIKI.TEST", "wiki.test.", "wiki.test:"] {
        both(
            corpus,
            "a host that agrees",
            "200 kept",
            &fields("GET", &[("host", host.as_bytes())]),
        );
        let mut alone = fields("GET", &[("host", host.as_bytes())]);
        alone.remove(2);
        both(corpus, "a host alone", "200 kept", &alone);
    }
    let mut none = fields("GET", &[]);
    none.remove(2);
    both(corpus, "no host", "400 kept", &none);
    for authority in NO_AUTHORITIES {
        let mut fields = fields("GET", &[]);
        set(&mut fields, ":authority", authority);
        both(corpus, "no authority", "reset kept", &fields);
    }
    for authority in [
        "u@wiki.test",
        "u:p@wiki.test",
        "wiki..test",
        ".wiki.test",
        "wiki.test:x",
        "wiki.test:65536",
        "wiki%2etest",
        "*",
        "wiki.test;x",
        ":80",
    ] {
        let mut fields = fields("GET", &[]);
        set(&mut fields, ":authority", authority);
        both(corpus, "an authority that is no host", "400 kept|reset kept", &fields);
    }
    for authority in ["evil.test", "wiki.test.evil.test", "[::1]", "127.0.0.1:80", "wiki.test_"] {
        let mut fields = fields("GET", &[]);
        set(&mut fields, ":authority", authority);
        both(corpus, "host of no site", "421 kept", &fields);
    }
}
