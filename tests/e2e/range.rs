//! Parts of stored responses (RFC 9110 §14).

use crate::kit::{Client, Origin, Page, Proxy, Request, Response, get};

const CONTENT: &str = "hello wide world";

fn ask(client: &Client, range: &str) -> Response {
    client.send(get("/page").header("range", range))
}

#[test]
fn every_form_of_a_single_range_is_served_from_the_store() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable(CONTENT).header("etag", "\"one\""));
    let proxy = Proxy::new(&origin).tls().start();
    for client in [proxy.http1(), proxy.http2()] {
        client.get("/page").expect(200);
        for (range, text, content_range) in [
            ("bytes=0-4", "hello", "bytes 0-4/16"),
            ("bytes=6-9", "wide", "bytes 6-9/16"),
            ("bytes=11-", "world", "bytes 11-15/16"),
            ("bytes=-5", "world", "bytes 11-15/16"),
            ("bytes=0-0", "h", "bytes 0-0/16"),
            ("bytes=15-15", "d", "bytes 15-15/16"),
            ("bytes=11-999", "world", "bytes 11-15/16"),
            ("bytes=-999", CONTENT, "bytes 0-15/16"),
            ("Bytes= 0-4", "hello", "bytes 0-4/16"),
        ] {
            let part = ask(&client, range).expect(206).expect_hit();
            assert_eq!(part.text(), text, "{range}");
            assert_eq!(part.header("content-range"), Some(content_range), "{range}");
            let length = text.len().to_string();
            assert_eq!(part.header("content-length"), Some(length.as_str()), "{range}");
            assert_eq!(part.header("etag"), Some("\"one\""), "{range}");
        }
    }
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn a_range_beyond_the_end_is_refused_with_the_length() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable(CONTENT));
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    for range in ["bytes=16-", "bytes=100-200", "bytes=-0"] {
        let answer = ask(&client, range).expect(416);
        assert_eq!(answer.header("content-range"), Some("bytes */16"), "{range}");
    }
}

#[test]
fn what_is_no_single_range_gets_the_whole() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable(CONTENT));
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    for range in ["bytes=5-2", "bytes=a-b", "bytes=", "lines=0-4", "bytes=0-1,3-4", "0-4"] {
        assert_eq!(ask(&client, range).expect(200).text(), CONTENT, "{range}");
    }
}

#[test]
fn if_range_asks_for_a_part_only_of_what_the_client_has() {
    let origin = Origin::start();
    let changed = "Mon, 01 Dec 2025 10:00:00 GMT";
    let page = Page::cacheable(CONTENT).header("etag", "\"one\"").header("last-modified", changed);
    origin.page("/page", page);
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    for (condition, status) in [
        ("\"one\"", 206),
        ("\"two\"", 200),
        ("W/\"one\"", 200),
        (changed, 206),
        ("Tue, 02 Dec 2025 10:00:00 GMT", 200),
        ("nonsense", 200),
    ] {
        let request = get("/page").header("range", "bytes=0-4").header("if-range", condition);
        client.send(request).expect(status);
    }
    assert_eq!(origin.count("/page"), 1);
}

#[test]
fn a_range_of_what_is_not_stored_fetches_the_whole() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable(CONTENT));
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    assert_eq!(ask(&client, "bytes=6-9").expect(206).text(), "wide");
    assert_eq!(origin.wait_for_requests(1)[0].header("range"), None);
    assert_eq!(client.get("/page").expect(200).text(), CONTENT);
    assert_eq!(ask(&client, "bytes=0-4").expect(206).expect_hit().text(), "hello");
    assert_eq!(origin.count("/page"), 1);
}

#[test]
fn conditions_count_before_ranges_and_head_has_none() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable(CONTENT).header("etag", "\"one\""));
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    client
        .send(get("/page").header("range", "bytes=0-4").header("if-none-match", "\"one\""))
        .expect(304);
    let head = Request::new("HEAD", "/page").header("range", "bytes=0-4");
    assert_eq!(client.send(head).expect(200).header("content-length"), Some("16"));
}

#[test]
fn a_part_that_the_origin_sends_unasked_is_not_stored_as_the_whole() {
    let origin = Origin::start();
    let part = Page::cacheable("hello").with_status(206).header("content-range", "bytes 0-4/16");
    origin.replies("/page", [part.into(), Page::cacheable(CONTENT).into()]);
    let proxy = Proxy::new(&origin).start();
    proxy.http1().get("/page");
    assert_eq!(proxy.http1().get("/page").expect(200).text(), CONTENT);
}

#[test]
fn stored_errors_have_no_parts() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("no such page").with_status(404));
    let proxy = Proxy::new(&origin).start();
    proxy.http1().get("/page").expect(404);
    let answer = ask(&proxy.http1(), "bytes=0-1").expect(404);
    assert_eq!(answer.text(), "no such page");
}
