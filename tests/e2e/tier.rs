//! A datacenter that only caches sends its misses to the nodes of another: what these have stored is stored
//! there too, as they have it; what is purged is purged there first; and nobody but nodes is believed.

use std::net::SocketAddr;

use crate::kit::kafka::Kafka;
use crate::kit::versioned::version_of;
use crate::kit::{
    Client, Origin, Page, Proxy, Request, Setup, Versioned, cache_status, eventually, get, pki,
};

const DATACENTERS: &str = "
    [datacenter.eqiad]
    coordinates = '39.0,-77.5'\n";

fn cluster(origin: &Origin) -> String {
    format!("[cluster.far.datacenter.eqiad]\nservers = ['{}']\n", origin.address())
}

/// A node in eqiad, in front of `origin`.
fn far(origin: &Origin, site: &str) -> Proxy {
    far_with(origin, site, "")
}

fn far_with(origin: &Origin, site: &str, more: &str) -> Proxy {
    Proxy::new(origin)
        .without("cluster.wiki")
        .site(&format!("cluster = 'far'\n{site}"))
        .with("node", "datacenter = 'eqiad'\nname = 'far'")
        .config(&[DATACENTERS, &cluster(origin), more].concat())
        .in_the_fleet()
        .start()
}

/// A node in esams, which sends its misses to the one at `edge`.
fn near(origin: &Origin, edge: SocketAddr, site: &str) -> Setup {
    let esams = "[datacenter.esams]\ncoordinates = '52.4,4.9'\nmisses = 'edges'\n";
    let edges = format!("edges = ['https://{edge}']\n");
    Proxy::new(origin)
        .without("cluster.wiki")
        .site(&format!("cluster = 'far'\n{site}"))
        .with("node", "datacenter = 'esams'\nname = 'near'")
        .config(&[DATACENTERS, &edges, esams, &cluster(origin)].concat())
        .in_the_fleet()
}

#[test]
fn what_a_far_node_has_stored_comes_from_there_as_it_is_stored() {
    let origin = Origin::start();
    let page = Page::cacheable("page").header("x-origin-says", "so").header("xkey", "page-1");
    origin.page("/page", page);
    let far = far(
        &origin,
        "client_cache_control = 'private, max-age=0'\ndrop_response_fields = ['x-origin-says']",
    );
    let near = near(&origin, far.for_nodes(), "").start();
    far.http1().get("/page").expect(200);
    let answer = near.http1().get("/page").expect(200);
    assert_eq!(answer.text(), "page");
    assert_eq!(origin.count("/page"), 1, "it came from the far node");
    assert_eq!(
        answer.header("x-origin-says"),
        Some("so"),
        "clients of the near one see what its site says"
    );
    assert!(answer.header("cache-control").unwrap().contains("max-age="), "{answer:?}");
    assert!(!answer.header("cache-control").unwrap().contains("private"), "{answer:?}");
    let again = near.http1().get("/page").expect(200);
    assert!(cache_status(&again).hit);
    let direct = far.http1().get("/page").expect(200);
    assert_eq!(direct.header("x-origin-says"), None);
    assert!(cache_status(&direct).hit);
    // A write goes the same way, and is made once.
    origin.page("/edit", Page::new("done"));
    near.http1().send(Request::new("POST", "/edit").body("x")).expect(200);
    assert_eq!(origin.count("/edit"), 1);
    assert_eq!(origin.requests().last().unwrap().header("via"), Some("1.1 near, 1.1 far"));
}

#[test]
fn the_client_and_its_scheme_are_known_at_the_far_node() {
    let origin = Origin::start();
    origin.otherwise(|_| Page::cacheable("x"));
    let far = far(&origin, "");
    let near = near(&origin, far.for_nodes(), "").tls().start();
    near.http1_tls().get("/page").expect(200);
    let seen = &origin.requests()[0];
    assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
    assert!(seen.header("x-forwarded-for").unwrap().starts_with("127.0.0.1, "), "{seen:?}");
    for name in ["tidegate-positions", "tidegate-behind", "tidegate-order"] {
        assert_eq!(seen.header(name), None);
    }
}

#[test]
fn a_far_node_that_is_gone_is_done_without() {
    let origin = Origin::start();
    origin.otherwise(|_| Page::new("x").header("cache-control", "no-store"));
    let near = near(&origin, "127.0.0.5:1".parse().unwrap(), "").start();
    let client = near.http1();
    eventually("servers are asked", || client.get("/page").status == 200);
    (0..10).for_each(|_| drop(client.get("/page").expect(200)));
}

#[test]
fn nobody_but_nodes_comes_in_by_their_door() {
    let origin = Origin::start();
    origin.otherwise(|_| Page::cacheable("x"));
    let far = far(&origin, "");
    // TLS, and no certificate: the handshake is over only when the other side has seen that.
    let address = far.for_nodes();
    let refused = std::panic::catch_unwind(move || Client::http1_tls(address).get("/page"));
    assert!(refused.is_err());
    assert_eq!(origin.requests().len(), 0);
    // And what nodes say to each other is nothing from a stranger.
    let order = get("/").header("tidegate-order", r#"{"everything":true}"#);
    far.http1().send(order.header("tidegate-positions", "c/t/-/0=99999")).expect(200);
    assert_eq!(origin.requests()[0].header("tidegate-order"), None);
    assert_eq!(origin.requests()[0].header("tidegate-positions"), None);
    assert!(far.metric("tidegate_wide_purges_total") < 0.5);
}

#[test]
fn a_purge_is_in_force_at_the_far_node_before_it_is_answered() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/page", "max-age=600");
    let far = far(&origin, "");
    let near = near(&origin, far.for_nodes(), "").start();
    let (near_client, far_client) = (near.http1(), far.http1());
    let first = near_client.get("/page").expect(200).text();
    assert_eq!(far_client.get("/page").expect(200).text(), first);
    page.raise();
    near.purge("/page");
    let second = near_client.get("/page").expect(200).text();
    assert_ne!(second, first, "the far node knew");
    assert_eq!(far_client.get("/page").expect(200).text(), second);
}

#[test]
fn a_soft_purge_is_not_undone_by_what_the_far_node_has_in_grace() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/page", "max-age=600, stale-while-revalidate=600");
    let far = far(&origin, "");
    let near = near(&origin, far.for_nodes(), "").start();
    let client = near.http1();
    let old = version_of(&client.get("/page"));
    page.raise();
    let soft = Request::new("PURGE", "/page").header("x-purge-mode", "soft");
    assert!(client.send(soft).status < 300);
    eventually("it is refreshed", || version_of(&client.get("/page")) == old + 1);
}

#[test]
fn what_is_softly_purged_is_not_handed_out_where_the_origin_fails() {
    let origin = Origin::start();
    let old = Page::new("old").header("cache-control", "max-age=600, stale-if-error=600");
    origin.page("/page", old);
    let far = far(&origin, "");
    let near = near(&origin, far.for_nodes(), "").start();
    let client = near.http1();
    client.get("/page").expect(200);
    assert!(cache_status(&client.get("/page")).hit);
    let soft = Request::new("PURGE", "/page").header("x-purge-mode", "soft");
    assert!(client.send(soft).status < 300);
    origin.page("/page", Page::status(503));
    for _ in 0..3 {
        let answer = client.get("/page");
        let said = cache_status(&answer);
        let detail = said.detail.as_deref();
        assert!(answer.status == 503 || detail == Some("if-error"), "it is fresh again: {said:?}");
    }
}

#[test]
fn only_nodes_can_be_behind() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x").header("tidegate-behind", "?1"));
    let far = far(&origin, "");
    let near = near(&origin, far.for_nodes(), "").start();
    let client = near.http1();
    let answer = client.get("/page").expect(200);
    assert_eq!(answer.header("tidegate-behind"), None);
    assert!(cache_status(&client.get("/page")).hit);
    assert!(cache_status(&far.http1().get("/page")).hit);
}

#[test]
fn what_a_write_names_is_forgotten_at_the_far_node_too() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/page", "max-age=600");
    origin.page("/edit", Page::new("done").header("content-location", "/page"));
    let far = far(&origin, "");
    let near = near(&origin, far.for_nodes(), "").start();
    let client = near.http1();
    let old = version_of(&client.get("/page"));
    page.raise();
    client.send(Request::new("POST", "/edit").body("x")).expect(200);
    assert_eq!(version_of(&client.get("/page")), old + 1);
    assert_eq!(version_of(&far.http1().get("/page")), old + 1);
}

#[test]
fn a_wikis_pages_come_through_another_node() {
    let origin = Origin::start();
    origin.otherwise(|_| Page::cacheable("x"));
    let far = far(&origin, "profile = 'mediawiki'");
    let near = near(&origin, far.for_nodes(), "profile = 'mediawiki'").start();
    near.http1().get("/page").expect(200);
    assert_eq!(origin.requests()[0].header("via"), Some("1.1 near, 1.1 far"));
}

#[test]
fn a_purge_that_does_not_reach_the_far_node_is_no_success() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let near = near(&origin, "127.0.0.5:1".parse().unwrap(), "").start();
    let client = near.http1();
    eventually("it is stored", || cache_status(&client.get("/page")).hit);
    let answer = client.send(Request::new("PURGE", "/page"));
    assert_eq!(answer.status, 502);
    assert_eq!(cache_status(&answer).detail.as_deref(), Some("not-relayed"));
    assert!(!cache_status(&client.get("/page")).hit, "here it is in force");
}

#[test]
fn a_node_that_is_out_holds_no_purge_up_and_comes_back_with_all_of_them() {
    let origin = Origin::start();
    let (page, other) = (
        Versioned::page(&origin, "/page", "max-age=600"),
        Versioned::page(&origin, "/other", "max-age=600"),
    );
    let far = far(&origin, "");
    let file = std::env::temp_dir().join(format!("tidegate-owed-{}.json", std::process::id()));
    let setup = near(&origin, far.for_nodes(), "");
    let near = setup.with("fleet", &format!("overrides = '{}'", file.display())).start();
    let (client, there) = (near.http1(), far.http1());
    let old = version_of(&client.get("/page"));
    version_of(&client.get("/other"));
    let node = format!("nodes/eqiad/https://{}", far.for_nodes());
    std::fs::write(&file, serde_json::json!({ node: { "pooled": "no" } }).to_string()).unwrap();
    // Nobody has told the far node yet: the purge waits for it as long as it is asked.
    near.wait_for_metric("tidegate_fleet_overrides", 1.0);
    page.raise();
    client.send(Request::new("PURGE", "/page")).expect(204);
    near.wait_for_metric("tidegate_purges_owed", 1.0);
    assert_eq!(version_of(&client.get("/page")), old + 1, "the servers are asked");
    assert!(cache_status(&there.get("/page")).hit, "nobody has told it");
    std::fs::remove_file(&file).unwrap();
    near.wait_for_metric("tidegate_fleet_overrides", 0.0);
    eventually("it knows of the purge", || version_of(&there.get("/page")) == old + 1);
    eventually("nothing is owed", || near.metric("tidegate_purges_owed") == 0.0);
    // It is asked again.
    let before = there.get("/other");
    other.raise();
    client.send(Request::new("PURGE", "/other")).expect(204);
    assert_eq!(version_of(&there.get("/other")), version_of(&before) + 1);
}

#[test]
fn a_node_that_was_out_as_this_one_started_is_owed_everything() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/page", "max-age=600");
    origin.page("/other", Page::new("x").header("cache-control", "no-store"));
    let far = far(&origin, "");
    let there = far.http1();
    let old = version_of(&there.get("/page"));
    page.raise();
    let file = std::env::temp_dir().join(format!("tidegate-started-{}.json", std::process::id()));
    let node = format!("nodes/eqiad/https://{}", far.for_nodes());
    std::fs::write(&file, serde_json::json!({ node: { "pooled": "no" } }).to_string()).unwrap();
    let setup = near(&origin, far.for_nodes(), "");
    let near = setup.with("fleet", &format!("overrides = '{}'", file.display())).start();
    // Whoever ran here before may have answered a purge of the page.
    std::fs::remove_file(&file).unwrap();
    near.wait_for_metric("tidegate_fleet_overrides", 0.0);
    eventually("nothing is owed", || near.metric("tidegate_purges_owed") == 0.0);
    eventually("it is asked", || {
        near.http1().get("/other").status == 200 && far_was_asked(&origin)
    });
    assert_eq!(version_of(&near.http1().get("/page")), old + 1);
}

/// Whether what was asked for last came through the far node.
fn far_was_asked(origin: &Origin) -> bool {
    origin.requests().last().is_some_and(|seen| seen.header("via") == Some("1.1 near, 1.1 far"))
}

#[test]
fn nodes_need_certificates_of_one_authority() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let far = far(&origin, "");
    let stranger = pki::stranger(&["127.0.0.5"]);
    let near = near(&origin, far.for_nodes(), "")
        .file("node.pem", &stranger.cert)
        .file("node.key", &stranger.key)
        .start();
    let client = near.http1();
    eventually("the servers themselves are asked", || client.get("/page").status == 200);
    assert_eq!(origin.requests()[0].header("via"), Some("1.1 near"));
}

const TOPIC: &str = "eqiad.resource-purge";

fn stream(kafka: &Kafka) -> String {
    format!("[[purge.stream]]\n{}topics = ['{TOPIC}']\n", kafka.brokers())
}

/// Waits until a node has applied what stands in the topic's only partition up to `next`.
fn wait_for_position(node: &Proxy, next: f64) {
    node.wait_for_metric("tidegate_stream_position", next);
}

#[test]
fn a_far_node_that_has_not_read_a_purge_yet_gives_nothing_to_be_stored() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/page", "max-age=600");
    // What is one log for all is read by each from a broker of its own: one of them lags.
    let (ahead, lagging) = (Kafka::start(), Kafka::start());
    for kafka in [&ahead, &lagging] {
        kafka.topic(TOPIC, 1);
        kafka.events(TOPIC, 0, &["http://wiki.test/else"]);
    }
    let far = far_with(&origin, "", &stream(&lagging));
    let near = near(&origin, far.for_nodes(), "").config(&stream(&ahead)).start();
    for node in [&far, &near] {
        eventually("the stream is read", || node.metric("tidegate_stream_position") > 0.5);
    }
    let (near_client, far_client) = (near.http1(), far.http1());
    eventually("it is stored at both", || {
        cache_status(&near_client.get("/page")).hit && cache_status(&far_client.get("/page")).hit
    });
    let old = version_of(&near_client.get("/page"));
    assert_eq!(version_of(&far_client.get("/page")), old);

    page.raise();
    ahead.events(TOPIC, 0, &["http://wiki.test/page"]);
    wait_for_position(&near, 2.0);
    let answer = near_client.get("/page");
    assert_eq!(version_of(&answer), old + 1, "the far node has asked the origin");
    assert_eq!(cache_status(&answer).detail.as_deref(), Some("behind"));
    assert_eq!(answer.header("tidegate-behind"), None);
    assert_eq!(version_of(&far_client.get("/page")), old, "it does not know of it");

    lagging.events(TOPIC, 0, &["http://wiki.test/page"]);
    wait_for_position(&far, 2.0);
    eventually("it is stored again", || cache_status(&near_client.get("/page")).hit);
    assert_eq!(version_of(&near_client.get("/page")), old + 1);
}
