//! The tests' own certificate authority, made once a run, and what either side of TLS needs of it.

use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
    let key = KeyPair::generate().expect("keys can be made");
    let mut params = CertificateParams::new(Vec::new()).expect("no names are valid names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).expect("a CA can sign itself").pem();
    Authority { pem, issuer: Issuer::new(params, key) }
});

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub cert: String,
    /// The private key.
    pub key: String,
}

impl Identity {
    /// The certificate in DER.
    pub fn der(&self) -> Vec<u8> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).expect("our own PEM").to_vec()
    }
}

/// A new certificate for `names`, signed by the tests' CA.
pub fn identity(names: &[&str]) -> Identity {
    let key = KeyPair::generate().expect("keys can be made");
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let params = CertificateParams::new(names).expect("the test's names are valid");
    let cert = params.signed_by(&key, &AUTHORITY.issuer).expect("the CA signs");
    Identity { cert: cert.pem(), key: key.serialize_pem() }
}

/// A new certificate for `names`, signed by nobody else.
pub fn stranger(names: &[&str]) -> Identity {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let own = rcgen::generate_simple_self_signed(names).expect("the test's names are valid");
    Identity { cert: own.cert.pem(), key: own.signing_key.serialize_pem() }
}

/// The CA's certificate in PEM.
pub fn ca_pem() -> &'static str {
    &AUTHORITY.pem
}

/// A client that believes the tests' CA and nobody else, and offers `alpn` in this order.
pub fn client_config(alpn: &[&str]) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default versions")
        .with_root_certificates(roots())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// As [`client_config`], of one version and without ALPN.
pub fn client_config_of(version: &'static rustls::SupportedProtocolVersion) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .expect("the provider supports the version")
        .with_root_certificates(roots())
        .with_no_client_auth();
    Arc::new(config)
}

/// A client that takes whatever certificate of the tests' CA it is shown, for any name: to see
/// which one that is.
pub fn trusting_anyone() -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyName))
        .with_no_client_auth();
    Arc::new(config)
}

#[derive(Debug)]
struct AnyName;

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, signed, &known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, signed, &known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(ca_pem().as_bytes()).expect("the CA's own PEM");
    roots.add(ca).expect("a CA is a root");
    roots
}

/// A server that is `name`.
pub fn server_config(name: &str) -> Arc<ServerConfig> {
    let identity = identity(&[name]);
    let cert = CertificateDer::from_pem_slice(identity.cert.as_bytes()).expect("our own PEM");
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("our own PEM");
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .expect("the key fits the certificate");
    Arc::new(config)
}
