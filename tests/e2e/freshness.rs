//! How long a stored response is served, and what is never stored (RFC 9111 §3, §4.2; RFC 5861).

use crate::kit::{Gate, Origin, Page, Proxy, Reply, Versioned};
use crate::kit::{cache_status, eventually, get, versioned::version_of};

#[test]
fn a_response_is_fresh_for_max_age_and_not_a_second_longer() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/page", "max-age=60");
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    let client = proxy.http1();
    client.get("/page").expect_because("absent");
    page.raise();
    proxy.advance(59);
    let hit = client.get("/page").expect_hit();
    assert_eq!((hit.age(), version_of(&hit)), (59, 1));
    proxy.advance(1);
    let fetched = client.get("/page").expect_because("expired");
    assert_eq!((fetched.age(), version_of(&fetched)), (0, 2));
    client.get("/page").expect_hit();
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn lifetimes_come_from_where_the_rfc_says() {
    // Field lines of a response that arrives at 00:00:00, and the second at which it expires.
    let lines: [(&[(&str, &str)], u64); 7] = [
        (&[("cache-control", "max-age=100, s-maxage=20")], 20),
        (&[("cache-control", "s-maxage=20"), ("expires", "Thu, 01 Jan 2026 01:00:00 GMT")], 20),
        (&[("expires", "Thu, 01 Jan 2026 00:00:20 GMT")], 20),
        (
            &[
                ("date", "Wed, 31 Dec 2025 23:59:50 GMT"),
                ("expires", "Thu, 01 Jan 2026 00:00:20 GMT"),
            ],
            // 30 seconds from its Date, of which 10 have passed.
            20,
        ),
        (&[("cache-control", "max-age=60"), ("age", "40")], 20),
        (&[("cache-control", "max-age=60"), ("date", "Wed, 31 Dec 2025 23:59:20 GMT")], 20),
        (&[("cache-control", "Max-Age=\"20\"")], 20),
    ];
    for (fields, expires) in lines {
        let origin = Origin::start();
        let page = fields.iter().fold(Page::new("x"), |page, (n, v)| page.header(n, v));
        origin.page("/page", page);
        let proxy = Proxy::new(&origin).clock_by_hand().start();
        let client = proxy.http1();
        client.get("/page").expect(200);
        proxy.advance(expires - 1);
        client.get("/page").expect(200).expect_hit();
        proxy.advance(1);
        let fetched = client.get("/page").expect(200);
        assert_eq!(cache_status(&fetched).fwd.as_deref(), Some("stale"), "{fields:?}");
        assert_eq!(origin.count("/page"), 2, "{fields:?}");
    }
}

#[test]
fn age_counts_what_passed_before_the_response_came() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x").header("age", "30"));
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    assert_eq!(proxy.http1().get("/page").age(), 30);
    proxy.advance(9);
    assert_eq!(proxy.http1().get("/page").expect_hit().age(), 39);
}

#[test]
fn what_may_not_be_stored_is_not() {
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[("cache-control", "no-store, max-age=60")], "no-store"),
        (&[("cache-control", "private, max-age=60")], "private"),
        (&[("cache-control", "max-age=60, PRIVATE")], "private"),
        (&[("cache-control", "max-age=60"), ("set-cookie", "session=1")], "set-cookie"),
        (&[("cache-control", "max-age=60"), ("vary", "*")], "vary-star"),
        (&[], "no-lifetime"),
        (&[("last-modified", "Thu, 01 Jan 2015 00:00:00 GMT")], "no-lifetime"),
        (
            &[("cache-control", "no-store"), ("expires", "Thu, 01 Jan 2037 00:00:00 GMT")],
            "no-store",
        ),
    ];
    for (fields, reason) in cases {
        let origin = Origin::start();
        let page = fields.iter().fold(Page::new("x"), |page, (n, v)| page.header(n, v));
        origin.page("/page", page);
        let proxy = Proxy::new(&origin).start();
        proxy.http1().get("/page").expect(200).expect_because(reason);
        proxy.http1().get("/page").expect(200);
        assert_eq!(origin.count("/page"), 2, "{fields:?}");
    }
}

#[test]
fn an_answer_to_authorization_is_shared_only_where_the_origin_says_so() {
    for (cache_control, shared) in [
        ("max-age=60", false),
        ("max-age=60, public", true),
        ("s-maxage=60", true),
        ("max-age=60, must-revalidate", true),
    ] {
        let origin = Origin::start();
        origin.page("/page", Page::new("x").header("cache-control", cache_control));
        let proxy = Proxy::new(&origin).start();
        let client = proxy.http1();
        let answer = client.send(get("/page").header("authorization", "Basic eDp5")).expect(200);
        if !shared {
            answer.expect_because("authorization");
        }
        client.get("/page").expect(200);
        let asked = if shared { 1 } else { 2 };
        assert_eq!(origin.count("/page"), asked, "{cache_control}");
        assert_eq!(origin.requests()[0].header("authorization"), Some("Basic eDp5"));
    }
}

#[test]
fn no_cache_is_stored_but_confirmed_before_every_use() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/page", "no-cache");
    let proxy = Proxy::new(&origin).start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    let confirmed = client.get("/page").expect(200);
    assert_eq!(version_of(&confirmed), 1);
    let seen = origin.wait_for_requests(2);
    assert_eq!(seen[1].header("if-none-match"), Some("\"v1\""));
    page.raise();
    assert_eq!(version_of(&client.get("/page")), 2);
    assert_eq!(origin.count("/page"), 3);
}

#[test]
fn a_stale_response_is_served_while_one_fetch_refreshes_it() {
    let origin = Origin::start();
    let (gate, refresh) = swr("new").held();
    origin.replies("/page", [swr("old").into(), refresh]);
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    proxy.advance(15);
    for _ in 0..5 {
        let stale = client.get("/page").expect(200).expect_because("while-revalidate");
        assert_eq!((stale.text().as_str(), stale.age()), ("old", 15));
        origin.wait_for("/page", 2);
    }
    gate.finish();
    proxy.wait_for_metric("tidegate_flights", 0.0);
    let fresh = client.get("/page").expect(200).expect_hit();
    assert_eq!((fresh.text().as_str(), fresh.age()), ("new", 0));
    assert_eq!(origin.count("/page"), 2);
}

fn swr(content: &str) -> Page {
    Page::new(content).header("cache-control", "max-age=10, stale-while-revalidate=30")
}

#[test]
fn after_stale_while_revalidate_the_client_waits() {
    let origin = Origin::start();
    origin.replies("/page", [swr("old").into(), swr("new").into()]);
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.advance(40);
    let fetched = proxy.http1().get("/page").expect(200).expect_because("expired");
    assert_eq!(fetched.text(), "new");
}

#[test]
fn must_revalidate_allows_no_stale_answer() {
    for forbidding in ["must-revalidate", "proxy-revalidate"] {
        let origin = Origin::start();
        let policy = format!("max-age=10, stale-while-revalidate=30, {forbidding}");
        let page = Versioned::page(&origin, "/page", &policy);
        let proxy = Proxy::new(&origin).site("grace = '1h'").clock_by_hand().start();
        proxy.http1().get("/page").expect(200);
        page.raise();
        proxy.advance(15);
        let answer = proxy.http1().get("/page").expect(200);
        assert_eq!(version_of(&answer), 2, "{forbidding}");
    }
}

#[test]
fn the_sites_grace_is_for_responses_that_say_nothing_of_it() {
    let origin = Origin::start();
    let (gate, refresh): (Gate, Reply) = Page::cacheable("new").held();
    origin.replies("/page", [Page::cacheable("old").into(), refresh]);
    let proxy = Proxy::new(&origin).site("grace = '30s'").clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.advance(70);
    let stale = proxy.http1().get("/page").expect(200).expect_because("while-revalidate");
    assert_eq!(stale.text(), "old");
    origin.wait_for("/page", 2);
    gate.finish();
    proxy.wait_for_metric("tidegate_flights", 0.0);
    assert_eq!(proxy.http1().get("/page").expect_hit().text(), "new");
}

#[test]
fn a_refresh_that_fails_is_not_tried_again_at_once() {
    let origin = Origin::start();
    origin.replies("/page", [swr("old").into(), Page::status(500).into(), swr("new").into()]);
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    let client = proxy.http1();
    client.get("/page").expect(200);
    proxy.advance(15);
    client.get("/page").expect(200).expect_because("while-revalidate");
    origin.wait_for("/page", 2);
    proxy.wait_for_metric("tidegate_flights", 0.0);
    for _ in 0..5 {
        assert_eq!(client.get("/page").expect(200).text(), "old");
    }
    assert_eq!(origin.count("/page"), 2);
    proxy.advance(5);
    assert_eq!(client.get("/page").expect(200).text(), "old");
    origin.wait_for("/page", 3);
    proxy.wait_for_metric("tidegate_flights", 0.0);
    assert_eq!(client.get("/page").expect_hit().text(), "new");
}

#[test]
fn a_refresh_failing_does_not_end_what_may_still_be_served() {
    let origin = Origin::start();
    origin.replies("/page", [swr("old").into(), Reply::Close]);
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    // A new connection, so that the failure is the origin's answer and no reused connection's end.
    origin.close_connections();
    proxy.advance(15);
    for _ in 0..3 {
        assert_eq!(proxy.http1().get("/page").expect(200).text(), "old");
    }
}

#[test]
fn a_default_lifetime_is_the_operators_choice() {
    let origin = Origin::start();
    origin.page("/page", Page::new("x"));
    let proxy = Proxy::new(&origin).site("default_ttl = '20s'").clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.advance(19);
    proxy.http1().get("/page").expect_hit();
    proxy.advance(1);
    proxy.http1().get("/page").expect_because("expired");
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn heuristic_freshness_is_the_operators_choice() {
    let origin = Origin::start();
    // Changed a thousand seconds ago: a tenth of that is fresh (RFC 9111 §4.2.2).
    let changed = "Wed, 31 Dec 2025 23:43:20 GMT";
    origin.page("/page", Page::new("x").header("last-modified", changed));
    let proxy = Proxy::new(&origin).site("heuristic_freshness = true").clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.advance(99);
    proxy.http1().get("/page").expect_hit();
    proxy.advance(2);
    proxy.http1().get("/page").expect(200);
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn a_calendar_that_jumps_ages_nothing() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.jump_calendar(86_400);
    assert_eq!(proxy.http1().get("/page").expect_hit().age(), 0);
    proxy.jump_calendar(-172_800);
    assert_eq!(proxy.http1().get("/page").expect_hit().age(), 0);
}

#[test]
fn a_cluster_is_asked_for_so_many_refreshes_a_second_while_readers_get_what_is_stale() {
    let origin = Origin::start();
    let pages: Vec<String> = (0..20).map(|n| format!("/wiki/{n}")).collect();
    let stale = || Page::new("x").header("cache-control", "max-age=60, stale-while-revalidate=600");
    let (gate, held) = stale().held();
    origin.replies(&pages[0], [stale().into(), held]);
    pages[1..].iter().for_each(|page| origin.page(page, stale()));
    let proxy = Proxy::new(&origin).cluster("refresh_rate = 5").clock_by_hand().start();
    let read = |page: &String| proxy.http1().get(page).expect(200);
    pages.iter().for_each(|page| _ = read(page));
    proxy.advance(61);
    // However often the page is read that is being refreshed, that is one.
    (0..10).for_each(|_| _ = read(&pages[0]).expect_because("while-revalidate"));
    let asked = || pages.iter().map(|page| origin.count(page)).sum::<usize>();
    for second in 1..=4 {
        pages.iter().for_each(|page| assert!(cache_status(&read(page)).hit));
        eventually("the origin was asked for five more", || asked() == 20 + 5 * second);
        let paced = 15 + 10 * usize::from(second > 1) + 5 * usize::from(second > 2);
        proxy.wait_for_metric("tidegate_refreshes_paced_total", paced as f64);
        proxy.advance(1);
    }
    gate.finish();
}

#[test]
fn a_targeted_field_is_obeyed_in_place_of_cache_control_and_expires_rfc9213() {
    let past = ("expires", "Thu, 01 Jan 1970 00:00:00 GMT");
    // Field lines of a response, and the second at which it expires; 0 where it is not stored.
    let lines: [(&[(&str, &str)], u64); 7] = [
        (&[("cdn-cache-control", "max-age=60"), ("cache-control", "no-store"), past], 60),
        (&[("cdn-cache-control", "max-age=20"), ("cache-control", "max-age=60")], 20),
        (&[("cdn-cache-control", "no-store"), ("cache-control", "max-age=60")], 0),
        (&[("cdn-cache-control", "private"), ("cache-control", "max-age=60")], 0),
        (&[("cdn-cache-control", "public"), ("expires", "Thu, 01 Jan 2026 00:01:00 GMT")], 0),
        (&[("cdn-cache-control", "max-age=\"60\""), ("cache-control", "max-age=20")], 20),
        (&[("cdn-cache-control", "max-age =60"), ("cache-control", "no-store")], 0),
    ];
    for (fields, seconds) in lines {
        for http2 in [false, true] {
            let origin = Origin::start();
            let page =
                fields.iter().fold(Page::new("x"), |page, (name, value)| page.header(name, value));
            origin.page("/page", page);
            let proxy = Proxy::new(&origin).tls().clock_by_hand().start();
            let client = if http2 { proxy.http2() } else { proxy.http1() };
            let answer = client.get("/page").expect(200);
            assert_eq!(
                answer.header(fields[0].0),
                Some(fields[0].1),
                "it is told to caches behind"
            );
            if seconds > 0 {
                proxy.advance(seconds - 1);
                client.get("/page").expect_hit();
                proxy.advance(1);
            }
            assert!(!cache_status(&client.get("/page")).hit, "{fields:?}");
        }
    }
    // Others may be named.
    let origin = Origin::start();
    let page = Page::new("x").header("surrogate-control", "max-age=60");
    origin.page("/page", page.header("cdn-cache-control", "no-store"));
    let named = "targeted_fields = ['Surrogate-Control', 'CDN-Cache-Control']";
    let proxy = Proxy::new(&origin).site(named).start();
    proxy.http1().get("/page").expect(200);
    proxy.http1().get("/page").expect_hit();
}
