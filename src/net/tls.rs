//! TLS towards clients: versions 1.2 and 1.3, forward-secret suites, X25519MLKEM768 first among the
//! key exchanges (aws-lc-rs's defaults, checked by a test), ALPN, no client certificates but those
//! of other nodes, and no early data, because what is replayed could be a POST. Of the suites AES with keys of 128 bits is
//! preferred, whatever the client's order: it comes with SHA-256, for which processors have
//! instructions, and not with SHA-384, which would take a fifth of the whole handshake.
//!
//! [`ServerTls`] holds what is served now. A reload prepares everything first and then switches;
//! handshakes that began before keep what they began with, and tickets stay valid, because their
//! keys belong to the process and not to a configuration.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ServerConfig};

use super::client_tls;
use super::pem::{self, PemError};
use super::sni::Certificates;
use crate::base::pem::{Certificate, Trust};

/// Certificates that have been loaded and are not served yet.
#[derive(Debug)]
pub struct Prepared {
    certificates: Certificates,
    http2: bool,
    /// What listeners for nodes of the fleet serve.
    fleet: Option<(Certificates, Arc<dyn ClientCertVerifier>)>,
    /// What an operator should know of them.
    pub warnings: Vec<String>,
}

/// Loads every one of `certificates`; `http2` says whether HTTP/2 is offered, `now` what is
/// expired.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn prepare(
    certificates: &[Certificate],
    http2: bool,
    now: SystemTime,
) -> Result<Prepared, Vec<PemError>> {
    let provider = aws_lc_rs::default_provider();
    let (mut identities, mut warnings, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for certificate in certificates {
        match pem::identity(certificate, &provider, now) {
            Ok(mut identity) => {
                warnings.append(&mut identity.warnings);
                identities.push(identity);
            }
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Prepared { certificates: Certificates::new(identities), http2, fleet: None, warnings })
}

impl Prepared {
    /// The same, with what nodes of the fleet are served that `trust` knows.
    ///
    /// # Errors
    /// A sentence about its roots, or about the node's own certificate.
    pub fn with_fleet(mut self, trust: &Trust, now: SystemTime) -> Result<Self, String> {
        let roots = Arc::new(client_tls::roots(Some(&trust.roots))?);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
        let verifier = verifier.build().map_err(|error| format!("{}: {error}", trust.roots))?;
        let identity = pem::identity(&trust.identity, &provider, now);
        let mut identity = identity.map_err(|error| error.to_string())?;
        self.warnings.append(&mut identity.warnings);
        self.fleet = Some((Certificates::new(vec![identity]), verifier));
        Ok(self)
    }
}

/// What TLS listeners serve.
pub struct ServerTls {
    config: ArcSwap<ServerConfig>,
    fleet: ArcSwapOption<ServerConfig>,
    provider: Arc<CryptoProvider>,
    tickets: Arc<dyn ProducesTickets>,
}

impl ServerTls {
    /// Serves `prepared`, with ticket keys of its own.
    ///
    /// # Errors
    /// The system has no randomness to make ticket keys of.
    pub fn new(prepared: Prepared) -> Result<Self, rustls::Error> {
        let provider = Arc::new(provider());
        let tickets = aws_lc_rs::Ticketer::new()?;
        let (config, fleet) = build(prepared, &provider, &tickets)?;
        let (config, fleet) = (ArcSwap::new(config), ArcSwapOption::new(fleet));
        Ok(Self { config, fleet, provider, tickets })
    }

    /// Serves `prepared` from the next handshake on.
    ///
    /// # Errors
    /// As [`new`](Self::new); what was served then stays.
    pub fn switch(&self, prepared: Prepared) -> Result<(), rustls::Error> {
        let (config, fleet) = build(prepared, &self.provider, &self.tickets)?;
        self.config.store(config);
        self.fleet.store(fleet);
        Ok(())
    }

    /// What the next handshake gets.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }

    /// What the next handshake of another node gets; none where there is no fleet.
    pub fn for_the_fleet(&self) -> Option<Arc<ServerConfig>> {
        self.fleet.load_full()
    }
}

/// The suites in the order in which we prefer them.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        )
    });
    provider
}

/// What everybody is served, and what other nodes are.
type Built = (Arc<ServerConfig>, Option<Arc<ServerConfig>>);

fn build(
    prepared: Prepared,
    provider: &Arc<CryptoProvider>,
    tickets: &Arc<dyn ProducesTickets>,
) -> Result<Built, rustls::Error> {
    let Prepared { certificates, http2, fleet, .. } = prepared;
    let versions = || {
        ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
    };
    let mut config = versions()?.with_no_client_auth().with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = match http2 {
        true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        false => vec![b"http/1.1".to_vec()],
    };
    config.ticketer = Arc::clone(tickets);
    // One resumes one connection; a browser opens one.
    config.send_tls13_tickets = 1;
    settle(&mut config);
    let fleet = match fleet {
        None => None,
        Some((certificates, verifier)) => {
            let config = versions()?.with_client_cert_verifier(verifier);
            let mut config = config.with_cert_resolver(Arc::new(certificates));
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            // Each handshake shows who it is: a ticket would outlive a certificate.
            config.send_tls13_tickets = 0;
            config.session_storage = Arc::new(NoServerSessionStorage {});
            settle(&mut config);
            Some(Arc::new(config))
        }
    };
    Ok((Arc::new(config), fleet))
}

fn settle(config: &mut ServerConfig) {
    config.ignore_client_order = true;
    config.max_early_data_size = 0;
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
