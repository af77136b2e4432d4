//! Ranges (RFC 9110 §14, §13.1.5; RFC 9111 §3.3): of what is stored, of what is still coming, and of what is
//! not there.

use super::{BOTH, is_hit, page, path, proxy};
use crate::kit::{Origin, Page, Request, get};

const DIGITS: &str = "0123456789";
const CHANGED: &str = "Wed, 31 Dec 2025 23:59:50 GMT";

fn digits() -> Page {
    let lines = [("cache-control", "max-age=60"), ("etag", "\"1\""), ("last-modified", CHANGED)];
    lines.iter().fold(Page::new(DIGITS), |page, (name, value)| page.header(name, value))
}

#[test]
fn of_what_is_stored_rfc9110_14_1_2() {
    // What is asked, the status, what comes, and of what it tells to be a part.
    let cases = [
        ("bytes=0-3", 206, "0123", Some("bytes 0-3/10")),
        ("bytes=4-4", 206, "4", Some("bytes 4-4/10")),
        ("bytes=4-", 206, "456789", Some("bytes 4-9/10")),
        ("bytes=-3", 206, "789", Some("bytes 7-9/10")),
        ("bytes=0-99", 206, DIGITS, Some("bytes 0-9/10")),
        ("bytes=-99", 206, DIGITS, Some("bytes 0-9/10")),
        ("BYTES=0-3", 206, "0123", Some("bytes 0-3/10")),
        ("bytes=10-", 416, "", Some("bytes */10")),
        ("bytes=-0", 416, "", Some("bytes */10")),
        ("bytes=5-2", 200, DIGITS, None),
        ("bytes=0-1, 4-5", 200, DIGITS, None),
        ("bytes=x-1", 200, DIGITS, None),
        ("lines=0-1", 200, DIGITS, None),
    ];
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    for over in BOTH {
        let path = path();
        origin.page(&path, digits());
        over.get(&proxy, &path).expect(200);
        for (range, status, text, part) in cases {
            let answer = over.send(&proxy, get(&path).header("range", range)).expect(status);
            let about = format!("{over:?} {range}");
            assert_eq!((answer.header("content-range"), is_hit(&answer)), (part, true), "{about}");
            if status != 416 {
                assert_eq!(answer.text(), text, "{about}");
            }
        }
        let head = Request::new("HEAD", &path).header("range", "bytes=0-3");
        let head = over.send(&proxy, head).expect(200);
        assert_eq!(head.header("content-length"), Some("10"), "{over:?}: GET alone has ranges");
        assert_eq!(origin.count(&path), 1);
    }
}

#[test]
fn where_it_is_still_what_the_client_has_rfc9110_13_1_5() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    for over in BOTH {
        let path = path();
        origin.page(&path, digits());
        over.get(&proxy, &path).expect(200);
        for (condition, status) in [
            ("\"1\"", 206),
            ("\"2\"", 200),
            ("W/\"1\"", 200),
            ("1", 200),
            (CHANGED, 206),
            ("Wed, 31 Dec 2025 23:59:49 GMT", 200),
            ("Wed, 31 Dec 2025 23:59:51 GMT", 200),
        ] {
            let request = get(&path).header("range", "bytes=2-3").header("if-range", condition);
            let answer = over.send(&proxy, request).expect(status);
            let text = if status == 206 { "23" } else { DIGITS };
            assert_eq!(answer.text(), text, "{over:?} {condition}");
        }
    }
}

#[test]
fn of_what_is_not_there_and_of_what_is_coming() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    for over in BOTH {
        // It is fetched whole, and stored.
        let one = path();
        origin.page(&one, digits());
        let part = over.send(&proxy, get(&one).header("range", "bytes=-2")).expect(206);
        assert_eq!(part.text(), "89", "{over:?}");
        assert!(origin.requests().iter().all(|seen| seen.header("range").is_none()));
        assert_eq!(over.get(&proxy, &one).expect_hit().text(), DIGITS);
        // Of what has come so far, without waiting for the rest.
        let two = path();
        let (gate, reply) =
            Page::new("01234").header("cache-control", "max-age=60").length(10).gated();
        origin.replies(&two, [reply]);
        std::thread::scope(|scope| {
            let whole = scope.spawn(|| over.get(&proxy, &two).expect(200));
            origin.wait_for(&two, 1);
            let part = over.send(&proxy, get(&two).header("range", "bytes=1-3")).expect(206);
            assert_eq!((part.text().as_str(), part.complete), ("123", true), "{over:?}");
            gate.send("56789");
            gate.finish();
            assert_eq!(whole.join().expect("an answer").text(), DIGITS);
        });
    }
}

#[test]
fn an_origin_s_part_is_passed_on_and_not_stored_where_the_site_wants_that_rfc9111_3_3() {
    let origin = Origin::start();
    let proxy = proxy(&origin, "ranges = 'passed'");
    for over in BOTH {
        let path = path();
        origin.on(&path, |seen| match seen.header("range") {
            Some(_) => {
                page(206, &[("cache-control", "max-age=60"), ("content-range", "bytes 0-0/10")])
            }
            None => digits(),
        });
        let part = over.send(&proxy, get(&path).header("range", "bytes=0-0")).expect(206);
        assert_eq!(part.header("content-range"), Some("bytes 0-0/10"), "{over:?}");
        assert!(!is_hit(&over.get(&proxy, &path).expect(200)), "{over:?}");
        let part = over.send(&proxy, get(&path).header("range", "bytes=-1")).expect(206);
        assert!(is_hit(&part) && part.text() == "9", "{over:?}");
    }
}
