//! Bodies where there may be none, and more of them than was said.

use super::play::play;
use super::{FIELDS, Gets, chunked, ok, row, sized};
use crate::kit::Act::{Close, Keep, Reset};
use crate::kit::{Act, Origin, Page, Proxy, Reply, Request, get};

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
const POISON: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nCache-Control: max-age=60\r\n\r\npoison";

#[test]
fn what_comes_after_an_answer_is_nobodys_answer() {
    let five = |after: &str| ok("Content-Length: 5\r\n", &format!("hello{after}"));
    let chunks = |after: &str| ok(CHUNKED, &format!("5\r\nhello\r\n0\r\n\r\n{after}"));
    let whole = || Gets::Whole(sized(FIELDS, 5, "hello"));
    let none = |fields: &str, status| {
        let answer = sized("", 0, "").status(status);
        Gets::Whole(super::Answer { fields: fields.to_owned(), ..answer })
    };
    let bodiless = |status: &str, after: &str| ok("", after).replacen("200 OK", status, 1);
    play(&[
        row("one byte more than it says", five("!"), Keep, whole()).dirty(),
        row("answers twice", five(POISON), Keep, whole()).dirty(),
        row("an empty line after the answer", five("\r\n"), Keep, whole()).dirty(),
        row(
            "answers twice in chunks",
            chunks(POISON),
            Keep,
            Gets::Whole(chunked(FIELDS, "hello", true)),
        )
        .dirty(),
        row(
            "a length of 0 with a body",
            ok("Content-Length: 0\r\n", POISON),
            Keep,
            Gets::Whole(sized(FIELDS, 0, "")),
        )
        .dirty(),
        row(
            "a 204 with a body",
            bodiless("204 No Content", POISON),
            Keep,
            none(FIELDS, "204 No Content"),
        )
        .dirty(),
        row(
            "a 204 with a length and its body",
            bodiless("204 No Content", "hello")
                .replace("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\n"),
            Keep,
            none(FIELDS, "204 No Content"),
        )
        .dirty(),
    ]);
}

#[test]
fn a_body_that_ends_with_the_connection_is_whole_only_if_that_ends_well() {
    let until = |version: &str| ok("", "hello").replacen("HTTP/1.1", version, 1);
    let whole = || Gets::Whole(chunked(FIELDS, "hello", true));
    play(&[
        row("HTTP/1.1 until the end", until("HTTP/1.1"), Close, whole()),
        row("HTTP/1.0 until the end", until("HTTP/1.0"), Close, whole()),
        row(
            "until a reset",
            until("HTTP/1.1"),
            Reset,
            Gets::Cut(chunked(FIELDS, "hello", false), "truncated"),
        ),
    ]);
}

#[test]
fn content_that_is_not_what_its_fields_say_is_passed_on_as_it_is() {
    let fields =
        "content-encoding: gzip\ncontent-type: image/png; charset=\"\ncache-control: max-age=60";
    let mut fields: Vec<_> = fields.lines().collect();
    fields.sort_unstable();
    let sends = ok(
        "Content-Encoding: gzip\r\nContent-Type: image/png; charset=\"\r\nContent-Length: 5\r\n",
        "hello",
    );
    play(&[row(
        "gzip that is none",
        sends,
        Keep,
        Gets::Whole(sized(&fields.join("\n"), 5, "hello")),
    )]);
}

/// The answer to a HEAD that is not for the store, when the origin sends `bytes`.
fn head(bytes: &'static str) -> (String, String) {
    let origin = Origin::start();
    origin.on("/page", move |_| Reply::bytes_kept(bytes));
    origin.page("/canary", Page::new("canary"));
    let proxy = Proxy::new(&origin).start();
    let mut raw = proxy.raw();
    raw.send("HEAD /page HTTP/1.1\r\nHost: wiki.test\r\nIf-Match: *\r\n\r\n");
    let head = raw.head();
    raw.get("/canary");
    assert_eq!(raw.response().text(), "canary");
    let [page, canary] = &origin.wait_for_requests(2)[..] else { panic!("two requests") };
    assert_eq!(page.method, "HEAD");
    assert_ne!(page.connection, canary.connection, "the connection is used again");
    (head.start.clone(), head.all("content-length").join(", "))
}

#[test]
fn a_head_that_is_answered_with_a_body_poisons_nothing() {
    let (start, length) =
        head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!((start.as_str(), length.as_str()), ("HTTP/1.1 200 OK", "5"));
    // What hyper does not look at, because no body follows.
    for bytes in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13\r\n\r\n",
    ] {
        assert_eq!(head(bytes).0, "HTTP/1.1 502 Bad Gateway", "{bytes}");
    }
}

#[test]
fn trailers_that_decide_what_has_been_decided_reach_nobody_and_are_not_kept() {
    let origin = Origin::start();
    let mut page = Page::cacheable("content").trailer("x-digest", "abc");
    for (name, value) in [
        ("set-cookie", "session=1"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("content-length", "5"),
        ("cache-control", "no-store"),
        ("keep-alive", "5"),
    ] {
        page = page.trailer(name, value);
    }
    origin.page("/page", page);
    origin.page("/only", Page::cacheable("content").trailer("set-cookie", "session=1"));
    let proxy = Proxy::new(&origin).tls().start();
    let client = proxy.http2();
    for method in ["GET", "GET", "OPTIONS"] {
        let answer = client.send(Request::new(method, "/page")).expect(200);
        let names: Vec<_> = answer.trailers.keys().map(http::HeaderName::as_str).collect();
        assert_eq!((answer.text().as_str(), names), ("content", vec!["x-digest"]), "{method}");
    }
    assert_eq!(origin.count("/page"), 2);
    client.get("/only").expect(200);
    let kept = client.get("/only").expect(200).expect_hit();
    // It is framed as what has no trailers.
    assert_eq!((kept.header("content-length"), kept.trailers.len()), (Some("7"), 0));
}

#[test]
fn what_is_kept_of_trailers_is_paid_for() {
    let origin = Origin::start();
    let page = |size: usize| Page::cacheable("content").trailer("x-digest", &"x".repeat(size));
    origin.page("/page", page(15_000));
    let proxy = Proxy::new(&origin).start();
    let before = proxy.metric("tidegate_store_bytes");
    proxy.http1().get("/page").expect(200);
    crate::kit::eventually("the trailers are counted", || {
        proxy.metric("tidegate_store_bytes") - before > 15_000.0
    });
}

#[test]
fn a_body_without_end_stops_with_its_reader_and_is_read_no_faster_than_it_reads() {
    let origin = Origin::start();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for (path, lines) in
        [("/fill", "Cache-Control: max-age=60\r\n"), ("/pass", "Cache-Control: no-store\r\n")]
    {
        let acts = vec![
            Act::send(format!("HTTP/1.1 200 OK\r\n{lines}{CHUNKED}\r\n")),
            Act::Flood(chunk.clone().into_bytes()),
        ];
        origin.on(path, move |_| Reply::Acts(acts.clone()));
        let proxy = Proxy::new(&origin).tls().with("cache", "max_object = '1MiB'").start();
        let held = || proxy.status()["memory"]["held_bytes"].as_u64().expect("a number");
        let before = held();
        for client in [proxy.http1(), proxy.http2()] {
            let mut pending = client.begin(get(path));
            // Far more than is stored: it goes on as long as somebody reads.
            assert!(pending.bytes(16 << 20).iter().all(|byte| *byte == b'x'));
            let more = held() - before;
            assert!(more < 2 << 20, "{path}: {more} bytes are held");
            drop(pending);
            origin.wait_until_all_left();
        }
    }
}
