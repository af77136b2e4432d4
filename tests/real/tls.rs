//! Who the edge is to its clients, and what makes them believe it.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// A certificate that its owner signed, and the key, in PEM.
pub struct Identity {
    /// The certificate.
    pub cert: String,
    /// The private key.
    pub key: String,
}

impl Identity {
    /// A new one.
    pub fn new(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]);
        let made = made.expect("a name makes a certificate");
        Self { cert: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    /// Clients that believe this certificate, and speak `protocol`.
    pub fn client(&self, protocol: &str) -> Arc<ClientConfig> {
        let cert = CertificateDer::from_pem_slice(self.cert.as_bytes()).expect("our own PEM");
        let mut roots = RootCertStore::empty();
        roots.add(cert).expect("our own certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider supports the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Arc::new(config)
    }
}
