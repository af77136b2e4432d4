//! An origin that sends plain HTTP to HTTPS by X-Forwarded-Proto: the scheme splits variants, so a
//! browser that follows the redirect arrives.

use crate::kit::{Client, Origin, Page, Proxy};

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
    let forged = crate::kit::get("/page").header("x-forwarded-proto", "https");
    proxy.http1().send(forged).expect(301);
    proxy.http1().get("/page").expect(301);
}

#[test]
fn a_trusted_proxys_word_does() {
    let origin = Origin::start();
    redirecting(&origin);
    let proxy = Proxy::new(&origin).with("node", "trusted_proxies = ['127.0.0.1']").start();
    let told = crate::kit::get("/page").header("x-forwarded-proto", "https");
    proxy.http1().send(told).expect(200);
    proxy.http1().get("/page").expect(301);
}
