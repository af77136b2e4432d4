//! PURGE from outside: its forms, who may send it, and what it covers.

use crate::kit::{
    Origin, Page, Proxy, Raw, Request, Response, Versioned, get, versioned::version_of,
};

fn purge(path: &str) -> Request {
    Request::new("PURGE", path)
}

#[track_caller]
fn expect_receipt(answer: Response) {
    answer.expect(204).expect_because("purged");
}

#[test]
fn after_a_purge_exactly_one_request_makes_the_page_a_hit_again() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/page", "max-age=60");
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    for version in 1..=5 {
        assert_eq!(version_of(&client.get("/page").expect_because("absent")), version);
        for _ in 0..3 {
            assert_eq!(version_of(&client.get("/page").expect_hit()), version);
        }
        page.raise();
        expect_receipt(client.send(purge("/page")));
    }
    assert_eq!(origin.count("/page"), 5);
}

#[test]
fn a_purge_as_mediawiki_sends_it_works_byte_for_byte() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/wiki/Rig_page", "max-age=60");
    let proxy = Proxy::new(&origin).purge_listener().start();
    let client = proxy.http1();
    let get = || client.send(get("/wiki/Rig_page").host("alpha.wiki.test"));
    for address in [proxy.http(), proxy.purges()] {
        get().expect(200);
        page.raise();
        let mut raw = Raw::connect(address);
        raw.send(
            "PURGE http://alpha.wiki.test/wiki/Rig_page HTTP/1.1\r\n\
             Host: alpha.wiki.test\r\n\
             Accept: */*\r\n\
             connection: Keep-Alive\r\n\
             proxy-connection: Keep-Alive\r\n\
             user-agent: MediaWiki/1.39.17 CdnCacheUpdate\r\n\
             content-length: 0\r\n\r\n",
        );
        expect_receipt(raw.response());
        assert_eq!(version_of(&get()), page.version());
    }
    assert_eq!(origin.count("/wiki/Rig_page"), 3);
}

#[test]
fn many_purges_go_over_one_kept_connection() {
    let origin = Origin::start();
    origin.on("/page", |seen| Page::cacheable(&seen.target));
    let proxy = Proxy::new(&origin).purge_listener().start();
    let client = proxy.http1();
    let targets: Vec<String> = (0..50).map(|n| format!("/page?n={n}")).collect();
    for target in &targets {
        client.get(target).expect(200);
    }
    let mut raw = Raw::connect(proxy.purges());
    for target in &targets {
        raw.send(format!("PURGE http://wiki.test{target} HTTP/1.1\r\nHost: wiki.test\r\n\r\n"));
        expect_receipt(raw.response());
    }
    for target in &targets {
        client.get(target).expect_because("absent");
    }
    // And without waiting for the answers.
    let order = |target: &String| {
        format!("PURGE {target} HTTP/1.1\r\nHost: wiki.test\r\ncontent-length: 0\r\n\r\n")
    };
    raw.send(targets.iter().map(order).collect::<String>());
    for _ in &targets {
        expect_receipt(raw.response());
    }
    for target in &targets {
        client.get(target).expect_because("absent");
    }
}

#[test]
fn a_purge_covers_both_schemes_and_every_variant_and_nothing_else() {
    let origin = Origin::start();
    let script = |seen: &crate::kit::origin::Seen| {
        let of = |name| seen.header(name).unwrap_or("-").to_owned();
        Page::cacheable(of("x-forwarded-proto") + &of("accept-language"))
            .header("vary", "accept-language")
    };
    origin.on("/page", script);
    origin.on("/other", script);
    let proxy = Proxy::new(&origin).tls().start();
    let clients = [proxy.http1(), proxy.http2()];
    let ask_all = |path: &str| {
        for client in &clients {
            for language in ["de", "en"] {
                client.send(get(path).header("accept-language", language)).expect(200);
            }
        }
        origin.count(path)
    };
    assert_eq!((ask_all("/page"), ask_all("/page"), ask_all("/other")), (4, 4, 4));
    proxy.purge("/page");
    assert_eq!((ask_all("/page"), ask_all("/other")), (8, 4));
    // Over TLS as well.
    expect_receipt(clients[1].send(purge("/page")));
    assert_eq!((ask_all("/page"), ask_all("/other")), (12, 4));
}

#[test]
fn a_purge_goes_by_the_key_and_not_by_its_spelling() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/page", "max-age=60");
    let proxy = Proxy::new(&origin).start();
    for (target, host) in [
        ("/page", "WIKI.test"),
        ("/page", "wiki.test."),
        ("/page", "wiki.test:80"),
        ("/page", "wiki.test:8080"),
        ("http://wiki.test:8080/page", "wiki.test:8080"),
        ("HTTP://Wiki.Test/page", "wiki.test"),
        ("https://wiki.test/page", "wiki.test"),
    ] {
        proxy.http1().get("/page").expect(200);
        page.raise();
        let mut raw = proxy.raw();
        raw.send(format!("PURGE {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        expect_receipt(raw.response());
        let answer = proxy.http1().get("/page");
        assert_eq!(version_of(&answer), page.version(), "{target} at {host}");
    }
}

#[test]
fn a_purge_of_what_is_not_stored_is_answered_all_the_same() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).start();
    expect_receipt(proxy.http1().send(purge("/never-heard-of")));
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn who_may_not_purge_is_told_405_and_nothing_changes() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).with("purge", "allow = ['192.0.2.0/24']").start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    client.send(purge("/page")).expect(405).expect_because("purge-forbidden");
    client.get("/page").expect_hit();
}

#[test]
fn a_client_behind_an_allowed_proxy_must_be_allowed_too() {
    for trusted in ["[]", "['127.0.0.0/8']"] {
        let origin = Origin::start();
        origin.page("/page", Page::cacheable("x"));
        let proxy =
            Proxy::new(&origin).with("node", &format!("trusted_proxies = {trusted}")).start();
        let client = proxy.http1();
        client.get("/page").expect(200);
        let from = |list| client.send(purge("/page").header("x-forwarded-for", list));
        from("203.0.113.9").expect(405).expect_because("purge-forbidden");
        from("127.0.0.1, 203.0.113.9").expect(405);
        client.get("/page").expect_hit();
        expect_receipt(from("127.0.0.1"));
        client.get("/page").expect_because("absent");
    }
}

#[test]
fn a_purge_listener_takes_nothing_else() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).purge_listener().start();
    for method in ["GET", "HEAD", "POST", "OPTIONS"] {
        let mut raw = Raw::connect(proxy.purges());
        raw.send(format!(
            "{method} /page HTTP/1.1\r\nHost: wiki.test\r\nConnection: close\r\n\r\n"
        ));
        let answer = raw.response_to_head();
        assert_eq!(answer.status, 405, "{method}: {answer:?}");
    }
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn purging_can_be_kept_to_its_own_listeners() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).purge_listener().with("purge", "everywhere = false").start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    client.send(purge("/page")).expect(405);
    client.get("/page").expect_hit();
    let mut raw = Raw::connect(proxy.purges());
    raw.send("PURGE /page HTTP/1.1\r\nHost: wiki.test\r\n\r\n");
    expect_receipt(raw.response());
    client.get("/page").expect_because("absent");
}

#[test]
fn a_purge_reaches_every_worker() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/page", "max-age=60");
    let proxy = Proxy::new(&origin).workers(4).start();
    for _ in 0..8 {
        for _ in 0..8 {
            assert_eq!(version_of(&proxy.http1().get("/page")), page.version());
        }
        page.raise();
        proxy.purge("/page");
    }
    assert_eq!(origin.count("/page"), 8);
}

#[test]
fn a_purge_forgets_that_a_page_could_not_be_stored() {
    let origin = Origin::start();
    let private = Page::new("x").header("cache-control", "private");
    origin.replies("/page", [private.into(), Page::cacheable("y").into()]);
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/page").expect_because("private");
    proxy.purge("/page");
    client.get("/page").expect_because("absent");
    client.get("/page").expect_hit();
}
