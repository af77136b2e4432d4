//! A long run at a load that leaves the machine room: after a while neither memory nor descriptors
//! grow any more.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use http::{HeaderMap, Method};
use tidegate::base::Clock;

use super::blunt::{Blunt, address_of};
use super::client::{Protocol, Way};
use super::edge::{Edge, Ports};
use super::vast_origin::VastOrigin;
use super::vitals::{Latencies, MIB, Vitals};
use super::wait::{alone, runtime, setting};

/// Requests a second over plain HTTP/1, and over each of HTTP/1 in TLS and HTTP/2.
const RATE: u32 = 400;
const TLS_RATE: u32 = 50;
/// Requests of a connection before it makes way for a new one.
const REQUESTS: u32 = 200;
/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What the clients have seen.
#[derive(Default)]
struct Seen {
    took: Latencies,
    hits: u64,
    failed: Vec<String>,
}

type Shared = Arc<Mutex<Seen>>;

#[test]
#[ignore = "takes its time and half of the machine"]
fn nothing_grows_under_a_steady_load() {
    let _alone = alone();
    let seconds = setting("TIDEGATE_REAL_SOAK_SECONDS", 20);
    let origin = VastOrigin::start();
    // Small, so that it is full long before half of the time is over.
    let (node, more) = ("memory = \"256MiB\"\n", "[cache]\nmemory = \"32MiB\"\n");
    let edge = Edge::start_with(&Ports::free(), origin.address(), node, more);
    let (vitals, clock) = (edge.vitals(), Clock::system());
    let start = clock.now();
    let end = start + Duration::from_secs(seconds);
    let seen = Shared::default();
    let plain = thread::spawn({
        let (edge, seen) = (edge.plain, Arc::clone(&seen));
        move || runtime().block_on(ask_plainly(edge, end, &seen))
    });
    let secure = thread::spawn({
        let ways = [Protocol::Http1Tls, Protocol::Http2].map(|protocol| Way::to(&edge, protocol));
        let seen = Arc::clone(&seen);
        move || {
            runtime().block_on(async { tokio::join!(
            ask_securely(&ways[0], end, &seen),
            ask_securely(&ways[1], end, &seen),
        ) })
        }
    });
    let (mut samples, cpu) = (Vec::new(), vitals.cpu());
    while clock.now() < end {
        thread::park_timeout(Duration::from_secs(seconds.div_ceil(60)));
        samples.push((clock.now() - start, vitals.resident(), vitals.descriptors()));
    }
    plain.join().expect("the clients of plain HTTP");
    secure.join().expect("the clients of TLS");
    let busy = (vitals.cpu() - cpu).as_secs_f64() / seconds as f64;

    for (at, resident, descriptors) in samples.iter().step_by(samples.len().div_ceil(20)) {
        let resident = *resident as f64 / MIB;
        println!("{at:>8.0?}: {resident:.1} MiB, {descriptors} descriptors");
    }
    let mut seen = std::mem::take(&mut *seen.lock().expect("no client panicked"));
    let asked = seen.took.count();
    println!("{asked} asked, {} hits, {busy:.2} cores busy; {}", seen.hits, seen.took.words());
    assert!(seen.failed.is_empty(), "{} failed: {:?}", seen.failed.len(), seen.failed.first());
    assert!(asked as u64 > seconds * u64::from(RATE) / 2, "only {asked} were asked");
    judge(&samples, seconds, vitals);
    edge.stop();
}

/// The last quarter needs no more than the second, but for what the seconds' chance makes. Of memory the
/// medians are compared: a burst of large answers stands in one sample, and growth in all of them.
fn judge(samples: &[(Duration, u64, usize)], seconds: u64, vitals: Vitals) {
    let quarter = samples.len() / 4;
    let usual = |part: &[(Duration, u64, usize)]| {
        let mut bytes: Vec<u64> = part.iter().map(|sample| sample.1).collect();
        bytes.sort_unstable();
        let bytes = bytes[bytes.len() / 2];
        let descriptors = part.iter().map(|sample| sample.2).max().expect("a quarter has samples");
        (bytes as f64 / MIB, descriptors)
    };
    let (second, last) = (usual(&samples[quarter..2 * quarter]), usual(&samples[3 * quarter..]));
    println!("the second quarter {second:?}, the last {last:?} (MiB, descriptors)");
    assert!(last.0 <= second.0 * 1.03 + 4.0, "memory grows");
    // Connections to origins are kept for a minute: before that nobody knows what is growth.
    assert!(seconds < 240 || last.1 <= second.1 + 16, "descriptors grow");
    assert!(vitals.peak() as f64 / MIB < 256.0 * 1.1);
}

/// One of many things: mostly something hot, now and then something new, private, or large.
fn draw(random: &mut Rng) -> String {
    match random.u8(..100) {
        0..80 => {
            let n = random.u32(..500);
            format!("/u/hot{n}/{}", 200 + n * 40)
        }
        80..90 => format!("/u/{:x}/{}", random.u64(..), random.u32(200..60_000)),
        90..95 => format!("/p/{:x}/{}", random.u64(..), random.u32(200..60_000)),
        95..99 => format!("/v/{}/{}", random.u8(..), random.u32(200..20_000)),
        _ => format!("/u/{:x}/{}", random.u64(..), random.u32(200_000..4_000_000)),
    }
}

/// Asks at an even pace over connections that come and go, and leaves in the middle at times.
async fn ask_plainly(edge: SocketAddr, end: Instant, seen: &Shared) {
    let (clock, mut random, mut client) = (Clock::system(), Rng::new(), None);
    let start = clock.now();
    for n in 0.. {
        let due = start + Duration::from_secs(1) / RATE * n;
        if due >= end {
            return;
        }
        clock.sleep_until(due).await;
        if n % REQUESTS == 0 || client.is_none() {
            client = Blunt::connect(edge, Some(address_of(n / REQUESTS))).await.ok();
        }
        let Some(open) = &mut client else { continue };
        let path = draw(&mut random);
        if n % 97 == 0 {
            let _ = open.send(&path, "").await;
            client = None;
            continue;
        }
        let told = clock.within(LIMIT, open.get(&path, "")).await;
        let took = clock.now() - due;
        let mut seen = seen.lock().expect("no client panicked");
        match told {
            Ok(Ok(told)) if told.status == 200 => {
                seen.took.add(took);
                seen.hits += u64::from(told.hit);
            }
            other => {
                seen.failed.push(format!("{path}: {other:?}"));
                client = None;
            }
        }
    }
}

/// The same over TLS.
async fn ask_securely(way: &Way, end: Instant, seen: &Shared) {
    let (clock, mut random, mut client) = (Clock::system(), Rng::new(), None);
    let start = clock.now();
    for n in 0.. {
        let due = start + Duration::from_secs(1) / TLS_RATE * n;
        if due >= end {
            return;
        }
        clock.sleep_until(due).await;
        if n % REQUESTS == 0 || client.is_none() {
            client = way.from(address_of(n / REQUESTS)).connect().await.ok();
        }
        let Some(open) = &mut client else { continue };
        let path = draw(&mut random);
        let answer = open.fetch(Method::GET, &path, HeaderMap::new());
        let answer = clock.within(LIMIT, answer).await;
        let took = clock.now() - due;
        let mut seen = seen.lock().expect("no client panicked");
        match answer {
            Ok(Ok(answer)) if answer.status() == 200 => seen.took.add(took),
            other => {
                seen.failed.push(format!("{path}: {other:?}"));
                client = None;
            }
        }
    }
}
