//! Stale answers (RFC 9111 §4.2.4, RFC 5861 §3): how long, by whose word, and which word forbids them.

use super::{BOTH, page, path, proxy};
use crate::kit::{Origin, cache_status};

/// What a response says, its age when it is asked for again, and the reason of what comes then.
type Case<'a> = (&'a str, u64, &'a str);

fn check(site: &str, cases: &[Case<'_>]) {
    let origin = Origin::start();
    let proxy = proxy(&origin, site);
    for over in BOTH {
        for (says, age, reason) in cases {
            let path = path();
            origin.page(&path, page(200, &[("cache-control", says), ("etag", "\"1\"")]));
            over.get(&proxy, &path).expect(200);
            proxy.advance(*age);
            let told = cache_status(&over.get(&proxy, &path).expect(200));
            let about = format!("{over:?} {site:?}: {says}, {age} s");
            assert_eq!(told.detail.as_deref(), Some(*reason), "{about}");
            let stale = ["while-revalidate", "operator-grace"].contains(reason);
            assert_eq!(told.hit, stale || *reason == "fresh", "{about}");
        }
    }
}

#[test]
fn by_the_response_s_own_word_rfc5861_3() {
    check(
        "",
        &[
            ("max-age=60, stale-while-revalidate=30", 59, "fresh"),
            ("max-age=60, stale-while-revalidate=30", 60, "while-revalidate"),
            ("max-age=60, stale-while-revalidate=30", 89, "while-revalidate"),
            ("max-age=60, stale-while-revalidate=30", 90, "expired"),
            ("max-age=60", 60, "expired"),
            ("max-age=60, stale-if-error=30", 60, "expired"),
            ("max-age=60, stale-while-revalidate=30, must-revalidate", 60, "expired"),
            ("max-age=60, stale-while-revalidate=30, proxy-revalidate", 60, "expired"),
            ("s-maxage=60, stale-while-revalidate=30", 60, "expired"),
            ("max-age=60, stale-while-revalidate=30, no-cache", 1, "no-cache"),
        ],
    );
}

#[test]
fn by_the_site_s_where_nothing_forbids_it_rfc9111_4_2_4() {
    check(
        "grace = '30s'\nstale = 'rfc'",
        &[
            ("max-age=60", 60, "while-revalidate"),
            ("max-age=60", 89, "while-revalidate"),
            ("max-age=60", 90, "expired"),
            ("max-age=60, stale-while-revalidate=0", 60, "expired"),
            ("max-age=60, must-revalidate", 60, "expired"),
            ("max-age=60, proxy-revalidate", 60, "expired"),
            ("s-maxage=60", 60, "expired"),
            ("max-age=60, no-cache", 1, "no-cache"),
        ],
    );
}

#[test]
fn by_the_operator_s_though_something_forbids_it_but_never_no_cache() {
    check(
        "grace = '30s'\nstale = 'operator'",
        &[
            ("max-age=60", 60, "while-revalidate"),
            ("s-maxage=60, must-revalidate, max-age=0", 59, "fresh"),
            ("s-maxage=60, must-revalidate, max-age=0", 60, "operator-grace"),
            ("s-maxage=60, must-revalidate, max-age=0", 89, "operator-grace"),
            ("s-maxage=60, must-revalidate, max-age=0", 90, "expired"),
            ("max-age=60, proxy-revalidate", 60, "operator-grace"),
            ("max-age=60, no-cache", 1, "no-cache"),
            ("max-age=60, no-cache, must-revalidate", 61, "no-cache"),
        ],
    );
}
