//! What a site has every answer say: of its own, and of what became of the request.

use super::{expect_shown, site};
use crate::kit::response::header_map;
use crate::kit::{Client, Origin, Page, Proxy, Reply, Request, Response, get};

#[test]
fn hsts_is_told_over_https_alone_whoever_answers() {
    let origin = Origin::start();
    origin.replies("/broken", [Reply::Close, Reply::Close, Reply::Close, Reply::Close]);
    let trusting = "trusted_proxies = ['127.0.0.1']";
    let proxy = site(&origin).with("node", trusting).start();
    let told = |client: Client, request: Request, status| {
        let answer = client.send(request).expect(status);
        answer.header("strict-transport-security").is_some()
    };
    for (client, https) in
        [(proxy.http1(), false), (proxy.http1_tls(), true), (proxy.http2(), true)]
    {
        assert_eq!(told(client, Request::new("PURGE", "/x").header("via", "1.1 cp1"), 508), https);
    }
    assert!(!told(proxy.http1(), get("/broken"), 502));
    assert!(told(proxy.http2(), get("/broken"), 502));
    // Another proxy may have had the TLS.
    let behind = get("/broken").header("x-forwarded-proto", "https");
    assert!(told(proxy.http1(), behind, 502));
}

#[test]
fn server_timing_and_x_cache_tell_what_became_of_a_request() {
    let origin = Origin::start();
    let behind =
        |page: Page| page.header("x-cache", "inner hit").header("server-timing", "db;dur=5");
    origin.page("/plain", Page::cacheable("x"));
    origin.page("/behind", behind(Page::cacheable("x")));
    origin.page("/passed", behind(Page::new("x")));
    let proxy = Proxy::new(&origin)
        .tls()
        .clock_by_hand()
        .site("server_timing = true\n x_cache = true")
        .start();
    let timings = |answer: &Response| answer.all("server-timing").join(", ");
    for client in [proxy.http1(), proxy.http2()] {
        let miss = client.get("/plain").expect(200);
        assert_eq!(miss.header("x-cache"), Some("cp1 miss"));
        assert_eq!(timings(&miss), "cache;desc=\"miss absent\", origin;dur=0.0");
        let hit = client.get("/plain").expect(200);
        assert_eq!(hit.header("x-cache"), Some("cp1 hit"));
        assert_eq!(timings(&hit), "cache;desc=\"hit fresh\"");
        for (path, word, timing) in [
            ("/behind", "miss", "cache;desc=\"miss absent\", origin;dur=0.0"),
            ("/behind", "hit", "cache;desc=\"hit fresh\""),
            ("/passed", "pass", ""),
        ] {
            let answer = client.get(path).expect(200);
            let word = if path == "/passed" { "miss" } else { word };
            assert_eq!(
                answer.header("x-cache"),
                Some(&*format!("inner hit, cp1 {word}")),
                "{path}"
            );
            assert!(timings(&answer).starts_with(&format!("db;dur=5, {timing}")), "{path}");
        }
        let posted = client.send(Request::new("POST", "/passed").body("x")).expect(200);
        assert_eq!(posted.header("x-cache"), Some("inner hit, cp1 pass"));
        assert_eq!(timings(&posted), "db;dur=5, cache;desc=\"pass method\", origin;dur=0.0");
        let refused = client.send(get("/x").header("via", "1.1 cp1")).expect(508);
        assert_eq!(refused.header("x-cache"), Some("cp1 int"));
        assert_eq!(timings(&refused), "cache;desc=\"refused loop\"");
        proxy.purge("/plain");
        proxy.purge("/behind");
    }
}

#[test]
fn a_change_of_protocol_is_answered_as_everything_is() {
    let origin = Origin::start();
    origin.on("/chat", |_| {
        Reply::bytes_kept(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: x\r\nX-Powered-By: PHP\r\nX-Request-Id: theirs\r\n\r\nhello",
        )
    });
    let proxy = site(&origin).site("request_id = true\n server_timing = true").start();
    let mut raw = proxy.raw();
    raw.send(
        "GET /chat HTTP/1.1\r\nHost: wiki.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    let head = raw.head();
    assert!(head.start.starts_with("HTTP/1.1 101"), "{head:?}");
    let answer = Response { headers: header_map(&head.fields), ..Response::default() };
    expect_shown(&answer, false);
    assert_eq!(answer.header("sec-websocket-accept"), Some("x"));
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert_eq!(answer.header("x-request-id").map(str::len), Some(36));
    let timing = answer.header("server-timing");
    assert_eq!(timing, Some("cache;desc=\"pass upgrade\""));
    raw.read_until("hello");
}
