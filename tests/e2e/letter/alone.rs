//! What of an answer is for who asked alone: fields that are withheld from caches by name, and what must be
//! confirmed before every use.

use std::sync::Mutex;

use super::{BOTH, Lines, Over, is_hit, page, path, proxy};
use crate::kit::{Gate, Origin, Page, Proxy, Reply, Response, cache_status, get};

/// Two clients of one page, of which the second comes while the first's answer is held back.
fn at_once(over: Over, proxy: &Proxy, origin: &Origin, path: &str, gate: Gate) -> [Response; 2] {
    std::thread::scope(|scope| {
        let ask = || scope.spawn(|| over.get(proxy, path).expect(200));
        let first = ask();
        origin.wait_for(path, 1);
        let second = ask();
        proxy.wait_for_waiters(1);
        gate.finish();
        [first, second].map(|client| client.join().expect("an answer"))
    })
}

#[test]
fn fields_that_are_withheld_by_name_are_for_who_asked_alone_rfc9111_5_2_2_4_5_2_2_7() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    for over in BOTH {
        for says in ["private=\"X-User, set-cookie\"", "no-cache=\"x-user,Set-Cookie\""] {
            let path = path();
            let says = format!("max-age=60, {says}");
            let own = page(200, &[("cache-control", &says), ("etag", "\"1\""), ("x-other", "1")]);
            let own =
                own.header("x-user", "bob").header("set-cookie", "a=b").header("set-cookie", "c=d");
            origin.page(&path, own);
            let first = over.get(&proxy, &path).expect(200);
            assert_eq!(first.header("x-user"), Some("bob"), "{over:?}");
            assert_eq!(first.all("set-cookie"), ["a=b", "c=d"]);
            let second = over.get(&proxy, &path).expect_hit();
            assert_eq!(second.header("x-user"), None, "{over:?}");
            assert_eq!(second.header("set-cookie"), None);
            assert_eq!(second.header("x-other"), Some("1"));
        }
    }
}

#[test]
fn a_304_brings_its_client_what_it_withholds_rfc9111_5_2_2_4() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "keep = '1h'");
    let lines: Lines<'_> =
        &[("cache-control", "max-age=60, private=\"x-user\""), ("etag", "\"1\"")];
    for over in BOTH {
        let path = path();
        let first = page(200, lines).header("x-user", "bob");
        let second = page(304, lines).header("x-user", "eve");
        origin.replies(&path, [Reply::from(first), second.into()]);
        over.get(&proxy, &path).expect(200);
        proxy.advance(61);
        let confirmed = over.get(&proxy, &path).expect(200).expect_because("confirmed");
        assert_eq!(confirmed.header("x-user"), Some("eve"));
        assert_eq!(over.get(&proxy, &path).expect_hit().header("x-user"), None);
    }
}

#[test]
fn what_must_be_confirmed_answers_nobody_else_rfc9111_4() {
    for says in ["no-cache", "max-age=0", "max-age=60, no-cache"] {
        let origin = Origin::start();
        let proxy = proxy(&origin, "");
        for over in BOTH {
            let path = path();
            let own = page(200, &[("cache-control", says), ("etag", "\"1\"")]);
            let (gate, held) = own.clone().held();
            let held = Mutex::new(Some(held));
            origin.on(&path, move |seen| {
                let first = held.lock().expect("no script panics").take();
                first.unwrap_or_else(|| match seen.header("if-none-match") {
                    Some(_) => Page::status(304).into(),
                    None => own.clone().into(),
                })
            });
            let [_, second] = at_once(over, &proxy, &origin, &path, gate);
            assert!(!cache_status(&second).collapsed && !is_hit(&second), "{over:?} {says}");
            assert_eq!(origin.count(&path), 2, "{over:?} {says}");
        }
    }
}

#[test]
fn nobody_waits_in_line_for_what_is_for_one_alone_rfc9111_4() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    for over in BOTH {
        let path = path();
        let gates = Mutex::new(Vec::new());
        let gates = std::sync::Arc::new(gates);
        let kept = std::sync::Arc::clone(&gates);
        // The first one's head comes at once, of the others nothing before all have asked.
        origin.on(&path, move |_| {
            let own = page(200, &[("cache-control", "no-cache"), ("etag", "\"1\"")]);
            let mut kept = kept.lock().expect("no script panics");
            let (gate, reply) = if kept.is_empty() { own.gated() } else { own.held() };
            kept.push(gate);
            reply
        });
        std::thread::scope(|scope| {
            let clients: Vec<_> =
                (0..5).map(|_| scope.spawn(|| over.get(&proxy, &path).expect(200))).collect();
            // All of them ask, though no answer is whole.
            origin.wait_for(&path, 5);
            gates.lock().expect("no script panics").drain(..).for_each(Gate::finish);
            for client in clients {
                assert!(!cache_status(&client.join().expect("an answer")).collapsed, "{over:?}");
            }
        });
    }
}

#[test]
fn who_waits_for_another_s_answer_gets_none_of_its_own_fields_rfc9111_5_2_2_7() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    for over in BOTH {
        let path = path();
        let says = "max-age=60, private=\"x-user, set-cookie, x-last\"";
        let (gate, held) = Page::new("x")
            .header("cache-control", says)
            .header("x-user", "bob")
            .header("set-cookie", "a=b")
            .trailer("x-last", "bob")
            .trailer("x-end", "1")
            .held();
        origin.replies(&path, [held]);
        let [first, second] = at_once(over, &proxy, &origin, &path, gate);
        assert_eq!(
            (first.header("x-user"), first.header("set-cookie")),
            (Some("bob"), Some("a=b"))
        );
        let third = over.send(&proxy, get(&path).header("te", "trailers")).expect_hit();
        assert!(cache_status(&second).collapsed);
        for other in [second, third] {
            assert_eq!(
                (other.header("x-user"), other.header("set-cookie")),
                (None, None),
                "{over:?}"
            );
            assert_eq!(other.trailers.get("x-last"), None, "{over:?}");
        }
    }
}

#[test]
fn a_304_withholds_trailers_too() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "keep = '1h'");
    for over in BOTH {
        let path = path();
        let lines = [("cache-control", "max-age=60"), ("etag", "\"1\"")];
        let first = page(200, &lines).trailer("x-user", "bob").trailer("x-end", "1");
        let says = [("cache-control", "max-age=60, private=\"x-user\""), ("etag", "\"1\"")];
        origin.replies(&path, [Reply::from(first), page(304, &says).into()]);
        let ask = || over.send(&proxy, get(&path).header("te", "trailers")).expect(200);
        ask();
        assert!(ask().expect_hit().trailers.contains_key("x-user"));
        proxy.advance(61);
        ask().expect_because("confirmed");
        let trailers = ask().expect_hit().trailers;
        assert!(!trailers.contains_key("x-user") && trailers.contains_key("x-end"), "{over:?}");
    }
}

#[test]
fn one_refresh_is_enough_also_of_what_is_stale_when_it_comes() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    for over in BOTH {
        let path = path();
        let says = [("cache-control", "max-age=0, stale-while-revalidate=600")];
        let (gate, slow) = page(200, &says).gated();
        origin.replies(&path, [Reply::from(page(200, &says)), slow]);
        over.get(&proxy, &path).expect(200);
        over.get(&proxy, &path).expect_because("while-revalidate");
        origin.wait_for(&path, 2);
        // The refresh's body is yet to come.
        let led = proxy.metric("tidegate_flights");
        for _ in 0..5 {
            over.get(&proxy, &path).expect_because("while-revalidate");
        }
        assert!((proxy.metric("tidegate_flights") - led).abs() < 0.5, "{over:?}");
        assert_eq!(origin.count(&path), 2, "{over:?}");
        gate.finish();
    }
}
