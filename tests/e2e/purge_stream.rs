//! The purge stream from outside: what stands in a topic is in force before the position says so, whatever
//! becomes of brokers, topics and partitions; what is not known to be there any more turns everything
//! stale; and what says nothing is counted and passed over.

mod lag;
mod publish;
mod restart;

use std::io::Write;
use std::net::TcpListener;

use crate::kit::kafka::{Kafka, event};
use crate::kit::setup::Setup;
use crate::kit::{Origin, Proxy, Versioned, eventually, versioned::version_of};

const TOPIC: &str = "eqiad.resource-purge";

fn stream(kafka: &Kafka, keys: &str) -> String {
    format!("[[purge.stream]]\n{}topics = ['{TOPIC}']\n{keys}", kafka.brokers())
}

fn reading(origin: &Origin, kafka: &Kafka, keys: &str) -> Proxy {
    let proxy = Proxy::new(origin).config(&stream(kafka, keys)).start();
    wait_for_begin(&proxy);
    proxy
}

/// Waits until the broker has answered for a partition.
#[track_caller]
fn wait_for_begin(proxy: &Proxy) {
    eventually("the stream is read", || {
        // Once: what is not there yet in one look may be there, and not answered for, in the next.
        let partitions = partitions(proxy);
        let answered = partitions.iter().all(|one| one["poll_age_seconds"].is_number());
        answered && !partitions.is_empty()
    });
}

fn partitions(proxy: &Proxy) -> Vec<serde_json::Value> {
    let streams = proxy.status()["purging"]["streams"].as_array().cloned().unwrap_or_default();
    streams
        .iter()
        .flat_map(|one| one["partitions"].as_array().cloned().unwrap_or_default())
        .collect()
}

#[track_caller]
fn wait_for_position(proxy: &Proxy, partition: i64, next: i64) {
    eventually(&format!("partition {partition} is applied up to {next}"), || {
        partitions(proxy).iter().any(|one| {
            one["partition"] == partition && one["position"] == next && one["backlog"] == 0
        })
    });
}

fn gaps(proxy: &Proxy, cause: &str) -> f64 {
    proxy.metric(&format!("tidegate_stream_gaps_total{{cause=\"{cause}\"}}"))
}

#[test]
fn an_event_purges_the_page_that_it_names_before_the_position_says_so() {
    let (origin, kafka) = (Origin::start(), Kafka::start());
    let page = Versioned::page(&origin, "/wiki/A", "max-age=60");
    kafka.topic(TOPIC, 2);
    // What stands in the log before the first start is older than all that is stored.
    kafka.events(TOPIC, 0, &["https://wiki.test/old"]);
    let proxy = reading(&origin, &kafka, "");
    for n in 0..3 {
        let (partition, next) = (n % 2, 1 + n / 2 + i64::from(n % 2 == 0));
        assert_eq!(version_of(&proxy.http1().get("/wiki/A")), page.version());
        page.raise();
        kafka.events(TOPIC, usize::try_from(partition).unwrap(), &["https://wiki.test/wiki/A"]);
        wait_for_position(&proxy, partition, next);
        let answer = proxy.http1().get("/wiki/A").expect_because("absent");
        assert_eq!(version_of(&answer), page.version());
    }
    let taken = "tidegate_purge_orders_total{source=\"stream\",outcome=\"taken\"}";
    // Two partitions began, each with everything turned stale before and after.
    assert!((proxy.metric(taken) - 7.0).abs() < 0.5, "{}", proxy.metric(taken));
}

#[test]
fn what_says_nothing_is_counted_and_passed_over() {
    let (origin, kafka) = (Origin::start(), Kafka::start());
    let page = Versioned::page(&origin, "/wiki/A", "max-age=60");
    kafka.topic(TOPIC, 1);
    let proxy = reading(&origin, &kafka, "hosts = ['wiki.test']\n");
    proxy.http1().get("/wiki/A").expect(200);
    let (other, no_url) = (event("https://other.test/wiki/A"), event("wiki/A"));
    let poison = ["", "{", "[]", "\u{0}", "{\"meta\":{\"uri\":7}}", &other, &no_url];
    for _ in 0..1500 {
        kafka.append(TOPIC, 0, &poison);
    }
    wait_for_position(&proxy, 0, 10_500);
    proxy.http1().get("/wiki/A").expect_hit();
    for (result, count) in [("malformed", 7500.0), ("dropped", 3000.0), ("taken", 0.0)] {
        let found = proxy.metric(&format!("tidegate_stream_messages_total{{result=\"{result}\"}}"));
        assert!((found - count).abs() < 0.5, "{result}: {found}");
    }
    page.raise();
    kafka.events(TOPIC, 0, &["https://wiki.test/wiki/A"]);
    wait_for_position(&proxy, 0, 10_501);
    assert_eq!(version_of(&proxy.http1().get("/wiki/A")), 2);
    assert!(gaps(&proxy, "unreadable") < 0.5);
}

#[test]
fn a_batch_that_cannot_be_read_turns_everything_stale() {
    let (origin, kafka) = (Origin::start(), Kafka::start());
    let page = Versioned::page(&origin, "/wiki/A", "max-age=60");
    kafka.topic(TOPIC, 1);
    let proxy = reading(&origin, &kafka, "");
    proxy.http1().get("/wiki/A").expect(200);
    page.raise();
    // A bit of the message has changed on a disk, and with it, for all we know, what it purges.
    kafka.spoiled(TOPIC, |batch| *batch.last_mut().unwrap() ^= 1);
    wait_for_position(&proxy, 0, 1);
    assert!((gaps(&proxy, "unreadable") - 1.0).abs() < 0.5);
    assert_eq!(version_of(&proxy.http1().get("/wiki/A")), 2);
}

#[test]
fn a_batch_that_lies_about_its_end_hides_nothing_that_comes_after() {
    let (origin, kafka) = (Origin::start(), Kafka::start());
    let page = Versioned::page(&origin, "/wiki/A", "max-age=60");
    kafka.topic(TOPIC, 1);
    let proxy = reading(&origin, &kafka, "");
    // By its last offset it has six messages, and the log has one; its checksum is wrong.
    kafka.spoiled(TOPIC, |batch| batch[26] = 5);
    wait_for_position(&proxy, 0, 1);
    proxy.http1().get("/wiki/A").expect(200);
    page.raise();
    kafka.events(TOPIC, 0, &["https://wiki.test/wiki/A"]);
    wait_for_position(&proxy, 0, 2);
    assert_eq!(version_of(&proxy.http1().get("/wiki/A").expect_because("absent")), 2);
    assert!((gaps(&proxy, "unreadable") - 1.0).abs() < 0.5);
    assert!(gaps(&proxy, "beyond") < 0.5);
}

#[test]
fn brokers_that_go_and_come_back_lose_nothing() {
    let (origin, kafka) = (Origin::start(), Kafka::start());
    let page = Versioned::page(&origin, "/wiki/A", "max-age=60");
    kafka.topic(TOPIC, 1);
    let proxy = reading(&origin, &kafka, "");
    for next in 1..=3 {
        proxy.http1().get("/wiki/A").expect(200);
        kafka.kill();
        eventually("the reader has seen it", || {
            proxy.metric("tidegate_stream_troubles_total") >= next as f64
        });
        // Readers are served meanwhile, of what is stored.
        proxy.http1().get("/wiki/A").expect_hit();
        page.raise();
        kafka.events(TOPIC, 0, &["https://wiki.test/wiki/A"]);
        kafka.revive();
        wait_for_position(&proxy, 0, next);
        assert_eq!(version_of(&proxy.http1().get("/wiki/A")), page.version());
    }
    assert!((gaps(&proxy, "first") - 1.0).abs() < 0.5);
}

#[test]
fn a_broker_that_comes_after_the_node_turns_stale_what_was_stored_before() {
    let (origin, kafka) = (Origin::start(), Kafka::start());
    let page = Versioned::page(&origin, "/wiki/A", "max-age=60");
    kafka.topic(TOPIC, 1);
    kafka.kill();
    let proxy = Proxy::new(&origin).config(&stream(&kafka, "")).start();
    proxy.http1().get("/wiki/A").expect(200);
    page.raise();
    kafka.events(TOPIC, 0, &["https://wiki.test/wiki/A"]);
    kafka.revive();
    wait_for_begin(&proxy);
    assert_eq!(version_of(&proxy.http1().get("/wiki/A")), 2);
}

#[test]
fn another_leader_and_more_partitions_are_found() {
    let (origin, kafka) = (Origin::start(), Kafka::start());
    let page = Versioned::page(&origin, "/wiki/A", "max-age=60");
    kafka.topic(TOPIC, 1);
    let proxy = Proxy::new(&origin).config(&stream(&kafka, "")).clock_by_hand().start();
    wait_for_begin(&proxy);
    proxy.http1().get("/wiki/A").expect(200);
    page.raise();
    kafka.lead(TOPIC, 0, 2);
    kafka.events(TOPIC, 0, &["https://wiki.test/wiki/A"]);
    let applied = |partition: i64, next: i64| {
        partitions(&proxy)
            .iter()
            .any(|one| one["partition"] == partition && one["position"] == next)
    };
    proxy.advance_until("the new leader is read", 30, || applied(0, 1));
    assert_eq!(version_of(&proxy.http1().get("/wiki/A")), 2);
    page.raise();
    // All that a partition ever held counts, for it was not there when positions began.
    kafka.add_partition(TOPIC);
    kafka.events(TOPIC, 1, &["https://wiki.test/wiki/A"]);
    proxy.advance_until("the new partition is read", 30, || applied(1, 1));
    assert_eq!(version_of(&proxy.http1().get("/wiki/A")), 3);
    assert!((gaps(&proxy, "first") - 1.0).abs() < 0.5);
}

/// A page that is stored while the stream's topic is not there, and has changed since.
fn before_the_topic(origin: &Origin, kafka: &Kafka) -> Proxy {
    let page = Versioned::page(origin, "/wiki/A", "max-age=60");
    let proxy = Proxy::new(origin).config(&stream(kafka, "")).start();
    eventually("the cluster has answered", || {
        proxy.status()["purging"]["streams"][0]["cluster"] == "cluster-one"
    });
    proxy.http1().get("/wiki/A").expect(200);
    page.raise();
    proxy
}

#[test]
fn a_topic_that_comes_later_is_read_from_its_beginning() {
    let (origin, kafka) = (Origin::start(), Kafka::start());
    let proxy = before_the_topic(&origin, &kafka);
    kafka.topic(TOPIC, 1);
    kafka.events(TOPIC, 0, &["https://wiki.test/wiki/A"]);
    wait_for_position(&proxy, 0, 1);
    assert_eq!(version_of(&proxy.http1().get("/wiki/A").expect_because("absent")), 2);
}

#[test]
fn a_topic_that_has_lost_its_beginning_before_it_was_read_is_a_gap() {
    let (origin, kafka) = (Origin::start(), Kafka::start());
    let proxy = before_the_topic(&origin, &kafka);
    kafka.kill();
    kafka.topic(TOPIC, 1);
    kafka.events(TOPIC, 0, &["https://wiki.test/wiki/A"]);
    kafka.expire(TOPIC, 0);
    kafka.revive();
    wait_for_position(&proxy, 0, 1);
    assert!((gaps(&proxy, "expired") - 1.0).abs() < 0.5);
    assert_eq!(version_of(&proxy.http1().get("/wiki/A")), 2);
}

#[test]
fn a_topic_that_is_made_anew_under_the_reader_is_a_gap() {
    let (origin, kafka) = (Origin::start(), Kafka::start());
    let page = Versioned::page(&origin, "/wiki/A", "max-age=60");
    kafka.topic(TOPIC, 1);
    let proxy = reading(&origin, &kafka, "");
    kafka.events(TOPIC, 0, &["https://wiki.test/x"]);
    wait_for_position(&proxy, 0, 1);
    proxy.http1().get("/wiki/A").expect(200);
    kafka.delete(TOPIC);
    eventually("the reader has seen it", || {
        proxy.metric("tidegate_stream_troubles_total") > 0.5 && partitions(&proxy).is_empty()
    });
    proxy.http1().get("/wiki/A").expect_hit();
    page.raise();
    kafka.topic(TOPIC, 1);
    kafka.events(TOPIC, 0, &["https://wiki.test/x", "https://wiki.test/y"]);
    wait_for_position(&proxy, 0, 2);
    assert!((gaps(&proxy, "recreated") - 1.0).abs() < 0.5);
    assert_eq!(version_of(&proxy.http1().get("/wiki/A")), 2);
}

#[test]
fn a_log_that_was_cut_off_is_read_again_from_there() {
    let (origin, kafka) = (Origin::start(), Kafka::start());
    let page = Versioned::page(&origin, "/wiki/A", "max-age=60");
    kafka.topic(TOPIC, 1);
    let proxy = reading(&origin, &kafka, "");
    kafka.events(TOPIC, 0, &["https://wiki.test/x"]);
    kafka.events(TOPIC, 0, &["https://wiki.test/y"]);
    kafka.events(TOPIC, 0, &["https://wiki.test/z"]);
    wait_for_position(&proxy, 0, 3);
    proxy.http1().get("/wiki/A").expect(200);
    page.raise();
    kafka.cut(TOPIC, 1, true);
    // At offsets that have been read, and of which more are there than were.
    kafka.events(TOPIC, 0, &["https://wiki.test/wiki/A"]);
    kafka.events(TOPIC, 0, &["https://wiki.test/u"]);
    kafka.events(TOPIC, 0, &["https://wiki.test/v"]);
    wait_for_position(&proxy, 0, 4);
    assert_eq!(version_of(&proxy.http1().get("/wiki/A")), 2);
    assert!((proxy.metric("tidegate_stream_cuts_total") - 1.0).abs() < 0.5);
}

#[test]
fn a_reload_goes_on_where_the_stream_was() {
    let (origin, kafka) = (Origin::start(), Kafka::start());
    kafka.topic(TOPIC, 1);
    let without = Proxy::new(&origin);
    let with = |keys: &str| -> Setup { without.clone().config(&stream(&kafka, keys)) };
    let mut proxy = with("").start();
    wait_for_begin(&proxy);
    kafka.events(TOPIC, 0, &["https://wiki.test/a"]);
    wait_for_position(&proxy, 0, 1);
    proxy.reload(with("hosts = ['other.test']\n")).unwrap();
    kafka.events(TOPIC, 0, &["https://wiki.test/b"]);
    wait_for_position(&proxy, 0, 2);
    let dropped = "tidegate_stream_messages_total{result=\"dropped\"}";
    assert!((proxy.metric(dropped) - 1.0).abs() < 0.5);
    assert!(gaps(&proxy, "first") < 0.5, "the new stream began anew");
    proxy.reload(without.clone()).unwrap();
    assert!(partitions(&proxy).is_empty());
    eventually("what is not configured is not read", || kafka.connections() == 0);
}

#[test]
fn a_stream_comes_over_tls() {
    let (origin, kafka) = (Origin::start(), Kafka::start_tls());
    let page = Versioned::page(&origin, "/wiki/A", "max-age=60");
    kafka.topic(TOPIC, 1);
    let config = stream(&kafka, "tls = true\nroots = 'ca.pem'\n");
    let proxy =
        Proxy::new(&origin).file("ca.pem", crate::kit::pki::ca_pem()).config(&config).start();
    wait_for_begin(&proxy);
    proxy.http1().get("/wiki/A").expect(200);
    page.raise();
    kafka.events(TOPIC, 0, &["https://wiki.test/wiki/A"]);
    wait_for_position(&proxy, 0, 1);
    assert_eq!(version_of(&proxy.http1().get("/wiki/A")), 2);
}

#[test]
fn a_broker_that_is_too_old_or_none_is_tried_again() {
    let (origin, kafka) = (Origin::start(), Kafka::start());
    kafka.topic(TOPIC, 1);
    kafka.takes_fetch(4, 11);
    let proxy = Proxy::new(&origin).config(&stream(&kafka, "")).start();
    eventually("it was found too old", || proxy.metric("tidegate_stream_troubles_total") > 1.5);
    kafka.takes_fetch(4, 17);
    wait_for_begin(&proxy);
    // A server of another protocol: its answer has no length that anyone believes.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            stream.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        }
    });
    let keys = format!("[[purge.stream]]\nbrokers = ['{broker}']\ntopics = ['t']\n");
    let lost = Proxy::new(&origin).config(&keys).start();
    eventually("it was found to be none", || lost.metric("tidegate_stream_troubles_total") > 1.5);
}
