//! Who the edge is to its clients and to other nodes, and what makes them believe it.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
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

/// Who says which nodes are of the fleet.
pub struct Authority {
    cert: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("keys can be made");
        let mut params = CertificateParams::new(Vec::new()).expect("no names are valid names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let cert = params.self_signed(&key).expect("an authority can sign itself").pem();
        Self { cert, issuer: Issuer::new(params, key) }
    }

    /// What a node says in its configuration that others reach at `address`: its listener for them, and
    /// then what stands in `[fleet]`. Its files go to `folder`.
    pub fn node(&self, address: SocketAddr, folder: &Path) -> String {
        let key = KeyPair::generate().expect("keys can be made");
        let params = CertificateParams::new([address.ip().to_string()]).expect("an address");
        let cert = params.signed_by(&key, &self.issuer).expect("an authority signs");
        let files =
            [("roots", self.cert.clone()), ("cert", cert.pem()), ("key", key.serialize_pem())];
        let mut toml = format!(
            "[[listener]]\naddress = \"{address}\"\ntls = true\nonly = \"fleet\"\n[fleet]\n"
        );
        for (name, text) in files {
            let file = folder.join(format!("{}-{name}.pem", address.ip()));
            fs::write(&file, text).expect("the folder is ours");
            writeln!(toml, "{name} = \"{}\"", file.display()).expect("a String takes all");
        }
        toml
    }
}
