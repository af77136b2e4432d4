//! What the index holds, what it lets in, and that it never holds more than it may.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderMap, StatusCode};

use super::*;
use crate::base::budget::Part;
use crate::base::{Axis, Budget, Clock, KeyText, Scheme, Seq, SiteId, Stored};
use crate::semantics::{Life, Policy, Received, ResponseDirectives, Vary};
use crate::store::{Floor, Head, Object};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
static BODY: [u8; 1 << 20] = [0; 1 << 20];

/// An entry under `path` with a body of `length` bytes.
pub(super) fn entry(path: &str, length: u64) -> Arc<Entry> {
    let headers = HeaderMap::new();
    let clock = Clock::by_hand(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30));
    let received = Received { wall: clock.wall(), delay: Duration::ZERO };
    let said = ResponseDirectives::of(&headers);
    let life = Life::of(StatusCode::OK, &headers, &said, received, &Policy::default());
    let selecting = Vary::of(&headers).select(&headers).unwrap();
    let axis = Axis::new(SiteId(1), Scheme::Http, None);
    let status = StatusCode::OK;
    let head = Head::new(status, &headers, &life, clock.now(), (axis.stored(false), selecting));
    let (whole, rest) = (length / MIB, usize::try_from(length % MIB).unwrap());
    let mut segments = vec![Bytes::from_static(&BODY); usize::try_from(whole).unwrap()];
    segments.push(Bytes::from_static(&BODY[..rest]));
    let body = Stored::new(segments, Budget::new(1000).charge(Part::Stored, 0));
    let object = Arc::new(Object::new(head, body, None, Seq(0)));
    let key = KeyText::new("w.test", path).key().to_key();
    Arc::new(Entry::of(key, object, Floor::default()))
}

fn get(index: &Index, path: &str) -> Option<Arc<Entry>> {
    index.get(&KeyText::new("w.test", path).key())
}

fn peek(index: &Index, path: &str) -> Option<Arc<Entry>> {
    index.peek(&KeyText::new("w.test", path).key())
}

fn remove(index: &Index, path: &str) {
    index.remove(&KeyText::new("w.test", path).key());
}

/// Asks, and stores where there is nothing; whether it was there.
fn ask(index: &Index, path: &str, length: u64) -> bool {
    let hit = get(index, path).is_some();
    if !hit {
        index.insert(entry(path, length));
    }
    hit
}

/// What was put in last under each path, if it was not removed since.
type Model = HashMap<String, Arc<Entry>>;

/// Fails unless all that `index` has is what `model` says; returns how many entries that is.
fn compare(index: &Index, model: &Model) -> usize {
    let (mut bytes, mut entries) = (0, 0);
    for (path, last) in model {
        if let Some(found) = peek(index, path) {
            assert!(Arc::ptr_eq(&found, last), "{path} has what it had before");
            bytes += found.weight();
            entries += 1;
        }
    }
    assert_eq!((index.bytes(), index.entries()), (bytes, entries as u64));
    assert!(bytes <= index.capacity(), "{bytes} of {}", index.capacity());
    entries
}

#[test]
fn whatever_happens_the_index_has_what_was_put_in_last_and_counts_it() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    for capacity in [MIB, 40 * MIB] {
        let index = Index::new(capacity);
        let mut model = Model::new();
        for step in 0..20_000 {
            let path = format!("/{}", random.u32(..400));
            match random.u32(..20) {
                0 => {
                    remove(&index, &path);
                    model.remove(&path);
                    assert!(peek(&index, &path).is_none());
                }
                1..10 => _ = get(&index, &path),
                _ => {
                    let most = if random.u32(..8) == 0 { capacity / 4 } else { 20 * KIB };
                    let entry = entry(&path, random.u64(..most));
                    index.insert(Arc::clone(&entry));
                    model.insert(path, entry);
                }
            }
            if random.u32(..2000) == 0 {
                index.set_capacity(random.u64(capacity / 2..capacity));
            }
            if step % 500 == 0 {
                compare(&index, &model);
            }
        }
        assert!(compare(&index, &model) > 0);
        assert!(index.evictions() > 0 && index.rejections() > 0);
        model.keys().for_each(|path| remove(&index, path));
        assert_eq!((index.bytes(), index.entries()), (0, 0));
    }
}

#[test]
fn nothing_is_lost_while_there_is_room() {
    let index = Index::new(1 << 30);
    let mut model = Model::new();
    for n in 0..20_000 {
        let path = format!("/{n}");
        let entry = entry(&path, 100);
        index.insert(Arc::clone(&entry));
        model.insert(path, entry);
    }
    assert_eq!(compare(&index, &model), 20_000);
    assert_eq!((index.evictions(), index.rejections()), (0, 0));
}

#[test]
fn what_was_removed_is_not_found_and_what_stays_is_while_others_come_and_go() {
    let index = Index::new(64 * MIB);
    let done = AtomicBool::new(false);
    (0..100).for_each(|n| index.insert(entry(&format!("/stays/{n}"), KIB)));
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                scope.spawn({
                    let index = &index;
                    move || {
                        for n in 0..10_000 {
                            let path = format!("/{writer}/{}", n % 3000);
                            let new = entry(&path, 100);
                            index.insert(Arc::clone(&new));
                            assert!(Arc::ptr_eq(&get(index, &path).unwrap(), &new), "{path} is in");
                            if n % 3 == 0 {
                                remove(index, &path);
                                assert!(get(index, &path).is_none(), "{path} is out");
                            }
                        }
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    (0..100).for_each(|n| assert!(get(&index, &format!("/stays/{n}")).is_some()));
                }
            });
        }
        let ends: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        done.store(true, Relaxed);
        assert!(ends.iter().all(Result::is_ok));
    });
}

#[test]
fn the_capacity_holds_while_several_threads_fill_it() {
    let capacity = 32 * MIB;
    let index = Index::new(capacity);
    let largest = MIB;
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let index = &index;
            scope.spawn(move || {
                let mut random = Rng::with_seed(thread);
                for _ in 0..3000 {
                    ask(index, &format!("/{}", random.u32(..5000)), random.u64(..largest));
                    // What the others are putting in at this moment comes on top.
                    assert!(index.bytes() <= capacity + 3 * (largest + 2 * KIB));
                }
            });
        }
    });
    assert!(index.bytes() <= capacity && index.bytes() > capacity / 2, "{}", index.bytes());
}

#[test]
fn a_replaced_entry_is_weighed_anew_and_taken_in_any_case() {
    let index = Index::new(MIB);
    (0..100).for_each(|n| _ = ask(&index, &format!("/{n}"), 20 * KIB));
    for length in [KIB, 200 * KIB, 5 * KIB, 500 * KIB, 0] {
        let path = "/0";
        index.insert(entry(path, length));
        index.insert(entry(path, length + 1));
        let held = peek(&index, path).expect("nobody asked for it, but it replaces");
        assert_eq!(held.weight(), entry(path, length + 1).weight());
        assert!(index.bytes() <= MIB);
    }
    // What is larger than everything cannot stay, nor can what it was to replace.
    index.insert(entry("/0", 2 * MIB));
    assert!(peek(&index, "/0").is_none());
}

#[test]
fn what_is_asked_for_outlives_a_crawler() {
    let index = Index::new(8 * MIB);
    for _ in 0..6 {
        (0..200).for_each(|n| _ = ask(&index, &format!("/read/{n}"), 20 * KIB));
    }
    for n in 0..5000 {
        ask(&index, &format!("/crawled/{n}"), 20 * KIB);
        ask(&index, &format!("/read/{}", n % 200), 20 * KIB);
    }
    let held = (0..200).filter(|n| peek(&index, &format!("/read/{n}")).is_some()).count();
    assert!(held >= 195, "{held} of 200");
}

#[test]
fn what_was_popular_is_forgotten() {
    let index = Index::new(4 * MIB);
    let round =
        |name: &str| (0..150).filter(|n| ask(&index, &format!("/{name}/{n}"), 20 * KIB)).count();
    (0..30).for_each(|_| _ = round("before"));
    let hits: Vec<_> = (0..60).map(|_| round("after")).collect();
    assert!(hits[59] >= 135, "{hits:?}");
}

#[test]
fn what_has_just_been_fetched_lives_a_moment_though_nobody_knows_it() {
    let index = Index::new(16 * MIB);
    for _ in 0..10 {
        (0..1000).for_each(|n| _ = ask(&index, &format!("/{n}"), 20 * KIB));
    }
    index.insert(entry("/unknown", 20 * KIB));
    assert!(peek(&index, "/unknown").is_some());
    (0..50).for_each(|n| index.insert(entry(&format!("/unknown/{n}"), 20 * KIB)));
    assert!(peek(&index, "/unknown").is_none());
}

#[test]
fn what_is_large_and_hot_comes_in() {
    let index = Index::new(16 * MIB);
    for _ in 0..3 {
        (0..1000).for_each(|n| _ = ask(&index, &format!("/{n}"), 15 * KIB));
    }
    // A hundred small ones must go for it, and all of them together are more popular.
    index.insert(entry("/large", 2 * MIB));
    assert!(peek(&index, "/large").is_none());
    let asked = (0..12).filter(|_| !ask(&index, "/large", 2 * MIB)).count();
    assert!(peek(&index, "/large").is_some(), "asked for {asked} times");
}

#[test]
fn what_is_larger_than_a_shard_takes_its_room_in_others_too() {
    let index = Index::new(64 * MIB);
    assert!(index.shards.len() > 1);
    (0..4000).for_each(|n| index.insert(entry(&format!("/{n}"), 15 * KIB)));
    (0..10).for_each(|_| _ = ask(&index, "/large", 24 * MIB));
    assert!(peek(&index, "/large").is_some());
    assert!(index.bytes() <= 64 * MIB);
    assert!(index.entries() > 1000, "{} are left", index.entries());
}

#[test]
fn a_smaller_capacity_evicts_at_once_and_a_larger_one_lets_in() {
    let index = Index::new(64 * MIB);
    (0..3000).for_each(|n| index.insert(entry(&format!("/{n}"), 20 * KIB)));
    index.set_capacity(10 * MIB);
    assert!((9 * MIB..=10 * MIB).contains(&index.bytes()), "{}", index.bytes());
    assert_eq!(index.entries() + index.evictions(), 3000);
    index.set_capacity(128 * MIB);
    (3000..6000).for_each(|n| index.insert(entry(&format!("/{n}"), 20 * KIB)));
    assert!(index.bytes() > 60 * MIB);
}

#[test]
fn what_is_asked_for_often_outlives_a_capacity_that_shrinks_again_and_again() {
    let index = Index::new(256 * MIB);
    let mut random = Rng::with_seed(7);
    let hot = |n: u64| (format!("/hot{n}"), KIB + n * 500);
    let (mut misses, mut asked) = (0, 0);
    for round in 0..200 {
        for n in 0..50 {
            let (path, length) = hot(n);
            let hit = ask(&index, &path, length);
            if round >= 20 {
                asked += 1;
                misses += u32::from(!hit);
            }
        }
        for n in 0..200 {
            // A length up to 8 MiB, as likely between any power of two and the next.
            let length = (0..random.u32(8..24)).fold(1, |length, _| length * 2);
            _ = ask(&index, &format!("/{round}/{n}"), random.u64(length / 2..length));
        }
        index.set_capacity([64, 110, 80, 64][round % 4] * MIB);
    }
    assert!(misses * 100 < asked, "{misses} of {asked}");
}
