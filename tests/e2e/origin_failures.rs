//! Origins that fail: a truncated body is never passed off as whole and never stored, only what is
//! safe is asked for twice, and error pages hold nothing but our own bytes.

use crate::kit::setup::Setup;
use crate::kit::{Client, Origin, Page, Proxy, Raw, Reply, Request, Response, get};

/// An error page of ours.
#[track_caller]
fn expect_error(answer: Response, status: u16, reason: &str) -> Response {
    let answer = answer.expect(status).expect_because(reason);
    assert!(!answer.text().contains("origin's secret"), "{answer:?}");
    answer
}

#[test]
fn a_body_that_breaks_off_is_seen_as_broken_and_never_stored() {
    let content = "x".repeat(1000);
    for page in [Page::cacheable(&content), Page::cacheable(&content).chunked()] {
        let origin = Origin::start();
        let broken = || page.clone().cut_after(500).into();
        origin.replies("/page", [broken(), broken(), broken(), page.clone().into()]);
        let proxy = Proxy::new(&origin).tls().start();
        for client in [proxy.http1(), proxy.http1_tls(), proxy.http2()] {
            let answer = client.begin(get("/page")).try_response();
            // The break may come before the head has left: then there may be an error page.
            if let Ok(answer) = answer {
                assert!(!answer.complete || answer.status == 502, "{answer:?}");
            }
        }
        assert_eq!(proxy.http2().get("/page").expect(200).text(), content);
        assert_eq!(origin.count("/page"), 4);
    }
}

#[test]
fn a_body_that_breaks_off_later_is_seen_as_broken_by_everyone() {
    for page in [Page::cacheable("").length(100), Page::cacheable("").chunked()] {
        let origin = Origin::start();
        let (gate, reply) = page.gated();
        origin.replies("/page", [reply, Page::cacheable("whole").into()]);
        let proxy = Proxy::new(&origin).tls().start();
        let (h1, h2) = (proxy.http1_tls(), proxy.http2());
        let mut readers = vec![h1.begin(get("/page"))];
        origin.wait_for("/page", 1);
        readers.extend([h2.begin(get("/page")), h2.begin(get("/page"))]);
        gate.send("begun");
        for reader in &mut readers {
            assert_eq!(reader.bytes(5), b"begun");
        }
        gate.abort();
        for reader in readers {
            assert!(!reader.response().complete);
        }
        assert_eq!(h2.get("/page").expect(200).text(), "whole");
        h2.get("/page").expect_hit();
    }
}

#[test]
fn a_chunked_body_that_breaks_off_has_no_last_chunk() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("").gated();
    origin.replies("/page", [reply]);
    let proxy = Proxy::new(&origin).start();
    let mut raw = proxy.raw();
    raw.get("/page");
    gate.send("begun");
    raw.read_until("begun");
    gate.abort();
    let rest = String::from_utf8_lossy(&raw.read_to_end()).into_owned();
    assert!(!rest.contains("0\r\n\r\n"), "{rest:?}");
    assert!(raw.is_closed());
}

#[test]
fn a_pass_that_breaks_off_is_seen_as_broken_too() {
    let origin = Origin::start();
    let page = Page::new("x".repeat(1000)).header("cache-control", "no-store");
    origin.on("/page", move |_| page.clone().cut_after(500));
    let proxy = Proxy::new(&origin).tls().start();
    for client in [proxy.http1(), proxy.http2()] {
        for _ in 0..2 {
            let answer = client.begin(get("/page")).try_response();
            if let Ok(answer) = answer {
                assert!(!answer.complete || answer.status == 502, "{answer:?}");
            }
        }
    }
}

/// An origin that answers the first request on each connection and hangs up on the second.
fn tired(origin: &Origin) {
    origin.on("/page", |seen| -> Reply {
        match seen.nth {
            0 => Page::new(&seen.method).header("cache-control", "no-store").into(),
            _ => Reply::Close,
        }
    });
}

#[test]
fn a_get_on_a_kept_connection_that_closes_is_asked_once_more() {
    let origin = Origin::start();
    tired(&origin);
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    for method in ["GET", "GET", "HEAD"] {
        client.send(Request::new(method, "/page")).expect(200);
    }
    assert_eq!((origin.requests().len(), origin.connections()), (5, 3));
}

#[test]
fn a_post_on_a_kept_connection_that_closes_is_never_asked_twice() {
    let origin = Origin::start();
    tired(&origin);
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    let post = client.send(Request::new("POST", "/page").body("order"));
    expect_error(post, 502, "origin-closed");
    let posts = origin.requests().into_iter().filter(|seen| seen.method == "POST").count();
    assert_eq!(posts, 1);
}

#[test]
fn a_new_connection_that_closes_is_not_tried_again() {
    let origin = Origin::start();
    origin.on("/page", |_| Reply::Close);
    let proxy = Proxy::new(&origin).start();
    expect_error(proxy.http1().get("/page"), 502, "origin-closed");
    assert_eq!(origin.count("/page"), 1);
}

#[test]
fn an_answer_that_has_begun_is_never_asked_for_again() {
    let origin = Origin::start();
    origin.on("/page", |seen| -> Reply {
        match seen.nth {
            0 => Page::new("x").header("cache-control", "no-store").into(),
            _ => Reply::bytes("HTTP/1.1 200 O"),
        }
    });
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    assert_eq!(client.get("/page").status, 502);
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn an_origin_that_refuses_is_a_502() {
    let nobody = Origin::start().address();
    let proxy = Setup::for_server(&nobody.to_string()).start();
    expect_error(proxy.http1().get("/page"), 502, "connect-failed");
}

#[test]
fn an_origin_that_takes_no_connection_is_a_504() {
    // A queue of length 0 that is full: the kernel drops further SYNs.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
        .expect("there are sockets");
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().expect("an address");
    full.bind(&any.into()).expect("loopback has ports");
    full.listen(0).expect("it listens");
    let address = full.local_addr().ok().and_then(|a| a.as_socket()).expect("an address");
    let _queued = Raw::connect(address);
    let proxy = Setup::for_server(&address.to_string())
        .cluster("connect_timeout = '3s'")
        .clock_by_hand()
        .start();
    let client = proxy.http1();
    let pending = std::cell::RefCell::new(client.begin(get("/page")));
    proxy.wait_for_metric("tidegate_flights", 1.0);
    proxy.advance_until("the client is answered", 4, || pending.borrow_mut().has_head());
    expect_error(pending.into_inner().response(), 504, "connect-timeout");
}

#[test]
fn an_origin_that_never_answers_is_a_504() {
    let origin = Origin::start();
    origin.on("/page", |_| Reply::Never);
    let proxy = Proxy::new(&origin).cluster("first_byte_timeout = '5s'").clock_by_hand().start();
    let client = proxy.http1();
    let mut pending = client.begin(get("/page"));
    origin.wait_for("/page", 1);
    proxy.advance(4);
    assert!(!pending.has_head());
    proxy.advance_until("the client is answered", 2, || pending.has_head());
    expect_error(pending.response(), 504, "first-byte-timeout");
    origin.wait_until_all_left();
}

#[test]
fn an_origin_that_stops_in_mid_body_is_cut_off() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("").length(10).gated();
    origin.replies("/page", [reply]);
    let proxy = Proxy::new(&origin).cluster("between_bytes_timeout = '5s'").clock_by_hand().start();
    let client = proxy.http1();
    let mut pending = client.begin(get("/page"));
    gate.send("hello");
    assert_eq!(pending.bytes(5), b"hello");
    proxy.advance_until("the client is cut off", 6, || pending.has_ended());
    assert!(!pending.response().complete);
    gate.wait_until_peer_leaves();
}

#[test]
fn an_origin_whose_answer_is_no_http_is_a_502() {
    for garbage in [
        "SMTP ready, origin's secret\r\n\r\n",
        "HTTP/1.1 200 OK\r\norigin's secret without colon\r\n\r\n",
        "HTTP/1.1 twohundred OK\r\n\r\norigin's secret",
        "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\norigin's secret",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\norigin's secret",
        "\0\0\0\0\r\n\r\n",
        "\r\n",
    ] {
        let origin = Origin::start();
        origin.on("/page", move |_| Reply::bytes(garbage));
        let proxy = Proxy::new(&origin).tls().start();
        for client in [proxy.http1(), proxy.http2()] {
            let answer = client.get("/page").expect(502);
            assert!(!answer.text().contains("secret"), "{answer:?}");
        }
    }
}

#[test]
fn an_error_page_shows_nothing_of_the_request_or_the_origin() {
    let origin = Origin::start();
    origin.on("/%3Cscript%3E", |_| Reply::bytes("origin's secret\r\n\r\n"));
    let proxy = Proxy::new(&origin).start();
    let request = get("/%3Cscript%3E?mine").header("user-agent", "mine");
    let answer = proxy.http1().send(request).expect(502);
    for secret in ["script", "mine", "secret", "127.0.0.1"] {
        assert!(!answer.text().contains(secret), "{answer:?}");
    }
    assert!(answer.header("cache-control").is_some_and(|text| text.contains("no-store")));
}

#[test]
fn an_error_of_ours_is_never_stored() {
    let origin = Origin::start();
    origin.replies("/page", [Reply::Close, Page::cacheable("well again").into()]);
    let proxy = Proxy::new(&origin).start();
    proxy.http1().get("/page").expect(502);
    assert_eq!(proxy.http1().get("/page").expect(200).text(), "well again");
}

#[test]
fn everyone_who_waited_for_a_failure_is_answered() {
    let origin = Origin::start();
    let (gate, reply) = Page::new("").held();
    let first = std::sync::Mutex::new(Some(reply));
    origin.on("/page", move |_| first.lock().expect("unpoisoned").take().unwrap_or(Reply::Close));
    let proxy = Proxy::new(&origin).tls().start();
    let client = proxy.http2();
    let mut pending = vec![client.begin(get("/page"))];
    origin.wait_for("/page", 1);
    pending.extend((0..10).map(|_| client.begin(get("/page"))));
    proxy.wait_for_waiters(10);
    gate.abort();
    for pending in pending {
        pending.response().expect(502);
    }
    assert!(origin.count("/page") <= 11);
}

#[test]
fn bytes_after_an_answer_are_not_the_next_answer() {
    let origin = Origin::start();
    origin.on("/one", |_| {
        Reply::bytes_kept(
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none\
             HTTP/1.1 200 OK\r\nContent-Length: 6\r\nCache-Control: max-age=60\r\n\r\npoison",
        )
    });
    origin.page("/two", Page::new("two"));
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    for _ in 0..5 {
        assert_eq!(client.get("/one").expect(200).text(), "one");
        assert_eq!(client.get("/two").expect(200).text(), "two");
    }
}

#[test]
fn interim_responses_are_consumed() {
    let origin = Origin::start();
    origin.on("/page", |_| {
        Reply::bytes_kept(
            "HTTP/1.1 103 Early Hints\r\nLink: </style>; rel=preload\r\n\r\n\
             HTTP/1.1 200 OK\r\nContent-Length: 7\r\nCache-Control: max-age=60\r\n\r\ncontent",
        )
    });
    let proxy = Proxy::new(&origin).tls().start();
    for client in [proxy.http1(), proxy.http2()] {
        let answer = client.get("/page").expect(200);
        assert_eq!((answer.text().as_str(), answer.header("link")), ("content", None));
    }
}

#[test]
fn the_pool_takes_no_more_connections_than_it_may() {
    let origin = Origin::start();
    let (gate, reply) = Page::new("slow").held();
    origin.replies("/slow", [reply]);
    origin.page("/page", Page::new("x"));
    let proxy =
        Proxy::new(&origin).workers(2).cluster("max_connections = 1\n max_queue = 0").start();
    let client: Client = proxy.http1();
    let slow = client.begin(get("/slow"));
    origin.wait_for("/slow", 1);
    for _ in 0..5 {
        expect_error(proxy.http1().get("/page"), 503, "pool-full");
    }
    gate.finish();
    slow.response().expect(200);
    // Whichever worker keeps the connection: it is in nobody's use.
    for _ in 0..20 {
        proxy.http1().get("/page").expect(200);
    }
}

#[test]
fn an_origin_over_tls_is_asked_over_tls_and_must_be_who_it_says() {
    let origin = Origin::start_tls();
    origin.page("/page", Page::cacheable("secret"));
    let port = origin.address().port();
    let start = |name: &str| {
        let setup = Setup::for_server(&format!("https://{name}:{port}"));
        let roots = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("roots.pem");
        std::fs::write(&roots, crate::kit::pki::ca_pem()).expect("the build folder takes files");
        setup.cluster(&format!("roots = '{}'", roots.display())).start()
    };
    let proxy = start("localhost");
    assert_eq!(proxy.http1().get("/page").expect(200).text(), "secret");
    assert_eq!(origin.requests()[0].header("host"), Some("wiki.test"));
    // By its address it has no certificate.
    expect_error(start("127.0.0.1").http1().get("/page"), 502, "origin-tls");
}

#[test]
fn a_connection_is_kept_after_an_answer_of_unknown_length() {
    let origin = Origin::start();
    origin.page("/page", Page::new("content").chunked());
    let proxy = Proxy::new(&origin).workers(1).start();
    for _ in 0..5 {
        assert_eq!(proxy.http1().get("/page").expect(200).text(), "content");
    }
    assert_eq!((origin.count("/page"), origin.connections()), (5, 1));
}
