//! Commits, refreshes and purges in the orders that PURGE.md warns of.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::*;
use crate::base::budget::Part;
use crate::base::{Accepted, Axis, Credentials, KeyText, Scheme, StoredAxis};
use crate::base::{Budget, Clock, SiteId, Stored};
use crate::semantics::{Life, Policy, Received, ResponseDirectives, Vary};

const AXIS: Axis = Axis::new(SiteId(1), Scheme::Http, None);

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
        self.object_on(AXIS.stored(false), asked, body, language)
    }

    fn object_on(
        &self,
        axis: StoredAxis,
        asked: Seq,
        body: &'static str,
        language: Option<&str>,
    ) -> Arc<Object> {
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", HeaderValue::from_static("max-age=60"));
        let mut request = HeaderMap::new();
        if let Some(language) = language {
            headers.insert("vary", HeaderValue::from_static("accept-language"));
            request.insert("accept-language", HeaderValue::from_str(language).unwrap());
        }
        let received = Received { wall: self.clock.wall(), delay: Duration::ZERO };
        let said = ResponseDirectives::of(&headers);
        let life = Life::of(StatusCode::OK, &headers, &said, received, &Policy::RFC);
        let selecting = Vary::of(&headers).select(&request).unwrap();
        let head = Head::new(StatusCode::OK, &headers, &life, self.clock.now(), (axis, selecting));
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
    assert_eq!(late.err(), Some(Reason::PurgedInFlight));
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
fn what_is_for_both_schemes_takes_the_place_of_what_is_for_one_and_stays_behind_it() {
    let shelf = Shelf::new();
    let http = Axis { shares_schemes: true, ..AXIS };
    let https = Axis { scheme: Scheme::Https, ..http };
    let commit = |axis, body| shelf.commit(shelf.object_on(axis, Seq(0), body, None)).unwrap();
    let look = |axis| match shelf.store.get(&shelf.key()).unwrap().select(axis, &HeaderMap::new()) {
        Found::Object { object, .. } => object.body.segments().concat(),
        Found::OtherVariants => b"none".to_vec(),
    };
    commit(http.stored(true), "moved");
    assert_eq!((look(http), look(https)), (b"moved".to_vec(), b"none".to_vec()));
    commit(https.stored(true), "there");
    assert_eq!((look(http), look(https)), (b"moved".to_vec(), b"there".to_vec()));
    commit(https.stored(false), "both");
    assert_eq!((look(http), look(https)), (b"both".to_vec(), b"both".to_vec()));
    let variants = || shelf.store.get(&shelf.key()).unwrap().variants().len();
    assert_eq!(variants(), 1);
    commit(http.stored(true), "moved");
    assert_eq!((look(http), look(https)), (b"moved".to_vec(), b"both".to_vec()));
    commit(http.stored(true), "moved again");
    assert_eq!((look(http), variants()), (b"moved again".to_vec(), 2));
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
    shelf.store.refresh(&key, &old, &fresh, &[]).unwrap();
    assert!(shelf.store.get(&shelf.key()).unwrap().holds(&fresh));

    // Another 304 about the same body says nothing new.
    shelf.store.refresh(&key, &old, &confirmed(&old, Seq(0)), &[]).unwrap();
    assert!(shelf.store.get(&shelf.key()).unwrap().holds(&fresh));

    let next = shelf.object(Seq(0), "next", None);
    shelf.commit(Arc::clone(&next)).unwrap();
    let again = shelf.store.refresh(&key, &fresh, &confirmed(&fresh, Seq(0)), &[]);
    assert_eq!(again.err(), Some(Reason::PurgedInFlight), "it is no longer what is stored");
    assert!(shelf.store.get(&shelf.key()).unwrap().holds(&next));

    shelf.store.purge(&shelf.key(), Mode::Hard);
    let late = shelf.store.refresh(&key, &fresh, &confirmed(&fresh, Seq(0)), &[]);
    assert_eq!(late.err(), Some(Reason::PurgedInFlight));
    assert_eq!(shelf.look(None), None);
}

#[test]
fn a_304_asked_before_a_soft_purge_leaves_the_object_stale_and_one_asked_after_does_not() {
    // Also where that was about what stood there before the other.
    for about_old in [false, true] {
        let shelf = Shelf::new();
        let old = shelf.object(Seq(0), "old", None);
        shelf.commit(Arc::clone(&old)).unwrap();
        shelf.store.purge(&shelf.key(), Mode::Soft);
        let key = shelf.key().to_key();
        let before = Arc::new(old.freshened(old.head.clone(), Seq(0)));
        shelf.store.refresh(&key, &old, &before, &[]).unwrap();
        assert_eq!(shelf.look(None), Some(("old".into(), true)));
        let about = if about_old { &old } else { &before };
        let after = Arc::new(about.freshened(about.head.clone(), Seq(1)));
        shelf.store.refresh(&key, about, &after, &[]).unwrap();
        assert_eq!(shelf.look(None), Some(("old".into(), false)), "{about_old}");
    }
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

const BOTH: [Coding; 2] = [Coding::Zstd, Coding::Gzip];

impl Shelf {
    /// Codes what is stored with `body`; whether that was stored.
    fn code(&self, of: &Arc<Object>) -> bool {
        let coded = |coding: Coding| {
            let bytes = Bytes::from_static(coding.as_str().as_bytes());
            (coding, Stored::new(vec![bytes], self.budget.charge(Part::Stored, 0)))
        };
        self.store.code(&self.key().to_key(), &of.body, &BOTH.map(coded), |_| true)
    }

    /// The body that somebody gets who takes `codings`.
    fn look_for(&self, codings: &[Coding]) -> Option<String> {
        let accepted = codings.iter().fold(Accepted::IDENTITY, |taken, one| taken.with(*one));
        let axis = Axis { accepted, ..AXIS };
        match self.store.get(&self.key())?.select(axis, &HeaderMap::new()) {
            Found::Object { object, .. } => {
                Some(String::from_utf8(object.body.segments().concat()).unwrap())
            }
            Found::OtherVariants => None,
        }
    }
}

#[test]
fn everybody_gets_the_best_coding_that_they_take() {
    let shelf = Shelf::new();
    let object = shelf.object(Seq(0), "plain", None);
    shelf.commit(Arc::clone(&object)).unwrap();
    assert_eq!(shelf.look_for(&BOTH).as_deref(), Some("plain"));
    assert!(shelf.code(&object));
    for (taken, body) in
        [(&[][..], "plain"), (&[Coding::Gzip], "gzip"), (&[Coding::Zstd], "zstd"), (&BOTH, "zstd")]
    {
        assert_eq!(shelf.look_for(taken).as_deref(), Some(body), "{taken:?}");
    }
}

#[test]
fn what_was_coded_of_something_purged_or_replaced_is_not_stored() {
    let shelf = Shelf::new();
    let object = shelf.object(Seq(0), "plain", None);
    shelf.commit(Arc::clone(&object)).unwrap();
    shelf.store.purge(&shelf.key(), Mode::Hard);
    assert!(!shelf.code(&object));
    assert_eq!(shelf.look_for(&BOTH), None);
    let asked = shelf.store.floors().now();
    shelf.commit(shelf.object(asked, "new", None)).unwrap();
    assert!(!shelf.code(&object));
    assert_eq!(shelf.look_for(&BOTH).as_deref(), Some("new"));
}

#[test]
fn codings_go_with_what_they_were_made_of() {
    let shelf = Shelf::new();
    let object = shelf.object(Seq(0), "plain", None);
    shelf.commit(Arc::clone(&object)).unwrap();
    assert!(shelf.code(&object));
    shelf.commit(shelf.object(Seq(0), "new", None)).unwrap();
    assert_eq!(shelf.look_for(&BOTH).as_deref(), Some("new"));
    shelf.store.purge(&shelf.key(), Mode::Hard);
    assert_eq!(shelf.look_for(&BOTH), None);
}

#[test]
fn a_soft_purge_makes_codings_stale_too() {
    let shelf = Shelf::new();
    let object = shelf.object(Seq(0), "plain", None);
    shelf.commit(Arc::clone(&object)).unwrap();
    assert!(shelf.code(&object));
    shelf.store.purge(&shelf.key(), Mode::Soft);
    let axis = Axis { accepted: Accepted::ALL, ..AXIS };
    let entry = shelf.store.get(&shelf.key()).unwrap();
    let Found::Object { object: coded, soft_purged } = entry.select(axis, &HeaderMap::new()) else {
        panic!("it is stored");
    };
    assert!(soft_purged && coded.is_coded());
    assert!(Arc::ptr_eq(entry.identity_of(&coded), &object));
}

#[test]
fn a_304_keeps_the_codings_that_are_still_wanted() {
    let shelf = Shelf::new();
    let (key, old) = (shelf.key().to_key(), shelf.object(Seq(0), "plain", None));
    shelf.commit(Arc::clone(&old)).unwrap();
    assert!(shelf.code(&old));
    let new = Arc::new(old.freshened(old.head.clone(), Seq(0)));
    let coded = shelf.store.refresh(&key, &old, &new, &[Coding::Gzip]).unwrap();
    assert_eq!(coded.len(), 1);
    assert_eq!(shelf.look_for(&BOTH).as_deref(), Some("gzip"));
    // Another that confirmed the same body has them too, and changes nothing.
    let other = Arc::new(old.freshened(old.head.clone(), Seq(0)));
    assert_eq!(shelf.store.refresh(&key, &old, &other, &[Coding::Gzip]).unwrap().len(), 1);
    assert!(shelf.store.get(&shelf.key()).unwrap().holds(&new));
    // What was being coded meanwhile is of the same body.
    assert!(shelf.code(&old));
    assert_eq!(shelf.look_for(&BOTH).as_deref(), Some("zstd"));
}

#[test]
fn codings_count_as_no_variants_and_variants_take_no_codings_place() {
    let shelf = Shelf::new();
    for language in ["de", "en", "fr"] {
        let object = shelf.object(Seq(0), "text", Some(language));
        shelf.commit(Arc::clone(&object)).unwrap();
        assert!(shelf.code(&object));
    }
    let variants = || shelf.store.get(&shelf.key()).unwrap().variants().len();
    assert_eq!(variants(), 9, "three of three may be there, with two codings each");
    shelf.commit(shelf.object(Seq(0), "text", Some("it"))).unwrap();
    assert_eq!(variants(), 7);
    assert_eq!(shelf.look(Some("de")), None);
    assert_eq!(shelf.look(Some("fr")), Some(("text".into(), false)));
}
