//! MediaWiki says `must-revalidate`, which forbids stale answers; an operator may know better, and
//! nobody's order to forget a page is overruled by it.

use crate::kit::{Origin, Page, Proxy, Reply, Request, cache_status};

use super::{article, wiki};

const PURGE_SOFT: (&str, &str) = ("x-purge-mode", "soft");

#[test]
fn a_wikis_page_is_served_in_grace_while_it_is_refreshed() {
    let origin = Origin::start();
    origin.replies("/wiki/Tide", [article("old").into(), article("new").into()]);
    let proxy = wiki(&origin).clock_by_hand().start();
    let client = proxy.http1();
    client.get("/wiki/Tide").expect(200);
    proxy.advance(18_001);
    let stale = client.get("/wiki/Tide").expect(200).expect_because("operator-grace");
    assert_eq!((stale.text().as_str(), cache_status(&stale).hit), ("old", true));
    origin.wait_for("/wiki/Tide", 2);
    crate::kit::eventually("the new page is served", || {
        client.get("/wiki/Tide").expect(200).text() == "new"
    });
}

#[test]
fn rfc_9111_forbids_it_where_the_site_obeys() {
    let origin = Origin::start();
    origin.replies("/wiki/Tide", [article("old").into(), article("new").into()]);
    let proxy = wiki(&origin).site("stale = 'rfc'").clock_by_hand().start();
    proxy.http1().get("/wiki/Tide").expect(200);
    proxy.advance(18_001);
    let new = proxy.http1().get("/wiki/Tide").expect(200).expect_because("expired");
    assert_eq!(new.text(), "new");
}

#[test]
fn a_dead_origin_s_pages_are_read_for_the_grace_and_no_longer() {
    let origin = Origin::start();
    origin.page("/wiki/Tide", article("content"));
    let proxy = wiki(&origin).clock_by_hand().start();
    let client = proxy.http1();
    client.get("/wiki/Tide").expect(200);
    origin.on("/wiki/Tide", |_| Reply::Close);
    proxy.advance(18_001);
    for _ in 0..3 {
        client.get("/wiki/Tide").expect(200).expect_because("operator-grace");
        // The refresh behind it fails by what the origin does, and not by the clock.
        proxy.wait_for_metric("tidegate_flights", 0.0);
        proxy.advance(300);
    }
    proxy.advance(400);
    client.get("/wiki/Tide").expect(502);
}

#[test]
fn the_grace_wins_after_a_soft_purge_and_never_after_a_hard_one() {
    let origin = Origin::start();
    origin.page("/wiki/Tide", article("old"));
    let proxy = wiki(&origin).clock_by_hand().start();
    let client = proxy.http1();
    client.get("/wiki/Tide").expect(200);
    let (name, value) = PURGE_SOFT;
    client.send(Request::new("PURGE", "/wiki/Tide").header(name, value)).expect(204);
    client.get("/wiki/Tide").expect(200).expect_because("soft-purged").expect_hit();
    origin.wait_for("/wiki/Tide", 2);
    origin.on("/wiki/Tide", |_| Reply::Close);
    client.send(Request::new("PURGE", "/wiki/Tide")).expect(204);
    client.get("/wiki/Tide").expect(502);
}

#[test]
fn no_grace_wins_over_no_cache_or_private() {
    let origin = Origin::start();
    for (path, said) in
        [("/no-cache", "no-cache, s-maxage=60"), ("/private", "private, max-age=60")]
    {
        origin.page(path, Page::new("old").header("cache-control", said).header("etag", "\"1\""));
    }
    let proxy = wiki(&origin).start();
    for path in ["/no-cache", "/private"] {
        proxy.http1().get(path).expect(200);
        let again = proxy.http1().get(path).expect(200);
        assert!(!cache_status(&again).hit, "{path}");
        origin.on(path, |_| Reply::Close);
        proxy.http1().get(path).expect(502);
    }
}

#[test]
fn lifetimes_are_capped_by_the_site_and_by_what_can_be_purged() {
    let origin = Origin::start();
    let forever = "s-maxage=1209600, must-revalidate, max-age=0";
    for (path, status) in [("/wiki/Tide", 200), ("/wiki/None", 404)] {
        origin.page(path, Page::new("x").with_status(status).header("cache-control", forever));
    }
    let proxy = wiki(&origin).clock_by_hand().start();
    for (path, status, ttl) in [("/wiki/Tide", 200, 86_400), ("/wiki/None", 404, 600)] {
        proxy.http1().get(path).expect(status);
        let hit = proxy.http1().get(path).expect(status).expect_hit();
        assert_eq!(cache_status(&hit).ttl, Some(ttl), "{path}");
    }
}

#[test]
fn jitter_shortens_a_lifetime_by_no_more_than_its_part() {
    let origin = Origin::start();
    let paths: Vec<String> = (0..40).map(|n| format!("/wiki/{n}")).collect();
    paths.iter().for_each(|path| origin.page(path, article("x")));
    let proxy = wiki(&origin).site("jitter = 5").clock_by_hand().start();
    let ttl = |path: &String| {
        proxy.http1().get(path).expect(200);
        cache_status(&proxy.http1().get(path).expect(200).expect_hit()).ttl.unwrap_or_default()
    };
    let lifetimes: std::collections::BTreeSet<i64> = paths.iter().map(ttl).collect();
    assert!(lifetimes.iter().all(|ttl| (17_100..=18_000).contains(ttl)), "{lifetimes:?}");
    assert!(lifetimes.len() > 10, "{lifetimes:?}");
}

#[test]
fn a_plain_site_has_none_of_it() {
    let origin = Origin::start();
    origin.page("/page", article("x"));
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    let hit = proxy.http1().get("/page").expect(200).expect_hit();
    assert_eq!(cache_status(&hit).ttl, Some(18_000));
}
