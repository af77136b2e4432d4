//! TLS towards origins: TLS 1.2 and 1.3, certificates always verified, against the web's roots or
//! a cluster's own.

use std::sync::Arc;

pub use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use crate::base::Pem;
use crate::base::pem::Certificate;

/// The configuration for servers whose certificates lead to `roots`, or to the web's, and which are shown
/// `identity` where they ask for one (mutual TLS).
///
/// # Errors
/// A sentence that names the file and what is wrong with it.
pub fn client_config(
    roots: Option<&Pem>,
    identity: Option<&Certificate>,
) -> Result<Arc<ClientConfig>, String> {
    let store = self::roots(roots)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(store);
    let config = match identity {
        None => config.with_no_client_auth(),
        Some(Certificate { cert, key }) => {
            let secret = PrivateKeyDer::from_pem_slice(&key.read()?);
            let secret = secret.map_err(|error| format!("{key}: {error}"))?;
            let shown = config.with_client_auth_cert(certificates(cert)?, secret);
            shown.map_err(|error| format!("{cert} with {key}: {error}"))?
        }
    };
    Ok(Arc::new(config))
}

/// The same, which offers HTTP/2 before HTTP/1.1 (RFC 7301).
pub fn offering_http2(config: &ClientConfig) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

/// The authorities in `roots`, or the web's.
///
/// # Errors
/// A sentence that names the file and what is wrong with it.
pub fn roots(roots: Option<&Pem>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    match roots {
        None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            for certificate in certificates(pem)? {
                store.add(certificate).map_err(|error| format!("{pem}: {error}"))?;
            }
            if store.is_empty() {
                return Err(format!("{pem}: no certificate in it"));
            }
        }
    }
    Ok(store)
}

/// The name to expect of `host`.
///
/// # Errors
/// A sentence where the host can be no certificate's name.
pub fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| format!("`{host}` cannot stand in a certificate"))
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(&pem.read()?)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{pem}: {error}"))
}
