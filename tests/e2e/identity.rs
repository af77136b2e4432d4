//! X-Client-IP and X-Request-Id: what an origin is told of who asks and of which request it is, whom a
//! name is believed from, and that it is never anybody else's.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::kit::setup::Setup;
use crate::kit::{Origin, Page, Proxy, Raw, Request, Response, eventually, get};

/// Names the client and the request.
fn named(origin: &Origin) -> Setup {
    Proxy::new(origin).site("client_ip = true\n request_id = true")
}

/// What the origin was told by a field, request by request.
fn told(origin: &Origin, name: &str) -> Vec<Option<String>> {
    origin.requests().iter().map(|seen| seen.header(name).map(str::to_owned)).collect()
}

/// The name that an answer has.
#[track_caller]
fn id(answer: &Response) -> String {
    answer.header("x-request-id").expect("the answer has a name").to_owned()
}

#[track_caller]
fn expect_uuid(id: &str) {
    let shape: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(shape, [8, 4, 4, 4, 12], "{id}");
}

/// An access log that outlives the proxy.
fn logged(setup: Setup, name: &str) -> (Proxy, PathBuf) {
    let name = format!("identity-{name}-{}.log", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // A file of an earlier run with the same process number.
    let _ = std::fs::remove_file(&path);
    (setup.with("log", &format!("access = '{}'", path.display())).start(), path)
}

#[track_caller]
fn wait_for_lines(path: &Path, n: usize) -> Vec<Value> {
    let text = || std::fs::read_to_string(path).unwrap_or_default();
    eventually(&format!("{n} lines are logged"), || text().matches('\n').count() >= n);
    text().lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

#[test]
fn the_clients_address_is_ours_to_tell_whatever_it_says_itself() {
    let origin = Origin::start();
    origin.page("/page", Page::new("x"));
    let forged = || {
        get("/page")
            .header("x-client-ip", "203.0.113.7")
            .header("x-client-ip", "203.0.113.8")
            .header("x_client_ip", "203.0.113.9")
    };
    let proxy = named(&origin).tls().start();
    for client in [proxy.http1(), proxy.http2()] {
        client.send(forged()).expect(200);
    }
    assert_eq!(told(&origin, "x-client-ip"), [Some("127.0.0.1".into()), Some("127.0.0.1".into())]);
    assert!(origin.requests().iter().all(|seen| seen.header("x_client_ip").is_none()));
    // Where it is not told, what the client says is its own affair.
    let plain = Proxy::new(&origin).start();
    plain.http1().send(get("/page").header("x-client-ip", "203.0.113.7")).expect(200);
    plain.http1().get("/page").expect(200);
    assert_eq!(told(&origin, "x-client-ip")[2..], [Some("203.0.113.7".into()), None]);
}

#[test]
fn the_address_is_that_of_the_client_behind_trusted_proxies() {
    let origin = Origin::start();
    origin.page("/page", Page::new("x"));
    let setup = named(&origin).with("node", "trusted_proxies = ['127.0.0.1', '10.0.0.0/8']");
    let proxy = setup.proxy_protocol("'127.0.0.9'").start();
    let from = |list: &str| get("/page").header("x-forwarded-for", list);
    proxy.http1().send(from("127.0.0.1, 2001:db8::7, 10.0.0.1")).expect(200);
    let mut raw = Raw::connect_from(proxy.http(), "127.0.0.9");
    raw.send("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n");
    raw.send("GET /page HTTP/1.1\r\nHost: wiki.test\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n");
    raw.response().expect(200);
    let [first, second] = &told(&origin, "x-client-ip")[..] else { panic!("two were sent") };
    assert_eq!(first.as_deref(), Some("2001:db8::7"));
    assert_eq!(second.as_deref(), Some("192.0.2.7"));
}

#[test]
fn a_request_that_goes_to_the_origin_has_one_name_there_in_the_answer_and_in_the_log() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content"));
    origin.page("/passed", Page::new("x").header("cache-control", "no-store"));
    origin.page("/form", Page::status(204));
    let (proxy, log) = logged(named(&origin).tls(), "one");
    let forged = |request: Request| request.header("x-request-id", "forged");
    let answers = [
        proxy.http1().send(forged(get("/page"))),
        proxy.http2().send(forged(get("/passed"))),
        proxy.http1().send(forged(Request::new("POST", "/form").body("x"))),
    ];
    let lines = wait_for_lines(&log, 3);
    for (n, answer) in answers.iter().enumerate() {
        let id = id(answer);
        expect_uuid(&id);
        assert_eq!(told(&origin, "x-request-id")[n].as_deref(), Some(&*id));
        assert_eq!(lines[n]["request_id"], *id, "{}", lines[n]);
    }
    assert!(id(&answers[0]) != id(&answers[1]) && id(&answers[1]) != id(&answers[2]));
}

#[test]
fn what_is_shared_has_nobodys_name() {
    let origin = Origin::start();
    // An origin that tells it back, as many do.
    origin.on("/page", |seen| {
        let id = seen.header("x-request-id").unwrap_or("-").to_owned();
        Page::new(&id)
            .header("cache-control", "max-age=10, stale-while-revalidate=60")
            .header("x-request-id", &id)
    });
    let proxy = named(&origin).tls().clock_by_hand().start();
    let miss = proxy.http1().get("/page").expect(200);
    assert_eq!(miss.text(), id(&miss));
    for client in [proxy.http1(), proxy.http1()] {
        let hit = client.get("/page").expect_hit();
        assert_eq!(hit.header("x-request-id"), None, "{hit:?}");
    }
    // One that is refreshed behind the answer: the refresh has a name, which is nobody's either.
    proxy.advance(20);
    let stale = proxy.http1().get("/page").expect_because("while-revalidate");
    assert_eq!(stale.header("x-request-id"), None, "{stale:?}");
    origin.wait_for("/page", 2);
    eventually("the page is fresh", || proxy.http1().get("/page").text() != miss.text());
    let names = told(&origin, "x-request-id");
    assert!(names[1].is_some() && names[0] != names[1], "{names:?}");
    proxy.http1().get("/page").expect_hit();
}

#[test]
fn followers_get_the_page_and_not_the_leaders_name() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("content").held();
    origin.replies("/page", [reply]);
    let proxy = named(&origin).start();
    let (first, second) = (proxy.http1(), proxy.http1());
    let leader = first.begin(get("/page"));
    origin.wait_for("/page", 1);
    let follower = second.begin(get("/page"));
    proxy.wait_for_waiters(1);
    gate.finish();
    expect_uuid(&id(&leader.response().expect(200)));
    assert_eq!(follower.response().expect(200).header("x-request-id"), None);
}

#[test]
fn a_confirmed_page_is_answered_with_the_name_of_the_request_that_confirmed_it() {
    let origin = Origin::start();
    origin.on("/page", |seen| match seen.header("if-none-match") {
        Some(_) => Page::status(304).header("etag", "\"1\"").header("x-request-id", "origins"),
        None => Page::new("content").header("etag", "\"1\"").header("cache-control", "no-cache"),
    });
    let proxy = named(&origin).start();
    let first = id(&proxy.http1().get("/page").expect(200));
    let second = id(&proxy.http1().get("/page").expect_because("confirmed"));
    expect_uuid(&second);
    assert_ne!(first, second);
    assert_eq!(told(&origin, "x-request-id"), [Some(first), Some(second)]);
}

#[test]
fn an_error_page_tells_the_name_by_which_the_log_finds_it() {
    let origin = Origin::start();
    let setup = named(&origin).cluster("servers = [{ address = '127.0.0.1:1' }]");
    let (proxy, log) = logged(setup, "errors");
    for (n, (request, status)) in [
        (get("/page"), 502),
        (Request::new("POST", "/page").body("x"), 502),
        (get("/page").header("via", "1.1 cp1"), 508),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = proxy.http1().send(request).expect(status);
        let id = id(&answer);
        expect_uuid(&id);
        assert!(answer.text().contains(&id), "{}", answer.text());
        assert_eq!(wait_for_lines(&log, n + 1)[n]["request_id"], *id);
    }
    // Where the host has no site, there is nobody who wants it.
    let nobody = proxy.http1().send(get("/page").host("elsewhere.test")).expect(421);
    assert_eq!(nobody.header("x-request-id"), None);
}

#[test]
fn a_trusted_proxys_name_is_taken_over_where_it_is_well_formed() {
    let origin = Origin::start();
    origin.on("/page", |_| Page::new("x").header("cache-control", "no-store"));
    let setup = named(&origin).with("node", "trusted_proxies = ['127.0.0.1']");
    let (proxy, log) = logged(setup.proxy_protocol("'127.0.0.9'"), "trusted");
    let longest = "x".repeat(128);
    for name in ["b1946ac9-2492-4d23-8a5e-37f3c1f0d3e2", "Root=1-67891233-abc", &longest] {
        let answer = proxy.http1().send(get("/page").header("x-request-id", name));
        assert_eq!(id(&answer.expect(200)), name);
    }
    assert_eq!(wait_for_lines(&log, 3)[1]["request_id"], "Root=1-67891233-abc");
    let too_long = "x".repeat(129);
    for name in ["", "a b", "<script>", "\"", "a,b", &too_long] {
        let answer = proxy.http1().send(get("/page").header("x-request-id", name));
        expect_uuid(&id(&answer.expect(200)));
    }
    let twice = get("/page").header("x-request-id", "a").header("x-request-id", "b");
    expect_uuid(&id(&proxy.http1().send(twice).expect(200)));
    // A stranger's is not, whoever passes the connection on.
    let mut raw = Raw::connect_from(proxy.http(), "127.0.0.9");
    raw.send("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n");
    raw.send("GET /page HTTP/1.1\r\nHost: wiki.test\r\nX-Request-Id: forged\r\n\r\n");
    expect_uuid(&id(&raw.response().expect(200)));
}

#[test]
fn where_no_site_wants_names_everybodys_own_pass_unchanged() {
    let origin = Origin::start();
    let page = Page::cacheable("content").header("x-request-id", "origins");
    origin.page("/page", page);
    let proxy = Proxy::new(&origin).start();
    for _ in 0..2 {
        let answer = proxy.http1().send(get("/page").header("x-request-id", "clients"));
        assert_eq!(id(&answer.expect(200)), "origins");
    }
    assert_eq!(told(&origin, "x-request-id"), [Some("clients".into())]);
}

#[test]
fn an_answer_that_varies_on_who_asks_is_nobody_elses() {
    let origin = Origin::start();
    for (path, field) in [("/ip", "x-client-ip"), ("/id", "x-request-id")] {
        origin.on(path, move |seen| {
            Page::cacheable(seen.header(field).unwrap_or("-")).header("vary", field)
        });
    }
    let proxy = named(&origin).start();
    let ask = |from: &str, path: &str| {
        let mut raw = Raw::connect_from(proxy.http(), from);
        raw.get(path);
        raw.response().expect(200).text()
    };
    assert_eq!(ask("127.0.0.8", "/ip"), "127.0.0.8");
    assert_eq!(ask("127.0.0.9", "/ip"), "127.0.0.9");
    assert_ne!(ask("127.0.0.8", "/id"), ask("127.0.0.8", "/id"));
}
