//! What a purge promises when other things happen at the same moment: each rule of the protocol
//! with the interleaving that it prevents, made to happen with gates.
//!
//! The promise: once a purge has been answered, nothing that was asked of the origin before it is
//! served as fresh.

use crate::kit::{Client, Gate, Origin, Page, Proxy, Reply, Request, get};

/// An origin whose answers the test holds, one a request.
fn held(pages: [Page; 2]) -> ([Gate; 2], [Reply; 2]) {
    let [one, two] = pages.map(Page::held);
    ([one.0, two.0], [one.1, two.1])
}

#[track_caller]
fn expect(client: &Client, text: &str, reason: &str) {
    let answer = client.get("/page").expect(200).expect_because(reason);
    assert_eq!(answer.text(), text);
}

#[test]
fn a_flight_that_a_purge_overtook_is_served_to_its_clients_and_not_stored() {
    // Rules 1, 3 and 4: the key is in no index while its first flight runs, so the floor must
    // outlive the entry that is not there.
    let origin = Origin::start();
    let (gate, old) = Page::cacheable("old").held();
    origin.replies("/page", [old, Page::cacheable("new").into()]);
    let proxy = Proxy::new(&origin).start();
    let (client, other) = (proxy.http1(), proxy.http1());
    let waiting = client.begin(get("/page"));
    origin.wait_for("/page", 1);
    proxy.purge("/page");
    gate.finish();
    assert_eq!(waiting.response().expect(200).text(), "old");
    expect(&other, "new", "absent");
    expect(&other, "new", "fresh");
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn a_purge_in_mid_body_spoils_the_flight_just_the_same() {
    let origin = Origin::start();
    let (gate, old) = Page::cacheable("").gated();
    origin.replies("/page", [old, Page::cacheable("new").into()]);
    let proxy = Proxy::new(&origin).start();
    let (client, other) = (proxy.http1(), proxy.http1());
    let mut waiting = client.begin(get("/page"));
    gate.send("o");
    waiting.bytes(1);
    proxy.purge("/page");
    gate.send("ld");
    gate.finish();
    assert_eq!(waiting.response().expect(200).text(), "ld");
    expect(&other, "new", "absent");
    expect(&other, "new", "fresh");
}

#[test]
fn who_comes_after_a_purge_leads_a_new_flight_and_the_old_one_cannot_overwrite_it() {
    // Rules 5 and 6, and the order of commits: the slow old flight ends last.
    let origin = Origin::start();
    let (gate, old) = Page::cacheable("").gated();
    let (new_gate, new) = Page::cacheable("new").held();
    origin.replies("/page", [old, new]);
    let proxy = Proxy::new(&origin).tls().workers(2).start();
    let client = proxy.http2();
    let mut before: Vec<_> = (0..3).map(|_| client.begin(get("/page"))).collect();
    gate.send("o");
    for pending in &mut before {
        pending.bytes(1);
    }
    proxy.purge("/page");
    let after: Vec<_> = (0..3).map(|_| client.begin(get("/page"))).collect();
    origin.wait_for("/page", 2);
    new_gate.finish();
    for pending in after {
        assert_eq!(pending.response().expect(200).text(), "new");
    }
    expect(&client, "new", "fresh");
    gate.send("ld");
    gate.finish();
    for pending in before {
        assert_eq!(pending.response().expect(200).text(), "ld");
    }
    for _ in 0..3 {
        expect(&client, "new", "fresh");
    }
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn every_purge_in_a_row_counts() {
    // Rule 1: of two purges the older must not win.
    let origin = Origin::start();
    let ([first, second], [old, older]) =
        held([Page::cacheable("first"), Page::cacheable("second")]);
    origin.replies("/page", [old, older, Page::cacheable("third").into()]);
    let proxy = Proxy::new(&origin).tls().start();
    let client = proxy.http2();
    let one = client.begin(get("/page"));
    origin.wait_for("/page", 1);
    proxy.purge("/page");
    let two = client.begin(get("/page"));
    origin.wait_for("/page", 2);
    proxy.purge("/page");
    second.finish();
    first.finish();
    assert_eq!(one.response().text(), "first");
    assert_eq!(two.response().text(), "second");
    expect(&client, "third", "absent");
    expect(&client, "third", "fresh");
}

fn soft_purge(client: &Client) {
    client.send(Request::new("PURGE", "/page").header("x-purge-mode", "soft")).expect(204);
}

#[test]
fn a_soft_purge_after_a_hard_one_makes_nothing_servable_again() {
    // Rule 2: one number with a flag would forget the hard one.
    let origin = Origin::start();
    let page = |text: &str| {
        Page::new(text).header("cache-control", "max-age=60, stale-while-revalidate=100")
    };
    let (gate, old) = page("old").held();
    origin.replies("/page", [old, page("new").into()]);
    let proxy = Proxy::new(&origin).start();
    let (client, other) = (proxy.http1(), proxy.http1());
    let waiting = client.begin(get("/page"));
    origin.wait_for("/page", 1);
    proxy.purge("/page");
    soft_purge(&other);
    gate.finish();
    assert_eq!(waiting.response().expect(200).text(), "old");
    expect(&other, "new", "absent");
    expect(&other, "new", "fresh");
}

#[test]
fn a_soft_purge_makes_stale_what_may_be_stale() {
    let origin = Origin::start();
    let page = |text: &str| {
        Page::new(text).header("cache-control", "max-age=60, stale-while-revalidate=100")
    };
    let (gate, refresh) = page("new").held();
    origin.replies("/page", [page("old").into(), refresh]);
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    soft_purge(&client);
    expect(&client, "old", "soft-purged");
    origin.wait_for("/page", 2);
    gate.finish();
    proxy.wait_for_metric("tidegate_flights", 0.0);
    expect(&client, "new", "fresh");
}

#[test]
fn a_soft_purge_makes_the_origin_confirm_what_may_not_be_stale() {
    let origin = Origin::start();
    let page = Page::cacheable("same").header("etag", "\"one\"");
    let confirmed =
        Page::status(304).header("etag", "\"one\"").header("cache-control", "max-age=60");
    origin.replies("/page", [page.into(), confirmed.into()]);
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    soft_purge(&client);
    expect(&client, "same", "confirmed");
    expect(&client, "same", "fresh");
    assert_eq!(origin.requests()[1].header("if-none-match"), Some("\"one\""));
}

#[test]
fn a_purged_variant_does_not_come_back_with_another_one() {
    // Rule 5: publishing a variant must not resurrect those that a purge removed meanwhile.
    let origin = Origin::start();
    let page = |text: &str| Page::cacheable(text).header("vary", "accept-language");
    let (gate, slow) = page("old en").held();
    origin.replies(
        "/page",
        [page("old de").into(), slow, page("new de").into(), page("new en").into()],
    );
    let proxy = Proxy::new(&origin).start();
    let (client, other) = (proxy.http1(), proxy.http1());
    let ask = |language| other.send(get("/page").header("accept-language", language)).expect(200);
    assert_eq!(ask("de").text(), "old de");
    let waiting = client.begin(get("/page").header("accept-language", "en"));
    origin.wait_for("/page", 2);
    proxy.purge("/page");
    gate.finish();
    assert_eq!(waiting.response().expect(200).text(), "old en");
    assert_eq!(ask("de").text(), "new de");
    assert_eq!(ask("en").text(), "new en");
    assert_eq!(
        (ask("de").expect_hit().text(), ask("en").expect_hit().text()),
        ("new de".into(), "new en".into())
    );
}

#[test]
fn a_304_that_was_asked_for_before_the_purge_refreshes_nothing() {
    // Rule 8, and a hard-purged object is never a validator.
    let origin = Origin::start();
    let page = |text: &str| Page::cacheable(text).header("etag", "\"same\"");
    let confirmed =
        Page::status(304).header("etag", "\"same\"").header("cache-control", "max-age=60");
    let (gate, confirming) = confirmed.held();
    origin.replies("/page", [page("old").into(), confirming, page("new").into()]);
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    let (client, other) = (proxy.http1(), proxy.http1());
    client.get("/page").expect(200);
    proxy.advance(60);
    let waiting = client.begin(get("/page"));
    origin.wait_for("/page", 2);
    assert_eq!(origin.requests()[1].header("if-none-match"), Some("\"same\""));
    proxy.purge("/page");
    gate.finish();
    assert_eq!(waiting.response().expect(200).text(), "old");
    expect(&other, "new", "absent");
    assert_eq!(origin.requests()[2].header("if-none-match"), None);
    expect(&other, "new", "fresh");
}

#[test]
fn a_refresh_from_before_the_purge_does_not_count_as_one() {
    // Rule 9.
    let origin = Origin::start();
    let page = |text: &str| {
        Page::new(text).header("cache-control", "max-age=10, stale-while-revalidate=100")
    };
    let (gate, refresh) = page("refreshed too early").held();
    origin.replies("/page", [page("old").into(), refresh, page("new").into()]);
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    proxy.advance(20);
    expect(&client, "old", "while-revalidate");
    origin.wait_for("/page", 2);
    proxy.purge("/page");
    expect(&client, "new", "absent");
    gate.finish();
    proxy.wait_for_metric("tidegate_flights", 0.0);
    expect(&client, "new", "fresh");
    assert_eq!(origin.count("/page"), 3);
}

#[test]
fn a_refresh_whose_object_is_purged_brings_nothing_back() {
    let origin = Origin::start();
    let page = |text: &str| {
        Page::new(text).header("cache-control", "max-age=10, stale-while-revalidate=100")
    };
    let (gate, refresh) = page("asked before the purge").held();
    origin.replies("/page", [page("old").into(), refresh, page("new").into()]);
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    proxy.advance(20);
    expect(&client, "old", "while-revalidate");
    origin.wait_for("/page", 2);
    proxy.purge("/page");
    gate.finish();
    proxy.wait_for_metric("tidegate_flights", 0.0);
    expect(&client, "new", "absent");
    expect(&client, "new", "fresh");
}

#[test]
fn conditions_heads_and_ranges_ask_the_floors_too() {
    // Rule 10.
    let requests: [fn() -> Request; 4] = [
        || get("/page").header("if-none-match", "\"one\""),
        || Request::new("HEAD", "/page"),
        || get("/page").header("range", "bytes=0-1"),
        || get("/page").header("if-modified-since", "Thu, 01 Jan 2026 00:00:00 GMT"),
    ];
    for request in requests {
        let origin = Origin::start();
        let old = Page::cacheable("old")
            .header("etag", "\"one\"")
            .header("last-modified", "Mon, 01 Dec 2025 10:00:00 GMT");
        let new = Page::cacheable("newer").header("etag", "\"two\"");
        origin.replies("/page", [old.into(), new.into()]);
        let proxy = Proxy::new(&origin).clock_by_hand().start();
        let client = proxy.http1();
        client.get("/page").expect(200);
        proxy.purge("/page");
        let answer = client.send(request());
        assert_eq!(answer.header("etag"), Some("\"two\""), "{answer:?}");
        expect(&client, "newer", "fresh");
    }
}

fn post() -> Request {
    Request::new("POST", "/page").body("edit")
}

#[test]
fn an_unsafe_method_invalidates_when_its_head_arrives_and_not_before() {
    // Rule 12.
    for status in [200, 201, 204, 303] {
        let origin = Origin::start();
        let (gate, done) = Page::status(status).held();
        origin
            .replies("/page", [Page::cacheable("old").into(), done, Page::cacheable("new").into()]);
        let proxy = Proxy::new(&origin).start();
        let (reader, writer) = (proxy.http1(), proxy.http1());
        reader.get("/page").expect(200);
        let posting = writer.begin(post());
        origin.wait_for("/page", 2);
        expect(&reader, "old", "fresh");
        gate.finish();
        posting.response().expect(status);
        expect(&reader, "new", "absent");
        expect(&reader, "new", "fresh");
    }
}

#[test]
fn a_get_from_before_an_unsafe_methods_answer_loses() {
    // Rule 12: the page may have been read before it was changed.
    let origin = Origin::start();
    let (get_gate, old) = Page::cacheable("old").held();
    let (post_gate, done) = Page::status(204).held();
    let get_reply = std::sync::Mutex::new(vec![Page::cacheable("new").into(), old]);
    let post_reply = std::sync::Mutex::new(Some(done));
    origin.on("/page", move |seen| match seen.method.as_str() {
        "GET" => get_reply.lock().expect("unpoisoned").pop().expect("two GETs come"),
        _ => post_reply.lock().expect("unpoisoned").take().expect("one POST comes"),
    });
    let proxy = Proxy::new(&origin).start();
    let (reader, writer) = (proxy.http1(), proxy.http1());
    let posting = writer.begin(post());
    origin.wait_for("/page", 1);
    let reading = reader.begin(get("/page"));
    origin.wait_for("/page", 2);
    post_gate.finish();
    posting.response().expect(204);
    get_gate.finish();
    assert_eq!(reading.response().expect(200).text(), "old");
    expect(&reader, "new", "absent");
    expect(&reader, "new", "fresh");
}

#[test]
fn an_unsafe_method_that_fails_changes_nothing() {
    for status in [400, 403, 404, 409, 500, 503] {
        let origin = Origin::start();
        origin.replies("/page", [Page::cacheable("old").into(), Page::status(status).into()]);
        let proxy = Proxy::new(&origin).start();
        let client = proxy.http1();
        client.get("/page").expect(200);
        client.send(post()).expect(status);
        expect(&client, "old", "fresh");
    }
}

#[test]
fn a_safe_method_invalidates_nothing() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("old"));
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    client.send(Request::new("OPTIONS", "/page")).expect(200);
    expect(&client, "old", "fresh");
}
