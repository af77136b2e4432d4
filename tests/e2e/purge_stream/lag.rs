//! What readers get while the stream is further behind than `max_lag`.

use super::{TOPIC, stream, wait_for_begin, wait_for_position};
use crate::kit::kafka::Kafka;
use crate::kit::{Origin, Proxy, Versioned, eventually, get, versioned::version_of};

const LATE: &str = "tidegate_stream_late_total";

#[test]
fn a_site_that_says_so_is_stale_while_its_stream_is_behind_and_others_are_served() {
    let (origin, kafka) = (Origin::start(), Kafka::start());
    let page = Versioned::page(&origin, "/wiki/A", "max-age=600, stale-while-revalidate=600");
    kafka.topic(TOPIC, 1);
    let proxy = Proxy::new(&origin)
        .site("on_lag = 'stale'")
        .with("site.other", "hosts = ['other.test']\n cluster = 'wiki'")
        .config(&stream(&kafka, "max_lag = '1s'\n"))
        .start();
    wait_for_begin(&proxy);
    let other = || proxy.http1().send(get("/wiki/A").host("other.test"));
    other().expect(200);
    proxy.http1().get("/wiki/A").expect(200);
    kafka.kill();
    page.raise();
    kafka.events(TOPIC, 0, &["https://wiki.test/wiki/A", "https://other.test/wiki/A"]);
    eventually("it is refreshed", || version_of(&proxy.http1().get("/wiki/A")) == 2);
    assert!(proxy.metric(LATE) > 0.5);
    assert_eq!(version_of(&other().expect_hit()), 1);
    // What was fetched meanwhile is right for no longer than that either.
    page.raise();
    eventually("it is refreshed again", || version_of(&proxy.http1().get("/wiki/A")) == 3);
    assert_eq!(version_of(&other().expect_hit()), 1);
    kafka.revive();
    wait_for_position(&proxy, 0, 2);
    assert_eq!(version_of(&other().expect_because("absent")), 3);
    eventually("it is not behind", || proxy.metric("tidegate_stream_behind_seconds") < 1.0);
}
