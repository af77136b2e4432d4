//! Which server of a cluster is asked: by turns, by what each has under way, or by URL; and when another
//! is asked after it.

use std::sync::{Arc, Mutex};

use crate::kit::{Origin, Page, Proxy, Request, get};

fn page() -> Page {
    Page::new("x").header("cache-control", "no-store")
}

fn origins(count: usize) -> Vec<Origin> {
    let origins: Vec<_> = (0..count).map(|_| Origin::start()).collect();
    origins.iter().for_each(|origin| origin.otherwise(|_| page()));
    origins
}

fn balanced(origins: &[Origin], keys: &str, more: &str) -> Proxy {
    let addresses: Vec<_> = origins.iter().map(|one| format!("'{}'", one.address())).collect();
    // Nobody is ejected: what is seen here is what one request goes through.
    let servers = format!("servers = [{}{more}]\neject_after = 0\n{keys}", addresses.join(", "));
    Proxy::new(&origins[0]).cluster(&servers).start()
}

#[test]
fn a_url_has_always_the_same_server() {
    let origins = origins(3);
    let proxy = balanced(&origins, "balance = 'hash'", "");
    let client = proxy.http1();
    let paths: Vec<String> = (0..40).map(|n| format!("/wiki/{n}?action=raw")).collect();
    for path in paths.iter().cycle().take(3 * paths.len()) {
        client.get(path).expect(200);
    }
    for path in &paths {
        let mut counts: Vec<_> = origins.iter().map(|origin| origin.count(path)).collect();
        counts.sort_unstable();
        assert_eq!(counts, [0, 0, 3], "{path}");
    }
    for origin in &origins {
        assert!(!origin.requests().is_empty(), "each has some");
    }
}

#[test]
fn what_a_dead_servers_urls_were_is_answered_by_others() {
    let origins = origins(1);
    for balance in ["turns", "least", "hash"] {
        let proxy = balanced(&origins, &format!("balance = '{balance}'"), ", '127.0.0.1:1'");
        let client = proxy.http1();
        for n in 0..20 {
            client.get(&format!("/wiki/{n}")).expect(200);
        }
    }
}

#[test]
fn a_server_that_has_more_to_do_is_asked_less() {
    let origins = origins(2);
    let gates = Arc::new(Mutex::new(Vec::new()));
    for origin in &origins {
        let gates = Arc::clone(&gates);
        origin.on("/held", move |_| {
            let (gate, reply) = page().held();
            gates.lock().unwrap().push(gate);
            reply
        });
    }
    let proxy = balanced(&origins, "balance = 'least'", "");
    let slow = proxy.http1();
    let pending = slow.begin(get("/held"));
    crate::kit::eventually("one is busy", || gates.lock().unwrap().len() == 1);
    let client = proxy.http1();
    for _ in 0..20 {
        client.get("/quick").expect(200);
    }
    let mut counts: Vec<_> =
        origins.iter().map(|one| (one.count("/held"), one.count("/quick"))).collect();
    counts.sort_unstable();
    assert_eq!(counts, [(0, 20), (1, 0)]);
    gates.lock().unwrap().pop().unwrap().finish();
    pending.response().expect(200);
}

fn post(path: &str) -> Request {
    Request::new("POST", path).body("a=b")
}

/// How often the origins were asked for `path`.
fn asked(origins: &[Origin], path: &str) -> usize {
    origins.iter().map(|origin| origin.count(path)).sum()
}

#[test]
fn after_a_503_another_server_is_asked_where_that_is_safe() {
    let origins = origins(2);
    origins[0].otherwise(|_| page().with_status(503));
    let proxy = balanced(&origins, "", "");
    let client = proxy.http1();
    for _ in 0..12 {
        client.get("/read").expect(200);
    }
    assert_eq!((origins[0].count("/read"), origins[1].count("/read")), (6, 12));
    let answers: Vec<u16> = (0..4).map(|_| client.send(post("/edit")).status).collect();
    assert_eq!(answers.iter().filter(|status| **status == 503).count(), 2, "{answers:?}");
    assert_eq!(asked(&origins, "/edit"), 4, "an edit is made once");
    proxy.wait_for_metric("tidegate_origin_events_total{event=\"retry\"}", 6.0);
}

#[test]
fn after_a_server_that_hangs_up_another_is_asked_where_that_is_safe() {
    let origins = origins(2);
    origins[0].otherwise(|_| {
        let (gate, reply) = page().held();
        gate.abort();
        reply
    });
    let proxy = balanced(&origins, "", "");
    let client = proxy.http1();
    for _ in 0..12 {
        client.get("/read").expect(200);
    }
    let answers: Vec<u16> = (0..4).map(|_| client.send(post("/edit")).status).collect();
    assert_eq!(answers.iter().filter(|status| **status == 502).count(), 2, "{answers:?}");
    assert_eq!(asked(&origins, "/edit"), 4, "an edit is made once");
}

#[test]
fn servers_that_all_fail_are_not_asked_twice_as_much() {
    for (budget, least, most) in [(20, 125, 130), (0, 100, 100)] {
        let origins = origins(2);
        origins.iter().for_each(|origin| origin.otherwise(|_| page().with_status(503)));
        let proxy = balanced(&origins, &format!("retry_budget = {budget}"), "");
        let client = proxy.http1();
        for _ in 0..100 {
            client.get("/read").expect(503);
        }
        let asked = asked(&origins, "/read");
        assert!((least..=most).contains(&asked), "with {budget} %: {asked}");
        let refused = (200 - asked) as f64;
        proxy.wait_for_metric("tidegate_retries_refused_total", refused);
    }
}

#[test]
fn a_503_is_passed_on_where_no_other_server_answers() {
    let origins = origins(1);
    origins[0].otherwise(|_| page().with_status(503).header("retry-after", "7"));
    let proxy = balanced(&origins, "", ", '127.0.0.1:1'");
    let client = proxy.http1();
    for _ in 0..6 {
        let answer = client.get("/read").expect(503);
        assert_eq!(answer.header("retry-after"), Some("7"), "it is the server's own");
    }
}
