//! The access log: one JSON object a request, whoever made it and however it ended.

use serde_json::Value;

use crate::kit::setup::Setup;
use crate::kit::{Origin, Page, Proxy, Raw, eventually, get};

/// A folder for the log that outlives the proxy.
fn logged(origin: &Origin, name: &str) -> (Setup, std::path::PathBuf) {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{name}-{}.log", std::process::id()));
    // A file of an earlier run with the same process number.
    let _ = std::fs::remove_file(&path);
    (Proxy::new(origin).with("log", &format!("access = '{}'", path.display())), path)
}

fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn wait_for_lines(path: &std::path::Path, n: usize) -> Vec<Value> {
    eventually(&format!("{n} lines are logged"), || lines(path).len() >= n);
    lines(path)
}

#[test]
fn every_request_leaves_a_line() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content"));
    let (setup, path) = logged(&origin, "every-request");
    let proxy = setup.tls().start();
    let client = proxy.http1();
    client.send(get("/page?a=b").header("user-agent", "the \"test\"\t\\")).expect(200);
    client.get("/page?a=b").expect(200);
    proxy.http2().get("/page").expect(200);
    proxy.purge("/page");
    client.send(get("/page").host("elsewhere.test")).expect(421);
    let lines = wait_for_lines(&path, 5);
    assert_eq!(lines.len(), 5);
    let [miss, hit, h2, purge, refused] = &lines[..] else { unreachable!("there are five") };
    for (line, outcome, reason, status) in [
        (miss, "miss", "absent", 200),
        (hit, "hit", "fresh", 200),
        (h2, "miss", "absent", 200),
        (purge, "synth", "purged", 204),
        (refused, "refused", "unknown-host", 421),
    ] {
        assert_eq!(line["outcome"], outcome, "{line}");
        assert_eq!(line["reason"], reason, "{line}");
        assert_eq!(line["status"], status, "{line}");
        assert_eq!(line["node"], "cp1", "{line}");
        assert_eq!(line["client"], "127.0.0.1", "{line}");
    }
    assert_eq!(miss["target"], "/page?a=b");
    assert_eq!(miss["user_agent"], "the \"test\"\t\\");
    assert_eq!((&miss["method"], &miss["host"]), (&"GET".into(), &"wiki.test".into()));
    assert_eq!(miss["origin_status"], 200);
    assert_eq!((&miss["site"], &refused["site"]), (&"wiki".into(), &Value::Null));
    assert_eq!((&hit["bytes"], &hit["origin_status"]), (&7.into(), &Value::Null));
    assert_eq!((&h2["version"], &h2["tls"]), (&"HTTP/2".into(), &true.into()));
    assert_eq!(purge["method"], "PURGE");
}

#[test]
fn an_answer_that_broke_off_is_told_as_such() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("").gated();
    origin.replies("/page", [reply]);
    let (setup, path) = logged(&origin, "broke-off");
    let proxy = setup.start();
    let client = proxy.http1();
    let mut pending = client.begin(get("/page"));
    gate.send("begun");
    pending.bytes(5);
    gate.abort();
    assert!(!pending.response().complete);
    let lines = wait_for_lines(&path, 1);
    assert_eq!((&lines[0]["broke_off"], &lines[0]["bytes"]), (&"truncated".into(), &5.into()));
}

#[test]
fn a_client_that_left_is_told_as_such() {
    let origin = Origin::start();
    let (gate, reply) = Page::new("").header("cache-control", "no-store").gated();
    origin.replies("/page", [reply]);
    let (setup, path) = logged(&origin, "client-left");
    let proxy = setup.start();
    let mut raw = proxy.raw();
    raw.get("/page");
    raw.head();
    gate.send("begun");
    raw.read_until("begun");
    raw.abort();
    gate.wait_until_peer_leaves();
    let lines = wait_for_lines(&path, 1);
    assert_eq!(lines[0]["broke_off"], "client-left", "{}", lines[0]);
}

#[test]
fn nothing_is_lost_when_the_proxy_stops() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content"));
    let (setup, path) = logged(&origin, "stops");
    let proxy = setup.start();
    let client = proxy.http1();
    for _ in 0..100 {
        client.get("/page").expect(200);
    }
    drop(proxy);
    let ours = lines(&path).into_iter().filter(|line| line["host"] == "wiki.test");
    assert_eq!(ours.count(), 100);
}

#[test]
fn a_trusted_proxys_client_is_the_one_that_is_logged() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content"));
    let (setup, path) = logged(&origin, "trusted");
    let proxy = setup.with("node", "trusted_proxies = ['127.0.0.1']").start();
    proxy.http1().send(get("/page").header("x-forwarded-for", "203.0.113.7")).expect(200);
    let lines = wait_for_lines(&path, 1);
    assert_eq!(lines[0]["client"], "203.0.113.7");
}

#[test]
fn whom_a_proxy_header_names_is_the_client_that_is_logged_and_the_proxy_beside_it() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content"));
    let (setup, path) = logged(&origin, "proxied");
    let proxy = setup.proxy_protocol("'127.0.0.9'").start();
    for (n, header) in ["TCP6 2001:db8::7 2001:db8::1 56324 443", "UNKNOWN"].iter().enumerate() {
        let mut raw = Raw::connect_from(proxy.http(), "127.0.0.9");
        raw.send(format!("PROXY {header}\r\n"));
        raw.get("/page");
        raw.response().expect(200);
        wait_for_lines(&path, n + 1);
    }
    let lines = lines(&path);
    let [named, unknown] = &lines[..] else { unreachable!("there are two") };
    assert_eq!(named["client"], "2001:db8::7", "{named}");
    assert_eq!(named["peer"], "[2001:db8::7]:56324");
    assert_eq!(named["destination"], "[2001:db8::1]:443");
    assert_eq!(unknown["client"], "127.0.0.9", "{unknown}");
    assert_eq!((&unknown["destination"], &unknown["peer"]), (&Value::Null, &unknown["proxy"]));
    for line in [named, unknown] {
        let proxy = line["proxy"].as_str().expect("the proxy is told");
        assert!(proxy.starts_with("127.0.0.9:"), "{line}");
    }
}
