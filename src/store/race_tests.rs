//! Readers, commits, refreshes, purges and a capacity that changes, all at once, against what they
//! were promised. What each thread does follows from a seed that is printed; how they interleave
//! does not, so it is counted how often the interesting happened.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderMap, StatusCode};

use super::*;
use crate::base::budget::Part;
use crate::base::{Axis, Budget, Clock, KeyText, Scheme, SiteId, Stored};
use crate::semantics::{Life, Policy, Received, ResponseDirectives, Vary};

const AXIS: Axis = Axis::new(SiteId(1), Scheme::Http, None);
const KEYS: u64 = 900;
const WRITERS: u64 = 3;
const STEPS: usize = 20_000;
const CAPACITY: u64 = 48 << 20;
static BODY: [u8; 256 << 10] = [0; 256 << 10];

struct Scene {
    store: Store,
    clock: Clock,
    budget: Budget,
    keys: Vec<KeyText>,
    /// The newest answered purges of each key, hard and soft.
    purged: Vec<[AtomicU64; 2]>,
    seen: Seen,
    done: AtomicBool,
}

/// How often the interesting happened.
#[derive(Debug, Default)]
struct Seen {
    hits: AtomicU64,
    soft_purged: AtomicU64,
    refreshed: AtomicU64,
    overtaken: AtomicU64,
    gone: AtomicU64,
}

impl Scene {
    fn new() -> Self {
        Self {
            store: Store::new(CAPACITY, 3),
            clock: Clock::by_hand(std::time::SystemTime::UNIX_EPOCH),
            budget: Budget::new(u64::MAX),
            keys: (0..KEYS).map(|n| KeyText::new("w.test", &format!("/{n}"))).collect(),
            purged: (0..KEYS).map(|_| Default::default()).collect(),
            seen: Seen::default(),
            done: AtomicBool::new(false),
        }
    }

    /// An object for key `n`, which its length tells.
    fn object(&self, n: u64, asked: Seq, random: &mut Rng) -> Arc<Object> {
        let headers = HeaderMap::new();
        let received = Received { wall: self.clock.wall(), delay: std::time::Duration::ZERO };
        let said = ResponseDirectives::of(&headers);
        let status = StatusCode::OK;
        let life = Life::of(status, &headers, &said, received, &Policy::default());
        let selecting = Vary::of(&headers).select(&headers).unwrap();
        let received = self.clock.now();
        let head = Head::new(status, &headers, &life, received, (AXIS.stored(false), selecting));
        // Mostly small, now and then large: entries shrink and grow.
        let most = if random.u32(..50) == 0 { BODY.len() as u64 } else { 60 << 10 };
        let length = usize::try_from(random.u64(..most / KEYS) * KEYS + n).unwrap();
        let body = Stored::new(
            vec![Bytes::from_static(&BODY[..length])],
            self.budget.charge(Part::Stored, 0),
        );
        Arc::new(Object::new(head, body, None, asked))
    }

    fn key(&self, n: u64) -> KeyRef<'_> {
        self.keys[usize::try_from(n).unwrap()].key()
    }

    /// What a reader finds under key `n`, which must be right whatever else goes on.
    fn look(&self, n: u64) -> Option<Arc<Object>> {
        let purged = &self.purged[usize::try_from(n).unwrap()];
        let [hard, soft] = [0, 1].map(|mode| purged[mode].load(SeqCst));
        let entry = self.store.get(&self.key(n))?;
        assert!(entry.key().as_ref() == self.key(n), "another key's entry");
        let Found::Object { object, soft_purged } = entry.select(AXIS, &HeaderMap::new()) else {
            panic!("nothing varies");
        };
        assert_eq!(object.length() % KEYS, n, "another key's object");
        assert!(object.asked.0 >= hard, "asked at {:?}, purged at {hard}", object.asked);
        assert!(object.asked.0 >= soft || soft_purged, "a soft purge at {soft} is forgotten");
        self.seen.hits.fetch_add(1, Relaxed);
        self.seen.soft_purged.fetch_add(soft_purged.into(), Relaxed);
        Some(object)
    }

    /// Commits and refreshes, which nobody else does for the same keys; and purges.
    fn write(&self, writer: u64, random: &mut Rng) {
        let mut slow = Vec::new();
        for _ in 0..STEPS {
            let n = random.u64(..KEYS / WRITERS) * WRITERS + writer;
            let asked = self.store.asking(&self.key(n)).0;
            let new = (n, self.look(n), self.object(n, asked, random));
            if random.u32(..4) == 0 {
                self.purge(random);
            }
            // Answers come in any order, some of them late, and purges meanwhile.
            slow.push(new);
            if slow.len() < 20 {
                continue;
            }
            let (n, old, new) = slow.swap_remove(random.usize(..slow.len()));
            let key = self.key(n).to_key();
            let written = match old.filter(|_| random.bool()) {
                Some(old) => self.store.refresh(&key, &old, &new, &[]).map(drop),
                None => self.store.commit(&key, Arc::clone(&new)),
            };
            match (written, self.look(n)) {
                (Ok(()), Some(found)) => assert!(Arc::ptr_eq(&found, &new), "an older one is back"),
                (Ok(()), None) => _ = self.seen.gone.fetch_add(1, Relaxed),
                (Err(_), _) => _ = self.seen.overtaken.fetch_add(1, Relaxed),
            }
        }
        self.seen.refreshed.store(self.store.counts().refreshes.load(Relaxed), Relaxed);
    }

    /// Purges any key.
    fn purge(&self, random: &mut Rng) {
        let n = random.u64(..KEYS);
        let mode = if random.bool() { Mode::Hard } else { Mode::Soft };
        let seq = self.store.purge(&self.key(n), mode).seq;
        // Answered: from here on every reader may rely on it.
        self.purged[usize::try_from(n).unwrap()][mode as usize].fetch_max(seq.0, SeqCst);
        self.look(n);
    }

    /// Looks, and changes the capacity, until the writers have ended.
    fn disturb(&self, random: &mut Rng) {
        while !self.done.load(Relaxed) {
            (0..1000).for_each(|_| _ = self.look(random.u64(..KEYS)));
            self.store.set_capacity(random.u64(CAPACITY / 16..CAPACITY));
        }
    }

    /// What is counted is what is there.
    fn settle(&self) {
        let held = || (0..KEYS).filter_map(|n| self.store.peek(&self.key(n)));
        assert_eq!(self.store.bytes(), held().map(|entry| entry.weight()).sum::<u64>());
        assert_eq!(self.store.entries(), held().count() as u64);
        assert!(self.store.bytes() <= self.store.capacity());
        assert!(self.store.entries() > 0);
        (0..KEYS).for_each(|n| _ = self.store.purge(&self.key(n), Mode::Hard));
        assert_eq!((self.store.bytes(), self.store.entries()), (0, 0));
    }
}

#[test]
fn readers_rely_on_purges_and_writers_on_what_they_wrote_whatever_else_goes_on() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let scene = &Scene::new();
    std::thread::scope(|scope| {
        let random = |n: u64| Rng::with_seed(seed.wrapping_add(n));
        let writers: Vec<_> =
            (0..WRITERS).map(|n| scope.spawn(move || scene.write(n, &mut random(n)))).collect();
        for n in 10..12 {
            scope.spawn(move || scene.disturb(&mut random(n)));
        }
        let ends: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        scene.done.store(true, Relaxed);
        assert!(ends.iter().all(Result::is_ok));
    });
    println!(
        "{:?}, {} evicted, {} rejected",
        scene.seen,
        scene.store.evictions(),
        scene.store.rejections()
    );
    let Seen { hits, soft_purged, refreshed, overtaken, gone } = &scene.seen;
    for often in [hits, soft_purged, refreshed, overtaken, gone] {
        assert!(often.load(Relaxed) >= 100, "{:?}", scene.seen);
    }
    assert!(scene.store.evictions() >= 100 && scene.store.rejections() >= 100);
    scene.settle();
}
