//! Jobs offered and done by hand: the thread is said to run and does not.

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::*;
use crate::base::{Axis, Clock, KeyText, Scheme, Seq, SiteId};
use crate::semantics::{Life, Policy, Received, Vary};
use crate::store::{Head, Mode};

struct Bench {
    coder: Coder,
    store: Arc<Store>,
    budget: Budget,
    clock: Clock,
    encoding: Arc<Encoding>,
}

impl Bench {
    fn new(memory: u64) -> Self {
        let (store, budget) = (Arc::new(Store::new(1 << 24, 8)), Budget::new(memory));
        let coder = Coder::new(Arc::clone(&store), budget.clone());
        coder.0.desk().runs = true;
        let encoding = Encoding {
            targets: Vec::new(),
            normalized: false,
            codings: Coding::ALL.to_vec(),
            types: vec!["text/*".into()],
            least: 100,
        };
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30));
        Self { coder, store, budget, clock, encoding: Arc::new(encoding) }
    }

    /// Stores a page with `body`, and offers it.
    fn page(&self, path: &str, body: Vec<u8>) -> (KeyText, Arc<Stored>) {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        let said = ResponseDirectives::of(&headers);
        let received = Received { wall: self.clock.wall(), delay: Duration::ZERO };
        let life = Life::of(StatusCode::OK, &headers, &said, received, &Policy::RFC);
        let selecting = Vary::None.select(&HeaderMap::new()).unwrap();
        let axis = Axis::new(SiteId(0), Scheme::Http, None).stored(false);
        let head = Head::new(StatusCode::OK, &headers, &life, self.clock.now(), (axis, selecting));
        let charge = self.budget.charge(Part::Stored, body.len() as u64);
        let body = Stored::new(vec![Bytes::from(body)], charge);
        let object = Arc::new(Object::new(head, Arc::clone(&body), None, Seq(0)));
        let text = KeyText::new("w.test", path);
        self.store.commit(&text.key().to_key(), object).unwrap();
        self.offer(&text, &body);
        (text, body)
    }

    fn offer(&self, text: &KeyText, body: &Arc<Stored>) {
        self.coder.offer(&text.key().to_key(), body, &self.encoding);
    }

    /// Does the next job.
    fn work(&self) -> Done {
        let job = self.coder.0.next().expect("it is not over");
        let done = self.coder.0.work(&job);
        self.coder.0.done(&job, done);
        done
    }

    fn codings(&self, text: &KeyText) -> Vec<Option<Coding>> {
        let entry = self.store.peek(&text.key());
        entry.iter().flat_map(|e| e.variants()).map(|object| object.head.axis.coding).collect()
    }
}

fn text() -> Vec<u8> {
    b"Tides rise and fall. ".repeat(100)
}

fn noise() -> Vec<u8> {
    std::iter::repeat_with(|| fastrand::u8(..)).take(2000).collect()
}

#[test]
fn what_is_offered_gets_the_codings_of_its_site_the_best_first() {
    let bench = Bench::new(1 << 30);
    let (page, _) = bench.page("/", text());
    assert_eq!(bench.codings(&page), [None]);
    assert_eq!(bench.work(), Done::Stored);
    assert_eq!(bench.codings(&page), [Some(Coding::Zstd), Some(Coding::Gzip), None]);
    let weight = bench.store.bytes() - bench.store.bookkeeping();
    assert_eq!((bench.budget.held_for(Part::Coding), bench.coder.queue()), (0, 0));
    assert!(bench.budget.held_for(Part::Stored) <= weight);
    assert_eq!(bench.coder.counts().jobs(Done::Stored), 1);
    let (read, written) = bench.coder.counts().bytes(Coding::Gzip);
    assert!(read == 2100 && 0 < written && written < 200, "{written}");
}

#[test]
fn what_is_purged_before_its_turn_is_not_coded() {
    let bench = Bench::new(1 << 30);
    let (page, body) = bench.page("/", text());
    bench.store.purge(&page.key(), Mode::Hard);
    assert_eq!(bench.work(), Done::Outdated);
    assert_eq!(bench.codings(&page), []);
    // Nobody has it any more: the queue did not keep it.
    let (_, gone) = (bench.page("/gone", text()), Arc::downgrade(&body));
    drop(body);
    assert_eq!(gone.strong_count(), 0);
}

#[test]
fn what_is_fetched_anew_is_coded_anew_and_not_as_it_was() {
    let bench = Bench::new(1 << 30);
    let (page, old) = bench.page("/", text());
    let (_, new) = bench.page("/", [text(), text()].concat());
    assert_eq!(bench.work(), Done::Outdated, "the old body is stored no longer");
    assert_eq!(bench.work(), Done::Stored);
    let entry = bench.store.peek(&page.key()).unwrap();
    let (identity, coded) = entry.groups().next().unwrap();
    assert!(Arc::ptr_eq(&identity.body, &new) && !Arc::ptr_eq(&identity.body, &old));
    assert_eq!(coded.len(), 2);
}

#[test]
fn a_job_that_waits_or_was_in_vain_is_not_taken_again() {
    let bench = Bench::new(1 << 30);
    let (page, body) = bench.page("/", noise());
    bench.offer(&page, &body);
    assert_eq!(bench.coder.queue(), 1);
    assert_eq!(bench.work(), Done::NoSmaller);
    assert_eq!(bench.codings(&page), [None]);
    bench.offer(&page, &body);
    assert_eq!(bench.coder.queue(), 0);
}

#[test]
fn the_queue_is_bounded_and_charged() {
    let bench = Bench::new(1 << 30);
    let pages: Vec<_> = (0..=MOST).map(|n| bench.page(&format!("/{n}"), text())).collect();
    assert_eq!((bench.coder.queue(), bench.coder.counts().jobs(Done::Full)), (MOST, 1));
    let held = bench.budget.held_for(Part::Coding);
    assert!(held > JOB * MOST as u64, "{held}");
    drop(pages);
    let Bench { coder, budget, .. } = bench;
    drop(coder);
    assert_eq!(budget.held_for(Part::Coding), 0);
}

#[test]
fn where_memory_is_short_nothing_is_coded() {
    let bench = Bench::new(TABLES);
    let (page, body) = bench.page("/", text());
    assert_eq!(bench.work(), Done::NoRoom);
    assert_eq!(bench.codings(&page), [None]);
    bench.offer(&page, &body);
    assert_eq!(bench.coder.queue(), 1, "it may be tried again");
}

#[test]
fn a_coder_that_is_dropped_ends_its_thread() {
    let bench = Bench::new(1 << 30);
    bench.coder.0.desk().runs = false;
    let (_page, body) = bench.page("/", text());
    let shared = Arc::downgrade(&bench.coder.0);
    drop(bench.coder);
    while shared.strong_count() > 0 {
        std::thread::yield_now();
    }
    drop(body);
}
