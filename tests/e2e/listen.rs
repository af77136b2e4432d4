//! Where clients connect, and how many may.

use crate::kit::{Client, Origin, Page, Proxy, Raw};

#[test]
fn ipv6_is_served_beside_ipv4() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        // This machine has no IPv6, so nothing can be seen of it.
        return;
    }
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).config("[[listener]]\naddress = '[::1]:0'").start();
    Client::http1(proxy.last_listener()).get("/page").expect(200);
    proxy.http1().get("/page").expect(200).expect_hit();
    assert_eq!(origin.requests()[0].header("x-forwarded-for"), Some("::1"));
}

#[test]
fn connections_beyond_the_limit_are_closed_and_the_others_served() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).with("limits", "connections = 3").start();
    let mut held: Vec<Raw> = (0..3).map(|_| proxy.raw()).collect();
    proxy.wait_for_metric("tidegate_connections{listener=\"plain\"}", 3.0);
    proxy.raw().expect_close();
    assert!(proxy.metric("tidegate_connections_refused_total{cause=\"limit\"}") > 0.5);
    for raw in &mut held {
        raw.get("/page");
        raw.response().expect(200);
    }
    drop(held.pop());
    proxy.wait_for_metric("tidegate_connections{listener=\"plain\"}", 2.0);
    proxy.http1().get("/page").expect(200);
}

#[test]
fn clients_of_every_worker_are_served() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).workers(4).start();
    let clients: Vec<Client> = (0..64).map(|_| proxy.http1()).collect();
    for _ in 0..2 {
        for client in &clients {
            client.get("/page").expect(200);
        }
    }
    assert_eq!(origin.count("/page"), 1);
}

#[test]
fn a_panic_is_never_the_answer_to_strange_bytes() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).tls().start();
    for seed in 0..200_u64 {
        let mut random = fastrand::Rng::with_seed(seed);
        let bytes: Vec<u8> = (0..random.usize(1..300)).map(|_| random.u8(..)).collect();
        for address in [proxy.http(), proxy.https()] {
            let mut raw = Raw::connect(address);
            raw.send(&bytes);
            raw.half_close();
            raw.read_to_end();
        }
    }
    // The proxy tells of panics when it is dropped.
    assert_eq!(origin.requests().len(), 0);
}
