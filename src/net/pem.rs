//! Certificates and keys read from PEM (RFC 7468), with errors that name the file and the remedy.
//! What can be served but should not be, such as an expired certificate, is a warning. Files are
//! read while a configuration is loaded or checked, never while a client waits.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;
use webpki::{EndEntityCert, KeyUsage};

use crate::base::pem::{Certificate, Pem};

/// A certificate chain with its key, ready to be served.
#[derive(Debug)]
pub struct Identity {
    /// The chain and the key.
    pub key: Arc<CertifiedKey>,
    /// The DNS names that the certificate is for, lower case, wildcards as `*.suffix`.
    pub names: Vec<String>,
    /// What an operator should know of it.
    pub warnings: Vec<String>,
}

/// Why a certificate or a key cannot be used, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemError {
    /// The file, if it is one.
    pub file: Option<PathBuf>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}: {}; {}", file.display(), self.what, self.remedy),
            None => write!(f, "{}; {}", self.what, self.remedy),
        }
    }
}

impl std::error::Error for PemError {}

/// Loads a certificate and its key; `now` decides what is expired.
///
/// # Errors
/// A file that cannot be read or has no certificate or key in it, an encrypted key, a key that
/// does not belong to the certificate.
pub fn identity(
    certificate: &Certificate,
    provider: &CryptoProvider,
    now: SystemTime,
) -> Result<Identity, PemError> {
    let chain = certificates(&certificate.cert)?;
    let key = private_key(&certificate.key)?;
    let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => fail(
            &certificate.key,
            "the key does not belong to the certificate",
            "give the key that the certificate was requested with, and put the server's own \
             certificate first in its file",
        ),
        rustls::Error::InvalidCertificate(_) => {
            fail(&certificate.cert, format!("the first certificate is bad: {error}"), RENEW)
        }
        _ => fail(
            &certificate.key,
            format!("the key cannot be used: {error}"),
            "use an ECDSA (P-256 or P-384), RSA (2048 bits or more) or Ed25519 key",
        ),
    })?;
    let leaf = key.cert.first().expect("`certificates` returns at least one");
    let leaf = EndEntityCert::try_from(leaf).map_err(|error| {
        fail(&certificate.cert, format!("the first certificate is bad: {error}"), RENEW)
    })?;
    let names: Vec<_> = leaf.valid_dns_names().map(str::to_ascii_lowercase).collect();
    let warnings = warnings(&certificate.cert, &leaf, &names, now);
    Ok(Identity { key: Arc::new(key), names, warnings })
}

const RENEW: &str = "have it issued again";

/// The certificates of `pem`, in its order; at least one.
///
/// # Errors
/// As [`identity`].
pub fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let text = read(pem)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| {
        fail(pem, format!("not PEM: {error}"), "give a file of `-----BEGIN CERTIFICATE-----` parts")
    })?;
    if found.is_empty() {
        let remedy = "give the file with the `-----BEGIN CERTIFICATE-----` parts, not the key's \
                      or a DER file";
        return Err(fail(pem, "no certificate in it", remedy));
    }
    Ok(found)
}

fn private_key(pem: &Pem) -> Result<PrivateKeyDer<'static>, PemError> {
    let text = read(pem)?;
    let is_encrypted = [b"ENCRYPTED PRIVATE KEY".as_slice(), b"Proc-Type: 4,ENCRYPTED"]
        .into_iter()
        .any(|mark| text.windows(mark.len()).any(|window| window == mark));
    if is_encrypted {
        let remedy = "decrypt it with `openssl pkey -in KEY -out PLAIN`, readable by this server \
                      alone";
        return Err(fail(pem, "the key is encrypted", remedy));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            fail(pem, "no private key in it", "give the file with the `PRIVATE KEY` part")
        }
        error => fail(pem, format!("not PEM: {error}"), "give a file with a `PRIVATE KEY` part"),
    })
}

fn read(pem: &Pem) -> Result<Vec<u8>, PemError> {
    match pem {
        Pem::Text(text) => Ok(text.clone().into_bytes()),
        Pem::File(path) => std::fs::read(path).map_err(|error| {
            let remedy = "check the path, and that the user this server runs as may read it";
            fail(pem, format!("cannot be read: {error}"), remedy)
        }),
    }
}

fn fail(pem: &Pem, what: impl Into<String>, remedy: &'static str) -> PemError {
    let file = match pem {
        Pem::File(path) => Some(path.clone()),
        Pem::Text(_) => None,
    };
    PemError { file, what: what.into(), remedy }
}

fn warnings(pem: &Pem, leaf: &EndEntityCert<'_>, names: &[String], now: SystemTime) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |what, remedy| warnings.push(fail(pem, what, remedy).to_string());
    if names.is_empty() {
        warn(
            "the certificate names no host (subjectAltName)".to_owned(),
            "browsers refuse it; have it issued again with its names",
        );
    }
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = UnixTime::since_unix_epoch(now);
    // Without anchors the path cannot be built, but the leaf's own dates are looked at first.
    let valid = leaf.verify_for_usage(&[], &[], &[], now, KeyUsage::server_auth(), None, None);
    match valid.err() {
        Some(webpki::Error::CertExpired { not_after, .. }) => {
            let days = (now.as_secs() - not_after.as_secs()) / 86_400;
            warn(format!("the certificate expired {days} days ago"), "renew it");
        }
        Some(webpki::Error::CertNotValidYet { not_before, .. }) => {
            let days = (not_before.as_secs() - now.as_secs()) / 86_400;
            warn(
                format!("the certificate is valid only in {days} days"),
                "check this machine's clock, or wait",
            );
        }
        _ => {}
    }
    warnings
}

#[cfg(test)]
#[path = "pem_tests.rs"]
mod tests;
