//! Content codings made here: what a site has compressed is coded once, behind the first answer, and
//! everybody gets the best that they take. Each coding is a representation of its own, with its tag,
//! its length and its ranges.

use std::io::Read;

mod lifetime;
mod representations;

use crate::kit::setup::Setup;
use crate::kit::{Origin, Page, Proxy, Request, Response, get};

/// A site that has everything worth it coded.
fn coding(origin: &Origin) -> Setup {
    Proxy::new(origin).site("compress = ['zstd', 'gzip']")
}

/// Text that becomes much smaller; different for each `number`.
fn text(number: usize) -> String {
    (0..200).map(|line| format!("{number}: tides rise and fall, line {line}\n")).collect()
}

/// A page that may be stored and coded.
fn page(body: impl AsRef<[u8]>) -> Page {
    Page::cacheable(body).header("content-type", "text/html; charset=utf-8")
}

fn taking(codings: &str, path: &str) -> Request {
    get(path).header("accept-encoding", codings)
}

trait Coded {
    fn wait_for_jobs(&self, result: &str, number: u32);
    fn take(&self, codings: &str, path: &str) -> Response;
}

impl Coded for Proxy {
    #[track_caller]
    fn wait_for_jobs(&self, result: &str, number: u32) {
        let selector = format!("tidegate_coding_jobs_total{{result=\"{result}\"}}");
        self.wait_for_metric(&selector, number.into());
    }

    #[track_caller]
    fn take(&self, codings: &str, path: &str) -> Response {
        self.http1().send(taking(codings, path))
    }
}

/// The coding of an answer, and its body decoded.
fn decoded(answer: &Response) -> (Option<&str>, String) {
    let coding = answer.header("content-encoding");
    let mut text = String::new();
    match coding {
        None => text = answer.text(),
        Some("gzip") => {
            let mut decoder = flate2::read::GzDecoder::new(&answer.body[..]);
            decoder.read_to_string(&mut text).expect("it is gzip");
        }
        Some("zstd") => {
            let plain = zstd::stream::decode_all(&answer.body[..]).expect("it is zstd");
            text = String::from_utf8(plain).expect("it is text");
        }
        other => panic!("coded in {other:?}"),
    }
    (coding, text)
}

#[test]
fn what_was_fetched_once_is_there_in_every_coding_soon_after() {
    let origin = Origin::start();
    origin.page("/page", page(text(1)).header("etag", "\"abc\"").header("vary", "Cookie"));
    let proxy = coding(&origin).site("schemes = 'shared'").tls().workers(2).start();
    let first = proxy.take("gzip, deflate, br, zstd", "/page").expect_because("absent");
    assert_eq!(decoded(&first), (None, text(1)));
    assert_eq!(first.header("vary"), Some("Cookie, Accept-Encoding"));
    proxy.wait_for_jobs("stored", 1);
    for (taken, coding, tag) in [
        ("gzip, deflate, br, zstd", Some("zstd"), "\"abc-zstd\""),
        ("gzip, deflate, br", Some("gzip"), "\"abc-gzip\""),
        ("deflate, br", None, "\"abc\""),
    ] {
        for client in [proxy.http1(), proxy.http2()] {
            let answer = client.send(taking(taken, "/page")).expect(200).expect_hit();
            assert_eq!(decoded(&answer), (coding, text(1)), "{taken}");
            assert_eq!(answer.header("etag"), Some(tag));
            assert_eq!(answer.header("vary"), Some("Cookie, Accept-Encoding"));
            let length = answer.body.len().to_string();
            assert_eq!(answer.header("content-length"), Some(&*length));
        }
    }
    assert_eq!(decoded(&proxy.http1().get("/page").expect_hit()), (None, text(1)));
    let asked = origin.requests();
    assert_eq!((asked.len(), asked[0].header("accept-encoding")), (1, None));
    assert!(proxy.metric("tidegate_coding_output_bytes_total") > 0.0);
    proxy.wait_for_metric("tidegate_coding_queue", 0.0);
}

#[test]
fn what_is_refused_is_not_sent_and_junk_still_hits() {
    let origin = Origin::start();
    origin.page("/page", page(text(1)).header("vary", "Accept-Encoding"));
    let proxy = coding(&origin).start();
    proxy.http1().get("/page").expect(200);
    proxy.wait_for_jobs("stored", 1);
    for (taken, coding) in [
        ("zstd;q=0, gzip;q=0.001", Some("gzip")),
        ("gzip;q=0, zstd;q=0", None),
        ("*", Some("zstd")),
        ("*;q=0", None),
        ("identity;q=0, gzip", Some("gzip")),
        ("identity", None),
        ("", None),
        ("gzip;q=nonsense", None),
        (",,;;=,gzip x,\"zstd", None),
    ] {
        let answer = proxy.take(taken, "/page").expect(200).expect_hit();
        assert_eq!(decoded(&answer), (coding, text(1)), "{taken}");
    }
    assert_eq!(origin.count("/page"), 1);
}

#[test]
fn what_must_not_or_need_not_be_coded_is_left_as_it_is() {
    let origin = Origin::start();
    let html = |body: &str| Page::new(body).header("content-type", "text/html");
    let long = text(1);
    let cache = |page: Page| page.header("cache-control", "max-age=60");
    origin.page("/kept", html(&long).header("cache-control", "max-age=60, no-transform"));
    origin.page("/coded", cache(html(&long).header("content-encoding", "br")));
    origin.page("/small", cache(html("short")));
    origin.page("/picture", cache(Page::new(&long).header("content-type", "image/png")));
    origin.page("/missing", cache(html(&long).with_status(404)));
    origin.page("/trailed", cache(html(&long).trailer("x-sum", "1")));
    let proxy = coding(&origin).start();
    for path in ["/kept", "/coded", "/small", "/picture", "/missing", "/trailed"] {
        proxy.take("gzip", path);
        let answer = proxy.take("gzip", path).expect_hit();
        assert_ne!(answer.header("content-encoding"), Some("gzip"), "{path}");
        // Whether there would be trailers nobody knew when the head was sent.
        let vary = (path == "/trailed").then_some("Accept-Encoding");
        assert_eq!(answer.header("vary"), vary, "{path}");
    }
    assert!(proxy.metric("tidegate_coding_jobs_total") < 0.5);
}

#[test]
fn what_does_not_become_smaller_is_stored_once() {
    let origin = Origin::start();
    let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(5000).collect();
    origin.page("/page", page(&noise));
    let proxy = coding(&origin).start();
    proxy.take("gzip", "/page").expect(200);
    proxy.wait_for_jobs("no-smaller", 1);
    let answer = proxy.take("gzip", "/page").expect_hit();
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(answer.body, noise);
}

#[test]
fn what_is_one_readers_is_not_coded_and_its_origin_may_code_it() {
    let origin = Origin::start();
    origin.on("/page", |seen| {
        let taken = seen.header("accept-encoding").unwrap_or("none").to_owned();
        let own = Page::new(text(1)).header("content-type", "text/html").header("x-taken", &taken);
        own.header("cache-control", "private").header("etag", "\"abc\"")
    });
    let proxy = coding(&origin).start();
    for (reason, taken) in [("private", "none"), ("marked", "gzip")] {
        let answer = proxy.take("br, gzip", "/page").expect_because(reason);
        assert_eq!(decoded(&answer), (None, text(1)));
        assert_eq!(answer.header("x-taken"), Some(taken));
        assert_eq!((answer.header("etag"), answer.header("vary")), (Some("\"abc\""), None));
    }
    assert!(proxy.metric("tidegate_coding_jobs_total") < 0.5);
}
