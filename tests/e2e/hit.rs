//! The story from outside: the first request asks the origin, the next ones do not, and the
//! answers say so.

use crate::kit::{Client, Origin, Page, Proxy, Request, cache_status};

/// The clients of every protocol, with a word for each.
fn every_protocol(proxy: &Proxy) -> [(&'static str, Client); 3] {
    [("http/1", proxy.http1()), ("http/1 over TLS", proxy.http1_tls()), ("h2", proxy.http2())]
}

#[test]
fn a_miss_is_followed_by_hits_over_every_protocol() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).tls().clock_by_hand().start();
    for (n, (protocol, client)) in every_protocol(&proxy).iter().enumerate() {
        let path = format!("/page{n}");
        let content = format!("content for {protocol}");
        origin.page(&path, Page::cacheable(&content).header("content-type", "text/plain"));

        let miss = client.get(&path).expect(200).expect_because("absent");
        assert_eq!((miss.age(), cache_status(&miss).hit), (0, false), "{protocol}");
        assert_eq!(cache_status(&miss).fwd.as_deref(), Some("uri-miss"), "{protocol}");
        proxy.advance(7);
        let hit = client.get(&path).expect(200).expect_hit().expect_because("fresh");
        assert_eq!((hit.age(), hit.text()), (7, content), "{protocol}");
        assert_eq!(hit.header("content-type"), Some("text/plain"), "{protocol}");
        assert_eq!(cache_status(&hit).ttl, Some(53), "{protocol}");
        assert_eq!(origin.count(&path), 1, "{protocol}");
    }
}

#[test]
fn a_hit_is_the_miss_byte_for_byte_whatever_its_size() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).tls().start();
    let pattern: Vec<u8> = (0..=255).cycle().take(3_000_001).collect();
    for size in [0, 1, 16_383, 16_384, 65_536, 65_537, 3_000_001] {
        for (framing, page) in [("length", false), ("chunked", true)] {
            let path = format!("/{framing}/{size}");
            let content = Page::cacheable(&pattern[..size]);
            origin.page(&path, if page { content.chunked() } else { content });
            for (protocol, client) in every_protocol(&proxy) {
                for _ in 0..2 {
                    let response = client.get(&path).expect(200);
                    assert!(response.body == pattern[..size], "{path} over {protocol}");
                }
            }
            // The scheme splits variants, so two requests, not one.
            assert_eq!(origin.count(&path), 2, "{path}");
        }
    }
}

#[test]
fn head_is_answered_from_a_stored_get() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content").header("x-of", "the page"));
    let proxy = Proxy::new(&origin).tls().start();
    for (protocol, client) in every_protocol(&proxy) {
        client.get("/page").expect(200);
        let head = client.send(Request::new("HEAD", "/page")).expect(200).expect_hit();
        assert_eq!(head.header("content-length"), Some("7"), "{protocol}");
        assert_eq!((head.header("x-of"), head.body.len()), (Some("the page"), 0), "{protocol}");
    }
    let mut raw = proxy.raw();
    raw.send("HEAD /page HTTP/1.1\r\nHost: wiki.test\r\nConnection: close\r\n\r\n");
    assert_eq!(raw.response_to_head().status, 200);
    raw.expect_close();
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn head_may_come_first() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content"));
    let proxy = Proxy::new(&origin).start();
    let head = proxy.http1().send(Request::new("HEAD", "/page")).expect(200);
    assert_eq!((head.header("content-length"), head.body.len()), (Some("7"), 0));
    assert_eq!(proxy.http1().get("/page").expect(200).text(), "content");
}

#[test]
fn a_query_is_part_of_the_key() {
    let origin = Origin::start();
    origin.on("/page", |seen| Page::cacheable(&seen.target));
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    for _ in 0..2 {
        for target in ["/page", "/page?a=1", "/page?a=2", "/page?a=1&b=2", "/page?"] {
            assert_eq!(client.get(target).expect(200).text(), target);
        }
    }
    assert_eq!(origin.count("/page"), 5);
}

#[test]
fn errors_that_the_origin_lets_be_stored_are_hits_too() {
    let origin = Origin::start();
    for status in [301, 404, 410] {
        origin.page(&format!("/{status}"), Page::cacheable("gone or moved").with_status(status));
    }
    let proxy = Proxy::new(&origin).start();
    for status in [301, 404, 410] {
        let path = format!("/{status}");
        proxy.http1().get(&path).expect(status);
        proxy.http1().get(&path).expect(status).expect_hit();
        assert_eq!(origin.count(&path), 1);
    }
}

#[test]
fn a_body_that_is_sent_often_over_plain_sockets_is_sent_as_pages_byte_for_byte() {
    let origin = Origin::start();
    let pattern: Vec<u8> = (0..=250).cycle().take(60_001).collect();
    origin.page("/page", Page::cacheable(&pattern[..]).header("etag", "\"1\""));
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    let pages = || proxy.metric("tidegate_memory_held_bytes{for=\"pages\"}");
    client.get("/page").expect(200);
    assert_eq!(pages(), 0.0);
    for _ in 0..10 {
        assert!(client.get("/page").expect(200).expect_hit().body == pattern);
    }
    assert_eq!(pages(), 60_001.0);
    for (first, last) in [(0, 0), (1, 16_384), (32_767, 32_769), (59_999, 60_000)] {
        let range = format!("bytes={first}-{last}");
        let part = client.send(Request::new("GET", "/page").header("range", &range)).expect(206);
        assert!(part.body == pattern[first..=last], "{range}");
    }
    assert_eq!(client.send(Request::new("HEAD", "/page")).expect(200).body.len(), 0);
    proxy.http1().send(Request::new("PURGE", "/page")).expect(204);
    crate::kit::eventually("the pages go with their body", || pages() == 0.0);
}

#[test]
fn every_protocol_gets_the_fields_as_they_are_stored() {
    let origin = Origin::start();
    let page = |page: Page| {
        page.header("etag", "\"1\"")
            .header("link", "</a>; rel=preload")
            .header("link", "</b>; rel=preload")
            .header("x-nobody-knows", "caf\u{e9}, \"as it is\"")
    };
    origin.page("/plain", page(Page::cacheable("content")));
    // Those to which we add something of our own.
    let behind = Page::cacheable("content").header("via", "1.1 inner").header("age", "5");
    origin.page("/behind", page(behind.header("cache-status", "inner; hit")));
    let proxy = Proxy::new(&origin).tls().clock_by_hand().start();
    for path in ["/plain", "/behind"] {
        // What came over another scheme is another variant.
        for client in [proxy.http1(), proxy.http2()] {
            client.get(path).expect(200);
        }
        let fields = |client: Client, method| {
            let answer = client.send(Request::new(method, path)).expect(200).expect_hit();
            let fields = answer.headers.iter();
            let mut fields: Vec<_> =
                fields.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
            fields.sort();
            fields
        };
        let plain = fields(proxy.http1(), "GET");
        let all = |name: &str| plain.iter().filter(|(known, _)| known == name).count();
        assert_eq!((all("link"), all("x-nobody-knows"), all("via"), all("age")), (2, 1, 1, 1));
        for client in [proxy.http1_tls(), proxy.http2()] {
            assert_eq!(fields(client, "GET"), plain, "{path}");
        }
        for client in [proxy.http1(), proxy.http2()] {
            assert_eq!(fields(client, "HEAD"), plain, "{path}");
        }
    }
}

#[test]
fn methods_other_than_get_and_head_go_past_the_store() {
    let origin = Origin::start();
    origin.on("/page", |seen| Page::cacheable(&seen.method));
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/page").expect_because("absent");
    for method in ["OPTIONS", "PROPFIND"] {
        for _ in 0..2 {
            let answer = client.send(Request::new(method, "/page")).expect(200);
            assert_eq!(answer.expect_because("method").text(), method);
        }
    }
    assert_eq!(origin.count("/page"), 5);
}

#[test]
fn workers_share_one_store() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content"));
    let proxy = Proxy::new(&origin).workers(4).start();
    proxy.http1().get("/page").expect(200);
    for _ in 0..32 {
        proxy.http1().get("/page").expect(200).expect_hit();
    }
    assert_eq!(origin.count("/page"), 1);
}
