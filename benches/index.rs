//! The index alone: what a look-up and an insertion cost, by one thread and by two, what an entry
//! takes beside its own bytes, and how soon a full cache has what is asked for again and again.
//!
//! Times are processor time of the thread that is measured, the best of several rounds, so that
//! other work on the machine disturbs them little; they are told, never asserted. `cargo bench
//! --bench index`.

#![allow(clippy::print_stdout, reason = "a bench tells what it measured")]
#![allow(clippy::cast_possible_truncation, reason = "its numbers are its own")]

use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderMap, StatusCode};
use tidegate::base::budget::Part;
use tidegate::base::{Axis, Budget, Clock, KeyText, Scheme, Seq, SiteId, Stored};
use tidegate::semantics::{Life, Policy, Received, ResponseDirectives, Vary};
use tidegate::store::index::Index;
use tidegate::store::{Entry, Floor, Head, Object};

const MIB: u64 = 1 << 20;
/// Entries that are put in, and that look-ups choose from.
const ENTRIES: u32 = 200_000;
/// The largest body in bytes.
const LARGEST: usize = 4 << 10;
/// Look-ups that are timed at once.
const LOOKUPS: usize = 1_000_000;

fn main() {
    let index = bookkeeping();
    lookups(&index);
    drop(index);
    evictions();
    passes();
}

/// Fills an index with entries that share one object, and tells by how much the process grew.
fn bookkeeping() -> Index {
    let object = object(100);
    let index = Index::new(128 * MIB);
    let (memory, time) = (resident(), processor());
    for n in 0..ENTRIES {
        let key = text(n).key().to_key();
        index.insert(Arc::new(Entry::of(key, Arc::clone(&object), Floor::default())));
    }
    let each = (resident() - memory) / u64::from(ENTRIES);
    println!("  an entry takes {each} bytes, its key of 29 letters and its own 80 bytes included");
    println!("  insertion while there is room: {} ns", (processor() - time) / u64::from(ENTRIES));
    index
}

fn lookups(index: &Index) {
    for threads in [1, 2] {
        let round = || {
            std::thread::scope(|scope| {
                let all: Vec<_> =
                    (0..threads).map(|n| scope.spawn(move || look(index, n))).collect();
                all.into_iter().filter_map(|thread| thread.join().ok()).max().unwrap_or_default()
            })
        };
        let best = (0..5).map(|_| round()).min().unwrap_or_default();
        println!("  look-up, {threads} at a time: {} ns", best / LOOKUPS as u64);
    }
}

/// Looks keys up, a few of them often; the time that it took.
fn look(index: &Index, seed: u64) -> u64 {
    let mut random = Rng::with_seed(seed);
    let texts: Vec<_> =
        (0..4096).map(|_| text((random.f64().powi(3) * f64::from(ENTRIES)) as u32)).collect();
    let keys: Vec<_> = texts.iter().map(KeyText::key).collect();
    let begun = processor();
    for n in 0..LOOKUPS {
        black_box(index.get(black_box(&keys[n % keys.len()])));
    }
    processor() - begun
}

/// Into a full map, what two have asked for: two look-ups, an insertion, and what goes for it.
fn evictions() {
    let index = Index::new(16 * MIB);
    let object = object(2000);
    let entries: Vec<_> = (0..ENTRIES)
        .map(|n| {
            let key = text(n).key().to_key();
            Arc::new(Entry::of(key, Arc::clone(&object), Floor::default()))
        })
        .collect();
    let begun = processor();
    for entry in entries {
        (0..2).for_each(|_| _ = black_box(index.get(&entry.key().as_ref())));
        index.insert(entry);
    }
    let each = (processor() - begun) / u64::from(ENTRIES);
    println!("  two look-ups, insertion and eviction: {each} ns");
}

/// Room for 60 000, which 70 000 that nobody asks for again have filled: how soon is what is asked
/// for again and again all there?
fn passes() {
    let object = object(1000);
    let entry = |n| {
        let key = text(n).key().to_key();
        Arc::new(Entry::of(key, Arc::clone(&object), Floor::default()))
    };
    let index = Index::new(60_000 * entry(0).weight());
    let pass = |from: u32, upto: u32| {
        let asked = from..upto;
        let missed = asked.filter(|n| {
            let missed = index.get(&text(*n).key()).is_none();
            if missed {
                index.insert(entry(*n));
            }
            missed
        });
        missed.count() as f64 / f64::from(upto - from)
    };
    pass(0, 70_000);
    let missed = [(); 5].map(|()| format!("{:.2}", pass(70_000, 100_000)));
    println!("  missed in passes over 30 000: {}", missed.join(" "));
}

fn text(n: u32) -> KeyText {
    KeyText::new("wiki.test", &format!("/wiki/Page_{n:09}"))
}

/// An object with a body of `length` bytes, which all objects share.
fn object(length: usize) -> Arc<Object> {
    static BODY: [u8; LARGEST] = [0; LARGEST];
    let headers = HeaderMap::new();
    let clock = Clock::by_hand(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30));
    let received = Received { wall: clock.wall(), delay: Duration::ZERO };
    let said = ResponseDirectives::of(&headers);
    let status = StatusCode::OK;
    let life = Life::of(status, &headers, &said, received, &Policy::default());
    let selecting = Vary::of(&headers).select(&headers).unwrap_or_default();
    let axis = Axis::new(SiteId(1), Scheme::Http, None);
    let head = Head::new(status, &headers, &life, clock.now(), (axis.stored(false), selecting));
    let body = Bytes::from_static(&BODY[..length]);
    let body = Stored::new(vec![body], Budget::new(1000).charge(Part::Stored, 0));
    Arc::new(Object::new(head, body, None, Seq(0)))
}

/// Nanoseconds that this thread has run.
fn processor() -> u64 {
    number("/proc/thread-self/schedstat", 0)
}

/// Bytes of the process that are in memory.
fn resident() -> u64 {
    number("/proc/self/statm", 1) * 4096
}

fn number(path: &str, at: usize) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().nth(at).and_then(|number| number.parse().ok()).unwrap_or_default()
}
