//! Codings live and go with what they were made of: purges, fetches, 304s, reloads.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Coded, coding, decoded, page, text};
use crate::kit::{Origin, Page};

#[test]
fn a_purge_takes_every_coding() {
    let origin = Origin::start();
    origin.page("/page", page(text(1)));
    let proxy = coding(&origin).start();
    proxy.http1().get("/page").expect(200);
    proxy.wait_for_jobs("stored", 1);
    proxy.purge("/page");
    let answer = proxy.take("zstd", "/page").expect_because("absent");
    assert_eq!(decoded(&answer), (None, text(1)));
}

#[test]
fn a_purge_while_something_is_coded_leaves_nothing() {
    let origin = Origin::start();
    let proxy = coding(&origin).start();
    // Long enough that the purge comes while they are coded or wait for it.
    let body = text(1).repeat(200);
    for number in 0..8 {
        let path = format!("/{number}");
        origin.page(&path, page(&body));
        proxy.http1().get(&path).expect(200);
        proxy.purge(&path);
    }
    proxy.wait_for_metric("tidegate_coding_queue", 0.0);
    proxy.wait_for_metric("tidegate_coding_jobs_total", 8.0);
    for number in 0..8 {
        proxy.take("gzip", &format!("/{number}")).expect_because("absent");
    }
}

#[test]
fn what_is_fetched_anew_is_coded_anew() {
    let origin = Origin::start();
    let version = AtomicUsize::new(0);
    origin.on("/page", move |_| page(text(version.fetch_add(1, Ordering::SeqCst))));
    let proxy = coding(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.wait_for_jobs("stored", 1);
    assert_eq!(decoded(&proxy.take("gzip", "/page").expect_hit()), (Some("gzip"), text(0)));
    proxy.advance(61);
    assert_eq!(decoded(&proxy.take("gzip", "/page").expect_because("expired")), (None, text(1)));
    proxy.wait_for_jobs("stored", 2);
    for (taken, coding) in [("gzip", Some("gzip")), ("zstd", Some("zstd")), ("br", None)] {
        assert_eq!(decoded(&proxy.take(taken, "/page").expect_hit()), (coding, text(1)));
    }
}

/// An origin that confirms what has the tag `"abc"`.
fn confirming(origin: &Origin, cache_control: &'static str) {
    origin.on("/page", move |seen| {
        let page = match seen.header("if-none-match") {
            Some("\"abc\"") => Page::status(304),
            None => Page::new(text(1)).header("content-type", "text/html"),
            other => panic!("asked about {other:?}"),
        };
        page.header("etag", "\"abc\"").header("cache-control", cache_control)
    });
}

#[test]
fn a_304_keeps_the_codings_and_is_answered_in_one() {
    let origin = Origin::start();
    confirming(&origin, "max-age=60");
    let proxy = coding(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.wait_for_jobs("stored", 1);
    proxy.advance(61);
    let confirmed = proxy.take("zstd", "/page").expect_because("confirmed");
    assert_eq!(decoded(&confirmed), (Some("zstd"), text(1)));
    assert_eq!(confirmed.header("etag"), Some("\"abc-zstd\""));
    let hit = proxy.take("gzip", "/page").expect_hit();
    assert_eq!((decoded(&hit), hit.header("age")), ((Some("gzip"), text(1)), Some("0")));
    assert_eq!(hit.header("vary"), Some("Accept-Encoding"));
    proxy.http1().get("/page").expect_hit();
    proxy.wait_for_metric("tidegate_coding_jobs_total", 1.0);
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn a_coding_is_served_stale_while_the_origin_is_asked_about_what_it_knows() {
    let origin = Origin::start();
    confirming(&origin, "max-age=60, stale-while-revalidate=60");
    let proxy = coding(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.wait_for_jobs("stored", 1);
    proxy.advance(61);
    let stale = proxy.take("gzip", "/page").expect_because("while-revalidate");
    assert_eq!(decoded(&stale), (Some("gzip"), text(1)));
    origin.wait_for("/page", 2);
    proxy.wait_for_metric("tidegate_store_refreshes_total", 1.0);
    assert_eq!(decoded(&proxy.take("gzip", "/page").expect_hit()), (Some("gzip"), text(1)));
}

#[test]
fn a_304_that_forbids_it_ends_the_codings() {
    let origin = Origin::start();
    origin.on("/page", |seen| match seen.header("if-none-match") {
        Some(_) => Page::status(304).header("cache-control", "max-age=60, no-transform"),
        None => page(text(1)).header("etag", "\"abc\""),
    });
    let proxy = coding(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.wait_for_jobs("stored", 1);
    proxy.advance(61);
    for reason in ["confirmed", "fresh"] {
        let answer = proxy.take("gzip", "/page").expect_because(reason);
        assert_eq!(decoded(&answer), (None, text(1)));
    }
    proxy.wait_for_metric("tidegate_coding_jobs_total", 1.0);
}

#[test]
fn a_reload_that_codes_nothing_serves_what_came() {
    let origin = Origin::start();
    origin.page("/page", page(text(1)));
    let mut proxy = coding(&origin).start();
    proxy.http1().get("/page").expect(200);
    proxy.wait_for_jobs("stored", 1);
    assert_eq!(decoded(&proxy.take("gzip", "/page")).0, Some("gzip"));
    proxy.reload(proxy.setup().site("compress = []")).expect("it is valid");
    assert_eq!(decoded(&proxy.take("gzip", "/page").expect_hit()), (None, text(1)));
}
