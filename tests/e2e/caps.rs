//! Clients that take more than their share: connections, requests and memory are capped by client
//! address, others are served meanwhile, and the origin's queue is bounded.

use crate::kit::client::Pending;
use crate::kit::{Gate, Origin, Page, Proxy, Raw, Request, get};

/// An origin whose `/held/N` come when the test says so, and with a page that can be stored.
fn origin() -> Origin {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("stored"));
    origin
}

/// A page of its own for a request, which waits behind the gate.
fn hold(origin: &Origin, path: &str) -> Gate {
    let (gate, reply) = Page::new("late").held();
    origin.replies(path, [reply]);
    gate
}

fn refused(proxy: &Proxy, cause: &str) -> f64 {
    proxy.metric(&format!("tidegate_connections_refused_total{{cause=\"{cause}\"}}"))
}

#[test]
fn one_address_has_only_so_many_connections_and_others_have_theirs() {
    let origin = origin();
    let proxy = Proxy::new(&origin).with("limits", "client_connections = 2").start();
    let clients = [proxy.http1(), proxy.http1()];
    for client in &clients {
        client.get("/page").expect(200);
    }
    let mut third = proxy.raw();
    third.read_to_end();
    third.expect_close();
    assert!((refused(&proxy, "client") - 1.0).abs() < 0.1);
    let mut other = Raw::connect_from(proxy.http(), "127.0.0.9");
    other.get("/page");
    other.response().expect(200);

    drop(clients);
    proxy.wait_for_metric("tidegate_connections{listener=\"plain\"}", 1.0);
    proxy.http1().get("/page").expect(200);
    drop(other);
    proxy.wait_for_metric("tidegate_client_addresses", 0.0);
}

#[test]
fn a_trusted_proxy_has_as_many_connections_as_it_needs() {
    let origin = origin();
    let proxy = Proxy::new(&origin)
        .with("limits", "client_connections = 2")
        .with("node", "trusted_proxies = ['127.0.0.1']")
        .start();
    let clients = [proxy.http1(), proxy.http1(), proxy.http1()];
    clients.iter().for_each(|client| drop(client.get("/page").expect(200)));
    assert!(refused(&proxy, "client") < 0.1);
}

#[test]
fn one_address_has_only_so_many_requests_under_way_and_hits_are_not_counted() {
    let origin = origin();
    let gates = [hold(&origin, "/held/0"), hold(&origin, "/held/1")];
    let proxy = Proxy::new(&origin).tls().with("limits", "client_requests = 2").start();
    // Each scheme has a variant of its own.
    for client in [proxy.http1(), proxy.http2()] {
        client.get("/page").expect(200);
    }
    let (h1, h2) = (proxy.http1(), proxy.http2());
    let held: Vec<Pending> = vec![h1.begin(get("/held/0")), h2.begin(get("/held/1"))];
    origin.wait_for("/held/0", 1);
    origin.wait_for("/held/1", 1);
    for client in [proxy.http1(), proxy.http2()] {
        let answer = client.get("/held/2").expect(429).expect_because("client-requests");
        assert!(answer.header("retry-after").is_some());
    }
    let mut raw = proxy.raw();
    raw.get("/held/2");
    assert_eq!(raw.response().header("connection"), Some("close"));
    raw.expect_close();
    for client in [proxy.http1(), proxy.http2()] {
        client.get("/page").expect_hit();
    }
    let mut other = Raw::connect_from(proxy.http(), "127.0.0.9");
    origin.page("/other", Page::new("x"));
    other.get("/other");
    other.response().expect(200);

    gates.into_iter().for_each(Gate::finish);
    for held in held {
        held.response().expect(200);
    }
    assert_eq!(origin.count("/held/2"), 0);
    origin.page("/held/2", Page::new("x"));
    proxy.http1().get("/held/2").expect(200);
}

#[test]
fn an_answer_that_comes_slowly_is_under_way_until_its_end() {
    let origin = Origin::start();
    let (gate, reply) = Page::new("").header("cache-control", "no-store").gated();
    origin.replies("/slow", [reply]);
    origin.page("/page", Page::new("x"));
    let proxy = Proxy::new(&origin).with("limits", "client_requests = 1").start();
    let client = proxy.http1();
    let mut slow = client.begin(get("/slow"));
    assert_eq!(slow.head(), 200);
    proxy.http1().get("/page").expect(429);
    gate.finish();
    slow.response().expect(200);
    crate::kit::eventually("the place is free", || proxy.http1().get("/page").status == 200);
}

#[test]
fn a_trusted_proxy_names_the_client_whose_requests_are_counted() {
    let origin = origin();
    let gate = hold(&origin, "/held/0");
    origin.page("/other", Page::new("x"));
    let proxy = Proxy::new(&origin)
        .with("limits", "client_requests = 1")
        .with("node", "trusted_proxies = ['127.0.0.1']")
        .start();
    let from = |path: &str, client: &str| get(path).header("x-forwarded-for", client);
    let client = proxy.http1();
    let held = client.begin(from("/held/0", "192.0.2.1"));
    origin.wait_for("/held/0", 1);
    let ask = |request: Request| proxy.http1().send(request);
    ask(from("/other", "192.0.2.1")).expect(429);
    ask(from("/other", "192.0.2.2")).expect(200);
    ask(get("/other")).expect(200);
    gate.finish();
    held.response().expect(200);
}

#[test]
fn what_one_address_leaves_unread_is_bounded() {
    let origin = Origin::start();
    origin.page("/large", Page::cacheable(vec![b'x'; 7_000_000]));
    let proxy = Proxy::new(&origin)
        .timeouts("write = '40s'\n idle = '30d'")
        .with("limits", "client_unread = '15MiB'")
        .clock_by_hand()
        .start();
    proxy.http1().get("/large").expect(200);
    let unread = "tidegate_connections_timed_out_total{limit=\"unread\"}";
    let lazy = |count: usize| -> Vec<Raw> {
        let begin = |_| {
            let mut raw = proxy.raw();
            raw.get("/large");
            raw.head();
            raw
        };
        (0..count).map(begin).collect()
    };
    // Two of them make less unread than they may; a third makes it too much.
    let two = lazy(2);
    proxy.advance(25);
    proxy.wait_for_metric("tidegate_unread_bytes", 14_000_000.0);
    assert!(proxy.metric(unread) < 0.1);
    drop(two);
    proxy.wait_for_metric("tidegate_unread_bytes", 0.0);
    let three = lazy(3);
    proxy.advance_until("one is cut", 35, || proxy.metric(unread) > 0.9);
    assert!(proxy.metric(unread) < 1.1, "one is enough");
    proxy.http1().get("/large").expect_hit();
    drop(three);
}

#[test]
fn a_request_waits_for_a_connection_to_the_origin_and_only_so_many_do() {
    let origin = origin();
    let gate = hold(&origin, "/held/0");
    origin.page("/second", Page::new("second"));
    let proxy = Proxy::new(&origin)
        .workers(2)
        .cluster("max_connections = 1\n max_queue = 1\n queue_timeout = '1h'")
        .start();
    let (one, other) = (proxy.http1(), proxy.http1());
    let held = one.begin(get("/held/0"));
    origin.wait_for("/held/0", 1);
    let second = other.begin(get("/second"));
    proxy.wait_for_metric("tidegate_origin_queue", 1.0);
    let answer = proxy.http1().get("/third").expect(503).expect_because("pool-full");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(origin.requests().len(), 1);
    gate.finish();
    held.response().expect(200);
    assert_eq!(second.response().expect(200).text(), "second");
    proxy.wait_for_metric("tidegate_origin_queue", 0.0);
}

#[test]
fn nobody_waits_for_a_connection_to_the_origin_for_longer_than_they_should() {
    let origin = origin();
    let gate = hold(&origin, "/held/0");
    let proxy = Proxy::new(&origin)
        .cluster("max_connections = 1\n max_queue = 9\n queue_timeout = '2s'")
        .clock_by_hand()
        .start();
    let (one, other) = (proxy.http1(), proxy.http1());
    let held = one.begin(get("/held/0"));
    origin.wait_for("/held/0", 1);
    let mut second = other.begin(get("/second"));
    proxy.wait_for_metric("tidegate_origin_queue", 1.0);
    proxy.advance(1);
    assert!(!second.has_ended());
    proxy.advance(1);
    second.response().expect(503).expect_because("pool-timeout");
    gate.finish();
    held.response().expect(200);
    origin.page("/second", Page::new("x"));
    proxy.http1().get("/second").expect(200);
}

#[test]
fn a_client_that_leaves_the_queue_makes_room_in_it() {
    let origin = origin();
    let gate = hold(&origin, "/held/0");
    let proxy = Proxy::new(&origin).cluster("max_connections = 1\n max_queue = 1").start();
    let client = proxy.http1();
    let held = client.begin(get("/held/0"));
    origin.wait_for("/held/0", 1);
    let mut raw = proxy.raw();
    raw.send("POST /form HTTP/1.1\r\nHost: wiki.test\r\nContent-Length: 0\r\n\r\n");
    proxy.wait_for_metric("tidegate_origin_queue", 1.0);
    raw.abort();
    proxy.wait_for_metric("tidegate_origin_queue", 0.0);
    gate.finish();
    held.response().expect(200);
    assert_eq!(origin.count("/form"), 0);
}

#[test]
fn what_there_is_no_room_for_is_passed_on_and_not_stored() {
    let origin = Origin::start();
    let object = vec![b'x'; 5_000_000];
    origin.page("/large", Page::cacheable(&object));
    origin.page("/unknown", Page::cacheable(&object).chunked());
    origin.page("/page", Page::cacheable("small"));
    // 32 MiB are the process's own.
    let proxy = Proxy::new(&origin)
        .with("node", "memory = '40MiB'")
        .with("cache", "memory = '40MiB'\n max_object = '5MiB'")
        .start();
    proxy.http1().get("/page").expect(200);
    proxy.http1().get("/page").expect_hit();
    // The second time it is remembered for a while that nobody need wait for another's fetch.
    for because in ["no-room", "marked"] {
        let answer = proxy.http1().get("/large").expect(200);
        assert!(answer.body == object, "{} bytes came", answer.body.len());
        assert!(answer.header("cache-status").is_some_and(|said| said.ends_with(because)));
    }
    assert!(proxy.http1().get("/unknown").expect(200).body == object);
    proxy.http1().get("/page").expect_hit();
    assert_eq!(origin.count("/large"), 2);
}
