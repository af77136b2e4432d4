//! HTCP from outside: a datagram purges, by address or by group, where its sender may and its host is one
//! that is listened for; what is lost, and what is garbage, is counted; and a reload opens and closes
//! listeners as a whole.

use std::net::{SocketAddr, UdpSocket};

use crate::kit::{Origin, Page, Proxy, Sender, Versioned, eventually, get, versioned::version_of};

const HTCP: &str = "[[purge.htcp]]\naddress = '127.0.0.1:0'\n";

fn listening(origin: &Origin, keys: &str) -> Proxy {
    Proxy::new(origin).config(&format!("{HTCP}{keys}")).start()
}

#[test]
fn a_clr_purges_the_page_that_it_names() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/wiki/A", "max-age=60");
    let other = Versioned::page(&origin, "/wiki/B", "max-age=60");
    let proxy = listening(&origin, "");
    let (sender, client) = (Sender::new(), proxy.http1());
    for n in 1..=3 {
        assert_eq!(version_of(&client.get("/wiki/A")), page.version());
        client.get("/wiki/B").expect(200);
        page.raise();
        other.raise();
        sender.clear(proxy.htcp()[0], "http://wiki.test/wiki/A");
        proxy.wait_for_clears(n);
        assert_eq!(version_of(&client.get("/wiki/A").expect_because("absent")), page.version());
        assert_eq!(version_of(&client.get("/wiki/B").expect_hit()), 1);
    }
    assert_eq!((origin.count("/wiki/A"), origin.count("/wiki/B")), (4, 1));
    assert!(proxy.metric("tidegate_htcp_numbers_total") < 0.5);
}

#[test]
fn mediawiki_s_own_bytes_purge() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/wiki/Rig_page_%C3%84", "max-age=60");
    let proxy = listening(&origin, "");
    let get = || proxy.http1().send(get("/wiki/Rig_page_%C3%84").host("alpha.wiki.test"));
    get().expect(200);
    page.raise();
    Sender::new().send(
        proxy.htcp()[0],
        b"\x00\x4f\x00\x00\x00\x49\x04\x00\x00\x00\x00\x07\x00\x00\
          \x00\x04HEAD\x00\x2bhttp://alpha.wiki.test/wiki/Rig_page_%C3%84\
          \x00\x08HTTP/1.0\x00\x00\x00\x02",
    );
    proxy.wait_for_clears(1);
    assert_eq!(version_of(&get()), 2);
}

#[test]
fn a_group_is_heard_beside_the_address() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/page", "max-age=60");
    let keys = "address = '0.0.0.0:0'\ngroups = ['239.128.48.30', '239.128.48.31']\n\
                interface = 'lo'";
    let proxy = Proxy::new(&origin).config(&format!("[[purge.htcp]]\n{keys}")).start();
    let port = proxy.htcp()[0].port();
    let sender = Sender::new();
    for (n, to) in (1..).zip(["239.128.48.30", "239.128.48.31", "127.0.0.1"]) {
        proxy.http1().get("/page").expect(200);
        page.raise();
        sender.clear(SocketAddr::new(to.parse().unwrap(), port), "http://wiki.test/page");
        proxy.wait_for_clears(n);
        assert_eq!(version_of(&proxy.http1().get("/page")), page.version(), "{to}");
    }
}

#[test]
fn garbage_is_counted_by_cause_and_purges_nothing() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = listening(&origin, "");
    let (sender, to) = (Sender::new(), proxy.htcp()[0]);
    proxy.http1().get("/page").expect(200);
    let good = tidegate::purge::htcp::clear("http://wiki.test/page", 1).unwrap();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    for (datagram, kind) in [
        (Vec::new(), "short"),
        (good[..good.len() - 1].to_vec(), "length"),
        (changed(2, 1), "version"),
        (changed(6, 1), "opcode"),
        (changed(7, 0x80), "answer"),
        (changed(16, b'D'), "method"),
        (changed(30, 0xff), "text"),
    ] {
        sender.send(to, &datagram);
        proxy.wait_for_metric(&format!("tidegate_htcp_datagrams_total{{kind=\"{kind}\"}}"), 1.0);
    }
    sender.clear(to, "wiki.test/page");
    sender.clear(to, "http://elsewhere.test/page");
    for (outcome, count) in [("bad-url", 2.0), ("unknown-host", 1.0), ("taken", 0.0)] {
        let orders =
            format!("tidegate_purge_orders_total{{source=\"htcp\",outcome=\"{outcome}\"}}");
        proxy.wait_for_metric(&orders, count);
    }
    proxy.http1().get("/page").expect_hit();
    sender.clear(to, "http://wiki.test/page");
    proxy.wait_for_clears(1);
    proxy.http1().get("/page").expect_because("absent");
}

#[test]
fn who_may_not_is_counted_and_not_heard() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    for (keys, may) in [("", true), ("allow = ['192.0.2.0/24']", false)] {
        // Where the listener says nothing, what goes for PURGE goes for it.
        for (purge, may) in [("127.0.0.0/8", may), ("192.0.2.0/24", false)] {
            let setup = Proxy::new(&origin).with("purge", &format!("allow = ['{purge}']"));
            let proxy = setup.config(&format!("{HTCP}{keys}")).start();
            proxy.http1().get("/page").expect(200);
            Sender::new().clear(proxy.htcp()[0], "http://wiki.test/page");
            let kind = if may { "clear" } else { "forbidden" };
            let count = format!("tidegate_htcp_datagrams_total{{kind=\"{kind}\"}}");
            proxy.wait_for_metric(&count, 1.0);
            proxy.wait_for_metric("tidegate_htcp_datagrams_total", 1.0);
            if !may {
                proxy.http1().get("/page").expect_hit();
            }
        }
    }
}

#[test]
fn numbers_that_do_not_come_are_counted_missing() {
    let origin = Origin::start();
    let proxy = listening(&origin, "hosts = ['wiki.test']");
    let (sender, to) = (Sender::new(), proxy.htcp()[0]);
    let url = "http://wiki.test/page";
    sender.clear(to, url);
    sender.skip(3);
    sender.clear(to, url);
    // Those of hosts that are left alone have come all the same.
    sender.clear(to, "http://other.test/page");
    sender.clear(to, url);
    proxy.wait_for_clears(3);
    let numbers = |event| format!("tidegate_htcp_numbers_total{{event=\"{event}\"}}");
    proxy.wait_for_metric(&numbers("missing"), 3.0);
    // Two of them after all, and one twice.
    for number in [2, 3, 3] {
        sender.send(to, &tidegate::purge::htcp::clear(url, number).unwrap());
    }
    proxy.wait_for_clears(6);
    for (event, count) in [("missing", 3.0), ("late", 2.0), ("duplicate", 1.0)] {
        proxy.wait_for_metric(&numbers(event), count);
    }
    let htcp = &proxy.status()["purging"]["htcp"];
    assert_eq!((htcp["senders"].as_u64(), htcp["missing"].as_u64()), (Some(1), Some(3)));
}

#[test]
fn hosts_that_are_not_listed_are_left_to_others() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = listening(&origin, "hosts = ['*.wiki.test']");
    let (sender, to) = (Sender::new(), proxy.htcp()[0]);
    let hosts = ["en.wiki.test", "wiki.test"];
    let ask = |host| proxy.http1().send(get("/page").host(host)).expect(200);
    hosts.iter().for_each(|host| _ = ask(host));
    for host in hosts {
        sender.clear(to, &format!("http://{host}/page"));
    }
    proxy.wait_for_clears(1);
    let dropped = "tidegate_purge_orders_total{source=\"htcp\",outcome=\"other-host\"}";
    proxy.wait_for_metric(dropped, 1.0);
    ask("en.wiki.test").expect_because("absent");
    ask("wiki.test").expect_hit();
}

#[test]
fn a_reload_opens_keeps_changes_and_closes_listeners() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let mut proxy = Proxy::new(&origin).start();
    let (plain, sender) = (proxy.setup(), Sender::new());
    assert_eq!(proxy.htcp(), []);
    let purges = |proxy: &Proxy, to: SocketAddr, n| {
        proxy.http1().get("/page").expect(200);
        sender.clear(to, "http://wiki.test/page");
        proxy.wait_for_clears(n);
        proxy.http1().get("/page").expect_because("absent");
    };
    proxy.reload(plain.clone().config(HTCP)).expect("it is good");
    let first = proxy.htcp()[0];
    purges(&proxy, first, 1);
    // Another beside it, and other hosts for the first.
    let both = format!("{HTCP}hosts = ['other.test']\n[[purge.htcp]]\naddress = '127.0.0.6:0'");
    proxy.reload(plain.clone().config(&both)).expect("it is good");
    let addresses = proxy.htcp();
    assert_eq!((addresses.len(), addresses[0]), (2, first));
    sender.clear(first, "http://wiki.test/page");
    let dropped = "tidegate_purge_orders_total{source=\"htcp\",outcome=\"other-host\"}";
    proxy.wait_for_metric(dropped, 1.0);
    purges(&proxy, addresses[1], 2);
    proxy.reload(plain).expect("it is good");
    assert_eq!(proxy.htcp(), []);
    for address in addresses {
        eventually("the listener is closed", || UdpSocket::bind(address).is_ok());
    }
}

#[test]
fn a_reload_that_cannot_have_them_all_changes_none() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let mut proxy = listening(&origin, "");
    let (setup, address) = (proxy.setup(), proxy.htcp()[0]);
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let more =
        format!("[[purge.htcp]]\naddress = '127.0.0.7:0'\n[[purge.htcp]]\naddress = '{taken}'");
    let refused = proxy.reload(setup.config(&more)).unwrap_err();
    assert!(refused.contains(&format!("cannot listen on {taken}")), "{refused}");
    assert_eq!(proxy.htcp(), [address]);
    proxy.http1().get("/page").expect(200);
    Sender::new().clear(address, "http://wiki.test/page");
    proxy.wait_for_clears(1);
    proxy.http1().get("/page").expect_because("absent");
}

#[test]
fn purges_are_heard_as_long_as_requests_are_answered() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/page", "max-age=60");
    let setup = Proxy::new(&origin).config(HTCP).clock_by_hand();
    let proxy = setup.with("node", "drain_delay = '5s'").start();
    proxy.http1().get("/page").expect(200);
    let address = proxy.htcp()[0];
    proxy.drain();
    eventually("it says that it leaves", || proxy.ask("/healthz").status == 503);
    page.raise();
    Sender::new().clear(address, "http://wiki.test/page");
    proxy.wait_for_clears(1);
    assert_eq!(version_of(&proxy.http1().get("/page")), 2);
}
