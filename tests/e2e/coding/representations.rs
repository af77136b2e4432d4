//! Conditions, ranges and HEAD on a coding, and what an origin is told of its tag.

use super::{Coded, coding, decoded, page, taking, text};
use crate::kit::{Origin, Page, Request, Response, get};

#[test]
fn conditions_are_about_the_coding_that_is_taken() {
    let origin = Origin::start();
    origin.page("/page", page(text(1)).header("etag", "W/\"abc\""));
    let proxy = coding(&origin).start();
    proxy.http1().get("/page").expect(200);
    proxy.wait_for_jobs("stored", 1);
    let ask = |taken, tag| proxy.http1().send(taking(taken, "/page").header("if-none-match", tag));
    for (taken, tag) in
        [("gzip", "W/\"abc-gzip\""), ("zstd", "W/\"abc-zstd\""), ("br", "W/\"abc\"")]
    {
        let answer = ask(taken, tag).expect(304);
        assert_eq!(
            (answer.header("etag"), answer.header("vary")),
            (Some(tag), Some("Accept-Encoding"))
        );
    }
    assert_eq!(decoded(&ask("gzip", "W/\"abc\"").expect(200)), (Some("gzip"), text(1)));
    assert_eq!(decoded(&ask("br", "W/\"abc-gzip\"").expect(200)), (None, text(1)));
    assert_eq!(origin.count("/page"), 1);
}

#[test]
fn ranges_are_of_the_coding_that_is_taken() {
    let origin = Origin::start();
    let modified = "Wed, 31 Dec 2025 00:00:00 GMT";
    let dated = |page: Page| page.header("date", "Thu, 01 Jan 2026 00:00:00 GMT");
    let tagged = page(text(1)).header("etag", "\"abc\"").header("accept-ranges", "bytes");
    origin.page("/page", dated(tagged));
    origin.page("/dated", dated(page(text(1)).header("last-modified", modified)));
    let proxy = coding(&origin).clock_by_hand().start();
    proxy.http1().get("/page").expect(200);
    proxy.http1().get("/dated").expect(200);
    proxy.wait_for_jobs("stored", 2);
    let whole = proxy.take("gzip", "/page").expect(200);
    let length = whole.body.len();
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));

    let part = |path, condition| {
        let range = taking("gzip", path).header("range", "bytes=10-19");
        proxy.http1().send(range.header("if-range", condition))
    };
    let answer = part("/page", "\"abc-gzip\"").expect(206);
    assert_eq!(answer.body, whole.body[10..20]);
    assert_eq!(answer.header("content-range"), Some(&*format!("bytes 10-19/{length}")));
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    // What the client has a part of is not what it would get.
    assert_eq!(part("/page", "\"abc\"").expect(200).body, whole.body);
    part("/dated", modified).expect(200);
    let uncoded = get("/dated").header("range", "bytes=0-0").header("if-range", modified);
    proxy.http1().send(uncoded).expect(200);
    let beyond = taking("gzip", "/page").header("range", &format!("bytes={length}-"));
    proxy.http1().send(beyond).expect(416);
}

#[test]
fn head_tells_what_get_would() {
    let origin = Origin::start();
    origin.page("/page", page(text(1)).header("etag", "\"abc\"").header("content-digest", "x"));
    let proxy = coding(&origin).start();
    assert_eq!(proxy.http1().get("/page").header("content-digest"), Some("x"));
    proxy.wait_for_jobs("stored", 1);
    let whole = proxy.take("gzip", "/page").expect(200);
    let head = Request::new("HEAD", "/page").header("accept-encoding", "gzip");
    let head = proxy.http1().send(head).expect(200).expect_hit();
    assert!(head.body.is_empty());
    for name in ["etag", "content-length", "content-encoding", "vary", "content-digest"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }
    assert_eq!(head.header("content-digest"), None, "it is of the other bytes");
}

#[test]
fn an_origin_is_asked_about_its_own_tags() {
    let origin = Origin::start();
    origin.on("/page", |seen| {
        let tags = ["if-match", "if-none-match", "if-range"];
        let told = tags.map(|name| seen.header(name).unwrap_or("-").to_owned()).join(" ");
        let same = seen.header("if-none-match") == Some("\"abc\"");
        let answer = if same { Page::status(304) } else { Page::new("") };
        answer.header("etag", "\"abc\"").header("x-told", &told)
    });
    let proxy = coding(&origin).start();
    let post = |name, tag| Request::new("POST", "/page").header(name, tag).body("x");
    let send = |request| proxy.http1().send(request);
    let told = |answer: Response| answer.header("x-told").map(str::to_owned);
    let matched = send(post("if-match", "\"abc-gzip\", \"d\""));
    assert_eq!(told(matched).as_deref(), Some("\"abc\", \"d\" - -"));
    let same = send(post("if-none-match", "\"abc-zstd\"")).expect(304);
    assert_eq!(same.header("etag"), Some("\"abc-zstd\""));
    let own = send(post("if-none-match", "\"abc\"")).expect(304);
    assert_eq!(own.header("etag"), Some("\"abc\""));
    let part = send(post("if-range", "\"abc-gzip\""));
    assert_eq!(told(part).as_deref(), Some("- - \"abc-gzip\""));
}
