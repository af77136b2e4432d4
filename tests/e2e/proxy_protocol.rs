//! PROXY headers: from the peers that owe one, and from nobody else. Peers on 127.0.0.9 are listed;
//! whom their headers name is the client, and they themselves stay whom the socket shows.

use crate::kit::setup::Setup;
use crate::kit::{Origin, Page, Proxy, Raw, Response};

/// A listed peer.
const LISTED: &str = "127.0.0.9";

/// An origin that tells whom X-Forwarded-For names, and a proxy in front of it.
fn start() -> (Origin, Proxy) {
    let (origin, setup) = scene();
    let proxy = setup.proxy_protocol("'127.0.0.9'").start();
    (origin, proxy)
}

fn scene() -> (Origin, Setup) {
    let origin = Origin::start();
    origin.on("/who", |seen| {
        Page::new(seen.header("x-forwarded-for").unwrap_or("-")).header("cache-control", "no-store")
    });
    origin.page("/page", Page::cacheable("content"));
    let setup = Proxy::new(&origin).tls();
    (origin, setup)
}

/// A connection of the listed peer's that begins with `header`.
#[track_caller]
fn listed(proxy: &Proxy, header: impl AsRef<[u8]>) -> Raw {
    let mut raw = Raw::connect_from(proxy.http(), LISTED);
    raw.send(header);
    raw
}

/// The same for a client of version 1.
fn behalf_of(proxy: &Proxy, client: &str) -> Raw {
    listed(proxy, line(client))
}

fn line(client: &str) -> String {
    format!("PROXY TCP4 {client} 198.51.100.1 56324 443\r\n")
}

/// A header of version 2, with the length of `block`.
fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).expect("a block that the length can tell");
    let fixed: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    [fixed, &[command, family], &length.to_be_bytes(), block].concat()
}

/// Addresses of version 2 for the client 192.0.2.7, with `more` behind them.
fn inet(more: &[u8]) -> Vec<u8> {
    let addresses: [u8; 12] = [192, 0, 2, 7, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb];
    binary(0x21, 0x11, &[&addresses, more].concat())
}

/// Whom the origin is told of.
#[track_caller]
fn who(raw: &mut Raw) -> String {
    raw.get("/who");
    raw.response().expect(200).text()
}

fn headers(proxy: &Proxy, result: &str) -> f64 {
    proxy.metric(&format!("tidegate_proxy_headers_total{{result=\"{result}\"}}"))
}

#[test]
fn headers_of_both_versions_name_the_client_to_the_origin() {
    let (_origin, proxy) = start();
    let block = [&[0x20, 0x01, 0x0d, 0xb8][..], &[0; 11], &[7], &[0; 20]].concat();
    for (header, client) in [
        (line("192.0.2.7").into_bytes(), "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n".to_vec(), "2001:db8::7"),
        (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n".to_vec(), "192.0.2.7"),
        (inet(&[]), "192.0.2.7"),
        (inet(&[0x02, 0, 9, b'w', b'i', b'k', b'i', b'.', b't', b'e', b's', b't']), "192.0.2.7"),
        (binary(0x21, 0x21, &block), "2001:db8::7"),
    ] {
        let mut raw = listed(&proxy, &header);
        assert_eq!(who(&mut raw), client);
        // It is the connection's, so the next request has the same.
        assert_eq!(who(&mut raw), client);
    }
    assert!((headers(&proxy, "client") - 6.0).abs() < 0.1);
}

#[test]
fn a_proxys_own_connections_and_those_of_nobody_keep_its_address() {
    let (_origin, proxy) = start();
    for header in [
        binary(0x20, 0x00, &[]),
        binary(0x20, 0x11, b"is not looked at"),
        binary(0x21, 0x00, &[]),
        binary(0x21, 0x31, &[0; 216]),
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN 192.0.2.7 198.51.100.1 1 2\r\n".to_vec(),
    ] {
        assert_eq!(who(&mut listed(&proxy, header)), LISTED);
    }
    assert!((headers(&proxy, "own") - 2.0).abs() < 0.1);
    assert!((headers(&proxy, "unknown") - 4.0).abs() < 0.1);
}

#[test]
fn a_header_may_come_in_any_pieces_and_with_what_follows() {
    let (_origin, proxy) = start();
    let request = b"GET /who HTTP/1.1\r\nHost: wiki.test\r\n\r\n";
    let long = [&[0x04, 0x0f, 0x00][..], &[0; 0xf00]].concat();
    for header in [line("192.0.2.7").into_bytes(), inet(&[]), inet(&long)] {
        let all = [&header[..], request, request].concat();
        let at_once = listed(&proxy, &all);
        let mut cut = listed(&proxy, &all[..header.len() - 1]);
        cut.send(&all[header.len() - 1..]);
        let mut by_the_byte = Raw::connect_from(proxy.http(), LISTED);
        all.iter().for_each(|byte| by_the_byte.send([*byte]));
        for mut raw in [at_once, cut, by_the_byte] {
            for _ in 0..2 {
                assert_eq!(raw.response().expect(200).text(), "192.0.2.7");
            }
        }
    }
}

#[test]
fn a_header_comes_before_tls() {
    let (_origin, proxy) = start();
    for header in [line("192.0.2.7").into_bytes(), inet(&[])] {
        let mut raw = Raw::connect_from(proxy.https(), LISTED);
        let (first, rest) = header.split_at(5);
        raw.send(first);
        raw.send(rest);
        let mut tls = raw.begin_tls("wiki.test");
        assert_eq!(who(&mut tls), "192.0.2.7");
    }
}

#[test]
fn a_peer_that_is_not_listed_is_who_it_is_and_its_header_is_garbage() {
    let (origin, proxy) = start();
    let mut honest = proxy.raw();
    assert_eq!(who(&mut honest), "127.0.0.1");
    for header in [line("192.0.2.7").into_bytes(), inet(&[]), binary(0x20, 0x00, &[])] {
        let mut plain = proxy.raw();
        plain.send(&header);
        plain.send_or_not("GET /who HTTP/1.1\r\nHost: wiki.test\r\n\r\n");
        let answer = String::from_utf8_lossy(&plain.read_to_end()).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer:?}");
        let mut tls = Raw::connect(proxy.https());
        tls.send(&header);
        // An alert is all that TLS answers.
        assert!(tls.read_to_end().len() < 20);
    }
    assert_eq!(origin.count("/who"), 1);
    assert_eq!(proxy.metric("tidegate_proxy_headers_total"), 0.0);
    // One that is proper in every way but that it is not proxied is not asked for a header.
    Raw::tls(proxy.https(), "wiki.test").get("/who");
}

#[test]
fn a_listed_peer_without_a_header_is_closed_unserved() {
    let (origin, proxy) = start();
    for first in [
        "GET /page HTTP/1.1\r\nHost: wiki.test\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\n",
        "\u{16}\u{3}\u{1}",
    ] {
        for address in [proxy.http(), proxy.https()] {
            let mut raw = Raw::connect_from(address, LISTED);
            raw.send(first);
            raw.expect_close();
        }
    }
    assert_eq!(origin.requests().len(), 0);
    assert!((headers(&proxy, "missing") - 6.0).abs() < 0.1);
    let refused = "tidegate_connections_refused_total{cause=\"proxy-header\"}";
    assert!((proxy.metric(refused) - 6.0).abs() < 0.1);
    proxy.wait_for_metric("tidegate_connections", 0.0);
}

#[test]
fn a_header_that_is_none_closes_the_connection() {
    let (origin, proxy) = start();
    let request = b"GET /page HTTP/1.1\r\nHost: wiki.test\r\n\r\n";
    let mut wrong_length = inet(&[]);
    wrong_length[15] = 11;
    let lines = |lines: &[&str]| lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    let mut malformed: Vec<Vec<u8>> = lines(&[
        "PROXY TCP4 192.0.2.07 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n",
        "PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n",
        "PROXY TCP4 127.0.0.1 198.51.100.1 1 2 X: y\r\n",
        "PROXY TCP6 192.0.2.7 ::1 1 2\r\n",
    ]);
    malformed.extend([
        binary(0x22, 0x11, &[0; 12]),
        binary(0x11, 0x11, &[0; 12]),
        binary(0x21, 0x41, &[0; 12]),
        binary(0x21, 0x13, &[0; 12]),
        binary(0x21, 0x21, &[0; 12]),
        inet(&[0x04, 0x00]),
        inet(&[0x04, 0xff, 0xff]),
        wrong_length,
    ]);
    let mut too_long: Vec<Vec<u8>> =
        lines(&[&format!("PROXY UNKNOWN {}\r\n", "x".repeat(92)), &"PROXY TCP4 ".repeat(1000)]);
    too_long.extend([binary(0x21, 0x11, &[0; 4097]), binary(0x20, 0x00, &[0; 0xffff])]);
    for (result, headers) in [
        ("malformed", malformed),
        ("too-long", too_long),
        ("checksum", vec![inet(&[0x03, 0, 4, 1, 2, 3, 4])]),
        ("missing", lines(&["\r\n\r\nGET", "PROXYTCP4"])),
    ] {
        for header in &headers {
            let mut raw = Raw::connect_from(proxy.http(), LISTED);
            raw.send_or_not([header, &request[..]].concat());
            raw.expect_close();
        }
        #[allow(clippy::cast_precision_loss, reason = "there are few")]
        let count = headers.len() as f64;
        assert!((self::headers(&proxy, result) - count).abs() < 0.1, "{result}");
    }
    assert_eq!(origin.requests().len(), 0);
    listed(&proxy, binary(0x20, 0x00, &[0; 4096])).get("/page");
    proxy.wait_for_metric("tidegate_proxy_headers_total{result=\"own\"}", 1.0);
}

#[test]
fn a_header_that_does_not_end_in_time_is_cut() {
    let (_origin, setup) = scene();
    let limits = "handshake = '5s'\n first_byte = '6s'";
    let proxy = setup.proxy_protocol("'127.0.0.9'").timeouts(limits).clock_by_hand().start();
    let mut silent = Raw::connect_from(proxy.http(), LISTED);
    let mut slow = listed(&proxy, "PROXY TCP4 192.0.2.7 ");
    let mut quick = behalf_of(&proxy, "192.0.2.8");
    proxy.wait_for_metric("tidegate_connections", 3.0);
    proxy.wait_for_metric("tidegate_proxy_headers_total{result=\"client\"}", 1.0);
    proxy.advance(4);
    slow.send("198.51.100.1 ");
    assert!(!silent.is_closed() && !slow.is_closed());
    proxy.advance_until("handshake fires", 2, || headers(&proxy, "timeout") > 1.5);
    slow.expect_close();
    silent.expect_close();
    assert!((headers(&proxy, "timeout") - 2.0).abs() < 0.1);
    proxy.wait_for_metric("tidegate_connections_timed_out_total{limit=\"handshake\"}", 2.0);
    // From the header on it is a connection like any other.
    let first_byte = "tidegate_connections_timed_out_total{limit=\"first-byte\"}";
    proxy.advance_until("first_byte fires", 3, || proxy.metric(first_byte) > 0.5);
    quick.expect_close();
}

#[test]
fn a_peer_that_closes_before_its_header_is_over_is_told_apart_from_one_that_only_looks() {
    let (_origin, proxy) = start();
    drop(Raw::connect_from(proxy.http(), LISTED));
    let mut cut = listed(&proxy, "PROXY TCP4 192.0.2.7");
    cut.half_close();
    cut.expect_close();
    proxy.wait_for_metric("tidegate_proxy_headers_total{result=\"broken-off\"}", 1.0);
    proxy.wait_for_metric("tidegate_connections", 0.0);
    proxy.wait_for_metric("tidegate_proxy_headers_total", 1.0);
}

#[test]
fn connections_are_counted_for_whom_the_header_names() {
    let (_origin, setup) = scene();
    let setup = setup.with("limits", "client_connections = 2");
    let proxy = setup.proxy_protocol("'127.0.0.9'").start();
    let mut held = Vec::new();
    // Those without a header yet are nobody's.
    let waiting: Vec<Raw> = (0..5).map(|_| Raw::connect_from(proxy.http(), LISTED)).collect();
    for client in ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3"] {
        let mut raw = behalf_of(&proxy, client);
        assert_eq!(who(&mut raw), client);
        held.push(raw);
    }
    behalf_of(&proxy, "192.0.2.1").expect_close();
    assert!(
        (proxy.metric("tidegate_connections_refused_total{cause=\"client\"}") - 1.0).abs() < 0.1
    );
    proxy.wait_for_metric("tidegate_client_addresses", 3.0);
    drop(held);
    proxy.wait_for_metric("tidegate_client_addresses", 0.0);
    assert_eq!(who(&mut behalf_of(&proxy, "192.0.2.1")), "192.0.2.1");
    drop(waiting);
    proxy.wait_for_metric("tidegate_connections", 0.0);
}

#[test]
fn requests_are_counted_for_whom_the_header_names() {
    let (origin, setup) = scene();
    let (gate, reply) = Page::new("late").held();
    origin.replies("/held", [reply]);
    let setup = setup.with("limits", "client_requests = 1");
    let proxy = setup.proxy_protocol("'127.0.0.9'").start();
    let mut first = behalf_of(&proxy, "192.0.2.1");
    first.get("/held");
    origin.wait_for("/held", 1);
    let mut same = behalf_of(&proxy, "192.0.2.1");
    same.get("/who");
    same.response().expect(429).expect_because("client-requests");
    assert_eq!(who(&mut behalf_of(&proxy, "192.0.2.2")), "192.0.2.2");
    gate.finish();
    first.response().expect(200);
}

#[test]
fn x_forwarded_for_is_believed_only_from_a_client_that_is_itself_trusted() {
    let (origin, setup) = scene();
    let setup = setup
        .with("node", "trusted_proxies = ['127.0.0.9', '10.0.0.0/8']")
        .with("purge", "allow = ['127.0.0.0/8', '192.0.2.0/24', '10.0.0.0/8']");
    let proxy = setup.proxy_protocol("'127.0.0.9'").start();
    // Who is believed may name the scheme, which shows it.
    origin.on("/told", |seen| {
        let of = |name| seen.header(name).unwrap_or("-").to_owned();
        let told = format!("{} {}", of("x-forwarded-for"), of("x-forwarded-proto"));
        Page::new(told).header("cache-control", "no-store")
    });
    let told = |header: &[u8]| {
        let mut raw = listed(&proxy, header);
        raw.send(
            "GET /told HTTP/1.1\r\nHost: wiki.test\r\nX-Forwarded-For: 203.0.113.9\r\n\
             X-Forwarded-Proto: https\r\n\r\n",
        );
        raw.response().expect(200).text()
    };
    // A stranger whom a trusted proxy names is a stranger.
    assert_eq!(told(line("192.0.2.7").as_bytes()), "203.0.113.9, 192.0.2.7 http");
    assert_eq!(told(line("10.0.0.1").as_bytes()), "203.0.113.9, 10.0.0.1 https");
    // The proxy's own words count, but not those of whom it cannot name.
    assert_eq!(told(&binary(0x20, 0x00, &[])), "203.0.113.9, 127.0.0.9 https");
    assert_eq!(told(b"PROXY UNKNOWN\r\n"), "203.0.113.9, 127.0.0.9 http");
}

#[test]
fn a_purge_is_allowed_only_where_the_proxy_and_its_client_both_may() {
    let purge = |raw: &mut Raw, fields: &str| -> Response {
        raw.send(format!("PURGE /page HTTP/1.1\r\nHost: wiki.test\r\n{fields}\r\n"));
        raw.response()
    };
    let (both, client, proxied) = ("'127.0.0.9', '192.0.2.7'", "'192.0.2.7'", "'127.0.0.9'");
    for (allow, header, status) in [
        (both, line("192.0.2.7"), 204),
        (both, line("192.0.2.8"), 405),
        (client, line("192.0.2.7"), 405),
        (proxied, line("192.0.2.7"), 405),
        // Naming oneself, or the node, helps nobody.
        (proxied, line("127.0.0.1"), 405),
        (proxied, "PROXY UNKNOWN\r\n".into(), 405),
        (proxied, String::from_utf8(binary(0x20, 0x00, &[])).expect("it is ASCII"), 204),
    ] {
        let (origin, setup) = scene();
        let setup = setup.with("purge", &format!("allow = [{allow}]"));
        let proxy = setup.proxy_protocol("'127.0.0.9'").start();
        let mut reader = behalf_of(&proxy, "192.0.2.1");
        reader.get("/page");
        reader.response().expect(200);
        let answer = purge(&mut listed(&proxy, &header), "");
        assert_eq!(answer.status, status, "{header:?} where {allow} may");
        // Whom a field names must be allowed too.
        purge(&mut listed(&proxy, &header), "X-Forwarded-For: 203.0.113.9\r\n").expect(405);
        reader.get("/page");
        reader.response().expect(200);
        assert_eq!(origin.count("/page"), if status == 204 { 2 } else { 1 }, "{header:?}");
    }
}

#[test]
fn a_reload_decides_who_owes_a_header_from_then_on() {
    let (_origin, setup) = scene();
    let mut proxy = setup.start();
    let mut before = Raw::connect_from(proxy.http(), LISTED);
    assert_eq!(who(&mut before), LISTED);
    let listing = proxy.setup().proxy_protocol("'127.0.0.9'");
    proxy.reload(listing).expect("who owes a header can be changed");
    assert_eq!(who(&mut before), LISTED, "a connection stays what it was");
    assert_eq!(who(&mut behalf_of(&proxy, "192.0.2.7")), "192.0.2.7");
    let mut bare = Raw::connect_from(proxy.http(), LISTED);
    bare.get("/who");
    bare.expect_close();
}
