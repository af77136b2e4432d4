//! A shutdown: told first, then no new connections, what is under way ends well, and no longer
//! than it may.

use crate::kit::socket::Socket;
use crate::kit::{Origin, Page, Proxy, Request, eventually, get};

const TIMES: &str = "drain_delay = '10s'\n drain_timeout = '30s'";

fn start(origin: &Origin) -> Proxy {
    Proxy::new(origin).tls().workers(2).with("node", TIMES).clock_by_hand().start()
}

#[test]
fn a_drain_is_told_before_anything_changes() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let mut proxy = start(&origin);
    let kept = proxy.http1();
    kept.get("/page").expect(200);
    proxy.ask("/healthz").expect(200);
    proxy.drain();
    eventually("health says 503", || proxy.ask("/healthz").status == 503);
    // Balancers look every few seconds; until then everything is served.
    for client in [&kept, &proxy.http1(), &proxy.http1_tls(), &proxy.http2()] {
        client.get("/page").expect(200);
    }
    let address = proxy.http();
    let over = proxy.join();
    assert!(!over.is_over());
    proxy.advance_until("the shutdown ends", 45, || over.is_over());
    assert!(Socket::is_refused(address), "somebody still listens");
}

#[test]
fn what_is_under_way_is_finished() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("").gated();
    let (held, late) = Page::cacheable("late").held();
    origin.replies("/page", [reply]);
    origin.replies("/late", [late]);
    let mut proxy = start(&origin);
    let (h1, h2, idle) = (proxy.http1(), proxy.http2(), proxy.http1());
    let mut streaming = h1.begin(get("/page"));
    gate.send("begun");
    streaming.bytes(5);
    let waiting = h2.begin(get("/late"));
    origin.wait_for("/late", 1);
    idle.send(Request::new("PURGE", "/other")).expect(204);

    proxy.drain();
    proxy.advance_until("idle connections are closed", 15, || !idle.is_connected());
    let over = proxy.join();
    gate.send(" and ended");
    gate.finish();
    held.finish();
    assert_eq!(streaming.response().expect(200).text(), " and ended");
    assert_eq!(waiting.response().expect(200).text(), "late");
    eventually("both connections are closed", || !h1.is_connected() && !h2.is_connected());
    proxy.advance_until("the shutdown ends", 5, || over.is_over());
}

#[test]
fn who_comes_too_late_is_refused_and_does_not_hang() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("").gated();
    origin.replies("/page", [reply]);
    let proxy = start(&origin);
    let (client, idle) = (proxy.http1(), proxy.http1());
    let mut streaming = client.begin(get("/page"));
    gate.send("begun");
    streaming.bytes(5);
    idle.send(Request::new("PURGE", "/other")).expect(204);
    let address = proxy.http();
    proxy.drain();
    proxy.advance_until("idle connections are closed", 15, || !idle.is_connected());
    eventually("nobody listens any more", || Socket::is_refused(address));
    gate.finish();
    assert!(streaming.response().complete);
}

#[test]
fn a_drain_waits_no_longer_than_it_may() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("").gated();
    origin.replies("/page", [reply]);
    let mut proxy = start(&origin);
    let client = proxy.http1();
    let mut pending = client.begin(get("/page"));
    gate.send("begun");
    pending.bytes(5);
    proxy.drain();
    let over = proxy.join();
    proxy.advance(20);
    assert!(!over.is_over());
    proxy.advance_until("the shutdown ends", 30, || over.is_over());
    assert!(!pending.response().complete, "the answer must not look complete");
}

#[test]
fn idle_connections_are_closed_at_once_when_the_delay_is_over() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let mut proxy = start(&origin);
    let (h1, h2) = (proxy.http1(), proxy.http2());
    h1.get("/page").expect(200);
    h2.get("/page").expect(200);
    proxy.drain();
    let over = proxy.join();
    proxy.advance_until("the shutdown ends", 12, || over.is_over());
    eventually("both connections are closed", || !h1.is_connected() && !h2.is_connected());
}

#[test]
fn a_dropped_proxy_leaves_nothing_behind() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).workers(2).start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    let address = proxy.http();
    drop(proxy);
    eventually("the client sees the end", || !client.is_connected());
    assert!(Socket::is_refused(address));
    origin.wait_until_all_left();
}
