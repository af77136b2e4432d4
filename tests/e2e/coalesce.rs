//! Request coalescing: many clients, one fetch, and nobody is held up by what others do.

use crate::kit::{Client, Origin, Page, Proxy, Reply, cache_status, get};

#[test]
fn any_number_of_clients_cause_one_request() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("content").held();
    origin.replies("/page", [reply]);
    let proxy = Proxy::new(&origin).tls().workers(2).start();
    let h1: Vec<Client> = (0..20).map(|_| proxy.http1_tls()).collect();
    let h2 = [proxy.http2(), proxy.http2()];
    let mut pending = vec![h1[0].begin(get("/page"))];
    origin.wait_for("/page", 1);
    pending.extend(h1[1..].iter().map(|client| client.begin(get("/page"))));
    pending.extend((0..40).map(|n| h2[n % 2].begin(get("/page"))));
    proxy.wait_for_waiters(59);
    gate.finish();

    let answers = pending.into_iter().map(|pending| pending.response().expect(200));
    let mut collapsed = 0;
    for answer in answers {
        assert_eq!(answer.text(), "content");
        collapsed += usize::from(cache_status(&answer).collapsed);
    }
    assert_eq!((collapsed, origin.count("/page")), (59, 1));
    h1[0].get("/page").expect_hit();
    proxy.wait_for_waiters(0);
}

#[test]
fn followers_read_what_has_come_before_the_rest_comes() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("").gated();
    origin.replies("/page", [reply]);
    let proxy = Proxy::new(&origin).workers(2).start();
    let clients: Vec<Client> = (0..4).map(|_| proxy.http1()).collect();
    let mut leader = clients[0].begin(get("/page"));
    assert_eq!(leader.head(), 200);
    let mut follower = clients[1].begin(get("/page"));
    assert_eq!(follower.head(), 200);
    gate.send("first, ");
    assert_eq!(leader.bytes(7), b"first, ");
    assert_eq!(follower.bytes(7), b"first, ");
    // One who comes in mid-body begins at the beginning.
    let mut late = clients[2].begin(get("/page"));
    assert_eq!(late.bytes(7), b"first, ");
    gate.send("second");
    for pending in [&mut leader, &mut follower, &mut late] {
        assert_eq!(pending.bytes(6), b"second");
    }
    gate.finish();
    for pending in [leader, follower, late] {
        assert!(pending.response().complete);
    }
    assert_eq!(clients[3].get("/page").expect_hit().text(), "first, second");
    assert_eq!(origin.count("/page"), 1);
}

#[test]
fn a_large_body_reaches_every_follower_whole() {
    let origin = Origin::start();
    let content: Vec<u8> = (0..251).cycle().take(2_000_000).collect();
    let (gate, reply) = Page::cacheable("").length(2_000_000).gated();
    origin.replies("/page", [reply]);
    let proxy = Proxy::new(&origin).tls().workers(2).start();
    let (h1, h2) = (proxy.http1_tls(), proxy.http2());
    let mut pending = vec![h1.begin(get("/page"))];
    origin.wait_for("/page", 1);
    pending.extend((0..8).map(|_| h2.begin(get("/page"))));
    let readers: Vec<_> =
        pending.into_iter().map(|p| std::thread::spawn(move || p.response())).collect();
    for piece in content.chunks(70_001) {
        gate.send(piece);
    }
    gate.finish();
    for reader in readers {
        let response = reader.join().expect("a reader reads").expect(200);
        assert!(response.body == content, "{} bytes came", response.body.len());
    }
    assert_eq!(origin.count("/page"), 1);
}

#[test]
fn the_leader_leaving_disturbs_no_one() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("").gated();
    origin.replies("/page", [reply]);
    let proxy = Proxy::new(&origin).workers(2).start();
    let (one, other) = (proxy.http1(), proxy.http1());
    let mut leader = one.begin(get("/page"));
    leader.head();
    let mut follower = other.begin(get("/page"));
    follower.head();
    gate.send("first, ");
    leader.bytes(7);
    drop(leader);
    proxy.wait_for_metric("tidegate_connections{listener=\"plain\"}", 1.0);
    gate.send("second");
    gate.finish();
    assert_eq!(follower.response().expect(200).text(), "first, second");
    assert_eq!(proxy.http1().get("/page").expect_hit().text(), "first, second");
}

#[test]
fn a_fetch_that_may_be_stored_goes_on_without_any_client() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("").gated();
    origin.replies("/page", [reply]);
    let proxy = Proxy::new(&origin).start();
    let mut raw = proxy.raw();
    raw.get("/page");
    raw.head();
    raw.abort();
    proxy.wait_for_metric("tidegate_connections{listener=\"plain\"}", 0.0);
    gate.send("content");
    gate.finish();
    proxy.wait_for_metric("tidegate_flights", 0.0);
    assert_eq!(proxy.http1().get("/page").expect_hit().text(), "content");
    assert_eq!(origin.count("/page"), 1);
}

#[test]
fn a_fetch_that_cannot_be_stored_stops_with_its_last_reader() {
    let origin = Origin::start();
    let (gate, reply) = Page::new("").header("cache-control", "no-store").gated();
    origin.replies("/page", [reply]);
    let proxy = Proxy::new(&origin).start();
    let mut raw = proxy.raw();
    raw.get("/page");
    raw.head();
    gate.send("content");
    raw.read_until("content");
    raw.abort();
    gate.wait_until_peer_leaves();
}

#[test]
fn those_who_waited_for_what_cannot_be_shared_ask_for_themselves() {
    let origin = Origin::start();
    let private = |content: &str| Page::new(content).header("cache-control", "private");
    let (gate, first) = private("for the first").held();
    let first = std::sync::Mutex::new(Some(first));
    origin.on("/page", move |seen| {
        let own = || private(seen.header("x-me").unwrap_or("nobody")).into();
        first.lock().expect("no script panics").take().unwrap_or_else(own)
    });
    let proxy = Proxy::new(&origin).tls().workers(2).start();
    let client = proxy.http1_tls();
    let leader = client.begin(get("/page"));
    origin.wait_for("/page", 1);
    let h2 = proxy.http2();
    let me = |n: usize| format!("client {n}");
    let followers: Vec<_> =
        (0..10).map(|n| h2.begin(get("/page").header("x-me", &me(n)))).collect();
    proxy.wait_for_waiters(10);
    gate.finish();
    assert_eq!(leader.response().expect(200).text(), "for the first");
    for (n, follower) in followers.into_iter().enumerate() {
        assert_eq!(follower.response().expect(200).text(), me(n));
    }
    assert_eq!(origin.count("/page"), 11);
}

#[test]
fn a_marker_keeps_clients_from_waiting_for_what_cannot_be_shared() {
    let origin = Origin::start();
    let private = || Page::new("x").header("cache-control", "private");
    let (gate, slow) = private().held();
    origin.replies("/page", [private().into(), slow, private().into()]);
    let proxy = Proxy::new(&origin).start();
    let (one, other) = (proxy.http1(), proxy.http1());
    one.get("/page").expect_because("private");
    let slow = one.begin(get("/page"));
    origin.wait_for("/page", 2);
    other.get("/page").expect(200).expect_because("marked");
    gate.finish();
    slow.response().expect(200);
}

#[test]
fn what_becomes_storable_again_is_stored_again_before_long() {
    let origin = Origin::start();
    let private = Page::new("x").header("cache-control", "private");
    origin.replies("/page", [private.into(), Page::cacheable("y").into()]);
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    let client = proxy.http1();
    client.get("/page").expect_because("private");
    // A marker lasts a minute at most.
    proxy.advance(60);
    assert_eq!(client.get("/page").expect(200).text(), "y");
    assert_eq!(client.get("/page").expect_hit().text(), "y");
}

#[test]
fn a_page_that_one_reader_may_not_share_is_stored_for_the_next() {
    let origin = Origin::start();
    let private = Page::new("with a message for you").header("cache-control", "private");
    let shared = || Page::cacheable("y").into();
    origin.replies("/page", [private.into(), shared(), shared()]);
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/page").expect_because("private");
    // Asked for alone, and not stored: a page that is private is not waited for. But it was no such
    // page.
    client.get("/page").expect(200).expect_because("marked");
    client.get("/page").expect(200).expect_because("absent");
    assert_eq!(client.get("/page").expect_hit().text(), "y");
    assert_eq!(origin.count("/page"), 3);
}

#[test]
fn a_reader_that_reads_nothing_holds_up_nobody() {
    let origin = Origin::start();
    let content: Vec<u8> = (0..251).cycle().take(7_000_000).collect();
    origin.page("/page", Page::cacheable(&content).chunked());
    let proxy = Proxy::new(&origin).start();
    let mut lazy = proxy.raw();
    lazy.get("/page");
    origin.wait_for("/page", 1);
    assert!(proxy.http1().get("/page").expect(200).body == content);
    // And in the end it gets everything, too.
    assert!(lazy.response().expect(200).body == content);
    assert_eq!(origin.count("/page"), 1);
}

#[test]
fn those_who_share_a_body_that_outgrows_the_cache_get_all_of_it() {
    let origin = Origin::start();
    let content: Vec<u8> = (0..251).cycle().take(1_000_000).collect();
    let (gate, reply) = Page::cacheable("").gated();
    origin.replies("/page", [reply]);
    let proxy = Proxy::new(&origin).workers(2).with("cache", "max_object = '64KiB'").start();
    let clients: Vec<Client> = (0..4).map(|_| proxy.http1()).collect();
    let mut pending = vec![clients[0].begin(get("/page"))];
    origin.wait_for("/page", 1);
    pending.extend(clients[1..].iter().map(|client| client.begin(get("/page"))));
    for pending in &mut pending {
        assert_eq!(pending.head(), 200);
    }
    let readers: Vec<_> =
        pending.into_iter().map(|p| std::thread::spawn(move || p.response())).collect();
    for piece in content.chunks(10_007) {
        gate.send(piece);
    }
    gate.finish();
    for reader in readers {
        let response = reader.join().expect("a reader reads").expect(200);
        assert!(response.body == content, "{} bytes came", response.body.len());
    }
}

#[test]
fn a_body_larger_than_the_cache_takes_is_passed_through_whole() {
    let origin = Origin::start();
    let content: Vec<u8> = (0..251).cycle().take(100_000).collect();
    origin.page("/known", Page::cacheable(&content));
    origin.page("/unknown", Page::cacheable(&content).chunked());
    let proxy = Proxy::new(&origin).with("cache", "max_object = '64KiB'").start();
    for path in ["/known", "/unknown"] {
        for _ in 0..2 {
            let answer = proxy.http1().get(path).expect(200);
            assert!(answer.body == content, "{path}: {} bytes came", answer.body.len());
        }
        assert_eq!(origin.count(path), 2, "{path}");
    }
}

#[test]
fn only_so_many_clients_may_wait() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("content").held();
    origin.replies("/page", [reply]);
    let proxy = Proxy::new(&origin).tls().with("cache", "max_waiters = 2").start();
    let client = proxy.http2();
    let leader = client.begin(get("/page"));
    origin.wait_for("/page", 1);
    let followers = [client.begin(get("/page")), client.begin(get("/page"))];
    proxy.wait_for_waiters(2);
    client.get("/page").expect(503).expect_because("waiters-full");
    gate.finish();
    for pending in [leader].into_iter().chain(followers) {
        pending.response().expect(200);
    }
}

#[test]
fn nobody_waits_for_another_ones_fetch_for_ever() {
    let origin = Origin::start();
    origin.on("/page", |_| Reply::Never);
    let proxy = Proxy::new(&origin)
        .tls()
        .with("cache", "wait_timeout = '5s'")
        .cluster("first_byte_timeout = '1h'")
        .clock_by_hand()
        .start();
    let client = proxy.http2();
    let _leader = client.begin(get("/page"));
    origin.wait_for("/page", 1);
    let mut follower = client.begin(get("/page"));
    proxy.wait_for_waiters(1);
    proxy.advance(5);
    let status = follower.head();
    assert_eq!(status, 504, "the follower's wait is over");
    follower.response().expect_because("wait-timeout");
}
