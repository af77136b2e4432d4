//! The scheme splits variants: where an origin sends plain HTTP to HTTPS by X-Forwarded-Proto, a browser
//! that follows the redirect arrives. A site may share the rest over both schemes.

use crate::kit::setup::Setup;
use crate::kit::{Client, Origin, Page, Proxy, get};

fn redirecting(origin: &Origin) {
    origin.on("/page", |seen| match seen.header("x-forwarded-proto") {
        Some("https") => Page::cacheable("content"),
        _ => Page::cacheable("").with_status(301).header("location", "https://wiki.test/page"),
    });
}

#[track_caller]
fn follow(http: &Client, https: &Client) {
    let moved = http.get("/page").expect(301);
    assert_eq!(moved.header("location"), Some("https://wiki.test/page"));
    assert_eq!(https.get("/page").expect(200).text(), "content");
}

#[test]
fn following_the_redirect_ends_at_the_page_warm_and_cold() {
    let origin = Origin::start();
    redirecting(&origin);
    let proxy = Proxy::new(&origin).tls().start();
    for https in [proxy.http1_tls(), proxy.http2()] {
        follow(&proxy.http1(), &https);
        follow(&proxy.http1(), &https);
        proxy.purge("/page");
        // The other way round: the page is warm when the redirect is asked for.
        https.get("/page").expect(200);
        follow(&proxy.http1(), &https);
        proxy.purge("/page");
    }
    assert_eq!(origin.count("/page"), 8);
}

#[test]
fn a_strangers_word_does_not_choose_the_scheme() {
    let origin = Origin::start();
    redirecting(&origin);
    let proxy = Proxy::new(&origin).start();
    let forged = get("/page").header("x-forwarded-proto", "https");
    proxy.http1().send(forged).expect(301);
    proxy.http1().get("/page").expect(301);
}

#[test]
fn a_trusted_proxys_word_does() {
    let origin = Origin::start();
    redirecting(&origin);
    let proxy = Proxy::new(&origin).with("node", "trusted_proxies = ['127.0.0.1']").start();
    let told = get("/page").header("x-forwarded-proto", "https");
    proxy.http1().send(told).expect(200);
    proxy.http1().get("/page").expect(301);
}

/// A proxy with both listeners whose site shares what is stored over schemes.
fn sharing(origin: &Origin) -> Setup {
    Proxy::new(origin).site("schemes = 'shared'").tls()
}

#[test]
fn one_object_is_for_both_schemes_where_the_site_shares_them() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content").header("vary", "accept-language"));
    let proxy = sharing(&origin).start();
    proxy.http1().get("/page").expect_because("absent");
    assert_eq!(proxy.http2().get("/page").expect_hit().text(), "content");
    proxy.purge("/page");
    proxy.http1_tls().get("/page").expect_because("absent");
    proxy.http1().get("/page").expect_hit();
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn redirects_stay_apart_where_schemes_are_shared() {
    let origin = Origin::start();
    redirecting(&origin);
    let proxy = sharing(&origin).start();
    let (http, https) = (proxy.http1(), proxy.http2());
    http.get("/page").expect(301);
    http.get("/page").expect(301).expect_hit();
    assert_eq!(https.get("/page").expect_because("variant").text(), "content");
    https.get("/page").expect(200).expect_hit();
}

#[test]
fn what_varies_on_the_scheme_stays_apart_where_schemes_are_shared() {
    let origin = Origin::start();
    origin.on("/page", |seen| {
        let scheme = seen.header("x-forwarded-proto").expect("every origin is told").to_owned();
        Page::cacheable(scheme).header("vary", "X-Forwarded-Proto")
    });
    let proxy = sharing(&origin).start();
    for _ in 0..2 {
        assert_eq!(proxy.http1().get("/page").text(), "http");
        assert_eq!(proxy.http2().get("/page").text(), "https");
    }
    let forged = get("/page").header("x-forwarded-proto", "https");
    assert_eq!(proxy.http1().send(forged).expect_hit().text(), "http");
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn one_fetch_is_for_readers_over_both_schemes() {
    let origin = Origin::start();
    let (gate, reply) = Page::cacheable("content").held();
    origin.replies("/page", [reply]);
    let proxy = sharing(&origin).workers(2).start();
    let (http, https) = (proxy.http1(), proxy.http2());
    let leader = http.begin(get("/page"));
    origin.wait_for("/page", 1);
    let followers = [https.begin(get("/page")), https.begin(get("/page"))];
    proxy.wait_for_waiters(2);
    gate.finish();
    assert_eq!(leader.response().expect(200).text(), "content");
    for follower in followers {
        assert_eq!(follower.response().expect(200).text(), "content");
    }
}

#[test]
fn those_who_waited_for_what_is_for_the_other_scheme_ask_again_at_once() {
    let origin = Origin::start();
    let moved =
        || Page::cacheable("").with_status(301).header("location", "https://wiki.test/page");
    let (gate, reply) = moved().held();
    origin.replies("/page", [reply, Page::cacheable("content").into()]);
    let proxy = sharing(&origin).start();
    let (http, https) = (proxy.http1(), proxy.http2());
    let leader = http.begin(get("/page"));
    origin.wait_for("/page", 1);
    let followers = [https.begin(get("/page")), https.begin(get("/page"))];
    proxy.wait_for_waiters(2);
    gate.finish();
    leader.response().expect(301);
    for follower in followers {
        assert_eq!(follower.response().expect(200).text(), "content");
    }
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn nobody_waits_for_the_other_scheme_where_it_is_known_to_be_apart() {
    let origin = Origin::start();
    let moved =
        || Page::cacheable("").with_status(301).header("location", "https://wiki.test/page");
    let (gate, held) = moved().held();
    origin.replies("/page", [moved().into(), held, Page::cacheable("content").into()]);
    let proxy = sharing(&origin).site("keep = '1h'").clock_by_hand().start();
    let http = proxy.http1();
    http.get("/page").expect(301);
    proxy.advance(61);
    let leader = http.begin(get("/page"));
    origin.wait_for("/page", 2);
    assert_eq!(proxy.http2().get("/page").expect(200).text(), "content");
    gate.finish();
    leader.response().expect(301);
}

#[test]
fn what_is_confirmed_over_one_scheme_is_fresh_for_both() {
    let origin = Origin::start();
    origin.on("/page", |seen| match seen.header("if-none-match") {
        Some(_) => Page::status(304).header("etag", "\"1\"").header("cache-control", "max-age=60"),
        None => Page::cacheable("content").header("etag", "\"1\""),
    });
    let proxy = sharing(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.advance(61);
    proxy.http2().get("/page").expect_because("confirmed");
    proxy.http1().get("/page").expect_hit();
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn a_304_that_names_the_scheme_parts_what_was_shared() {
    let origin = Origin::start();
    origin.on("/page", |seen| {
        let scheme = seen.header("x-forwarded-proto").expect("every origin is told").to_owned();
        let varying = |page: Page| page.header("etag", "\"1\"").header("vary", "x-forwarded-proto");
        match (seen.header("if-none-match"), &*scheme) {
            (Some(_), "http") => varying(Page::status(304)).header("cache-control", "max-age=60"),
            (None, "http") => Page::cacheable("content").header("etag", "\"1\""),
            _ => varying(Page::cacheable(scheme)),
        }
    });
    let proxy = sharing(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.advance(61);
    proxy.http1().get("/page").expect_because("confirmed");
    proxy.http1().get("/page").expect_hit();
    assert_eq!(proxy.http2().get("/page").expect_because("variant").text(), "https");
}

#[test]
fn a_reload_that_parts_schemes_shares_nothing_any_more() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content"));
    let mut proxy = sharing(&origin).start();
    proxy.http1().get("/page").expect(200);
    proxy.http2().get("/page").expect_hit();
    proxy.reload(proxy.setup().site("schemes = 'apart'")).expect("it is valid");
    proxy.http2().get("/page").expect_because("variant");
    proxy.http1().get("/page").expect_because("variant");
    proxy.http1().get("/page").expect_hit();
}
