//! Purging over real sockets, with two workers and all protocols at once: readers and editors do what they
//! like, every operation is noted with when it began and ended, by one counter, and the history is judged
//! afterwards. Nobody may get what is older than a purge that was answered before they asked; after a soft
//! purge, not unless it says that it is stale. What each thread does follows from a seed that is printed.
//!
//! `TIDEGATE_HISTORY=1000000` for a longer one.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use serde_json::json;

use crate::kit::{Client, Origin, Page, Proxy, Request, cache_status, versioned};

const PAGES: usize = 40;
const READERS: u64 = 6;
const EDITORS: u64 = 2;
const MODES: [&str; 2] = ["hard", "soft"];

/// Something that was done to a page.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// It was `version` when it was purged; answered at `at`.
    Purged { page: usize, version: u64, mode: usize, at: u64 },
    /// A reader who asked at `began` got `version`.
    Read { page: usize, version: u64, began: u64, stale: bool, hit: bool },
}

/// The pages and the counter.
struct Wiki {
    versions: Vec<AtomicU64>,
    now: AtomicU64,
}

impl Wiki {
    fn tick(&self) -> u64 {
        self.now.fetch_add(1, SeqCst)
    }

    fn version(&self, page: usize) -> &AtomicU64 {
        &self.versions[page]
    }

    fn read(&self, client: &Client, page: usize) -> Event {
        let began = self.tick();
        let answer = client.get(&path(page)).expect(200);
        let (version, status) = (versioned::version_of(&answer), cache_status(&answer));
        let stale = matches!(status.detail.as_deref(), Some("soft-purged" | "while-revalidate"));
        Event::Read { page, version, began, stale: stale && status.hit, hit: status.hit }
    }

    /// Changes a page, and purges something that it is part of.
    fn edit(&self, proxy: &Proxy, client: &Client, random: &mut Rng) -> Event {
        let (page, mode) = (random.usize(..PAGES), random.usize(..2));
        let version = self.version(page).fetch_add(1, SeqCst) + 1;
        let purge = |path: &str| Request::new("PURGE", path).header("x-purge-mode", MODES[mode]);
        let order = |what: serde_json::Value| {
            let mut order = what;
            order["mode"] = MODES[mode].into();
            let request = Request::new("POST", "/purge").host("admin.test");
            let request = request.header("content-type", "application/x-ndjson");
            let answer = Client::http1(proxy.admin()).send(request.body(order.to_string()));
            assert!(answer.text().contains("\"ok\":true"), "{answer:?}");
        };
        match random.u32(..100) {
            0..60 => _ = client.send(purge(&path(page))).expect(204),
            60..80 => _ = client.send(purge("/").header("xkey", &format!("t{page}"))).expect(204),
            80..88 => order(json!({ "prefix": format!("http://wiki.test/{}/", page % 4) })),
            88..96 => order(json!({ "regex": format!("/{page}$"), "site": "wiki" })),
            96..99 => order(json!({ "site": "wiki" })),
            _ => order(json!({ "everything": true })),
        }
        Event::Purged { page, version, mode, at: self.tick() }
    }
}

fn path(page: usize) -> String {
    format!("/{}/{page}", page % 4)
}

/// An origin that takes its time, so that purges come while it answers.
fn serve(origin: &Origin, wiki: &'static Wiki) {
    for page in 0..PAGES {
        origin.on(&path(page), move |seen| {
            let version = wiki.version(page).load(SeqCst);
            thread::park_timeout(Duration::from_micros(fastrand::u64(..3000)));
            let tag = format!("\"v{version}\"");
            let answer = if seen.header("if-none-match") == Some(&tag) {
                Page::status(304)
            } else {
                Page::new(versioned::body(version))
            };
            let answer = answer.header("cache-control", "max-age=1, stale-while-revalidate=5");
            answer.header("etag", &tag).header("xkey", &format!("t{page} all"))
        });
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "the seed")]
fn nobody_gets_what_is_older_than_a_purge_that_was_answered_before_they_asked() {
    let setting = |name, otherwise| {
        std::env::var(name).map_or(otherwise, |text| text.parse::<u64>().expect("a number"))
    };
    let operations = setting("TIDEGATE_HISTORY", 20_000);
    let seed = setting("TIDEGATE_HISTORY_SEED", fastrand::u64(..));
    println!("TIDEGATE_HISTORY_SEED={seed}, {operations} operations");
    let wiki: &Wiki = Box::leak(Box::new(Wiki {
        versions: (0..PAGES).map(|_| AtomicU64::new(1)).collect(),
        now: AtomicU64::new(1),
    }));
    let origin = Origin::start();
    serve(&origin, wiki);
    let proxy = &Proxy::new(&origin).workers(2).tls().start();
    let each = operations / (READERS + EDITORS);
    let history: Vec<Event> = thread::scope(|scope| {
        let act = |n: u64| {
            let mut random = Rng::with_seed(seed.wrapping_add(n));
            let client = match n % 3 {
                0 => proxy.http1(),
                1 => proxy.http1_tls(),
                _ => proxy.http2(),
            };
            let mut act = move |_| match n < EDITORS {
                true => wiki.edit(proxy, &client, &mut random),
                false => wiki.read(&client, random.usize(..PAGES)),
            };
            (0..each).map(&mut act).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..READERS + EDITORS).map(|n| scope.spawn(move || act(n))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it has not failed")).collect()
    });
    judge(&history);
    // All have ended: a page is asked for once, and is a hit.
    for page in 0..PAGES {
        proxy.purge(&path(page));
        let current = wiki.version(page).load(SeqCst);
        assert_eq!(versioned::version_of(&proxy.http1().get(&path(page))), current);
        assert_eq!(versioned::version_of(&proxy.http1().get(&path(page)).expect_hit()), current);
    }
}

/// Judges a history.
#[allow(clippy::print_stdout, reason = "how often the interesting happened")]
fn judge(history: &[Event]) {
    let mut purges: Vec<_> = history
        .iter()
        .filter_map(|event| match *event {
            Event::Purged { page, version, mode, at } => Some((at, page, mode, version)),
            Event::Read { .. } => None,
        })
        .collect();
    purges.sort_unstable();
    let mut reads: Vec<_> = history
        .iter()
        .filter_map(|event| match *event {
            Event::Read { page, version, began, stale, hit } => {
                Some((began, page, version, stale, hit))
            }
            Event::Purged { .. } => None,
        })
        .collect();
    reads.sort_unstable();
    let (mut known, mut next) = (vec![[0; 2]; PAGES], 0);
    let [mut hits, mut stales, mut fetched] = [0_u64; 3];
    for (began, page, version, stale, hit) in reads {
        while let Some((at, page, mode, version)) = purges.get(next).filter(|one| one.0 < began) {
            let known = &mut known[*page][*mode];
            *known = (*known).max(*version);
            next += 1;
            assert!(*at < began);
        }
        let [hard, soft] = known[page];
        assert!(version >= hard, "page {page}: {version} at {began}, though {hard} was purged");
        assert!(
            stale || version >= soft,
            "page {page}: {version} as fresh at {began}, though {soft} was purged softly"
        );
        *(if stale {
            &mut stales
        } else if hit {
            &mut hits
        } else {
            &mut fetched
        }) += 1;
    }
    println!("{hits} hits, {stales} stale, {fetched} fetched, {} purges", purges.len());
    assert!(hits.min(stales).min(fetched) > 100, "too little of something happened");
}
