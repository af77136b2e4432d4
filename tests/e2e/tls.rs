//! TLS towards clients: certificates by name, protocols by ALPN, and nothing that is weak.

use rustls::{HandshakeKind, NamedGroup, ProtocolVersion};

use crate::kit::pki;
use crate::kit::{Origin, Page, Proxy, Raw};

fn origin() -> Origin {
    let origin = Origin::start();
    origin.page("/page", Page::cacheable("content"));
    origin
}

#[test]
fn certificates_are_chosen_by_name_exact_before_wildcard_before_the_first() {
    let origin = origin();
    let first = pki::identity(&["first.test"]);
    let wildcard = pki::identity(&["*.wiki.test"]);
    let exact = pki::identity(&["en.wiki.test", "wiki.test"]);
    let proxy = Proxy::new(&origin)
        .certificate(&first)
        .certificate(&wildcard)
        .certificate(&exact)
        .tls()
        .start();
    let shown =
        |name: &str| Raw::tls_with(proxy.https(), name, pki::trusting_anyone()).certificate();
    for (name, identity) in [
        ("first.test", &first),
        ("en.wiki.test", &exact),
        ("EN.wiki.test", &exact),
        ("wiki.test", &exact),
        ("de.wiki.test", &wildcard),
        // A wildcard stands for one label only (RFC 9525 §6.3).
        ("a.b.wiki.test", &first),
        ("elsewhere.test", &first),
        // An address is no SNI, so none is sent.
        ("127.0.0.1", &first),
    ] {
        assert!(shown(name) == identity.der(), "{name} got another certificate");
    }
}

#[test]
fn alpn_chooses_the_protocol() {
    let origin = origin();
    let proxy = Proxy::new(&origin).tls().start();
    for (offered, chosen) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1", "h2"], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let raw = Raw::tls_with(proxy.https(), "wiki.test", pki::client_config(offered));
        let session = raw.socket().session().expect("it is TLS");
        assert_eq!(session.alpn_protocol(), chosen.map(str::as_bytes), "{offered:?}");
    }
    // Without ALPN it is HTTP/1.1.
    let mut raw = Raw::tls_with(proxy.https(), "wiki.test", pki::client_config(&[]));
    raw.get("/page");
    raw.response().expect(200);
}

#[test]
fn http2_can_be_switched_off() {
    let origin = origin();
    let proxy = Proxy::new(&origin).tls().with("http2", "enabled = false").start();
    let raw = Raw::tls_with(proxy.https(), "wiki.test", pki::client_config(&["h2", "http/1.1"]));
    let session = raw.socket().session().expect("it is TLS");
    assert_eq!(session.alpn_protocol(), Some(b"http/1.1".as_slice()));
}

#[test]
fn tls_1_2_and_1_3_are_spoken_with_the_post_quantum_group_first() {
    let origin = origin();
    let proxy = Proxy::new(&origin).tls().start();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = pki::client_config_of(version);
        let mut raw = Raw::tls_with(proxy.https(), "wiki.test", config);
        raw.get("/page");
        raw.response().expect(200);
        let session = raw.socket().session().expect("it is TLS");
        assert_eq!(session.protocol_version(), Some(version.version));
        let group = session.negotiated_key_exchange_group().map(|group| group.name());
        if version.version == ProtocolVersion::TLSv1_3 {
            assert_eq!(group, Some(NamedGroup::X25519MLKEM768));
        }
    }
}

#[test]
fn one_ticket_is_sent_and_a_session_is_resumed() {
    let origin = origin();
    let proxy = Proxy::new(&origin).tls().start();
    let config = pki::client_config(&["http/1.1"]);
    let visit = || {
        let mut raw = Raw::tls_with(proxy.https(), "wiki.test", config.clone());
        raw.get("/page");
        raw.response().expect(200);
        let session = raw.socket().session().expect("it is TLS");
        (session.handshake_kind(), session.tls13_tickets_received())
    };
    assert_eq!(visit(), (Some(HandshakeKind::Full), 1));
    assert_eq!(visit(), (Some(HandshakeKind::Resumed), 1));
    assert!(proxy.metric("tidegate_tls_handshakes_total{result=\"resumed\"}") > 0.5);
}

/// A ClientHello that offers `version` and these cipher suites and nothing of today.
fn old_hello(version: [u8; 2], suites: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).expect("it is short");
    let body = [&version[..], &[7; 32], &[0, 0, length(suites)], suites, &[1, 0]].concat();
    let handshake = [&[1, 0, 0, length(&body)], &body[..]].concat();
    [&[22, 3, 1, 0, length(&handshake)], &handshake[..]].concat()
}

#[test]
fn old_versions_and_suites_without_forward_secrecy_are_refused() {
    let origin = origin();
    let proxy = Proxy::new(&origin).tls().start();
    let (ecdhe_cbc, rsa_gcm, ecdhe_gcm) = ([0xc0, 0x13], [0x00, 0x9c], [0xc0, 0x2f]);
    for (version, suites) in [
        ([3, 0], ecdhe_cbc),
        ([3, 1], ecdhe_cbc),
        ([3, 2], ecdhe_cbc),
        ([3, 2], ecdhe_gcm),
        ([3, 3], rsa_gcm),
        ([3, 3], ecdhe_cbc),
    ] {
        let mut raw = Raw::connect(proxy.https());
        raw.send(old_hello(version, &suites));
        let answer = raw.read_to_end();
        // A fatal alert, and no ServerHello.
        assert_eq!(answer.first(), Some(&21), "{version:?} {suites:?}: {answer:?}");
        assert_eq!(answer.get(5), Some(&2), "{version:?} {suites:?}: {answer:?}");
    }
    proxy.wait_for_metric("tidegate_tls_handshakes_total{result=\"failed\"}", 6.0);
}

#[test]
fn what_is_no_tls_at_all_is_closed_and_harms_no_one() {
    let origin = origin();
    let proxy = Proxy::new(&origin).tls().start();
    let mut raw = Raw::connect(proxy.https());
    raw.get("/page");
    let answer = String::from_utf8_lossy(&raw.read_to_end()).into_owned();
    assert!(!answer.contains("content"), "{answer:?}");
    proxy.http2().get("/page").expect(200);
}

#[test]
fn an_answer_over_tls_ends_with_a_proper_close() {
    let origin = origin();
    let proxy = Proxy::new(&origin).tls().start();
    let mut raw = Raw::tls(proxy.https(), "wiki.test");
    raw.send("GET /page HTTP/1.1\r\nHost: wiki.test\r\nConnection: close\r\n\r\n");
    raw.response().expect(200);
    assert!(raw.ends_properly(), "no close_notify came: a cut cannot be told from the end");
}
