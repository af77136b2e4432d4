//! Ten thousand clients of one page that is not stored yet and comes slowly.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tidegate::base::Clock;
use tokio::task::JoinHandle;

use super::client::{Connection, Protocol, Way, cache_status};
use super::edge::Edge;
use super::page::Page;
use super::slow_origin::SlowOrigin;
use super::wait::{SOON, alone, runtime, setting, within};

/// Requests on each HTTP/2 connection.
const STREAMS: usize = 100;

/// How long anything may take that ten thousand clients do.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
#[ignore = "needs nginx, wrk, h2load, curl from Debian: tests/real/install"]
fn ten_thousand_clients_of_one_cold_slow_page_cause_one_origin_request() {
    let _alone = alone();
    let count = setting("TIDEGATE_REAL_CLIENTS", 2000);
    let count = usize::try_from(count).expect("a number of clients");
    make_room_for(count);
    let origin = SlowOrigin::start();
    let edge = Edge::start(origin.address(), "64MiB");
    runtime().block_on(async {
        all_of_them_are_served_by_one_request(&edge, &origin, count).await;
        half_of_them_may_leave(&edge, &origin, count).await;
        those_who_come_after_a_purge_get_a_new_one(&edge, &origin, count).await;
    });
    edge.stop();
}

async fn all_of_them_are_served_by_one_request(edge: &Edge, origin: &SlowOrigin, count: usize) {
    let id = page(0);
    origin.release(id);
    let crowd = Crowd::gather(edge, id, count).await;
    crowd.all_get(0).await;
    assert_eq!(origin.requests(id), 1);
    println!("{count} clients, h1 and h2: one origin request");
}

async fn half_of_them_may_leave(edge: &Edge, origin: &SlowOrigin, count: usize) {
    let id = page(1);
    let mut crowd = Crowd::gather(edge, id, count).await;
    crowd.all_read().await;
    let left = crowd.half_leaves();
    origin.release(id);
    crowd.all_get(0).await;
    let late = Crowd::gather(edge, id, 1).await;
    late.all_get(0).await;
    assert_eq!(origin.requests(id), 1);
    println!("{left} of {count} left in mid-body: the others have all of it, by one request");
}

async fn those_who_come_after_a_purge_get_a_new_one(
    edge: &Edge,
    origin: &SlowOrigin,
    count: usize,
) {
    let id = page(2);
    let early = Crowd::gather(edge, id, count / 2).await;
    early.all_read().await;
    let purge = Method::from_bytes(b"PURGE").expect("a method");
    let mut connection = Way::plain(edge, edge.purge).connect().await.expect("the edge is there");
    let url = format!("http://{}/slow/{id}", super::edge::HOST);
    let purged = connection.fetch(purge, &url, HeaderMap::new()).await.expect("an answer");
    assert!(purged.status().is_success(), "{purged:?}");
    let late = Crowd::gather(edge, id, count / 2).await;
    late.all_read().await;
    origin.release(id);
    early.all_get(0).await;
    late.all_get(1).await;
    let latest = Crowd::gather(edge, id, 1).await;
    latest.all_get(1).await;
    assert_eq!(origin.requests(id), 2);
    println!("a purge in mid-body: {0} clients before it, {0} after, two requests", count / 2);
}

/// The number of a page of some 50 KB, another for each place.
fn page(place: usize) -> u32 {
    let fits = |id: &u32| (40_000..60_000).contains(&Page { id: *id, version: 0 }.length());
    (1..).filter(fits).nth(place).expect("numbers do not end")
}

/// Clients that ask for the same page at the same time: the first half of them over HTTP/1.1,
/// with a connection each, the others over HTTP/2 in TLS, a hundred to a connection. The scheme
/// splits variants, so the former come as from a trusted proxy that has ended their TLS.
struct Crowd {
    id: u32,
    clients: Vec<JoinHandle<Result<Page, String>>>,
    reading: Arc<AtomicUsize>,
}

impl Crowd {
    /// Connects all of them, then lets them ask.
    async fn gather(edge: &Edge, id: u32, count: usize) -> Self {
        let [http1, _, http2] = Protocol::ALL.map(|protocol| Way::to(edge, protocol));
        let mut connections = Vec::with_capacity(count);
        while connections.len() < count.div_ceil(2) {
            let made = within("a client connects", SOON, http1.connect()).await;
            connections.push(made.expect("the edge takes connections"));
        }
        while connections.len() < count {
            let made = within("a client connects", SOON, http2.connect()).await;
            let made = made.expect("the edge takes connections");
            let streams = STREAMS.min(count - connections.len());
            connections.extend((1..streams).filter_map(|_| made.share()));
            connections.push(made);
        }
        let reading = Arc::new(AtomicUsize::new(0));
        let clients = connections
            .into_iter()
            .map(|connection| tokio::spawn(read(connection, id, Arc::clone(&reading))))
            .collect();
        Self { id, clients, reading }
    }

    /// Waits until every client has the first bytes of a body.
    async fn all_read(&self) {
        let clock = Clock::system();
        let end = clock.now() + LIMIT;
        while self.reading.load(Ordering::Relaxed) < self.clients.len() {
            let reading = self.reading.load(Ordering::Relaxed);
            assert!(clock.now() < end, "only {reading} of {} read", self.clients.len());
            clock.sleep(Duration::from_millis(5)).await;
        }
    }

    /// Half of the clients of either protocol break off, some of them with all that share their
    /// connection; how many.
    fn half_leaves(&mut self) -> usize {
        let before = self.clients.len();
        let mut n = 0;
        self.clients.retain(|client| {
            n += 1;
            let leaves = match n / STREAMS % 4 {
                0 => true,
                1 => false,
                _ => n % 2 == 0,
            };
            if leaves {
                client.abort();
            }
            !leaves
        });
        before - self.clients.len()
    }

    /// All clients get this version, and every byte of it.
    async fn all_get(self, version: u32) {
        let expected = Page { id: self.id, version };
        for client in self.clients {
            let got = within("a client gets its answer", LIMIT, client).await;
            assert_eq!(got.expect("no client panics"), Ok(expected));
        }
    }
}

async fn read(
    mut connection: Connection,
    id: u32,
    reading: Arc<AtomicUsize>,
) -> Result<Page, String> {
    let mut fields = HeaderMap::new();
    if matches!(connection, Connection::Http1(_)) {
        fields.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    }
    let answer = connection.ask(Method::GET, &format!("/slow/{id}"), fields).await?;
    let handling = cache_status(answer.headers()).to_owned();
    if answer.status() != StatusCode::OK {
        return Err(format!("{} {handling}", answer.status()));
    }
    let mut stream = answer.into_body();
    let mut body = Vec::new();
    while let Some(frame) = stream.frame().await {
        if body.is_empty() {
            reading.fetch_add(1, Ordering::Relaxed);
        }
        let frame =
            frame.map_err(|error| format!("{error:?} after {} ({handling})", body.len()))?;
        body.extend_from_slice(frame.data_ref().map_or(&[][..], |data| &data[..]));
    }
    let page = Page::of_length(id, body.len() as u64).ok_or("a length of no version")?;
    page.check(0, &body)?;
    Ok(page)
}

/// Raises the limit of open files, for this process and for the edge, which inherits it.
fn make_room_for(clients: usize) {
    let needed = clients as u64 + 1000;
    let limit = getrlimit(Resource::Nofile);
    let maximum = limit.maximum.map_or(u64::MAX, |most| most.max(needed));
    let current = Some(maximum.min(needed.max(limit.current.unwrap_or(needed))));
    let raised = setrlimit(Resource::Nofile, Rlimit { current, maximum: Some(maximum) });
    raised.unwrap_or_else(|error| panic!("{needed} open files: {error}"));
}
