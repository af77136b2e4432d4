//! What nodes tell each other of streams when these stop, change places and begin anew.

use std::sync::{Mutex, Weak};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::*;
use crate::base::Clock;
use crate::config::{self, SourceTerms};
use crate::net::resolver::Resolver;
use crate::stream::Heed;
use crate::stream::protocol::{Led, Metadata, Topic};

/// Notes what other nodes are told whenever everything turns stale.
#[derive(Debug, Default)]
struct Noting {
    stream: Mutex<Weak<Stream>>,
    told: Mutex<Vec<String>>,
}

#[derive(Debug)]
struct Heeding(Arc<Noting>);

impl Heed for Heeding {
    fn changed(&self, _: &str) -> bool {
        true
    }

    fn order(&self, _: Value) -> Result<bool, String> {
        Ok(true)
    }

    fn late(&self) -> usize {
        0
    }

    fn everything(&self) {
        let stream = self.0.stream.lock().unwrap().upgrade().unwrap();
        self.0.told.lock().unwrap().push(told(&stream));
    }
}

fn stream() -> (Arc<Stream>, Arc<Noting>) {
    let terms = SourceTerms { hosts: Vec::new(), rebound: Duration::ZERO };
    let config = config::Stream {
        brokers: Vec::new(),
        topics: vec!["t".to_owned()],
        tls: false,
        roots: None,
        positions: None,
        max_lag: Duration::ZERO,
        terms,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
    let resolver = Resolver::from_system(clock.clone(), runtime.handle().clone());
    let noting = Arc::new(Noting::default());
    let heed = Box::new(Heeding(Arc::clone(&noting)));
    let stream = Arc::new(Stream::new(config, &clock, resolver, heed).unwrap());
    *noting.stream.lock().unwrap() = Arc::downgrade(&stream);
    (stream, noting)
}

/// Meets the topic of that id at that cluster, and reads up to `next` if there is one.
fn meet(stream: &Stream, cluster: &str, id: u128, next: Option<i64>) {
    let partitions = vec![Led { index: 0, leader: 0, epoch: 0 }];
    let topic = Topic { code: 0, name: "t".to_owned(), id: id.to_be_bytes(), partitions };
    let brokers = Vec::new();
    let metadata = Metadata { cluster: cluster.to_owned(), brokers, topics: vec![topic] };
    let mut tasks = stream.plan(&metadata).unwrap();
    if next.is_some() {
        stream.begin_at(tasks.remove(0), next);
    }
}

fn told(stream: &Stream) -> String {
    let told = tell([stream]);
    told.map_or_else(String::new, |told| told.to_str().unwrap().to_owned())
}

fn has_reached(stream: &Stream, other: &Stream) -> bool {
    have_reached([stream], told(other).as_bytes())
}

#[test]
fn positions_are_of_a_cluster_and_a_topic() {
    let [(far, _), (near, _)] = [stream(), stream()];
    assert_eq!(told(&near), "");
    meet(&far, "c1", 1, Some(8));
    assert_eq!(told(&far), format!("c1/t/{:032x}/0=8", 1));
    for (cluster, id, next, known) in
        [("c1", 1, 8, true), ("c1", 1, 9, false), ("c2", 1, 8, false), ("c1", 2, 8, false)]
    {
        let near = stream().0;
        meet(&near, cluster, id, Some(next));
        assert_eq!(has_reached(&far, &near), known, "{cluster} {id} {next}");
    }
    for garbage in ["c1", "c1/t/0=8", "c1/t/-/0=8", "c1/t/x/0=x", "c1/t/x/y=8"] {
        assert!(!have_reached([&*far], garbage.as_bytes()), "{garbage}");
    }
}

#[test]
fn what_was_read_at_another_cluster_says_nothing_of_this_one() {
    let [(far, _), (near, _)] = [stream(), stream()];
    meet(&far, "c1", 1, Some(8));
    // It has come to the other cluster, and has read nothing there, nor of what was made anew before.
    meet(&far, "c1", 5, None);
    meet(&far, "c2", 2, None);
    meet(&near, "c2", 2, Some(3));
    assert!(!has_reached(&far, &near));
    // Nor does anybody know what it has read before.
    assert!(!has_reached(&near, &far), "{}", told(&far));
    meet(&far, "c2", 2, Some(3));
    assert!(has_reached(&far, &near) && has_reached(&near, &far));
}

#[test]
fn a_topic_made_anew_is_told_before_it_is_read() {
    let [(far, _), (near, _)] = [stream(), stream()];
    for stream in [&far, &near] {
        meet(stream, "c1", 1, Some(8));
    }
    meet(&near, "c1", 2, None);
    assert!(!has_reached(&far, &near), "it has not heard of that");
    meet(&far, "c1", 2, None);
    assert!(has_reached(&far, &near));
}

#[test]
fn after_a_gap_everything_is_stale_that_was_asked_for_by_what_was_known_before() {
    let (stream, noting) = stream();
    let taken = || std::mem::take(&mut *noting.told.lock().unwrap());
    let [one, two] = [1, 2].map(|id: u128| format!("c1/t/{id:032x}/0="));
    meet(&stream, "c1", 1, Some(8));
    assert_eq!(taken(), [String::new(), format!("{one}8")]);
    meet(&stream, "c1", 2, None);
    assert_eq!(taken(), [format!("{one}8"), format!("{two}0")]);
    meet(&stream, "c1", 2, Some(5));
    assert_eq!(taken(), [format!("{two}0"), format!("{two}5")]);
}
