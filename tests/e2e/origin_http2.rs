//! Origins that speak HTTP/2: requests share connections, and what ends one of them ends nothing else.

#[path = "origin_http2/server.rs"]
mod server;

use server::{LARGE, Server};

use crate::kit::{Origin, Page, Proxy, Request, Setup, eventually, get, pki};

fn before(server: &Server) -> Setup {
    Setup::for_server(&server.address().to_string()).cluster("protocol = 'h2'")
}

fn post(path: &str) -> Request {
    Request::new("POST", path).body("x")
}

fn count(proxy: &Proxy, event: &str) -> f64 {
    proxy.metric(&format!("tidegate_origin_events_total{{event=\"{event}\"}}"))
}

#[test]
fn requests_at_once_share_one_connection() {
    let server = Server::start();
    let proxy = before(&server).tls().start();
    let client = proxy.http2();
    let asked: Vec<_> = (0..50).map(|_| client.begin(post("/held"))).collect();
    server.wait_for("/held", 50);
    server.open();
    for one in asked {
        assert_eq!(one.response().expect(200).text(), "page");
    }
    assert!(server.seen("/held").iter().all(|one| one.connection == 0));
    assert_eq!(count(&proxy, "connect"), 1.0);
    assert_eq!(count(&proxy, "reuse"), 49.0);
}

#[test]
fn more_than_a_connection_takes_open_another() {
    let server = Server::start();
    let proxy = before(&server).tls().start();
    let clients: Vec<_> = (0..3).map(|_| proxy.http2()).collect();
    let asked: Vec<_> = (0..150).map(|n| clients[n % 3].begin(post("/held"))).collect();
    server.wait_for("/held", 150);
    server.open();
    asked.into_iter().for_each(|one| drop(one.response().expect(200)));
    assert_eq!(count(&proxy, "connect"), 2.0);
}

#[test]
fn a_request_is_said_as_http2_says_it_rfc9113_8_3_1() {
    let server = Server::start();
    let proxy = before(&server).start();
    let request = get("/page?a=1").header("connection", "x-hop").header("x-hop", "1");
    proxy.http1().send(request.header("te", "trailers")).expect(200);
    let seen = &server.seen("/page")[0];
    assert_eq!(seen.uri, "http://wiki.test/page?a=1");
    for name in ["host", "connection", "te", "x-hop", "transfer-encoding"] {
        assert!(!seen.headers.contains_key(name), "{seen:?}");
    }
    assert_eq!(seen.headers["via"], "1.1 cp1");
}

#[test]
fn what_comes_is_stored_with_its_trailers() {
    let server = Server::start();
    let proxy = before(&server).tls().start();
    let client = proxy.http2();
    for is_hit in [false, true] {
        let page = client.get("/trailed").expect(200);
        assert_eq!((page.text().as_str(), page.trailers.len()), ("one two", 1));
        if is_hit {
            page.expect_hit();
        }
    }
    // A hint before the answer is no answer.
    assert_eq!(client.get("/hinted").expect(200).text(), "page");
}

#[test]
fn lengths_that_no_body_follows_are_no_lie_rfc9110_8_6() {
    let server = Server::start();
    let proxy = before(&server).start();
    let client = proxy.http1();
    client.send(Request::new("HEAD", "/private").header("authorization", "x")).expect(200);
    client.get("/modified").expect(200);
    let again = client.get("/modified").expect(200).expect_because("confirmed");
    assert_eq!(again.text(), "page");
}

#[test]
fn a_body_goes_there_whole_and_comes_back() {
    let server = Server::start();
    let proxy = before(&server).tls().start();
    let body = vec![b'b'; 1 << 20];
    let echoed = proxy.http1().send(Request::new("POST", "/echo").body(body.clone())).expect(200);
    assert!(echoed.body == body);
    let (sending, request) = Request::new("POST", "/echo").streamed();
    let asked = proxy.http2().begin(request);
    sending.send("one ");
    sending.send("two");
    sending.finish_with("x-sum", "3");
    assert_eq!(asked.response().expect(200).text(), "one two");
    assert_eq!(server.seen("/echo")[1].trailers.as_ref().unwrap()["x-sum"], "3");
}

#[test]
fn a_reader_who_does_not_read_holds_nobody_else_up() {
    let server = Server::start();
    let proxy = before(&server).start();
    let (slow, other) = (proxy.http1(), proxy.http1());
    let mut lazy: Vec<_> = (0..8).map(|_| slow_one(&proxy)).collect();
    lazy.iter_mut().for_each(|one| assert_eq!(one.head(), 200));
    assert_eq!(other.send(post("/page")).expect(200).text(), "page");
    assert_eq!(slow.get("/large").expect(200).body.len(), LARGE);
    assert_eq!(count(&proxy, "connect"), 1.0);
}

fn slow_one(proxy: &Proxy) -> crate::kit::client::Pending {
    proxy.http1().begin(get("/large"))
}

#[test]
fn what_a_server_has_not_processed_is_asked_again_rfc9113_8_7() {
    let server = Server::start();
    let proxy = before(&server).start();
    assert_eq!(proxy.http1().get("/refused").expect(200).text(), "page");
    assert_eq!(server.seen("/refused").len(), 2);
    let body = "whole".repeat(5000);
    let (sending, request) = Request::new("POST", "/refused-post").streamed();
    let asked = proxy.http1().begin(request);
    sending.send(&body[..7]);
    server.wait_for("/refused-post", 1);
    sending.send(&body[7..]);
    sending.finish();
    asked.response().expect(200);
    assert_eq!(server.seen("/refused-post")[1].body, body.as_bytes());
    // What broke in the server's hands is not.
    proxy.http1().get("/broken").expect(502).expect_because("origin-closed");
    assert_eq!(server.seen("/broken").len(), 1);
    assert_eq!(proxy.http1().get("/page").expect(200).text(), "page");
}

#[test]
fn a_connection_that_breaks_is_made_anew() {
    let server = Server::start();
    let proxy = before(&server).start();
    proxy.http1().get("/page").expect(200);
    assert_eq!(proxy.http1().get("/closes").expect(200).text(), "page");
    assert_eq!(server.seen("/closes")[0].connection, 1);
}

#[test]
fn a_server_that_leaves_ends_what_it_has_and_gets_no_more() {
    let server = Server::start();
    let proxy = before(&server).start();
    let held = proxy.http1().begin(post("/held"));
    server.wait_for("/held", 1);
    assert_eq!(proxy.http1().send(post("/leaves")).expect(200).text(), "page");
    eventually("another connection is used", || {
        proxy.http1().send(post("/page")).expect(200);
        server.seen("/page").last().unwrap().connection == 1
    });
    server.open();
    assert_eq!(held.response().expect(200).text(), "page");
}

#[test]
fn a_body_that_breaks_off_is_no_body() {
    let server = Server::start();
    let proxy = before(&server).start();
    for path in ["/cut", "/short"] {
        for _ in 0..2 {
            let cut = proxy.http1().get(path);
            assert!(!cut.complete || cut.status == 502, "{cut:?}");
        }
        assert_eq!(server.seen(path).len(), 2, "nothing is stored of {path}");
    }
}

#[test]
fn a_server_that_answers_no_ping_is_given_up() {
    let server = Server::start();
    let proxy = before(&server).clock_by_hand().start();
    let asked = proxy.http1().begin(post("/silent"));
    server.wait_for("/silent", 1);
    let mut asked = Some(asked);
    // It has a minute to answer, and five seconds for a PING, which goes out after three.
    for _ in 0..12 {
        proxy.advance(1);
        if asked.as_mut().is_some_and(|asked| crate::kit::wait::soon(|| asked.has_head())) {
            break;
        }
    }
    let answer = asked.take().unwrap().response();
    answer.expect(504).expect_because("first-byte-timeout");
    assert_eq!(proxy.http1().send(post("/page")).expect(200).text(), "page");
}

#[test]
fn tls_servers_choose() {
    let server = Server::start_tls();
    let tls = |port: u16| {
        Setup::for_server(&format!("https://localhost:{port}"))
            .cluster("protocol = 'h2'\nroots = 'ca.pem'")
            .file("ca.pem", pki::ca_pem())
            .start()
    };
    let proxy = tls(server.address().port());
    assert_eq!(proxy.http1().get("/page").expect(200).text(), "page");
    assert_eq!(server.seen("/page")[0].uri, "https://wiki.test/page");
    // One that knows of no HTTP/2 is asked in HTTP/1.1, over the connection that it chose it on.
    let origin = Origin::start_tls();
    origin.otherwise(|_| Page::new("old").header("cache-control", "no-store"));
    let proxy = tls(origin.address().port());
    for _ in 0..3 {
        assert_eq!(proxy.http1().get("/page").expect(200).text(), "old");
    }
    assert!(origin.requests().iter().all(|one| one.connection == 0));
}

#[test]
fn a_server_is_checked_in_what_it_speaks() {
    let server = Server::start();
    let check = "path = '/check'\nbody = 'page'\ninterval = '1s'";
    let proxy = before(&server).with("cluster.wiki.check", check).clock_by_hand().start();
    server.wait_for("/check", 1);
    let up = || proxy.status()["clusters"][0]["servers"][0]["state"] == "up";
    eventually("it is up", up);
    assert_eq!(server.seen("/check")[0].uri.authority().unwrap(), &*server.address().to_string());
}
