//! `POST /purge` on the admin listener: orders in, results out, for those who may.

use serde_json::{Value, json};

use crate::kit::{Client, Origin, Page, Proxy, Request, Response, cache_status, eventually, get};

fn to(path: &str, kind: &str) -> Request {
    Request::new("POST", path).host("admin.test").header("content-type", kind)
}

fn post(body: &str) -> Request {
    to("/purge", "application/x-ndjson").body(body)
}

/// The results of a batch of lines.
#[track_caller]
fn results(response: Response) -> Vec<Value> {
    let response = response.expect(200);
    assert_eq!(response.header("content-type"), Some("application/x-ndjson"));
    let lines = response.text();
    lines.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

#[track_caller]
fn order(proxy: &Proxy, orders: &[Value]) -> Vec<Value> {
    let lines: Vec<String> = orders.iter().map(Value::to_string).collect();
    results(Client::http1(proxy.admin()).send(post(&lines.join("\n"))))
}

fn is_hit(response: &Response) -> bool {
    cache_status(response).hit
}

#[test]
fn each_kind_of_order_purges_what_it_names_and_nothing_else() {
    let origin = Origin::start();
    let pages = ["/a/1", "/a/2", "/ab", "/tagged", "/old.css"];
    for path in pages {
        let page = Page::cacheable("x");
        origin.page(path, if path == "/tagged" { page.header("xkey", "t") } else { page });
    }
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    let all: &[&str] = &pages;
    for (order_, kind, gone) in [
        (json!({ "url": "https://wiki.test/a/1" }), "url", &all[..1]),
        (json!({ "prefix": "http://wiki.test/a/", "mode": "hard" }), "prefix", &all[..2]),
        (json!({ "tag": "t", "site": "wiki", "mode": "hard" }), "tag", &all[3..4]),
        (json!({ "regex": "\\.css$", "site": "wiki", "mode": "hard" }), "regex", &all[4..]),
        (json!({ "regex": "/a", "mode": "hard" }), "regex", &all[..3]),
        (json!({ "site": "wiki", "mode": "hard" }), "site", all),
        (json!({ "everything": true, "mode": "hard" }), "everything", all),
    ] {
        pages.iter().for_each(|path| _ = client.get(path).expect(200));
        let told = order(&proxy, std::slice::from_ref(&order_));
        assert_eq!((told.len(), &told[0]["ok"], &told[0]["n"]), (1, &json!(true), &json!(1)));
        assert_eq!((&told[0]["kind"], &told[0]["mode"]), (&json!(kind), &json!("hard")));
        assert!(told[0]["seq"].as_u64() > Some(0), "{told:?}");
        for path in pages {
            let hit = is_hit(&client.get(path));
            assert_eq!(hit, !gone.contains(&path), "{path} after {order_}");
        }
    }
    proxy.wait_for_metric("tidegate_purge_api_orders_total{kind=\"regex\"}", 2.0);
    proxy.wait_for_metric("tidegate_purge_api_requests_total{result=\"done\"}", 7.0);
}

#[test]
fn what_covers_many_is_purged_softly_unless_the_order_says_otherwise() {
    let origin = Origin::start();
    let said = "max-age=60, stale-while-revalidate=60";
    origin.page("/page", Page::new("x").header("cache-control", said));
    let proxy = Proxy::new(&origin).start();
    for kind in [json!({ "site": "wiki" }), json!({ "url": "//wiki.test/page", "mode": "soft" })] {
        proxy.http1().get("/page").expect(200);
        let told = order(&proxy, &[kind]);
        assert_eq!(told[0]["mode"], "soft");
        assert!(told[0]["note"].is_string(), "{told:?}");
        proxy.http1().get("/page").expect(200).expect_because("soft-purged");
        eventually("it is fresh again", || {
            let page = proxy.http1().get("/page");
            is_hit(&page) && cache_status(&page).detail.as_deref() == Some("fresh")
        });
    }
}

#[test]
fn a_line_that_is_no_order_fails_alone_and_says_why() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).start();
    proxy.http1().get("/page").expect(200);
    let long = format!("{{\"url\": \"http://wiki.test/{}\"}}", "x".repeat(20_000));
    let lines = [
        "{\"url\": \"http://wiki.test/page\"}",
        "not JSON",
        "",
        "{\"url\": \"http://elsewhere.test/\"}",
        &long,
        "{\"tag\": \"t\", \"site\": \"nowhere\"}",
        "{\"url\": \"wiki.test/page\"}",
        "{\"url\": \"http://wiki.test/other\"}",
    ];
    let told = results(Client::http1(proxy.admin()).send(post(&lines.join("\n"))));
    let words: Vec<_> = told.iter().map(|told| told["error"].as_str()).collect();
    let bad = Some("bad-order");
    let expected = [None, bad, Some("unknown-host"), bad, Some("unknown-site"), bad, None];
    assert_eq!(words, expected, "{told:?}");
    assert_eq!((&told[0]["entries"], &told[6]["entries"]), (&json!(1), &json!(0)));
    assert!(told[3]["message"].as_str().unwrap().contains("16384 bytes"), "{told:?}");
    proxy.http1().get("/page").expect_because("absent");
}

#[test]
fn results_come_while_orders_are_still_being_sent() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).start();
    let (sending, request) = to("/purge", "application/x-ndjson").streamed();
    let mut pending = Client::http1(proxy.admin()).begin(request);
    for n in 1..=3 {
        sending.send("{\"url\": \"http://wiki.test/page\"}\n");
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            line.extend(pending.bytes(1));
        }
        let told: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(told["n"], n);
    }
    sending.finish();
    pending.response().expect(200);
}

#[test]
fn a_client_that_leaves_in_mid_batch_has_purged_what_was_answered() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).start();
    proxy.http1().get("/page").expect(200);
    let (sending, request) = to("/purge", "application/x-ndjson").streamed();
    let mut pending = Client::http1(proxy.admin()).begin(request);
    sending.send("{\"url\": \"http://wiki.test/page\"}\n{\"url\": ");
    pending.bytes(1);
    drop((sending, pending));
    proxy.http1().get("/page").expect_because("absent");
    proxy.wait_for_metric("tidegate_purge_api_requests_total{result=\"client-left\"}", 1.0);
}

#[test]
fn a_document_that_has_begun_is_finished_and_recorded_without_its_client() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).start();
    proxy.http1().get("/page").expect(200);
    // Counting lets others have their turn, so that the leaving is seen in the middle.
    let mut orders = vec![json!({ "everything": true, "dry": true }); 9_999];
    orders.push(json!({ "url": "http://wiki.test/page" }));
    let body = Value::from(orders).to_string();
    let request = to("/purge", "application/json").body(&body);
    let pending = Client::http1(proxy.admin()).begin(request);
    eventually("it has begun", || proxy.metric("tidegate_purge_api_orders_total") > 0.5);
    assert!(proxy.metric("tidegate_purge_api_orders_total") < 9_999.5, "it was over too soon");
    drop(pending);
    proxy.wait_for_metric("tidegate_purge_api_requests_total{result=\"done\"}", 1.0);
    proxy.http1().get("/page").expect_because("absent");
}

#[test]
fn a_request_has_ten_thousand_orders_at_most() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).start();
    let line = "{\"url\": \"http://wiki.test/page\"}\n";
    let told = results(Client::http1(proxy.admin()).send(post(&line.repeat(10_000))));
    assert_eq!(told.len(), 10_000);
    assert!(told.iter().all(|told| told["ok"] == true));
    let told = results(Client::http1(proxy.admin()).send(post(&line.repeat(10_002))));
    assert_eq!(told.len(), 10_001);
    assert_eq!((&told[9_999]["ok"], &told[10_000]["ok"]), (&json!(true), &json!(false)));
    assert!(told[10_000]["message"].as_str().unwrap().contains("10000 orders"));
}

#[test]
fn a_document_is_answered_with_a_document() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).start();
    let client = Client::http1(proxy.admin());
    let ask = |body: &str| client.send(to("/purge", "application/json; charset=utf-8").body(body));
    let order = json!({ "url": "http://wiki.test/page" });
    for body in [order.clone(), json!([order]), json!({ "orders": [order] })] {
        proxy.http1().get("/page").expect(200);
        let told: Value = serde_json::from_str(&ask(&body.to_string()).expect(200).text()).unwrap();
        assert_eq!(
            (&told["results"][0]["ok"], &told["results"][0]["entries"]),
            (&json!(true), &json!(1))
        );
        proxy.http1().get("/page").expect_because("absent");
    }
    let told: Value = serde_json::from_str(&ask("{").expect(400).text()).unwrap();
    assert_eq!((&told["ok"], &told["error"]), (&json!(false), &json!("bad-request")));
    ask(&format!("[{}]", " ".repeat(5 << 20))).expect(413);
}

#[test]
fn a_dry_run_counts_and_purges_nothing() {
    let origin = Origin::start();
    for n in 0..7 {
        let page = Page::cacheable("x").header("xkey", if n < 3 { "t" } else { "u" });
        origin.page(&format!("/p/{n}"), page);
    }
    let proxy = Proxy::new(&origin).start();
    (0..7).for_each(|n| _ = proxy.http1().get(&format!("/p/{n}")).expect(200));
    for (order, entries) in [
        (json!({ "url": "http://wiki.test/p/1" }), 1),
        (json!({ "url": "http://wiki.test/p/9" }), 0),
        (json!({ "tag": "t", "site": "wiki" }), 3),
        (json!({ "prefix": "http://wiki.test/p" }), 7),
        (json!({ "regex": "/[5-9]$" }), 2),
        (json!({ "site": "wiki" }), 7),
        (json!({ "everything": true }), 7),
    ] {
        let request = to("/purge?dry=1", "application/x-ndjson");
        let told = results(Client::http1(proxy.admin()).send(request.body(order.to_string())));
        assert_eq!((&told[0]["entries"], told[0].get("seq")), (&json!(entries), None), "{order}");
    }
    (0..7).for_each(|n| _ = proxy.http1().get(&format!("/p/{n}")).expect_hit());
}

#[test]
fn no_page_can_have_an_operator_s_browser_purge() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).start();
    proxy.http1().get("/page").expect(200);
    let client = Client::http1(proxy.admin());
    let order = "{\"everything\": true, \"mode\": \"hard\"}";
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        client.send(to("/purge", kind).body(order)).expect(415);
    }
    client.send(Request::new("POST", "/purge").host("admin.test").body(order)).expect(415);
    proxy.http1().get("/page").expect_hit();
}

const TOKENS: &str = "[[admin.token]]\nname = 'all'\nsecret_file = 'all'\n\
     [[admin.token]]\nname = 'one'\nsecret_file = 'one'\nsites = ['wiki']\nrate = 5\nburst = 10";

fn guarded(origin: &Origin) -> crate::kit::setup::Setup {
    let other = "[site.other]\nhosts = ['other.test']\ncluster = 'wiki'\n";
    Proxy::new(origin)
        .config(other)
        .config(TOKENS)
        .file("all", "secret-of-the-whole-node\n")
        .file("one", "secret-of-one-site-alone\n")
}

fn with_token(request: Request, token: &str) -> Request {
    request.header("authorization", &format!("Bearer {token}"))
}

#[test]
fn a_token_purges_its_sites_alone() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = guarded(&origin).start();
    let client = Client::http1(proxy.admin());
    let both = || {
        proxy.http1().get("/page").expect(200);
        proxy.http1().send(get("/page").host("other.test")).expect(200);
    };
    both();
    let refused = client.send(post("{\"everything\": true}")).expect(401);
    assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer"));
    client.send(with_token(post("{}"), "secret-of-nobody-at-all")).expect(401);
    let orders = "{\"url\": \"http://other.test/page\"}\n{\"site\": \"other\", \"mode\": \"hard\"}\n\
                  {\"everything\": true, \"mode\": \"hard\"}\n{\"regex\": \"page\", \"mode\": \"hard\"}\n\
                  {\"url\": \"http://wiki.test/page\"}";
    let told = results(client.send(with_token(post(orders), "secret-of-one-site-alone")));
    let words: Vec<_> = told.iter().map(|told| told["error"].as_str()).collect();
    assert_eq!(
        words,
        [Some("forbidden"), Some("forbidden"), Some("forbidden"), Some("forbidden"), None]
    );
    proxy.http1().send(get("/page").host("other.test")).expect_hit();
    proxy.http1().get("/page").expect_because("absent");
    let all = "{\"everything\": true, \"mode\": \"hard\"}";
    let told = results(client.send(with_token(post(all), "secret-of-the-whole-node")));
    assert_eq!(told[0]["ok"], true);
    proxy.http1().send(get("/page").host("other.test")).expect_because("absent");
}

#[test]
fn a_token_s_rate_bounds_its_orders() {
    let origin = Origin::start();
    let mut proxy = guarded(&origin).clock_by_hand().start();
    let client = Client::http1(proxy.admin());
    let ask = || {
        let lines = "{\"url\": \"http://wiki.test/page\"}\n".repeat(20);
        let told = results(client.send(with_token(post(&lines), "secret-of-one-site-alone")));
        told.iter().filter(|told| told["ok"] == true).count()
    };
    assert_eq!((ask(), ask()), (10, 0));
    proxy.advance(1);
    assert_eq!(ask(), 5);
    proxy.wait_for_metric("tidegate_purge_api_refused_total{error=\"too-many\"}", 45.0);
    // A reload leaves it what it was, unless the rate is another.
    proxy.reload(guarded(&origin).site("on_lag = 'stale'")).unwrap();
    assert_eq!(ask(), 0);
}

#[test]
fn a_reload_changes_who_may_purge_and_refuses_a_secret_that_is_none() {
    let origin = Origin::start();
    let mut proxy = Proxy::new(&origin).start();
    let client = Client::http1(proxy.admin());
    client.send(post("{\"site\": \"wiki\"}")).expect(200);
    proxy.reload(guarded(&origin)).unwrap();
    client.send(post("{\"site\": \"wiki\"}")).expect(401);
    let error = proxy.reload(guarded(&origin).file("one", "short")).unwrap_err();
    assert!(error.contains("token one") && error.contains("16 to 4096"), "{error}");
    let mine = with_token(post("{\"site\": \"wiki\"}"), "secret-of-one-site-alone");
    client.send(mine).expect(200);
    client.send(Request::new("GET", "/purge").host("admin.test")).expect(405);
}
