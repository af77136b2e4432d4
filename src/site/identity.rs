//! The names that an origin is given for who asks and for what is asked: X-Client-IP and X-Request-Id,
//! where a site wants them (`client_ip`, `request_id`).
//!
//! A request is named before it goes to an origin, or fails; a hit never is, and costs nothing for it.
//! The name is one request's: it stands in the log and in the answer to whoever asked, and never in what
//! is stored.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::client::is_believed;
use crate::base::Peer;
use crate::geo::PrefixSet;

/// The address of the client.
pub const X_CLIENT_IP: HeaderName = HeaderName::from_static("x-client-ip");
/// The name of the request.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Bytes that a name may have which we take over.
const LONGEST: usize = 128;

/// Where names come from.
#[derive(Debug, Default)]
pub struct RequestIds {
    /// Keyed hashes (SipHash, with keys of the system's randomness): who sees names cannot tell the
    /// next ones, and no two processes make the same.
    halves: [RandomState; 2],
    made: AtomicU64,
}

impl RequestIds {
    /// The name of a request from `peer`: the one that a trusted proxy gave it, if it is well formed,
    /// else a new one.
    pub fn of(&self, headers: &HeaderMap, peer: &Peer, trusted: &PrefixSet) -> HeaderValue {
        let mut lines = headers.get_all(X_REQUEST_ID).iter();
        match (lines.next(), lines.next()) {
            (Some(name), None) if is_well_formed(name) && is_believed(peer, trusted) => {
                name.clone()
            }
            _ => self.make(),
        }
    }

    /// A new name, as a UUID of version 4 (RFC 9562 §5.4).
    fn make(&self) -> HeaderValue {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let [high, low] = self.halves.each_ref().map(|half| half.hash_one(number));
        let (high, low) = (high & !0xf000 | 0x4000, low & !(0b11 << 62) | 0b10 << 62);
        let name = format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        );
        HeaderValue::try_from(name).expect("digits and hyphens are a field value")
    }
}

/// Whether `name` can stand in a log, a page and a field as it is: what UUIDs and their like are made
/// of, and nothing that HTML or a shell reads.
fn is_well_formed(name: &HeaderValue) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=@~".contains(byte);
    (1..=LONGEST).contains(&name.len()) && name.as_bytes().iter().all(plain)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::site::client::tests::peer;

    fn named(lines: &[&str], remote: &str) -> HeaderValue {
        let lines = lines.iter().map(|line| (X_REQUEST_ID, HeaderValue::from_str(line).unwrap()));
        let trusted: PrefixSet = ["10.0.0.0/8".parse().unwrap()].into_iter().collect();
        RequestIds::default().of(&lines.collect(), &peer(remote, false), &trusted)
    }

    #[test]
    fn a_new_name_is_a_uuid_that_nobody_else_gets() {
        let (one, other) = (RequestIds::default(), RequestIds::default());
        let mut names = HashSet::new();
        for name in (0..1000).flat_map(|_| [one.make(), other.make()]) {
            let text = name.to_str().unwrap().to_owned();
            let shape: Vec<usize> = text.split('-').map(str::len).collect();
            assert_eq!(shape, [8, 4, 4, 4, 12], "{text}");
            assert!(text[14..].starts_with('4') && "89ab".contains(&text[19..20]), "{text}");
            assert!(is_well_formed(&name));
            assert!(names.insert(text));
        }
    }

    #[test]
    fn a_trusted_proxys_name_is_taken_over_where_it_is_well_formed() {
        let longest = "x".repeat(128);
        for name in ["Root=1-67891233-abcdef01", "a", "A_b.c:d+e/f@g~0", &longest] {
            assert_eq!(named(&[name], "10.0.0.1:9"), name);
            assert_ne!(named(&[name], "192.0.2.1:9"), name, "a stranger's is not");
            assert_ne!(named(&[name, name], "10.0.0.1:9"), name, "nor one of two");
        }
        let too_long = "x".repeat(129);
        for name in ["", "a b", "<b>", "a\"b", "a'b", "a&b", "a;b", "a,b", "a\tb", "a$b", &too_long]
        {
            assert_ne!(named(&[name], "10.0.0.1:9"), name);
        }
    }
}
