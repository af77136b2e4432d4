//! What requests that are no GET do to what is stored (RFC 9111 §4.3.5, §4.4; RFC 9875 §3).

use super::{BOTH, Lines, Over, is_hit, page, path, proxy};
use crate::kit::{Origin, Page, Proxy, Request, get};

/// Stores `path`, if it is not stored.
fn store(proxy: &Proxy, over: Over, path: &str) {
    over.get(proxy, path).expect(200);
    assert!(is_hit(&over.get(proxy, path)), "{path}");
}

/// An origin whose every GET may be stored, and which answers everything else with `status` and `lines`.
fn origin(status: u16, lines: Lines<'_>) -> Origin {
    let origin = Origin::start();
    let other = page(status, lines);
    origin.otherwise(move |seen| match &*seen.method {
        "GET" => Page::cacheable("x"),
        _ => other.clone(),
    });
    origin
}

#[test]
fn an_unsafe_method_invalidates_its_target_and_what_it_does_not_know_is_unsafe_rfc9111_4_4() {
    for (status, gone) in [(200, true), (204, true), (303, true), (404, false), (500, false)] {
        let origin = origin(status, &[]);
        let proxy = proxy(&origin, "");
        for over in BOTH {
            for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "PROPFIND", "get"] {
                let path = path();
                store(&proxy, over, &path);
                over.send(&proxy, Request::new(method, &path)).expect(status);
                let hit = is_hit(&over.get(&proxy, &path));
                assert_eq!(hit, !gone, "{over:?} {method} {status}");
            }
            for method in ["HEAD", "OPTIONS"] {
                let path = path();
                store(&proxy, over, &path);
                // One that only the origin can answer.
                over.send(&proxy, Request::new(method, &path).header("if-match", "*"))
                    .expect(status);
                assert!(is_hit(&over.get(&proxy, &path)), "{over:?} {method}");
            }
        }
    }
}

#[test]
fn what_the_answer_names_is_invalidated_where_it_is_of_the_same_origin_rfc9111_4_4() {
    let cases = [
        ("/other", true),
        ("other", true),
        ("./x/../other", true),
        ("SCHEME://HOST/other", true),
        ("SCHEME://HOST/other#part", true),
        ("//HOST/other", true),
        ("SCHEME://elsewhere.test/other", false),
        ("//elsewhere.test/other", false),
        ("ftp://HOST/other", false),
        ("SCHEME://HOST:81/other", false),
    ];
    for field in ["location", "content-location"] {
        for (named, gone) in cases {
            for over in BOTH {
                for port in ["", ":8080"] {
                    let scheme = if matches!(over, Over::Http1) { "http" } else { "https" };
                    let host = format!("wiki.test{port}");
                    let named = named.replace("SCHEME", scheme).replace("HOST", &host);
                    let named = named.replace(":8080:81", ":81");
                    let origin = origin(201, &[(field, &named)]);
                    let proxy = proxy(&origin, "");
                    let ask = || over.send(&proxy, get("/other").host(&host)).expect(200);
                    ask();
                    assert!(is_hit(&ask()));
                    over.send(&proxy, Request::new("POST", "/page").host(&host)).expect(201);
                    assert_eq!(is_hit(&ask()), !gone, "{over:?} {host} {field}: {named}");
                }
            }
        }
    }
}

#[test]
fn a_name_without_the_port_is_another_origin_s_rfc9110_4_3_1() {
    for (named, gone) in [("http://wiki.test/other", false), ("http://wiki.test:8080/other", true)]
    {
        let origin = origin(201, &[("location", named)]);
        let proxy = proxy(&origin, "");
        let client = proxy.http1();
        let ask = || client.send(get("/other").host("wiki.test:8080"));
        ask();
        client.send(Request::new("POST", "/page").host("wiki.test:8080")).expect(201);
        assert_eq!(is_hit(&ask()), !gone, "{named}");
    }
}

#[test]
fn groups_are_invalidated_within_their_origin_rfc9875_3() {
    let served = Origin::start();
    served.otherwise(|seen| match &*seen.method {
        "GET" => Page::cacheable("x").header("cache-groups", "\"a\", \"b\""),
        _ => Page::status(204).header("cache-group-invalidation", "\"b\", \"c\""),
    });
    let proxy = proxy(&served, "");
    for over in BOTH {
        let [one, two] = [path(), path()];
        let on = |over: Over, host: &str, path: &str| {
            over.send(&proxy, get(path).host(host)).expect(200)
        };
        let other = match over {
            Over::Http1 => Over::Http2,
            Over::Http2 => Over::Http1,
        };
        for path in [&one, &two] {
            on(over, "wiki.test", path);
            on(over, "www.wiki.test", path);
            on(other, "wiki.test", path);
        }
        // On nothing but an answer to an unsafe request.
        over.send(&proxy, Request::new("HEAD", &one).header("if-match", "*")).expect(204);
        assert!(is_hit(&on(over, "wiki.test", &two)), "{over:?}");
        over.send(&proxy, Request::new("POST", "/change")).expect(204);
        for path in [&one, &two] {
            assert!(!is_hit(&on(over, "wiki.test", path)), "{over:?}: of the same origin");
            assert!(is_hit(&on(over, "www.wiki.test", path)), "{over:?}: of another host");
            assert!(is_hit(&on(other, "wiki.test", path)), "{over:?}: of another scheme");
        }
    }
}

#[test]
fn groups_that_an_error_names_stay_rfc9875_3() {
    let served = Origin::start();
    served.otherwise(|seen| match &*seen.method {
        "GET" => Page::cacheable("x").header("cache-groups", "\"a\""),
        _ => Page::status(500).header("cache-group-invalidation", "\"a\""),
    });
    let proxy = proxy(&served, "");
    for over in BOTH {
        let path = path();
        store(&proxy, over, &path);
        over.send(&proxy, Request::new("POST", "/change")).expect(500);
        assert!(is_hit(&over.get(&proxy, &path)), "{over:?}");
    }
}

#[test]
fn the_answer_to_a_head_that_is_of_another_page_has_what_is_stored_confirmed_rfc9111_4_3_5() {
    let stored = page(200, &[("cache-control", "max-age=60"), ("etag", "\"1\"")]);
    let cases: [(u16, Lines<'_>, bool); 5] = [
        (200, &[("etag", "\"1\""), ("content-length", "1")], true),
        (200, &[("etag", "\"2\"")], false),
        (200, &[("etag", "\"1\""), ("content-length", "2")], false),
        (404, &[("etag", "\"2\"")], true),
        (200, &[], true),
    ];
    for (status, lines, stays) in cases {
        let origin = Origin::start();
        let head = page(status, lines).header("cache-control", "max-age=60");
        let (stored, head) = (stored.clone(), head.until_close());
        origin.otherwise(move |seen| match &*seen.method {
            "GET" => stored.clone(),
            _ => head.clone(),
        });
        let proxy = proxy(&origin, "");
        for over in BOTH {
            let path = path();
            store(&proxy, over, &path);
            // One that only the origin can answer.
            let head = Request::new("HEAD", &path).header("if-match", "*");
            over.send(&proxy, head).expect(status);
            assert_eq!(is_hit(&over.get(&proxy, &path)), stays, "{over:?} {status} {lines:?}");
        }
    }
}

#[test]
fn the_answer_to_one_client_s_head_says_nothing_of_everybody_s_page() {
    let stored = page(200, &[("cache-control", "max-age=60"), ("etag", "\"1\"")]);
    // What the client says, and what the origin says to it.
    let cases: [(&str, &str, &str); 4] = [
        ("authorization", "Basic eDp5", "max-age=60, public"),
        ("cookie", "theme=dark", "max-age=60"),
        ("x-other", "1", "private"),
        ("x-other", "1", "no-store"),
    ];
    for (name, value, says) in cases {
        for site in ["", "cookies = 'by-session'"] {
            let origin = Origin::start();
            let head = page(200, &[("etag", "\"2\""), ("cache-control", says)]).until_close();
            let stored = stored.clone();
            origin.otherwise(move |seen| match &*seen.method {
                "GET" => stored.clone(),
                _ => head.clone(),
            });
            let proxy = proxy(&origin, site);
            for over in BOTH {
                let path = path();
                store(&proxy, over, &path);
                let head = Request::new("HEAD", &path).header("if-match", "*").header(name, value);
                over.send(&proxy, head).expect(200);
                assert!(is_hit(&over.get(&proxy, &path)), "{over:?} {site:?} {name} {says}");
            }
        }
    }
}
