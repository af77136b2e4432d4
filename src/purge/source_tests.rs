//! What a source takes, what it leaves, and what is counted of that.

use std::time::SystemTime;

use super::*;
use crate::base::Seq;
use crate::site::Sites;
use crate::site::sites::tests::site_with;
use crate::store::Store;

fn sources() -> Arc<Sources> {
    let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
    let sites = Sites::new(&[site_with("")]);
    let desk = Arc::new(Desk::new(Arc::new(Store::new(1 << 20, 4)), sites));
    Arc::new(Sources::new(desk, clock, &Budget::new(64 << 20)))
}

fn source(hosts: &[HostPattern], rebound: u64) -> Source {
    let terms = SourceTerms { hosts: hosts.to_vec(), rebound: Duration::from_secs(rebound) };
    Source::new(sources(), Name::Htcp, terms)
}

fn counts(source: &Source) -> [u64; 4] {
    Outcome::ALL.map(|outcome| source.sources.count(source.name, outcome))
}

#[test]
fn what_becomes_of_a_url_is_counted() {
    let source = source(&[HostPattern::Any], 0);
    assert_eq!(source.take_url("http://w.test/wiki/A", None).map(|done| done.seq), Ok(Seq(1)));
    assert_eq!(
        source.take_url("http://W.test:8080/wiki/A#x", None).map(|done| done.seq),
        Ok(Seq(2))
    );
    assert_eq!(source.take_url("http://v.test/wiki/A", None), Err(Dropped::UnknownHost));
    assert_eq!(source.take_url("/wiki/A", None), Err(Dropped::BadUrl));
    assert_eq!(counts(&source), [2, 0, 1, 1]);
    assert_eq!(source.sources.rebounds().waiting().repeats, 0);
}

#[test]
fn hosts_that_are_not_listed_are_left_alone_before_anything_else_is_asked() {
    let exact = |name: &str| HostPattern::Exact(name.into());
    for (hosts, admitted) in [
        (vec![exact("w.test")], true),
        (vec![exact("x.test"), exact("w.test")], true),
        (vec![HostPattern::Suffix(".test".into())], true),
        (vec![exact("x.test")], false),
        (vec![HostPattern::Suffix(".w.test".into())], false),
        (vec![HostPattern::Suffix("w.test".into())], false),
    ] {
        let source = source(&hosts, 0);
        let taken = source.take_url("http://W.test/a", None);
        assert_eq!(taken.is_ok(), admitted, "{hosts:?}");
        if !admitted {
            assert_eq!(taken, Err(Dropped::OtherHost));
            assert_eq!(source.take_url("http://unheard.of/", None), Err(Dropped::OtherHost));
            assert_eq!(counts(&source), [0, 2, 0, 0]);
        }
    }
}

#[test]
fn a_source_with_a_rebound_repeats_what_it_took_and_nothing_else() {
    let source = source(&[HostPattern::Any], 11);
    source.take_url("http://w.test/a", None).unwrap();
    source.take_url("http://v.test/a", None).unwrap_err();
    let everything = Order::new(What::All(Scope::Everything), None);
    assert_eq!(source.take(everything).seq, Seq(2));
    assert_eq!(source.sources.rebounds().waiting().repeats, 2);
}

#[test]
fn each_order_of_a_request_counts_and_is_repeated() {
    let sources = sources();
    let page = sources.desk().page("http://w.test/a").unwrap();
    let (site, delay) = (page.site.id, Duration::from_secs(11));
    let key = Order::new(What::Key(page.key.key()), None);
    let tag = |tag| Order::new(What::All(Scope::Tag(site, tag)), None);
    for order in [key, tag(b"one"), tag(b"two")] {
        sources.take_request(order, site, delay);
    }
    sources.take_request(tag(b"three"), site, Duration::ZERO);
    assert_eq!(sources.count(Name::Http, Outcome::Taken), 4);
    assert_eq!(sources.rebounds().waiting().repeats, 3);
}

#[test]
fn every_outcome_has_its_own_place_and_word() {
    for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
        assert_eq!(outcome.index(), index);
    }
    let mut words: Vec<_> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
    words.extend(Name::ALL.iter().map(|name| name.as_str()));
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Outcome::ALL.len() + Name::ALL.len());
}

#[test]
fn orders_about_other_hosts_are_left_alone_like_urls() {
    let source = source(&[HostPattern::Exact("w.test".into())], 0);
    let take = |order: &str| source.take_wanted(&Wanted::read(order.as_bytes()).unwrap()).is_ok();
    assert!(take(r#"{"url": "http://w.test/a", "mode": "soft"}"#));
    assert!(take(r#"{"prefix": "http://w.test/a/"}"#));
    assert!(take(r#"{"everything": true}"#));
    assert!(!take(r#"{"url": "http://x.test/a"}"#));
    assert!(!take(r#"{"prefix": "http://x.test/a/"}"#));
    assert!(!take(r#"{"site": "unheard-of"}"#));
    assert!(!take(r#"{"everything": true, "dry": true}"#));
    assert_eq!(counts(&source), [3, 2, 1, 0]);
}
