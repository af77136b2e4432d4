//! The tests' own certificate authority, made once a run, and what either side of TLS needs of it.

use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

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

/// A new certificate for `names`, signed by the tests' CA.
pub fn identity(names: &[&str]) -> Identity {
    let key = KeyPair::generate().expect("keys can be made");
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let params = CertificateParams::new(names).expect("the test's names are valid");
    let cert = params.signed_by(&key, &AUTHORITY.issuer).expect("the CA signs");
    Identity { cert: cert.pem(), key: key.serialize_pem() }
}

/// The CA's certificate in PEM.
pub fn ca_pem() -> &'static str {
    &AUTHORITY.pem
}

/// A client that believes the tests' CA and nobody else, and offers `alpn` in this order.
pub fn client_config(alpn: &[&str]) -> Arc<ClientConfig> {
    let mut config = client_builder().with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

fn client_builder() -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(ca_pem().as_bytes()).expect("the CA's own PEM");
    roots.add(ca).expect("a CA is a root");
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default versions")
        .with_root_certificates(roots)
}

/// A server that is `name`.
pub fn server_config(name: &str) -> Arc<ServerConfig> {
    let identity = identity(&[name]);
    let cert = CertificateDer::from_pem_slice(identity.cert.as_bytes()).expect("our own PEM");
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("our own PEM");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .expect("the key fits the certificate");
    Arc::new(config)
}
