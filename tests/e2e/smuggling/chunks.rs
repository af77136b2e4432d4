//! The chunked coding (RFC 9112 §7.1): every spelling of a size line, of the end of a chunk, of the
//! last chunk and of the trailer section, and every byte of the framing exchanged for another.

use super::corpus::{Corpus, SMUGGLED, request};

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
const METHODS: [&str; 2] = ["POST", "PUT"];

/// Adds the whole family.
pub fn add(corpus: &mut Corpus) {
    sizes(corpus);
    ends(corpus);
    last_chunks(corpus);
    trailers(corpus);
    bytes(corpus);
}

/// Adds a body after no chunk, and after one that is right, with and without `Expect`.
fn bodies(corpus: &mut Corpus, class: &'static str, expect: &'static str, chunks: &str) {
    for method in METHODS {
        for before in ["", "5\r\nhello\r\n"] {
            let body = format!("{before}{chunks}");
            corpus.add(class, expect, request(method, CHUNKED, &body));
            let expecting = format!("{CHUNKED}Expect: 100-continue\r\n");
            corpus.add(class, expect, request(method, &expecting, &body));
        }
    }
}

/// Size lines that are none; `N` is the size.
const NO_SIZES: [&str; 56] = [
    "\r\n",
    " N\r\n",
    "\tN\r\n",
    "0xN\r\n",
    "+N\r\n",
    "-N\r\n",
    "N,\r\n",
    "N, N\r\n",
    "N N\r\n",
    "N.0\r\n",
    "N_\r\n",
    "_N\r\n",
    "g\r\n",
    "Ng\r\n",
    "\"N\"\r\n",
    "#N\r\n",
    ";\r\n",
    ";x=1\r\n",
    "N\n",
    "N\r",
    "N\r\r\n",
    "N\n\r",
    "N\r \n",
    "N\0\r\n",
    "\0N\r\n",
    "N\x0b\r\n",
    "\x0bN\r\n",
    "N\x0c\r\n",
    "N \x0b\r\n",
    "N\u{a0}\r\n",
    "\u{a0}N\r\n",
    "N \n",
    "N;x\n",
    "N;x=1\n",
    "N;a\nb\r\n",
    "N;\n\r\n",
    "N;a\rb\r\n",
    "N;\r\r\n",
    "N;\0\r\n",
    "N;a=\"\r\nb\"\r\n",
    "N;a=\"\rb\"\r\n",
    "\r\nN\r\n",
    "\nN\r\n",
    "-0\r\n",
    "+0\r\n",
    "N:\r\n",
    "N=\r\n",
    "N?\r\n",
    "N%20\r\n",
    "10000000000000000\r\n",
    "ffffffffffffffff1\r\n",
    "1000000000000000d\r\n",
    "123456789abcdef012345\r\n",
    "ffffffffffffffffffffffffffffffff\r\n",
    "N\x7f\r\n",
    "\u{ff12}\u{ff14}\r\n",
];

fn sizes(corpus: &mut Corpus) {
    let hex = format!("{:x}", SMUGGLED.len());
    let rest = format!("{SMUGGLED}\r\n0\r\n\r\n");
    let spelled = |size: &str| size.replace('N', &hex);
    for size in NO_SIZES {
        bodies(corpus, "no chunk size", "400 closed", &format!("{}{rest}", spelled(size)));
    }
    for size in [
        "N\r\n",
        "0N\r\n",
        "0000000000000000N\r\n",
        "N;\r\n",
        "N;x\r\n",
        "N;x=1\r\n",
        "N;x=\"y z\"\r\n",
        "N;x;y;z\r\n",
        "N ;x\r\n",
        "N \r\n",
        "N\t\r\n",
        "N  \t\r\n",
        "N; x = 1\r\n",
        "N;\u{e9}\r\n",
    ] {
        bodies(corpus, "chunk size", "200 kept", &format!("{}{rest}", spelled(size)));
        bodies(
            corpus,
            "chunk size",
            "200 kept",
            &format!("{}{rest}", spelled(size).to_uppercase().replace('X', "x")),
        );
    }
    for size in
        ["ffffffffffffffff\r\n", "7fffffffffffffff\r\n", "fffffffffffffffe\r\n", "fffff0\r\n"]
    {
        bodies(corpus, "endless chunk", "408 closed|413 closed", &format!("{size}{rest}"));
    }
    for length in [4_000, 5_000, 20_000] {
        let size = format!("{hex};{}\r\n", "x".repeat(length));
        let expect = if length < 4_096 { "200 kept" } else { "400 closed" };
        bodies(corpus, "large extension", expect, &format!("{size}{rest}"));
    }
}

fn ends(corpus: &mut Corpus) {
    for (data, end) in [
        ("hello", ""),
        ("hello", "\n"),
        ("hello", "\r"),
        ("hello", "\r\r\n"),
        ("hello", "XX"),
        ("hello", "\0\0"),
        ("hello", "\n\r"),
        ("hello", "\r\0"),
        ("hello", " \r\n"),
        ("hello", "\r \n"),
        ("hello", "\t\r\n"),
        ("hello", ";\r\n"),
        ("hell", "\r\n"),
        ("hello!", "\r\n"),
        ("hello", "\n\n"),
        ("hello", "\x0b\n"),
        ("hello", "\u{85}"),
        ("hel\r\n", "\n"),
    ] {
        for size in ["5", "5;x", "05"] {
            bodies(
                corpus,
                "no chunk's end",
                "400 closed",
                &format!("{size}\r\n{data}{end}0\r\n\r\n{SMUGGLED}"),
            );
        }
    }
    // The data of a chunk may look like anything.
    for data in ["\r\n\r\n", "0\r\n\r\n", "\0\0\0\0", "\n\n0\n\n", "GET / HTTP/1.1\r\n\r\n"] {
        bodies(
            corpus,
            "chunk data",
            "200 kept",
            &format!("{:x}\r\n{data}\r\n0\r\n\r\n", data.len()),
        );
    }
}

fn last_chunks(corpus: &mut Corpus) {
    let begun = "5\r\nhello\r\n";
    for last in [
        "0\n\n",
        "0\n\r\n",
        "0\r\r\n",
        "0\r\n\r\r",
        "0\r\n \r\n",
        "0 0\r\n\r\n",
        "0;x\n\r\n",
        "0\r\n\0\r\n",
        "0\0\r\n\r\n",
        "o\r\n\r\n",
        "\r\n\r\n",
        "0\r\n\r\0",
        "0,\r\n\r\n",
        "0\r\n:\r\n\r\n",
    ] {
        bodies(corpus, "no last chunk", "400 closed", &format!("{begun}{last}{SMUGGLED}"));
    }
    // Some take the line feed for a trailer section's and read on to the next empty line; whoever
    // takes it for the end sees a request there.
    let line_feed = format!("{begun}0\r\n\n{SMUGGLED}");
    bodies(corpus, "a line feed among trailers", "400 closed", &line_feed);
    for last in [
        "0\r\n\r\n",
        "00\r\n\r\n",
        "000000000000000000000000000000000000\r\n\r\n",
        "0;x\r\n\r\n",
        "0;x=\"0\"\r\n\r\n",
        "0 \r\n\r\n",
        "0\t;x\r\n\r\n",
    ] {
        bodies(corpus, "last chunk", "200 kept", &format!("{begun}{last}"));
    }
}

fn trailers(corpus: &mut Corpus) {
    let begun = "5\r\nhello\r\n0\r\n";
    for announced in [
        "",
        "Trailer: X-Sum\r\n",
        "Trailer: X-Sum, Content-Length, Transfer-Encoding, Host, Connection\r\n",
        "TE: trailers\r\nTrailer: x-sum, x-forwarded-for, via\r\n",
    ] {
        for (class, expect, section) in [
            ("trailer", "200 kept", "X-Sum: 7\r\n\r\n"),
            ("trailer", "200 kept", "X-Sum: 7\r\nX-Sum: 8\r\n\r\n"),
            ("trailer", "200 kept", "X-Sum:7\r\n\r\n"),
            ("trailer", "200 kept", "X-Sum:\r\n\r\n"),
            ("trailer that frames", "200 kept", "Content-Length: 5\r\n\r\n"),
            ("trailer that frames", "200 kept", "Content-Length: 500\r\nX-Sum: 7\r\n\r\n"),
            ("trailer that frames", "200 kept", "Transfer-Encoding: chunked\r\n\r\n"),
            ("trailer that frames", "200 kept", "Host: evil.test\r\n\r\n"),
            ("trailer that frames", "200 kept", "Connection: close\r\nHost: evil.test\r\n\r\n"),
            ("trailer that frames", "200 kept", "X-Forwarded-For: 127.0.0.1\r\n\r\n"),
            ("trailer that frames", "200 kept", "Via: 1.1 cp1\r\n\r\n"),
            ("no trailer", "400 closed", "X-Sum : 7\r\n\r\n"),
            ("no trailer", "400 closed", ": 7\r\n\r\n"),
            ("no trailer", "400 closed", "X-Sum\r\n\r\n"),
            ("no trailer", "400 closed", "X-Sum: 7\r\n X: 8\r\n\r\n"),
            ("no trailer", "400 closed", " X-Sum: 7\r\n\r\n"),
            ("no trailer", "400 closed", "X-Sum: a\0b\r\n\r\n"),
            ("no trailer", "400 closed", "X-Sum: a\rb\r\n\r\n"),
            ("no trailer", "400 closed", "X-Sum: a\nb\r\n\r\n"),
            ("no trailer", "400 closed", "X-Sum: a\x0bb\r\n\r\n"),
            ("no trailer", "400 closed", "X Sum: 7\r\n\r\n"),
            ("a line feed among trailers", "400 closed", "X-Sum: 7\n\r\n"),
            ("a line feed among trailers", "400 closed", "X-Sum: 7\n\n"),
            ("no trailer", "400 closed", "X\0: 7\r\n\r\n"),
            (
                "a request for a trailer",
                "400 closed",
                "GET /s/IDIDI HTTP/1.1\r\nHost: wiki.test\r\n\r\n",
            ),
        ] {
            for method in METHODS {
                let fields = format!("{CHUNKED}{announced}");
                corpus.add(class, expect, request(method, &fields, &format!("{begun}{section}")));
            }
        }
        for (count, length, expect) in [
            (60, 10, "200 kept"),
            (100, 10, "400 closed"),
            (200, 10, "400 closed"),
            (1, 30_000, "400 closed"),
        ] {
            let section = (0..count)
                .map(|n| format!("X-{n}: {}\r\n", "y".repeat(length)))
                .collect::<String>();
            corpus.add(
                "many trailers",
                expect,
                request("POST", &format!("{CHUNKED}{announced}"), &format!("{begun}{section}\r\n")),
            );
        }
    }
}

/// Each byte that frames a chunked body, and the bytes that might stand there instead.
fn bytes(corpus: &mut Corpus) {
    let body = "5\r\nhello\r\n0\r\n\r\n";
    let framing = [0, 1, 2, 8, 9, 10, 11, 12, 13, 14];
    let others = b"\0\x01\t\n\x0b\x0c\r\x1f !\"#%&'+,-./0:;=?@AFGaf[\\_`gxz{|}~\x7f\x85\xa0\xff";
    for at in framing {
        for other in others {
            let mut bytes = request("POST", CHUNKED, &format!("{body}{SMUGGLED}")).into_bytes();
            let place = bytes.len() - SMUGGLED.len() - body.len() + at;
            if bytes[place] == *other {
                continue;
            }
            bytes[place] = *other;
            // A longer chunk may swallow what follows, and then misses its end.
            corpus.add("a byte of the framing", "400 closed|408 closed|200 closed", bytes);
        }
    }
}
