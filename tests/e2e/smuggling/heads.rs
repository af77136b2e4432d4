//! What stands above a body: request lines, field names and values, line ends, and every byte that
//! frames a head exchanged for another (RFC 9112 §2, §3, §5).

use super::corpus::{Corpus, SMUGGLED, request};

/// Adds the whole family.
pub fn add(corpus: &mut Corpus) {
    request_lines(corpus);
    names_and_values(corpus);
    line_ends(corpus);
    bytes(corpus);
}

/// The field that no request may miss.
pub const HOST: &str = "Host: wiki.test\r\n";
/// Methods without a body.
pub const GET: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// What stands where a version should.
const NO_VERSIONS: [&str; 39] = [
    "HTTP/1.2",
    "HTTP/1.9",
    "HTTP/1.",
    "HTTP/1",
    "HTTP/.1",
    "HTTP/11",
    "HTTP/1.1.1",
    "HTTP/1.10",
    "HTTP/01.1",
    "HTTP/1.01",
    "HTTP/2",
    "HTTP/2.0",
    "HTTP/3.0",
    "HTTP/0.9",
    "HTTP/9.9",
    "HTTP/-1.1",
    "HTTP/1,1",
    "http/1.1",
    "Http/1.1",
    "HTTP 1.1",
    "HTTP1.1",
    "HTTPS/1.1",
    "XHTTP/1.1",
    "HTTP/1.1x",
    "HTTP/1.1 x",
    "ICY/1.1",
    "RTSP/1.0",
    "HTTP/\u{661}.1",
    "HTTP/1.1\0",
    "HTTP/1.1\x0b",
    "HTTP/1.1\t",
    "HTTP/1.1 ",
    "HTTP/1.1\u{a0}",
    "\tHTTP/1.1",
    "\x0bHTTP/1.1",
    "\0HTTP/1.1",
    " HTTP/1.1",
    "HTTP/1.1\r",
    "",
];

/// First lines that are none.
const NO_REQUESTS: [&str; 36] = [
    "GET /m/IDIDI",
    "GET",
    "",
    " ",
    "GET  /m/IDIDI HTTP/1.1",
    "GET /m/IDIDI  HTTP/1.1",
    "GET\t/m/IDIDI HTTP/1.1",
    "GET /m/IDIDI\tHTTP/1.1",
    " GET /m/IDIDI HTTP/1.1",
    "\tGET /m/IDIDI HTTP/1.1",
    "GET\x0b/m/IDIDI HTTP/1.1",
    "GET\0 /m/IDIDI HTTP/1.1",
    "G\0ET /m/IDIDI HTTP/1.1",
    "GET\r /m/IDIDI HTTP/1.1",
    "GET /m/IDIDI\r HTTP/1.1",
    "G ET /m/IDIDI HTTP/1.1",
    "G:ET /m/IDIDI HTTP/1.1",
    "G(ET /m/IDIDI HTTP/1.1",
    "G\u{e9}T /m/IDIDI HTTP/1.1",
    "\"GET\" /m/IDIDI HTTP/1.1",
    "GET, /m/IDIDI HTTP/1.1",
    "G/ET /m/IDIDI HTTP/1.1",
    "GET;/m/IDIDI HTTP/1.1",
    "/m/IDIDI HTTP/1.1",
    "HTTP/1.1 200 OK",
    "\u{feff}GET /m/IDIDI HTTP/1.1",
    "SSH-2.0-x",
    "EHLO wiki.test",
    "\x16\x03\x01\x02\0\x01\0\x01\u{fc}",
    "*1",
    "PRI * HTTP/2.0",
    "QUIT",
    "PROXY TCP4 127.0.0.1 127.0.0.1 1 2",
    "{\"a\": 1}",
    "<x>",
    "GET /m/IDIDI HTTP/1.1 GET /s/IDIDI HTTP/1.1",
];

fn request_lines(corpus: &mut Corpus) {
    for version in NO_VERSIONS {
        for method in GET {
            corpus.add(
                "no version",
                "400 closed",
                format!("{method} /m/IDIDI {version}\r\n{HOST}\r\n"),
            );
        }
        corpus.add(
            "no version",
            "400 closed",
            format!(
                "POST /m/IDIDI {version}\r\n{HOST}Content-Length: {}\r\n\r\n{SMUGGLED}",
                SMUGGLED.len()
            ),
        );
    }
    for line in NO_REQUESTS {
        corpus.add("no request line", "400 closed", format!("{line}\r\n{HOST}\r\n"));
        corpus.add(
            "no request line",
            "400 closed",
            format!("{line}\r\n{HOST}Content-Length: {}\r\n\r\n{SMUGGLED}", SMUGGLED.len()),
        );
    }
    corpus.add(
        "HTTP/2 to HTTP/1",
        "400 closed",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    );
    for method in [
        "get",
        "gET",
        "M-SEARCH",
        "PROPFIND",
        "X",
        "A!#$%&'*+-.^_`|~Z",
        "GETGET",
        "PRI",
        "DELETE",
        "PATCH",
        "LINK",
    ] {
        corpus.add("another method", "200 kept", request(method, "", ""));
        corpus.add(
            "another method",
            "200 kept",
            request(method, &format!("Content-Length: {}\r\n", SMUGGLED.len()), SMUGGLED),
        );
    }
    for method in ["CONNECT", "TRACE"] {
        corpus.add("a method that is refused", "405 kept", request(method, "", ""));
        corpus.add(
            "a method that is refused",
            "405 kept|405 closed",
            request(method, &format!("Content-Length: {}\r\n", SMUGGLED.len()), SMUGGLED),
        );
        corpus.add(
            "a method that is refused",
            "405 kept|400 closed",
            format!("{method} wiki.test:80 HTTP/1.1\r\n{HOST}\r\n"),
        );
    }
    // RFC 9112 §2.2: an empty line or several before a request are tolerated.
    for before in ["\r\n", "\r\n\r\n", "\n", "\n\n\r\n"] {
        let outcome = if before.starts_with('\r') { "200 kept" } else { "400 closed" };
        corpus.add("empty lines before", outcome, format!("{before}{}", request("GET", "", "")));
    }
}

/// Lines that are no field.
const NO_FIELDS: [&str; 43] = [
    ": x",
    ":",
    " : x",
    "X",
    "X-A b",
    "X-A : b",
    "X-A\t: b",
    "X A: b",
    "X\0A: b",
    "X\x0bA: b",
    "X\x7fA: b",
    "X\u{e9}A: b",
    "X\rA: b",
    "(X): b",
    "X,Y: b",
    "X;Y: b",
    "X<Y>: b",
    "X=Y: b",
    "X?: b",
    "X@Y: b",
    "[X]: b",
    "X\\Y: b",
    "{X}: b",
    "X/Y: b",
    "\"X\": b",
    "X-A: \0",
    "X-A: a\0b",
    "X-A: a\x01b",
    "X-A: a\x0bb",
    "X-A: a\x0cb",
    "X-A: a\x1fb",
    "X-A: a\x7fb",
    "X-A: a\rb",
    "X-A: a\r",
    "X-A: a\r\r",
    "X-A: a\r\n b",
    "X-A: a\r\n\tb",
    "X-A:\r\n b",
    "X-A: a\r\n \r\n b",
    " X-A: b",
    "\tX-A: b",
    "X-A: a\x08b",
    "X-A: a\x1b[0m",
];

fn names_and_values(corpus: &mut Corpus) {
    for line in NO_FIELDS {
        for (before, after) in [("", ""), ("X-B: c\r\n", ""), ("", "X-C: d\r\n")] {
            for method in ["GET", "POST"] {
                let length = SMUGGLED.len();
                let fields = format!("{before}{line}\r\n{after}Content-Length: {length}\r\n");
                corpus.add("no field", "400 closed", request(method, &fields, SMUGGLED));
            }
        }
        // The first line after the request line has rules of its own (RFC 9112 §2.2).
        corpus.add(
            "no field",
            "400 closed",
            format!("GET /m/IDIDI HTTP/1.1\r\n{line}\r\n{HOST}\r\n"),
        );
    }
    for line in [
        "X-A:",
        "X-A:b",
        "X-A:   b   ",
        "X-A: \u{e9}",
        "X-A: \u{80}\u{ff}",
        "X_A: b",
        "1: 2",
        "-: -",
        "_: _",
        "!#$%&'*+-.^_`|~: x",
        "X-A: \"\\\"\\",
        "X-A: a:b:c",
        "X-A: GET / HTTP/1.1",
        "X-A: ,,,,",
        "x-a: b\r\nX-A: c\r\nX-a: d",
    ] {
        for method in GET {
            corpus.add("field", "200 kept", request(method, &format!("{line}\r\n"), ""));
        }
    }
    for name in [
        "Content_Length: 5",
        "Transfer_Encoding: chunked",
        "Host_: evil.test",
        "X_Forwarded_For: 127.0.0.1",
        "x_forwarded-for: 127.0.0.1",
        "X-Forwarded_Proto: https",
        "Via_: 1.1 cp1",
        "Connection_: close",
        "content_LENGTH: 44",
    ] {
        for method in ["GET", "POST", "HEAD"] {
            corpus.add("look-alike", "200 kept", request(method, &format!("{name}\r\n"), ""));
        }
    }
}

fn line_ends(corpus: &mut Corpus) {
    // RFC 9112 §2.2 lets a bare line feed end a line; whoever disagrees sees another request.
    for method in GET {
        for head in [
            "M\nH\n\n",
            "M\nH\r\n\r\n",
            "M\r\nH\n\r\n",
            "M\r\nH\nX-A: b\r\n\r\n",
            "M\r\nX-A: b\nH\r\n\r\n",
            "M\r\nH\r\n\n",
        ] {
            let line = format!("{method} /m/IDIDI HTTP/1.1");
            let head = head.replace('H', "Host: wiki.test").replace('M', &line);
            corpus.add("bare line feed", "400 closed", head);
        }
    }
    for head in [
        "M\rH\r\r",
        "M\r\rH\r\n\r\n",
        "M\n\rH\n\r\n\r",
        "M\r\nH\r\r\n\r\n",
        "M\r\nH\rX-A: b\r\n\r\n",
        "M\x0bH\x0b\x0b\r\n\r\n",
        "M\u{85}H\r\n\r\n",
        "M\u{2028}H\r\n\r\n",
    ] {
        let head = head.replace('H', "Host: wiki.test").replace('M', "GET /m/IDIDI HTTP/1.1");
        corpus.add("no line end", "400 closed", head);
    }
    let length = SMUGGLED.len();
    for end in ["\n", "\n\n", "\r\n\n"] {
        corpus.add(
            "bare line feed before a body",
            "200 kept|400 closed",
            format!("POST /m/IDIDI HTTP/1.1\r\n{HOST}Content-Length: {length}{end}\r\n{SMUGGLED}"),
        );
    }
}

/// Each byte that frames a head, and the bytes that might stand there instead.
fn bytes(corpus: &mut Corpus) {
    let head = format!(
        "POST /m/IDIDI HTTP/1.1\r\nHost: wiki.test\r\nContent-Length: {}\r\n\r\n",
        SMUGGLED.len()
    );
    let framing =
        |(_, byte): &(usize, u8)| matches!(byte, b' ' | b'\r' | b'\n' | b':' | b'/' | b'.' | b'1');
    let places: Vec<usize> = head.bytes().enumerate().filter(framing).map(|(at, _)| at).collect();
    // The second slash of the target frames nothing.
    for at in places.into_iter().filter(|at| *at != 7) {
        for other in b"\0\x01\t\n\x0b\x0c\r\x1f !\",/:;2\x7f\x85\xa0\xff" {
            let mut bytes = format!("{head}{SMUGGLED}").into_bytes();
            if bytes[at] == *other {
                continue;
            }
            bytes[at] = *other;
            let expect = "400 closed|200 kept|421 kept|408 closed|200+400 closed";
            corpus.add("a byte of the head", expect, bytes);
        }
    }
}
