//! Rebound from outside: a purge comes again after its delay, so that what was fetched meanwhile from an
//! origin that lags behind goes away too.

use crate::kit::{Origin, Page, Proxy, Request, Sender};

const REPEATED: &str = "tidegate_purge_repeats_total{event=\"repeated\"}";

fn lagging(texts: &[&str]) -> Origin {
    let origin = Origin::start();
    origin.replies("/page", texts.iter().map(|text| Page::cacheable(text).into()));
    origin
}

#[track_caller]
fn shows(proxy: &Proxy, text: &str, reason: &str) {
    let answer = proxy.http1().get("/page").expect(200).expect_because(reason);
    assert_eq!(answer.text(), text);
}

#[test]
fn a_copy_that_came_from_a_lagging_origin_goes_away_after_the_delay() {
    // Over HTCP and by PURGE: each has a delay of its own.
    for htcp in [true, false] {
        let origin = lagging(&["before the edit", "still before it", "after it"]);
        let keys = if htcp {
            "[[purge.htcp]]\naddress = '127.0.0.1:0'\nrebound = '11s'"
        } else {
            "[purge]\nrebound = '11s'"
        };
        let proxy = Proxy::new(&origin).config(keys).clock_by_hand().start();
        shows(&proxy, "before the edit", "absent");
        if htcp {
            Sender::new().clear(proxy.htcp()[0], "http://wiki.test/page");
            proxy.wait_for_clears(1);
        } else {
            proxy.purge("/page");
        }
        proxy.wait_for_metric("tidegate_purge_repeats", 1.0);
        shows(&proxy, "still before it", "absent");
        proxy.advance(10);
        shows(&proxy, "still before it", "fresh");
        assert!(proxy.metric("tidegate_purge_repeats_oldest_seconds") > 9.5);
        proxy.advance(2);
        proxy.wait_for_metric(REPEATED, 1.0);
        shows(&proxy, "after it", "absent");
        proxy.advance(30);
        shows(&proxy, "after it", "fresh");
        proxy.wait_for_metric("tidegate_purge_repeats", 0.0);
    }
}

#[test]
fn two_purges_within_the_delay_each_get_their_repeat() {
    let origin = lagging(&["1", "2", "3", "4", "5"]);
    let proxy = Proxy::new(&origin).with("purge", "rebound = '11s'").clock_by_hand().start();
    shows(&proxy, "1", "absent");
    proxy.purge("/page");
    shows(&proxy, "2", "absent");
    proxy.advance(5);
    proxy.purge("/page");
    shows(&proxy, "3", "absent");
    // The first one's.
    proxy.advance(7);
    proxy.wait_for_metric(REPEATED, 1.0);
    shows(&proxy, "4", "absent");
    proxy.advance(3);
    shows(&proxy, "4", "fresh");
    // The second one's.
    proxy.advance(2);
    proxy.wait_for_metric(REPEATED, 2.0);
    shows(&proxy, "5", "absent");
}

#[test]
fn equal_purges_at_once_share_a_repeat() {
    let origin = lagging(&["1", "2", "3"]);
    let proxy = Proxy::new(&origin).with("purge", "rebound = '11s'").clock_by_hand().start();
    for _ in 0..5 {
        proxy.purge("/page");
    }
    proxy.wait_for_metric("tidegate_purge_repeats", 1.0);
    proxy.wait_for_metric("tidegate_purge_repeats_total{event=\"merged\"}", 4.0);
    shows(&proxy, "1", "absent");
    proxy.advance(12);
    proxy.wait_for_metric(REPEATED, 1.0);
    shows(&proxy, "2", "absent");
}

#[test]
fn tags_are_repeated_too() {
    let origin = Origin::start();
    let page = |text: &str| Page::cacheable(text).header("xkey", "a b");
    origin.replies("/page", ["1", "2", "3"].map(|text| page(text).into()));
    let proxy = Proxy::new(&origin).with("purge", "rebound = '11s'").clock_by_hand().start();
    shows(&proxy, "1", "absent");
    let order = Request::new("PURGE", "/").header("xkey", "b").header("x-purge-mode", "hard");
    proxy.http1().send(order).expect(204);
    shows(&proxy, "2", "absent");
    proxy.advance(12);
    proxy.wait_for_metric(REPEATED, 1.0);
    shows(&proxy, "3", "absent");
}

#[test]
fn a_reload_changes_the_delay_of_later_purges_only() {
    let origin = lagging(&["1", "2", "3"]);
    let setup = Proxy::new(&origin).clock_by_hand();
    let mut proxy = setup.clone().with("purge", "rebound = '11s'").start();
    shows(&proxy, "1", "absent");
    proxy.purge("/page");
    proxy.reload(setup).expect("it is good");
    proxy.purge("/page");
    shows(&proxy, "2", "absent");
    proxy.wait_for_metric("tidegate_purge_repeats", 1.0);
    proxy.advance(12);
    proxy.wait_for_metric(REPEATED, 1.0);
    shows(&proxy, "3", "absent");
    proxy.wait_for_metric("tidegate_purge_repeats", 0.0);
}
