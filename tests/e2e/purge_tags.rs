//! Purges by tag: whatever carries the tag in that site, stored, on its way or evicted, is stale or gone
//! from then on, and nothing else is.

use crate::kit::{Origin, Page, Proxy, Reply, Request, Response, cache_status, get};

fn tagged(body: &str, field: &str, tags: &str) -> Page {
    Page::cacheable(body).header(field, tags)
}

#[track_caller]
fn purge(proxy: &Proxy, field: &str, tags: &str, mode: Option<&str>) {
    let order = Request::new("PURGE", "/").header(field, tags);
    let order = mode.into_iter().fold(order, |order, mode| order.header("x-purge-mode", mode));
    proxy.http1().send(order).expect(204);
}

fn is_hit(response: &Response) -> bool {
    cache_status(response).hit
}

#[test]
fn a_tag_purges_what_carries_it_whichever_field_named_it() {
    let origin = Origin::start();
    origin.page("/key", tagged("x", "surrogate-key", "page-1 site"));
    origin.page("/xkey", tagged("x", "xkey", "page-1"));
    origin.page("/tag", tagged("x", "cache-tag", "page 2, page-1"));
    origin.page("/group", tagged("x", "cache-groups", "\"page-1\""));
    origin.page("/other", tagged("x", "surrogate-key", "page-2 page-10"));
    origin.page("/none", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    let paths = ["/key", "/xkey", "/tag", "/group", "/other", "/none"];
    paths.iter().for_each(|path| _ = client.get(path).expect(200));
    purge(&proxy, "xkey", "page-1", Some("hard"));
    for path in &paths[..4] {
        client.get(path).expect(200).expect_because("absent");
        assert!(is_hit(&client.get(path)), "one fetch makes {path} a hit again");
    }
    for path in &paths[4..] {
        assert!(is_hit(&client.get(path)), "{path}");
    }
}

#[test]
fn a_tag_is_purged_softly_unless_the_order_says_otherwise() {
    let origin = Origin::start();
    let said = "max-age=60, stale-while-revalidate=60";
    let page = |body| Page::new(body).header("cache-control", said).header("xkey", "t");
    origin.replies("/page", [page("old").into(), page("new").into()]);
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    purge(&proxy, "surrogate-key", "t", None);
    let stale = client.get("/page").expect(200).expect_because("soft-purged");
    assert_eq!((stale.text().as_str(), is_hit(&stale)), ("old", true));
    crate::kit::eventually("the new page is a hit", || {
        let page = client.get("/page").expect(200);
        page.text() == "new" && is_hit(&page)
    });
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn a_tag_belongs_to_its_site() {
    let origin = Origin::start();
    origin.page("/page", tagged("x", "xkey", "t"));
    let other = "[site.other]\nhosts = ['other.test']\ncluster = 'wiki'";
    let proxy = Proxy::new(&origin).config(other).start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    client.send(get("/page").host("other.test")).expect(200);
    purge(&proxy, "xkey", "t", Some("hard"));
    client.send(get("/page").host("other.test")).expect(200).expect_hit();
    client.get("/page").expect_because("absent");
}

#[test]
fn a_response_that_was_on_its_way_is_not_stored_and_serves_only_who_came_before() {
    let origin = Origin::start();
    let (gate, slow) = tagged("old", "xkey", "t").gated();
    let (gate2, held) = tagged("new", "xkey", "t").gated();
    origin.replies("/page", [slow, held]);
    let proxy = Proxy::new(&origin).start();
    let (one, two, three) = (proxy.http1(), proxy.http1(), proxy.http1());
    let mut first = one.begin(get("/page"));
    first.head();
    let mut second = two.begin(get("/page"));
    second.head();
    purge(&proxy, "xkey", "t", Some("hard"));
    let third = three.begin(get("/page"));
    origin.wait_for("/page", 2);
    gate.finish();
    gate2.finish();
    assert_eq!(first.response().expect(200).text(), "old");
    assert_eq!(second.response().expect(200).text(), "old");
    assert_eq!(third.response().expect(200).text(), "new");
    assert_eq!(one.get("/page").expect(200).expect_hit().text(), "new");
}

#[test]
fn who_came_after_the_purge_does_not_get_what_was_asked_before_it_though_its_tag_came_later() {
    // Another purge of the tag, which comes after both, hides the first from nobody.
    for again in [false, true] {
        let origin = Origin::start();
        let (gate, held) = tagged("old", "xkey", "t").held();
        origin.replies("/page", [held, tagged("new", "xkey", "t").into()]);
        let proxy = Proxy::new(&origin).start();
        let (one, two) = (proxy.http1(), proxy.http1());
        let first = one.begin(get("/page"));
        origin.wait_for("/page", 1);
        purge(&proxy, "xkey", "t", Some("hard"));
        // Nothing is known of the response's tags yet, so this one joins.
        let second = two.begin(get("/page"));
        proxy.wait_for_waiters(1);
        if again {
            purge(&proxy, "xkey", "t", Some("hard"));
        }
        gate.finish();
        assert_eq!(first.response().expect(200).text(), "old");
        assert_eq!(second.response().expect(200).text(), "new");
        assert_eq!(one.get("/page").expect(200).expect_hit().text(), "new");
    }
}

#[test]
fn a_304_that_was_asked_before_the_purge_revives_nothing() {
    let origin = Origin::start();
    let page = |body| tagged(body, "xkey", "t").header("etag", "\"1\"");
    let (gate, confirmed) = Page::status(304).header("etag", "\"1\"").held();
    origin.replies("/page", [page("old").into(), confirmed, page("new").into()]);
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    proxy.advance(61);
    let waiting = proxy.http1();
    let confirming = waiting.begin(get("/page"));
    origin.wait_for("/page", 2);
    purge(&proxy, "xkey", "t", Some("hard"));
    gate.finish();
    assert_eq!(confirming.response().expect(200).text(), "old", "it waited before the purge");
    assert_eq!(client.get("/page").expect(200).expect_because("absent").text(), "new");
    let validators = origin.requests()[2].header("if-none-match").map(str::to_owned);
    assert_eq!(validators, None, "what is gone is no validator");
}

#[test]
fn a_dead_origin_s_pages_are_not_served_after_a_hard_purge_of_their_tag() {
    let origin = Origin::start();
    let said = "max-age=60, stale-if-error=600";
    origin.page("/page", Page::new("old").header("cache-control", said).header("xkey", "t"));
    let proxy = Proxy::new(&origin).start();
    proxy.http1().get("/page").expect(200);
    origin.on("/page", |_| Reply::Close);
    purge(&proxy, "xkey", "t", None);
    proxy.http1().get("/page").expect(200).expect_because("if-error");
    purge(&proxy, "xkey", "t", Some("hard"));
    proxy.http1().get("/page").expect(502);
}

#[test]
fn what_an_unsafe_request_invalidates_by_group_is_gone_rfc9875_3() {
    let origin = Origin::start();
    origin.page("/list", tagged("x", "cache-groups", "\"things\", \"lists\""));
    origin.page("/other", tagged("x", "cache-groups", "\"others\""));
    origin.page("/edit", Page::new("done").header("cache-group-invalidation", "\"things\""));
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    for path in ["/list", "/other"] {
        client.get(path).expect(200);
    }
    client.send(Request::new("POST", "/edit").body("x")).expect(200);
    client.get("/list").expect_because("absent");
    client.get("/other").expect(200).expect_hit();
}

#[test]
fn what_a_tag_killed_gives_its_memory_back_and_its_floor_is_forgotten() {
    let origin = Origin::start();
    for n in 0..20_u32 {
        origin.page(
            &format!("/page{n}"),
            tagged("x", "xkey", if n.is_multiple_of(2) { "even" } else { "odd" }),
        );
    }
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    for n in 0..20 {
        proxy.http1().get(&format!("/page{n}")).expect(200);
    }
    let metric = |name: &str| proxy.metric(name);
    assert_eq!(metric("tidegate_store_entries"), 20.0);
    purge(&proxy, "xkey", "even", Some("hard"));
    assert_eq!(metric("tidegate_purge_floors"), 1.0);
    proxy.advance_until("the store is swept", 30, || metric("tidegate_store_entries") == 10.0);
    proxy.advance_until("the floor is forgotten", 30, || metric("tidegate_purge_floors") == 0.0);
    proxy.http1().get("/page1").expect(200).expect_hit();
    proxy.http1().get("/page0").expect_because("absent");
}

#[test]
fn what_a_304_confirms_had_its_own_tags_for_whoever_joined() {
    let origin = Origin::start();
    let page = |body| tagged(body, "xkey", "t").header("etag", "\"1\"");
    let (gate, confirmed) = Page::status(304).header("etag", "\"1\"").header("xkey", "u").held();
    origin.replies("/page", [page("old").into(), confirmed, page("new").into()]);
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.advance(61);
    let (one, two) = (proxy.http1(), proxy.http1());
    let first = one.begin(get("/page"));
    origin.wait_for("/page", 2);
    purge(&proxy, "xkey", "t", Some("hard"));
    let second = two.begin(get("/page"));
    proxy.wait_for_waiters(1);
    gate.finish();
    assert_eq!(first.response().expect(200).text(), "old", "it waited before the purge");
    assert_eq!(second.response().expect(200).text(), "new");
}
