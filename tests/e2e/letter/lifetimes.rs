//! How long a response is fresh, to the second.

use super::{BOTH, Lines, Over, is_hit, page, path, proxy};
use crate::kit::{Origin, Proxy};

/// What the origin answers at 00:00:00 on 1 January 2026, by which sentence, and for how many seconds it is
/// fresh.
type Case<'a> = (&'a str, u16, Lines<'a>, u64);

const NOW: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
const AHEAD: &str = "Thu, 01 Jan 2026 00:00:20 GMT";
const BEFORE: &str = "Wed, 31 Dec 2025 23:59:50 GMT";

/// Takes `case`, and puts the calendar back to where it began.
fn check(proxy: &Proxy, origin: &Origin, over: Over, (rule, status, lines, seconds): Case<'_>) {
    let path = path();
    origin.page(&path, page(status, lines));
    let ask = || over.get(proxy, &path).expect(status);
    let about = format!("{over:?}: {rule}: {status} {lines:?}");
    assert!(!is_hit(&ask()), "{about}");
    if seconds > 0 {
        proxy.advance(seconds - 1);
        assert!(is_hit(&ask()), "{about}: not fresh to the last second");
        proxy.advance(1);
    }
    assert!(!is_hit(&ask()), "{about}: fresh for longer than {seconds}");
    assert_eq!(origin.count(&path), 2, "{about}");
    proxy.jump_calendar(-i64::try_from(seconds).expect("no case lasts that long"));
}

fn check_all(site: &str, cases: &[Case<'_>]) {
    let origin = Origin::start();
    let proxy = proxy(&origin, site);
    for over in BOTH {
        for case in cases {
            check(&proxy, &origin, over, *case);
        }
    }
}

const AGE_40: (&str, &str) = ("age", "40");
const MINUTE: (&str, &str) = ("cache-control", "max-age=60");
const SHORT: (&str, &str) = ("cache-control", "max-age=20");

const SAID: &[Case<'_>] = &[
    // RFC 9111 §4.2.1, §5.3: Expires.
    ("5.3 counts from Date", 200, &[("date", BEFORE), ("expires", AHEAD)], 20),
    ("4.2.1 and not from now", 200, &[("date", AHEAD), ("expires", AHEAD)], 0),
    ("5.3 equal to Date is stale", 200, &[("date", NOW), ("expires", NOW)], 0),
    (
        "4.2.3 Date ahead of our clock",
        200,
        &[("date", AHEAD), ("expires", "Thu, 01 Jan 2026 00:00:50 GMT")],
        30,
    ),
    ("5.3 invalid means expired", 200, &[("expires", "0")], 0),
    ("5.3 invalid means expired", 200, &[("expires", "tomorrow")], 0),
    ("5.3 is ignored beside max-age", 200, &[("expires", "0"), SHORT], 20),
    ("5.3 repeated is invalid", 200, &[("expires", AHEAD), ("expires", AHEAD)], 0),
    ("9110 §6.6.1 no Date: receive time", 200, &[("expires", AHEAD)], 20),
    ("4.2 invalid Date: receive time", 200, &[("date", "now"), ("expires", AHEAD)], 20),
    // §4.2.1: the first of these counts, wherever it stands.
    ("4.2.1 s-maxage, max-age", 200, &[("cache-control", "max-age=9, s-maxage=20")], 20),
    ("4.2.1 in the other order", 200, &[("cache-control", "s-maxage=20, max-age=90")], 20),
    ("4.2.1 on two lines", 200, &[MINUTE, ("cache-control", "s-maxage=20")], 20),
    ("4.2.1 before Expires", 200, &[("expires", NOW), ("cache-control", "s-maxage=20")], 20),
    ("5.2 names in any case", 200, &[("cache-control", "MaX-aGE=20")], 20),
    ("5.2.3 unknown ones are ignored", 200, &[("cache-control", "a=\"1,2\", max-age=20, b")], 20),
    ("4.2.1 the first of two counts", 200, &[("cache-control", "max-age=20, max-age=60")], 20),
    // §1.2.2, §5.2: delta-seconds.
    ("1.2.2 leading zeros", 200, &[("cache-control", "max-age=0020")], 20),
    ("5.2 quoted", 200, &[("cache-control", "max-age=\"20\"")], 20),
    ("4.2.1 not quoted like this", 200, &[("cache-control", "max-age='20'")], 0),
    ("4.2.1 negative is stale", 200, &[("cache-control", "max-age=-20")], 0),
    ("4.2.1 a fraction is stale", 200, &[("cache-control", "max-age=20.0")], 0),
    ("5.2 inside a string is none", 200, &[("cache-control", "x=\"max-age=60\", max-age=20")], 20),
    ("5.2 inside a string is none", 200, &[("cache-control", "x=\", max-age=60\"")], 0),
    (
        "1.2.2 large values are 2^31",
        200,
        &[("cache-control", "max-age=99999999999999999999")],
        1 << 31,
    ),
    // §5.1, §4.2.3: Age.
    ("4.2.3 counts against max-age", 200, &[AGE_40, MINUTE], 20),
    ("4.2.3 and s-maxage", 200, &[AGE_40, ("cache-control", "s-maxage=60")], 20),
    ("4.2.3 and Expires", 200, &[AGE_40, ("expires", "Thu, 01 Jan 2026 00:01:00 GMT")], 20),
    ("4.2.3 the older of Age and Date", 200, &[("date", BEFORE), AGE_40, MINUTE], 20),
    ("4.2.3 the older of Age and Date", 200, &[("date", BEFORE), ("age", "1"), MINUTE], 50),
    ("5.1 the first member counts", 200, &[("age", "40, 0"), MINUTE], 20),
    ("5.1 on the first line", 200, &[AGE_40, ("age", "0"), MINUTE], 20),
    ("5.1 what is no number is ignored", 200, &[("age", "7200.0"), MINUTE], 60),
    ("5.1 what is no number is ignored", 200, &[("age", "-7200"), MINUTE], 60),
    ("5.1 what is no number is ignored", 200, &[("age", "\"7200\""), MINUTE], 60),
    ("1.2.2 large values are large", 200, &[("age", "99999999999999999999"), MINUTE], 0),
    // RFC 8246 §2: it says nothing of how long.
    ("8246 §2 immutable", 200, &[("cache-control", "max-age=20, immutable")], 20),
    // §5.2.2.3, §3: statuses.
    ("5.2.2.3", 200, &[("cache-control", "must-understand, no-store, max-age=20")], 20),
    ("5.2.2.3", 299, &[("cache-control", "must-understand, max-age=20")], 0),
    ("3 an unknown status with a lifetime", 299, &[SHORT], 20),
    ("3 an unknown status with a lifetime", 599, &[("expires", AHEAD)], 20),
    ("3 and without", 299, &[("last-modified", BEFORE)], 0),
    ("3 no-store", 200, &[("cache-control", "max-age=20, no-store")], 0),
    ("3 no-store, in any case", 200, &[("cache-control", "max-age=20, No-StOrE")], 0),
    ("5.2.2.7 private", 200, &[("cache-control", "private, max-age=20")], 0),
    ("5.2.2.4 no-cache", 200, &[("cache-control", "no-cache, max-age=20"), ("etag", "\"a\"")], 0),
    ("4.1 Vary: *", 200, &[SHORT, ("vary", "accept, *")], 0),
    ("4.1 Vary: *", 200, &[SHORT, ("vary", "accept"), ("vary", "*")], 0),
    // RFC 9213 §2.2.
    ("9213 wins", 200, &[("cdn-cache-control", "max-age=20"), ("cache-control", "no-store")], 20),
    ("9213 over Expires", 200, &[("cdn-cache-control", "max-age=20"), ("expires", "0")], 20),
    ("9213 without a lifetime", 200, &[("cdn-cache-control", "public"), ("expires", AHEAD)], 0),
    ("9213 invalid is ignored", 200, &[("cdn-cache-control", "max-age=60,"), SHORT], 20),
    ("9213 no-store", 200, &[("cdn-cache-control", "no-store"), SHORT], 0),
];

#[test]
fn of_what_a_response_says_of_itself() {
    check_all("", SAID);
}

#[test]
fn of_a_date_in_each_form_and_of_none() {
    let valid = [
        ("IMF-fixdate", "Thu, 01 Jan 2026 00:00:20 GMT"),
        ("rfc850-date", "Thursday, 01-Jan-26 00:00:20 GMT"),
        ("asctime-date", "Thu Jan  1 00:00:20 2026"),
        ("names in any case", "thu, 01 jAN 2026 00:00:20 gmt"),
        ("an untrue weekday", "Mon, 01 Jan 2026 00:00:20 GMT"),
    ];
    let invalid = [
        ("another zone", "Thu, 01 Jan 2026 00:00:20 EST"),
        ("another zone", "Thu, 01 Jan 2026 00:00:20 +0000"),
        ("UTC for GMT", "Thu, 01 Jan 2026 00:00:20 UTC"),
        ("no zone", "Thu, 01 Jan 2026 00:00:20"),
        ("a year of two digits", "Thu, 01 Jan 26 00:00:20 GMT"),
        ("no comma", "Thu 01 Jan 2026 00:00:20 GMT"),
        ("dashes", "Thu, 01-Jan-2026 00:00:20 GMT"),
        ("doubled spaces", "Thu,  01 Jan 2026 00:00:20 GMT"),
        ("doubled spaces", "Thu, 01 Jan 2026  00:00:20 GMT"),
        ("an hour of one digit", "Thu, 01 Jan 2026 0:00:20 GMT"),
        ("periods", "Thu, 01 Jan 2026 00.00.20 GMT"),
        ("no such day", "Thu, 32 Jan 2026 00:00:20 GMT"),
        ("something behind", "Thu, 01 Jan 2026 00:00:20 GMT x"),
        ("a number", "20"),
    ];
    let origin = Origin::start();
    let proxy = proxy(&origin, "");
    for over in BOTH {
        for (rule, date) in valid {
            let rule = format!("RFC 9110 §5.6.7: {rule}");
            check(&proxy, &origin, over, (&rule, 200, &[("expires", date)], 20));
        }
        for (rule, date) in invalid {
            let rule = format!("RFC 9110 §5.6.7: {rule}");
            check(&proxy, &origin, over, (&rule, 200, &[("expires", date)], 0));
        }
        // 24 years, of which six are leap years.
        let beyond = [("expires", "Sat, 01 Jan 2050 00:00:00 GMT")];
        check(&proxy, &origin, over, ("years past 2038", 200, &beyond, (24 * 365 + 6) * 86_400));
    }
}

/// A hundred seconds before, and a year.
const CHANGED: (&str, &str) = ("last-modified", "Wed, 31 Dec 2025 23:58:20 GMT");
const LONG_AGO: (&str, &str) = ("last-modified", "Wed, 01 Jan 2025 00:00:00 GMT");

#[test]
fn by_the_heuristic_where_the_site_wants_it() {
    let mut cases: Vec<Case<'_>> = vec![
        (
            "4.2.2 from Date",
            200,
            &[("date", BEFORE), ("last-modified", "Wed, 31 Dec 2025 23:56:30 GMT")],
            10,
        ),
        ("4.2.2 less its Age", 200, &[CHANGED, ("age", "4")], 6),
        ("4.2.2 a day at most", 200, &[LONG_AGO], 86_400),
        ("4.2.2 changed after Date", 200, &[("last-modified", AHEAD)], 0),
        ("4.2.2 not where a lifetime is named", 200, &[CHANGED, ("cache-control", "max-age=0")], 0),
        ("4.2.2 not where Expires is invalid", 200, &[CHANGED, ("expires", "0")], 0),
        ("4.2.2 not without a date of change", 200, &[("etag", "\"a\"")], 0),
    ];
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        cases.push(("RFC 9110 §15.1", status, &[CHANGED], 10));
    }
    let with_public = [CHANGED, ("cache-control", "public")];
    for status in [302, 403, 418, 503, 599] {
        cases.push(("RFC 9110 §15.1", status, &[CHANGED], 0));
        cases.push(("5.2.2.9 public", status, &with_public, 10));
    }
    check_all("heuristic_freshness = true", &cases);
}

#[test]
fn within_what_the_site_allows() {
    let hour = ("cache-control", "max-age=3600");
    check_all(
        "max_ttl = '50s'\nnot_found_ttl = '40s'\nerror_ttl = '30s'\nnegative_ttl = '10s'\ndefault_ttl = '20s'",
        &[
            ("the longest", 200, &[hour], 50),
            ("what is shorter stays", 200, &[("cache-control", "max-age=45")], 45),
            ("of a 404", 404, &[hour], 40),
            ("of other errors", 410, &[hour], 30),
            ("of other errors", 503, &[hour], 30),
            ("a default", 200, &[], 20),
            ("a default of errors", 404, &[], 10),
            ("and not of what caches may not choose for", 503, &[], 0),
            ("and not where one is named", 404, &[("cache-control", "max-age=35")], 35),
        ],
    );
    check_all("default_ttl = '20s'", &[("a default of all", 404, &[], 20)]);
}
