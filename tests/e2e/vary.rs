//! Variants: one URL, several stored responses, each served to whom it fits (RFC 9111 §4.1).

use crate::kit::{Client, Origin, Page, Proxy, Request, Response, cache_status, get};

/// A page in the language asked for, which may be stored for each.
fn by_language(origin: &Origin, path: &str) {
    origin.on(path, |seen| {
        Page::cacheable(seen.header("accept-language").unwrap_or("none"))
            .header("vary", "Accept-Language")
    });
}

fn in_language(path: &str, language: &str) -> Request {
    get(path).header("accept-language", language)
}

fn ask(client: &Client, path: &str, language: &str) -> Response {
    client.send(in_language(path, language)).expect(200)
}

#[test]
fn each_variant_is_stored_and_served_to_whom_it_fits() {
    let origin = Origin::start();
    by_language(&origin, "/page");
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    assert_eq!(ask(&client, "/page", "de").expect_because("absent").text(), "de");
    assert_eq!(ask(&client, "/page", "en").expect_because("variant").text(), "en");
    for language in ["de", "en", "de"] {
        let hit = ask(&client, "/page", language).expect_hit();
        assert_eq!((hit.text().as_str(), hit.header("vary")), (language, Some("Accept-Language")));
    }
    assert_eq!(client.get("/page").expect(200).text(), "none");
    assert_eq!(client.get("/page").expect_hit().text(), "none");
    assert_eq!(origin.count("/page"), 3);
}

#[test]
fn a_field_that_is_absent_is_not_one_that_is_empty() {
    let origin = Origin::start();
    by_language(&origin, "/page");
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    assert_eq!(client.get("/page").text(), "none");
    assert_eq!(ask(&client, "/page", "").text(), "");
}

#[test]
fn many_variants_live_side_by_side() {
    let origin = Origin::start();
    by_language(&origin, "/page");
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    for round in 0..2 {
        for n in 0..50 {
            let language = format!("x-{n}");
            let answer = ask(&client, "/page", &language);
            assert_eq!(answer.text(), language);
            assert_eq!(cache_status(&answer).hit, round == 1, "{answer:?}");
        }
    }
    assert_eq!(origin.count("/page"), 50);
}

#[test]
fn a_url_has_only_as_many_variants_as_it_may() {
    let origin = Origin::start();
    by_language(&origin, "/page");
    let proxy = Proxy::new(&origin).with("cache", "max_variants = 2").start();
    let client = proxy.http1();
    for language in ["a", "b", "c", "d", "c"] {
        assert_eq!(ask(&client, "/page", language).text(), language);
    }
    let hits =
        ["a", "b", "c", "d"].map(|language| cache_status(&ask(&client, "/page", language)).hit);
    let hits = hits.into_iter().filter(|hit| *hit).count();
    assert!(hits <= 2, "{hits} of 2 variants are stored");
}

#[test]
fn several_fields_split_together() {
    let origin = Origin::start();
    origin.on("/page", |seen| {
        let of = |name| seen.header(name).unwrap_or("-").to_owned();
        Page::cacheable(of("accept") + &of("x-theme"))
            .header("vary", "accept")
            .header("vary", "X-Theme")
    });
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    for _ in 0..2 {
        for (accept, theme) in [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")] {
            let request = get("/page").header("accept", accept).header("x-theme", theme);
            assert_eq!(client.send(request).expect(200).text(), format!("{accept}{theme}"));
        }
    }
    assert_eq!(origin.count("/page"), 4);
}

#[test]
fn what_varies_on_everything_is_never_shared() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x").header("vary", "accept, *"));
    let proxy = Proxy::new(&origin).start();
    for _ in 0..3 {
        proxy.http1().get("/page").expect(200);
    }
    assert_eq!(origin.count("/page"), 3);
}

#[test]
fn variants_are_fresh_each_for_itself() {
    let origin = Origin::start();
    by_language(&origin, "/page");
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    let client = proxy.http1();
    ask(&client, "/page", "de");
    proxy.advance(40);
    ask(&client, "/page", "en");
    proxy.advance(30);
    ask(&client, "/page", "en").expect_hit();
    ask(&client, "/page", "de").expect_because("expired");
    ask(&client, "/page", "en").expect_hit();
    assert_eq!(origin.count("/page"), 3);
}

#[test]
fn those_who_waited_for_another_variant_get_their_own_from_one_request_each() {
    let origin = Origin::start();
    let (gate, first) = Page::cacheable("de").header("vary", "accept-language").held();
    let first = std::sync::Mutex::new(Some(first));
    origin.on("/page", move |seen| {
        let language = seen.header("accept-language").expect("every client names one");
        first
            .lock()
            .expect("no script panics")
            .take()
            .unwrap_or_else(|| Page::cacheable(language).header("vary", "accept-language").into())
    });
    let proxy = Proxy::new(&origin).tls().workers(2).start();
    let leader_client = proxy.http1_tls();
    let leader = leader_client.begin(in_language("/page", "de"));
    origin.wait_for("/page", 1);

    let h2 = proxy.http2();
    let languages = ["de", "en", "fr"].repeat(4);
    let followers: Vec<_> =
        languages.iter().map(|language| h2.begin(in_language("/page", language))).collect();
    proxy.wait_for_waiters(12);
    gate.finish();

    assert_eq!(leader.response().expect(200).text(), "de");
    for (language, follower) in languages.iter().zip(followers) {
        assert_eq!(follower.response().expect(200).text(), *language);
    }
    assert_eq!(origin.count("/page"), 3);
}

#[test]
fn a_field_that_the_origin_is_not_asked_with_selects_no_variant() {
    let origin = Origin::start();
    origin.on("/page", |seen| {
        let language = seen.header("accept-language").unwrap_or("none").to_owned();
        Page::cacheable(language).header("vary", "accept-language")
    });
    let proxy = Proxy::new(&origin).start();
    let poison =
        get("/page").header("accept-language", "de").header("connection", "accept-language");
    assert_eq!(proxy.http1().send(poison).expect(200).text(), "none");
    let german = get("/page").header("accept-language", "de");
    assert_eq!(proxy.http1().send(german).expect(200).text(), "de");
}
