//! Answers that are HTTP and make no sense: to another question, from another time, or far too much
//! of something.

use super::play::play;
use super::{FIELDS, Gets, garbage, ok, row, sized};
use crate::kit::Act::Keep;
use crate::kit::{Origin, Page, Proxy, Reply, get};

#[test]
fn answers_to_questions_that_nobody_asked_are_no_answers() {
    let unasked =
        |status: &str, lines: &str, body: &str| ok(lines, body).replacen("200 OK", status, 1);
    play(&[
        row("a 304 unasked", unasked("304 Not Modified", "ETag: \"a\"\r\n", ""), Keep, garbage()),
        row(
            "a 206 unasked",
            unasked(
                "206 Partial Content",
                "Content-Range: bytes 0-4/10\r\nContent-Length: 5\r\n",
                "hello",
            ),
            Keep,
            garbage(),
        ),
        row(
            "a 416 unasked",
            unasked(
                "416 Range Not Satisfiable",
                "Content-Range: bytes */5\r\nContent-Length: 0\r\n",
                "",
            ),
            Keep,
            garbage(),
        ),
        row(
            "a 101 unasked",
            unasked(
                "101 Switching Protocols",
                "Connection: upgrade\r\nUpgrade: websocket\r\n",
                "bytes",
            ),
            Keep,
            garbage(),
        ),
    ]);
}

#[test]
fn too_much_of_what_is_allowed_is_passed_on_or_refused_and_never_stored() {
    let lines = |name: &str, value: &str, n: usize| format!("{name}: {value}\r\n").repeat(n);
    let five = |lines: &str| ok(&format!("{lines}Content-Length: 5\r\n"), "hello");
    let passed = |fields: &str, why| {
        let mut fields: Vec<_> = fields.split("\r\n").filter(|line| !line.is_empty()).collect();
        fields.push(FIELDS);
        Gets::Whole(sized(&fields.join("\n"), 5, "hello").unstored(why))
    };
    let cookies = |n: usize| lines("set-cookie", &format!("session={}", "x".repeat(200)), n);
    let names: Vec<_> = (0..1000).map(|n| format!("x-{n}")).collect();
    let vary = format!("vary: {}\r\n", names.join(", "));
    let quoted = format!("cache-control: x=\"{}, no-store\r\n", "\\\",".repeat(10_000));
    play(&[
        row("200 cookies", five(&cookies(200)), Keep, passed(&cookies(200), "set-cookie")),
        row("300 cookies", five(&cookies(300)), Keep, garbage()),
        row("Vary: *", five("Vary: accept, *\r\n"), Keep, passed("vary: accept, *", "vary-star")),
        row("Vary with 1000 names", five(&vary), Keep, passed(&vary, "vary-star")),
        row("1000 lines of Vary", five(&lines("Vary", "accept", 1000)), Keep, garbage()),
        row(
            "a no-store behind 30 000 bytes of quotes",
            five(&quoted),
            Keep,
            passed(&quoted, "no-store"),
        ),
        row(
            "Cache-Control of 1 MB",
            five(&format!("Cache-Control: {}\r\n", "a,".repeat(500_000))),
            Keep,
            garbage(),
        ),
    ]);
}

#[test]
fn a_response_is_as_old_as_the_most_careful_reading_of_its_dates() {
    let origin = Origin::start();
    // Name, fields, age on arrival, and whether it is fresh then.
    let cases = [
        ("far-future", "Date: Fri, 31 Dec 9999 23:59:59 GMT", 0, true),
        ("far-past", "Date: Thu, 01 Jan 1970 00:00:00 GMT", 1_767_225_600, false),
        ("before-time", "Date: Mon, 01 Jan 0001 00:00:00 GMT", 1 << 31, false),
        ("no-date", "Date: yesterday", 0, true),
        (
            "two-dates",
            "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT",
            0,
            true,
        ),
        ("huge-age", "Age: 99999999999999999999999999", 1 << 31, false),
        ("negative-age", "Age: -5", 0, true),
        ("some-age", "Age: 59", 59, true),
        ("ages", "Age: 61, 0", 61, false),
        ("age-of-words", "Age: old", 0, true),
        ("expired", "Expires: 0", 0, true),
    ];
    for (name, lines, _, _) in cases {
        let bytes = ok(&format!("{lines}\r\nETag: \"a\"\r\nContent-Length: 5\r\n"), "hello");
        origin.on(&format!("/{name}"), move |_| Reply::bytes_kept(&bytes));
    }
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    for (name, _, age, fresh) in cases {
        let path = format!("/{name}");
        assert_eq!(proxy.http1().get(&path).expect(200).age(), age, "{name}");
        let again = proxy.http1().get(&path).expect(200);
        assert_eq!(origin.count(&path), if fresh { 1 } else { 2 }, "{name}: {again:?}");
    }
}

#[test]
fn a_304_about_something_else_confirms_nothing() {
    let good = Page::new("good").header("cache-control", "max-age=1, stale-if-error=60");
    for (lines, sound) in [("ETag: \"b\"", true), ("ETag: W/\"b\"", true), ("ETag: \"b\"", false)] {
        let origin = Origin::start();
        let page = good.clone().header("etag", "\"a\"");
        let other =
            format!("HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\n{lines}\r\n\r\n");
        let last = if sound { Page::cacheable("new").into() } else { Reply::bytes_kept(&other) };
        origin.replies("/page", [page.into(), Reply::bytes_kept(&other), last]);
        let proxy = Proxy::new(&origin).clock_by_hand().start();
        proxy.http1().get("/page").expect(200);
        proxy.advance(2);
        let answer = proxy.http1().get("/page").expect(200);
        // It is asked for as a whole, and an origin that confirms that too has failed.
        let expected = if sound { ("new", "expired") } else { ("good", "if-error") };
        assert_eq!(answer.clone().expect_because(expected.1).text(), expected.0, "{lines}");
        assert_eq!(origin.requests()[2].header("if-none-match"), None);
        assert_eq!(origin.count("/page"), 3);
    }
}

#[test]
fn a_part_that_is_not_what_was_asked_is_its_askers_and_nobody_elses() {
    // The page may not be stored, so that a reader's range reaches the origin.
    for content_range in
        ["bytes 0-99/5", "bytes 3-1/5", "bytes 2-6/*", "items 0-4/5", "", "bytes 0-4/99"]
    {
        let origin = Origin::start();
        let part = Page::cacheable("hello").with_status(206).header("content-range", content_range);
        let whole = Page::cacheable("whole");
        let private = Page::new("private").header("cache-control", "private");
        origin.replies("/page", [private.into(), part.into(), whole.into()]);
        let proxy = Proxy::new(&origin).tls().clock_by_hand().start();
        proxy.http1().get("/page").expect(200);
        let answer = proxy.http1().send(get("/page").header("range", "bytes=0-4")).expect(206);
        assert_eq!(
            (answer.header("content-range"), answer.text().as_str()),
            (Some(content_range), "hello")
        );
        assert_eq!(proxy.http1().get("/page").expect(200).text(), "whole");
        assert_eq!(origin.count("/page"), 3);
    }
}
