//! What concerns one connection: fields that Connection names, changes of protocol with something
//! behind them, Expect, and requests that come in the same breath (RFC 9110 §7.6.1, §7.8, §10.1.1).

use super::corpus::{Corpus, SMUGGLED, request};

/// Adds the whole family.
pub fn add(corpus: &mut Corpus) {
    connection(corpus);
    upgrade(corpus);
    expect(corpus);
    early(corpus);
    together(corpus);
}

/// Fields that are no connection's own.
const EVERYBODYS: [&str; 17] = [
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "Forwarded",
    "Cookie",
    "Authorization",
    "Via",
    "Cache-Control",
    "Range",
    "If-None-Match",
    "Content-Type",
    "Origin",
    "Date",
    "Accept-Encoding",
    "Trailer",
];

fn connection(corpus: &mut Corpus) {
    for name in EVERYBODYS {
        for value in [
            name.to_owned(),
            format!("close, {name}"),
            format!("{name}, close"),
            format!("keep-alive,{name}"),
            name.to_lowercase(),
            name.to_uppercase(),
            format!(" \t{name}\t"),
            format!("x,,{name},"),
            format!("close\r\nConnection: {name}"),
        ] {
            for method in ["GET", "POST"] {
                let length = SMUGGLED.len();
                let fields = format!("Connection: {value}\r\nContent-Length: {length}\r\n");
                corpus.add(
                    "Connection names what is everybody's",
                    "400 closed",
                    request(method, &fields, SMUGGLED),
                );
            }
        }
    }
    for value in [
        "X-Mine",
        "keep-alive, X-Mine",
        "TE",
        "Keep-Alive",
        "Proxy-Connection",
        "x-mine, x-other, x-third",
        "",
        ",",
        "\"",
        "X-Mine;q=1",
        "é",
    ] {
        for method in ["GET", "POST", "HEAD"] {
            let fields = format!(
                "Connection: {value}\r\nX-Mine: 1\r\nTE: trailers\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\n"
            );
            corpus.add("Connection names its own", "200 kept", request(method, &fields, ""));
        }
    }
    for value in [
        "close",
        "Close",
        "CLOSE",
        "keep-alive, close",
        "close, keep-alive",
        "close\r\nConnection: keep-alive",
        "keep-alive\r\nConnection: close",
        "x-mine,close",
    ] {
        for method in ["GET", "POST"] {
            let fields = format!("Connection: {value}\r\n");
            corpus.add("Connection: close", "200 closed", request(method, &fields, ""));
        }
    }
}

fn upgrade(corpus: &mut Corpus) {
    // The origin agrees to none of these, so what follows is a request like any other and the
    // tunnel that a hasty proxy opens would carry it past everything.
    let settings = "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n";
    for protocol in [
        "websocket",
        "WebSocket",
        "h2c",
        "HTTP/2.0",
        "TLS/1.0",
        "websocket, h2c",
        "h2c, websocket",
        "websocket/13",
        "\"websocket\"",
        "",
        "connect-udp",
        "foo",
    ] {
        for connection in [
            "Connection: Upgrade\r\n",
            "Connection: upgrade, HTTP2-Settings\r\n",
            "Connection: keep-alive, Upgrade\r\n",
            "",
        ] {
            for more in [
                "",
                settings,
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
                "Sec-WebSocket-Version: 777\r\n",
            ] {
                let fields = format!("{connection}Upgrade: {protocol}\r\n{more}");
                corpus.add(
                    "an upgrade that is not agreed to",
                    "200 kept",
                    request("GET", &fields, ""),
                );
            }
            let length = SMUGGLED.len();
            for method in ["GET", "POST"] {
                let fields =
                    format!("{connection}Upgrade: {protocol}\r\nContent-Length: {length}\r\n");
                corpus.add(
                    "an upgrade with a body",
                    "200 kept",
                    request(method, &fields, SMUGGLED),
                );
                let chunks = format!("{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n");
                let fields =
                    format!("{connection}Upgrade: {protocol}\r\nTransfer-Encoding: chunked\r\n");
                corpus.add(
                    "an upgrade with a body",
                    "200 kept|200 closed",
                    request(method, &fields, &chunks),
                );
            }
            corpus.add("an upgrade in HTTP/1.0", "200 closed|200 kept", format!("GET /m/IDIDI HTTP/1.0\r\nHost: wiki.test\r\n{connection}Upgrade: {protocol}\r\n\r\n"));
        }
    }
}

/// What may stand in Expect.
const EXPECTATIONS: [&str; 10] = [
    "100-continue",
    "100-Continue",
    "100-CONTINUE",
    " 100-continue ",
    "100-continue, x",
    "100-continue\r\nExpect: 100-continue",
    "x",
    "",
    "200-ok",
    "100-continue;q=1",
];

fn expect(corpus: &mut Corpus) {
    let length = SMUGGLED.len();
    for value in EXPECTATIONS {
        for method in ["POST", "PUT", "GET"] {
            let fields = format!("Expect: {value}\r\nContent-Length: {length}\r\n");
            corpus.add("Expect", "200 kept", request(method, &fields, SMUGGLED));
            let fields = format!("Expect: {value}\r\n");
            corpus.add("Expect without a body", "200 kept", request(method, &fields, ""));
            // Whoever expects and then says nothing is not waited for.
            let fields = format!("Expect: {value}\r\nContent-Length: 100000\r\n");
            corpus.add("Expect and then silence", "408 closed", request(method, &fields, ""));
        }
    }
    // An answer that does not wait for the body.
    for (target, status) in [("http://evil.test/m/IDIDI", "400 closed"), ("*", "400 closed")] {
        for expect in ["", "Expect: 100-continue\r\n"] {
            let fields = format!("{expect}Content-Length: {length}\r\n");
            corpus.add(
                "refused before its body",
                status,
                format!("POST {target} HTTP/1.1\r\nHost: wiki.test\r\n{fields}\r\n{SMUGGLED}"),
            );
            corpus.add("refused before its body", status, format!("POST {target} HTTP/1.1\r\nHost: wiki.test\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n"));
        }
    }
    for expect in ["", "Expect: 100-continue\r\n"] {
        for host in ["evil.test", "elsewhere.test"] {
            let head = format!("POST /m/IDIDI HTTP/1.1\r\nHost: {host}\r\n{expect}");
            corpus.add(
                "refused with its body",
                "421 kept",
                format!("{head}Content-Length: {length}\r\n\r\n{SMUGGLED}"),
            );
            corpus.add(
                "refused without its body",
                "421 closed",
                format!("{head}Content-Length: 100000\r\n\r\n{SMUGGLED}"),
            );
            corpus.add(
                "refused with its body",
                "421 kept|421 closed",
                format!(
                    "{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n"
                ),
            );
        }
        corpus.add(
            "refused for its length",
            "413 closed",
            request("POST", &format!("{expect}Content-Length: 999999999999\r\n"), SMUGGLED),
        );
        corpus.add(
            "purged with a body",
            "204 kept",
            request("PURGE", &format!("{expect}Content-Length: {length}\r\n"), SMUGGLED),
        );
        corpus.add(
            "purged with a body",
            "204 kept|204 closed",
            request(
                "PURGE",
                &format!("{expect}Transfer-Encoding: chunked\r\n"),
                &format!("{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n"),
            ),
        );
        corpus.add(
            "purged without its body",
            "204 closed",
            request("PURGE", &format!("{expect}Content-Length: 100000\r\n"), SMUGGLED),
        );
    }
}

/// The origin answers before it has read anything.
fn early(corpus: &mut Corpus) {
    let length = SMUGGLED.len();
    let chunks = format!("{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n");
    for method in ["POST", "PUT", "PATCH"] {
        for expect in ["", "Expect: 100-continue\r\n"] {
            let head = format!("{method} /early/IDIDI HTTP/1.1\r\nHost: wiki.test\r\n{expect}");
            for body in [
                format!("Content-Length: {length}\r\n\r\n{SMUGGLED}"),
                format!("Transfer-Encoding: chunked\r\n\r\n{chunks}"),
            ] {
                corpus.add("an early answer", "200 kept|200 closed", format!("{head}{body}"));
            }
            for body in [
                format!("Content-Length: 100000\r\n\r\n{SMUGGLED}"),
                format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{SMUGGLED}\r\nfffff\r\n"),
            ] {
                corpus.add("an early answer to half a body", "200 closed", format!("{head}{body}"));
            }
        }
    }
}

/// Honest requests in one breath with odd ones: each is one request, and none hides in another.
fn together(corpus: &mut Corpus) {
    let get = request("GET", "", "");
    let length = SMUGGLED.len();
    let post = request("POST", &format!("Content-Length: {length}\r\n"), SMUGGLED);
    let chunked = request(
        "POST",
        "Transfer-Encoding: chunked\r\n",
        &format!("{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n"),
    );
    let fat = request("GET", &format!("Content-Length: {length}\r\n"), SMUGGLED);
    let parts = [&get, &post, &chunked, &fat];
    for first in parts {
        for second in parts {
            corpus.add("two in one breath", "200+200 kept", format!("{first}{second}"));
            corpus.add("an empty line between two", "200+200 kept", format!("{first}\r\n{second}"));
            corpus.add("junk between two", "200+400 closed", format!("{first}\0{second}"));
            corpus.add("junk between two", "200+400 closed", format!("{first}0\r\n\r\n{second}"));
            for third in parts {
                corpus.add(
                    "three in one breath",
                    "200+200+200 kept",
                    format!("{first}{second}{third}"),
                );
            }
        }
    }
}
