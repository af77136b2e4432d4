//! The staleness watch: fresh hits are compared with what their origin says, and what is found is counted.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use tidegate::base::Clock;

use crate::kit::{Origin, Page, Proxy};

fn count(proxy: &Proxy, result: &str) -> f64 {
    proxy.metric(&format!("tidegate_verify_total{{result=\"{result}\"}}"))
}

/// A proxy in front of `origin` that looks at every hit, with `/page` stored.
fn watching(origin: &Origin) -> Proxy {
    let proxy = Proxy::new(origin).with("purge", "verify = '100%'").clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy
}

#[test]
fn what_the_origin_still_says_is_the_same() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = watching(&origin);
    proxy.http1().get("/page").expect(200).expect_hit();
    proxy.wait_for_metric("tidegate_verify_total{result=\"same\"}", 1.0);
    assert_eq!(origin.count("/page"), 2);
    proxy.http1().get("/page").expect_hit();
    proxy.wait_for_metric("tidegate_verify_total{result=\"same\"}", 2.0);
}

#[test]
fn what_changed_without_a_purge_is_stale_and_stays() {
    let origin = Origin::start();
    let [old, new] = ["old", "new"].map(Page::cacheable);
    origin.replies("/page", [old.into(), new.clone().into(), new.into()]);
    let proxy = watching(&origin);
    proxy.http1().get("/page").expect(200).expect_hit();
    crate::kit::eventually("the origin was asked", || origin.count("/page") == 2);
    proxy.advance_until("it is found stale", 30, || count(&proxy, "stale") > 0.0);
    assert_eq!(proxy.http1().get("/page").text(), "old", "the watch hides nothing");
}

#[test]
fn what_is_purged_soon_after_was_late() {
    for mode in ["hard", "soft"] {
        let origin = Origin::start();
        origin.replies("/page", [Page::cacheable("old").into(), Page::cacheable("new").into()]);
        let proxy = watching(&origin);
        proxy.http1().get("/page").expect(200).expect_hit();
        crate::kit::eventually("the origin was asked", || origin.count("/page") == 2);
        let order = crate::kit::Request::new("PURGE", "/page").header("x-purge-mode", mode);
        proxy.http1().send(order).expect(204);
        proxy.advance_until("it is found late", 30, || count(&proxy, "late") > 0.0);
        assert_eq!(count(&proxy, "stale").to_bits(), 0.0_f64.to_bits(), "{mode}");
    }
}

#[test]
fn a_strong_validator_says_that_it_is_the_same_however_it_is_rendered() {
    let origin = Origin::start();
    let page = |body| Page::cacheable(body).header("etag", "\"v1\"");
    origin.replies("/page", [page("at ten").into(), page("at eleven").into()]);
    let proxy = watching(&origin);
    proxy.http1().get("/page").expect(200).expect_hit();
    proxy.wait_for_metric("tidegate_verify_total{result=\"same\"}", 1.0);
}

#[test]
fn a_date_of_change_says_the_same_where_it_is_old_enough() {
    for (modified, found) in [("Thu, 01 Jan 2015 00:00:00 GMT", "same"), ("now", "stale")] {
        let origin = Origin::start();
        let date = httpdate::fmt_http_date(Clock::system().wall());
        let modified = if modified == "now" { date.clone() } else { modified.to_owned() };
        let page = move |body: &str| {
            Page::cacheable(body).header("last-modified", &modified).header("date", &date)
        };
        // With a time in a comment, as MediaWiki renders pages.
        origin.replies("/page", [page("at ten").into(), page("at eleven").into()]);
        let proxy = watching(&origin);
        proxy.http1().get("/page").expect(200).expect_hit();
        proxy.advance_until("it is compared", 30, || count(&proxy, found) > 0.0);
    }
}

#[test]
fn what_was_replaced_without_a_purge_tells_nothing() {
    let origin = Origin::start();
    let page = |body| Page::new(body).header("cache-control", "max-age=5");
    origin.replies("/page", ["old", "newer", "newest"].map(|body| page(body).into()));
    let proxy = watching(&origin);
    proxy.http1().get("/page").expect(200).expect_hit();
    crate::kit::eventually("the origin was asked", || origin.count("/page") == 2);
    // It grows old, and is replaced.
    proxy.advance(6);
    proxy.http1().get("/page").expect(200);
    crate::kit::eventually("the origin was asked again", || origin.count("/page") == 3);
    proxy.advance_until("it is found gone", 30, || count(&proxy, "gone") > 0.0);
    assert!(count(&proxy, "late") + count(&proxy, "stale") < 0.5);
}

#[test]
fn an_origin_that_fails_proves_nothing() {
    let origin = Origin::start();
    let asked = AtomicU32::new(0);
    origin.on("/page", move |_| match asked.fetch_add(1, Relaxed) {
        0 => Page::cacheable("x"),
        n if n % 2 == 0 => Page::cacheable("x and more").cut_after(1),
        _ => Page::status(503),
    });
    let proxy = watching(&origin);
    proxy.http1().get("/page").expect(200).expect_hit();
    proxy.http1().get("/page").expect(200).expect_hit();
    proxy.advance_until("both are found to fail", 30, || count(&proxy, "failed") > 1.0);
}

#[test]
fn hits_over_the_rate_are_skipped_and_without_the_key_none_is_looked_at() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = watching(&origin);
    let client = proxy.http1();
    (0..50).for_each(|_| _ = client.get("/page").expect_hit());
    proxy.wait_for_metric("tidegate_verify_total{result=\"same\"}", 20.0);
    proxy.wait_for_metric("tidegate_verify_total{result=\"skipped\"}", 30.0);
    assert_eq!(origin.count("/page"), 21);
    let quiet = Proxy::new(&origin).start();
    (0..50).for_each(|_| _ = quiet.http1().get("/page").expect(200));
    assert_eq!(origin.count("/page"), 22);
}
