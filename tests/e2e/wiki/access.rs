//! Who may come and how: methods, https alone, and connections that were opened for another site.

use crate::kit::{Origin, Page, Proxy, Request, get};

use super::wiki;

#[test]
fn a_method_that_the_site_does_not_serve_gets_405_and_the_list() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).site("profile = 'upload'").start();
    for method in ["POST", "DELETE", "PROPFIND"] {
        let refused = proxy.http1().send(Request::new(method, "/a.png")).expect(405);
        assert_eq!(refused.header("allow"), Some("GET, HEAD, OPTIONS"));
        refused.expect_because("bad-method");
    }
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn readers_of_plain_http_are_sent_to_https_and_writers_refused() {
    let origin = Origin::start();
    origin.page("/wiki/Tide", Page::cacheable("content"));
    let proxy = wiki(&origin).site("https = 'required'").tls().start();
    for method in ["GET", "HEAD"] {
        let request = Request::new(method, "/wiki/Tide?a=b").host("WIKI.test:8080");
        let moved = proxy.http1().send(request).expect(301).expect_because("https-required");
        assert_eq!(moved.header("location"), Some("https://wiki.test/wiki/Tide?a=b"));
    }
    let post = Request::new("POST", "/wiki/Tide").body("secret");
    proxy.http1().send(post).expect(403).expect_because("https-required");
    assert_eq!(origin.requests().len(), 0);
    proxy.http1_tls().get("/wiki/Tide").expect(200);
    proxy.purge("/wiki/Tide");
}

#[test]
fn a_trusted_proxy_says_which_scheme_its_client_used() {
    let origin = Origin::start();
    origin.page("/wiki/Tide", Page::cacheable("content"));
    let proxy = wiki(&origin)
        .with("node", "trusted_proxies = ['127.0.0.1']")
        .site("https = 'required'")
        .start();
    let told = |scheme: &str| get("/wiki/Tide").header("x-forwarded-proto", scheme);
    proxy.http1().send(told("https")).expect(200);
    proxy.http1().send(told("http")).expect(301);
}

#[test]
fn a_connection_for_one_site_asks_for_no_other() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content"));
    let other = "[site.media]\nhosts = ['media.wiki.test']\ncluster = 'wiki'\nprofile = 'upload'";
    let proxy = wiki(&origin).config(other).tls().start();
    for client in [proxy.http1_tls(), proxy.http2()] {
        client.get("/page").expect(200);
        client.send(get("/page").host("en.wiki.test")).expect(200);
        let elsewhere = client.send(get("/page").host("media.wiki.test")).expect(421);
        elsewhere.expect_because("misdirected");
        client.get("/page").expect(200).expect_hit();
    }
    let proxy = wiki(&origin).config(&format!("{other}\nshared_connections = true")).tls().start();
    proxy.http2().send(get("/page").host("media.wiki.test")).expect(200);
}

#[test]
fn a_wiki_s_pages_have_no_ranges() {
    let origin = Origin::start();
    origin.page("/wiki/Tide", Page::cacheable("content"));
    let proxy = wiki(&origin).start();
    for _ in 0..2 {
        let whole = proxy.http1().send(get("/wiki/Tide").header("range", "bytes=0-1")).expect(200);
        assert_eq!(whole.text(), "content");
    }
    assert_eq!(origin.requests()[0].header("range"), None);
}

#[test]
fn media_that_are_not_stored_are_asked_for_by_range() {
    let origin = Origin::start();
    origin.on("/a.ogg", |seen| match seen.header("range") {
        Some("bytes=2-3") => {
            Page::new("nt").with_status(206).header("content-range", "bytes 2-3/7")
        }
        _ => Page::cacheable("content"),
    });
    let proxy = Proxy::new(&origin).site("profile = 'upload'").start();
    let part = || proxy.http1().send(get("/a.ogg").header("range", "bytes=2-3")).expect(206);
    assert_eq!(part().expect_because("range").text(), "nt");
    proxy.http1().get("/a.ogg").expect(200);
    assert_eq!(part().expect_hit().text(), "nt");
    assert_eq!(origin.count("/a.ogg"), 2);
}

#[test]
fn an_origin_is_asked_for_gzip_or_for_nothing() {
    let origin = Origin::start();
    origin.on("/wiki/Tide", |seen| {
        Page::cacheable(seen.header("accept-encoding").unwrap_or("nothing"))
            .header("vary", "Accept-Encoding")
    });
    let proxy = wiki(&origin).start();
    for (accepted, asked) in [
        ("gzip, deflate, br, zstd", "gzip"),
        ("br, gzip;q=0.1", "gzip"),
        ("gzip;q=0", "nothing"),
        ("junk, \"\u{e9}", "nothing"),
        ("identity", "nothing"),
        ("*", "gzip"),
    ] {
        let request = get("/wiki/Tide").header("accept-encoding", accepted);
        assert_eq!(proxy.http1().send(request).expect(200).text(), asked, "{accepted}");
    }
    assert_eq!(origin.count("/wiki/Tide"), 2);
}

#[test]
fn fields_that_no_key_holds_do_not_reach_a_wiki() {
    let origin = Origin::start();
    origin.on("/wiki/Tide", |seen| {
        Page::cacheable(seen.header("x-forwarded-host").unwrap_or("wiki.test"))
    });
    let proxy = wiki(&origin).start();
    for request in [get("/wiki/Tide").header("x-forwarded-host", "evil.test"), get("/wiki/Tide")] {
        assert_eq!(proxy.http1().send(request).expect(200).text(), "wiki.test");
    }
}
