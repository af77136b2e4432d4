//! Which certificate answers which name (RFC 6066 §3): the exact name, else a wildcard for its
//! parent, which stands for one label (RFC 9525 §6.3), else the first certificate. Where several
//! are for one name, the first in the file's order whose key the client can verify: that is how a
//! site serves ECDSA with an RSA fallback.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::pem::Identity;

/// Certificates by name.
#[derive(Debug)]
pub struct Certificates {
    exact: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// By the name without its `*.`.
    wildcard: HashMap<String, Vec<Arc<CertifiedKey>>>,
    all: Vec<Arc<CertifiedKey>>,
}

impl Certificates {
    /// Certificates in the file's order.
    pub fn new(identities: impl IntoIterator<Item = Identity>) -> Self {
        let mut table = Self { exact: HashMap::new(), wildcard: HashMap::new(), all: Vec::new() };
        for identity in identities {
            for name in identity.names {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut table.wildcard, parent.to_owned()),
                    None => (&mut table.exact, name),
                };
                map.entry(name).or_default().push(Arc::clone(&identity.key));
            }
            table.all.push(identity.key);
        }
        table
    }

    /// The certificate for a client that asks for `name` and verifies `schemes`.
    pub fn choose(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let named = name.and_then(|name| self.named(&name.to_ascii_lowercase()));
        let candidates = named.unwrap_or(&self.all);
        let usable = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        candidates.iter().find(usable).or(candidates.first()).cloned()
    }

    fn named(&self, name: &str) -> Option<&[Arc<CertifiedKey>]> {
        let by_parent = || {
            let (label, parent) = name.split_once('.')?;
            if label.is_empty() { None } else { self.wildcard.get(parent) }
        };
        self.exact.get(name).or_else(by_parent).map(Vec::as_slice)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name(), hello.signature_schemes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::pem::{Certificate, Pem};
    use std::time::SystemTime;

    fn identity(names: &[&str], algorithm: &'static rcgen::SignatureAlgorithm) -> Identity {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let cert = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let pair = Certificate { cert: Pem::Text(cert.pem()), key: Pem::Text(key.serialize_pem()) };
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        super::super::pem::identity(&pair, &provider, SystemTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn an_exact_name_comes_before_a_wildcard_and_the_first_answers_the_rest() {
        let p256 = &rcgen::PKCS_ECDSA_P256_SHA256;
        let identities = [&["first.test"][..], &["*.wiki.test"], &["en.wiki.test", "wiki.test"]]
            .map(|names| identity(names, p256));
        let keys = identities.each_ref().map(|identity| Arc::clone(&identity.key));
        let table = Certificates::new(identities);
        for (name, expected) in [
            (Some("first.test"), 0),
            (Some("de.wiki.test"), 1),
            (Some("DE.Wiki.TEST"), 1),
            (Some("en.wiki.test"), 2),
            (Some("wiki.test"), 2),
            (Some("a.de.wiki.test"), 0),
            (Some(".wiki.test"), 0),
            (Some("unknown"), 0),
            (None, 0),
        ] {
            let got = table.choose(name, &[SignatureScheme::ECDSA_NISTP256_SHA256]).unwrap();
            assert!(Arc::ptr_eq(&got, &keys[expected]), "{name:?}");
        }
    }

    #[test]
    fn of_two_for_one_name_the_client_gets_the_one_that_it_can_verify() {
        let identities = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519]
            .map(|algorithm| identity(&["a.test"], algorithm));
        let keys = identities.each_ref().map(|identity| Arc::clone(&identity.key));
        let table = Certificates::new(identities);
        let schemes = [SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519];
        for (schemes, expected) in [(&schemes[..], 0), (&schemes[1..], 1), (&[], 0)] {
            let got = table.choose(Some("a.test"), schemes).unwrap();
            assert!(Arc::ptr_eq(&got, &keys[expected]));
        }
    }
}
