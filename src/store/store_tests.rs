//! Commits, refreshes and purges in the orders that PURGE.md warns of.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::*;
use crate::base::budget::Part;
use crate::base::{Axis, KeyText, Scheme};
use crate::base::{Budget, Clock, SiteId, Stored};
use crate::semantics::{Life, Policy, Received, ResponseDirectives, Vary};

const AXIS: Axis = Axis { site: SiteId(1), scheme: Scheme::Http, port: 0 };

struct Shelf {
    store: Store,
    clock: Clock,
    budget: Budget,
    text: KeyText,
}

impl Shelf {
    fn new() -> Self {
        Self {
            store: Store::new(1 << 20, 3),
            clock: Clock::by_hand(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30)),
            budget: Budget::new(1 << 30),
            text: KeyText::new("w.test", "/wiki/Tide"),
        }
    }

    fn key(&self) -> KeyRef<'_> {
        self.text.key()
    }

    fn object(&self, asked: Seq, body: &'static str, language: Option<&str>) -> Arc<Object> {
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", HeaderValue::from_static("max-age=60"));
        let mut request = HeaderMap::new();
        if let Some(language) = language {
            headers.insert("vary", HeaderValue::from_static("accept-language"));
            request.insert("accept-language", HeaderValue::from_str(language).unwrap());
        }
        let policy = Policy {
            heuristic: false,
            default_ttl: None,
            grace: Duration::ZERO,
            keep: Duration::ZERO,
        };
        let received = Received { wall: self.clock.wall(), delay: Duration::ZERO };
        let said = ResponseDirectives::of(&headers);
        let life = Life::of(StatusCode::OK, &headers, &said, received, &policy);
        let selecting = Vary::of(&headers).select(&request).unwrap();
        let head = Head::new(StatusCode::OK, &headers, &life, self.clock.now(), (AXIS, selecting));
        let segments = vec![Bytes::from_static(body.as_bytes())];
        let body = Stored::new(segments, self.budget.charge(Part::Stored, 0));
        Arc::new(Object::new(head, body, None, asked))
    }

    fn commit(&self, object: Arc<Object>) -> Result<(), Reason> {
        self.store.commit(&self.key().to_key(), object)
    }

    /// The body that a request gets, and whether it is soft-purged.
    fn look(&self, language: Option<&str>) -> Option<(String, bool)> {
        let mut request = HeaderMap::new();
        if let Some(language) = language {
            request.insert("accept-language", HeaderValue::from_str(language).unwrap());
        }
        match self.store.get(&self.key())?.select(AXIS, &request) {
            Found::Object { object, soft_purged } => {
                Some((String::from_utf8(object.body.segments().concat()).unwrap(), soft_purged))
            }
            Found::OtherVariants => None,
        }
    }
}

#[test]
fn what_was_asked_before_a_purge_is_not_stored_after_it() {
    let shelf = Shelf::new();
    let asked = shelf.store.floors().now();
    // Nothing is stored yet: the floor alone must remember.
    assert!(!shelf.store.purge(&shelf.key(), Mode::Hard).found);
    let late = shelf.commit(shelf.object(asked, "old", None));
    assert_eq!(late, Err(Reason::PurgedInFlight));
    assert_eq!(shelf.look(None), None);
}

#[test]
fn the_first_fetch_after_a_purge_is_a_hit_again() {
    let shelf = Shelf::new();
    shelf.commit(shelf.object(Seq(0), "old", None)).unwrap();
    assert!(shelf.store.purge(&shelf.key(), Mode::Hard).found);
    assert_eq!(shelf.look(None), None);
    let asked = shelf.store.floors().now();
    shelf.commit(shelf.object(asked, "new", None)).unwrap();
    assert_eq!(shelf.look(None), Some(("new".into(), false)));
}

#[test]
fn a_hard_purge_takes_every_variant() {
    let shelf = Shelf::new();
    shelf.commit(shelf.object(Seq(0), "deutsch", Some("de"))).unwrap();
    shelf.commit(shelf.object(Seq(0), "english", Some("en"))).unwrap();
    assert_eq!(shelf.look(Some("de")), Some(("deutsch".into(), false)));
    shelf.store.purge(&shelf.key(), Mode::Hard);
    assert_eq!((shelf.look(Some("de")), shelf.look(Some("en"))), (None, None));
}

#[test]
fn a_soft_purge_makes_stale_and_the_next_fetch_is_fresh() {
    let shelf = Shelf::new();
    shelf.commit(shelf.object(Seq(0), "old", None)).unwrap();
    shelf.store.purge(&shelf.key(), Mode::Soft);
    assert_eq!(shelf.look(None), Some(("old".into(), true)));
    let asked = shelf.store.floors().now();
    shelf.commit(shelf.object(asked, "new", None)).unwrap();
    assert_eq!(shelf.look(None), Some(("new".into(), false)));
}

#[test]
fn what_was_asked_before_a_soft_purge_arrives_stale() {
    let shelf = Shelf::new();
    shelf.store.purge(&shelf.key(), Mode::Soft);
    shelf.commit(shelf.object(Seq(0), "old", None)).unwrap();
    assert_eq!(shelf.look(None), Some(("old".into(), true)));
}

#[test]
fn a_copied_entry_revives_no_purged_variant() {
    let shelf = Shelf::new();
    shelf.commit(shelf.object(Seq(0), "deutsch", Some("de"))).unwrap();
    let seen_before = shelf.store.get(&shelf.key()).unwrap();
    shelf.store.purge(&shelf.key(), Mode::Hard);
    let asked = shelf.store.floors().now();
    shelf.commit(shelf.object(asked, "english", Some("en"))).unwrap();
    assert_eq!(seen_before.variants().len(), 1);
    assert_eq!(shelf.look(Some("de")), None);
    assert_eq!(shelf.look(Some("en")), Some(("english".into(), false)));
}

#[test]
fn a_304_refreshes_only_the_object_that_it_was_asked_about() {
    let shelf = Shelf::new();
    let old = shelf.object(Seq(0), "old", None);
    shelf.commit(Arc::clone(&old)).unwrap();
    let key = shelf.key().to_key();
    let confirmed =
        |object: &Arc<Object>, asked| Arc::new(object.freshened(object.head.clone(), asked));

    let fresh = confirmed(&old, Seq(0));
    shelf.store.refresh(&key, &old, &fresh).unwrap();
    assert!(shelf.store.get(&shelf.key()).unwrap().holds(&fresh));

    let again = shelf.store.refresh(&key, &old, &confirmed(&old, Seq(0)));
    assert_eq!(again, Err(Reason::PurgedInFlight), "it is no longer what is stored");

    shelf.store.purge(&shelf.key(), Mode::Hard);
    let late = shelf.store.refresh(&key, &fresh, &confirmed(&fresh, Seq(0)));
    assert_eq!(late, Err(Reason::PurgedInFlight));
    assert_eq!(shelf.look(None), None);
}

#[test]
fn a_304_asked_before_a_soft_purge_leaves_the_object_stale() {
    let shelf = Shelf::new();
    let old = shelf.object(Seq(0), "old", None);
    shelf.commit(Arc::clone(&old)).unwrap();
    shelf.store.purge(&shelf.key(), Mode::Soft);
    let key = shelf.key().to_key();
    let before = Arc::new(old.freshened(old.head.clone(), Seq(0)));
    shelf.store.refresh(&key, &old, &before).unwrap();
    assert_eq!(shelf.look(None), Some(("old".into(), true)));
    let after = Arc::new(before.freshened(before.head.clone(), Seq(1)));
    shelf.store.refresh(&key, &before, &after).unwrap();
    assert_eq!(shelf.look(None), Some(("old".into(), false)));
}

#[test]
fn a_key_keeps_its_newest_variants_up_to_the_limit() {
    let shelf = Shelf::new();
    for language in ["de", "en", "fr", "nl"] {
        shelf.commit(shelf.object(Seq(0), "text", Some(language))).unwrap();
    }
    assert_eq!(shelf.store.get(&shelf.key()).unwrap().variants().len(), 3);
    assert_eq!(shelf.look(Some("de")), None);
    assert!(shelf.look(Some("nl")).is_some());
}

#[test]
fn racing_commits_and_purges_never_leave_what_was_asked_before() {
    let shelf = Shelf::new();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let asked = shelf.store.floors().now();
                    let _ = shelf.commit(shelf.object(asked, "x", None));
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..2000 {
                let seq = shelf.store.purge(&shelf.key(), Mode::Hard).seq;
                if let Some(entry) = shelf.store.get(&shelf.key())
                    && let Found::Object { object, .. } = entry.select(AXIS, &HeaderMap::new())
                {
                    assert!(object.asked >= seq, "{:?} after {seq:?}", object.asked);
                }
            }
        });
    });
}

#[test]
fn a_purge_forgets_what_could_not_be_cached() {
    let shelf = Shelf::new();
    let now = shelf.clock.now();
    let [anonymous, cookie, ..] = Credentials::ALL;
    let until = now + Duration::from_secs(60);
    shelf.store.mark(&shelf.key().to_key(), cookie, Reason::NoStore, Seq(0), until);
    assert_eq!(shelf.store.marked(&shelf.key(), cookie, now), Some(Reason::NoStore));
    assert_eq!(shelf.store.marked(&shelf.key(), anonymous, now), None);
    shelf.store.purge(&shelf.key(), Mode::Hard);
    assert_eq!(shelf.store.marked(&shelf.key(), cookie, now), None);
    shelf.store.mark(&shelf.key().to_key(), cookie, Reason::NoStore, Seq(0), until);
    assert_eq!(
        shelf.store.marked(&shelf.key(), cookie, now),
        None,
        "what came before says nothing"
    );
}
