//! Heads that are none, and heads that are odd and yet are heads.

use super::play::play;
use super::{FIELDS, Gets, Row, garbage, ok, row, sized};
use crate::kit::Act::{Close, Keep, Reset};

fn closed() -> Gets {
    Gets::Page(502, "origin-closed")
}

#[test]
fn an_origin_that_leaves_before_its_head_is_whole_has_not_answered() {
    play(&[
        row("closes before a byte", "", Close, closed()),
        row("resets before a byte", "", Reset, closed()),
        row("closes in the status line", "HTTP/1.1 20", Close, closed()),
        row("closes in the fields", OPEN, Close, closed()),
        row("resets in the fields", OPEN, Reset, closed()),
        row(
            "closes after an interim response",
            "HTTP/1.1 103 Early Hints\r\n\r\n",
            Close,
            closed(),
        ),
    ]);
}

const OPEN: &str = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nX-Secret: leak";

#[test]
fn status_lines_that_are_none_are_no_http() {
    let lines = [
        "SMTP ready",
        "hello, world, without any head at all",
        "ICY 200 OK",
        "http/1.1 200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/1.2 200 OK",
        "HTTP/0.9 200 OK",
        "HTTP/11 200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1200 OK",
        "HTTP/1.1 99 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 000 OK",
        "HTTP/1.1 1000 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 -20 OK",
        "HTTP/1.1 2OO OK",
        "HTTP/1.1 twohundred OK",
        "HTTP/1.1",
        "HTTP/1.1 ",
        "HTTP/1.1 200 O\0K",
        "HTTP/1.1 200 O\x01K",
        "HTTP/1.1 200 O\x7fK",
        "HTTP/1.1 200 O\rK",
        "\0\0\0\0",
        " HTTP/1.1 200 OK",
        "\r\nHTTP/1.1 200 OK",
        "HTTP/1.1 200 OK\nX-A: b",
        "\u{feff}HTTP/1.1 200 OK",
        "PRI * HTTP/2.0\r\n\r\nSM",
        "GET / HTTP/1.1",
    ];
    let bad = |line: &&'static str| {
        let sends = format!("{line}\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nleak");
        row(line, sends, Keep, garbage())
    };
    play(&lines.iter().map(bad).collect::<Vec<_>>());
}

#[test]
fn fields_that_are_none_are_no_http() {
    let lines = [
        "leak without a colon",
        ": leak",
        "X-Leak : leak",
        "X-Leak\t: leak",
        "X Leak: leak",
        "X(Leak): leak",
        "X-L\u{e9}ak: leak",
        "X-Leak\0: leak",
        "X-Leak: le\0ak",
        "X-Leak: le\x01ak",
        "X-Leak: le\x7fak",
        "X-Leak: le\x1bak",
        "X-Leak: le\rak",
        "X-Leak: leak\r\n folded",
        "X-Leak: leak\r\n\tfolded",
        " X-Leak: leak",
        "\u{200b}X-Leak: leak",
    ];
    let bad = |line: &&'static str| {
        row(line, ok(&format!("{line}\r\nContent-Length: 4\r\n"), "leak"), Keep, garbage())
    };
    play(&lines.iter().map(bad).collect::<Vec<_>>());
}

/// An odd head that is one; the client gets it in our spelling.
fn whole(name: &'static str, sends: &str, fields: &str) -> Row {
    let fields = [FIELDS, fields].join("\n");
    row(name, sends, Keep, Gets::Whole(sized(&fields, 5, "hello")))
}

#[test]
fn heads_that_are_odd_and_yet_heads_are_passed_on_in_our_spelling() {
    let five = |lines: &str| ok(&format!("{lines}Content-Length: 5\r\n"), "hello");
    let line = |line: &str| five("").replacen("HTTP/1.1 200 OK", line, 1);
    play(&[
        whole("no reason", &line("HTTP/1.1 200"), ""),
        whole("a blank for a reason", &line("HTTP/1.1 200 "), ""),
        whole("a reason of its own", &line("HTTP/1.1 200 Fine, <b>thanks</b>"), ""),
        whole("a reason beyond ASCII", &line("HTTP/1.1 200 Gut, dank\u{e9}"), ""),
        whole("blanks around a value", &five("X-A: \t a \t\r\n"), "x-a: a"),
        whole("an empty value", &five("X-A:\r\n"), "x-a: "),
        whole("a value beyond ASCII", &five("X-A: \u{e9}\r\n"), "x-a: \u{e9}"),
        whole(
            "fields of the connection",
            &five("Connection: x-a\r\nX-A: a\r\nKeep-Alive: 9\r\n"),
            "",
        ),
        whole(
            "a connection that claims everybody's fields",
            &five("Connection: cache-control, content-length, via\r\n"),
            "",
        ),
    ]);
}

#[test]
fn statuses_that_nobody_knows_are_passed_on_and_not_stored() {
    let unusual = |status: &str| five().replacen("200 OK", &format!("{status} Unheard-of"), 1);
    fn five() -> String {
        ok("Content-Length: 5\r\n", "hello")
    }
    let unnamed = |status: &'static str| sized(FIELDS, 5, "hello").status(status);
    play(&[
        row("status 299", unusual("299"), Keep, Gets::Whole(unnamed("299 "))),
        row("status 599", unusual("599"), Keep, Gets::Whole(unnamed("599 "))),
        row("status 600", unusual("600"), Keep, Gets::Whole(unnamed("600 ").unstored("status"))),
        row("status 999", unusual("999"), Keep, Gets::Whole(unnamed("999 ").unstored("status"))),
    ]);
}
