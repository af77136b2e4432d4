//! What each path of the admin listener answers.

use std::time::SystemTime;

use super::gate::{Gate, Rules};
use super::*;
use crate::base::{Budget, Clock, Names};
use crate::purge::{Desk, Sources};
use crate::site::Sites;
use crate::store::Store;
use crate::telemetry::{AccessLog, Labels};

fn admin(draining: &Arc<AtomicBool>) -> Admin {
    let labels = Labels { sites: Names::default(), clusters: Names::default(), node: "cp1".into() };
    let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
    let telemetry = Telemetry::new(clock, 1, labels, AccessLog::off()).unwrap();
    let status: Status = Arc::new(|| serde_json::json!({ "node": "cp1" }));
    let store = Arc::new(Store::new(1 << 20, 4));
    let desk = Arc::new(Desk::new(Arc::clone(&store), Sites::default()));
    let gate = Gate::of(Rules::default());
    let sources = Arc::new(Sources::new(desk, Clock::system(), &Budget::new(1 << 20)));
    let purges = Arc::new(Purges::new(&sources, &store, &Clock::system(), gate));
    Admin::new(telemetry, vec![Arc::new(Budget::new(7))], status, Arc::clone(draining), purges)
}

fn ask(admin: &Admin, method: &str, target: &str) -> (Answer, String) {
    let peer =
        Arc::new(Peer::plain("127.0.0.1:9180".parse().unwrap(), "127.0.0.1:5000".parse().unwrap()));
    let request = http::Request::builder().method(method).uri(target).body(Body::Empty).unwrap();
    let Reply::Ready(mut answer) = admin.handle(request, &peer) else { panic!("it waits") };
    let text = match std::mem::replace(&mut answer.body, Body::Empty) {
        Body::Empty => String::new(),
        Body::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    };
    (answer, text)
}

#[test]
fn health_turns_when_the_node_drains() {
    let draining = Arc::new(AtomicBool::new(false));
    let admin = admin(&draining);
    let (answer, text) = ask(&admin, "GET", "/healthz");
    assert_eq!((answer.head.status, &*text), (StatusCode::OK, "ok\n"));
    draining.store(true, Ordering::Relaxed);
    let (answer, text) = ask(&admin, "GET", "/healthz?probe=1");
    assert_eq!((answer.head.status, &*text), (StatusCode::SERVICE_UNAVAILABLE, "draining\n"));
    assert_eq!(answer.account.reason, Reason::Draining);
}

#[test]
fn metrics_and_status_tell_what_they_are_given() {
    let admin = admin(&Arc::default());
    let (answer, text) = ask(&admin, "GET", "/metrics");
    assert_eq!(answer.head.headers[CONTENT_TYPE], EXPOSITION);
    assert!(text.contains("\ntidegate_memory_limit_bytes 7\n"), "{text}");
    let (answer, text) = ask(&admin, "GET", "/status");
    assert_eq!(answer.head.headers[CONTENT_TYPE], JSON);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["node"], "cp1");
}

#[test]
fn an_unknown_path_is_told_the_known_ones() {
    let admin = admin(&Arc::default());
    let (answer, text) = ask(&admin, "POST", "/wiki/A");
    assert_eq!(answer.head.status, StatusCode::NOT_FOUND);
    for path in PATHS.lines().map(|line| line.split_whitespace().next().unwrap()) {
        assert!(text.contains(path));
        if path == "/purge" {
            continue;
        }
        assert_eq!(ask(&admin, "GET", path).0.head.status, StatusCode::OK, "{path}");
    }
}

#[test]
fn only_get_and_head_are_answered() {
    let admin = admin(&Arc::default());
    let (answer, text) = ask(&admin, "HEAD", "/status");
    assert_eq!((answer.head.status, &*text), (StatusCode::OK, ""));
    let (answer, _) = ask(&admin, "POST", "/status");
    assert_eq!(answer.head.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.head.headers[ALLOW], "GET, HEAD");
}
