//! What a request is for: every form of a target, and the Host field alone, doubled and against it
//! (RFC 9112 §3.2, RFC 9110 §7.2).

use super::corpus::{Corpus, SMUGGLED};
use super::heads::{GET, HOST};

/// Adds the whole family.
pub fn add(corpus: &mut Corpus) {
    for (class, expect, targets) in TARGETS {
        for target in targets {
            requests(corpus, class, expect, target, HOST);
        }
    }
    for (class, expect, hosts) in HOSTS {
        for host in hosts {
            requests(corpus, class, expect, "/m/IDIDI", host);
        }
    }
    for version in ["1.0", "1.0\r\nConnection: keep-alive"] {
        let bytes = format!("GET /m/IDIDI HTTP/{version}\r\n\r\n");
        corpus.add("HTTP/1.0 without host", "400 closed", bytes);
    }
}

/// Requests for `target` whose Host fields are `host`: whole lines.
fn requests(
    corpus: &mut Corpus,
    class: &'static str,
    expect: &'static str,
    target: &str,
    host: &str,
) {
    for method in GET {
        corpus.add(class, expect, format!("{method} {target} HTTP/1.1\r\n{host}\r\n"));
    }
    let head = format!("POST {target} HTTP/1.1\r\n{host}Content-Length: {}\r\n", SMUGGLED.len());
    corpus.add(class, expect, format!("{head}\r\n{SMUGGLED}"));
}

/// A class, what is right for it, and its members.
type Class = (&'static str, &'static str, &'static [&'static str]);

const TARGETS: [Class; 8] = [
    (
        "absolute form",
        "200 kept",
        &[
            "http://wiki.test/m/IDIDI",
            "https://wiki.test/m/IDIDI",
            "HTTP://wiki.test/m/IDIDI",
            "http://WIKI.test/m/IDIDI",
            "http://wiki.test./m/IDIDI",
            "http://wiki.test:/m/IDIDI",
        ],
    ),
    (
        "absolute form of another host",
        "400 closed",
        &[
            "http://wiki.test:80/m/IDIDI",
            "http://wiki.test:8080/m/IDIDI",
            "http://evil.test/m/IDIDI",
            "http://en.wiki.test/m/IDIDI",
            "http://u@wiki.test/m/IDIDI",
            "http://u:p@wiki.test/m/IDIDI",
            "http://wiki.test@evil.test/m/IDIDI",
            "http://wiki.test%2eevil.test/m/IDIDI",
            "http://wiki.test:80@evil.test/m/IDIDI",
            "http://[::1]/m/IDIDI",
            "http://wiki.test:99999/m/IDIDI",
            "http://wiki..test/m/IDIDI",
            "http://evil.test",
            "http://evil.test?/m/IDIDI",
        ],
    ),
    (
        "no absolute form",
        "400 closed",
        &[
            "ftp://wiki.test/m/IDIDI",
            "javascript:/m/IDIDI",
            "file:///m/IDIDI",
            "http:/m/IDIDI",
            "http:///m/IDIDI",
            "http:m/IDIDI",
            "://wiki.test/m/IDIDI",
            "http//wiki.test/m/IDIDI",
            "ws://wiki.test/m/IDIDI",
            "http://",
            "http:",
            "h2c://wiki.test/m/IDIDI",
            "http://:80/m/IDIDI",
            "http://@/m/IDIDI",
            "http:/wiki.test/m/IDIDI",
            "http:\\\\wiki.test\\m\\IDIDI",
            "http://wiki.test\\m\\IDIDI",
            "http://wiki.test\x0b/m/IDIDI",
            "http://wi ki.test/m/IDIDI",
        ],
    ),
    (
        "authority form",
        "400 closed",
        &[
            "wiki.test",
            "wiki.test:80",
            "wiki.test/m/IDIDI",
            "m/IDIDI",
            "u@wiki.test",
            ":80",
            "[::1]:80",
            "localhost",
        ],
    ),
    ("asterisk form", "400 closed", &["*", "**", "*/m/IDIDI", "*?m=IDIDI"]),
    (
        "no target",
        "400 closed",
        &[
            "/m/IDIDI\0",
            "/m/IDIDI`x",
            "/m/IDIDI<x>",
            "/m/IDIDI\x01",
            "/m/IDIDI\x7f",
            "/m/IDIDI\x0b",
            "/m/IDIDI\x1f",
            "/m/IDIDI \x0b",
            "/m/IDIDI /s/IDIDI",
            "\\m\\IDIDI",
            ".",
            "..",
            "%2fm/IDIDI",
            "&",
            "=",
            ";",
        ],
    ),
    (
        "target",
        "200 kept",
        &[
            "/m/IDIDI?",
            "/m/IDIDI?a=b&c=d",
            "/m/IDIDI/",
            "/m/IDIDI//",
            "/m/IDIDI/../x",
            "/m/IDIDI/%2e%2e/x",
            "/m/IDIDI%00",
            "/m/IDIDI%0d%0aX:%20y",
            "/m/IDIDI%20HTTP/1.1%0d%0a",
            "/m/IDIDI;a=b",
            "/m/IDIDI\\x",
            "/m/IDIDI\"x",
            "/m/IDIDI|x",
            "/m/IDIDI{x}",
            "/m/IDIDI[x]",
            "/m/IDIDI^x",
            "/m/IDIDI%",
            "/m/IDIDI%zz",
            "/m/IDIDI?x?y",
            "/m/IDIDI\u{e9}",
            "/m/IDIDI?\u{e9}",
            "/m/IDIDI@x",
            "/m/IDIDI:80",
            "/m/IDIDI*",
            "/m/IDIDI?http://evil.test/",
        ],
    ),
    // A fragment is for the client alone.
    (
        "fragment",
        "400 closed",
        &["/m/IDIDI#", "/m/IDIDI#x", "/m/IDIDI?a#b", "/m/IDIDI#x?y", "/m/IDIDI#/../s/IDIDI"],
    ),
];

const HOSTS: [Class; 5] = [
    (
        "no host",
        "400 closed",
        &[
            "",
            "Host:\r\n",
            "Host: \r\n",
            "Host: wiki.test, evil.test\r\n",
            "Host: wiki.test evil.test\r\n",
            "Host: wiki.test\t\tx\r\n",
            "Host: u@wiki.test\r\n",
            "Host: wiki.test/x\r\n",
            "Host: wiki.test?x\r\n",
            "Host: wiki.test#x\r\n",
            "Host: http://wiki.test\r\n",
            "Host: wiki.test:80:80\r\n",
            "Host: wiki.test:x\r\n",
            "Host: wiki.test:-1\r\n",
            "Host: wiki.test:65536\r\n",
            "Host: wiki.test:+80\r\n",
            "Host: wiki.test: 80\r\n",
            "Host: wiki..test\r\n",
            "Host: .wiki.test\r\n",
            "Host: wiki.test..\r\n",
            "Host: .\r\n",
            "Host: :80\r\n",
            "Host: [::1\r\n",
            "Host: wiki%2etest\r\n",
            "Host: wiki.test\\\r\n",
            "Host: \u{ff57}iki.test\r\n",
            "Host: wiki\u{3002}test\r\n",
            "Host: wiki.test\u{a0}\r\n",
            "Host: *\r\n",
            "Host: -\u{e9}\r\n",
            "Host: \"wiki.test\"\r\n",
            "Host: wiki.test;x\r\n",
            "Host: wiki.test%00\r\n",
        ],
    ),
    (
        "two hosts",
        "400 closed",
        &[
            "Host: wiki.test\r\nHost: wiki.test\r\n",
            "Host: wiki.test\r\nHost: evil.test\r\n",
            "Host: evil.test\r\nHost: wiki.test\r\n",
            "Host: wiki.test\r\nhost: WIKI.test\r\n",
            "Host: wiki.test\r\nHost:\r\n",
            "Host:\r\nHost: wiki.test\r\n",
            "Host: wiki.test\r\nX-A: b\r\nHOST: evil.test\r\n",
            "Host: wiki.test\r\nHost: wiki.test\r\nHost: wiki.test\r\n",
        ],
    ),
    (
        "no host's name",
        "400 closed",
        &[
            "Host : wiki.test\r\n",
            "Host\t: wiki.test\r\n",
            " Host: wiki.test\r\n",
            "\tHost: wiki.test\r\n",
            "Host\0: wiki.test\r\n",
            "Host\x0b: wiki.test\r\n",
            "Ho st: wiki.test\r\n",
            "H\u{f6}st: wiki.test\r\n",
            "X-A: b\r\n Host: wiki.test\r\n",
            "Host: wiki.test\r\n Host: evil.test\r\n",
            "Host: wiki.test\r\n evil.test\r\n",
            "Host:\r\n wiki.test\r\n",
            "Host wiki.test\r\n",
            "X-Host: wiki.test\r\n",
            "Host_: wiki.test\r\n",
            "H\rost: wiki.test\r\n",
            "Host: wiki.test\0\r\n",
            "Host: \0wiki.test\r\n",
            "Host: wiki.test\rX: y\r\n",
            "Host: wiki.test\x0b\r\n",
        ],
    ),
    (
        "host",
        "200 kept",
        &[
            "Host:wiki.test\r\n",
            "Host:  wiki.test  \r\n",
            "Host:\twiki.test\t\r\n",
            "HOST: WIKI.TEST\r\n",
            "host: wiki.test.\r\n",
            "Host: wiki.test:\r\n",
            "Host: wiki.test:80\r\n",
            "Host: wiki.test:8080\r\n",
            "Host: wiki.test.:80\r\n",
            "Host: wiki.test:0080\r\n",
            "Host: en.wiki.test\r\n",
        ],
    ),
    (
        "host of no site",
        "421 kept",
        &[
            "Host: evil.test\r\n",
            "Host: wiki.test.evil.test\r\n",
            "Host: xwiki.test\r\n",
            "Host: 127.0.0.1\r\n",
            "Host: [::1]:80\r\n",
            "Host: localhost\r\n",
            "Host: wiki.test_\r\n",
            "Host: -wiki.test-\r\n",
        ],
    ),
];
