//! What is offered, and what a reload changes and keeps, seen by rustls's own client.

use super::*;
use crate::base::Pem;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, ServerConnection};
use rustls::{NamedGroup, RootCertStore};

struct Issued {
    pair: Certificate,
    der: rustls::pki_types::CertificateDer<'static>,
}

fn issue() -> Issued {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
    let cert = params.self_signed(&key).unwrap();
    let pair = Certificate { cert: Pem::Text(cert.pem()), key: Pem::Text(key.serialize_pem()) };
    Issued { pair, der: cert.der().clone() }
}

fn ready(issued: &Issued, http2: bool) -> Prepared {
    prepare(std::slice::from_ref(&issued.pair), http2, SystemTime::UNIX_EPOCH).unwrap()
}

fn client(trusted: &[&Issued]) -> ClientConfig {
    client_with(aws_lc_rs::default_provider(), trusted)
}

fn client_with(provider: CryptoProvider, trusted: &[&Issued]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for issued in trusted {
        roots.add(issued.der.clone()).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

fn shake(
    client: &Arc<ClientConfig>,
    server: &ServerTls,
) -> Result<(ClientConnection, ServerConnection), rustls::Error> {
    let name = ServerName::try_from("a.test").unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name)?;
    let mut server = ServerConnection::new(server.current())?;
    for _ in 0..10 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut read = &wire[..];
        while !read.is_empty() {
            server.read_tls(&mut read).unwrap();
            server.process_new_packets()?;
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut read = &wire[..];
        while !read.is_empty() {
            client.read_tls(&mut read).unwrap();
            client.process_new_packets()?;
        }
    }
    Ok((client, server))
}

#[test]
fn every_suite_has_forward_secrecy_and_the_first_key_exchange_is_post_quantum() {
    let provider = aws_lc_rs::default_provider();
    assert_eq!(provider.kx_groups[0].name(), NamedGroup::X25519MLKEM768);
    for suite in provider.cipher_suites {
        let name = format!("{:?}", suite.suite());
        assert!(name.starts_with("TLS13_") || name.starts_with("TLS_ECDHE_"), "{name}");
    }
}

#[test]
fn alpn_follows_the_configuration_and_one_ticket_resumes() {
    let issued = issue();
    for (http2, alpn) in [(true, &b"h2"[..]), (false, b"http/1.1")] {
        let server = ServerTls::new(ready(&issued, http2)).unwrap();
        let config = Arc::new(client(&[&issued]));
        let (first, _) = shake(&config, &server).unwrap();
        assert_eq!(first.alpn_protocol(), Some(alpn));
        assert_eq!(first.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        let group = first.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, NamedGroup::X25519MLKEM768);
        assert_eq!(first.tls13_tickets_received(), 1);
        let (second, _) = shake(&config, &server).unwrap();
        assert_eq!(second.handshake_kind(), Some(HandshakeKind::Resumed));
    }
}

#[test]
fn a_reload_changes_the_certificate_and_keeps_tickets_valid() {
    let (old, new) = (issue(), issue());
    let server = ServerTls::new(ready(&old, true)).unwrap();
    let returning = Arc::new(client(&[&old, &new]));
    shake(&returning, &server).unwrap();
    server.switch(ready(&new, true)).unwrap();
    assert!(shake(&Arc::new(client(&[&old])), &server).is_err());
    assert!(shake(&Arc::new(client(&[&new])), &server).is_ok());
    let (client, _) = shake(&returning, &server).unwrap();
    assert_eq!(client.handshake_kind(), Some(HandshakeKind::Resumed));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let good = issue().pair;
    let bad = Certificate { cert: good.key.clone(), key: good.key.clone() };
    let errors = prepare(&[bad.clone(), good, bad], true, SystemTime::UNIX_EPOCH).unwrap_err();
    assert_eq!(errors.len(), 2);
}

#[test]
fn the_suite_is_the_cheapest_of_those_that_a_client_offers() {
    let issued = issue();
    let server = ServerTls::new(ready(&issued, true)).unwrap();
    let mut provider = aws_lc_rs::default_provider();
    let dearest = CipherSuite::TLS13_AES_256_GCM_SHA384;
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != dearest);
    let offers = Arc::new(client_with(provider, &[&issued]));
    let (client, _) = shake(&offers, &server).unwrap();
    let chosen = client.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(chosen, CipherSuite::TLS13_AES_128_GCM_SHA256);
}
