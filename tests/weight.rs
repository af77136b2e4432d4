//! What the store says that it holds is what the process has grown by, with the allocator of the
//! server. In a process of its own, because nothing else may take memory meanwhile.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tidegate::base::budget::Part;
use tidegate::base::{Axis, Budget, Clock, KeyText, Scheme, Seq, SiteId, Stored};
use tidegate::semantics::{Life, Policy, Received, ResponseDirectives, Vary};
use tidegate::store::{Head, Object, Store};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The fields of a usual page.
const FIELDS: &[(&str, &str)] = &[
    ("cache-control", "public, max-age=86400"),
    ("content-type", "text/html; charset=utf-8"),
    ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("etag", "\"5f3c-1a2b3c4d5e6f\""),
    ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("server", "origin"),
];

struct Shelf {
    store: Store,
    clock: Clock,
    budget: Budget,
    fields: HeaderMap,
}

impl Shelf {
    fn new() -> Self {
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        Self {
            store: Store::new(1 << 30, 8),
            clock: Clock::by_hand(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30)),
            budget: Budget::new(u64::MAX),
            fields: FIELDS.iter().map(field).collect(),
        }
    }

    /// Stores a page of `length` bytes, and reads it `read` times.
    fn keep(&self, number: usize, length: usize, read: usize) {
        let text = KeyText::new("wiki.test", &format!("/wiki/Page_{number:08}"));
        let said = ResponseDirectives::of(&self.fields);
        let received = Received { wall: self.clock.wall(), delay: Duration::ZERO };
        let life = Life::of(StatusCode::OK, &self.fields, &said, received, &Policy::default());
        let vary = Vary::of(&self.fields).select(&HeaderMap::new());
        let selected =
            (Axis::new(SiteId(0), Scheme::Http, None).stored(false), vary.expect("nothing varies"));
        let head = Head::new(StatusCode::OK, &self.fields, &life, self.clock.now(), selected);
        let body = Bytes::from(vec![1; length].into_boxed_slice());
        let body = Stored::new(vec![body], self.budget.charge(Part::Stored, 0));
        let object = Arc::new(Object::new(head, body, None, Seq(0)));
        self.store.commit(&text.key().to_key(), object).expect("nobody purges");
        for _ in 0..read {
            let entry = self.store.get(&text.key()).expect("there is room");
            for object in entry.variants() {
                drop((object.head.fields.map(4), object.body.segments().to_vec()));
            }
        }
    }
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("this is Linux");
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("the second number") * 4096
}

#[test]
fn what_the_store_says_that_it_holds_is_what_the_process_grew_by() {
    // Kept, or the next would grow into what the last has left.
    let mut shelves = Vec::new();
    for (count, length) in [(60_000, 1024), (30_000, 3000), (2000, 100_000)] {
        let shelf = Shelf::new();
        // The first ones also fill what is made once.
        (0..count / 20).for_each(|number| shelf.keep(number, length, 1));
        let (said, grown) = (shelf.store.bytes(), resident());
        (count / 20..count).for_each(|number| shelf.keep(number, length, 1));
        let (said, grown) = (shelf.store.bytes() - said, resident() - grown);
        let stored = (count - count / 20) as u64;
        println!(
            "{length} bytes: {} said beside them, {} grown",
            said / stored - length as u64,
            (grown / stored).saturating_sub(length as u64)
        );
        let ratio = said as f64 / grown as f64;
        assert!((0.94..1.06).contains(&ratio), "{length} bytes: says {said}, grew by {grown}");
        shelves.push(shelf);
    }
}
