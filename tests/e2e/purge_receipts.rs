//! What a PURGE is answered with: a receipt for who asks, words where it is not clear what is meant; and
//! reading what was written, by a purge's number.

use serde_json::{Value, json};

use crate::kit::{Origin, Page, Proxy, Request, get};

fn receipt(proxy: &Proxy, order: Request) -> Value {
    let answer = proxy.http1().send(order.header("accept", "application/json")).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_str(&answer.text()).expect("it is JSON")
}

#[test]
fn a_receipt_tells_what_was_purged_and_how() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x").header("xkey", "a b"));
    let proxy = Proxy::new(&origin).start();
    proxy.http1().get("/page").expect(200);
    let order = || Request::new("PURGE", "/page");
    let told = receipt(&proxy, order());
    assert_eq!(
        (&told["kind"], &told["mode"], &told["entries"]),
        (&json!("url"), &json!("hard"), &json!(1))
    );
    assert_eq!(told["id"], format!("cp1:{}", told["seq"]));
    assert_eq!(receipt(&proxy, order())["entries"], 0);
    let tags = receipt(&proxy, order().header("xkey", "a b"));
    let [first, second] = [&tags["orders"][0], &tags["orders"][1]];
    assert_eq!(
        (&first["kind"], &first["mode"], first.get("entries")),
        (&json!("tag"), &json!("soft"), None)
    );
    assert!(second["seq"].as_u64() > first["seq"].as_u64() && first["note"].is_string());
    proxy.http1().send(order()).expect(204);
}

#[test]
fn a_purge_of_which_it_is_not_clear_what_it_means_purges_nothing() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).start();
    proxy.http1().get("/page").expect(200);
    for (name, value, says) in [
        ("x-purge-mode", "gentle", "\"hard\" or \"soft\""),
        ("surrogate-key", " ", "name none"),
        ("cache-tag", ",", "name none"),
    ] {
        let order = || Request::new("PURGE", "/page").header(name, value);
        let text = proxy.http1().send(order()).expect(400).text();
        assert!(text.contains(says) && text.contains("nothing was purged"), "{text}");
        let json = proxy.http1().send(order().header("accept", "application/json")).expect(400);
        let told: Value = serde_json::from_str(&json.text()).unwrap();
        assert!(told["error"].as_str().unwrap().contains(says));
        proxy.http1().get("/page").expect_hit();
    }
}

#[test]
fn whoever_waits_for_a_purge_by_its_number_reads_what_was_written() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    let ask = |seq: u64| get("/page").header("purge-wait", &seq.to_string());
    // Nothing was purged yet, so the first number is to come.
    let pending = proxy.http1().begin(ask(1));
    proxy.wait_for_waiters(1);
    proxy.purge("/page");
    let mut pending = pending;
    proxy.advance_until("the purge is seen", 3, || pending.has_head());
    let answer = pending.response().expect(200).expect_because("absent");
    assert_eq!(answer.header("purge-wait"), Some("reached"));
    let answer = proxy.http1().send(ask(1)).expect(200).expect_hit();
    assert_eq!(answer.header("purge-wait"), Some("reached"));
    assert!(origin.requests().iter().all(|request| request.header("purge-wait").is_none()));
}

#[test]
fn nobody_waits_for_ever_for_a_purge_that_does_not_come() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    let mut pending = proxy.http1().begin(get("/page").header("purge-wait", "1000"));
    proxy.wait_for_waiters(1);
    proxy.advance_until("it is late", 5, || pending.has_head());
    let answer = pending.response().expect(200).expect_hit();
    assert_eq!(answer.header("purge-wait"), Some("late"));
    proxy.http1().send(get("/page").header("purge-wait", "soon")).expect(400);
}

#[test]
fn who_may_not_purge_waits_for_no_purge_and_nobody_without_a_place() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let setup = Proxy::new(&origin).with("cache", "max_waiters = 1").clock_by_hand();
    let mut proxy = setup.clone().with("purge", "allow = ['192.0.2.0/24']").start();
    let ask = || get("/page").header("purge-wait", "1000");
    let answer = proxy.http1().send(ask()).expect(200);
    assert_eq!(answer.header("purge-wait"), None);
    assert_eq!(origin.requests()[0].header("purge-wait"), None, "the numbers are ours");
    proxy.reload(setup).unwrap();
    let mut waiting = proxy.http1().begin(ask());
    proxy.wait_for_waiters(1);
    proxy.http1().send(ask()).expect(503);
    proxy.advance_until("it is late", 5, || waiting.has_head());
    waiting.response().expect(200).expect_hit();
}
