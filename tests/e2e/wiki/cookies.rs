//! Readers share what is stored whatever cookies they have; who has a session sees what is theirs,
//! and nobody else does.

use crate::kit::{Client, Origin, Page, Proxy, Response, cache_status, get};

use super::{article, wiki};

/// A wiki that greets whoever has a session by its cookie, as MediaWiki does.
fn greeting(origin: &Origin, path: &str) {
    origin.on(path, |seen| match seen.header("cookie") {
        Some(cookie) if cookie.contains("session=") => Page::new(format!("hello {cookie}"))
            .header("cache-control", "private, must-revalidate, max-age=0")
            .header("vary", "Accept-Encoding, Cookie"),
        _ => article("welcome"),
    });
}

fn with_cookie(client: &Client, path: &str, cookie: &str) -> Response {
    client.send(get(path).header("cookie", cookie)).expect(200)
}

/// The clients of every protocol.
fn clients(proxy: &Proxy) -> [Client; 3] {
    [proxy.http1(), proxy.http1_tls(), proxy.http2()]
}

#[test]
fn readers_share_one_page_whatever_cookies_they_have() {
    let origin = Origin::start();
    origin.page("/wiki/Tide", article("welcome"));
    let proxy = wiki(&origin).tls().start();
    let cookies = ["GeoIP=XX", "skin=vector; LoggedOut=1", "a=b;c=d", "=", ";;;", "Session=1x"];
    with_cookie(&proxy.http1(), "/wiki/Tide", cookies[0]);
    for client in clients(&proxy) {
        for cookie in &cookies[..5] {
            with_cookie(&client, "/wiki/Tide", cookie).expect_hit();
        }
        client.get("/wiki/Tide").expect(200).expect_hit();
    }
    assert_eq!(origin.count("/wiki/Tide"), 1);
    assert_eq!(origin.requests()[0].header("cookie"), None, "nothing of it reaches the origin");
}

#[test]
fn a_session_never_sees_another_page_than_its_own_and_a_reader_never_sees_a_session_s() {
    for reader_first in [true, false] {
        let origin = Origin::start();
        greeting(&origin, "/wiki/Tide");
        let proxy = wiki(&origin).tls().start();
        let [one, two] = ["wikisession=one", "theme=dark; wikisession=two"];
        for round in 0..3 {
            for client in clients(&proxy) {
                if reader_first || round > 0 {
                    assert_eq!(client.get("/wiki/Tide").expect(200).text(), "welcome");
                    let other = with_cookie(&client, "/wiki/Tide", "GeoIP=XX");
                    assert_eq!(other.text(), "welcome");
                }
                for cookie in [one, two] {
                    let own = with_cookie(&client, "/wiki/Tide", cookie);
                    assert_eq!(own.text(), format!("hello {cookie}"));
                    assert!(!cache_status(&own).hit);
                }
            }
        }
        proxy.http1().get("/wiki/Tide").expect(200).expect_hit();
    }
}

#[test]
fn a_session_in_a_second_line_of_cookie_is_one() {
    let origin = Origin::start();
    origin.on("/wiki/Tide", |seen| {
        let cookies = seen.head.all("cookie");
        article(if cookies.is_empty() { "welcome" } else { "hello" }).header("vary", "Cookie")
    });
    let proxy = wiki(&origin).tls().start();
    for client in clients(&proxy) {
        assert_eq!(client.get("/wiki/Tide").expect(200).text(), "welcome");
        let both = get("/wiki/Tide").header("cookie", "theme=dark");
        let own = client.send(both.header("cookie", "wikisession=two")).expect(200);
        assert_eq!(own.text(), "hello");
        assert!(!cache_status(&own).hit);
    }
    proxy.http1().get("/wiki/Tide").expect(200).expect_hit();
}

#[test]
fn a_session_is_told_why_it_is_not_served_from_the_store() {
    let origin = Origin::start();
    greeting(&origin, "/wiki/Tide");
    let proxy = wiki(&origin).start();
    proxy.http1().get("/wiki/Tide").expect(200);
    let own = with_cookie(&proxy.http1(), "/wiki/Tide", "wikiToken=x; wikisession=1");
    own.expect_because("session");
}

#[test]
fn what_does_not_vary_on_cookies_is_shared_with_sessions() {
    let origin = Origin::start();
    let script = Page::new("code").header("cache-control", "public, max-age=300, s-maxage=300");
    origin.page("/w/load.php", script.clone());
    origin.page("/w/other.php", script);
    let proxy = wiki(&origin).start();
    proxy.http1().get("/w/load.php").expect(200);
    with_cookie(&proxy.http1(), "/w/load.php", "wikisession=1").expect_hit();
    // The other way round: it said that everybody may have it.
    with_cookie(&proxy.http1(), "/w/other.php", "wikisession=1");
    proxy.http1().get("/w/other.php").expect(200).expect_hit();
}

#[test]
fn a_session_s_answer_that_forgets_to_vary_is_not_stored_unless_it_says_that_it_may_be() {
    let origin = Origin::start();
    for (path, fields) in [
        ("/varies", &[("cache-control", "public, s-maxage=60"), ("vary", "Cookie")][..]),
        ("/silent", &[("cache-control", "max-age=60")]),
        ("/expires", &[("expires", "Thu, 01 Jan 2037 00:00:00 GMT")]),
    ] {
        let fields: Vec<(&str, &str)> = fields.to_vec();
        origin.on(path, move |seen| {
            let page = Page::new(seen.header("cookie").unwrap_or("nobody"));
            fields.iter().fold(page, |page, (name, value)| page.header(name, value))
        });
        let proxy = wiki(&origin).start();
        for n in 0..2 {
            let cookie = format!("wikisession={n}");
            assert_eq!(with_cookie(&proxy.http1(), path, &cookie).text(), cookie, "{path}");
        }
        assert_eq!(proxy.http1().get(path).expect(200).text(), "nobody", "{path}");
        let cookie = "wikisession=9";
        let seen = with_cookie(&proxy.http1(), path, cookie).text();
        assert!(seen == cookie || path != "/varies" && seen == "nobody", "{path}: {seen}");
    }
}

#[test]
fn readers_and_sessions_that_come_at_once_get_what_is_theirs() {
    let origin = Origin::start();
    greeting(&origin, "/wiki/Tide");
    let proxy = wiki(&origin).workers(2).start();
    let clients: Vec<Client> = (0..24).map(|_| proxy.http1()).collect();
    let begun: Vec<_> = clients
        .iter()
        .enumerate()
        .map(|(n, client)| {
            let cookie = match n % 3 {
                0 => format!("wikisession={n}"),
                _ => format!("visit={n}"),
            };
            (cookie.clone(), client.begin(get("/wiki/Tide").header("cookie", &cookie)))
        })
        .collect();
    for (cookie, pending) in begun {
        let wanted = match cookie.starts_with("wiki") {
            true => format!("hello {cookie}"),
            false => "welcome".to_owned(),
        };
        assert_eq!(pending.response().expect(200).text(), wanted);
    }
}

#[test]
fn an_origin_sees_the_other_cookies_where_the_site_wants_it() {
    let origin = Origin::start();
    origin.page("/wiki/Tide", article("welcome"));
    let proxy = wiki(&origin).site("origin_cookies = 'all'").start();
    with_cookie(&proxy.http1(), "/wiki/Tide", "skin=x; y=z");
    with_cookie(&proxy.http1(), "/wiki/Tide", "skin=other").expect_hit();
    assert_eq!(origin.requests()[0].header("cookie"), Some("skin=x; y=z"));
}

#[test]
fn what_passes_carries_every_cookie() {
    let origin = Origin::start();
    origin.page("/w/index.php", Page::new("done").header("cache-control", "private"));
    let proxy = wiki(&origin).start();
    let post = crate::kit::Request::new("POST", "/w/index.php").header("cookie", "a=b").body("x");
    proxy.http1().send(post).expect(200);
    // The second is passed because of what is remembered of the first.
    proxy.http1().get("/w/index.php").expect_because("private");
    with_cookie(&proxy.http1(), "/w/index.php", "c=d").expect_because("marked");
    let seen = origin.requests();
    assert_eq!(seen[0].header("cookie"), Some("a=b"));
    assert_eq!(seen[2].header("cookie"), Some("c=d"));
}

#[test]
fn media_have_no_cookies_in_either_direction() {
    let origin = Origin::start();
    origin.page("/images/a.png", Page::cacheable("image").header("vary", "Cookie"));
    let proxy = Proxy::new(&origin).site("profile = 'upload'").start();
    with_cookie(&proxy.http1(), "/images/a.png", "wikisession=1");
    with_cookie(&proxy.http1(), "/images/a.png", "wikisession=2").expect_hit();
    proxy.http1().get("/images/a.png").expect(200).expect_hit();
    assert_eq!(origin.requests()[0].header("cookie"), None);
}

#[test]
fn plain_sites_leave_cookies_alone() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content").header("vary", "Cookie"));
    let proxy = Proxy::new(&origin).start();
    for cookie in ["a=1", "wikisession=2"] {
        with_cookie(&proxy.http1(), "/page", cookie);
        with_cookie(&proxy.http1(), "/page", cookie).expect_hit();
    }
    assert_eq!(origin.requests()[1].header("cookie"), Some("wikisession=2"));
}
