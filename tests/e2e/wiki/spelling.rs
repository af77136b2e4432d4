//! One page under many spellings: one object, one purge, and an origin that is asked in one way.

use crate::kit::{Origin, Page, Proxy, Request, cache_status, get};

use super::{article, wiki};

/// Ways to write the page that MediaWiki purges as `/wiki/Foo_(bar)`.
const SPELLINGS: [&str; 12] = [
    "/wiki/Foo_(bar)",
    "/wiki/Foo_(bar)?",
    "/wiki/Foo_%28bar%29",
    "/wiki/Foo%5F(bar)",
    "/wiki/%46oo_(bar)",
    "/wiki/Foo%5f%28bar%29?utm_source=mail",
    "/wiki/Foo_(bar)?utm_source=x&fbclid=y&utm_campaign=z",
    "/wiki/Foo_(bar)?utm%5Fsource=x",
    "/w/index.php?title=Foo_(bar)",
    "/w/index.php?title=Foo_%28bar%29&utm_medium=x",
    "/w/index.php?title=Foo+(bar)",
    "/w/index.php?title=Foo%20(bar)&",
];

#[test]
fn every_spelling_of_a_page_is_one_object_and_the_origin_is_asked_in_one_way() {
    let origin = Origin::start();
    origin.page("/wiki/Foo_(bar)", article("content"));
    let proxy = wiki(&origin).start();
    for spelling in SPELLINGS {
        assert_eq!(proxy.http1().get(spelling).expect(200).text(), "content", "{spelling}");
        proxy.http1().send(get(spelling).host("WIKI.test.:80")).expect(200).expect_hit();
    }
    let targets: Vec<String> = origin.requests().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets, ["/wiki/Foo_(bar)"]);
}

#[test]
fn a_purge_of_any_spelling_is_a_purge_of_the_page() {
    let origin = Origin::start();
    origin.page("/wiki/Foo_(bar)", article("content"));
    let proxy = wiki(&origin).start();
    let client = proxy.http1();
    for (n, spelling) in SPELLINGS.iter().enumerate() {
        client.get("/wiki/Foo_(bar)").expect(200);
        client.get("/wiki/Foo_(bar)").expect(200).expect_hit();
        client.send(Request::new("PURGE", spelling)).expect(204);
        assert_eq!(origin.count("/wiki/Foo_(bar)"), n + 1, "{spelling}");
    }
}

#[test]
fn a_history_is_one_object_in_whatever_order_its_parameters_stand() {
    let origin = Origin::start();
    origin.on("/w/index.php", |seen| article(&seen.target));
    let proxy = wiki(&origin).start();
    let purged = "/w/index.php?title=Foo&action=history";
    let first = proxy.http1().get(purged).expect(200).text();
    let other = proxy.http1().get("/w/index.php?action=history&title=Foo").expect(200);
    assert_eq!(other.expect_hit().text(), first);
    proxy.purge(purged);
    proxy.http1().get("/w/index.php?action=history&title=Foo").expect_because("absent");
}

#[test]
fn what_nothing_purges_is_kept_for_a_short_time() {
    let origin = Origin::start();
    for path in ["/w/index.php", "/wiki/Foo"] {
        origin.page(path, article("content"));
    }
    let proxy = wiki(&origin).clock_by_hand().start();
    for (target, ttl) in [
        ("/wiki/Foo", 18_000),
        ("/w/index.php?title=Foo&action=history", 18_000),
        ("/wiki/Foo?printable=yes", 60),
        ("/w/index.php?title=Foo&oldid=3", 60),
        ("/w/index.php?title=Foo&diff=next", 60),
    ] {
        proxy.http1().get(target).expect(200);
        let hit = proxy.http1().get(target).expect(200).expect_hit();
        assert_eq!(cache_status(&hit).ttl, Some(ttl), "{target}");
    }
    // The site's grace is not for what may have changed unseen.
    proxy.advance(61);
    proxy.http1().get("/wiki/Foo?printable=yes").expect(200).expect_because("expired");
    proxy.http1().get("/wiki/Foo").expect(200).expect_hit();
}

#[test]
fn what_changes_something_is_asked_for_as_it_was_written_and_purges_the_page() {
    let origin = Origin::start();
    origin.on("/wiki/Foo_(bar)", |_| article("content"));
    origin.on("/wiki/Foo_%28bar%29", |seen| Page::new(format!("{} done", seen.method)));
    let proxy = wiki(&origin).start();
    proxy.http1().get("/wiki/Foo_(bar)").expect(200);
    let post = Request::new("POST", "/wiki/Foo_%28bar%29").body("x");
    assert_eq!(proxy.http1().send(post).expect(200).text(), "POST done");
    proxy.http1().get("/wiki/Foo_(bar)").expect(200).expect_because("absent");
}

#[test]
fn a_plain_site_takes_every_spelling_for_another_page() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).start();
    for target in ["/a%2Db", "/a-b", "/a-b?", "/a-b?y=1&x=2", "/a-b?x=2&y=1", "/a-b?utm_id=1"] {
        let path = target.split('?').next().unwrap_or_default();
        origin.on(path, |seen| Page::cacheable(&seen.target));
        assert_eq!(proxy.http1().get(target).expect(200).text(), target);
    }
}

#[test]
fn media_have_no_query_and_one_spelling() {
    let origin = Origin::start();
    origin.page("/images/a/ab/Foo_%28bar%29.png", Page::cacheable("image"));
    let proxy = Proxy::new(&origin).site("profile = 'upload'").start();
    for target in [
        "/images/a/ab/Foo_(bar).png",
        "/images/a/ab/Foo_%28bar%29.png?20260101",
        "//images/a//ab/%46oo_%28bar%29.png",
    ] {
        assert_eq!(proxy.http1().get(target).expect(200).text(), "image", "{target}");
    }
    assert_eq!(origin.requests().len(), 1);
}
