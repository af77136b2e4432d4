//! The promise of purging where threads run into each other: the store's floors, key locks and sweeps under
//! a checker that decides after each operation on an atomic or a lock which thread goes on, at random and
//! by probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010). The index is a plain map here, and
//! tables are so small that floors fold and keys share their slots.
//!
//! An origin's page has a version, which an edit raises before its purge. A reader notes which versions'
//! purges have been answered and looks then: what it finds fresh is no older. When all have ended, one
//! fetch makes the page a hit again. Schedules are sequentially consistent, so what is checked is the order
//! of operations and not the strength of their orderings.
//!
//! `cargo test --features interleavings --test purge_interleavings`; `TIDEGATE_SCHEDULES` of them each.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]
#![allow(clippy::print_stdout, reason = "what was caught, and when, is what it is run for")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::atomic::AtomicU64;
use shuttle::sync::atomic::Ordering::SeqCst;
use shuttle::{Config, Runner, thread};
use tidegate::base::budget::Part;
use tidegate::base::mutant::{self, Mutant};
use tidegate::base::{Axis, Budget, Clock, KeyText, Scheme, Seq, SiteId, Stored};
use tidegate::semantics::{Life, Policy, Received, ResponseDirectives, Vary};
use tidegate::store::{Found, Head, Judgement, Mode, Object, Scope, Store, Tags};

const SITE: SiteId = SiteId(1);
const HOST: &str = "w.test";

/// A check that is taken out is taken out for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// A page with its origin.
struct Page {
    store: Store,
    key: KeyText,
    /// Another page, which shares its floor and not its lock.
    other: KeyText,
    clock: Clock,
    budget: Budget,
    version: AtomicU64,
    /// Whether it confirms what has changed too: its validators do not tell.
    vague: bool,
    /// The newest versions whose purges, hard and soft, have been answered.
    answered: [AtomicU64; 2],
}

/// What an edit purges of the page.
#[derive(Clone, Copy)]
enum Purge {
    Exact,
    Tag,
    Site,
}

impl Page {
    fn new() -> Arc<Self> {
        Self::of(false)
    }

    fn of(vague: bool) -> Arc<Self> {
        let key = KeyText::new(HOST, "/page");
        let mut others = (0..).map(|n: u32| KeyText::new(HOST, &format!("/{n}")));
        let other = others.find(|other| other.key().hash() % 2 != key.key().hash() % 2);
        Arc::new(Self {
            store: Store::new(1 << 20, 4),
            key,
            other: other.unwrap(),
            clock: Clock::by_hand(SystemTime::UNIX_EPOCH),
            budget: Budget::new(u64::MAX),
            version: AtomicU64::new(0),
            vague,
            answered: Default::default(),
        })
    }

    /// A response of that version, which its status tells; of one of two variants.
    fn object(&self, version: u64, asked: Seq, scheme: Scheme) -> Arc<Object> {
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", HeaderValue::from_static("max-age=600"));
        headers.insert("xkey", HeaderValue::from_static("t"));
        let received = Received { wall: self.clock.wall(), delay: Duration::ZERO };
        let said = ResponseDirectives::of(&headers);
        let life = Life::of(StatusCode::OK, &headers, &said, received, &Policy::RFC);
        let selecting = Vary::of(&headers).select(&HeaderMap::new()).unwrap();
        let selected = (Axis::new(SITE, scheme, None).stored(true), selecting);
        let status = StatusCode::from_u16(200 + u16::try_from(version).unwrap()).unwrap();
        let head = Head::new(status, &headers, &life, self.clock.now(), selected);
        let head = head.tagged(Tags::of(SITE, &headers));
        let body = Stored::new(vec![Bytes::new()], self.budget.charge(Part::Stored, 0));
        Arc::new(Object::new(head, body, None, asked))
    }

    fn version_of(object: &Object) -> u64 {
        u64::from(object.head.status.as_u16()) - 200
    }

    /// The origin's page changes, and its purge is answered.
    fn edit(&self, purge: Purge, mode: Mode) {
        let version = self.version.fetch_add(1, SeqCst) + 1;
        match purge {
            Purge::Exact => _ = self.store.purge(&self.key.key(), mode),
            Purge::Tag => _ = self.store.purge_all(Scope::Tag(SITE, b"t"), mode),
            Purge::Site => _ = self.store.purge_all(Scope::Site(SITE), mode),
        }
        self.answered[mode as usize].fetch_max(version, SeqCst);
    }

    /// A fetch, from the question to its end.
    fn fetch(&self, scheme: Scheme) {
        let (asked, _) = self.store.asking(&self.key.key());
        let object = self.object(self.version.load(SeqCst), asked, scheme);
        let _ = self.store.commit(&self.key.key().to_key(), object);
    }

    /// A reader; what it finds, if that is fresh.
    fn look(&self, scheme: Scheme) -> Option<Arc<Object>> {
        let [hard, soft] = [0, 1].map(|mode: usize| self.answered[mode].load(SeqCst));
        let entry = self.store.get(&self.key.key())?;
        let axis = Axis::new(SITE, scheme, None);
        let Found::Object { object, soft_purged } = entry.select(axis, &HeaderMap::new()) else {
            return None;
        };
        let judged = self.store.judge(&self.key.key(), &object);
        let (version, fresh) = (Self::version_of(&object), judged == Judgement::Valid);
        assert!(version >= hard || judged == Judgement::Gone, "{version} after {hard} was purged");
        let fresh = fresh && !soft_purged;
        assert!(version >= soft || !fresh, "{version} is fresh after {soft} was purged softly");
        fresh.then_some(object)
    }

    /// A refresh of what is stored, which the origin confirms where it is still so.
    fn refresh(&self, scheme: Scheme) {
        let Some(entry) = self.store.peek(&self.key.key()) else { return };
        let axis = Axis::new(SITE, scheme, None);
        let Found::Object { object: old, .. } = entry.select(axis, &HeaderMap::new()) else {
            return;
        };
        let (asked, _) = self.store.asking(&self.key.key());
        self.store.settle();
        // What a purge has killed is no validator; what is not killed, an origin may call the same whatever
        // its version: not all that changes a page is in its validators.
        if self.store.judge(&self.key.key(), &old) == Judgement::Gone {
            return;
        }
        if self.version.load(SeqCst) == Self::version_of(&old) || self.vague {
            let new = Arc::new(old.freshened(old.head.clone(), asked));
            let _ = self.store.refresh(&self.key.key().to_key(), &old, &new, &[]);
        }
    }

    fn sweep(&self) {
        self.store.sweep(self.store.wide().newest());
    }

    fn evict(&self) {
        self.store.set_capacity(0);
    }

    /// All have ended: one fetch makes it a hit.
    fn settles(&self) {
        for scheme in [Scheme::Http, Scheme::Https] {
            self.look(scheme);
            self.fetch(scheme);
            let found = self.look(scheme).expect("a fetch after all purges is a hit");
            assert_eq!(Self::version_of(&found), self.version.load(SeqCst));
        }
    }
}

/// Runs all of these at once, and then looks what came of it.
fn together(page: &Arc<Page>, acts: &[fn(&Page)]) {
    let run = |act: &fn(&Page)| {
        let (page, act) = (Arc::clone(page), *act);
        thread::spawn(move || act(&page))
    };
    let threads: Vec<_> = acts.iter().map(run).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    page.settles();
}

fn fetches(page: &Page) {
    page.fetch(Scheme::Http);
    page.look(Scheme::Http);
    page.fetch(Scheme::Https);
    page.look(Scheme::Http);
}

fn reads(page: &Page) {
    (0..3).for_each(|_| _ = page.look(Scheme::Http));
    page.look(Scheme::Https);
}

/// Fetches, of two variants, and exact purges; the entry may go at any time.
fn exact() {
    let edits: fn(&Page) = |page| {
        page.edit(Purge::Exact, Mode::Hard);
        page.edit(Purge::Exact, Mode::Soft);
    };
    let page = Page::new();
    page.fetch(Scheme::Https);
    together(&page, &[fetches, edits, fetches, Page::evict, reads]);
}

/// The same with refreshes.
fn refreshes() {
    let edits: fn(&Page) = |page| {
        page.edit(Purge::Exact, Mode::Soft);
        page.edit(Purge::Exact, Mode::Hard);
    };
    let refreshes: fn(&Page) = |page| {
        page.refresh(Scheme::Http);
        page.look(Scheme::Http);
        page.refresh(Scheme::Http);
    };
    let page = Page::new();
    page.fetch(Scheme::Http);
    together(&page, &[refreshes, edits, fetches, reads]);
}

/// Purges of a tag and of the site, and sweeps that forget them.
fn wide() {
    let edits: fn(&Page) = |page| {
        page.edit(Purge::Tag, Mode::Soft);
        page.edit(Purge::Tag, Mode::Hard);
        page.edit(Purge::Site, Mode::Soft);
    };
    let sweeps: fn(&Page) = |page| {
        page.sweep();
        page.sweep();
    };
    let page = Page::new();
    page.fetch(Scheme::Http);
    together(&page, &[fetches, edits, sweeps, reads, Page::evict]);
}

/// A hard purge of a tag while what carries it is confirmed by an origin that does not know better.
fn confirms() {
    let edits: fn(&Page) = |page| page.edit(Purge::Tag, Mode::Hard);
    let page = Page::of(true);
    page.fetch(Scheme::Http);
    together(&page, &[|page| page.refresh(Scheme::Http), edits]);
}

/// More tags are purged than floors are kept.
fn folds() {
    let edits: fn(&Page) = |page| {
        page.edit(Purge::Tag, Mode::Hard);
        for tag in [b"u", b"v", b"w"] {
            page.store.purge_all(Scope::Tag(SITE, tag), Mode::Soft);
        }
    };
    let page = Page::new();
    page.fetch(Scheme::Http);
    together(&page, &[fetches, edits, reads, reads]);
}

/// Purges of two pages that share a floor and no lock.
fn neighbours() {
    let edits: fn(&Page) = |page| page.edit(Purge::Exact, Mode::Hard);
    let neighbour: fn(&Page) = |page| _ = page.store.purge(&page.other.key(), Mode::Hard);
    together(&Page::new(), &[|page| page.fetch(Scheme::Http), edits, neighbour]);
}

/// What a reader has found is evicted, and so not met by the sweep that forgets what covers it.
fn forgets() {
    let page = Page::new();
    page.fetch(Scheme::Http);
    page.edit(Purge::Tag, Mode::Hard);
    together(&page, &[reads, Page::evict, Page::sweep]);
}

const SCENES: [(&str, fn()); 7] = [
    ("exact", exact),
    ("refreshes", refreshes),
    ("wide", wide),
    ("folds", folds),
    ("neighbours", neighbours),
    ("forgets", forgets),
    ("confirms", confirms),
];

fn schedules() -> usize {
    let given = std::env::var("TIDEGATE_SCHEDULES").ok();
    given.map_or(2000, |count| count.parse().expect("TIDEGATE_SCHEDULES is a number"))
}

/// Runs `scene` by half of the `schedules` with few changes of thread, and by half at random.
fn check(scene: impl Fn() + Copy + Send + Sync + 'static, schedules: usize) {
    let (half, mut config) = (schedules / 2, Config::new());
    // Without optimisation a store takes more than a thread is given.
    config.stack_size = 1 << 20;
    Runner::new(PctScheduler::new(3, half), config.clone()).run(scene);
    Runner::new(RandomScheduler::new(half), config).run(scene);
}

#[test]
fn nothing_purged_is_fresh_in_whatever_order_threads_go_on() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for (name, scene) in SCENES {
        check(scene, schedules());
        println!("{name}: {} schedules", schedules());
    }
}

#[test]
fn every_check_that_threads_need_is_missed_when_it_is_taken_out() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    let scenes: [fn(); 5] = [exact, neighbours, confirms, wide, forgets];
    for (which, scene) in Mutant::RACING.into_iter().zip(scenes) {
        mutant::choose(Some(which));
        RUNS.store(0, SeqCst);
        let counted = move || {
            RUNS.fetch_add(1, SeqCst);
            scene();
        };
        // Some take a thread that stands still at one step while all others go on.
        let caught = catch_unwind(AssertUnwindSafe(|| check(counted, 50 * schedules())));
        match caught {
            Err(_) => println!("{which:?}: caught after {} schedules", RUNS.load(SeqCst)),
            Ok(()) => missed.push(which),
        }
    }
    mutant::choose(None);
    let _ = std::panic::take_hook();
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
