//! The kit against itself: what the topics take for granted.

use crate::kit::response::header_map;
use crate::kit::{Client, Gate, Origin, Page, Raw, Reply, Request, Response, Versioned};
use crate::kit::{cache_status, eventually, get, versioned};

#[test]
fn the_origin_answers_as_its_script_says_and_records_what_came() {
    let origin = Origin::start();
    origin.on("/page", |seen| Page::new(format!("for {}", seen.target)).header("x-a", "1"));
    let client = Client::http1(origin.address());
    let first = client.send(get("/page?a=1").header("X-Odd", "kept")).expect(200);
    let second = client.get("/page").expect(200);
    assert_eq!(first.text(), "for /page?a=1");
    assert_eq!(first.header("x-a"), Some("1"));
    assert_eq!(second.text(), "for /page");
    assert_eq!((origin.count("/page"), origin.connections()), (2, 1));
    let seen = origin.wait_for_requests(2);
    assert_eq!(seen[0].header("x-odd"), Some("kept"));
    assert!(seen[0].head.bytes.starts_with(b"GET /page?a=1 HTTP/1.1\r\n"));
    assert_eq!((seen[1].connection, seen[1].nth), (0, 1));
}

#[test]
fn replies_come_in_their_order_and_a_request_too_many_is_told() {
    let origin = Origin::start();
    origin.replies("/x", [Page::new("one").into(), Page::new("two").into()]);
    let client = Client::http1(origin.address());
    assert_eq!(client.get("/x").text(), "one");
    assert_eq!(client.get("/x").text(), "two");
    assert!(client.begin(get("/x")).try_response().is_err());
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(origin)));
    assert!(failed.is_err(), "the test must fail");
}

#[test]
fn an_origin_asked_for_what_no_script_answers_fails_the_test() {
    let origin = Origin::start();
    assert!(Client::http1(origin.address()).begin(get("/unheard")).try_response().is_err());
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(origin)));
    assert!(failed.is_err(), "the test must fail");
}

#[test]
fn a_gate_lets_the_body_through_piece_by_piece() {
    let origin = Origin::start();
    let (gate, reply) = Page::new("").gated();
    origin.replies("/slow", [reply]);
    let client = Client::http1(origin.address());
    let mut pending = client.begin(get("/slow"));
    assert_eq!(pending.head(), 200);
    gate.send("first ");
    assert_eq!(pending.bytes(6), b"first ");
    gate.send("second");
    gate.finish();
    let rest = pending.response();
    assert!(rest.complete);
    assert_eq!(rest.text(), "second");
}

#[test]
fn an_aborted_answer_is_seen_as_incomplete() {
    for page in [Page::new("").length(100), Page::new("").chunked(), Page::new("").length(3)] {
        let origin = Origin::start();
        let (gate, reply) = page.gated();
        origin.replies("/slow", [reply]);
        gate.send("ab");
        gate.abort();
        let response = Client::http1(origin.address()).get("/slow");
        assert_eq!((response.complete, response.text().as_str()), (false, "ab"));
        let mut raw = Raw::connect(cut(&origin));
        raw.get("/cut");
        assert_eq!((raw.response().complete, raw.is_closed()), (false, true));
    }
}

fn cut(origin: &Origin) -> std::net::SocketAddr {
    origin.page("/cut", Page::new("whole").cut_after(2));
    origin.address()
}

#[test]
fn a_held_answer_waits_and_sees_its_peer_leave() {
    let origin = Origin::start();
    let (gate, reply): (Gate, Reply) = Page::new("late").held();
    let (left, abandoned) = Page::new("never read").held();
    origin.replies("/held", [reply, abandoned]);
    let mut raw = Raw::connect(origin.address());
    raw.get("/held");
    origin.wait_for("/held", 1);
    gate.finish();
    assert_eq!(raw.response().expect(200).text(), "late");
    raw.get("/held");
    origin.wait_for("/held", 2);
    raw.abort();
    left.wait_until_peer_leaves();
    left.finish();
    origin.wait_until_all_left();
}

#[test]
fn odd_origins_can_be_played() {
    let origin = Origin::start();
    origin.on("/close", |_| Reply::Close);
    origin.on("/never", |_| Reply::Never);
    origin.on("/garbage", |_| Reply::bytes("SMTP ready\r\n"));
    origin.page("/eof", Page::new("until the end").until_close());
    let mut raw = Raw::connect(origin.address());
    raw.get("/close");
    raw.expect_close();
    let mut raw = Raw::connect(origin.address());
    raw.get("/garbage");
    assert_eq!(raw.read_to_end(), b"SMTP ready\r\n");
    let mut raw = Raw::connect(origin.address());
    raw.get("/eof");
    assert_eq!(raw.response().expect(200).text(), "until the end");
    let mut raw = Raw::connect(origin.address());
    raw.get("/never");
    origin.wait_for("/never", 1);
    assert!(!raw.is_closed());
    raw.half_close();
    eventually("the origin closes too", || raw.is_closed());
}

#[test]
fn request_bodies_are_recorded_as_they_come() {
    let origin = Origin::start();
    origin.page("/form", Page::status(204));
    let client = Client::http1(origin.address());
    let (sending, request) = Request::new("POST", "/form").streamed();
    let pending = client.begin(request);
    sending.send("half");
    origin.wait_until("half the body came", |seen| {
        seen.first().is_some_and(|seen| seen.body == b"half" && !seen.complete)
    });
    sending.send(" and half");
    sending.finish();
    pending.response().expect(204);
    assert_eq!(origin.requests()[0].body, b"half and half");
    client.send(Request::new("POST", "/form").body("known")).expect(204);
    let seen = &origin.requests()[1];
    assert_eq!((seen.header("content-length"), seen.complete), (Some("5"), true));
}

#[test]
fn tls_works_from_either_client() {
    let origin = Origin::start_tls();
    origin.page("/page", Page::new("secret").trailer("x-sum", "7"));
    let mut raw = Raw::tls(origin.address(), "localhost");
    raw.get("/page");
    let response = raw.response().expect(200);
    assert_eq!(response.text(), "secret");
    assert_eq!(response.trailers["x-sum"], "7");
    let session = raw.socket().session().expect("it is TLS");
    assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
}

#[test]
fn a_versioned_page_shows_its_version_and_knows_its_tag() {
    let origin = Origin::start();
    let page = Versioned::page(&origin, "/page", "max-age=60");
    let client = Client::http1(origin.address());
    assert_eq!(versioned::version_of(&client.get("/page")), 1);
    assert_eq!((page.raise(), page.version()), (2, 2));
    assert_eq!(versioned::version_of(&client.get("/page")), 2);
    client.send(get("/page").header("if-none-match", "\"v2\"")).expect(304);
    client.send(get("/page").header("if-none-match", "\"v1\"")).expect(200);
}

#[test]
fn cache_status_is_read_as_rfc_9211_writes_it() {
    let field = "origin;hit, \"cp1\"; fwd=uri-miss; fwd-status=200; stored; ttl=-3; detail=absent";
    let headers = header_map(&[("cache-status".into(), field.into())]);
    let status = cache_status(&Response { headers, ..Response::default() });
    assert_eq!((status.cache.as_str(), status.hit, status.stored), ("cp1", false, true));
    assert_eq!((status.fwd.as_deref(), status.fwd_status), (Some("uri-miss"), Some(200)));
    assert_eq!((status.ttl, status.detail.as_deref()), (Some(-3), Some("absent")));
    assert!(!status.collapsed);
}
