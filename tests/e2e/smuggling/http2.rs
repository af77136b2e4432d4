//! HTTP/2's fields, which know no line and so can hold what forges one: names and values with what
//! HTTP/1 would be cut by, lengths that lie, connections' own fields, and trailers
//! (RFC 9113 §8.1, §8.2, §10.3). Pseudo-headers stand in `pseudo`.

use super::corpus::{Corpus, SMUGGLED};
use super::streams::{STREAM, block};
use crate::frames::{CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, frame};

/// A malformed request costs its stream; a byte that no field may have, its connection.
pub const REFUSED: &str = "reset kept|none closed";

/// Names and values.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Adds the whole family.
pub fn add(corpus: &mut Corpus) {
    names(corpus);
    values(corpus);
    hop_by_hop(corpus);
    lengths(corpus);
    trailers(corpus);
}

/// A request's fields: the four pseudo-headers, and `more`.
pub fn fields(method: &str, more: &[(&str, &[u8])]) -> Fields {
    let mut fields: Fields = Vec::new();
    for (name, value) in [
        (":method", method),
        (":scheme", "https"),
        (":authority", "wiki.test"),
        (":path", "/m/IDIDI"),
    ] {
        fields.push((name.into(), value.into()));
    }
    fields.extend(more.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())));
    fields
}

fn headers(flags: u8, fields: &Fields) -> Vec<u8> {
    let fields: Vec<(&[u8], &[u8])> = fields.iter().map(|(n, v)| (&n[..], &v[..])).collect();
    frame(HEADERS, END_HEADERS | flags, STREAM, &block(&fields))
}

/// Adds the fields as a request without a body, and as one with.
pub fn both(corpus: &mut Corpus, class: &'static str, expect: &'static str, fields: &Fields) {
    corpus.add(class, expect, headers(END_STREAM, fields));
    let mut frames = headers(0, fields);
    frames.extend(frame(DATA, END_STREAM, STREAM, SMUGGLED.as_bytes()));
    corpus.add(class, expect, frames);
}

/// Gives a pseudo-header another value.
pub fn set(fields: &mut Fields, name: &str, value: impl AsRef<[u8]>) {
    let field = fields.iter_mut().find(|(its, _)| its == name.as_bytes());
    field.expect("a pseudo-header").1 = value.as_ref().to_vec();
}

/// What would end a line, a part of one, or a string, wherever it stands.
pub const CUTS: [&[u8]; 14] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b"\x0b",
    b"\x7f",
    b" HTTP/1.1\r\nHost: wiki.test\r\nX: ",
    b" HTTP/1.1\r\nHost: wiki.test\r\n\r\nGET /s/IDIDI HTTP/1.1\r\nHost: wiki.test\r\nX: ",
    b"\r\nTransfer-Encoding: chunked\r\nX: ",
    b"\nContent-Length: 100\nX: ",
    b"\r\n\r\nGET /s/IDIDI HTTP/1.1\r\n",
    b"\xff\r\n",
];

fn names(corpus: &mut Corpus) {
    for name in [
        &b""[..],
        b" ",
        b" x-a",
        b"x-a ",
        b"x a",
        b"x\ta",
        b"x:a",
        b":x",
        b"x:",
        b"x\ra",
        b"x\na",
        b"x\r\na",
        b"x\0a",
        b"X-A",
        b"x-A",
        b"Host",
        b"Content-Length",
        b"TRANSFER-ENCODING",
        b"x\xe9a",
        b"x\xffa",
        b"x(a",
        b"x,a",
        b"x/a",
        b"x;a",
        b"x=a",
        b"x@a",
        b"x[a",
        b"x\\a",
        b"x{a",
        b"x\x7fa",
        b"x\x0ba",
        b"transfer-encoding: chunked\r\nx",
        b"content-length: 100\r\nx",
        b"x: y\r\n\r\nGET /s/IDIDI HTTP/1.1\r\nhost",
        b"host: evil.test\r\nx",
        b"x\r\ntransfer-encoding",
        b" transfer-encoding",
        b"transfer-encoding ",
        b"content-length:",
        b"cookie ",
        b"x?a",
        b"x<a",
        b"\nhost",
    ] {
        for value in [&b"b"[..], b"chunked", b"5"] {
            let mut fields = fields("GET", &[]);
            fields.push((name.to_vec(), value.to_vec()));
            both(corpus, "no name", REFUSED, &fields);
        }
    }
    for name in [
        "content_length",
        "transfer_encoding",
        "x_forwarded_for",
        "host_",
        "x-forwarded_proto",
        "via_",
    ] {
        both(corpus, "look-alike", "200 kept", &fields("GET", &[(name, b"5")]));
    }
}

fn values(corpus: &mut Corpus) {
    for name in [
        "x-a",
        "cookie",
        "user-agent",
        "accept-encoding",
        "if-none-match",
        "x-forwarded-for",
        "referer",
        "content-type",
    ] {
        for cut in CUTS {
            // Blanks are a value's own inside it, and none at its ends.
            if cut == b" " || cut == b"\t" {
                continue;
            }
            for value in [cut.to_vec(), [b"a", cut].concat(), [b"a", cut, b"b"].concat()] {
                both(corpus, "a value that is cut", REFUSED, &fields("GET", &[(name, &value)]));
            }
        }
        for value in [&b" a"[..], b"a ", b"\ta", b"a\t", b" ", b""] {
            both(corpus, "a value with blanks", "200 kept", &fields("GET", &[(name, value)]));
        }
        for value in [&b"a b"[..], b"a\tb", b"\xe9\xff", b"a: b", b"GET / HTTP/1.1"] {
            both(corpus, "value", "200 kept", &fields("GET", &[(name, value)]));
        }
    }
    for crumbs in [
        [&b"a=b"[..], b"c=d"],
        [b"a=b; ", b"; c=d"],
        [b"", b"a=b"],
        [b"a=b\xff", b"c"],
        [b"a=\"", b"\""],
    ] {
        both(
            corpus,
            "crumbs",
            "200 kept",
            &fields("GET", &[("cookie", crumbs[0]), ("x-a", b"b"), ("cookie", crumbs[1])]),
        );
    }
}

fn hop_by_hop(corpus: &mut Corpus) {
    for (name, value) in [
        ("connection", "close"),
        ("connection", "keep-alive"),
        ("connection", "host"),
        ("connection", ""),
        ("connection", "x-forwarded-for"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("transfer-encoding", "gzip, chunked"),
        ("transfer-encoding", ""),
        ("transfer-encoding", "xchunked"),
        ("upgrade", "h2c"),
        ("upgrade", "websocket"),
        ("te", "chunked"),
        ("te", "gzip"),
        ("te", "trailers, chunked"),
        ("te", ""),
        ("te", "trailers;q=1"),
        ("te", "Trailers, deflate"),
    ] {
        both(
            corpus,
            "a connection's own field",
            "reset kept",
            &fields("GET", &[(name, value.as_bytes())]),
        );
        both(
            corpus,
            "a connection's own field",
            "reset kept",
            &fields("POST", &[("x-a", b"b"), (name, value.as_bytes()), ("content-length", b"44")]),
        );
    }
    for (name, value) in [
        ("te", "trailers"),
        ("http2-settings", "AAMAAABkAAQ"),
        ("expect", "100-continue"),
        ("proxy-authorization", "Basic eA=="),
        ("trailer", "transfer-encoding"),
        ("alt-used", "evil.test"),
    ] {
        both(corpus, "a field of the way", "200 kept", &fields("GET", &[(name, value.as_bytes())]));
    }
}

fn lengths(corpus: &mut Corpus) {
    let length = SMUGGLED.len().to_string();
    for method in ["POST", "GET"] {
        for value in [
            "+N",
            "-1",
            "N,N",
            "N, N",
            "0xN",
            "N ",
            " N",
            "N.0",
            "1e2",
            "x",
            "N;x",
            "N\0",
            "\u{664}",
            "18446744073709551616",
            "99999999999999999999999",
            "N\r\nx: y",
        ] {
            let value = value.replace('N', &length);
            let fields = fields(method, &[("content-length", value.as_bytes())]);
            both(corpus, "no length", REFUSED, &fields);
        }
        let empty = fields(method, &[("content-length", b"")]);
        both(corpus, "an empty length", "200 kept|reset kept", &empty);
        for values in [["N", "0"], ["0", "N"], ["N", "5"], ["N", ""], ["0", "44"], ["N", "N,N"]] {
            let values = values.map(|value| value.replace('N', &length));
            let [first, second] = values.each_ref().map(|v| ("content-length", v.as_bytes()));
            let fields = fields(method, &[first, ("x-a", b"b"), second]);
            both(corpus, "lengths that differ", "reset kept", &fields);
        }
        lies(corpus, method);
        truths(corpus, method);
    }
}

/// Lengths that the body does not have.
fn lies(corpus: &mut Corpus, method: &str) {
    let body = SMUGGLED.as_bytes();
    let length = body.len();
    for said in [0, 1, 5, length - 1, length + 1, 10 * length, 100_000] {
        let fields = fields(method, &[("content-length", said.to_string().as_bytes())]);
        for pieces in [1, 2, 4] {
            let mut frames = headers(0, &fields);
            for (n, piece) in body.chunks(length.div_ceil(pieces)).enumerate() {
                let last = if n + 1 == pieces { END_STREAM } else { 0 };
                frames.extend(frame(DATA, last, STREAM, piece));
            }
            corpus.add("a length that lies", "reset kept", frames);
        }
        if said > 0 {
            corpus.add("a length without a body", "reset kept", headers(END_STREAM, &fields));
            let mut empty = headers(0, &fields);
            empty.extend(frame(DATA, END_STREAM, STREAM, b""));
            corpus.add("a length that lies", "reset kept", empty);
        }
    }
}

/// Lengths that it has, however they are written.
fn truths(corpus: &mut Corpus, method: &str) {
    let body = SMUGGLED.as_bytes();
    let length = body.len().to_string();
    for values in [
        &["N"][..],
        &["N", "N"],
        &["0N"],
        &["N", "00N"],
        &["N", "N", "N"],
        &["0"],
        &["0", "0"],
        &["00"],
    ] {
        let values: Vec<String> = values.iter().map(|value| value.replace('N', &length)).collect();
        let more: Vec<(&str, &[u8])> =
            values.iter().map(|value| ("content-length", value.as_bytes())).collect();
        let fields = fields(method, &more);
        let body = if values[0].contains(&length) { body } else { b"" };
        if body.is_empty() {
            corpus.add("length of nothing", "200 kept", headers(END_STREAM, &fields));
        }
        for pieces in [1, 2, 4] {
            let mut frames = headers(0, &fields);
            for piece in body.chunks(SMUGGLED.len().div_ceil(pieces)) {
                frames.extend(frame(DATA, 0, STREAM, piece));
            }
            frames.extend(frame(DATA, END_STREAM, STREAM, b""));
            corpus.add("length", "200 kept", frames);
        }
    }
    // A block in two frames is one block.
    let fields = fields(method, &[("content-length", length.as_bytes())]);
    let whole: Vec<(&[u8], &[u8])> = fields.iter().map(|(n, v)| (&n[..], &v[..])).collect();
    let whole = block(&whole);
    for at in [0, 1, 10, whole.len() - 1, whole.len()] {
        let mut frames = frame(HEADERS, 0, STREAM, &whole[..at]);
        frames.extend(frame(CONTINUATION, END_HEADERS, STREAM, &whole[at..]));
        frames.extend(frame(DATA, END_STREAM, STREAM, body));
        corpus.add("a block in two frames", "200 kept", frames);
    }
}

fn trailers(corpus: &mut Corpus) {
    for (class, expect, name, value) in [
        ("trailer", "200 kept", &b"x-sum"[..], &b"7"[..]),
        ("trailer that frames", "200 kept", b"content-length", b"500"),
        ("trailer that frames", "200 kept", b"host", b"evil.test"),
        ("trailer that frames", "200 kept", b"x-forwarded-for", b"127.0.0.1"),
        ("trailer that frames", "200 kept", b"trailer", b"x"),
        ("no trailer", REFUSED, b"transfer-encoding", b"chunked"),
        ("no trailer", REFUSED, b"connection", b"close"),
        ("a pseudo-header among trailers", "200 kept|reset kept", b":path", b"/s/IDIDI"),
        ("a pseudo-header among trailers", "200 kept|reset kept", b":status", b"200"),
        ("no trailer", REFUSED, b"X-Sum", b"7"),
        ("no trailer", REFUSED, b"x-sum", b"7\r\n\r\nGET /s/IDIDI HTTP/1.1\r\n"),
        ("no trailer", REFUSED, b"x-sum\r\n", b"7"),
        ("no trailer", REFUSED, b"x sum", b"7"),
        ("no trailer", REFUSED, b"te", b"chunked"),
    ] {
        for announced in
            ["x-sum", "content-length, host, x-forwarded-for, trailer, transfer-encoding"]
        {
            for method in ["POST", "PUT"] {
                let mut frames = headers(0, &fields(method, &[("trailer", announced.as_bytes())]));
                frames.extend(frame(DATA, 0, STREAM, SMUGGLED.as_bytes()));
                frames.extend(headers(END_STREAM, &vec![(name.to_vec(), value.to_vec())]));
                corpus.add(class, expect, frames);
            }
        }
    }
}
