//! Error pages from a site's template: for whom, with what in them, and never with more than text.

use crate::kit::setup::Setup;
use crate::kit::{Origin, Page, Proxy, Reply, Request, get};

const TEMPLATE: &str = "<!doctype html>\n<title>{{status}} {{name}}</title>\n<p>{{reason}}: {{sentence}}\n\
    <!-- {{ client }} id={{request_id}} {{node}} {{time}} -->\n";

fn templated(origin: &Origin) -> Setup {
    let site =
        "error_page = 'error.html'\n response_fields = ['X-Of: the site', 'Cache-Control: public']";
    Proxy::new(origin).tls().clock_by_hand().file("error.html", TEMPLATE).site(site)
}

#[test]
fn the_sites_template_is_its_error_page() {
    let origin = Origin::start();
    origin.on("/broken", |_| Reply::Close);
    let proxy = templated(&origin).start();
    for client in [proxy.http1(), proxy.http1_tls(), proxy.http2()] {
        let loops = || get("/x").header("via", "1.1 cp1");
        let answer = client.send(loops()).expect(508).expect_because("loop");
        let expected = "<!doctype html>\n<title>508 Loop Detected</title>\n\
            <p>loop: The request came through this node before (Via).\n\
            <!-- 127.0.0.1 id= cp1 Thu, 01 Jan 2026 00:00:00 GMT -->\n";
        assert_eq!(answer.text(), expected);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.header("x-of"), Some("the site"));
        // An error is nothing to keep, whatever the site says of its pages.
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let failed = client.get("/broken").expect(502).expect_because("origin-closed");
        assert!(failed.text().contains("<title>502 Bad Gateway</title>"), "{failed:?}");
        let large = Request::new("HEAD", "/x").header("via", "1.1 cp1");
        let head = client.send(large).expect(508);
        assert_eq!(head.text(), "");
        assert!(head.header("content-length").is_some_and(|length| length != "0"));
    }
    // A host of no site has the node's own.
    let elsewhere = proxy.http1().send(get("/x").host("elsewhere.test")).expect(421);
    assert!(elsewhere.text().contains("<h1>Misdirected Request</h1>"), "{elsewhere:?}");
    assert_eq!(elsewhere.header("x-of"), None);
}

#[test]
fn nothing_that_a_client_sends_stands_in_a_page() {
    let origin = Origin::start();
    for (trusted, named) in [("[]", false), ("[]", true), ("['127.0.0.1']", true)] {
        let proxy = templated(&origin)
            .with("node", &format!("trusted_proxies = {trusted}"))
            .site(&format!("request_id = {named}"))
            .start();
        for client in [proxy.http1(), proxy.http2()] {
            for hostile in [
                "--><script>alert(1)</script>",
                "\"onload=\"alert(1)",
                "'><img/src=x/onerror=alert(1)>",
                "`${alert(1)}`",
                "{{node}}",
                "two words",
            ] {
                let request = get("/%3Cscript%3E").header("x-request-id", hostile);
                let request = request.header("user-agent", hostile).header("via", "1.1 cp1");
                let answer = client.send(request).expect(508).text();
                let (before, rest) = answer.split_once("id=").expect("the page has the place");
                let (id, after) = rest.split_once(" cp1 ").expect("the node follows");
                // A name of the node's own, where requests have names.
                assert_eq!(id.len(), if named { 36 } else { 0 }, "{answer}");
                let plain = id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
                assert!(
                    plain && !before.contains("script") && !after.contains("script"),
                    "{answer}"
                );
            }
        }
    }
}

#[test]
fn a_trusted_proxys_name_for_a_request_is_written_so_that_it_is_text() {
    let origin = Origin::start();
    let proxy = templated(&origin)
        .with("node", "trusted_proxies = ['127.0.0.1']")
        .site("request_id = true")
        .start();
    for client in [proxy.http1(), proxy.http2()] {
        let request = get("/x").header("x-request-id", "a/b=c@d:e").header("via", "1.1 cp1");
        let page = client.send(request).expect(508);
        assert!(page.text().contains(" id=a&#47;b&#61;c&#64;d:e cp1 "), "{page:?}");
        assert_eq!(page.header("x-request-id"), Some("a/b=c@d:e"));
    }
}

#[test]
fn an_error_to_which_the_origin_gives_no_page_gets_the_sites() {
    let origin = Origin::start();
    for status in [200, 404, 503] {
        let empty = Page::status(status).header("content-encoding", "gzip").header("etag", "\"0\"");
        origin.page(&format!("/empty/{status}"), empty.header("x-of-origin", "1"));
    }
    origin.page("/full", Page::new("their own").with_status(500));
    origin.page("/stored", Page::cacheable("").with_status(404));
    let proxy = templated(&origin).start();
    for client in [proxy.http1(), proxy.http2()] {
        for (status, name) in [(404, "Not Found"), (503, "Service Unavailable")] {
            let answer = client.get(&format!("/empty/{status}")).expect(status);
            assert!(
                answer.text().contains(&format!("<title>{status} {name}</title>")),
                "{answer:?}"
            );
            assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
            assert_eq!((answer.header("content-encoding"), answer.header("etag")), (None, None));
            assert_eq!(answer.header("x-of-origin"), Some("1"));
        }
        assert_eq!(client.get("/empty/200").expect(200).text(), "");
        assert_eq!(client.get("/full").expect(500).text(), "their own");
        assert_eq!(client.send(Request::new("HEAD", "/empty/404")).expect(404).text(), "");
        let posted = Request::new("POST", "/empty/404").body("x");
        assert_eq!(client.send(posted).expect(404).text(), "");
        // What is stored is everybody's, and stays what the origin said.
        client.get("/stored").expect(404);
        assert_eq!(client.get("/stored").expect(404).expect_hit().text(), "");
    }
    let plain = Proxy::new(&origin).start();
    assert_eq!(plain.http1().get("/empty/404").expect(404).text(), "");
}

#[test]
fn a_template_is_read_again_at_a_reload_and_a_bad_one_refuses_it() {
    let origin = Origin::start();
    let mut proxy = templated(&origin).start();
    let text =
        |proxy: &Proxy| proxy.http1().send(get("/x").header("via", "1.1 cp1")).expect(508).text();
    proxy.reload(proxy.setup().file("error.html", "<p>now {{status}}")).expect("it is good");
    assert_eq!(text(&proxy), "<p>now 508");
    for (bad, word) in [("<p>\n{{url}}", "line 2"), ("{{status", "not closed")] {
        let error = proxy.reload(proxy.setup().file("error.html", bad)).expect_err("it is bad");
        assert!(error.contains(word) && error.contains("site wiki"), "{error}");
        assert_eq!(text(&proxy), "<p>now 508");
    }
    let plain = Setup::new(&origin).tls().clock_by_hand();
    proxy.reload(plain).expect("it is good");
    assert!(text(&proxy).contains("<h1>Loop Detected</h1>"));
}
