//! The purge stream from a real Apache Kafka: every event is accounted for while the broker is absent,
//! killed and restarted, and what it has deleted, or made anew, is found out.

pub mod broker;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use http::{HeaderMap, Method};
use tidegate::base::Clock;

use self::broker::Broker;
use super::client::{Protocol, Way, cache_status};
use super::edge::{Edge, HOST, Ports};
use super::nginx::Nginx;
use super::process::{Scratch, output};
use super::wait::{alone, runtime, setting, until};

const TOPIC: &str = "resource-purge";

/// Pages that are stored, and of which each stream of events names every one.
const PAGES: u32 = 200;

/// One of so many events of a backlog is of a page that is stored.
const STORED: u64 = 10;

/// How long all events may take from the publisher through the broker to the store.
const LIMIT: Duration = Duration::from_secs(300);

/// What it all happens between.
struct Rig {
    broker: Broker,
    nginx: Nginx,
    folder: Scratch,
    events: u64,
}

#[test]
#[ignore = "needs nginx from Debian and Kafka from Maven Central: tests/real/install"]
fn every_event_of_a_real_broker_is_accounted_for() {
    let _alone = alone();
    let nginx = Nginx::start(
        "location /many/ { return 200 'a page'; add_header Cache-Control max-age=86400; }",
    );
    for page in 0..PAGES {
        fs::write(nginx.pages().join(format!("p/{page}")), "a page").expect("the folder is ours");
    }
    let events = setting("TIDEGATE_REAL_EVENTS", 100_000);
    let (broker, folder) = (Broker::new(), Scratch::new("events"));
    let mut rig = Rig { broker, nginx, folder, events };
    rig.absent_at_start();
    rig.killed_in_the_middle();
    rig.a_backlog();
    rig.expired();
    rig.recreated();
    rig.widened();
    rig.published_by_hand();
}

impl Rig {
    fn edge(&self) -> Edge {
        Edge::configured(&Ports::free(), self.nginx.address(), "64MiB", &self.stream())
    }

    /// What the edge's configuration says of the stream.
    fn stream(&self) -> String {
        let (broker, file) = (self.broker.address(), self.positions());
        format!(
            "[[purge.stream]]\nbrokers = [\"{broker}\"]\ntopics = [\"{TOPIC}\"]\npositions = \"{}\"\n",
            file.display()
        )
    }

    fn positions(&self) -> PathBuf {
        self.folder.path().join("positions.json")
    }

    /// A file of `count` events, of which every page's stand among the first and the last.
    fn write_events(&self, count: u64) -> PathBuf {
        let is_page = |n| n < u64::from(PAGES) || count - n <= u64::from(PAGES);
        self.write_events_of(count, |n| is_page(n).then(|| format!("p/{}", n % u64::from(PAGES))))
    }

    /// A file of `count` events, of which some name pages.
    fn write_events_of(&self, count: u64, page: impl Fn(u64) -> Option<String>) -> PathBuf {
        let path = self.folder.path().join("events");
        let mut lines = String::new();
        for n in 0..count {
            let page = page(n).unwrap_or_else(|| {
                format!("wiki/A_page_that_is_not_stored_and_has_a_title_of_usual_length_{n}")
            });
            let line = writeln!(
                lines,
                r#"{{"$schema":"/resource_change/1.0.0","meta":{{"stream":"{TOPIC}","uri":"https://{HOST}/{page}","domain":"{HOST}","id":"0fa0e9c0-1234-4321-8888-{n:012}","dt":"2026-01-01T00:00:00Z","request_id":"0fa0e9c0-1234-4321-8888-0123456789ab"}},"tags":["mediawiki"],"root_event":{{"signature":"{n:040}","dt":"2026-01-01T00:00:00Z"}}}}"#
            );
            line.expect("a String takes all");
        }
        fs::write(&path, lines).expect("the disk has room");
        path
    }

    fn publish(&self, count: u64) {
        self.publish_all(&self.write_events(count));
    }

    fn publish_all(&self, events: &Path) {
        let mut publisher = self.broker.publish(TOPIC, events);
        until("all events are in the log", LIMIT, || !publisher.runs());
    }

    fn absent_at_start(&mut self) {
        let edge = self.edge();
        ask_all(&edge);
        assert_eq!(ask_all(&edge), 0, "all is stored, and served without the stream");
        self.broker.start();
        self.broker.create(TOPIC, 3);
        wait_for_partitions(&edge, 3);
        self.publish(u64::from(PAGES));
        wait_for_messages(&edge, u64::from(PAGES));
        assert_eq!(ask_all(&edge), PAGES);
        assert_eq!(ask_all(&edge), 0);
        edge.stop();
        println!("absent at start: served meanwhile, and read once it was there");
    }

    fn killed_in_the_middle(&mut self) {
        let edge = self.edge();
        wait_for_partitions(&edge, 3);
        ask_all(&edge);
        let before = positions(&edge);
        let events = self.write_events(self.events);
        let mut publisher = self.broker.publish(TOPIC, &events);
        until("a part is applied", LIMIT, || positions(&edge) > before + self.events / 10);
        self.broker.kill();
        let at = positions(&edge) - before;
        until("the edge has seen it", LIMIT, || edge.sum("tidegate_stream_troubles_total") > 0.5);
        self.broker.start();
        until("all events are in the log", LIMIT, || !publisher.runs());
        wait_for_end(&edge, before + self.events);
        // By whichever of the two events of each page came last, once.
        assert_eq!(ask_all(&edge), PAGES, "origin requests after an outage");
        assert_eq!(ask_all(&edge), 0);
        assert!(gaps(&edge) < 0.5, "{}", edge.metrics(&["tidegate_stream"]));
        println!(
            "killed after {at} of {} events: {} more applied, no gap, {PAGES} origin requests for {PAGES} purged pages",
            self.events,
            positions(&edge) - before - at
        );
        edge.stop();
    }

    /// The edge stands still while it is published, so that its pages are stored when it comes.
    fn a_backlog(&mut self) {
        let (clock, edge) = (Clock::system(), self.edge());
        wait_for_partitions(&edge, 3);
        let stored = self.events / STORED;
        let many = (0..stored).map(|n| format!("/many/{n}"));
        assert_eq!(ask_for(&edge, many.clone()), u32::try_from(stored).expect("they are few"));
        let before = count(&edge, "tidegate_stream_messages_total");
        edge.pause();
        let page = |n| (n % STORED == 0).then(|| format!("many/{}", n / STORED));
        self.publish_all(&self.write_events_of(self.events, page));
        let (began, cpu) = (clock.now(), edge.vitals().cpu());
        edge.go_on();
        wait_for_messages(&edge, before + self.events);
        let (took, cpu) = (clock.now() - began, edge.vitals().cpu() - cpu);
        assert!(gaps(&edge) < 0.5, "{}", edge.metrics(&["tidegate_stream"]));
        assert_eq!(ask_for(&edge, many), u32::try_from(stored).expect("they are few"));
        let events = self.events as f64;
        let rate = events / took.as_secs_f64();
        println!(
            "a backlog of {} events, one in {STORED} of a stored page: applied in {took:.1?}, {rate:.0} a second, {:.2} µs of CPU time each; an hour at 10 000 a second in {:.0} s",
            self.events,
            cpu.as_secs_f64() * 1e6 / events,
            36e6 / rate
        );
        // An hour of 10 000 a second in six minutes.
        assert!(rate > 36e6 / 360.0, "{rate} events a second");
        edge.stop();
    }

    fn expired(&mut self) {
        self.publish(1000);
        self.broker.expire(TOPIC, 3);
        let edge = self.edge();
        wait_for_gap(&edge, "expired");
        self.is_applied(&edge, "what was deleted past our position");
        edge.stop();
    }

    fn recreated(&mut self) {
        self.broker.delete(TOPIC);
        self.broker.create(TOPIC, 3);
        // Longer than the positions are.
        self.publish(5000);
        let edge = self.edge();
        wait_for_gap(&edge, "recreated");
        self.is_applied(&edge, "a topic made anew");
        edge.stop();
    }

    fn widened(&mut self) {
        let edge = self.edge();
        wait_for_partitions(&edge, 3);
        self.broker.widen(TOPIC, 6);
        wait_for_partitions(&edge, 6);
        assert!(gaps(&edge) < 0.5, "{}", edge.metrics(&["tidegate_stream"]));
        self.is_applied(&edge, "partitions added later");
        edge.stop();
    }

    fn published_by_hand(&self) {
        let edge = self.edge();
        wait_for_partitions(&edge, 6);
        ask_all(&edge);
        let config = format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\n{}[cluster.c]\nservers = [\"127.0.0.1:1\"]\n\
             [site.wiki]\nhosts = [\"{HOST}\"]\ncluster = \"c\"\n",
            self.stream()
        );
        let file = self.folder.path().join("publisher.toml");
        fs::write(&file, config).expect("the folder is ours");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(["purge", "--stream", "--wait", "--prefix", &format!("http://{HOST}/p/")]);
        command.arg("--config").arg(&file).args(["--admin", &edge.admin.to_string(), "--hard"]);
        let (status, said) = output("tidegate-purge", &mut command, LIMIT);
        assert!(status.success(), "{said}");
        assert_eq!(ask_all(&edge), PAGES, "{said}");
        edge.stop();
        println!("published by `tidegate purge --stream --wait`: in force when that ended");
    }

    /// Events are applied as ever.
    fn is_applied(&self, edge: &Edge, what: &str) {
        ask_all(edge);
        let before = positions(edge);
        self.publish(u64::from(PAGES));
        wait_for_end(edge, before + u64::from(PAGES));
        assert_eq!(ask_all(edge), PAGES, "{what}");
        println!("{what}: found out, and read on");
    }
}

/// Asks for every page; how many of the answers were no hits.
fn ask_all(edge: &Edge) -> u32 {
    ask_for(edge, (0..PAGES).map(|page| format!("/p/{page}")))
}

/// Asks for all of these; how many of the answers were no hits.
fn ask_for(edge: &Edge, paths: impl Iterator<Item = String>) -> u32 {
    let way = Way::to(edge, Protocol::Http1);
    runtime().block_on(async {
        let mut connection = way.connect().await.expect("the edge takes connections");
        let mut missed = 0;
        for path in paths {
            let answer = connection.fetch(Method::GET, &path, HeaderMap::new()).await;
            let answer = answer.expect("the edge answers");
            assert_eq!(answer.status(), 200, "{path}");
            missed += u32::from(!cache_status(answer.headers()).contains("; hit"));
        }
        missed
    })
}

/// The sum of all partitions' positions.
fn positions(edge: &Edge) -> u64 {
    count(edge, "tidegate_stream_position")
}

/// The sum of counters or gauges that are whole numbers.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "they are whole numbers"
)]
fn count(edge: &Edge, name: &str) -> u64 {
    edge.sum(name) as u64
}

fn gaps(edge: &Edge) -> f64 {
    edge.sum("tidegate_stream_gaps_total")
}

fn wait_for_partitions(edge: &Edge, count: usize) {
    until("every partition is read", LIMIT, || {
        edge.metrics(&["tidegate_stream_poll_age_seconds"]).lines().count() == count
    });
}

fn wait_for_messages(edge: &Edge, all: u64) {
    until("all messages are applied", LIMIT, || {
        count(edge, "tidegate_stream_messages_total") >= all
            && edge.sum("tidegate_stream_backlog") < 0.5
    });
}

/// Waits until positions have come to `end` in sum, and to the end of the log.
fn wait_for_end(edge: &Edge, end: u64) {
    until("all is applied", LIMIT, || {
        positions(edge) >= end && edge.sum("tidegate_stream_backlog") < 0.5
    });
    assert_eq!(positions(edge), end, "the log is as long as what was published");
}

fn wait_for_gap(edge: &Edge, cause: &str) {
    let of = |cause: &str| {
        let lines = edge.metrics(&["tidegate_stream_gaps_total"]);
        let line = lines.lines().find(|line| line.contains(&format!("\"{cause}\"")));
        line.is_some_and(|line| !line.ends_with(" 0"))
    };
    until(&format!("the gap is found: {cause}"), LIMIT, || of(cause));
    until("all is read after it", LIMIT, || {
        edge.sum("tidegate_stream_position") > 0.5 && edge.sum("tidegate_stream_backlog") < 0.5
    });
}
