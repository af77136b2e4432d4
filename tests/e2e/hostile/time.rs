//! Origins that take their time: what is slow has an end, and each end is a limit of the cluster's.

use super::ok;
use crate::kit::setup::Setup;
use crate::kit::{Act, Client, Cue, Origin, Proxy, Reply, Request, Response, get};

/// An origin that sends `begins`, and after each cue one of `pieces`.
fn drip(origin: &Origin, begins: &str, pieces: &[&str]) -> Cue {
    let cue = Cue::default();
    let mut acts = vec![Act::send(begins)];
    for piece in pieces {
        acts.extend([Act::Wait(cue.clone()), Act::send(piece)]);
    }
    acts.push(Act::Silence);
    origin.on("/page", move |_| Reply::Acts(acts.clone()));
    cue
}

fn setup(origin: &Origin) -> Setup {
    Proxy::new(origin).tls().clock_by_hand()
}

/// Asks by HTTP/1.1 and HTTP/2, for the store and past it.
fn ways(proxy: &Proxy) -> [(Client, &'static str); 4] {
    [
        (proxy.http1(), "GET"),
        (proxy.http2(), "GET"),
        (proxy.http1(), "OPTIONS"),
        (proxy.http2(), "OPTIONS"),
    ]
}

fn expect_timeout(answer: Response, reason: &str) {
    let answer = answer.expect(504).expect_because(reason);
    assert_eq!(answer.text(), super::play::page(504, reason));
}

#[test]
fn a_head_that_comes_byte_by_byte_has_one_limit_for_all_of_it() {
    let bytes: Vec<_> = "HTTP/1.1 200 OK\r\nX-A: leak".split_inclusive(|_| true).collect();
    let interim = ["HTTP/1.1 103 Early Hints\r\n\r\n"; 100];
    for pieces in [&bytes[..], &interim] {
        let origin = Origin::start();
        let cue = drip(&origin, "", pieces);
        let proxy = setup(&origin).cluster("first_byte_timeout = '5m'").start();
        for (n, (client, method)) in ways(&proxy).into_iter().enumerate() {
            let mut pending = client.begin(Request::new(method, "/page"));
            origin.wait_for("/page", n + 1);
            for _ in 0..4 {
                cue.give();
                proxy.advance(60);
                assert!(!pending.has_head());
            }
            proxy.advance_until("the client is answered", 61, || pending.has_head());
            expect_timeout(pending.response(), "first-byte-timeout");
        }
        expect_left(&origin, &cue);
    }
}

/// Nobody takes what it would still say.
fn expect_left(origin: &Origin, cue: &Cue) {
    (0..1000).for_each(|_| cue.give());
    origin.wait_until_all_left();
}

#[test]
fn a_body_that_comes_one_byte_a_minute_is_cut_off() {
    let origin = Origin::start();
    let cue = drip(&origin, &ok("Content-Length: 9\r\n", "h"), &["e", "l", "l", "o"]);
    let proxy = setup(&origin).start();
    for ((client, method), n) in ways(&proxy).into_iter().zip([1.0, 2.0, 3.0, 4.0]) {
        let mut pending = client.begin(Request::new(method, "/page"));
        assert_eq!(pending.bytes(1), b"h");
        // Between two bytes the cluster waits for 30 s.
        proxy.advance_until("the client is cut off", 31, || pending.has_ended());
        assert!(!pending.response().complete);
        let broken = "tidegate_broken_off_total{reason=\"between-bytes-timeout\"}";
        proxy.wait_for_metric(broken, n);
    }
    expect_left(&origin, &cue);
}

#[test]
fn a_body_that_is_slow_and_no_slower_than_it_may_be_goes_on_while_somebody_reads() {
    for (cache_control, minutes) in [("max-age=60", 6), ("no-store", 1)] {
        let origin = Origin::start();
        let head = format!(
            "HTTP/1.1 200 OK\r\nCache-Control: {cache_control}\r\nContent-Length: 999\r\n\r\nx"
        );
        let cue = drip(&origin, &head, &["x"; 100]);
        let proxy = setup(&origin).start();
        let client = proxy.http1();
        let mut pending = client.begin(get("/page"));
        pending.bytes(1);
        for _ in 0..30 {
            cue.give();
            proxy.advance(20);
            pending.bytes(1);
        }
        drop((pending, client));
        // What may be stored is brought home without a reader, but not for ever.
        let mut left = false;
        for _ in 0..minutes * 3 {
            cue.give();
            proxy.advance(20);
            left = crate::kit::wait::soon(|| proxy.metric("tidegate_flights") < 0.5);
        }
        assert!(left, "{cache_control}: it goes on for nobody");
        expect_left(&origin, &cue);
    }
}

#[test]
fn an_origin_that_says_nothing_to_a_request_has_as_long_as_one_that_does() {
    let origin = Origin::start();
    origin.on("/page", |_| Reply::Never);
    let proxy = setup(&origin).start();
    for (n, (client, method)) in ways(&proxy).into_iter().enumerate() {
        let mut pending = client.begin(Request::new(method, "/page"));
        origin.wait_for("/page", n + 1);
        proxy.advance_until("the client is answered", 61, || pending.has_head());
        expect_timeout(pending.response(), "first-byte-timeout");
    }
}
