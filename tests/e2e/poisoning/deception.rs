//! Deception: somebody who is logged in is made to ask for a target that looks like a file's, and the
//! origin answers with their own page; whoever asks for the target next must not get it.

use crate::kit::origin::Seen;
use crate::kit::{Origin, Page, Proxy, get};

/// What is put behind the path of a page that is one reader's own.
const SUFFIXES: [&str; 22] = [
    "",
    "/x.css",
    "/x.js",
    "%2Fx.css",
    "%2fx.png",
    "%252Fx.css",
    ";x.css",
    "%3Bx.css",
    "%3bx.css",
    ".css",
    "%00.css",
    "%00x.css",
    "%0A.css",
    "%23x.css",
    "%3Fx.css",
    "?x.css",
    "?utm_source=x.css",
    "\\x.css",
    "%5Cx.css",
    "/../x.css",
    "%2F..%2Fstatic%2Fx.css",
    "/%2e%2e/static/x.css",
];

/// What the origin says of the page besides, if it says anything.
const SAYS: [&[(&str, &str)]; 6] = [
    &[
        ("cache-control", "private, must-revalidate, max-age=0"),
        ("vary", "Accept-Encoding, Cookie"),
    ],
    &[("cache-control", "private")],
    &[("cache-control", "no-store")],
    &[("cache-control", "no-cache")],
    &[],
    &[("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT")],
];

/// A page of somebody's own for whoever has a session, at whatever comes behind the path.
fn page(seen: &Seen, says: &[(&str, &str)]) -> Page {
    let page = match seen.header("cookie").or(seen.header("authorization")) {
        Some(secret) => Page::new(format!("your secret is {secret}")),
        None => Page::new("log in"),
    };
    says.iter().fold(page, |page, (name, value)| page.header(name, value))
}

#[track_caller]
fn play(profile: &str, more: &str, says: &'static [(&str, &str)], secret: (&str, &str)) {
    let origin = Origin::start();
    origin.otherwise(move |seen| page(seen, says));
    let site = format!("profile = '{profile}'\n jitter = 0\n {more}");
    let proxy = Proxy::new(&origin).tls().site(&site).start();
    let victims = [proxy.http1(), proxy.http2()];
    let others = [proxy.http1(), proxy.http2(), proxy.http1_tls()];
    for (n, suffix) in SUFFIXES.iter().enumerate() {
        let path = format!("/wiki/Special:Preferences{n}{suffix}");
        for victim in &victims {
            let own = victim.send(get(&path).header(secret.0, secret.1)).expect(200);
            assert!(own.text().ends_with(secret.1), "{profile}, {path}: {own:?}");
        }
        for other in &others {
            for request in [get(&path), get(&path).header("cookie", "other=1")] {
                let seen = other.send(request);
                assert!(!seen.text().contains(secret.1), "{profile}, {says:?}, {path}: {seen:?}");
            }
        }
    }
}

#[test]
fn what_is_somebody_s_own_stays_theirs_however_its_target_looks() {
    for says in SAYS {
        for profile in ["plain", "mediawiki"] {
            play(profile, "", says, ("cookie", "wikisession=secret"));
        }
    }
    // Here there is nothing more to say.
    for says in [&[][..], &[("cache-control", "max-age=60")]] {
        for profile in ["plain", "mediawiki", "upload"] {
            play(profile, "", says, ("authorization", "Basic secret"));
        }
    }
}

#[test]
fn in_a_wiki_it_does_though_the_origin_forgets_to_say_so() {
    let forgets: [&[(&str, &str)]; 3] = [
        &[("cache-control", "max-age=60")],
        &[("expires", "Thu, 01 Jan 2037 00:00:00 GMT")],
        &[("cache-control", "public, s-maxage=60"), ("set-cookie", "wikisession=secret")],
    ];
    for says in forgets {
        play("mediawiki", "", says, ("cookie", "wikisession=secret"));
    }
    let lifetime = "default_ttl = '10m'\n heuristic_freshness = true";
    for says in SAYS {
        play("mediawiki", lifetime, says, ("cookie", "wikisession=secret"));
    }
}

#[test]
fn a_cookie_that_an_origin_sets_is_nobody_else_s() {
    let origin = Origin::start();
    origin.otherwise(|seen| {
        let page = Page::cacheable(format!("for {}", seen.target));
        let cookie = seen.header("x-number").unwrap_or("none").to_owned();
        page.header("set-cookie", &format!("id={cookie}"))
    });
    for profile in ["plain", "mediawiki", "upload"] {
        let proxy = Proxy::new(&origin).site(&format!("profile = '{profile}'")).start();
        for n in 0..3 {
            let answer = proxy.http1().send(get("/wiki/Page").header("x-number", &n.to_string()));
            let cookie = answer.header("set-cookie").unwrap_or_default().to_owned();
            assert!(cookie.is_empty() || cookie == format!("id={n}"), "{profile}: {cookie}");
        }
    }
}
