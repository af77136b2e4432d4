//! Every limit on a client's time really fires, and not before its time. The clock is in the
//! test's hand.

use crate::kit::{Origin, Page, Proxy, Raw, Request};

const LIMITS: &str = "handshake = '5s'\n first_byte = '6s'\n header = '7s'\n idle = '8s'\n \
                      body = '9s'\n write = '10s'\n progress = '11s'";

fn start(origin: &Origin) -> Proxy {
    Proxy::new(origin).tls().timeouts(LIMITS).clock_by_hand().start()
}

fn timed_out(proxy: &Proxy, limit: &str) -> bool {
    proxy.metric(&format!("tidegate_connections_timed_out_total{{limit=\"{limit}\"}}")) > 0.5
}

/// Moves the clock until the connection is closed, which must take about `seconds`.
#[track_caller]
fn expect_end(proxy: &Proxy, limit: &str, seconds: u64) {
    assert!(!timed_out(proxy, limit), "{limit} fired at once");
    proxy.advance_until(&format!("{limit} fires"), seconds + 1, || timed_out(proxy, limit));
}

#[test]
fn a_handshake_that_is_not_finished_in_time_is_cut() {
    let origin = Origin::start();
    let proxy = start(&origin);
    let mut raw = Raw::connect(proxy.https());
    proxy.wait_for_metric("tidegate_connections_accepted_total", 1.0);
    raw.send([22, 3, 1]);
    proxy.advance(4);
    assert!(!raw.is_closed());
    expect_end(&proxy, "handshake", 5);
    raw.expect_close();
}

#[test]
fn a_connection_without_a_request_is_closed() {
    let origin = Origin::start();
    let proxy = start(&origin);
    let mut plain = proxy.raw();
    proxy.wait_for_metric("tidegate_connections_accepted_total", 1.0);
    proxy.advance(5);
    assert!(!plain.is_closed());
    expect_end(&proxy, "first-byte", 6);
    plain.expect_close();
}

#[test]
fn a_tls_connection_without_a_request_is_closed() {
    let origin = Origin::start();
    let proxy = start(&origin);
    let mut tls = Raw::tls(proxy.https(), "wiki.test");
    expect_end(&proxy, "first-byte", 6);
    tls.read_to_end();
}

#[test]
fn a_head_that_does_not_end_is_cut_however_slowly_it_comes() {
    let origin = Origin::start();
    let proxy = start(&origin);
    let mut raw = proxy.raw();
    raw.send("GET /page HTTP/1.1\r\n");
    proxy.advance_until("header fires", 60, || {
        raw.send_or_not("X-Slow: 1\r\n");
        timed_out(&proxy, "header")
    });
    let answer = String::from_utf8_lossy(&raw.read_to_end()).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer:?}");
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn a_kept_connection_that_nobody_uses_is_closed() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = start(&origin);
    let mut raw = proxy.raw();
    for _ in 0..3 {
        raw.get("/page");
        raw.response().expect(200);
        proxy.advance(6);
    }
    raw.get("/page");
    raw.response().expect(200);
    expect_end(&proxy, "idle", 8);
    raw.expect_close();
}

#[test]
fn an_http2_connection_that_nobody_uses_is_closed() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = start(&origin);
    let client = proxy.http2();
    client.get("/page").expect(200);
    expect_end(&proxy, "idle", 8);
    crate::kit::eventually("the client sees the end", || !client.is_connected());
}

#[test]
fn a_connection_with_a_request_under_way_is_not_idle() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("content").held();
    origin.replies("/page", [reply]);
    let proxy = start(&origin);
    let client = proxy.http2();
    let pending = client.begin(crate::kit::get("/page"));
    origin.wait_for("/page", 1);
    for _ in 0..4 {
        proxy.advance(7);
    }
    gate.finish();
    assert_eq!(pending.response().expect(200).text(), "content");
}

#[test]
fn a_request_body_that_stops_is_given_up() {
    let origin = Origin::start();
    origin.page("/form", Page::status(204));
    let proxy = start(&origin);
    let mut raw = proxy.raw();
    raw.send("POST /form HTTP/1.1\r\nHost: wiki.test\r\nContent-Length: 10\r\n\r\nhello");
    origin.wait_until("the body begins", |seen| seen.first().is_some_and(|s| s.body == b"hello"));
    proxy.advance(7);
    raw.send("wor");
    // So little may wait a moment for more to go with it.
    proxy.advance_until("more comes", 1, || origin.requests()[0].body == b"hellowor");
    proxy.advance_until("the client is answered", 10, || raw.has_more());
    let answer = String::from_utf8_lossy(&raw.read_to_end()).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer:?}");
    origin.wait_until_all_left();
    assert!(!origin.requests()[0].complete);
}

#[test]
fn an_http2_request_body_that_stops_is_given_up() {
    let origin = Origin::start();
    origin.page("/form", Page::status(204));
    let proxy = start(&origin);
    let client = proxy.http2();
    let (sending, request) = Request::new("POST", "/form").streamed();
    let mut pending = client.begin(request);
    sending.send("hello");
    origin.wait_until("the body begins", |seen| seen.first().is_some_and(|s| s.body == b"hello"));
    proxy.advance_until("the client is answered", 10, || pending.has_head());
    if let Ok(answer) = pending.try_response() {
        assert_eq!(answer.status, 408, "{answer:?}");
    }
    assert!(!origin.requests()[0].complete);
}

#[test]
fn a_request_body_that_trickles_is_given_up() {
    let origin = Origin::start();
    origin.page("/form", Page::status(204));
    let proxy = start(&origin);
    let mut raw = proxy.raw();
    raw.send("POST /form HTTP/1.1\r\nHost: wiki.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut sent = 0;
    proxy.advance_until("the client is answered", 60, || {
        raw.send_or_not("1\r\nx\r\n");
        sent += 1;
        raw.has_more()
    });
    // No pause was longer than a second; the rate is taken over eleven.
    assert!(sent > 11, "after {sent} bytes");
    raw.response().expect(408).expect_because("body-timeout");
    raw.expect_close();
    origin.wait_until_all_left();
    assert!(!origin.requests()[0].complete);
}

#[test]
fn an_http2_request_body_that_trickles_is_given_up() {
    let origin = Origin::start();
    origin.page("/form", Page::status(204));
    let proxy = start(&origin);
    let client = proxy.http2();
    let (sending, request) = Request::new("POST", "/form").streamed();
    let mut pending = client.begin(request);
    let mut sent = 0;
    proxy.advance_until("the client is answered", 60, || {
        sending.send("x");
        sent += 1;
        pending.has_head()
    });
    assert!(sent > 11, "after {sent} bytes");
    pending.response().expect(408).expect_because("body-timeout");
    origin.wait_until_all_left();
    assert!(!origin.requests()[0].complete);
}

#[test]
fn a_request_body_that_keeps_the_rate_may_take_its_time() {
    let origin = Origin::start();
    origin.page("/form", Page::status(204));
    let proxy = Proxy::new(&origin)
        .timeouts("body = '9s'\n progress = '11s'\n min_body_rate = '1KiB'")
        .clock_by_hand()
        .start();
    let mut raw = proxy.raw();
    raw.send("POST /form HTTP/1.1\r\nHost: wiki.test\r\nContent-Length: 819200\r\n\r\n");
    for n in 1..=100 {
        raw.send([b'x'; 8192]);
        origin
            .wait_until("it comes", |seen| seen.first().is_some_and(|s| s.body.len() == n * 8192));
        proxy.advance(5);
    }
    raw.response().expect(204);
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let origin = Origin::start();
    let content = vec![b'x'; 7_000_000];
    origin.page("/large", Page::cacheable(&content));
    let proxy = start(&origin);
    proxy.http1().get("/large").expect(200);
    let mut raw = proxy.raw();
    raw.get("/large");
    let head = raw.head();
    expect_end(&proxy, "write", 10);
    let answer = raw.rest(&head);
    assert!(!answer.complete && answer.body.len() < content.len());
    proxy.wait_for_metric("tidegate_connections{listener=\"plain\"}", 0.0);
}

#[test]
fn a_client_that_takes_next_to_nothing_is_cut_off() {
    let origin = Origin::start();
    let content = vec![b'x'; 7_000_000];
    origin.page("/large", Page::cacheable(&content));
    let proxy = Proxy::new(&origin)
        .timeouts("write = '1h'\n progress = '10s'\n min_rate = '8MiB'")
        .clock_by_hand()
        .start();
    proxy.http1().get("/large").expect(200);
    let mut raw = proxy.raw();
    raw.get("/large");
    let head = raw.head();
    expect_end(&proxy, "progress", 20);
    assert!(!raw.rest(&head).complete);
}
