//! Targets that are spelled oddly, hosts that are, and parameters that two readers read in two ways.
//! What an odd spelling brings may be stored, but only where the same question finds it: a page's own
//! URL, and every other way to write it, brings what the page's own URL asked for.

use super::{Manners, Stage, request};
use crate::kit::{Request, get};

/// What somebody asks for, the page that must not change by it, and what it must not show.
/// `PAGE` is the page's path, `TITLE` its end.
const TARGETS: [(&str, &str, &str); 60] = [
    // Parameters: twice, behind what other readers take for a separator, dropped, and encoded.
    ("PAGE?x=1&x=evil", "PAGE?x=1", "evil"),
    ("PAGE?x=evil&x=1", "PAGE?x=1", "evil"),
    ("PAGE?x=1;x=evil", "PAGE?x=1", "evil"),
    ("PAGE?x=1&y=evil", "PAGE?x=1", "evil"),
    ("PAGE?x=1&x[]=evil", "PAGE?x=1", "evil"),
    ("PAGE?x=1&x%00=evil", "PAGE?x=1", "evil"),
    ("PAGE?x=1&+x=evil", "PAGE?x=1", "evil"),
    ("PAGE?x=1&%78=evil", "PAGE?x=1", "evil"),
    ("PAGE?x=1&X=evil", "PAGE?x=1", "evil"),
    ("PAGE?x=1%26x=evil", "PAGE?x=1", "evil"),
    ("PAGE?evil", "PAGE", "evil"),
    ("PAGE?", "PAGE", "?"),
    ("PAGE?&", "PAGE", "&"),
    ("PAGE?&x=evil", "PAGE", "evil"),
    ("PAGE??x=evil", "PAGE", "evil"),
    ("PAGE?utm_source=evil", "PAGE", "evil"),
    ("PAGE?utm%5Fsource=evil", "PAGE", "evil"),
    ("PAGE?utm%5fsource=evil&fbcl%69d=evil", "PAGE", "evil"),
    ("PAGE?x=1&utm_source=evil", "PAGE?x=1", "evil"),
    ("PAGE?utm_source=a;x=evil", "PAGE", "evil"),
    ("PAGE?utm_source=a;x=evil&x=1", "PAGE?x=1", "evil"),
    ("PAGE?x=1&utm_source=a;x=evil", "PAGE?x=1", "evil"),
    ("PAGE?utm_source=a%26x=evil&x=1", "PAGE?x=1", "evil"),
    ("PAGE?x=1&utm_source[x]=evil", "PAGE?x=1", "evil"),
    ("PAGE?utm_source%00&x=evil", "PAGE", "evil"),
    // Paths: with a suffix, with what ends a path for some, and with segments that some resolve.
    ("PAGE/evil.css", "PAGE", "evil"),
    ("PAGE%2Fevil.css", "PAGE", "evil"),
    ("PAGE%252Fevil.css", "PAGE", "evil"),
    ("PAGE;evil.css", "PAGE", "evil"),
    ("PAGE%3Bevil.css", "PAGE", "evil"),
    ("PAGE%3Fevil.css", "PAGE", "evil"),
    ("PAGE%23evil.css", "PAGE", "evil"),
    ("PAGE%00evil.css", "PAGE", "evil"),
    ("PAGE%0Aevil.css", "PAGE", "evil"),
    ("PAGE%20evil", "PAGE", "evil"),
    ("PAGE\\evil.css", "PAGE", "evil"),
    ("PAGE%5Cevil.css", "PAGE", "evil"),
    ("PAGE.evil", "PAGE", "evil"),
    ("PAGE/./evil", "PAGE", "evil"),
    ("PAGE/evil/..", "PAGE", "evil"),
    ("PAGE/evil/%2e%2e", "PAGE", "evil"),
    ("PAGE%2Fevil%2F..", "PAGE", "evil"),
    ("PAGE%2fevil%2f%2e%2e", "PAGE", "evil"),
    ("/evil/..PAGE", "PAGE", "evil"),
    ("/evil/%2e%2ePAGE", "PAGE", "evil"),
    ("/evil%2f..PAGE", "PAGE", "evil"),
    ("/evil;/..PAGE", "PAGE", "evil"),
    ("/evil\\..PAGE", "PAGE", "evil"),
    ("/evil/%252e%252ePAGE", "PAGE", "evil"),
    ("/.PAGE", "PAGE", "/./"),
    ("/PAGE", "PAGE", "//wiki/"),
    ("//evil.test/..PAGE", "PAGE", "evil"),
    // Another spelling of the page itself.
    ("PAGE%", "PAGE", "%"),
    ("/w%69ki/TITLE", "PAGE", "w%69ki"),
    ("/wiki%2FTITLE", "PAGE", "%2F"),
    ("/wik%2569/TITLE", "PAGE", "%25"),
    ("/w/index.php?title=evil", "PAGE", "evil"),
    ("/w/index.php?title=TITLE&x=evil", "PAGE", "evil"),
    ("/w/index.php?title=TITLE&utm_source=evil", "PAGE", "evil"),
    ("/w/index.php?titl%65=TITLE", "PAGE", "titl%65"),
];

/// Heads that name the host in another way than everybody does, and what of it must not be shown.
const HEADS: [(&str, &str); 18] = [
    ("GET PAGE HTTP/1.1\r\nHost: wiki.test:6666\r\n\r\n", "6666"),
    ("GET PAGE HTTP/1.1\r\nHost: wiki.test:80\r\n\r\n", ":80"),
    ("GET PAGE HTTP/1.1\r\nHost: wiki.test:443\r\n\r\n", ":443"),
    ("GET PAGE HTTP/1.1\r\nHost: WIKI.test\r\n\r\n", "WIKI"),
    ("GET PAGE HTTP/1.1\r\nHost: wiki.test.\r\n\r\n", "wiki.test."),
    ("GET PAGE HTTP/1.1\r\nHost: wiki.test.:6666\r\n\r\n", "6666"),
    ("GET PAGE HTTP/1.1\r\nHost: wiki.test@evil.test\r\n\r\n", "evil"),
    ("GET PAGE HTTP/1.1\r\nHost: wiki.test/evil\r\n\r\n", "evil"),
    ("GET PAGE HTTP/1.1\r\nHost: wiki.test\r\nHost: evil.test\r\n\r\n", "evil"),
    ("GET PAGE HTTP/1.1\r\nHost: wiki.test\r\n Host: evil.test\r\n\r\n", "evil"),
    ("GET PAGE HTTP/1.1\r\nHost: wiki.test\r\nHost_: evil\r\n\r\n", "x: evil"),
    ("GET http://wiki.testPAGE HTTP/1.1\r\nHost: evil.test\r\n\r\n", "evil"),
    ("GET http://evil.testPAGE HTTP/1.1\r\nHost: wiki.test\r\n\r\n", "evil"),
    ("GET http://evil@wiki.testPAGE HTTP/1.1\r\nHost: wiki.test\r\n\r\n", "evil"),
    ("GET http://WIKI.testPAGE HTTP/1.1\r\nHost: wiki.test\r\n\r\n", "WIKI"),
    ("GET http://wiki.test:6666PAGE HTTP/1.1\r\nHost: wiki.test:6666\r\n\r\n", "6666"),
    ("GET https://wiki.testPAGE HTTP/1.1\r\nHost: wiki.test\r\n\r\n", "x-forwarded-proto: evil"),
    ("GET PAGE#evil HTTP/1.1\r\nHost: wiki.test\r\n\r\n", "evil"),
];

const PROFILES: [&str; 3] = ["plain", "mediawiki", "upload"];

#[test]
fn an_odd_target_changes_no_page_but_its_own() {
    for profile in PROFILES {
        let stage = Stage::set(profile, Manners::Forgets);
        for (n, (target, page, mark)) in TARGETS.iter().enumerate() {
            let title = format!("Page{n}");
            let place = |text: &str| {
                text.replace("PAGE", &format!("/wiki/{title}")).replace("TITLE", &title)
            };
            stage.attack(&request(&place(target), ""));
            stage.expect_clean(&place(page), mark, target);
            stage.expect_stored(&place(page));
        }
    }
}

#[test]
fn an_odd_host_changes_no_page_of_the_right_one() {
    for profile in PROFILES {
        let stage = Stage::set(profile, Manners::Forgets);
        for (n, (head, mark)) in HEADS.iter().enumerate() {
            let path = format!("/wiki/Page{n}");
            stage.attack(&head.replace("PAGE", &path));
            stage.expect_clean(&path, mark, head);
        }
    }
}

#[test]
fn the_body_of_a_get_changes_nothing() {
    for profile in PROFILES {
        let stage = Stage::set(profile, Manners::Forgets);
        let bodies = [
            "Content-Length: 6\r\n\r\nx=evil",
            "Transfer-Encoding: chunked\r\n\r\n6\r\nx=evil\r\n0\r\n\r\n",
        ];
        for (n, body) in bodies.iter().enumerate() {
            let path = format!("/wiki/Page{n}?x=1");
            stage.attack(&format!("GET {path} HTTP/1.1\r\nHost: wiki.test\r\n{body}"));
            stage.expect_clean(&path, "evil", body);
        }
        let (sending, streamed) = get("/wiki/Streamed").streamed();
        let pending = stage.proxy.http2().begin(streamed);
        sending.send("evil");
        sending.finish();
        pending.response();
        stage.expect_clean("/wiki/Streamed", "evil", "a streamed body");
    }
}

#[test]
fn other_methods_bring_in_nothing() {
    for profile in PROFILES {
        let stage = Stage::set(profile, Manners::Forgets);
        for (n, method) in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "EVIL", "HEAD", "GETevil"]
            .iter()
            .enumerate()
        {
            let path = format!("/wiki/Page{n}");
            let evil = Request::new(method, &path).header("x-mark", "evil").body("evil");
            stage.proxy.http1().send(evil);
            stage.expect_clean(&path, "evil", method);
        }
    }
}

#[test]
fn a_part_of_a_page_or_a_condition_on_it_changes_nothing() {
    for profile in PROFILES {
        let stage = Stage::set(profile, Manners::Forgets);
        let lines = [
            "Range: bytes=0-0\r\n",
            "Range: bytes=99999999-\r\n",
            "Range: bytes=0-0,1-1,2-2\r\n",
            "Range: evil=0-0\r\n",
            "Range: bytes=evil\r\n",
            "Range: bytes=0-0\r\nIf-Range: \"evil\"\r\n",
            "If-None-Match: \"evil\"\r\n",
            "If-None-Match: *\r\n",
            "If-Match: \"evil\"\r\n",
            "If-Modified-Since: Thu, 01 Jan 2037 00:00:00 GMT\r\n",
            "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
            "Expect: evil\r\n",
            "Max-Forwards: 0\r\n",
        ];
        for (n, line) in lines.iter().enumerate() {
            let path = format!("/wiki/Page{n}");
            stage.attack(&request(&path, line));
            stage.expect_clean(&path, "evil", line);
        }
    }
}
