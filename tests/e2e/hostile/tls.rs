//! Origins that should speak TLS and do something else: nothing that came outside of a handshake with
//! the right certificate reaches a client (CVE-2026-1642: bytes before the handshake).

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rustls::ServerConfig;

use crate::kit::setup::Setup;
use crate::kit::socket::Socket;
use crate::kit::{Proxy, get, pki};

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nCache-Control: max-age=60\r\nConnection: close\r\n\r\n";

/// A server that does this with each of its first `n` connections.
fn server(n: usize, act: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
    let address = listener.local_addr().expect("a bound socket has an address");
    std::thread::spawn(move || {
        for tcp in listener.incoming().take(n).flatten() {
            act(tcp);
        }
    });
    address
}

/// A proxy in front of it that expects `localhost` with a certificate of the tests' CA.
fn proxy(origin: SocketAddr) -> Setup {
    let roots = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-roots.pem");
    std::fs::write(&roots, pki::ca_pem()).expect("the build folder takes files");
    Setup::for_server(&format!("https://localhost:{}", origin.port()))
        .cluster(&format!("roots = '{}'", roots.display()))
}

/// Speaks TLS as `config` says, after `before`, and answers one request.
fn answer(mut tcp: TcpStream, before: &[u8], config: &Arc<ServerConfig>) {
    // A peer that has left is what is wanted here.
    let _ = tcp.write_all(before);
    let Ok(mut socket) = Socket::accepted(tcp, Some(Arc::clone(config))) else { return };
    if socket.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
        let _ = socket.write_all(&[ANSWER, b"leak"].concat());
        socket.finish();
        let _ = socket.read(&mut [0; 4096]);
    }
}

/// Every kind of client gets the page for it, and nothing is stored.
#[track_caller]
fn expect_refused(proxy: &Proxy, reason: &str) {
    for path in ["/a", "/a"] {
        let page = proxy.http1().get(path).expect(502).expect_because(reason);
        assert_eq!(page.text(), super::play::page(502, reason));
        let page = proxy.http2().send(get(path)).expect(502).expect_because(reason);
        assert_eq!(page.text(), super::play::page(502, reason));
    }
}

#[test]
fn an_origin_that_speaks_no_tls_is_not_heard() {
    let plain = [ANSWER, b"leak"].concat();
    let alert = b"\x15\x03\x03\x00\x02\x02\x28".to_vec();
    let silence = Vec::new();
    for bytes in
        [plain, b"\0\0\0\0\0\0\0\0".to_vec(), b"\x16\x03\x01\xff\xff".repeat(9000), alert, silence]
    {
        let origin = server(8, move |mut tcp| {
            let _ = tcp.write_all(&bytes);
        });
        expect_refused(&proxy(origin).tls().start(), "origin-tls");
    }
}

#[test]
fn an_origin_that_resets_the_handshake_is_not_heard() {
    let origin = server(8, |mut tcp| {
        let _ = tcp.read(&mut [0; 16]);
        Socket::accepted(tcp, None).expect("no TLS, no error").abort();
    });
    expect_refused(&proxy(origin).tls().start(), "origin-tls");
}

#[test]
fn bytes_before_the_handshake_are_no_part_of_any_answer_cve_2026_1642() {
    let plain = [ANSWER, b"leak"].concat();
    let config = pki::server_config("localhost");
    let origin = server(8, move |tcp| answer(tcp, &plain, &config));
    expect_refused(&proxy(origin).tls().start(), "origin-tls");
}

#[test]
fn an_origin_with_somebody_elses_certificate_is_not_heard() {
    let config = pki::server_config("elsewhere.test");
    let origin = server(8, move |tcp| answer(tcp, b"", &config));
    expect_refused(&proxy(origin).tls().start(), "origin-tls");
}

#[test]
fn an_origin_with_a_certificate_of_its_own_making_is_not_heard() {
    let key = rcgen::KeyPair::generate().expect("keys can be made");
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let cert = params.self_signed(&key).expect("it signs itself");
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("the provider supports the default versions")
    .with_no_client_auth()
    .with_single_cert(vec![cert.der().clone()], key.into())
    .expect("the key fits");
    let config = Arc::new(config);
    let origin = server(8, move |tcp| answer(tcp, b"", &config));
    expect_refused(&proxy(origin).tls().start(), "origin-tls");
}

#[test]
fn an_origin_that_says_nothing_in_the_handshake_is_a_504() {
    let origin = server(2, |mut tcp| while tcp.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {});
    let proxy = proxy(origin).cluster("connect_timeout = '3s'").clock_by_hand().start();
    let client = proxy.http1();
    let mut pending = client.begin(get("/page"));
    proxy.wait_for_metric("tidegate_flights", 1.0);
    proxy.advance_until("the client is answered", 4, || pending.has_head());
    pending.response().expect(504).expect_because("connect-timeout");
}

#[test]
fn a_body_over_tls_that_ends_without_the_word_for_it_is_not_whole() {
    // Anybody on the way can forge a FIN: a body that ends with its connection needs close_notify.
    let config = pki::server_config("localhost");
    let origin = server(8, move |tcp| {
        let Ok(mut socket) = Socket::accepted(tcp, Some(Arc::clone(&config))) else { return };
        if socket.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\nhello");
            let _ = socket.flush();
            let _ = socket.tcp().shutdown(std::net::Shutdown::Both);
        }
    });
    let proxy = proxy(origin).start();
    for _ in 0..2 {
        let answer = proxy.http1().begin(get("/page")).try_response();
        assert!(answer.is_err() || answer.is_ok_and(|answer| !answer.complete));
    }
}
