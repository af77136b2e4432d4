//! Floors of many objects at once: what each covers, what is forgotten, and what never is.

use http::{HeaderMap, HeaderValue};

use super::*;
use crate::base::KeyText;
use crate::semantics::tags::SURROGATE_KEY;

const SITE: SiteId = SiteId(3);

fn tagged(keys: &str) -> Tags {
    let mut headers = HeaderMap::new();
    headers.insert(SURROGATE_KEY, HeaderValue::from_str(keys).unwrap());
    Tags::of(SITE, &headers)
}

struct Bench {
    wide: Wide,
    seq: u64,
}

impl Bench {
    fn new() -> Self {
        Self { wide: Wide::default(), seq: 0 }
    }

    fn purge(&mut self, scope: Scope<'_>, mode: Mode) -> Seq {
        self.seq += 1;
        let seq = Seq(self.seq);
        self.wide.raise(scope, mode, || seq)
    }

    fn floor(&self, site: SiteId, key: &str, tags: &Tags) -> Floor {
        let (host, path) = key.split_once('/').unwrap();
        let key = KeyText::new(host, &format!("/{path}"));
        self.wide.floor(&key.key(), site, tags, Seq(0))
    }
}

#[test]
fn a_tag_covers_what_carries_it_in_its_site() {
    let mut bench = Bench::new();
    bench.purge(Scope::Tag(SITE, b"a"), Mode::Hard);
    bench.purge(Scope::Tag(SITE, b"b"), Mode::Soft);
    let floor = |tags: &str| bench.floor(SITE, "w.test/x", &tagged(tags));
    assert_eq!(floor("a"), Floor { hard: Seq(1), soft: Seq(0) });
    assert_eq!(floor("c b"), Floor { hard: Seq(0), soft: Seq(2) });
    assert_eq!(floor("b a"), Floor { hard: Seq(1), soft: Seq(2) });
    assert_eq!(floor("c"), Floor::default());
    assert_eq!(bench.floor(SiteId(4), "w.test/x", &tagged("a")), Floor::default());
}

#[test]
fn a_prefix_ends_at_a_segment_s_border() {
    for prefix in ["w.test/wiki/Foo", "w.test/wiki/Foo/"] {
        let mut bench = Bench::new();
        bench.purge(Scope::Prefix(SITE, prefix), Mode::Hard);
        let covers = |key: &str| bench.floor(SITE, key, &Tags::default()).hard == Seq(1);
        for key in ["/wiki/Foo", "/wiki/Foo/", "/wiki/Foo/bar", "/wiki/Foo?x=1", "/wiki/Foo/b/c?/"]
        {
            assert!(covers(&format!("w.test{key}")), "{key}");
        }
        for key in ["/wiki/Foobar", "/wiki/", "/wiki", "/x/wiki/Foo", "/?/wiki/Foo"] {
            assert!(!covers(&format!("w.test{key}")), "{key}");
        }
        assert!(!covers("v.test/wiki/Foo"));
    }
    let mut bench = Bench::new();
    bench.purge(Scope::Prefix(SITE, "w.test/"), Mode::Soft);
    for key in ["w.test/", "w.test/a/b", "w.test/?q"] {
        assert_eq!(bench.floor(SITE, key, &Tags::default()).soft, Seq(1), "{key}");
    }
}

#[test]
fn what_lies_deeper_than_is_looked_is_purged_with_whatever_was() {
    let mut bench = Bench::new();
    bench.purge(Scope::Prefix(SITE, "w.test/elsewhere"), Mode::Soft);
    let deep = format!("w.test{}", "/x".repeat(DEEPEST));
    assert_eq!(bench.floor(SITE, &deep, &Tags::default()), both(1));
    let shallow = format!("w.test{}", "/x".repeat(DEEPEST - 2));
    assert_eq!(bench.floor(SITE, &shallow, &Tags::default()), Floor::default());
}

#[test]
fn an_expression_covers_the_keys_that_it_matches_in_its_site_or_in_all() {
    let mut bench = Bench::new();
    let old = Expression::new("^w\\.test/wiki/[A-C]").unwrap();
    let all = Expression::new("\\?action=raw$").unwrap();
    bench.purge(Scope::Matching(Some(SITE), &old), Mode::Hard);
    bench.purge(Scope::Matching(None, &all), Mode::Soft);
    let floor = |site, key| bench.floor(site, key, &Tags::default());
    assert_eq!(floor(SITE, "w.test/wiki/Bee"), Floor { hard: Seq(1), soft: Seq(0) });
    assert_eq!(floor(SITE, "w.test/wiki/Bee?action=raw"), Floor { hard: Seq(1), soft: Seq(2) });
    assert_eq!(floor(SITE, "w.test/wiki/Dee"), Floor::default());
    assert_eq!(floor(SiteId(4), "w.test/wiki/Bee"), Floor::default());
    assert_eq!(floor(SiteId(4), "v.test/?action=raw"), Floor { hard: Seq(0), soft: Seq(2) });
    // The same again is no second one.
    bench.purge(Scope::Matching(Some(SITE), &old), Mode::Soft);
    assert_eq!(bench.wide.kept(), 2);
    assert_eq!(
        bench.floor(SITE, "w.test/wiki/Bee", &Tags::default()),
        Floor { hard: Seq(1), soft: Seq(3) }
    );
    bench.wide.forget(Seq(2));
    assert_eq!(bench.wide.kept(), 1);
}

#[test]
fn more_expressions_than_are_kept_purge_more_than_was_asked_and_never_less() {
    let mut bench = Bench::new();
    let expression = |n: usize| Expression::new(&format!("/page-{n}$")).unwrap();
    let count = 3 * expressions::MOST;
    for n in 0..count {
        let site = (n % 2 == 0).then_some(SITE);
        bench.purge(Scope::Matching(site, &expression(n)), Mode::Soft);
        assert!(bench.wide.kept() <= expressions::MOST);
    }
    assert!(bench.wide.counts().folded.load(Relaxed) >= expressions::MOST as u64);
    for n in 0..count {
        let site = if n % 2 == 0 { SITE } else { SiteId(9) };
        let floor = bench.floor(site, &format!("w.test/page-{n}"), &Tags::default());
        assert!(floor.soft >= Seq(n as u64 + 1), "{n}: {floor:?}");
        assert_eq!(floor.hard, Seq(0), "a soft purge kills nothing");
    }
}

#[test]
fn sites_and_everything_cover_what_is_in_them() {
    let mut bench = Bench::new();
    bench.purge(Scope::Site(SITE), Mode::Soft);
    let none = Tags::default();
    assert_eq!(bench.floor(SITE, "w.test/", &none).soft, Seq(1));
    assert_eq!(bench.floor(SiteId(4), "w.test/", &none), Floor::default());
    bench.purge(Scope::Everything, Mode::Hard);
    assert_eq!(bench.floor(SiteId(4), "w.test/", &none).hard, Seq(2));
}

#[test]
fn nothing_is_looked_up_for_what_was_seen_since_the_newest_purge() {
    let mut bench = Bench::new();
    let newest = bench.purge(Scope::Tag(SITE, b"a"), Mode::Hard);
    let key = KeyText::new("w.test", "/");
    assert_eq!(bench.wide.floor(&key.key(), SITE, &tagged("a"), newest), Floor::default());
    assert_eq!(bench.wide.newest(), newest);
}

#[test]
fn swept_floors_are_forgotten_and_newer_ones_are_not() {
    let mut bench = Bench::new();
    let old = bench.purge(Scope::Tag(SITE, b"a"), Mode::Hard);
    bench.purge(Scope::Tag(SITE, b"b"), Mode::Hard);
    bench.wide.forget(old);
    assert_eq!(bench.wide.kept(), 1);
    assert_eq!(bench.floor(SITE, "w.test/", &tagged("a")), Floor::default());
    assert_eq!(bench.floor(SITE, "w.test/", &tagged("b")).hard, Seq(2));
}

#[test]
fn more_tags_than_are_kept_purge_more_than_was_asked_and_never_less() {
    let mut bench = Bench::new();
    // `TIDEGATE_TAGS=10000000` for an hour's worth.
    let given = std::env::var("TIDEGATE_TAGS").ok();
    let tags = given.map_or(3 * MOST, |tags| tags.parse().unwrap());
    let bytes = bench.wide.bytes();
    for n in 0..tags {
        bench.purge(Scope::Tag(SITE, format!("t{n}").as_bytes()), Mode::Soft);
        assert!(bench.wide.kept() <= MOST);
    }
    assert!(bench.wide.counts().folded.load(Relaxed) >= (2 * MOST) as u64);
    assert!(bench.wide.bytes() <= bytes + (size_of::<[Site; SITES]>() as u64));
    for n in (0..tags).step_by(997) {
        let floor = bench.floor(SITE, "w.test/", &tagged(&format!("t{n}")));
        assert!(floor.soft >= Seq(n as u64 + 1), "t{n}: {floor:?}");
        assert_eq!(floor.hard, Seq(0), "a soft purge kills nothing");
    }
    // Another site's have nothing to do with it.
    assert_eq!(bench.floor(SiteId(4), "w.test/", &Tags::default()), Floor::default());
}

#[test]
fn a_floor_that_is_folded_while_it_is_read_is_found_in_its_site() {
    let (wide, seq) = (Wide::default(), AtomicU64::new(0));
    let next = || Seq(seq.fetch_add(1, SeqCst) + 1);
    let watched = wide.raise(Scope::Tag(SITE, b"watched"), Mode::Hard, next);
    let (key, tags) = (KeyText::new("w.test", "/"), tagged("watched"));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 0..2 * MOST {
                wide.raise(Scope::Tag(SITE, format!("t{n}").as_bytes()), Mode::Soft, next);
            }
        });
        while !writer.is_finished() {
            assert!(wide.floor(&key.key(), SITE, &tags, Seq(0)).hard >= watched);
        }
    });
    assert!(wide.counts().folded.load(Relaxed) > 0);
}
