//! Twice what a core can do, and more: hits, misses and new connections, all at once. What is
//! accepted is answered within a bound, the rest is refused at once or waits in the accept queue,
//! nothing grows, and a few seconds later everything is as it was.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tidegate::base::Clock;

use super::blunt::{Blunt, address_of};
use super::edge::{Edge, Ports};
use super::vast_origin::VastOrigin;
use super::vitals::{Latencies, MIB};
use super::wait::{SOON, alone, runtime, setting, until};

/// How long an accepted request may take, 99 of a hundred.
const BOUND: Duration = Duration::from_secs(1);

/// Clients that keep a core busy and no more, and those that offer it many times that.
const ENOUGH: u32 = 16;
const MANY: u32 = 1200;
/// Of these clients that many make a new connection for each request.
const FLEETING: u32 = 200;

/// What a client that waits for the origin may take, in bytes: a connection, a request, and a
/// connection to the origin.
const CLIENT: u64 = 96 * 1024;

/// How long an answer is waited for at all.
const LIMIT: Duration = Duration::from_secs(30);

/// What a group of clients has seen.
#[derive(Default)]
struct Seen {
    hits: Latencies,
    misses: Latencies,
    refused: Latencies,
    unconnected: u64,
    strange: Vec<String>,
}

#[test]
#[ignore = "takes its time and all of the machine"]
fn an_overload_delays_the_accepted_by_a_bound_and_refuses_the_rest() {
    let _alone = alone();
    let seconds = setting("TIDEGATE_REAL_OVERLOAD_SECONDS", 15);
    let origin = VastOrigin::start();
    let node = "memory = \"512MiB\"\n";
    // A cache that is full before the overload begins; the clients come from many addresses, none of
    // which has as many as this.
    let more = "[cache]\nmemory = \"32MiB\"\n[limits]\nclient_connections = 100\n";
    let edge = Edge::start_with(&Ports::free(), origin.address(), node, more);
    let load = |clients, seconds| load(edge.plain, clients, Duration::from_secs(seconds));
    load(ENOUGH, 2);

    let mut before = load(ENOUGH, seconds.div_ceil(3));
    let rate = before.answers() as u64 / seconds.div_ceil(3);
    before.tell("enough");
    let (resident, descriptors) = (edge.vitals().resident(), edge.vitals().descriptors());
    load(MANY, 3);
    let swollen = edge.vitals().peak();
    let mut during = load(MANY, seconds);
    let (taken, grown) = (swollen.saturating_sub(resident), edge.vitals().peak() - swollen);
    during.tell("overload");
    println!(
        "{}",
        edge.metrics(&["tidegate_origin", "tidegate_waiters", "tidegate_connections_r"])
    );
    let over = Clock::system().now();
    // Those to the origin are kept for a while, and bounded.
    let clients = || edge.vitals().descriptors() as f64 - edge.sum("tidegate_origin_connections");
    until("the clients are gone", SOON, || clients() < descriptors as f64);
    until("nobody waits", SOON, || edge.metric("tidegate_requests_in_flight") < 1.5);
    let recovered = Clock::system().now() - over;
    let mut after = load(ENOUGH, seconds.div_ceil(3));
    after.tell("afterwards");
    println!(
        "{rate} answers a second were enough; the clients took {:.1} MiB, grown by {:.1} MiB, back \
         after {recovered:.1?}",
        taken as f64 / MIB,
        grown as f64 / MIB
    );

    for seen in [&before, &during, &after] {
        assert!(seen.strange.is_empty(), "{:?}", &seen.strange[..seen.strange.len().min(10)]);
    }
    for (what, took) in [("hits", &mut during.hits), ("misses", &mut during.misses)] {
        assert!(took.count() > 100, "hardly any {what}");
        let most = took.percentile(990);
        assert!(most <= BOUND, "{what} took {most:?}");
    }
    assert!(during.refused.count() == 0 || during.refused.percentile(990) <= BOUND);
    assert!(taken < u64::from(MANY) * CLIENT, "{taken} bytes for {MANY} clients");
    assert!(grown < 16 << 20, "{grown} bytes more");
    assert!(after.refused.count() == 0, "{} are still refused", after.refused.count());
    let (hits, again) = (before.hits.percentile(990), after.hits.percentile(990));
    assert!(again <= hits * 3 + Duration::from_millis(50), "{again:?} after {hits:?}");
    edge.stop();
}

/// Has `clients` ask for hits and misses as fast as they are answered, on two threads.
fn load(edge: SocketAddr, clients: u32, time: Duration) -> Seen {
    let end = Clock::system().now() + time;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let threads = [0, 1].map(|half| {
        let seen = Arc::clone(&seen);
        thread::spawn(move || {
            runtime().block_on(async {
                let mine = (0..clients).filter(|n| n % 2 == half);
                let tasks: Vec<_> = mine.map(|n| tokio::spawn(ask(edge, n, end))).collect();
                for task in tasks {
                    let one = task.await.expect("no client panics");
                    seen.lock().expect("no client panicked").add(one);
                }
            });
        })
    });
    for thread in threads {
        thread.join().expect("a thread of clients");
    }
    std::mem::take(&mut *seen.lock().expect("no client panicked"))
}

/// One client, until `end`: half hits, half misses.
async fn ask(edge: SocketAddr, n: u32, end: Instant) -> Seen {
    let (clock, mut seen, mut random) = (Clock::system(), Seen::default(), Rng::new());
    let fleeting = n % (MANY / FLEETING) == 5;
    let fields = if fleeting { "Connection: close\r\n" } else { "" };
    let mut kept = None;
    while clock.now() < end {
        let begun = clock.now();
        let mut client = match kept.take() {
            Some(client) => client,
            None => match clock.within(LIMIT, Blunt::connect(edge, Some(address_of(n)))).await {
                Ok(Ok(client)) => client,
                _ => {
                    seen.unconnected += 1;
                    continue;
                }
            },
        };
        let path = match random.bool() {
            true => format!("/u/hot{}/1000", random.u8(..)),
            false => format!("/u/{:x}/1000", random.u64(..)),
        };
        let asked = if fleeting { begun } else { clock.now() };
        let told = clock.within(LIMIT, client.get(&path, fields)).await;
        let took = clock.now() - asked;
        match told {
            Ok(Ok(told)) => {
                match (told.status, told.hit) {
                    (200, true) => seen.hits.add(took),
                    (200, false) => seen.misses.add(took),
                    (503, _) => seen.refused.add(took),
                    _ => seen.strange.push(told.text),
                }
                if told.kept {
                    kept = Some(client);
                }
            }
            other => seen.strange.push(format!("{path}: {other:?}")),
        }
    }
    seen
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.hits.extend(other.hits);
        self.misses.extend(other.misses);
        self.refused.extend(other.refused);
        self.unconnected += other.unconnected;
        self.strange.extend(other.strange);
    }

    fn answers(&self) -> usize {
        self.hits.count() + self.misses.count()
    }

    fn tell(&mut self, when: &str) {
        println!("{when}: {} unconnected, {} strange", self.unconnected, self.strange.len());
        for (what, took) in
            [("hits", &mut self.hits), ("misses", &mut self.misses), ("refused", &mut self.refused)]
        {
            println!("  {:>8} {what}: {}", took.count(), took.words());
        }
    }
}
