//! Host → site, and the spellings of one URL that are one key.

use crate::kit::{Origin, Page, Proxy, get};

#[test]
fn a_host_that_no_site_has_is_told_421() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).tls().start();
    for client in [proxy.http1(), proxy.http2()] {
        for host in ["elsewhere.test", "notwiki.test", "wiki.test.evil.test"] {
            let answer = client.send(get("/page").host(host)).expect(421);
            answer.expect_because("unknown-host");
        }
    }
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn or_404_where_the_operator_likes_that_better() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).with("node", "unknown_host = 404").start();
    proxy.http1().send(get("/page").host("elsewhere.test")).expect(404);
}

#[test]
fn exact_hosts_come_before_the_longest_wildcard_and_that_before_any() {
    let origins = [(); 4].map(|()| Origin::start());
    let names = ["any", "test", "wiki", "exact"];
    for (origin, name) in origins.iter().zip(names) {
        origin.page("/", Page::new(name));
    }
    let hosts = ["*", "*.test", "*.wiki.test", "en.wiki.test"];
    let table = |n: usize| {
        format!(
            "[cluster.{name}]\nservers = [{{ address = '{address}' }}]\n\
             [site.{name}]\nhosts = ['{host}']\ncluster = '{name}'\n",
            name = format_args!("c{n}"),
            address = origins[n].address(),
            host = hosts[n],
        )
    };
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let proxy = order
            .iter()
            .fold(Proxy::new(&origins[0]).site("hosts = ['unused.example']"), |setup, n| {
                setup.config(&table(*n))
            })
            .start();
        for (host, name) in [
            ("en.wiki.test", "exact"),
            ("de.wiki.test", "wiki"),
            ("a.b.wiki.test", "wiki"),
            ("wiki.test", "test"),
            ("test", "any"),
            ("example.org", "any"),
            ("EN.Wiki.Test", "exact"),
        ] {
            let answer = proxy.http1().send(get("/").host(host)).expect(200);
            assert_eq!(answer.text(), name, "{host} with the tables in order {order:?}");
        }
    }
}

#[test]
fn case_a_trailing_dot_and_the_schemes_own_port_make_no_new_key() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).tls().start();
    for host in ["wiki.test", "WIKI.TEST", "Wiki.Test.", "wiki.test:80", "wiki.test.:80"] {
        proxy.http1().send(get("/page").host(host)).expect(200);
    }
    assert_eq!(origin.count("/page"), 1);
    for host in ["wiki.test", "WIKI.test", "wiki.test:443"] {
        proxy.http2().send(get("/page").host(host)).expect(200);
    }
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn sites_and_hosts_never_share_what_is_stored() {
    let origin = Origin::start();
    origin.on("/page", |seen| Page::cacheable(seen.header("host").unwrap_or_default()));
    let proxy = Proxy::new(&origin).start();
    for _ in 0..2 {
        for host in ["wiki.test", "de.wiki.test", "en.wiki.test"] {
            assert_eq!(proxy.http1().send(get("/page").host(host)).expect(200).text(), host);
        }
    }
    assert_eq!(origin.count("/page"), 3);
}

#[test]
fn an_absolute_target_names_the_host_and_is_the_same_key() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    origin.page("/", Page::cacheable("root"));
    let proxy = Proxy::new(&origin).start();
    let mut raw = proxy.raw();
    for (target, host) in [
        ("/page", "wiki.test"),
        ("http://wiki.test/page", "wiki.test"),
        ("http://WIKI.test:80/page", "wiki.test:80"),
        ("HTTP://wiki.test/page", "WIKI.TEST"),
    ] {
        raw.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        raw.response().expect(200);
    }
    assert_eq!(origin.count("/page"), 1);
    raw.send("GET http://wiki.test HTTP/1.1\r\nHost: wiki.test\r\n\r\n");
    assert_eq!(raw.response().expect(200).text(), "root");
    assert_eq!(origin.requests()[1].target, "/");
}

#[test]
fn a_host_that_is_missing_doubled_contradicted_or_no_host_is_refused() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).start();
    for head in [
        "GET /page HTTP/1.1",
        "GET /page HTTP/1.1\r\nHost: wiki.test\r\nHost: wiki.test",
        "GET /page HTTP/1.1\r\nHost: wiki.test\r\nHost: en.wiki.test",
        "GET http://wiki.test/page HTTP/1.1\r\nHost: en.wiki.test",
        "GET /page HTTP/1.1\r\nHost:",
        "GET /page HTTP/1.1\r\nHost: wiki.test/evil",
        "GET /page HTTP/1.1\r\nHost: user@wiki.test",
        "GET /page HTTP/1.1\r\nHost: wiki.test, en.wiki.test",
        "GET /page HTTP/1.1\r\nHost: wiki.test:eighty",
        "GET /page HTTP/1.1\r\nHost: wiki test",
    ] {
        let mut raw = proxy.raw();
        raw.send(format!("{head}\r\n\r\n"));
        assert_eq!(raw.response().status, 400, "{head}");
    }
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn http2_has_one_authority() {
    let origin = Origin::start();
    origin.page("/page", Page::new("x"));
    let proxy = Proxy::new(&origin).tls().start();
    let client = proxy.http2();
    client.send(get("/page").host("en.wiki.test").header("host", "en.wiki.test")).expect(200);
    client.send(get("/page").host("en.wiki.test").header("host", "de.wiki.test")).expect(400);
    assert_eq!(origin.requests().len(), 1);
    assert_eq!(origin.requests()[0].header("host"), Some("en.wiki.test"));
}

#[test]
fn methods_that_a_cache_has_no_business_with_are_refused() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).start();
    for (method, target) in [("CONNECT", "wiki.test:443"), ("TRACE", "/page")] {
        let mut raw = proxy.raw();
        raw.send(format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n\r\n", "wiki.test:443"));
        let status = raw.head().start;
        let refused = ["400", "403", "405", "501"].iter().any(|code| status.contains(code));
        assert!(refused, "{method}: {status}");
    }
    assert_eq!(origin.requests().len(), 0);
}
