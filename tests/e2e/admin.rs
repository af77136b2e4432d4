//! What operators see: health, state, metrics.

use crate::kit::{Origin, Page, Proxy, Reply, Request};

#[test]
fn health_is_a_status() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).start();
    proxy.ask("/healthz").expect(200);
    let head = crate::kit::Client::http1(proxy.admin());
    head.send(Request::new("HEAD", "/healthz").host("admin.test")).expect(200);
    proxy.ask("/nothing-here").expect(404);
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn the_status_is_json_that_names_the_node() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).start();
    let status = proxy.status();
    assert!(status.to_string().contains("cp1"), "{status}");
    assert!(status.to_string().contains(env!("CARGO_PKG_VERSION")), "{status}");
}

#[test]
fn requests_are_counted_by_site_outcome_reason_and_status() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content"));
    let proxy = Proxy::new(&origin).workers(2).start();
    for _ in 0..5 {
        proxy.http1().get("/page").expect(200);
    }
    proxy.purge("/page");
    proxy.http1().send(crate::kit::get("/page").host("elsewhere.test")).expect(421);
    for (labels, count) in [
        ("wiki_site=\"wiki\",outcome=\"miss\",reason=\"absent\",status=\"2xx\"", 1.0),
        ("wiki_site=\"wiki\",outcome=\"hit\",reason=\"fresh\",status=\"2xx\"", 4.0),
        ("wiki_site=\"wiki\",outcome=\"synth\",reason=\"purged\"", 1.0),
        ("outcome=\"refused\",reason=\"unknown-host\",status=\"4xx\"", 1.0),
    ] {
        proxy.wait_for_metric(&format!("tidegate_requests_total{{{labels}}}"), count);
    }
    proxy.wait_for_metric("tidegate_response_body_bytes_total{outcome=\"hit\"}", 28.0);
    proxy.wait_for_metric("tidegate_origin_first_byte_seconds_count", 1.0);
    proxy.wait_for_metric("tidegate_first_byte_seconds_count{outcome=\"hit\"}", 4.0);
}

#[test]
fn the_metrics_cover_every_room() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content"));
    let proxy = Proxy::new(&origin).tls().start();
    proxy.http1().get("/page").expect(200);
    proxy.http2().get("/page").expect(200);
    let answer = proxy.ask("/metrics").expect(200);
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/plain") || kind.starts_with("application/openmetrics-text"));
    let text = answer.text();
    for name in [
        "tidegate_build_info",
        "tidegate_requests_total",
        "tidegate_connections",
        "tidegate_connections_accepted_total",
        "tidegate_tls_handshakes_total",
        "tidegate_flights_total",
        "tidegate_origin_connections",
        "tidegate_purges_total",
        "tidegate_panics_total",
        "tidegate_memory_held_bytes",
        "tidegate_memory_limit_bytes",
    ] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name} is missing");
    }
    assert!(text.contains("store") || text.contains("cache"), "nothing of the store is told");
}

#[test]
fn connections_and_flights_under_way_are_gauged() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("x").held();
    origin.replies("/page", [reply]);
    let proxy = Proxy::new(&origin).tls().start();
    let client = proxy.http2();
    let pending = client.begin(crate::kit::get("/page"));
    origin.wait_for("/page", 1);
    proxy.wait_for_metric("tidegate_flights", 1.0);
    proxy.wait_for_metric("tidegate_connections{listener=\"tls\"}", 1.0);
    gate.finish();
    pending.response().expect(200);
    proxy.wait_for_metric("tidegate_flights", 0.0);
    drop(client);
    proxy.wait_for_metric("tidegate_connections{listener=\"tls\"}", 0.0);
}

#[test]
fn what_the_rooms_do_is_counted() {
    let origin = Origin::start();
    origin.on("/page", |seen| -> Reply {
        match seen.nth {
            0 | 1 => Page::new("x").header("cache-control", "no-store").into(),
            _ => Reply::Close,
        }
    });
    origin.page("/stored", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/stored").expect(200);
    client.get("/page").expect(200);
    client.get("/page").expect(200);
    proxy.purge("/stored");
    client
        .send(Request::new("PURGE", "/page").header("x-forwarded-for", "203.0.113.7"))
        .expect(405);
    let mut raw = proxy.raw();
    raw.send("no request\r\n\r\n");
    raw.read_to_end();
    for (sample, count) in [
        ("tidegate_flights_total{event=\"led\"}", 2.0),
        ("tidegate_store_commits_total", 1.0),
        ("tidegate_origin_events_total{event=\"connect\"}", 2.0),
        ("tidegate_origin_events_total{event=\"reuse\"}", 2.0),
        ("tidegate_origin_events_total{event=\"retry\"}", 1.0),
        ("tidegate_purges_total{found=\"yes\"}", 1.0),
        ("tidegate_requests_total{reason=\"purge-forbidden\"}", 1.0),
        ("tidegate_connections_broken_total{cause=\"protocol\"}", 1.0),
        ("tidegate_connections_accepted_total{listener=\"plain\"}", 3.0),
        ("tidegate_panics_total", 0.0),
    ] {
        proxy.wait_for_metric(sample, count);
    }
}
