//! Conditional requests: a client's are answered from the store, the store's own confirm what it
//! holds (RFC 9110 §13, RFC 9111 §4.3).

use crate::kit::{Origin, Page, Proxy, Reply, Request, Response, get};

const MONDAY: &str = "Mon, 01 Dec 2025 10:00:00 GMT";
const TUESDAY: &str = "Tue, 02 Dec 2025 10:00:00 GMT";
const SUNDAY: &str = "Sun, 30 Nov 2025 10:00:00 GMT";

fn page() -> Page {
    Page::cacheable("content").header("etag", "\"one\"").header("last-modified", MONDAY)
}

#[test]
fn a_clients_conditions_are_judged_by_the_store() {
    let origin = Origin::start();
    origin.page("/page", page().header("vary", "accept").header("x-other", "1"));
    let proxy = Proxy::new(&origin).tls().clock_by_hand().start();
    for client in [proxy.http1(), proxy.http2()] {
        client.get("/page").expect(200);
        proxy.advance(3);
        let with = |name, value| client.send(get("/page").header(name, value));
        for (name, value, status) in [
            ("if-none-match", "\"one\"", 304),
            ("if-none-match", "W/\"one\"", 304),
            ("if-none-match", "\"zero\", \"one\"", 304),
            ("if-none-match", "*", 304),
            ("if-none-match", "\"two\"", 200),
            ("if-none-match", "one", 200),
            ("if-modified-since", MONDAY, 304),
            ("if-modified-since", TUESDAY, 304),
            ("if-modified-since", SUNDAY, 200),
            ("if-modified-since", "yesterday", 200),
        ] {
            let answer = with(name, value).expect(status).expect_hit();
            assert_eq!(answer.header("etag"), Some("\"one\""), "{name}: {value}");
            assert_eq!(answer.text().is_empty(), status == 304, "{name}: {value}");
            if status == 304 {
                expect_as_rfc_9110_wants(&answer);
            }
        }
    }
    assert_eq!(origin.count("/page"), 2);
}

/// What a 304 has to repeat of the 200 (RFC 9110 §15.4.5).
fn expect_as_rfc_9110_wants(answer: &Response) {
    assert_eq!(answer.header("cache-control"), Some("max-age=60"));
    assert_eq!(answer.header("vary"), Some("accept"));
    assert_eq!(answer.age() % 3, 0);
    assert!(answer.header("content-length").is_none_or(|length| length == "7"));
}

#[test]
fn if_none_match_counts_before_if_modified_since() {
    let origin = Origin::start();
    origin.page("/page", page());
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    let both = |tag, date| {
        client.send(get("/page").header("if-none-match", tag).header("if-modified-since", date))
    };
    both("\"two\"", TUESDAY).expect(200);
    both("\"one\"", SUNDAY).expect(304);
}

#[test]
fn a_fetch_for_the_store_does_not_carry_the_clients_conditions() {
    let origin = Origin::start();
    origin.page("/page", page());
    let proxy = Proxy::new(&origin).start();
    let conditional =
        get("/page").header("if-none-match", "\"one\"").header("if-modified-since", MONDAY);
    proxy.http1().send(conditional).expect(304);
    let seen = &origin.wait_for_requests(1)[0];
    assert_eq!((seen.header("if-none-match"), seen.header("if-modified-since")), (None, None));
    assert_eq!(proxy.http1().get("/page").expect(200).expect_hit().text(), "content");
}

#[test]
fn a_304_makes_a_stale_response_fresh_again_and_brings_new_fields() {
    let origin = Origin::start();
    let confirmed = Page::status(304)
        .header("etag", "\"one\"")
        .header("cache-control", "max-age=100")
        .header("x-new", "yes");
    origin.replies("/page", [page().header("x-old", "kept").into(), confirmed.into()]);
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    proxy.advance(60);
    let answer = client.get("/page").expect(200).expect_because("confirmed");
    assert_eq!((answer.text().as_str(), answer.age()), ("content", 0));
    let seen = &origin.wait_for_requests(2)[1];
    assert_eq!(seen.header("if-none-match"), Some("\"one\""));
    assert_eq!(seen.header("if-modified-since"), Some(MONDAY));

    proxy.advance(99);
    // The first connection has been idle for too long.
    let hit = proxy.http1().get("/page").expect(200).expect_hit();
    assert_eq!((hit.text().as_str(), hit.age()), ("content", 99));
    assert_eq!((hit.header("x-old"), hit.header("x-new")), (Some("kept"), Some("yes")));
    assert_eq!(hit.header("cache-control"), Some("max-age=100"));
    assert_eq!(hit.header("content-length"), Some("7"));
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn a_200_to_the_stores_condition_replaces_what_was_stored() {
    let origin = Origin::start();
    let changed = Page::cacheable("changed").header("etag", "\"two\"");
    origin.replies("/page", [page().into(), changed.into()]);
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.advance(60);
    assert_eq!(proxy.http1().get("/page").expect(200).text(), "changed");
    assert_eq!(proxy.http1().get("/page").expect_hit().text(), "changed");
}

#[test]
fn a_client_with_the_newest_version_gets_304_from_a_confirmed_response() {
    let origin = Origin::start();
    let confirmed =
        Page::status(304).header("etag", "\"one\"").header("cache-control", "max-age=60");
    origin.replies("/page", [page().into(), confirmed.into()]);
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.advance(60);
    proxy.http1().send(get("/page").header("if-none-match", "\"one\"")).expect(304);
}

#[test]
fn beyond_keep_nothing_is_confirmed() {
    let origin = Origin::start();
    origin.replies("/page", [page().into(), page().into()]);
    let proxy = Proxy::new(&origin).site("keep = '30s'").clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.advance(91);
    proxy.http1().get("/page").expect(200);
    assert_eq!(origin.requests()[1].header("if-none-match"), None);
}

#[test]
fn a_304_that_nobody_asked_for_is_the_origins_fault() {
    let origin = Origin::start();
    origin.page("/page", Page::status(304));
    let proxy = Proxy::new(&origin).start();
    let answer = proxy.http1().get("/page");
    assert_eq!(answer.status, 502, "{answer:?}");
}

#[test]
fn conditions_for_the_origin_reach_it_and_its_412_comes_back() {
    let origin = Origin::start();
    origin.on("/page", |seen| -> Reply {
        assert_eq!(seen.header("if-match"), Some("\"two\""));
        Page::status(412).into()
    });
    let proxy = Proxy::new(&origin).start();
    let put = Request::new("PUT", "/page").header("if-match", "\"two\"").body("new");
    proxy.http1().send(put).expect(412);
}

#[test]
fn a_304_that_is_one_readers_alone_makes_nothing_fresh_for_the_others() {
    let origin = Origin::start();
    let private = Page::status(304)
        .header("etag", "\"one\"")
        .header("cache-control", "private, max-age=3600")
        .header("x-user", "alice");
    let alices = Page::new("for alice").header("cache-control", "private");
    let everybodys = page();
    origin.replies("/page", [page().into(), private.into(), alices.into(), everybodys.into()]);
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.advance(60);
    let alice = get("/page").header("cookie", "session=alice");
    assert_eq!(proxy.http1().send(alice).expect(200).text(), "for alice");
    let other = proxy.http1().get("/page").expect(200);
    assert_eq!((other.text().as_str(), other.header("x-user")), ("content", None));
    assert_eq!(origin.count("/page"), 4);
}
