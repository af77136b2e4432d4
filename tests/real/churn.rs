//! Half a gibibyte for the whole process, and everything that eats memory at once: objects that are
//! asked for once, variants, idle connections of every kind, clients that hardly read. The process
//! stays within its budget, and hits go on.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use http::{HeaderMap, Method};
use rustix::process::{Resource, getrlimit};
use tidegate::base::Clock;

use super::blunt::{Blunt, address_of};
use super::client::{Connection, Protocol, Way};
use super::edge::{Edge, Ports};
use super::vast_origin::VastOrigin;
use super::vitals::{Latencies, MIB};
use super::wait::{SOON, alone, runtime, setting, within};

/// `[node] memory`, in bytes.
const BUDGET: f64 = 512.0 * MIB;

/// Clients that ask for something new each time, and for variants.
const ASKERS: u32 = 24;
const VARIANT_ASKERS: u32 = 8;
/// URLs with variants, and variants of each.
const URLS: u32 = 1000;
const VARIANTS: u32 = 100;
/// Clients that take 16 KiB of 8 MiB each second, and then less.
const SLOW: u32 = 48;
/// Pages that are asked for all the time, at this rate a second.
const HOT: u32 = 50;
const HOT_RATE: u32 = 200;
/// How long an answer may take while the machine is as busy as this.
const LIMIT: Duration = Duration::from_secs(60);

/// What all clients share.
struct Churn {
    plain: SocketAddr,
    end: Instant,
    answers: AtomicU64,
    bytes: AtomicU64,
    refused: AtomicU64,
    failed: Mutex<Vec<String>>,
}

#[test]
#[ignore = "takes its time and all of the machine"]
fn half_a_gibibyte_is_enough_for_whatever_comes() {
    let _alone = alone();
    let seconds = setting("TIDEGATE_REAL_CHURN_SECONDS", 180);
    let idle = setting("TIDEGATE_REAL_IDLE", 20_000).min(descriptors().saturating_sub(1500));
    let idle = u32::try_from(idle).expect("a number of connections");
    let origin = VastOrigin::start();
    let node = "memory = \"512MiB\"\n";
    let more = "[timeouts]\nidle = \"4h\"\nfirst_byte = \"4h\"\n";
    let edge = Edge::start_with(&Ports::free(), origin.address(), node, more);
    let rest = resident(&edge);
    println!("churn: {seconds} s, {idle} idle connections, {rest:.0} MiB at rest");

    let runtime = runtime();
    let connections = runtime.block_on(connect_idle(&edge, idle));
    println!("{:.0} MiB with {idle} idle connections", resident(&edge));
    let churn = Arc::new(Churn {
        plain: edge.plain,
        end: Clock::system().now() + Duration::from_secs(seconds),
        answers: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        refused: AtomicU64::new(0),
        failed: Mutex::default(),
    });
    let crowd = thread::spawn({
        let churn = Arc::clone(&churn);
        move || super::wait::runtime().block_on(crowd(churn))
    });
    let hot = thread::spawn({
        let churn = Arc::clone(&churn);
        move || super::wait::runtime().block_on(ask_for_hot_pages(&churn))
    });
    runtime.block_on(watch(&edge, &churn));
    crowd.join().expect("the crowd");
    let mut hot = hot.join().expect("the clients of hot pages");
    let peak = edge.vitals().peak() as f64;
    let [answers, bytes, refused] =
        [&churn.answers, &churn.bytes, &churn.refused].map(|count| count.load(Ordering::Relaxed));
    println!("{answers} answers, {:.0} MiB, {refused} refused", bytes as f64 / MIB);
    println!("hot: {} of {} hits; {}", hot.hits, hot.asked, hot.took.words());
    println!("{}", edge.metrics(&["tidegate_memory", "tidegate_store", "tidegate_connections"]));
    println!("peak {:.1} MiB: {:.3} of the budget", peak / MIB, peak / BUDGET);

    let failed = churn.failed.lock().expect("no client panicked");
    assert!(failed.is_empty(), "{} failed: {:?}", failed.len(), &failed[..failed.len().min(10)]);
    // How many of them are hits depends on what the crowd leaves of the cache; that there always are
    // some does not.
    assert!(hot.asked > HOT && hot.hits * 2 > hot.asked, "hits were not served throughout");
    assert!(hot.longest_gap < Duration::from_secs(5), "no hit for {:?}", hot.longest_gap);
    assert!(peak <= BUDGET * 1.1, "the budget was overrun");
    drop((connections, failed));
    drop(runtime);
    let after = (resident(&edge), edge.sum("tidegate_memory_held_bytes{for=\"stored\"}") / MIB);
    println!("{rest:.0} MiB before all");
    println!("{:.0} MiB afterwards, of them {:.0} MiB stored", after.0, after.1);
    edge.stop();
}

fn resident(edge: &Edge) -> f64 {
    edge.vitals().resident() as f64 / MIB
}

/// Files that this process may open, and the edge, which inherits that.
fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// Connects `count` clients that ask for one page and then stay: six in ten over plain HTTP/1, two
/// over TLS, two over HTTP/2.
async fn connect_idle(edge: &Edge, count: u32) -> Vec<Connection> {
    let [http1, http1_tls, http2] = Protocol::ALL.map(|protocol| Way::to(edge, protocol));
    let mut all = Vec::with_capacity(count as usize);
    for n in 0..count {
        let way = match n % 10 {
            0..=5 => &http1,
            6 | 7 => &http1_tls,
            _ => &http2,
        };
        let way = way.from(address_of(1000 + n % 2000));
        let made = within("a client connects", LIMIT, way.connect()).await;
        let mut made = made.unwrap_or_else(|error| panic!("idle client {n}: {error}"));
        let path = format!("/u/idle{}/2000", n % 10);
        let answer = made.fetch(Method::GET, &path, HeaderMap::new());
        let answer = within("its page comes", LIMIT, answer).await;
        assert_eq!(answer.expect("a page").status(), 200);
        all.push(made);
    }
    all
}

/// Prints the process's size now and then, until the end.
async fn watch(edge: &Edge, churn: &Churn) {
    let clock = Clock::system();
    let step = (churn.end.saturating_duration_since(clock.now()) / 20).max(Duration::from_secs(1));
    while clock.now() < churn.end {
        clock.sleep(step.min(churn.end.saturating_duration_since(clock.now()))).await;
        let left = churn.end.saturating_duration_since(clock.now()).as_secs();
        let vitals = edge.vitals();
        println!(
            "{left:>5} s left: {:.0} MiB, peak {:.0} MiB, {} answers, {} MiB told as held",
            resident(edge),
            vitals.peak() as f64 / MIB,
            churn.answers.load(Ordering::Relaxed),
            (edge.sum("tidegate_memory_held_bytes{") / MIB).round(),
        );
    }
}

/// Everybody but the clients of hot pages.
async fn crowd(churn: Arc<Churn>) {
    let mut tasks = Vec::new();
    for n in 0..ASKERS {
        tasks.push(tokio::spawn(ask(Arc::clone(&churn), n, Rng::with_seed(n.into()), unique)));
    }
    for n in ASKERS..ASKERS + VARIANT_ASKERS {
        tasks.push(tokio::spawn(ask(Arc::clone(&churn), n, Rng::with_seed(n.into()), variant)));
    }
    for n in 0..SLOW {
        tasks.push(tokio::spawn(read_slowly(Arc::clone(&churn), 100 + n)));
    }
    for task in tasks {
        task.await.expect("no client panics");
    }
}

/// Something that nobody has asked for: every power of two from 200 B to 8 MiB as likely.
fn unique(random: &mut Rng) -> (String, String) {
    let size = 200.0 * (8.0 * MIB / 200.0).powf(random.f64());
    (format!("/u/{:x}/{size:.0}", random.u64(..)), String::new())
}

/// One of the variants.
fn variant(random: &mut Rng) -> (String, String) {
    let (url, variant) = (random.u32(..URLS), random.u32(..VARIANTS));
    let size = 300 + u64::from(url) * 20;
    (format!("/v/{url}/{size}"), format!("Accept-Language: x-{variant}\r\n"))
}

/// Asks for what `draw` gives, one after the other.
async fn ask(churn: Arc<Churn>, n: u32, mut random: Rng, draw: fn(&mut Rng) -> (String, String)) {
    let clock = Clock::system();
    while clock.now() < churn.end {
        let connected = Blunt::connect(churn.plain, Some(address_of(n))).await;
        let Ok(mut client) = connected else {
            clock.sleep(Duration::from_millis(100)).await;
            continue;
        };
        while clock.now() < churn.end {
            let (path, fields) = draw(&mut random);
            match clock.within(LIMIT, client.get(&path, &fields)).await {
                Ok(Ok(told)) if told.status == 200 => {
                    churn.answers.fetch_add(1, Ordering::Relaxed);
                    let size = path.rsplit('/').next().and_then(|size| size.parse().ok());
                    churn.bytes.fetch_add(size.unwrap_or(0), Ordering::Relaxed);
                }
                Ok(Ok(told)) if told.status == 503 => {
                    churn.refused.fetch_add(1, Ordering::Relaxed);
                    if !told.kept {
                        break;
                    }
                }
                other => {
                    churn.fail(format!("{path}: {other:?}"));
                    break;
                }
            }
        }
    }
}

/// Takes large objects, new ones and hot ones, at 16 KiB a second, and leaves in the middle.
async fn read_slowly(churn: Arc<Churn>, n: u32) {
    let clock = Clock::system();
    let mut random = Rng::with_seed(n.into());
    while clock.now() < churn.end {
        // Somebody who comes again does not come again at once.
        clock.sleep(Duration::from_millis(100)).await;
        let Ok(mut client) = Blunt::connect(churn.plain, Some(address_of(n))).await else {
            continue;
        };
        let path = format!("/u/slow{:x}/{}", random.u64(..), 8 * 1024 * 1024 - 4096);
        if client.send(&path, "").await.is_err() {
            continue;
        }
        let Ok(Ok(mut told)) = clock.within(LIMIT, client.head()).await else { continue };
        let stays = clock.now() + Duration::from_secs(random.u64(20..120));
        while told.left > 0 && clock.now() < stays.min(churn.end) {
            clock.sleep(Duration::from_secs(1)).await;
            let Ok(Ok(count)) = clock.within(SOON, client.read(told.left)).await else { break };
            told.left -= count;
        }
    }
}

/// What the clients of hot pages have seen.
#[derive(Default)]
struct Hot {
    asked: u32,
    hits: u32,
    took: Latencies,
    longest_gap: Duration,
}

/// Asks for hot pages at a steady rate, each request at its time whether or not the last was late.
async fn ask_for_hot_pages(churn: &Arc<Churn>) -> Hot {
    let clock = Clock::system();
    let mut hot = Hot::default();
    let start = clock.now();
    let mut client = None;
    let mut last_hit = start;
    // The first round brings them into the cache.
    for n in 0.. {
        let due = start + Duration::from_secs(1) / HOT_RATE * n;
        if due >= churn.end {
            break;
        }
        clock.sleep_until(due).await;
        if client.is_none() {
            client = Blunt::connect(churn.plain, Some(address_of(5000))).await.ok();
        }
        let Some(open) = &mut client else { continue };
        let path = format!("/u/hot{}/{}", n % HOT, 1000 + 500 * (n % HOT));
        let told = clock.within(LIMIT, open.get(&path, "")).await;
        let now = clock.now();
        match told {
            Ok(Ok(told)) if told.status == 200 => {
                if n >= HOT {
                    hot.asked += 1;
                    hot.hits += u32::from(told.hit);
                    hot.took.add(now.saturating_duration_since(due));
                }
                if told.hit {
                    hot.longest_gap = hot.longest_gap.max(now - last_hit);
                    last_hit = now;
                }
            }
            other => {
                churn.fail(format!("hot {path}: {other:?}"));
                client = None;
            }
        }
    }
    hot
}

impl Churn {
    fn fail(&self, what: String) {
        self.failed.lock().expect("no client panicked").push(what);
    }
}
