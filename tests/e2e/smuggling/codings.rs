//! Transfer-Encoding, alone and against Content-Length: spellings of the value and of the name, both
//! orders, both versions, and bodies that end elsewhere for each reading (RFC 9112 §6.1, §6.3).

use super::corpus::{Corpus, SMUGGLED, request};
use super::lengths::METHODS;

/// Adds the whole family.
pub fn add(corpus: &mut Corpus) {
    codings(corpus);
    names(corpus);
    pairs(corpus);
}

/// How a coding can be written that is not `chunked` and nothing else.
const CODINGS: [&str; 54] = [
    "",
    "xchunked",
    "chunkedx",
    "chunke",
    "chunk",
    "chunkedchunked",
    "chunked chunked",
    "chunked, identity",
    "chunked,identity",
    "identity",
    "identity, chunked",
    "chunked, chunked",
    "chunked,chunked",
    "gzip, chunked",
    "chunked, gzip",
    "gzip",
    "deflate,chunked",
    "\"chunked\"",
    "'chunked'",
    "chunked;",
    "chunked;q=1",
    "chunked ;q=1",
    "chunked,",
    ",chunked",
    ", chunked",
    "chunked ,",
    "chunked, ,",
    "chunked\0",
    "\0chunked",
    "chunked\x0b",
    "\x0bchunked",
    "\x0cchunked",
    "chunked\x0c",
    "\u{a0}chunked",
    "chunked\u{a0}",
    "chun\u{212a}ed",
    "cow",
    "none",
    "null",
    "0",
    "1",
    "chunked=1",
    "=chunked",
    "c hunked",
    "chu\rnked",
    "chunked\r",
    "\rchunked",
    "chunked\x7f",
    "chunked\x1f",
    "(chunked)",
    "chunked (a)",
    "trailers",
    "chunked, x-y",
    "x, y, chunked",
];

fn codings(corpus: &mut Corpus) {
    // For whoever does not see the coding, a request follows; for whoever does, one is hidden.
    let long = format!("0\r\n\r\n{SMUGGLED}");
    let short = format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
    for method in METHODS {
        for coding in CODINGS {
            for (length, body) in
                [(None, &short), (Some(long.len()), &long), (Some(4), &short), (Some(0), &short)]
            {
                let te = format!("Transfer-Encoding: {coding}\r\n");
                let cl = length.map(|n| format!("Content-Length: {n}\r\n")).unwrap_or_default();
                corpus.add("no coding", "400 closed", request(method, &format!("{cl}{te}"), body));
                corpus.add("no coding", "400 closed", request(method, &format!("{te}{cl}"), body));
            }
        }
        for coding in ["chunked", "Chunked", "CHUNKED", "cHuNkEd", " chunked ", "\tchunked\t"] {
            let te = format!("Transfer-Encoding:{coding}\r\n");
            corpus.add("chunked", "200 kept", request(method, &te, &short));
            for (length, body) in
                [(long.len(), &long), (4, &short), (0, &short), (short.len(), &short)]
            {
                let cl = format!("Content-Length: {length}\r\n");
                corpus.add(
                    "chunked beside a length",
                    "400 closed",
                    request(method, &format!("{cl}{te}"), body),
                );
                corpus.add(
                    "chunked beside a length",
                    "400 closed",
                    request(method, &format!("{te}X-A: b\r\n{cl}"), body),
                );
                let keep = "Connection: keep-alive\r\n";
                corpus.add(
                    "chunked beside a length",
                    "400 closed",
                    request(method, &format!("{keep}{cl}{te}"), body),
                );
            }
            for fields in [
                te.clone(),
                format!("{te}Content-Length: {}\r\n", long.len()),
                format!("Content-Length: 4\r\n{te}"),
            ] {
                let keep = "Connection: keep-alive";
                let bytes = format!(
                    "{method} /m/IDIDI HTTP/1.0\r\nHost: wiki.test\r\n{keep}\r\n{fields}\r\n{short}"
                );
                corpus.add("chunked in HTTP/1.0", "400 closed", bytes);
            }
        }
    }
}

/// Lines that are no Transfer-Encoding for us, and may be one for somebody else.
fn names(corpus: &mut Corpus) {
    let body = format!("0\r\n\r\n{SMUGGLED}");
    let cl = format!("Content-Length: {}\r\n", body.len());
    for method in METHODS {
        for line in [
            "Transfer-Encoding : chunked",
            "Transfer-Encoding\t: chunked",
            "Transfer-Encoding\0: chunked",
            "Transfer-Encoding\x0b: chunked",
            "Transfer Encoding: chunked",
            "Transfer-\r\nEncoding: chunked",
            "Transfer-\nEncoding: chunked",
            "Transfer-Encoding chunked",
            "Transfer-Encoding",
            "Transfer-Encoding\r\n : chunked",
            "Transfer-Encoding:\r\n chunked",
            "Transfer-Encoding:\r\n\tchunked",
            "Transfer-Encoding: \r\n chunked",
            "X-A: b\r\n Transfer-Encoding: chunked",
            "X-A: b\r\n\tTransfer-Encoding: chunked",
            "X-A: b\rTransfer-Encoding: chunked",
            "X-A: b\r\rTransfer-Encoding: chunked",
            "\u{a0}Transfer-Encoding: chunked",
            "Transf\u{e9}r-Encoding: chunked",
            "Tran\u{17f}fer-Encoding: chunked",
            "\x0bTransfer-Encoding: chunked",
            "\0Transfer-Encoding: chunked",
            "\rTransfer-Encoding: chunked",
            "\x7fTransfer-Encoding: chunked",
            ": chunked",
            ":Transfer-Encoding: chunked",
            "Transfer-Encoding\u{2028}: chunked",
            "Transfer-Encoding=chunked",
            "Transfer-Encoding;: chunked",
            "\"Transfer-Encoding\": chunked",
            " X-A: b",
            "X-A\0: Transfer-Encoding: chunked",
            "X-A: \0\r\nTransfer-Encoding: chunked",
        ] {
            for fields in [
                format!("{cl}{line}\r\n"),
                format!("{line}\r\n{cl}"),
                format!("{cl}X-B: c\r\n{line}\r\nX-C: d\r\n"),
            ] {
                corpus.add("no coding's name", "400 closed", request(method, &fields, &body));
            }
        }
        for line in [
            "Transfer_Encoding: chunked",
            "transfer_encoding: chunked",
            "X-Transfer-Encoding: chunked",
            "Transfer-Encodin: chunked",
            "TransferEncoding: chunked",
            "TE: chunked",
            "TE: chunked, trailers",
            "Trailer: Transfer-Encoding",
            "X-A: Transfer-Encoding: chunked",
            "Content-Encoding: chunked",
            "Transfer-Encoding-: chunked",
            "-Transfer-Encoding: chunked",
        ] {
            for fields in [format!("{cl}{line}\r\n"), format!("{line}\r\n{cl}")] {
                corpus.add(
                    "another name beside a length",
                    "200 kept",
                    request(method, &fields, &body),
                );
            }
        }
    }
}

/// Two codings in two lines.
fn pairs(corpus: &mut Corpus) {
    let long = format!("0\r\n\r\n{SMUGGLED}");
    let short = format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
    for method in METHODS {
        for (first, second) in [
            ("chunked", "identity"),
            ("identity", "chunked"),
            ("chunked", "chunked"),
            ("chunked", "cow"),
            ("cow", "chunked"),
            ("chunked", ""),
            ("", "chunked"),
            ("gzip", "chunked"),
            ("chunked", "gzip"),
            ("xchunked", "chunked"),
            ("chunked", "xchunked"),
        ] {
            for (length, body) in [(None, &short), (Some(long.len()), &long), (Some(4), &short)] {
                for between in ["", "X-A: b\r\n"] {
                    let cl = length.map(|n| format!("Content-Length: {n}\r\n")).unwrap_or_default();
                    let te = format!(
                        "Transfer-Encoding: {first}\r\n{between}Transfer-encoding: {second}\r\n"
                    );
                    corpus.add(
                        "two codings",
                        "400 closed",
                        request(method, &format!("{cl}{te}"), body),
                    );
                    corpus.add(
                        "two codings",
                        "400 closed",
                        request(method, &format!("{te}{cl}"), body),
                    );
                }
            }
        }
    }
}
