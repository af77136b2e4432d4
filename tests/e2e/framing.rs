//! Where one message ends and the next begins (RFC 9112 §6, §11.2): whatever a client sends, the
//! origin never sees a request that the client did not openly make.

use crate::kit::{Origin, Page, Proxy, Request, get};

/// What `bytes` and then an honest request lead to: the statuses answered, and the targets that
/// the origin saw.
fn play(bytes: &str) -> (Vec<u16>, Vec<String>) {
    let origin = Origin::start();
    for path in ["/page", "/honest", "/smuggled"] {
        origin.page(path, Page::new("x").header("cache-control", "no-store"));
    }
    let proxy = Proxy::new(&origin).start();
    let mut raw = proxy.raw();
    raw.send(bytes);
    raw.send_or_not("GET /honest HTTP/1.1\r\nHost: wiki.test\r\nConnection: close\r\n\r\n");
    let answers = String::from_utf8_lossy(&raw.read_to_end()).into_owned();
    let statuses = answers.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest[..3].parse().ok());
    let targets = origin.requests().into_iter().map(|seen| seen.target);
    (statuses.collect(), targets.collect())
}

#[test]
fn what_is_no_request_is_refused_and_the_connection_closes() {
    let host = "Host: wiki.test\r\n";
    for bytes in [
        format!("POST /page HTTP/1.1\r\n{host}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
        format!("POST /page HTTP/1.1\r\n{host}Content-Length: 3, 4\r\n\r\nabc"),
        format!("POST /page HTTP/1.1\r\n{host}Content-Length: +3\r\n\r\nabc"),
        format!("POST /page HTTP/1.1\r\n{host}Content-Length: 0x3\r\n\r\nabc"),
        format!("POST /page HTTP/1.1\r\n{host}Content-Length: -3\r\n\r\nabc"),
        format!("POST /page HTTP/1.1\r\n{host}Content-Length : 3\r\n\r\nabc"),
        format!("POST /page HTTP/1.1\r\n{host}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        format!("POST /page HTTP/1.1\r\n{host}Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"),
        format!(
            "POST /page HTTP/1.1\r\n{host}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"
        ),
        format!("GET /page HTTP/1.1\r\n{host}X-Folded: a\r\n b\r\n\r\n"),
        format!("GET /page HTTP/1.1\r\n {host}\r\n"),
        format!("GET /page HTTP/1.1\r\n{host}X-Nul: a\0b\r\n\r\n"),
        format!("GET /page HTTP/1.1\r\n{host}X-Return: a\rb\r\n\r\n"),
        format!("GET /pa ge HTTP/1.1\r\n{host}\r\n"),
        format!("GET  /page HTTP/1.1\r\n{host}\r\n"),
        format!("GET /page HTTP/1.2.3\r\n{host}\r\n"),
        format!("GET /page HTTP/3.0\r\n{host}\r\n"),
        format!("GET\0 /page HTTP/1.1\r\n{host}\r\n"),
        format!("GET page HTTP/1.1\r\n{host}\r\n"),
        format!("/page HTTP/1.1\r\n{host}\r\n"),
        "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned(),
        "\x16\x03\x01\x00\x05hello\r\n\r\n".to_owned(),
    ] {
        let (statuses, targets) = play(&bytes);
        assert_eq!(targets, Vec::<String>::new(), "{bytes:?} was answered {statuses:?}");
        let refused = statuses.is_empty() || (400..=505).contains(&statuses[0]);
        assert!(refused && statuses.len() < 2, "{bytes:?} was answered {statuses:?}");
    }
}

#[test]
fn a_length_beside_chunks_smuggles_nothing() {
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: wiki.test\r\n\r\n";
    let body = format!("0\r\n\r\n{smuggled}");
    let length = body.len();
    for fields in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\nContent-Length: 5\r\n".to_owned(),
    ] {
        let (statuses, targets) =
            play(&format!("POST /page HTTP/1.1\r\nHost: wiki.test\r\n{fields}\r\n{body}"));
        // Refused, or read as chunks and then closed: either way what follows is not looked at.
        assert!(targets.is_empty() || targets == ["/page"], "{fields} led to {targets:?}");
        assert_eq!(statuses.len(), 1, "{fields} was answered {statuses:?}");
    }
}

#[test]
fn equal_repeated_lengths_are_one_length() {
    let (statuses, targets) = play(
        "POST /page HTTP/1.1\r\nHost: wiki.test\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    );
    // Refused, or merged (RFC 9110 §8.6).
    assert!(
        (statuses == [200, 200] && targets == ["/page", "/honest"])
            || (statuses == [400] && targets.is_empty()),
        "{statuses:?} {targets:?}"
    );
}

#[test]
fn bare_line_feeds_reach_no_origin() {
    let origin = Origin::start();
    origin.page("/page", Page::new("x"));
    origin.page("/smuggled", Page::new("x"));
    let proxy = Proxy::new(&origin).start();
    for bytes in [
        "GET /page HTTP/1.1\nHost: wiki.test\n\n",
        "GET /page HTTP/1.1\r\nHost: wiki.test\r\nX-A: b\nX-C: d\r\n\r\n",
        "POST /page HTTP/1.1\r\nHost: wiki.test\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n\
         GET /smuggled HTTP/1.1\r\nHost: wiki.test\r\n\r\n",
        "POST /page HTTP/1.1\r\nHost: wiki.test\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nb\r\nx\r\n0\r\n\r\n",
    ] {
        let mut raw = proxy.raw();
        raw.send(bytes);
        raw.half_close();
        raw.read_to_end();
    }
    for seen in origin.requests() {
        let text = String::from_utf8_lossy(&seen.head.bytes).into_owned();
        assert!(!text.replace("\r\n", "").contains('\n'), "{text:?}");
        assert_ne!(seen.target, "/smuggled");
    }
}

#[test]
fn broken_chunks_end_the_connection() {
    let post = "POST /page HTTP/1.1\r\nHost: wiki.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    for chunks in [
        "xyz\r\nabc\r\n0\r\n\r\n",
        "-1\r\n\r\n",
        "ffffffffffffffff1\r\nabc",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3 \u{b}\r\nabc\r\n0\r\n\r\n",
    ] {
        let (statuses, targets) = play(&format!("{post}{chunks}"));
        assert!(!targets.iter().any(|target| target != "/page"), "{chunks:?}: {targets:?}");
        assert!(statuses.iter().all(|status| *status != 200), "{chunks:?}: {statuses:?}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let origin = Origin::start();
    origin.on("/page", |seen| Page::cacheable(&seen.target));
    let proxy = Proxy::new(&origin).start();
    let request = |n| format!("GET /page?n={n} HTTP/1.1\r\nHost: wiki.test\r\n\r\n");
    for _ in 0..2 {
        let mut raw = proxy.raw();
        raw.send((0..20).map(request).collect::<String>());
        for n in 0..20 {
            assert_eq!(raw.response().expect(200).text(), format!("/page?n={n}"));
        }
    }
    assert_eq!(origin.count("/page"), 20);
}

#[test]
fn a_request_in_small_pieces_is_the_same_request() {
    let origin = Origin::start();
    origin.page("/page", Page::status(204));
    let proxy = Proxy::new(&origin).start();
    let mut raw = proxy.raw();
    let request = "POST /page HTTP/1.1\r\nHost: wiki.test\r\nTransfer-Encoding: chunked\r\n\r\n\
                   5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n";
    for byte in request.as_bytes() {
        raw.send([*byte]);
    }
    raw.response().expect(204);
    assert_eq!(origin.requests()[0].body, b"hello");
}

#[test]
fn a_get_that_brings_a_body_spoils_nothing() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content"));
    origin.page("/other", Page::cacheable("other"));
    let proxy = Proxy::new(&origin).start();
    proxy.http1().get("/page").expect(200);
    for body in [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "Content-Length: 46\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: wiki.test\r\n\r\n...",
    ] {
        let mut raw = proxy.raw();
        raw.send(format!("GET /page HTTP/1.1\r\nHost: wiki.test\r\n{body}"));
        assert_eq!(raw.response().expect(200).text(), "content");
        raw.send_or_not("GET /other HTTP/1.1\r\nHost: wiki.test\r\nConnection: close\r\n\r\n");
        let rest = String::from_utf8_lossy(&raw.read_to_end()).into_owned();
        assert!(rest.is_empty() || rest.ends_with("other"), "{rest:?}");
    }
    for seen in origin.requests() {
        assert!(["/page", "/other"].contains(&seen.target.as_str()), "{seen:?}");
    }
}

#[test]
fn a_hit_does_not_wait_for_a_body_that_never_comes() {
    let origin = Origin::start();
    origin.page("/page", Page::new("refused").with_status(403));
    let proxy = Proxy::new(&origin).site("max_request_body = '1KiB'").start();
    let mut raw = proxy.raw();
    raw.send("POST /page HTTP/1.1\r\nHost: wiki.test\r\nContent-Length: 1000000\r\n\r\nbegun");
    assert_eq!(raw.response().status, 413);
    raw.expect_close();
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let origin = Origin::start();
    let proxy = Proxy::new(&origin).tls().with("limits", "header_bytes = '8KiB'").start();
    let large = "x".repeat(20_000);
    let mut raw = proxy.raw();
    raw.send_or_not(format!("GET /page HTTP/1.1\r\nHost: wiki.test\r\nX-Large: {large}\r\n\r\n"));
    let status = raw.head().start;
    assert!(status.contains("431") || status.contains("400"), "{status}");
    let refused = proxy.http2().begin(get("/page").header("x-large", &large)).try_response();
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.status == 431));
    let many = (0..200).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    let mut raw = proxy.raw();
    raw.send_or_not(format!("GET /page HTTP/1.1\r\nHost: wiki.test\r\n{many}\r\n"));
    let status = raw.head().start;
    assert!(status.contains("431") || status.contains("400"), "{status}");
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn http2_bodies_are_as_long_as_they_say() {
    let origin = Origin::start();
    origin.page("/form", Page::status(204));
    let proxy = Proxy::new(&origin).tls().start();
    for (declared, sent) in [("5", "hel"), ("5", "hello world")] {
        let client = proxy.http2();
        let (sending, request) = Request::new("POST", "/form").streamed();
        let pending = client.begin(request.header("content-length", declared));
        sending.send(sent);
        sending.finish();
        let answer = pending.try_response();
        assert!(!answer.is_ok_and(|answer| answer.status < 400), "{declared} for {sent:?}");
    }
    origin.wait_until_all_left();
    assert!(origin.requests().iter().all(|seen| !seen.complete), "{:?}", origin.requests());
}

#[test]
fn http_1_0_clients_are_served_in_their_way() {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content").chunked());
    let proxy = Proxy::new(&origin).start();
    for _ in 0..2 {
        let mut raw = proxy.raw();
        raw.send("GET /page HTTP/1.0\r\nHost: wiki.test\r\n\r\n");
        let all = String::from_utf8_lossy(&raw.read_to_end()).into_owned();
        assert!(all.ends_with("\r\n\r\ncontent"), "{all:?}");
        assert!(!all.to_lowercase().contains("transfer-encoding"), "{all:?}");
    }
}
