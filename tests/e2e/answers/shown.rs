//! What clients are shown of an origin's fields, and what the edge itself goes by meanwhile.

use super::{FOR_READERS, OF_PAGES, expect_shown, page, site};
use crate::kit::{Client, Origin, Page, Proxy, Request, cache_status, get};

const MONDAY: &str = "Mon, 01 Dec 2025 10:00:00 GMT";

#[test]
fn fields_are_removed_set_and_replaced_on_every_kind_of_answer() {
    let origin = Origin::start();
    let proxy = site(&origin).start();
    let clients = [(proxy.http1(), false), (proxy.http1_tls(), true), (proxy.http2(), true)];
    for (n, (client, https)) in clients.iter().enumerate() {
        let (path, passed) = (format!("/page{n}"), format!("/passed{n}"));
        origin.page(&path, page());
        origin.page(&passed, page().header("set-cookie", "a=1"));
        let miss = client.get(&path).expect(200).expect_because("absent");
        proxy.advance(7);
        let hit = client.get(&path).expect(200).expect_hit();
        let head = client.send(Request::new("HEAD", &path)).expect(200).expect_hit();
        let ranged = client.send(get(&path).header("range", "bytes=1-2")).expect(206);
        let pass = client.get(&passed).expect(200).expect_because("set-cookie");
        let posted = client.send(Request::new("POST", &path).body("x")).expect(200);
        client.get(&path).expect(200);
        let unchanged = client.send(get(&path).header("if-none-match", "\"1\"")).expect(304);
        for answer in [&miss, &hit, &head, &ranged, &pass, &posted] {
            expect_shown(answer, *https);
            assert_eq!(answer.header("cache-control"), Some(FOR_READERS));
            assert_eq!(answer.header("x-kept"), Some("yes"));
        }
        expect_shown(&unchanged, *https);
        assert_eq!(unchanged.header("cache-control"), Some(FOR_READERS));
        // It is the origin's word that counts here.
        assert_eq!((cache_status(&hit).ttl, hit.age()), (Some(17_993), 7));
        assert_eq!(pass.header("set-cookie"), Some("a=1"));
    }
}

#[test]
fn a_stale_answer_is_shown_like_a_fresh_one() {
    let origin = Origin::start();
    origin
        .page("/page", Page::new("x").header("cache-control", "max-age=10").header("x-debug", "1"));
    let proxy = site(&origin).start();
    for (client, https) in [(proxy.http1(), false), (proxy.http2(), true)] {
        client.get("/page").expect(200);
        proxy.advance(10);
        let answer = client.get("/page").expect(200).expect_because("while-revalidate");
        expect_shown(&answer, https);
        assert_eq!(answer.header("x-debug"), None);
        assert_eq!(answer.header("cache-control"), Some("max-age=10"));
    }
}

#[test]
fn what_is_said_to_every_cache_is_said_to_clients_too() {
    let origin = Origin::start();
    let said = "s-maxage=60, public, no-transform, stale-while-revalidate=60";
    origin.page("/page", Page::new("x").header("cache-control", said));
    let proxy = site(&origin).site("client_cache_control = 'no-cache'").start();
    let told = "no-cache, no-transform, stale-while-revalidate=60";
    for client in [proxy.http1(), proxy.http2()] {
        for _ in 0..2 {
            assert_eq!(client.get("/page").expect(200).header("cache-control"), Some(told));
        }
    }
}

#[test]
fn what_names_no_s_maxage_is_shown_as_it_is() {
    let origin = Origin::start();
    for (path, said) in [("/shared", "public, max-age=300"), ("/own", "private, max-age=60")] {
        origin.page(path, Page::new("x").header("cache-control", said));
        let proxy = site(&origin).start();
        for client in [proxy.http1(), proxy.http2()] {
            for _ in 0..2 {
                assert_eq!(client.get(path).expect(200).header("cache-control"), Some(said));
            }
        }
    }
}

#[test]
fn a_304_without_cache_control_keeps_the_origins_and_not_the_clients() {
    let origin = Origin::start();
    let page = page().header("last-modified", MONDAY).header("vary", "X-Device-Class");
    let confirmed = Page::status(304).header("etag", "\"1\"").header("set-cookie", "a=1");
    origin.replies("/page", [page.into(), confirmed.clone().into(), confirmed.into()]);
    let proxy = site(&origin)
        .with("site.wiki.property.X-Device-Class", "of = 'field:User-Agent'\n default = 'desktop'")
        .start();
    for _ in 0..2 {
        proxy.http1().get("/page").expect(200);
        proxy.advance(17_999);
        let hit = proxy.http1().get("/page").expect(200).expect_hit();
        assert_eq!(hit.header("cache-control"), Some(FOR_READERS));
        proxy.advance(1);
        let answer = proxy.http1().get("/page").expect(200).expect_because("confirmed");
        assert_eq!(cache_status(&answer).ttl, Some(18_000));
        assert_eq!(answer.header("cache-control"), Some(FOR_READERS));
        assert_eq!(answer.header("vary"), Some("user-agent"));
        assert_eq!(answer.header("set-cookie"), None);
        let hit = proxy.http1().get("/page").expect(200).expect_hit();
        assert_eq!((hit.header("set-cookie"), hit.header("x-powered-by")), (None, None));
    }
    assert_eq!(origin.count("/page"), 3);
}

#[test]
fn copies_of_clients_last_as_long_as_the_site_says_from_when_they_get_them() {
    let origin = Origin::start();
    origin.page("/page", page());
    origin.page("/passed", page().header("set-cookie", "a=1").header("age", "100"));
    let proxy = site(&origin).site("client_cache_control = 'private, max-age=60'").start();
    for client in [proxy.http1(), proxy.http2()] {
        let told = |request: Request| {
            let answer = client.send(request);
            (answer.age(), answer.header("cache-control").map(str::to_owned))
        };
        let private = |age: u64| (age, Some(format!("private, max-age={}", 60 + age)));
        assert_eq!(told(get("/page")), private(0));
        assert_eq!(told(get("/page")), private(0));
        proxy.advance(4000);
        assert_eq!(told(get("/page")), private(4000));
        assert_eq!(told(get("/page").header("if-none-match", "\"1\"")), private(4000));
        assert_eq!(told(get("/passed")), private(100));
        proxy.purge("/page");
    }
}

#[test]
fn vary_names_what_clients_send_while_the_edge_selects_by_what_it_computes() {
    let origin = Origin::start();
    let vary = "Accept-Language, X-Device-Class, X-Subdomain";
    origin.page("/page", Page::cacheable("x").header("vary", vary).header("etag", "\"1\""));
    origin.page("/passed", Page::new("x").header("vary", vary));
    let proxy = Proxy::new(&origin)
        .tls()
        .with("site.wiki.property.X-Device-Class", "of = 'field:User-Agent'\n default = 'desktop'")
        .with("site.wiki.property.X-Subdomain", "of = 'host'\n default = 'none'")
        .start();
    for client in [proxy.http1(), proxy.http2()] {
        let english = || get("/page").header("accept-language", "en");
        let german = || get("/page").header("accept-language", "de");
        client.send(english()).expect(200).expect_because("absent");
        client.send(german()).expect(200).expect_because("variant");
        let hit = client.send(english()).expect(200).expect_hit();
        let unchanged = client.send(german().header("if-none-match", "\"1\"")).expect(304);
        for answer in [hit, unchanged, client.get("/passed").expect(200)] {
            assert_eq!(answer.header("vary"), Some("Accept-Language, user-agent"));
        }
        proxy.purge("/page");
    }
}

#[test]
fn a_reload_shows_another_policy_on_what_is_stored() {
    let origin = Origin::start();
    let stored = page().header("vary", "X-Device-Class").trailer("x-debug", "secret");
    origin.page("/page", stored.trailer("x-sum", "7"));
    let mut proxy = Proxy::new(&origin).tls().clock_by_hand().start();
    let clients = |proxy: &Proxy| [proxy.http1(), proxy.http2()];
    let shown = |client: &Client| {
        let answer = client.send(get("/page").header("te", "trailers")).expect(200).expect_hit();
        let field = |name| answer.header(name).map(str::to_owned);
        let trailers =
            answer.trailers.keys().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        ["x-powered-by", "timing-allow-origin", "cache-control", "vary"]
            .map(|name| field(name).unwrap_or_default())
            .join("|")
            + "|"
            + &trailers
    };
    for client in clients(&proxy) {
        client.get("/page").expect(200);
    }
    let as_sent = format!("PHP/8.4|https://elsewhere.test|{OF_PAGES}|X-Device-Class|x-debug x-sum");
    let plain = proxy.setup();
    let other = plain.clone().site(
        "drop_response_fields = ['X-Powered-By', 'X-Debug']
         response_fields = ['Timing-Allow-Origin: *']
         client_cache_control = 'no-cache'",
    );
    // It is absent here, as what the origin saw when no property had that name.
    let property = "of = 'field:User-Agent'\n values = [{ match = 'Mobile', is = 'mobile' }]";
    let other = other.with("site.wiki.property.X-Device-Class", property);
    for _ in 0..2 {
        for client in clients(&proxy) {
            assert_eq!(shown(&client), as_sent);
        }
        proxy.reload(other.clone()).expect("it is good");
        for client in clients(&proxy) {
            assert_eq!(shown(&client), "|*|no-cache|user-agent|x-sum");
            let conditional = get("/page").header("if-none-match", "\"1\"");
            let unchanged = client.send(conditional).expect(304);
            assert_eq!(unchanged.header("cache-control"), Some("no-cache"));
        }
        // A field's value alone may change, too.
        let setup = other.clone().site("response_fields = ['Timing-Allow-Origin: none']");
        proxy.reload(setup).expect("it is good");
        for client in clients(&proxy) {
            assert_eq!(shown(&client), "|none|no-cache|user-agent|x-sum");
        }
        proxy.reload(plain.clone()).expect("it is good");
    }
    assert_eq!(origin.count("/page"), 2);
}

#[test]
fn what_was_stored_under_another_policy_is_confirmed_by_the_origins_own_fields() {
    let origin = Origin::start();
    let page = Page::new("content").header("cache-control", "s-maxage=100").header("etag", "\"1\"");
    let confirmed = Page::status(304);
    origin.replies("/page", [page.header("x-powered-by", "PHP").into(), confirmed.into()]);
    // Nobody sees the tag by which the edge asks.
    let hiding =
        "drop_response_fields = ['ETag', 'X-Powered-By']\n client_cache_control = 'private'";
    let mut proxy = Proxy::new(&origin).clock_by_hand().site(hiding).start();
    assert_eq!(proxy.http1().get("/page").expect(200).header("etag"), None);
    proxy.advance(100);
    let answer = proxy.http1().get("/page").expect(200).expect_because("confirmed");
    assert_eq!((answer.header("etag"), answer.header("x-powered-by")), (None, None));
    assert_eq!(origin.requests()[1].header("if-none-match"), Some("\"1\""));
    let setup = proxy.setup().site("drop_response_fields = []\n client_cache_control = 'as-sent'");
    proxy.reload(setup).expect("it is good");
    let hit = proxy.http1().get("/page").expect(200).expect_hit();
    assert_eq!((hit.header("etag"), hit.header("x-powered-by")), (Some("\"1\""), Some("PHP")));
    assert_eq!(hit.header("cache-control"), Some("s-maxage=100"));
    assert_eq!(cache_status(&hit).ttl, Some(100));
}

#[test]
fn trailers_are_shown_as_heads_are_and_set_no_cookie() {
    let origin = Origin::start();
    let page = |page: Page| {
        page.trailer("x-debug", "secret").trailer("set-cookie", "a=1").trailer("x-sum", "7")
    };
    origin.page("/page", page(Page::cacheable("content")));
    origin.page("/passed", page(Page::new("content")));
    let proxy = site(&origin).start();
    for client in [proxy.http1(), proxy.http2()] {
        for path in ["/page", "/page", "/passed"] {
            let answer = client.send(get(path).header("te", "trailers")).expect(200);
            let names: Vec<_> = answer.trailers.keys().map(ToString::to_string).collect();
            assert_eq!(
                (names, answer.text().as_str()),
                (vec!["x-sum".to_owned()], "content"),
                "{path}"
            );
        }
    }
}

#[test]
fn an_origins_failure_sets_no_cookie_where_cookies_are_the_sites_to_handle() {
    let origin = Origin::start();
    for status in [200, 404, 500, 503] {
        let answer = Page::new("x").with_status(status).header("set-cookie", "session=1");
        origin.page(&format!("/{status}"), answer);
    }
    for (cookies, kept) in [("as-sent", true), ("by-session", false), ("dropped", false)] {
        let proxy = Proxy::new(&origin).tls().site(&format!("cookies = '{cookies}'")).start();
        for client in [proxy.http1(), proxy.http2()] {
            for status in [200, 404, 500, 503] {
                let answer = client.get(&format!("/{status}")).expect(status);
                let sets = answer.header("set-cookie").is_some();
                assert_eq!(sets, kept || status < 500, "{cookies} {status}");
            }
        }
    }
}
