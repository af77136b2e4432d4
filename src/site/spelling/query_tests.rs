//! Queries that PHP reads in one way, and what becomes of them.

use super::*;
use crate::config::PathEncoding;

fn policy(query: QueryPolicy) -> Spelling {
    Spelling {
        path: PathEncoding::MediaWiki,
        rest_paths: Vec::new(),
        query,
        drop_parameters: vec!["utm_*".into(), "fbclid".into()],
        article_path: None,
        index_path: "/w/index.php".into(),
    }
}

#[track_caller]
fn expect(how: QueryPolicy, from: &str, to: Option<&str>) {
    let policy = policy(how);
    for query in to.into_iter().chain([from]) {
        assert_eq!(spell(query, &policy, false).as_deref(), to, "{query}");
    }
}

#[track_caller]
fn sorts(from: &str, to: &str) {
    expect(QueryPolicy::Sorted, from, Some(to));
}

#[test]
fn parameters_are_sorted_by_name_and_those_of_one_name_keep_their_order() {
    sorts("b=1&a=2", "a=2&b=1");
    sorts("b&a=&a", "a=&a&b");
    sorts("a=2&b&a=1&a=3", "a=2&a=1&a=3&b");
    sorts("title=B&action=x&title=A", "action=x&title=B&title=A");
    sorts("B&a&A&b", "A&B&a&b");
    sorts("\u{e9}=1&z=2", "z=2&\u{e9}=1");
    sorts("=1&b&=2", "=1&=2&b");
    sorts("b=%7e+&a=a%2Fb?c;d=e", "a=a%2Fb?c;d=e&b=%7e+");
}

#[test]
fn names_that_php_takes_for_one_keep_their_order() {
    for query in [
        "a_b=1&a.b=2&a%2Eb=3&a+b=4&a%20b=5&a%5fb=6",
        "a%2Eb=1&a_b=2",
        "+a=1&a=2&%20a=3&a%00x=4&%61=5",
        "a[]=2&a%5B%5D=1&a=3&a[x]=4&a[y][z]=5",
        "a%5b%5d=1&a[]=2",
        "a%00[=1&a=2",
    ] {
        sorts(query, query);
        sorts(&format!("b&{query}"), &format!("{query}&b"));
        let reversed: Vec<&str> = query.rsplit('&').collect();
        sorts(&reversed.join("&"), &reversed.join("&"));
    }
}

#[test]
fn a_bracket_that_never_closes_leaves_the_query_alone() {
    for query in ["a_b=2&a[b=1", "b&&a[=1", "z&a%5Bx=1&utm_a", "z&a[%00]=1&b"] {
        sorts(query, query);
    }
    sorts("z&a]=1", "a]=1&z");
    sorts("z&a=[", "a=[&z");
}

#[test]
fn more_parameters_than_anybody_means_are_left_alone() {
    let many = |n: usize| (0..n).rev().map(|n| format!("p{n:02}")).collect::<Vec<_>>();
    let (most, more) = (many(MAX_PARAMETERS), many(MAX_PARAMETERS + 1).join("&"));
    sorts(&most.join("&"), &most.iter().rev().cloned().collect::<Vec<_>>().join("&"));
    sorts(&more, &more);
}

#[test]
fn listed_parameters_are_dropped_in_every_encoding_and_nothing_else() {
    sorts("utm_source=x&a=1&fbclid=y&utm_=&utm_x", "a=1");
    sorts("utm%5Fsource=x&%75tm_a&fb%63lid&a", "a");
    for kept in [
        "utm=1",
        "utmsource=1",
        "UTM_source=1",
        "xutm_a=1",
        "fbclid2=1",
        "fbcli=1",
        "Fbclid=1",
        "a=utm_x",
        "utm%255Fa",
        "+utm_a=1",
        "%20fbclid=1",
        "fbclid%00x=1",
        "fbclid[]=1",
        "utm.source=1",
        "utm%5Ga",
    ] {
        sorts(kept, kept);
    }
    for nothing in ["", "&", "&&", "utm_a", "&utm_a=1&", "fbclid=1&utm_b=2"] {
        expect(QueryPolicy::Sorted, nothing, None);
    }
}

#[test]
fn what_is_hidden_in_a_dropped_parameter_goes_with_it() {
    sorts("utm_source=x;title=Evil&a=1", "a=1");
    sorts("a=1&utm_source=x%26title=Evil", "a=1");
    sorts("utm_content=x;b&b=1;utm_a=2", "b=1;utm_a=2");
}

#[test]
fn a_query_that_stays_as_sent_loses_only_what_is_listed() {
    for kept in ["", "&&", "b&a", "b&&a&", "a[&b"] {
        expect(QueryPolicy::AsSent, kept, Some(kept));
    }
    expect(QueryPolicy::AsSent, "b&utm_a=1&&a", Some("b&&a"));
    expect(QueryPolicy::AsSent, "utm_a=1", None);
}

#[test]
fn a_dropped_query_is_gone() {
    for query in ["", "a=1", "&", "title=A"] {
        expect(QueryPolicy::Dropped, query, None);
    }
}

#[test]
fn on_the_index_path_the_title_stands_first() {
    let spelled = |query| spell(query, &policy(QueryPolicy::Sorted), true).map(Cow::into_owned);
    for (from, to) in [
        ("action=history&title=A", "title=A&action=history"),
        ("ctype=text/css&title=A&action=raw", "title=A&action=raw&ctype=text/css"),
        ("z&titl%65=A&b&title=B", "titl%65=A&title=B&b&z"),
        ("title[]=A&action=x", "title[]=A&action=x"),
    ] {
        assert_eq!(spelled(from).as_deref(), Some(to));
        assert_eq!(spelled(to).as_deref(), Some(to));
    }
}
