//! A reload takes everything or nothing, and keeps the cache and the connections.

use crate::kit::pki;
use crate::kit::socket::Socket;
use crate::kit::{Client, Origin, Page, Proxy, Raw, cache_status, eventually, get};

#[test]
fn the_cache_and_the_connections_are_kept() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content"));
    let mut proxy = Proxy::new(&origin).tls().workers(2).start();
    let mut raw = proxy.raw();
    raw.get("/page");
    raw.response().expect(200);
    let h2 = proxy.http2();
    h2.get("/page").expect(200);
    let before = (proxy.http(), proxy.https());
    for n in 1..=5 {
        let setup = proxy.setup().site(&format!("keep = '{n}h'"));
        proxy.reload(setup).expect("it is good");
        raw.get("/page");
        raw.response().expect(200).expect_hit();
        assert!(h2.is_connected());
        h2.get("/page").expect(200).expect_hit();
        proxy.http1().get("/page").expect(200).expect_hit();
    }
    assert_eq!((proxy.http(), proxy.https()), before);
    assert_eq!(origin.count("/page"), 2);
    assert!(proxy.metric("tidegate_config_reloads_total{result=\"done\"}") > 4.5);
}

#[test]
fn a_request_under_way_is_not_disturbed() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("").gated();
    origin.replies("/page", [reply]);
    let mut proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    let mut pending = client.begin(get("/page"));
    gate.send("begun");
    pending.bytes(5);
    let setup = proxy.setup().site("keep = '1h'");
    proxy.reload(setup).expect("it is good");
    gate.send(" and ended");
    gate.finish();
    assert_eq!(pending.response().expect(200).text(), " and ended");
}

#[test]
fn what_a_site_may_do_changes_with_the_next_request() {
    let origin = Origin::start();
    origin.page("/before", Page::new("x"));
    origin.page("/after", Page::new("x"));
    let mut proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/before").expect_because("no-lifetime");
    let setup = proxy.setup().site("default_ttl = '1h'");
    proxy.reload(setup).expect("it is good");
    client.get("/after").expect(200);
    client.get("/after").expect(200).expect_hit();
}

#[test]
fn sites_come_and_go() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let mut proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    let elsewhere = || get("/page").host("elsewhere.test");
    client.send(elsewhere()).expect(421);
    let plain = proxy.setup();
    let setup = plain.clone().config("[site.more]\nhosts = ['elsewhere.test']\ncluster = 'wiki'");
    proxy.reload(setup).expect("it is good");
    client.send(elsewhere()).expect(200);
    client.send(elsewhere()).expect(200).expect_hit();
    proxy.reload(plain).expect("it is good");
    client.send(elsewhere()).expect(421);
}

#[test]
fn another_origin_is_asked_from_then_on() {
    let (one, other) = (Origin::start(), Origin::start());
    one.page("/page", Page::new("one"));
    other.page("/page", Page::new("other"));
    let mut proxy = Proxy::new(&one).start();
    let client = proxy.http1();
    assert_eq!(client.get("/page").text(), "one");
    let servers = format!("servers = [{{ address = '{}' }}]", other.address());
    let setup = proxy.setup().cluster(&servers);
    proxy.reload(setup).expect("it is good");
    assert_eq!(client.get("/page").text(), "other");
}

#[test]
fn a_bad_configuration_is_refused_as_a_whole() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let mut proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    let with_new_site =
        proxy.setup().config("[site.more]\nhosts = ['elsewhere.test']\ncluster = 'wiki'");
    let taken = std::net::TcpListener::bind("127.0.0.5:0").expect("loopback has ports");
    let address = taken.local_addr().expect("it is bound");
    let broken = pki::Identity { cert: "no certificate".into(), key: "no key".into() };
    for (what, setup) in [
        ("an unknown key", with_new_site.clone().site("gracious = true")),
        ("an unknown cluster", with_new_site.clone().site("cluster = 'nobody'")),
        ("a broken certificate", with_new_site.clone().certificates(&[&broken]).tls()),
        (
            "an address that is taken",
            with_new_site.config(&format!("[[listener]]\naddress = '{address}'")),
        ),
    ] {
        assert!(proxy.reload(setup).is_err(), "{what} was taken");
        client.send(get("/page").host("elsewhere.test")).expect(421);
        client.get("/page").expect(200);
    }
    assert_eq!(origin.count("/page"), 1);
}

#[test]
fn listeners_are_added_and_removed() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let mut proxy = Proxy::new(&origin).workers(2).start();
    let plain = proxy.setup();
    proxy.reload(plain.clone().another_listener()).expect("it is good");
    let added = proxy.another();
    let kept = Client::http1(added);
    kept.get("/page").expect(200);
    proxy.reload(plain).expect("it is good");
    eventually("nobody listens there any more", || Socket::is_refused(added));
    proxy.http1().get("/page").expect(200).expect_hit();
}

#[test]
fn a_new_certificate_is_shown_to_new_connections() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let (old, new) = (pki::identity(&["wiki.test"]), pki::identity(&["wiki.test"]));
    let mut proxy = Proxy::new(&origin).certificate(&old).tls().start();
    let shown = |proxy: &Proxy| Raw::tls(proxy.https(), "wiki.test").certificate();
    assert!(shown(&proxy) == old.der());
    let h2 = proxy.http2();
    h2.get("/page").expect(200);
    let setup = proxy.setup().certificates(&[&new]);
    proxy.reload(setup).expect("it is good");
    assert!(shown(&proxy) == new.der());
    assert!(h2.is_connected());
    h2.get("/page").expect(200).expect_hit();
}

#[test]
fn what_was_not_served_for_a_while_is_not_fresh_when_it_is_again() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let without = Proxy::new(&origin);
    let other = "hosts = ['other.test']\n cluster = 'wiki'";
    let with = without.clone().with("site.other", other);
    let mut proxy = with.clone().start();
    let ask = |proxy: &Proxy| proxy.http1().send(get("/page").host("other.test")).expect(200);
    ask(&proxy);
    ask(&proxy).expect_hit();
    // Its purges meanwhile are nobody's.
    proxy.reload(without).unwrap();
    proxy.reload(with.clone()).unwrap();
    assert!(!cache_status(&ask(&proxy)).hit);
    ask(&proxy).expect_hit();
    proxy.reload(with.site("grace = '1m'")).unwrap();
    ask(&proxy).expect_hit();
}
