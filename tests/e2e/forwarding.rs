//! What the origin is told of the client and what the client sees of the origin: fields of the way
//! are ours, fields of the ends pass unchanged (RFC 9110 §7.6), and bodies flow as they come.

use crate::kit::{Origin, Page, Proxy, Reply, Request, get};

#[test]
fn the_origin_is_told_who_asks_and_how() {
    let origin = Origin::start();
    origin.page("/page", Page::new("x"));
    let proxy = Proxy::new(&origin).tls().start();
    let forged = || {
        get("/page")
            .header("x-forwarded-for", "203.0.113.7")
            .header("x-forwarded-proto", "gopher")
            .header("x-other", "kept as it is")
    };
    for (client, proto, via) in [
        (proxy.http1(), "http", "1.1 cp1"),
        (proxy.http1_tls(), "https", "1.1 cp1"),
        (proxy.http2(), "https", "2 cp1"),
    ] {
        client.send(forged()).expect(200);
        client.get("/page").expect(200);
        let seen = origin.requests();
        let [told, bare] = &seen[seen.len() - 2..] else { unreachable!("two were sent") };
        assert_eq!(told.header("x-forwarded-for"), Some("203.0.113.7, 127.0.0.1"));
        assert_eq!(bare.header("x-forwarded-for"), Some("127.0.0.1"));
        assert_eq!(told.header("x-forwarded-proto"), Some(proto));
        assert_eq!(told.header("via"), Some(via));
        assert_eq!(told.header("host"), Some("wiki.test"));
        assert_eq!(told.header("x-other"), Some("kept as it is"));
    }
}

#[test]
fn the_host_is_kept_with_its_port() {
    let origin = Origin::start();
    origin.page("/page", Page::new("x"));
    let proxy = Proxy::new(&origin).tls().start();
    proxy.http1().send(get("/page").host("en.wiki.test:8080")).expect(200);
    proxy.http2().send(get("/page").host("en.wiki.test:8443")).expect(200);
    let seen = origin.requests();
    assert_eq!(seen[0].header("host"), Some("en.wiki.test:8080"));
    assert_eq!(seen[1].header("host"), Some("en.wiki.test:8443"));
}

#[test]
fn the_client_sees_that_it_came_through_us() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x").header("server", "scripted"));
    let proxy = Proxy::new(&origin).start();
    for _ in 0..2 {
        let answer = proxy.http1().get("/page").expect(200);
        assert_eq!(answer.header("via"), Some("1.1 cp1"));
        assert_eq!(answer.header("server"), Some("scripted"));
        assert!(answer.header("date").is_some());
    }
}

#[test]
fn fields_of_one_connection_do_not_reach_the_other() {
    let origin = Origin::start();
    let page = Page::cacheable("x")
        .header("connection", "x-mine, close")
        .header("x-mine", "secret")
        .header("keep-alive", "timeout=5")
        .header("proxy-connection", "keep-alive")
        .header("upgrade", "h3")
        .header("x-kept", "yes");
    origin.page("/page", page);
    let proxy = Proxy::new(&origin).start();
    let mut raw = proxy.raw();
    for _ in 0..2 {
        raw.send(
            "GET /page HTTP/1.1\r\nHost: wiki.test\r\nConnection: X-Yours, keep-alive\r\n\
             X-Yours: secret\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n\
             TE: trailers\r\nX-Kept: yes\r\n\r\n",
        );
        let answer = raw.response().expect(200);
        for name in ["x-mine", "keep-alive", "proxy-connection", "upgrade", "connection"] {
            assert_eq!(answer.header(name), None, "{answer:?}");
        }
        assert_eq!(answer.header("x-kept"), Some("yes"));
    }
    let seen = &origin.wait_for_requests(1)[0];
    for name in ["x-yours", "keep-alive", "proxy-connection"] {
        assert_eq!(seen.header(name), None, "{seen:?}");
    }
    assert_eq!(seen.header("x-kept"), Some("yes"));
    assert_eq!(origin.count("/page"), 1);
}

#[test]
fn a_client_cannot_strip_what_we_add_or_need() {
    let origin = Origin::start();
    origin.page("/page", Page::new("x"));
    let proxy = Proxy::new(&origin).start();
    let naming = |name: &str| {
        let mut raw = proxy.raw();
        raw.send(format!("GET /page HTTP/1.1\r\nHost: wiki.test\r\nConnection: {name}\r\n\r\n"));
        raw.response().status
    };
    for name in ["Host", "host, close", "keep-alive, HOST"] {
        assert_eq!(naming(name), 400, "{name}");
    }
    assert_eq!(origin.requests().len(), 0);
    for name in ["X-Forwarded-For", "Via", "X-Forwarded-Proto"] {
        // Refused, or the field is there nevertheless.
        if naming(name) == 200 {
            let seen = origin.requests();
            let last = seen.last().expect("a request was answered");
            assert_eq!(last.header("x-forwarded-for"), Some("127.0.0.1"), "{name}");
            assert_eq!(last.header("via"), Some("1.1 cp1"), "{name}");
            assert_eq!(last.header("x-forwarded-proto"), Some("http"), "{name}");
        }
    }
}

#[test]
fn a_request_that_came_through_us_before_is_refused() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).start();
    let answer = proxy.http1().send(get("/page").header("via", "1.1 other, 1.1 cp1"));
    assert!(answer.status >= 400, "{answer:?}");
    answer.expect_because("loop");
}

#[test]
fn request_bodies_reach_the_origin_as_they_come() {
    for framing in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
        let origin = Origin::start();
        origin.page("/form", Page::status(204));
        let proxy = Proxy::new(&origin).start();
        let mut raw = proxy.raw();
        let chunked = framing.contains("chunked");
        let piece = |text: &str| match chunked {
            true => format!("{:x}\r\n{text}\r\n", text.len()),
            false => text.to_owned(),
        };
        raw.send(format!("POST /form HTTP/1.1\r\nHost: wiki.test\r\n{framing}\r\n\r\n"));
        raw.send(piece("hello"));
        origin.wait_until("half the body came", |seen| {
            seen.first().is_some_and(|seen| seen.body == b"hello" && !seen.complete)
        });
        raw.send(piece("world"));
        raw.send(if chunked { "0\r\n\r\n" } else { "" });
        raw.response().expect(204);
        let seen = &origin.requests()[0];
        assert_eq!((seen.body.as_slice(), seen.complete), (b"helloworld".as_slice(), true));
        let length = (!chunked).then_some("10");
        assert_eq!(seen.header("content-length"), length);
    }
}

#[test]
fn request_bodies_flow_over_http2_too() {
    let origin = Origin::start();
    origin.page("/form", Page::status(204));
    let proxy = Proxy::new(&origin).tls().start();
    let client = proxy.http2();
    let (sending, request) = Request::new("PUT", "/form").streamed();
    let pending = client.begin(request);
    sending.send("hello");
    origin.wait_until("half the body came", |seen| {
        seen.first().is_some_and(|seen| seen.body == b"hello" && !seen.complete)
    });
    sending.send("world");
    sending.finish();
    pending.response().expect(204);
    assert_eq!(origin.requests()[0].body, b"helloworld");
    let large = vec![b'x'; 3_000_000];
    client.send(Request::new("PUT", "/form").body(&large)).expect(204);
    assert!(origin.requests()[1].body == large);
}

#[test]
fn trailers_of_a_request_break_nothing() {
    let origin = Origin::start();
    origin.page("/form", Page::status(204));
    let proxy = Proxy::new(&origin).tls().start();
    for client in [proxy.http1(), proxy.http2()] {
        let (sending, request) = Request::new("PUT", "/form").streamed();
        let pending = client.begin(request.header("trailer", "x-sum"));
        sending.send("hello");
        sending.finish_with("x-sum", "7");
        pending.response().expect(204);
    }
    assert!(origin.requests().iter().all(|seen| seen.complete && seen.body == b"hello"));
}

#[test]
fn a_request_body_that_breaks_off_is_not_complete_at_the_origin() {
    let origin = Origin::start();
    origin.page("/form", Page::status(204));
    let proxy = Proxy::new(&origin).tls().start();
    let beginnings =
        [("Content-Length: 10", "hello"), ("Transfer-Encoding: chunked", "5\r\nhello\r\n")];
    for (n, (framing, begun)) in beginnings.into_iter().enumerate() {
        let mut raw = proxy.raw();
        raw.send(format!("POST /form HTTP/1.1\r\nHost: wiki.test\r\n{framing}\r\n\r\n{begun}"));
        origin.wait_for("/form", n + 1);
        raw.abort();
    }
    let client = proxy.http2();
    let (sending, request) = Request::new("PUT", "/form").streamed();
    let _pending = client.begin(request);
    sending.send("hello");
    origin.wait_for("/form", 3);
    drop(sending);
    origin.wait_until_all_left();
    assert!(origin.requests().iter().all(|seen| !seen.complete), "{:?}", origin.requests());
}

#[test]
fn a_request_body_beyond_the_limit_is_refused() {
    let origin = Origin::start();
    origin.page("/form", Page::status(204));
    let proxy = Proxy::new(&origin).tls().site("max_request_body = '1KiB'").start();
    let with = |length: usize| Request::new("POST", "/form").body(vec![b'x'; length]);
    for client in [proxy.http1(), proxy.http2()] {
        client.send(with(1024)).expect(204);
        client.send(with(1025)).expect(413).expect_because("body-too-large");
        // The connection is still good, or a new one is made.
        client.send(with(1)).expect(204);
    }
    assert_eq!(origin.count("/form"), 4);
}

#[test]
fn a_request_body_of_unknown_length_is_cut_at_the_limit() {
    let origin = Origin::start();
    origin.page("/form", Page::status(204));
    let proxy = Proxy::new(&origin).tls().site("max_request_body = '1KiB'").start();
    for client in [proxy.http1(), proxy.http2()] {
        let (sending, request) = Request::new("POST", "/form").streamed();
        let pending = client.begin(request);
        for _ in 0..20 {
            sending.send([b'x'; 100]);
        }
        pending.response().expect(413).expect_because("body-too-large");
    }
    origin.wait_until_all_left();
    for seen in origin.requests() {
        assert!(!seen.complete && seen.body.len() <= 1024, "{seen:?}");
    }
}

#[test]
fn an_answer_before_the_requests_end_reaches_the_client() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).start();
    // No script answers before the body's end, so the origin's bytes come from a raw listener.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("a bound socket has an address");
    let early = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("the proxy connects");
        let mut head = [0; 4096];
        let read = std::io::Read::read(&mut socket, &mut head).expect("the proxy asks");
        let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
        std::io::Write::write_all(&mut socket, answer).expect("the proxy listens");
        (socket, read)
    });
    let mut proxy = proxy;
    let setup = proxy.setup().cluster(&format!("servers = [{{ address = '{address}' }}]"));
    proxy.reload(setup).expect("a cluster's servers can be changed");
    let client = proxy.http1();
    let (sending, request) = Request::new("POST", "/form").streamed();
    let pending = client.begin(request);
    sending.send("begun");
    assert_eq!(pending.response().status, 403);
    early.join().expect("it answered");
}

#[test]
fn expect_100_continue_is_answered_when_the_body_is_wanted() {
    let origin = Origin::start();
    origin.page("/form", Page::status(204));
    let proxy = Proxy::new(&origin).start();
    let mut raw = proxy.raw();
    raw.send(
        "POST /form HTTP/1.1\r\nHost: wiki.test\r\nExpect: 100-continue\r\n\
         Content-Length: 5\r\n\r\n",
    );
    assert!(raw.head().start.starts_with("HTTP/1.1 100"));
    raw.send("hello");
    raw.response().expect(204);
    assert_eq!(origin.requests()[0].body, b"hello");
}

#[test]
fn trailers_come_through() {
    let origin = Origin::start();
    let page = |policy| Page::new("content").header("cache-control", policy).trailer("x-sum", "7");
    origin.page("/passed", page("no-store"));
    let proxy = Proxy::new(&origin).tls().start();
    let answer = proxy.http2().send(get("/passed").header("te", "trailers")).expect(200);
    assert_eq!(answer.text(), "content");
    assert_eq!(answer.trailers.get("x-sum").map(|value| value.as_bytes()), Some(b"7".as_slice()));
}

#[test]
fn after_a_change_of_protocol_bytes_pass_untouched() {
    let origin = Origin::start();
    origin.on("/chat", |seen| {
        assert_eq!(seen.header("upgrade"), Some("websocket"));
        assert_eq!(seen.header("connection").map(str::to_lowercase).as_deref(), Some("upgrade"));
        Reply::bytes_kept(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello",
        )
    });
    // Inside the tunnel the origin happens to speak HTTP; nothing of it may be touched.
    origin.page("/inside", Page::new("through the tunnel"));
    let proxy = Proxy::new(&origin).start();
    let mut raw = proxy.raw();
    raw.send(
        "GET /chat HTTP/1.1\r\nHost: wiki.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    let head = raw.head();
    assert!(head.start.starts_with("HTTP/1.1 101"), "{head:?}");
    raw.read_until("hello");
    let inside = "GET /inside HTTP/1.1\r\nX-Untouched: yes\r\n\r\n";
    raw.send(inside);
    assert_eq!(raw.response().expect(200).text(), "through the tunnel");
    assert_eq!(origin.requests()[1].head.bytes, inside.as_bytes());
    raw.half_close();
    raw.expect_close();
    origin.wait_until_all_left();
}
