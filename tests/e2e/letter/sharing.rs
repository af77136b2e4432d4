//! What of a response is for whom: what is withheld from caches, which of several is selected, who may be
//! answered by another's fetch, and what is served when the origin fails.

use super::{BOTH, Lines, Over, is_hit, page, path, proxy};
use crate::kit::{Origin, Page, Proxy, Reply, Request, cache_status, eventually, get};

#[test]
fn what_concerns_a_connection_is_neither_stored_nor_passed_on_rfc9110_7_6_1() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    for over in BOTH {
        let path = path();
        let lines: Lines<'_> = &[
            ("cache-control", "max-age=60"),
            ("connection", "x-one, X-Two"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-three", "3"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
        ];
        origin.page(&path, page(200, lines));
        for answer in [over.get(&proxy, &path), over.get(&proxy, &path).expect_hit()] {
            for name in ["x-one", "x-two", "keep-alive", "proxy-authenticate"] {
                assert_eq!(answer.header(name), None, "{over:?} {name}");
            }
            assert_eq!(answer.header("x-three"), Some("3"));
        }
    }
}

#[test]
fn requests_that_mean_the_same_select_the_same_rfc9111_4_1() {
    let pairs = [
        ("accept-encoding", "gzip, br;q=0.5", "br;q=0.500,GZIP", true),
        ("accept-encoding", "gzip", "br", false),
        ("accept-language", "de, en;q=0.5", "en;q=0.5 ,DE", true),
        ("accept-language", "de, en;q=0.5", "de, en;q=0.6", false),
        ("accept", "text/html, */*", "text/html,*/*", true),
        ("x-any", "1,2", "1, 2", false),
        ("x-any", "a", "A", false),
        ("x-any", "", "\0absent", false),
    ];
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    for over in BOTH {
        for (name, one, other, same) in pairs {
            let path = path();
            let vary = format!("X-Unasked,  {}", name.to_uppercase());
            origin.page(&path, page(200, &[("cache-control", "max-age=60"), ("vary", &vary)]));
            let ask = |value: &str| match value {
                "\0absent" => over.get(&proxy, &path),
                value => over.send(&proxy, get(&path).header(name, value)),
            };
            ask(one);
            assert!(is_hit(&ask(one)), "{over:?} {name}: {one}");
            assert_eq!(is_hit(&ask(other)), same, "{over:?} {name}: {one} and {other}");
        }
    }
}

/// Stores what the origin answers to requests with the fields of `asked`, and then asks with `last`.
fn selected(
    over: Over,
    answers: &[Lines<'_>],
    asked: &[Lines<'_>],
    last: Lines<'_>,
) -> Option<String> {
    let origin = Origin::start();
    let path = path();
    let answer = |lines: &Lines<'_>| Reply::from(page(200, lines));
    origin.replies(&path, answers.iter().map(answer).collect::<Vec<_>>());
    let proxy = proxy(&origin, "");
    let ask = |lines: Lines<'_>| {
        let request =
            lines.iter().fold(get(&path), |request, (name, value)| request.header(name, value));
        over.send(&proxy, request).expect(200)
    };
    asked.iter().for_each(|lines| _ = ask(lines));
    ask(last).expect_hit().header("x-name").map(str::to_owned)
}

#[test]
fn of_several_the_newest_by_date_is_selected_and_one_that_says_how_it_was_rfc9111_4_1() {
    let life = ("cache-control", "max-age=60");
    let early = ("date", "Wed, 31 Dec 2025 23:59:50 GMT");
    for over in BOTH {
        let name = selected(
            over,
            &[
                &[life, ("vary", "x-a"), ("x-name", "newer")],
                &[life, ("vary", "x-b"), ("x-name", "older"), early],
            ],
            &[&[("x-a", "1"), ("x-b", "9")], &[("x-a", "9"), ("x-b", "1")]],
            &[("x-a", "1"), ("x-b", "1")],
        );
        assert_eq!(name.as_deref(), Some("newer"), "{over:?}");
        // An origin that forgets Vary where the request has no preference.
        let name = selected(
            over,
            &[&[life, ("vary", "x-a"), ("x-name", "one")], &[life, ("x-name", "two")]],
            &[&[("x-a", "1")], &[("x-a", "2")]],
            &[("x-a", "1")],
        );
        assert_eq!(name.as_deref(), Some("one"), "{over:?}");
    }
}

#[test]
fn what_is_expired_or_purged_hides_nothing_that_is_fresh() {
    let origin = Origin::start();
    let site = "keep = '1h'\ngrace = '10m'";
    let proxy = proxy(&origin, site);
    for over in BOTH {
        for purged in [None, Some("t"), Some("hard t")] {
            let path = path();
            let first =
                page(200, &[("cache-control", "max-age=60"), ("vary", "x-a"), ("xkey", "t")]);
            let second = page(200, &[("cache-control", "max-age=600"), ("x-name", "second")]);
            origin.replies(&path, [Reply::from(first), second.into()]);
            let ask = |a: &str| over.send(&proxy, get(&path).header("x-a", a)).expect(200);
            ask("1");
            match purged {
                None => proxy.advance(61),
                Some(tag) => {
                    let hard = if tag == "t" { "soft" } else { "hard" };
                    let order =
                        Request::new("PURGE", "/").header("xkey", "t").header("x-purge-mode", hard);
                    proxy.http1().send(order).expect(204);
                }
            }
            // Of another, which says nothing of how it varies.
            ask("2");
            let answer = ask("1");
            assert_eq!(answer.header("x-name"), Some("second"), "{over:?} {purged:?}");
            assert!(is_hit(&answer), "{over:?} {purged:?}");
        }
    }
}

#[test]
fn what_is_fresh_is_served_though_another_answer_was_not_to_be_stored_rfc9111_3() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    for over in BOTH {
        let path = path();
        let lines: Lines<'_> = &[
            ("cache-control", "max-age=60, stale-if-error=600"),
            ("vary", "x-a"),
            ("etag", "\"1\""),
        ];
        let first = page(200, lines);
        let second = page(200, &[("cache-control", "no-store"), ("vary", "x-a")]);
        origin.replies(&path, [Reply::from(first), second.into(), Reply::bytes("")]);
        let ask = |a: &str| over.send(&proxy, get(&path).header("x-a", a)).expect(200);
        ask("1");
        assert!(!is_hit(&ask("2")));
        assert!(is_hit(&ask("1")), "{over:?}");
        // Nor is it forgotten for when the origin fails.
        proxy.advance(61);
        assert_eq!(cache_status(&ask("1")).detail.as_deref(), Some("if-error"), "{over:?}");
    }
}

/// What becomes of a second request, after `seconds`, when the origin fails.
fn after_a_failure(over: Over, proxy: &Proxy, origin: &Origin, says: &str, failure: Reply) -> u16 {
    let path = path();
    origin.replies(&path, [page(200, &[("cache-control", says)]).into(), failure]);
    over.get(proxy, &path).expect(200);
    proxy.advance(61);
    let answer = over.get(proxy, &path);
    let told = cache_status(&answer);
    // RFC 9211 §2.1: it was forwarded, whatever came of that.
    assert!(!told.hit && !told.stored, "{over:?} {says}: {told:?}");
    if answer.status == 200 {
        assert_eq!(told.fwd.as_deref(), Some("stale"), "{over:?} {says}");
        assert_eq!(told.ttl, Some(-1), "{over:?} {says}");
    }
    answer.status
}

#[test]
fn when_the_origin_fails_what_is_stale_is_served_where_nothing_forbids_it_rfc5861_4() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    let allows = "max-age=60, stale-if-error=600";
    for over in BOTH {
        for status in [500, 502, 503, 504] {
            let answered =
                after_a_failure(over, &proxy, &origin, allows, Page::status(status).into());
            assert_eq!(answered, 200, "{over:?} {status}");
        }
        for status in [404, 501, 505] {
            let answered =
                after_a_failure(over, &proxy, &origin, allows, Page::status(status).into());
            assert_eq!(answered, status, "{over:?}");
        }
        let closed = || Reply::bytes("");
        assert_eq!(after_a_failure(over, &proxy, &origin, allows, closed()), 200, "{over:?}");
        // RFC 9111 §4.2.4.
        for forbids in [
            "max-age=60",
            "max-age=60, stale-if-error=600, must-revalidate",
            "max-age=60, stale-if-error=600, proxy-revalidate",
            "s-maxage=60, stale-if-error=600",
            "max-age=60, stale-if-error=600, no-cache=\"\"",
            "max-age=60, stale-if-error=1",
        ] {
            let answered = after_a_failure(over, &proxy, &origin, forbids, closed());
            assert_eq!(answered, 502, "{over:?} {forbids}");
            let answered =
                after_a_failure(over, &proxy, &origin, forbids, Page::status(503).into());
            assert_eq!(answered, 503, "{over:?} {forbids}");
        }
    }
}

#[test]
fn cache_status_says_what_the_origin_answered_and_the_key_where_that_is_wanted_rfc9211_2() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "cache_status_key = true");
    for over in BOTH {
        let path = path();
        let lines: Lines<'_> = &[
            ("cache-control", "max-age=60"),
            ("etag", "\"1\""),
            ("cache-status", "Inner; hit; ttl=3"),
        ];
        origin.page(&path, page(200, lines));
        let request = get(&format!("{path}?q=1")).header("if-none-match", "\"1\"");
        let first = over.send(&proxy, request).expect(304);
        let told = cache_status(&first);
        assert_eq!((told.fwd.as_deref(), told.fwd_status), (Some("uri-miss"), Some(200)));
        let second = over.get(&proxy, &format!("{path}?q=1")).expect_hit();
        let all = second.all("cache-status").join(", ");
        let expected = format!("; key=\"wiki.test{path}?q=1\"; detail=fresh");
        assert!(all.starts_with("Inner; hit; ttl=3, ") && all.ends_with(&expected), "{all}");
    }
}

#[test]
fn an_origin_of_http_1_0_is_said_to_be_one_rfc9110_7_6_3() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    for over in BOTH {
        let path = path();
        let old = "HTTP/1.0 200 OK\r\nCache-Control: max-age=60\r\n\r\nold";
        origin.replies(&path, [Reply::bytes(old)]);
        for answer in [over.get(&proxy, &path), over.get(&proxy, &path).expect_hit()] {
            assert_eq!(answer.text(), "old", "{over:?}");
            let via = answer.header("via").expect("our member");
            assert!(via.starts_with("1.0 "), "{over:?}: {via}");
        }
    }
}

#[test]
fn what_is_said_meanwhile_is_neither_stored_nor_mixed_in_rfc9110_15_2() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    for over in BOTH {
        let path = path();
        let answer = "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n\
            HTTP/1.1 102 Processing\r\nCache-Control: no-store\r\n\r\n\
            HTTP/1.1 199 Whatever\r\nETag: \"early\"\r\n\r\n\
            HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 3\r\n\r\nnow";
        origin.replies(&path, [Reply::bytes(answer)]);
        for answer in [over.get(&proxy, &path), over.get(&proxy, &path).expect_hit()] {
            assert_eq!((answer.status, answer.text().as_str()), (200, "now"), "{over:?}");
            assert_eq!(answer.header("x-early").or(answer.header("etag")), None, "{over:?}");
            assert_eq!(answer.header("cache-control"), Some("max-age=60"), "{over:?}");
        }
    }
}

#[test]
fn conditions_that_only_the_origin_can_judge_are_the_origin_s_rfc9111_4_3_2() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    for over in BOTH {
        for (name, value) in
            [("if-match", "\"1\""), ("if-unmodified-since", "Thu, 01 Jan 2026 00:00:00 GMT")]
        {
            let path = path();
            let stored = Page::cacheable("x").header("etag", "\"1\"");
            origin.on(&path, move |seen| match seen.header(name) {
                Some(_) => Page::status(412),
                None => stored.clone(),
            });
            over.get(&proxy, &path).expect(200);
            let asked = over.send(&proxy, get(&path).header(name, value)).expect(412);
            assert_eq!(cache_status(&asked).fwd.as_deref(), Some("bypass"), "{over:?} {name}");
            assert!(is_hit(&over.get(&proxy, &path)), "{over:?} {name}");
        }
    }
}

#[test]
fn what_a_targeted_field_forbids_to_transform_is_not_coded_rfc9213_2_2() {
    let origin = Origin::start();
    let text = Page::new("tide ".repeat(400)).header("content-type", "text/plain");
    let proxy = proxy(&origin, "compress = ['gzip']");
    for over in BOTH {
        let [kept, coded] = [path(), path()];
        origin.page(&kept, text.clone().header("cdn-cache-control", "max-age=600, no-transform"));
        origin.page(&coded, text.clone().header("cdn-cache-control", "max-age=600"));
        let encoding = |path: &str| {
            let answer = over.send(&proxy, get(path).header("accept-encoding", "gzip"));
            answer.header("content-encoding").map(str::to_owned)
        };
        // Asked for first, so that it would be coded first.
        assert_eq!(encoding(&kept), None);
        eventually("the other is coded", || encoding(&coded).is_some());
        assert_eq!(encoding(&kept), None, "{over:?}");
    }
}
