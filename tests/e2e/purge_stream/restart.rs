//! Positions over a restart: what came meanwhile is applied, and what became of the cluster meanwhile is
//! told apart from it; and a file that cannot be read or written costs no purge.

use std::path::{Path, PathBuf};

use super::{TOPIC, gaps, reading, wait_for_position};
use crate::kit::kafka::Kafka;
use crate::kit::{Origin, Page, Proxy, Versioned, eventually, versioned::version_of};

/// A file of positions that a test has for itself.
struct Kept(PathBuf);

impl Kept {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = folder.join(format!("positions-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        Self(path)
    }

    fn key(&self) -> String {
        format!("positions = '{}'\n", self.0.display())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn stop(mut proxy: Proxy) {
    proxy.drain();
    let joining = proxy.join();
    eventually("the proxy has stopped", || joining.is_over());
}

/// What happens to the cluster while the node is down, the gap that is told, and where reading goes on.
fn over_a_restart(name: &str, meanwhile: impl FnOnce(&Kafka), gap: Option<&str>, next: i64) {
    let (origin, kafka, kept) = (Origin::start(), Kafka::start(), Kept::new(name));
    origin.page("/wiki/A", Page::cacheable("x"));
    kafka.topic(TOPIC, 1);
    let proxy = reading(&origin, &kafka, &kept.key());
    kafka.events(TOPIC, 0, &["https://wiki.test/a", "https://wiki.test/b"]);
    wait_for_position(&proxy, 0, 2);
    stop(proxy);
    meanwhile(&kafka);
    let proxy = reading(&origin, &kafka, &kept.key());
    wait_for_position(&proxy, 0, next);
    for cause in ["first", "expired", "beyond", "recreated", "foreign", "unreadable"] {
        let expected = if gap == Some(cause) { 1.0 } else { 0.0 };
        // Another cluster's positions are none, so that reading begins anew.
        let expected = if gap == Some("foreign") && cause == "first" { 1.0 } else { expected };
        assert!((gaps(&proxy, cause) - expected).abs() < 0.5, "{cause}: {}", gaps(&proxy, cause));
    }
}

#[test]
fn what_came_while_the_node_was_down_is_applied() {
    over_a_restart("whole", |kafka| kafka.events(TOPIC, 0, &["https://wiki.test/c"]), None, 3);
}

#[test]
fn what_was_deleted_while_the_node_was_down_is_a_gap() {
    let meanwhile = |kafka: &Kafka| {
        kafka.events(TOPIC, 0, &["https://wiki.test/c"]);
        kafka.expire(TOPIC, 0);
        kafka.events(TOPIC, 0, &["https://wiki.test/d"]);
    };
    over_a_restart("expired", meanwhile, Some("expired"), 4);
}

#[test]
fn a_topic_made_anew_while_the_node_was_down_is_a_gap() {
    let meanwhile = |kafka: &Kafka| {
        kafka.topic(TOPIC, 1);
        // Longer than our position, which must not pass for one in it.
        kafka.events(TOPIC, 0, &["https://wiki.test/c"; 5]);
    };
    over_a_restart("recreated", meanwhile, Some("recreated"), 5);
}

#[test]
fn another_cluster_s_positions_are_a_gap() {
    let meanwhile = |kafka: &Kafka| {
        kafka.rename("cluster-two");
        kafka.events(TOPIC, 0, &["https://wiki.test/c"; 3]);
    };
    over_a_restart("foreign", meanwhile, Some("foreign"), 5);
}

#[test]
fn a_log_that_ends_before_our_position_is_a_gap() {
    over_a_restart("beyond", |kafka| kafka.cut(TOPIC, 1, false), Some("beyond"), 1);
}

#[test]
fn a_file_of_positions_that_is_none_is_told_and_reading_begins_anew() {
    let (origin, kafka, kept) = (Origin::start(), Kafka::start(), Kept::new("spoiled"));
    kafka.topic(TOPIC, 1);
    kafka.events(TOPIC, 0, &["https://wiki.test/a"]);
    std::fs::write(&kept.0, "{\"cluster\":\"cluster-one\",\"topics\":{\"x\"").unwrap();
    let proxy = reading(&origin, &kafka, &kept.key());
    wait_for_position(&proxy, 0, 1);
    assert!((gaps(&proxy, "first") - 1.0).abs() < 0.5);
    stop(proxy);
    let text = std::fs::read_to_string(&kept.0).unwrap();
    assert!(text.contains("cluster-one") && text.contains("\"next\":1"), "{text}");
}

#[test]
fn positions_that_cannot_be_written_cost_a_repetition_and_no_purge() {
    let (origin, kafka, kept) = (Origin::start(), Kafka::start(), Kept::new("full"));
    let page = Versioned::page(&origin, "/wiki/A", "max-age=60");
    kafka.topic(TOPIC, 1);
    // What is written beside the file goes to a device that is always full.
    let beside = kept.0.with_extension("new");
    let _ = std::fs::remove_file(&beside);
    std::os::unix::fs::symlink("/dev/full", &beside).unwrap();
    let proxy = reading(&origin, &kafka, &kept.key());
    eventually("a write has failed", || {
        proxy.metric("tidegate_stream_saves_total{result=\"failed\"}") > 0.5
    });
    proxy.http1().get("/wiki/A").expect(200);
    page.raise();
    kafka.events(TOPIC, 0, &["https://wiki.test/wiki/A"]);
    wait_for_position(&proxy, 0, 1);
    assert_eq!(version_of(&proxy.http1().get("/wiki/A")), 2);
    // There is room again.
    std::fs::remove_file(&beside).unwrap();
    eventually("positions are saved", || {
        std::fs::read_to_string(&kept.0).is_ok_and(|text| text.contains("\"next\":1"))
    });
}
