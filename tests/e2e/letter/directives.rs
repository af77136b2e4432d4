//! Cache-Control of requests (RFC 9111 §5.2.1): ignored, or heeded where the site wants that.

use super::{BOTH, Over, is_hit, page, path, proxy};
use crate::kit::{Origin, Page, Proxy, Reply, Response, cache_status, eventually, get};

fn ask(proxy: &Proxy, over: Over, path: &str, says: &str) -> Response {
    over.send(proxy, get(path).header("cache-control", says))
}

#[test]
fn none_counts_unless_the_site_wants_it() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    for over in BOTH {
        let path = path();
        origin.page(&path, page(200, &[("cache-control", "max-age=60")]));
        assert!(!is_hit(&ask(&proxy, over, &path, "only-if-cached").expect(200)));
        for says in ["no-cache", "no-store", "max-age=0", "min-fresh=90", "only-if-cached"] {
            assert!(is_hit(&ask(&proxy, over, &path, says)), "{over:?}: {says}");
        }
        assert_eq!(origin.count(&path), 1);
    }
}

#[test]
fn each_counts_where_the_site_wants_it() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "request_directives = 'honoured'\nkeep = '1h'");
    // By which rule, what the response says, its age, what the request says, and the reason.
    let cases = [
        ("5.2.1.4", "max-age=60", 0, "no-cache", "request-directive"),
        ("5.2.1.4 in any case", "max-age=60", 0, "No-CaChE", "request-directive"),
        ("5.2.1.1", "max-age=60", 10, "max-age=9", "request-directive"),
        ("5.2.1.1", "max-age=60", 10, "max-age=10", "fresh"),
        ("5.2.1.3", "max-age=60", 10, "min-fresh=50", "fresh"),
        ("5.2.1.3", "max-age=60", 10, "min-fresh=51", "request-directive"),
        ("5.2.1.5 is of what is stored by it", "max-age=60", 10, "no-store", "fresh"),
        ("5.2.1.7", "max-age=60", 10, "only-if-cached", "fresh"),
        ("5.2.1.2", "max-age=60", 70, "max-stale=10", "max-stale"),
        ("5.2.1.2", "max-age=60", 70, "max-stale", "max-stale"),
        ("5.2.1.2", "max-age=60", 70, "max-stale=9", "expired"),
        ("4.2.4", "max-age=60, must-revalidate", 70, "max-stale", "expired"),
        ("4.2.4", "s-maxage=60", 70, "max-stale", "expired"),
        ("5.2.1.1", "max-age=60, stale-while-revalidate=60", 70, "max-age=90", "request-directive"),
        ("5861 §3", "max-age=60, stale-while-revalidate=60", 70, "foo", "while-revalidate"),
    ];
    for over in BOTH {
        for (rule, response, age, request, reason) in cases {
            let path = path();
            origin.page(&path, page(200, &[("cache-control", response)]));
            over.get(&proxy, &path).expect(200);
            proxy.advance(age);
            let told = cache_status(&ask(&proxy, over, &path, request).expect(200));
            let about = format!("{over:?}: {rule}: {response}; {age} s; {request}");
            assert_eq!(told.detail.as_deref(), Some(reason), "{about}");
            let fwd = match reason {
                "request-directive" => Some("request"),
                "expired" => Some("stale"),
                _ => None,
            };
            assert_eq!(told.fwd.as_deref(), fwd, "{about}");
        }
    }
}

#[test]
fn a_request_that_wants_it_confirmed_gets_what_the_origin_confirms() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "request_directives = 'honoured'");
    for over in BOTH {
        let path = path();
        let tagged = Page::cacheable("x").header("etag", "\"1\"");
        origin.on(&path, move |seen| match seen.header("if-none-match") {
            Some("\"1\"") => Page::status(304).header("cache-control", "max-age=60"),
            _ => tagged.clone(),
        });
        over.get(&proxy, &path).expect(200);
        proxy.advance(30);
        let confirmed = ask(&proxy, over, &path, "no-cache").expect(200);
        let told = cache_status(&confirmed);
        assert_eq!((told.fwd.as_deref(), told.fwd_status), (Some("request"), Some(304)));
        assert_eq!((confirmed.text().as_str(), confirmed.age()), ("x", 0));
        // It counts for everybody.
        proxy.advance(59);
        assert!(is_hit(&over.get(&proxy, &path)));
    }
}

#[test]
fn what_is_stored_for_nobody_and_what_is_not_asked_for() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "request_directives = 'honoured'");
    for over in BOTH {
        let path = path();
        origin.page(&path, page(200, &[("cache-control", "max-age=60")]));
        // §5.2.1.7.
        let refused = ask(&proxy, over, &path, "only-if-cached").expect(504);
        assert_eq!(cache_status(&refused).detail.as_deref(), Some("only-if-cached"));
        assert_eq!(origin.count(&path), 0);
        // §5.2.1.5.
        let own = ask(&proxy, over, &path, "no-store").expect(200);
        assert!(!cache_status(&own).stored);
        assert!(!is_hit(&over.get(&proxy, &path)), "{over:?}: the answer to no-store was stored");
        assert!(is_hit(&over.get(&proxy, &path)));
    }
}

#[test]
fn what_a_request_refuses_is_not_served_when_the_origin_fails() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "request_directives = 'honoured'");
    for over in BOTH {
        let path = path();
        let first = page(200, &[("cache-control", "max-age=60, stale-if-error=600")]);
        origin.replies(&path, [Reply::from(first), Page::status(503).into()]);
        over.get(&proxy, &path).expect(200);
        assert_eq!(ask(&proxy, over, &path, "no-cache").status, 503, "{over:?}: the origin's own");
        assert!(is_hit(&over.get(&proxy, &path)));
        // Nor once it is stale, and nobody has to be asked to know that the origin fails.
        proxy.advance(61);
        origin.page(&path, Page::status(503));
        assert_eq!(ask(&proxy, over, &path, "no-cache").status, 503, "{over:?}");
        assert_eq!(ask(&proxy, over, &path, "max-age=600").status, 503, "{over:?}");
        assert_eq!(over.get(&proxy, &path).status, 200, "{over:?}");
    }
}

#[test]
fn a_request_may_allow_more_than_the_response_does_rfc5861_4() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "request_directives = 'honoured'\nkeep = '1h'");
    for over in BOTH {
        for (says, status) in [("stale-if-error=60", 200), ("stale-if-error=0", 503)] {
            let path = path();
            let first = page(200, &[("cache-control", "max-age=60")]);
            origin.replies(&path, [Reply::from(first), Page::status(503).into()]);
            over.get(&proxy, &path).expect(200);
            proxy.advance(61);
            assert_eq!(ask(&proxy, over, &path, says).status, status, "{over:?} {says}");
        }
    }
}

#[test]
fn what_a_reload_brought_is_not_overwritten_by_what_was_asked_for_before() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "request_directives = 'honoured'");
    for over in BOTH {
        let path = path();
        let (gate, slow) = Page::cacheable("o").chunked().gated();
        origin.replies(&path, [slow, Page::cacheable("new").into()]);
        let mut first = over.client(&proxy).begin(get(&path));
        assert_eq!(first.head(), 200);
        proxy.advance(1);
        assert_eq!(ask(&proxy, over, &path, "no-cache").expect(200).text(), "new", "{over:?}");
        gate.send("ld");
        gate.finish();
        assert_eq!(first.response().text(), "old", "{over:?}");
        proxy.wait_for_metric("tidegate_flights", 0.0);
        assert_eq!(over.get(&proxy, &path).expect_hit().text(), "new", "{over:?}");
    }
}

#[test]
fn nothing_is_asked_for_behind_an_answer_where_the_request_wants_that_rfc9111_5_2_1() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "request_directives = 'honoured'");
    for over in BOTH {
        let path = path();
        let says = "max-age=60, stale-while-revalidate=600";
        origin.page(&path, page(200, &[("cache-control", says)]));
        over.get(&proxy, &path).expect(200);
        proxy.advance(61);
        let led = || proxy.metric("tidegate_flights_total{event=\"led\"}");
        let before = led();
        for directive in ["no-store", "only-if-cached"] {
            let told = cache_status(&ask(&proxy, over, &path, directive).expect(200));
            assert_eq!(told.detail.as_deref(), Some("while-revalidate"), "{over:?} {directive}");
            // A refresh is counted before the answer is there.
            assert!((led() - before).abs() < 0.5, "{over:?} {directive}");
        }
        over.get(&proxy, &path).expect(200);
        let detail = || cache_status(&over.get(&proxy, &path)).detail;
        eventually("it is refreshed", || detail().as_deref() == Some("fresh"));
        assert_eq!(origin.count(&path), 2, "{over:?}");
    }
}
