//! Every protocol, every kind of question, pages that change all the time: no byte is wrong.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use tidegate::base::Clock;

use super::client::{Connection, Protocol, Way, cache_status};
use super::corpus::Corpus;
use super::edge::{Edge, HOST};
use super::nginx::Nginx;
use super::page::Page;
use super::question::{Kind, Question, Seen};
use super::tally::Tally;
use super::wait::{alone, runtime, setting, within};

/// Clients of each kind of connection, on each of two threads.
const CLIENTS: usize = 6;

/// Pages that change in a second.
const CHANGES: u32 = 100;

/// What all clients share.
struct Load {
    corpus: Corpus,
    ways: [Way; 3],
    purge_ways: [Way; 2],
    seed: u64,
    end: Instant,
    seen: Mutex<HashMap<u32, Seen>>,
    tally: Mutex<Tally>,
}

#[test]
#[ignore = "needs nginx, wrk, h2load, curl from Debian: tests/real/install"]
fn mixed_load_against_nginx_serves_no_wrong_byte() {
    let _alone = alone();
    let time = Duration::from_secs(setting("TIDEGATE_REAL_SECONDS", 20));
    let pages = setting("TIDEGATE_REAL_PAGES", 4000);
    let seed = setting("TIDEGATE_REAL_SEED", fastrand::u64(..));
    println!("mixed load: {time:?}, {pages} pages, seed {seed}");

    let nginx = Nginx::start("");
    let corpus = Corpus::write(&nginx.pages(), u32::try_from(pages).expect("a number of pages"));
    // Half of what there is, so that pages are evicted as well.
    let edge = Edge::start(nginx.address(), &format!("{}MiB", (pages / 80).max(64)));
    let load = Arc::new(Load {
        corpus,
        ways: Protocol::ALL.map(|protocol| Way::to(&edge, protocol)),
        purge_ways: [edge.plain, edge.purge].map(|address| Way::plain(&edge, address)),
        seed,
        end: Clock::system().now() + time,
        seen: Mutex::default(),
        tally: Mutex::default(),
    });
    let changes = on_thread(&load, |load| async move { change_pages(&load).await });
    let clients = [0, 1].map(|n| on_thread(&load, move |load| ask_all_the_time(load, n)));
    let changed = changes.join().expect("the thread that changes pages");
    for thread in clients {
        thread.join().expect("a thread of clients");
    }

    let tally = std::mem::take(&mut *load.tally.lock().expect("no client panicked"));
    tally.print(time);
    println!("{changed} pages changed and purged");
    for what in ["commits", "evictions", "overtaken"] {
        println!("{what}: {}", edge.metric(&format!("tidegate_store_{what}_total")));
    }
    assert_eq!((tally.wrong.count, tally.failed.count), (0, 0));
    // A machine that is busy with something else changes fewer; some there must be.
    assert!(u64::from(changed) >= time.as_secs() * u64::from(CHANGES) / 2, "too few purges");
    for protocol in Protocol::ALL {
        assert!(tally.over(protocol) > 100, "too few requests over {protocol:?}");
    }
    for status in [206, 304] {
        assert!(tally.status(status) > 0, "no {status} at all");
    }
    assert!(tally.hits() > tally.total() / 4, "too few hits");
    runtime().block_on(everything_is_as_purged(&load));
    edge.stop();
}

/// Runs what `work` makes, on a thread and a runtime of its own.
fn on_thread<F, R>(
    load: &Arc<Load>,
    work: impl FnOnce(Arc<Load>) -> F + Send + 'static,
) -> thread::JoinHandle<R>
where
    F: Future<Output = R>,
    R: Send + 'static,
{
    let load = Arc::clone(load);
    thread::spawn(move || runtime().block_on(work(load)))
}

/// Changes and purges pages at an even pace; how many. Often a page changes several times in a row,
/// so that purges come upon the fetches which the purge before them has caused.
async fn change_pages(load: &Load) -> u32 {
    let clock = Clock::system();
    let mut random = Rng::with_seed(load.seed);
    let mut connections = Vec::new();
    for way in &load.purge_ways {
        connections.push(way.connect().await.expect("the edge takes connections"));
    }
    let start = clock.now();
    let mut changed = 0;
    while clock.now() < load.end {
        clock.sleep_until(start + Duration::from_secs(1) / CHANGES * changed).await;
        let id = load.corpus.draw_to_change(&mut random);
        for _ in 0..random.u32(1..8) {
            let page = load.corpus.change(id);
            if !load.corpus.is_private(id) {
                purge(load, &mut connections[changed as usize % 2], page).await;
            }
            changed += 1;
        }
    }
    changed
}

/// Purges as MediaWiki does: absolute form, over a kept connection.
async fn purge(load: &Load, connection: &mut Connection, page: Page) {
    let method = Method::from_bytes(b"PURGE").expect("a method");
    let url = format!("http://{HOST}{}", load.corpus.path(page.id));
    let fields = HeaderMap::from_iter([(http::header::CONTENT_LENGTH, 0.into())]);
    let answer = within("a purge", LIMIT, connection.fetch(method, &url, fields)).await;
    let answer = answer.expect("a purge over a kept connection is answered");
    assert!(answer.status().is_success(), "{url}: {answer:?}");
    load.corpus.in_force(page);
}

/// How long any answer may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A thread's clients, until the end.
async fn ask_all_the_time(load: Arc<Load>, thread: u64) {
    let mut tasks = Vec::new();
    for (place, way) in load.ways.iter().enumerate() {
        for n in 0..CLIENTS {
            let number = (thread * 8 + place as u64) * 1000 + n as u64 + 1;
            let client = Client {
                load: Arc::clone(&load),
                way: way.clone(),
                protocol: Protocol::ALL[place],
                random: Rng::with_seed(load.seed ^ number),
                tally: Tally::default(),
            };
            tasks.push(tokio::spawn(client.run()));
        }
    }
    for task in tasks {
        task.await.expect("no client panics");
    }
}

/// A client with a connection of its own; over HTTP/2 it asks several things at once.
struct Client {
    load: Arc<Load>,
    way: Way,
    protocol: Protocol,
    random: Rng,
    tally: Tally,
}

impl Client {
    async fn run(mut self) {
        while Clock::system().now() < self.load.end {
            match self.way.connect().await {
                Ok(connection) => self.use_up(connection).await,
                Err(error) => self.tally.failed.tell(error),
            }
        }
        self.load.tally.lock().expect("no client panicked").add(self.tally);
    }

    /// Asks over one connection, for a while: new connections are part of the load.
    async fn use_up(&mut self, mut connection: Connection) {
        for _ in 0..self.random.u32(100..2000) {
            if Clock::system().now() >= self.load.end {
                return;
            }
            let others = if self.protocol == Protocol::Http2 { self.random.usize(..8) } else { 0 };
            let others: Vec<_> = (0..others).filter_map(|_| connection.share()).collect();
            let others: Vec<_> = others.into_iter().map(|other| self.beside(other)).collect();
            let is_usable = self.ask(&mut connection).await;
            for other in others {
                self.tally.add(other.await.expect("no client panics"));
            }
            if !is_usable {
                return;
            }
        }
    }

    /// One more request on the same connection.
    fn beside(&mut self, mut connection: Connection) -> tokio::task::JoinHandle<Tally> {
        let mut other = Self {
            load: Arc::clone(&self.load),
            way: self.way.clone(),
            random: Rng::with_seed(self.random.u64(..)),
            tally: Tally::default(),
            ..*self
        };
        tokio::spawn(async move {
            other.ask(&mut connection).await;
            other.tally
        })
    }

    /// Asks one thing and judges the answer; whether the connection can be used on.
    async fn ask(&mut self, connection: &mut Connection) -> bool {
        let load = Arc::clone(&self.load);
        let id = load.corpus.draw(&mut self.random);
        let seen = load.seen.lock().expect("no client panicked").get(&id).cloned();
        let question = Question::new(id, Kind::draw(&mut self.random), seen, &mut self.random);
        let path = load.corpus.path(id);
        let least = load.corpus.least(id);
        let (method, fields) = (question.method(), question.fields());
        let about = format!("{} {path} {fields:?}", self.protocol.name());
        if question.kind == Kind::Leave {
            let asked = within(&about, LIMIT, connection.ask(method, &path, fields)).await;
            match asked {
                Ok(answer) => {
                    let (status, handling) = (answer.status(), cache_status(answer.headers()));
                    self.tally.answer(question.kind, self.protocol, status.as_u16(), handling);
                    let _ = within(&about, LIMIT, answer.into_body().frame()).await;
                }
                Err(error) => self.tally.failed.tell(format!("{about}: {error}")),
            }
            return self.protocol == Protocol::Http2;
        }
        let answer = match within(&about, LIMIT, connection.fetch(method, &path, fields)).await {
            Ok(answer) => answer,
            Err(error) => {
                self.tally.failed.tell(format!("{about}: {error}"));
                return false;
            }
        };
        let handling = cache_status(answer.headers());
        self.tally.answer(question.kind, self.protocol, answer.status().as_u16(), handling);
        self.tally.bytes(answer.body().len());
        match judge(&load, &question, least, &answer) {
            Ok(seen) => drop(load.seen.lock().expect("no client panicked").insert(id, seen)),
            Err(error) => self.tally.wrong.tell(format!("{about}: {error} ({handling})")),
        }
        answer.headers().get("connection").is_none_or(|value| value != "close")
    }
}

fn judge(
    load: &Load,
    question: &Question,
    least: u32,
    answer: &http::Response<hyper::body::Bytes>,
) -> Result<Seen, String> {
    let seen = question.judge(answer, load.corpus.is_private(question.id))?;
    let versions = least..=load.corpus.newest(question.id);
    if !versions.contains(&seen.page.version) {
        return Err(format!("{:?}, where {versions:?} may come", seen.page));
    }
    Ok(seen)
}

/// Once nothing changes, every page is at its newest.
async fn everything_is_as_purged(load: &Load) {
    let mut connection = load.ways[0].connect().await.expect("the edge takes connections");
    let mut random = Rng::with_seed(load.seed);
    for id in load.corpus.ids() {
        let question = Question::new(id, Kind::Get, None, &mut random);
        let path = load.corpus.path(id);
        let answer = connection.fetch(Method::GET, &path, HeaderMap::new());
        let answer = within(&path, LIMIT, answer).await.expect("a quiet edge answers");
        let newest = load.corpus.newest(id);
        let judged = judge(load, &question, newest, &answer);
        judged.unwrap_or_else(|error| panic!("{path} at rest: {error}"));
    }
}
