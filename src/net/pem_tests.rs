//! Every way in which a certificate or a key can be wrong says so with its remedy.

use super::*;
use rcgen::{CertificateParams, KeyPair};
use std::time::Duration;

fn pem(text: impl Into<String>) -> Pem {
    Pem::Text(text.into())
}

fn load(cert: Pem, key: Pem) -> Result<Identity, PemError> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    identity(&Certificate { cert, key }, &provider, now)
}

fn issue(names: &[&str], year: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = rcgen::date_time_ymd(year, 1, 1);
    params.not_after = rcgen::date_time_ymd(year + 1, 1, 1);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn a_good_pair_is_known_by_its_names() {
    let (cert, key) = issue(&["Wiki.test", "*.wiki.test"], 2027);
    let identity = load(pem(cert), pem(key)).unwrap();
    assert_eq!(identity.names, ["wiki.test", "*.wiki.test"]);
    assert_eq!(identity.warnings, [""; 0]);
}

#[test]
fn what_is_wrong_is_said_with_its_remedy() {
    let (cert, key) = issue(&["a.test"], 2027);
    let (_, other_key) = issue(&["a.test"], 2027);
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (cert, key, what) in [
        (key.as_str(), key.as_str(), "no certificate in it"),
        ("", key.as_str(), "no certificate in it"),
        (cert.as_str(), cert.as_str(), "no private key in it"),
        (cert.as_str(), encrypted.as_str(), "the key is encrypted"),
        (cert.as_str(), other_key.as_str(), "the key does not belong to the certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA", key.as_str(), "not PEM"),
    ] {
        let error = load(pem(cert), pem(key)).unwrap_err();
        assert!(error.what.starts_with(what), "{error}");
        assert!(!error.remedy.is_empty());
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let (_, key) = issue(&["a.test"], 2027);
    let error = load(Pem::File("/nowhere/cert.pem".into()), pem(key)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/nowhere/cert.pem: cannot be read: No such file or directory (os error 2); \
         check the path, and that the user this server runs as may read it"
    );
}

#[test]
fn a_certificate_out_of_its_time_or_without_names_is_served_with_a_warning() {
    for (names, year, warning) in [
        (&["a.test"][..], 2020, "the certificate expired 2205 days ago; renew it"),
        (&["a.test"][..], 2030, "the certificate is valid only in 1081 days"),
        (&[][..], 2027, "the certificate names no host (subjectAltName)"),
    ] {
        let (cert, key) = issue(names, year);
        let identity = load(pem(cert), pem(key)).unwrap();
        assert_eq!(identity.warnings.len(), 1);
        assert!(identity.warnings[0].starts_with(warning), "{:?}", identity.warnings);
    }
}
