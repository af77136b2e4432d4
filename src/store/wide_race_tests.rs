//! Commits, reads, purges of tags, prefixes, expressions and sites, and sweeps, all at once, against the promise:
//! what is judged valid was asked for after every purge that covers it and had been answered when the
//! look began. What each thread does follows from a seed that is printed; how often the interesting
//! happened is counted, because how they interleave follows from nothing.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::*;
use crate::base::budget::Part;
use crate::base::{Axis, Budget, Clock, KeyText, Scheme, SiteId, Stored};
use crate::semantics::tags::XKEY;
use crate::semantics::{Life, Policy, Received, ResponseDirectives, Vary};

const SITE: SiteId = SiteId(1);
const AXIS: Axis = Axis::new(SITE, Scheme::Http, None);
const KEYS: u64 = 200;
const TAGS: u64 = 12;
/// Purges at least, and at most: the interesting must have happened before it ends.
const LEAST: usize = 2000;
const MOST: usize = 1_000_000;

/// The newest answered purges that cover something, hard and soft.
type Answered = [AtomicU64; 2];

struct Scene {
    store: Store,
    clock: Clock,
    budget: Budget,
    keys: Vec<KeyText>,
    tags: Vec<Answered>,
    /// Of the prefixes `/even` and `/odd`.
    prefixes: [Answered; 2],
    /// Of the keys that end in a seven.
    sevens: (Expression, Answered),
    site: Answered,
    done: AtomicBool,
    /// Commits that came too late, and looks at what was valid, stale and gone.
    seen: [AtomicU64; 4],
    sweeps: AtomicU64,
}

impl Scene {
    fn new() -> Self {
        let path = |n: u64| format!("/{}/{n}", if n.is_multiple_of(2) { "even" } else { "odd" });
        Self {
            store: Store::new(64 << 20, 3),
            clock: Clock::by_hand(std::time::SystemTime::UNIX_EPOCH),
            budget: Budget::new(u64::MAX),
            keys: (0..KEYS).map(|n| KeyText::new("w.test", &path(n))).collect(),
            tags: (0..TAGS).map(|_| Default::default()).collect(),
            prefixes: Default::default(),
            sevens: (Expression::new("^w\\.test/.*7$").unwrap(), Answered::default()),
            site: Default::default(),
            done: AtomicBool::new(false),
            seen: Default::default(),
            sweeps: AtomicU64::new(0),
        }
    }

    fn key(&self, n: u64) -> KeyRef<'_> {
        self.keys[usize::try_from(n).unwrap()].key()
    }

    /// A page of key `n`; the two tags that it carries stand in its status.
    fn object(&self, asked: Seq, tags: [u64; 2]) -> Arc<Object> {
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", HeaderValue::from_static("max-age=60"));
        let text = format!("t{} t{}", tags[0], tags[1]);
        headers.insert(XKEY, HeaderValue::try_from(text).unwrap());
        let received = Received { wall: self.clock.wall(), delay: std::time::Duration::ZERO };
        let said = ResponseDirectives::of(&headers);
        let status = 200 + u16::try_from(tags[0] * TAGS + tags[1]).unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        let life = Life::of(status, &headers, &said, received, &Policy::RFC);
        let selecting = Vary::of(&headers).select(&HeaderMap::new()).unwrap();
        let selected = (AXIS.stored(false), selecting);
        let head = Head::new(status, &headers, &life, self.clock.now(), selected);
        let head = head.tagged(Tags::of(SITE, &headers));
        let body = Stored::new(vec![Bytes::new()], self.budget.charge(Part::Stored, 0));
        Arc::new(Object::new(head, body, None, asked))
    }

    fn write(&self, random: &mut Rng) {
        while !self.done.load(Relaxed) {
            let (n, tags) = (random.u64(..KEYS), [random.u64(..TAGS), random.u64(..TAGS)]);
            let asked = self.store.floors().now();
            if random.bool() {
                std::thread::yield_now();
            }
            let late = self.store.commit(&self.key(n).to_key(), self.object(asked, tags)).is_err();
            self.seen[0].fetch_add(u64::from(late), Relaxed);
        }
    }

    fn read(&self, random: &mut Rng) {
        while !self.done.load(Relaxed) {
            let n = random.u64(..KEYS);
            let known = |answered: &Answered| answered.each_ref().map(|seq| seq.load(SeqCst));
            let tags: Vec<[u64; 2]> = self.tags.iter().map(known).collect();
            let prefix = known(&self.prefixes[usize::from(n % 2 == 1)]);
            let (site, sevens) = (known(&self.site), known(&self.sevens.1));
            let matching = if n % 10 == 7 { sevens } else { [0, 0] };
            let Some(entry) = self.store.get(&self.key(n)) else { continue };
            let Found::Object { object, soft_purged } = entry.select(AXIS, &HeaderMap::new())
            else {
                continue;
            };
            let pair = u64::from(object.head.status.as_u16() - 200);
            let of = |tag: u64| tags[usize::try_from(tag).unwrap()];
            let covering = [of(pair / TAGS), of(pair % TAGS), prefix, matching, site];
            let judged = self.store.judge(&self.key(n), &object);
            for [hard, soft] in covering {
                let asked = object.asked.0;
                assert!(hard <= asked || judged == Judgement::Gone, "{hard} > {asked}: {judged:?}");
                let fresh = judged == Judgement::Valid && !soft_purged;
                assert!(soft <= asked || !fresh, "{soft} > {asked}: served as fresh");
            }
            let kind = match judged {
                Judgement::Valid if soft_purged => 2,
                Judgement::Valid => 1,
                Judgement::Stale => 2,
                Judgement::Gone => 3,
            };
            self.seen[kind].fetch_add(1, Relaxed);
        }
    }

    fn purge(&self, random: &mut Rng) {
        for step in 0..MOST {
            if step >= LEAST && self.has_seen_enough() {
                break;
            }
            // Others get their turn, and what was just stored is read before it is purged.
            (0..random.u8(..8)).for_each(|_| std::thread::yield_now());
            let mode = if random.bool() { Mode::Hard } else { Mode::Soft };
            let tag = random.u64(..TAGS);
            let text = format!("t{tag}");
            let odd = random.bool();
            let (scope, answered) = match random.u8(..20) {
                0 => (Scope::Site(SITE), &self.site),
                1..=3 => {
                    let prefix = if odd { "w.test/odd" } else { "w.test/even/" };
                    (Scope::Prefix(SITE, prefix), &self.prefixes[usize::from(odd)])
                }
                4 | 5 => {
                    let (sevens, answered) = &self.sevens;
                    (Scope::Matching(odd.then_some(SITE), sevens), answered)
                }
                _ => {
                    let tag = usize::try_from(tag).unwrap();
                    (Scope::Tag(SITE, text.as_bytes()), &self.tags[tag])
                }
            };
            let Seq(seq) = self.store.purge_all(scope, mode);
            answered[mode as usize].fetch_max(seq, SeqCst);
        }
        self.done.store(true, Relaxed);
    }

    fn has_seen_enough(&self) -> bool {
        let [late, valid, stale, gone] = self.seen.each_ref().map(|count| count.load(Relaxed));
        late > 10 && valid > 100 && stale > 100 && gone > 100 && self.sweeps.load(Relaxed) > 3
    }

    fn sweep(&self) {
        while !self.done.load(Relaxed) {
            let upto = self.store.floors().now();
            std::thread::yield_now();
            self.store.sweep(upto);
            self.sweeps.fetch_add(1, Relaxed);
        }
    }
}

#[test]
fn nothing_that_a_wide_purge_covers_is_valid_after_it_whatever_races_it() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let scene = Scene::new();
    std::thread::scope(|scope| {
        let scene = &scene;
        for n in 0..2 {
            scope.spawn(move || scene.write(&mut Rng::with_seed(seed ^ (n + 1))));
            scope.spawn(move || scene.read(&mut Rng::with_seed(seed ^ (n + 11))));
        }
        scope.spawn(move || scene.sweep());
        scene.purge(&mut Rng::with_seed(seed));
    });
    println!("late, valid, stale, gone: {:?}; {:?} sweeps", scene.seen, scene.sweeps);
    assert!(scene.has_seen_enough());
}

#[test]
fn a_sweep_takes_out_what_is_dead_and_marks_what_is_stale() {
    let scene = Scene::new();
    for n in 0..30 {
        let tags = [n % 3, n % 3];
        scene.store.commit(&scene.key(n).to_key(), scene.object(Seq(0), tags)).unwrap();
    }
    scene.store.purge_all(Scope::Tag(SITE, b"t0"), Mode::Hard);
    let upto = scene.store.purge_all(Scope::Tag(SITE, b"t1"), Mode::Soft);
    let swept = scene.store.sweep(upto);
    assert_eq!(swept, Swept { looked_at: 30, removed: 10, staled: 10 });
    assert_eq!((scene.store.entries(), scene.store.wide().kept()), (20, 0));
    for n in 0..30 {
        let found = scene.store.get(&scene.key(n)).map(|e| e.select(AXIS, &HeaderMap::new()));
        let stale = found.map(|found| match found {
            Found::Object { soft_purged, .. } => soft_purged,
            Found::OtherVariants => panic!("there is one variant"),
        });
        assert_eq!(stale, [None, Some(true), Some(false)][usize::try_from(n % 3).unwrap()], "{n}");
    }
    // What was asked for before it comes too late, with whatever tags.
    let late = scene.store.commit(&scene.key(40).to_key(), scene.object(Seq(0), [5, 5]));
    assert_eq!(late, Err(Reason::PurgedInFlight));
}

#[test]
fn what_somebody_holds_is_judged_by_floors_that_are_forgotten() {
    let scene = Scene::new();
    let key = scene.key(1);
    let store = &scene.store;
    let stored = |tag: u64| {
        let object = scene.object(store.floors().now(), [tag, tag]);
        store.commit(&key.to_key(), Arc::clone(&object)).unwrap();
        object
    };
    let sweep = || _ = store.sweep(store.floors().now());
    let purge = |mode| store.purge_all(Scope::Tag(SITE, b"t1"), mode);
    // Purged, and replaced before a sweep could see it.
    let held = stored(1);
    purge(Mode::Hard);
    stored(2);
    assert_eq!(store.judge(&key, &held), Judgement::Gone);
    sweep();
    assert_eq!(store.judge(&key, &held), Judgement::Gone);
    // Stale through every sweep, until a hard purge comes that no sweep sees it under.
    let held = stored(1);
    purge(Mode::Soft);
    for _ in 0..3 {
        sweep();
        assert_eq!(store.judge(&key, &held), Judgement::Stale);
        store.purge_all(Scope::Tag(SITE, b"t5"), Mode::Hard);
    }
    purge(Mode::Hard);
    stored(2);
    sweep();
    assert_eq!(store.judge(&key, &held), Judgement::Gone);
    // What nothing covers stays valid through purges of other things.
    let held = stored(3);
    for _ in 0..3 {
        purge(Mode::Hard);
        sweep();
        assert_eq!(store.judge(&key, &held), Judgement::Valid);
    }
}
