//! Which servers are asked: those whose checks pass and that answer; not so few that a wrong check takes a
//! service away; and what happens while every one is out, and after it.

use std::sync::{Arc, Mutex};

use crate::kit::{Gate, Origin, Page, Proxy, Request, Response, Setup, cache_status, eventually};

fn page() -> Page {
    Page::new("x").header("cache-control", "no-store")
}

fn origin() -> Origin {
    let origin = Origin::start();
    origin.otherwise(|_| page());
    origin
}

/// A cluster of `origins`; the clock goes by hand.
fn cluster(origins: &[&Origin], keys: &str) -> Setup {
    let addresses: Vec<_> = origins.iter().map(|one| format!("'{}'", one.address())).collect();
    let servers = format!("servers = [{}]\n{keys}", addresses.join(", "));
    Proxy::new(origins[0]).cluster(&servers).clock_by_hand()
}

/// A request that nobody else's answer will do for.
fn post(path: &str) -> Request {
    Request::new("POST", path).body("x")
}

/// Has every answer to `path` wait for its gate.
fn hold(origin: &Origin, path: &str) -> Arc<Mutex<Vec<Gate>>> {
    let gates: Arc<Mutex<Vec<Gate>>> = Arc::default();
    let all = Arc::clone(&gates);
    origin.on(path, move |_| {
        let (gate, reply) = page().held();
        all.lock().expect("no test panics with it").push(gate);
        reply
    });
    gates
}

fn transitions(proxy: &Proxy, origin: &Origin, transition: &str) -> f64 {
    let server = origin.address();
    proxy.metric(&format!(
        "tidegate_origin_transitions_total{{server=\"{server}\",transition=\"{transition}\"}}"
    ))
}

/// What the status page says of a server.
fn seen(proxy: &Proxy, origin: &Origin) -> (String, bool) {
    let status = proxy.status();
    let servers = status["clusters"][0]["servers"].as_array().expect("servers").clone();
    let address = origin.address().to_string();
    let server = servers.iter().find(|server| server["address"] == address).expect("the server");
    let (state, pooled) = (server["state"].as_str(), server["pooled"].as_bool());
    (state.expect("a word").to_owned(), pooled.expect("yes or no"))
}

fn is(state: &str, pooled: bool) -> (String, bool) {
    (state.to_owned(), pooled)
}

#[test]
fn a_server_whose_check_fails_is_asked_nothing_until_it_passes() {
    let (sick, well) = (origin(), origin());
    let answer = |text: &'static str| move |_: &_| Page::new(text);
    sick.on("/healthz?deep=1", answer("database: gone"));
    well.on("/healthz?deep=1", answer("all is WELL"));
    let check = "path = '/healthz?deep=1'\nhost = 'check.test'\nbody = 'WELL'\nrise = 2";
    let proxy =
        cluster(&[&sick, &well], "slow_start = '0s'").with("cluster.wiki.check", check).start();
    eventually("it is down", || seen(&proxy, &sick) == is("down", false));
    let asked = sick.requests();
    assert_eq!(asked[0].header("host"), Some("check.test"));
    let client = proxy.http1();
    (0..10).for_each(|_| drop(client.get("/page").expect(200)));
    assert_eq!((sick.count("/page"), well.count("/page")), (0, 10));
    assert_eq!(seen(&proxy, &well), is("up", true));

    sick.on("/healthz?deep=1", answer("WELL again"));
    let passed = || proxy.metric("tidegate_origin_checks_total{result=\"passed\"}");
    let before = passed();
    proxy.advance_until("checks pass", 60, || passed() >= before + 4.0);
    assert_eq!(seen(&proxy, &sick), is("up", true));
    assert!((transitions(&proxy, &sick, "check-passed") - 1.0).abs() < 0.1);
    (0..10).for_each(|_| drop(client.get("/page").expect(200)));
    assert_eq!(sick.count("/page"), 5);
}

#[test]
fn what_fails_a_check_is_told() {
    let status = "path = '/healthz'\nstatus = 204";
    for (check, answer, why) in [
        (status, Page::new(""), "answered 200, not 204"),
        ("path = '/healthz'\nbody = 'ok'", Page::new("no"), "have no \"ok\""),
        ("path = '/healthz'\nbody = 'ok'", Page::new("").length(9).cut_after(0), "closed"),
    ] {
        let one = origin();
        one.on("/healthz", move |_| answer.clone());
        let proxy = cluster(&[&one], "").with("cluster.wiki.check", check).start();
        eventually(why, || {
            let said = &proxy.status()["clusters"][0]["servers"][0]["why"];
            said.as_str().unwrap().contains(why)
        });
    }
    let silent = origin();
    let _gates = hold(&silent, "/healthz");
    let check = "path = '/healthz'\ntimeout = '2s'";
    let proxy = cluster(&[&silent], "").with("cluster.wiki.check", check).start();
    silent.wait_for("/healthz", 1);
    proxy.advance_until("it is late", 10, || {
        proxy.status()["clusters"][0]["servers"][0]["why"] == "nothing within 2s"
    });
}

#[test]
fn a_server_that_takes_no_connection_is_found_before_a_request_is_lost_on_it() {
    let (gone, well) = ("127.0.0.1:1", origin());
    let keys = format!("servers = ['{gone}', '{}']", well.address());
    let proxy = Proxy::new(&well).cluster(&keys).with("cluster.wiki.check", "fall = 3").start();
    let down = format!("tidegate_origin_state{{server=\"{gone}\",state=\"down\"}}");
    proxy.wait_for_metric(&down, 1.0);
    let client = proxy.http1();
    (0..10).for_each(|_| drop(client.send(post("/edit")).expect(200)));
    assert!(proxy.metric("tidegate_origin_events_total{event=\"connect-failure\"}") < 0.5);
}

#[test]
fn a_server_that_fails_in_turn_is_ejected_and_tried_again_later() {
    let (sick, well) = (origin(), origin());
    sick.otherwise(|_| page().with_status(504));
    let proxy = cluster(&[&sick, &well], "eject_after = 3\nslow_start = '0s'").start();
    let client = proxy.http1();
    let statuses: Vec<u16> = (0..20).map(|_| client.get("/page").status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 504).count(), 3, "{statuses:?}");
    assert_eq!(seen(&proxy, &sick), is("ejected", false));
    let is_over = || seen(&proxy, &sick) == is("unproven", true);
    proxy.advance_until("its time is over", 12, is_over);
    // One request in a hundred shows whether it is well.
    eventually("it is tried", || client.get("/page").status == 504);
    assert_eq!(seen(&proxy, &sick), is("ejected", false));
    sick.otherwise(|_| page());
    proxy.advance(11);
    assert_eq!(seen(&proxy, &sick), is("ejected", false), "twice as long");
    proxy.advance_until("its time is over", 12, is_over);
    eventually("it answers", || {
        client.get("/page").expect(200);
        seen(&proxy, &sick) == is("up", true)
    });
}

#[test]
fn servers_beyond_the_threshold_are_asked_however_they_are() {
    let all = [origin(), origin(), origin()];
    let [first, second, well] = &all;
    let proxy = cluster(&[first, second, well], "depool_threshold = 66\nslow_start = '0s'")
        .with("cluster.wiki.check", "path = '/healthz'\nfall = 1")
        .start();
    eventually("all are checked", || all.iter().all(|one| one.count("/healthz") > 0));
    first.page("/healthz", Page::status(500));
    proxy.advance_until("one is out", 12, || seen(&proxy, first) == is("down", false));
    second.page("/healthz", Page::status(500));
    proxy.advance_until("the other is not", 12, || seen(&proxy, second) == is("down", true));
    let held = format!("tidegate_origin_pooled_while_down{{server=\"{}\"}}", second.address());
    assert!((proxy.metric(&held) - 1.0).abs() < 0.1);
    let client = proxy.http1();
    (0..10).for_each(|_| drop(client.get("/page").expect(200)));
    assert_eq!((first.count("/page"), second.count("/page")), (0, 5));
    first.page("/healthz", Page::new(""));
    proxy.advance_until("now it is", 24, || seen(&proxy, second) == is("down", false));
    assert_eq!(seen(&proxy, first), is("up", true));
}

#[test]
fn a_check_that_is_wrong_of_all_takes_nothing_away() {
    let all = [origin(), origin()];
    let keys = "depool_threshold = 0\nmax_connections = 40";
    let proxy = cluster(&[&all[0], &all[1]], keys)
        .with("cluster.wiki.check", "path = '/mistyped'\nstatus = 204")
        .start();
    proxy.wait_for_metric("tidegate_origin_panic", 1.0);
    let client = proxy.http1();
    (0..100).for_each(|_| drop(client.get("/page").expect(200)));
    assert_eq!(all.iter().map(|one| one.count("/page")).sum::<usize>(), 100);
    // What they have answered shows that they take as much as ever.
    let gates = all.iter().map(|one| hold(one, "/held")).collect::<Vec<_>>();
    let pending: Vec<_> = (0..80).map(|_| proxy.http1().begin(post("/held"))).collect();
    eventually("all are asked", || {
        gates.iter().map(|some| some.lock().unwrap().len()).sum::<usize>() == 80
    });
    gates.iter().for_each(|some| some.lock().unwrap().drain(..).for_each(Gate::finish));
    pending.into_iter().for_each(|one| drop(one.response().expect(200)));
}

fn is_a_clean_503(answer: &Response) {
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    assert!(cache_status(answer).detail.as_deref() == Some("no-server"), "{answer:?}");
}

#[test]
fn while_all_are_out_what_is_in_grace_is_served_and_the_rest_turned_away_at_once() {
    let one = origin();
    one.page(
        "/kept",
        Page::cacheable("kept").header("cache-control", "max-age=10, stale-if-error=9999"),
    );
    let proxy =
        cluster(&[&one], "max_connections = 100\nslow_start = '10s'\nfirst_byte_timeout = '60s'")
            .start();
    let client = proxy.http1();
    client.get("/kept").expect(200);
    one.otherwise(|_| page().with_status(502));
    one.page("/kept", Page::status(502));
    (0..4).for_each(|_| drop(client.get("/page").expect(502)));
    client.get("/page").expect(502);
    assert_eq!(seen(&proxy, &one), is("ejected", true));
    proxy.wait_for_metric("tidegate_origin_panic", 1.0);

    // It hangs: a few try it, and nobody waits behind them.
    let gates = hold(&one, "/hangs");
    let tries: Vec<_> = (0..10).map(|_| proxy.http1().begin(post("/hangs"))).collect();
    one.wait_for("/hangs", 10);
    for _ in 0..50 {
        is_a_clean_503(&client.send(post("/hangs")));
    }
    proxy.advance(11);
    assert_eq!(client.get("/kept").expect(200).text(), "kept");
    assert_eq!(one.count("/hangs"), 10);
    assert!(proxy.metric("tidegate_origin_queue") < 0.5);

    // It comes back: the first answer says so, and it gets a share that grows.
    gates.lock().unwrap().drain(..).for_each(Gate::finish);
    tries.into_iter().for_each(|one| drop(one.response().expect(200)));
    proxy.wait_for_metric("tidegate_origin_panic", 0.0);
    let crowd: Vec<_> = (0..40).map(|_| proxy.http1().begin(post("/hangs"))).collect();
    one.wait_for("/hangs", 20);
    proxy.wait_for_metric("tidegate_origin_queue", 30.0);
    assert_eq!(one.count("/hangs"), 20, "no crowd falls upon it");
    let mut answered = 0;
    eventually("all are answered", || {
        let waiting: Vec<Gate> = gates.lock().unwrap().drain(..).collect();
        answered += waiting.len();
        waiting.into_iter().for_each(Gate::finish);
        answered == 40
    });
    crowd.into_iter().for_each(|one| drop(one.response().expect(200)));
}

#[test]
fn a_reload_knows_who_was_down() {
    let (sick, well) = (origin(), origin());
    sick.page("/healthz", Page::status(500));
    let setup = cluster(&[&sick, &well], "").with("cluster.wiki.check", "path = '/healthz'");
    let mut proxy = setup.start();
    eventually("it is down", || seen(&proxy, &sick) == is("down", false));
    let changed = proxy.setup().cluster("keepalive = '9s'");
    proxy.reload(changed).unwrap();
    assert_eq!(seen(&proxy, &sick), is("down", false));
    let unchecked = proxy.setup().cluster("keepalive = '8s'");
    let unchecked = unchecked.without("cluster.wiki.check");
    proxy.reload(unchecked).unwrap();
    assert_eq!(seen(&proxy, &sick), is("up", true), "nothing would ever find it well");
}
