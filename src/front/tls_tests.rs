//! TLS over loopback sockets: ALPN chooses the protocol, and a handshake has its time.

use super::kit::*;
use super::*;
use crate::base::Peer;
use crate::config::{Certificate, Pem};
use crate::net::tls::{self, ServerTls};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::time::{Duration, SystemTime};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A server with TLS, and a client's configuration that trusts it.
async fn start(alpn: &[u8]) -> (Server, Arc<ClientConfig>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
    let cert = params.self_signed(&key).unwrap();
    let pair = Certificate { cert: Pem::Text(cert.pem()), key: Pem::Text(key.serialize_pem()) };
    let prepared = tls::prepare(&[pair], true, SystemTime::UNIX_EPOCH).unwrap();
    let served = ServerTls::new(prepared).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![alpn.to_vec()];
    let handler = |request: Request| ok(format!("{:?}", request.version()));
    let server = Server::with_tls(handler, Some(served.current())).await;
    (server, Arc::new(client))
}

async fn shake(server: &Server, config: Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let stream = server.connect().await.0;
    let name = ServerName::try_from("a.test").unwrap();
    soon("the handshake", TlsConnector::from(config).connect(name, stream)).await.unwrap()
}

#[tokio::test]
async fn http1_over_tls_ends_with_a_close_notify() {
    let (server, config) = start(b"http/1.1").await;
    let mut client = Client(shake(&server, config).await);
    client.send("GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n").await;
    // rustls's client takes an end without close_notify for an error.
    assert!(client.rest().await.unwrap().ends_with("HTTP/1.1"));
    assert_eq!(server.end().await, End::Done);
    let secured = ConnectionEvent::Secured { resumed: false, tls13: true };
    assert_eq!(server.events()[..2], [secured, ConnectionEvent::Opened(Protocol::Http1)]);
}

#[tokio::test]
async fn alpn_chooses_http2() {
    let (server, config) = start(b"h2").await;
    let stream = shake(&server, config).await;
    let (mut send, connection) = soon("the preface", h2::client::handshake(stream)).await.unwrap();
    tokio::spawn(async move {
        let _: Result<(), h2::Error> = connection.await;
    });
    let request = http2_tests::get("/");
    let response = soon("an answer", send.send_request(request, true).unwrap().0).await.unwrap();
    let mut body = response.into_body();
    assert_eq!(soon("the body", body.data()).await.unwrap().unwrap(), "HTTP/2.0");
    drop((send, body));
    assert_eq!(server.end().await, End::Done);
}

#[tokio::test]
async fn a_handshake_that_stops_is_cut_and_one_that_is_none_is_told() {
    let (server, _) = start(b"h2").await;
    let silent = server.connect().await;
    server.armed(TIMEOUTS.handshake).await;
    let passed = server.pass(Duration::from_secs(1), || server.is_closed()).await;
    assert!(passed >= TIMEOUTS.handshake, "{passed:?}");
    assert_eq!(server.end().await, End::Cut(Wait::Handshake));
    drop(silent);

    let (server, _) = start(b"h2").await;
    let mut plain = server.connect().await;
    plain.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(server.end().await, End::Handshake);
}

#[tokio::test]
async fn the_future_of_a_connection_is_small() {
    let (server, _) = start(b"h2").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let peer = Arc::new(Peer::plain(server.address, server.address));
    let future = connection(stream, None, peer, Arc::clone(&server.serving));
    let size = size_of_val(&future);
    assert!(size < 2048, "an idle plain connection's task takes {size} bytes");
}
