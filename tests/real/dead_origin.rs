//! nginx dies and comes back while clients ask: hits go on, misses say what is wrong and recover.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use http::{HeaderMap, Method};
use tidegate::base::Clock;

use super::client::{Connection, Protocol, Way, cache_status};
use super::corpus::Corpus;
use super::edge::Edge;
use super::nginx::Nginx;
use super::page::Page;
use super::wait::{SOON, alone, runtime, until, within};

/// Pages that are stored before nginx dies.
const WARM: u32 = 100;

/// A page of 2 MiB, which takes nginx a second, so that it dies in the middle of it.
const LARGE: u32 = 250;

#[test]
#[ignore = "needs nginx, wrk, h2load, curl from Debian: tests/real/install"]
fn a_dead_nginx_costs_misses_only_and_its_return_heals_them() {
    let _alone = alone();
    let mut nginx = Nginx::start(&format!(
        "location = /private/{LARGE} {{ add_header Cache-Control 'no-store'; limit_rate 1m; }}"
    ));
    let _corpus = Corpus::write(&nginx.pages(), WARM + 1);
    let edge = Edge::start(nginx.address(), "256MiB");
    let over = Arc::new(AtomicBool::new(false));
    let warm = Arc::new(AtomicUsize::new(0));
    let readers = Protocol::ALL.map(|protocol| {
        let (way, over, warm) = (Way::to(&edge, protocol), Arc::clone(&over), Arc::clone(&warm));
        thread::spawn(move || runtime().block_on(read_what_is_stored(&way, &warm, &over)))
    });
    until("what the readers read is stored", SOON, || warm.load(Ordering::Relaxed) == 3);
    let large = Page { id: LARGE, version: 0 };
    let file = nginx.pages().join(format!("private/{LARGE}"));
    fs::write(file, large.body()).expect("the folder is ours");
    let answered = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let missing = [false, true].map(|private| {
        let (way, over) = (Way::to(&edge, Protocol::Http2), Arc::clone(&over));
        let answered = Arc::clone(&answered[usize::from(private)]);
        let asking = async move { ask_for_what_is_not(&way, private, &answered, &over).await };
        thread::spawn(move || runtime().block_on(asking))
    });
    until("misses are answered", SOON, || {
        answered.iter().all(|answered| answered.load(Ordering::Relaxed) > 0)
    });
    let mut probe = Probe { way: Way::to(&edge, Protocol::Http1), next: 0 };

    probe.fifty_get(200);
    nginx.kill();
    // A few say what is wrong with it, until it is known to be out; these may be others.
    probe.fifty_get_either(502, 503);
    nginx.start_again();
    until("misses are answered again", SOON, || probe.miss() == 200);
    probe.fifty_get(200);
    nginx.kill();
    nginx.start_again();
    until("misses are answered after a restart", SOON, || probe.miss() == 200);
    probe.fifty_get(200);

    over.store(true, Ordering::Relaxed);
    for (protocol, reader) in Protocol::ALL.iter().zip(readers) {
        let hits = reader.join().expect("every hit was right");
        assert!(hits > 100, "only {hits} hits over {protocol:?}");
        println!("{hits} hits over {} meanwhile", protocol.name());
    }
    let [misses, passes] = missing.map(|asked| asked.join().expect("answers of some kind"));
    println!("misses meanwhile: {misses:?}\nlarge private pages meanwhile: {passes:?}");
    assert!(passes.contains_key(BROKEN), "nginx did not die in mid-body");
    edge.stop();
}

/// Asks for stored pages until it is over; how many hits came. Nothing else may.
async fn read_what_is_stored(way: &Way, warm: &AtomicUsize, over: &AtomicBool) -> u32 {
    let mut connection = way.connect().await.expect("the edge takes connections");
    for id in 0..WARM {
        get(&mut connection, &format!("/p/{id}"), id).await.expect("nginx is there");
    }
    warm.fetch_add(1, Ordering::Relaxed);
    let mut hits = 0;
    while !over.load(Ordering::Relaxed) {
        let path = format!("/p/{}", hits % WARM);
        let (status, handling) = get(&mut connection, &path, hits % WARM).await.expect("a hit");
        assert!(status == 200 && handling.contains("; hit; "), "{hits} {status} {handling}");
        hits += 1;
    }
    hits
}

/// What is told of an answer that did not end.
const BROKEN: &str = "broke off";

/// Asks for what was never asked before, or is never stored, until it is over; what came how often.
async fn ask_for_what_is_not(
    way: &Way,
    private: bool,
    answered: &AtomicUsize,
    over: &AtomicBool,
) -> BTreeMap<String, u32> {
    let mut connection = way.connect().await.expect("the edge takes connections");
    let mut answers = BTreeMap::<String, u32>::new();
    let clock = Clock::system();
    for n in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let (path, id) = match private {
            true => (format!("/private/{LARGE}"), LARGE),
            false => (format!("/p/{}?b{n}", n % WARM), n % WARM),
        };
        let answer = match get(&mut connection, &path, id).await {
            Ok((200, _)) => "200".to_owned(),
            Ok((502, handling)) => handling,
            // It is known to be out, and a few others try it.
            Ok((503, handling)) if handling.contains("no-server") => handling,
            Ok((status, handling)) => panic!("{status} {handling}"),
            // nginx died in mid-body: a body that breaks off must not seem to end.
            Err(_) => BROKEN.to_owned(),
        };
        *answers.entry(answer).or_default() += 1;
        answered.fetch_add(1, Ordering::Relaxed);
        if !private {
            // At a pace at which no stored page has to go for these.
            clock.sleep(Duration::from_millis(2)).await;
        }
    }
    answers
}

/// Somebody who asks for what was never asked before, one thing at a time.
struct Probe {
    way: Way,
    next: u32,
}

impl Probe {
    fn fifty_get(&mut self, expected: u16) {
        for _ in 0..50 {
            assert_eq!(self.miss(), expected);
        }
    }

    /// Fifty misses, each of which has one of two statuses.
    fn fifty_get_either(&mut self, one: u16, other: u16) {
        for _ in 0..50 {
            let status = self.miss();
            assert!(status == one || status == other, "{status}");
        }
    }

    /// The status of one miss.
    fn miss(&mut self) -> u16 {
        self.next += 1;
        let path = format!("/p/{WARM}?a{}", self.next);
        let (status, _) = runtime().block_on(async {
            let mut connection = self.way.connect().await.expect("the edge takes connections");
            get(&mut connection, &path, WARM).await.expect("an answer, be it an error")
        });
        status
    }
}

/// Status and handling of a page, which is right where it is a page.
async fn get(connection: &mut Connection, path: &str, id: u32) -> Result<(u16, String), String> {
    let answer = connection.fetch(Method::GET, path, HeaderMap::new());
    let answer = within(path, SOON, answer).await?;
    if answer.status() == 200 {
        let page = Page { id, version: 0 };
        assert_eq!(answer.body().len() as u64, page.length(), "{path}");
        page.check(0, answer.body()).expect("no byte is wrong");
    }
    Ok((answer.status().as_u16(), cache_status(answer.headers()).to_owned()))
}
