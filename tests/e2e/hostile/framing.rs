//! Answers that lie about their length, or are framed as nobody can read them.

use super::play::play;
use super::{FIELDS, Gets, chunked, garbage, ok, row, sized};
use crate::kit::Act::{Close, Keep, Reset};

#[test]
fn a_body_that_is_shorter_than_it_says_is_visibly_broken() {
    let ten = || Gets::Cut(sized(FIELDS, 10, "hello"), "truncated");
    let nothing = || Gets::Cut(sized(FIELDS, 10, ""), "truncated");
    let endless = || Gets::Cut(chunked(FIELDS, "hello", false), "truncated");
    play(&[
        row("closes in mid-body", ok("Content-Length: 10\r\n", "hello"), Close, ten()),
        row("resets in mid-body", ok("Content-Length: 10\r\n", "hello"), Reset, ten()),
        row("closes before the body", ok("Content-Length: 10\r\n", ""), Close, nothing()),
        row("closes between chunks", ok(CHUNKED, "5\r\nhello\r\n"), Close, endless()),
        row("resets between chunks", ok(CHUNKED, "5\r\nhello\r\n"), Reset, endless()),
        row("closes in a chunk", ok(CHUNKED, "a\r\nhello"), Close, endless()),
        row(
            "closes before the last chunk's end",
            ok(CHUNKED, "5\r\nhello\r\n0\r\n"),
            Close,
            endless(),
        ),
    ]);
}

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

#[test]
fn lengths_that_are_none_are_no_http() {
    let lengths = [
        "-1",
        "+5",
        "0x5",
        "5 5",
        "5, 6",
        "five",
        "",
        "18446744073709551616",
        "99999999999999999999999999",
        "5.0",
        "5,",
    ];
    let bad = |length: &str| ok(&format!("Content-Length: {length}\r\n"), "hello");
    let mut rows: Vec<_> = lengths
        .iter()
        .map(|length| row("a length that is none", bad(length), Keep, garbage()))
        .collect();
    rows.extend([
        row(
            "two lengths",
            ok("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"),
            Keep,
            garbage(),
        ),
        row(
            "one length twice",
            ok("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
            Keep,
            Gets::Whole(sized(FIELDS, 5, "hello")),
        ),
    ]);
    play(&rows);
}

#[test]
fn transfer_codings_that_are_not_chunked_alone_are_no_http() {
    let coded = |lines: &str| ok(lines, "5\r\nhello\r\n0\r\n\r\n");
    play(&[
        row(
            "a length beside chunks",
            coded("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
            Keep,
            garbage(),
        ),
        row(
            "chunks beside a length",
            coded("Transfer-Encoding: chunked\r\nContent-Length: 24\r\n"),
            Keep,
            garbage(),
        ),
        row("an unknown coding", coded("Transfer-Encoding: rot13\r\n"), Close, garbage()),
        row("gzip on the way", coded("Transfer-Encoding: gzip, chunked\r\n"), Keep, garbage()),
        row(
            "gzip on another line",
            coded("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
            Keep,
            garbage(),
        ),
        row("chunks twice", coded("Transfer-Encoding: chunked, chunked\r\n"), Keep, garbage()),
        row("chunked not last", coded("Transfer-Encoding: chunked, gzip\r\n"), Close, garbage()),
        row("identity", coded("Transfer-Encoding: identity\r\n"), Close, garbage()),
        row("a quoted coding", coded("Transfer-Encoding: \"chunked\"\r\n"), Close, garbage()),
        row("a misspelt coding", coded("Transfer-Encoding: xchunked\r\n"), Close, garbage()),
        row(
            "a coding with a parameter",
            coded("Transfer-Encoding: chunked;a=b\r\n"),
            Close,
            garbage(),
        ),
        row(
            "chunks in HTTP/1.0",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Close,
            garbage(),
        ),
        row(
            "chunked in another case",
            coded("Transfer-Encoding: Chunked\r\n"),
            Keep,
            Gets::Whole(chunked(FIELDS, "hello", true)),
        ),
    ]);
}

#[test]
fn chunks_that_cannot_be_read_break_the_answer_off() {
    let broken = |name, sends: &str| {
        let gets = Gets::Cut(chunked(FIELDS, "hello", false), "origin-garbage");
        row(name, ok(CHUNKED, &format!("5\r\nhello\r\n{sends}")), Keep, gets)
    };
    play(&[
        broken("a chunk size of no digits", "xyz\r\n"),
        broken("no chunk size", "\r\n"),
        broken("a negative chunk size", "-5\r\nhello\r\n"),
        broken("a chunk size with a prefix", "0x5\r\nhello\r\n"),
        broken("a blank before a chunk size", " 5\r\nhello\r\n"),
        broken("a bare LF behind a chunk size", "5\nhello\r\n"),
        broken("two chunk sizes", "5 5\r\nhello\r\n"),
        broken("a chunk size of 65 bits", "10000000000000000\r\n"),
        broken("a chunk size of 128 bits", "ffffffffffffffffffffffffffffffff\r\n"),
        broken("20 000 bytes of chunk extension", &format!("5;{}\r\n", "x".repeat(20_000))),
        broken("a bare LF in a chunk extension", "5;a\nb\r\nhello\r\n"),
        broken("a trailer without a colon", "0\r\nbad trailer\r\n\r\n"),
        broken("300 trailers", &format!("0\r\n{}\r\n", "a: b\r\n".repeat(300))),
        broken("a trailer of 70 000 bytes", &format!("0\r\na: {}\r\n\r\n", "x".repeat(70_000))),
    ]);
}

#[test]
fn a_chunk_that_is_not_followed_by_its_line_end_breaks_the_answer_off() {
    let gets = || Gets::Cut(chunked(FIELDS, "hello", false), "origin-garbage");
    play(&[
        row("no line end", ok(CHUNKED, "5\r\nhelloworld"), Keep, gets()),
        row("a bare LF", ok(CHUNKED, "5\r\nhello\n5\r\nworld\r\n"), Keep, gets()),
        row("a bare CR", ok(CHUNKED, "5\r\nhello\rx"), Keep, gets()),
    ]);
}
