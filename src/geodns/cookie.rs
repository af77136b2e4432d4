//! Cookies that show that a client gets what is sent to its address (RFC 7873), made so that every server with
//! the same secret takes them (RFC 9018 §4).

use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher24;
use subtle::ConstantTimeEq;

/// Bytes of a secret.
pub const SECRET: usize = 16;
/// Bytes of a server's cookie.
pub const LENGTH: usize = 16;

/// Seconds that a cookie is good for, and those that it may come from the future (RFC 9018 §4.3).
const OLDEST: u32 = 3600;
const NEWEST: u32 = 300;

/// The secrets: what is made with the first is taken with either, so that they can be replaced one by one.
#[derive(Clone)]
pub struct Secrets {
    current: [u8; SECRET],
    previous: Option<[u8; SECRET]>,
}

impl Secrets {
    /// Those.
    pub fn new(current: [u8; SECRET], previous: Option<[u8; SECRET]>) -> Self {
        Self { current, previous }
    }

    /// The cookie for a client at `now`, in seconds since 1970.
    pub fn make(&self, client: [u8; 8], address: IpAddr, now: u32) -> [u8; LENGTH] {
        make(&self.current, client, address, now)
    }

    /// Whether `cookie` was made for the client, and not too long ago.
    pub fn check(&self, cookie: &[u8], client: [u8; 8], address: IpAddr, now: u32) -> bool {
        let Ok(cookie) = <&[u8; LENGTH]>::try_from(cookie) else { return false };
        let [1, 0, 0, 0, a, b, c, d, ..] = *cookie else { return false };
        let made = u32::from_be_bytes([a, b, c, d]);
        // Serial numbers (RFC 1982): the difference tells which is later.
        let age = now.wrapping_sub(made);
        if age > OLDEST && age < NEWEST.wrapping_neg() {
            return false;
        }
        let is =
            |secret: &[u8; SECRET]| bool::from(make(secret, client, address, made).ct_eq(cookie));
        is(&self.current) || self.previous.as_ref().is_some_and(is)
    }
}

fn make(secret: &[u8; SECRET], client: [u8; 8], address: IpAddr, now: u32) -> [u8; LENGTH] {
    let mut cookie = [0; LENGTH];
    cookie[0] = 1;
    cookie[4..8].copy_from_slice(&now.to_be_bytes());
    let mut hasher = SipHasher24::new_with_key(secret);
    hasher.write(&client);
    hasher.write(&cookie[..8]);
    match address.to_canonical() {
        IpAddr::V4(four) => hasher.write(&four.octets()),
        IpAddr::V6(six) => hasher.write(&six.octets()),
    }
    cookie[8..].copy_from_slice(&hasher.finish().to_le_bytes());
    cookie
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        let byte = |at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap();
        std::array::from_fn(byte)
    }

    #[test]
    fn cookies_are_those_of_rfc_9018_appendix_a() {
        let secret = Secrets::new(hex("e5e973e5a6b2a43f48e7dc849e37bfcf"), None);
        let (client, address) = (hex("2464c4abcf10c957"), "198.51.100.100".parse().unwrap());
        let cookie = secret.make(client, address, 1_559_731_985);
        assert_eq!(cookie, hex("010000005cf79f111f8130c3eee29480"));
        let later =
            secret.make(hex("fc93fc62807ddb86"), "203.0.113.203".parse().unwrap(), 1_559_734_700);
        assert_eq!(later, hex("010000005cf7a9acf73a7810aca2381e"));
        let other = Secrets::new(hex("445536bcd2513298075a5d379663c962"), None);
        let six = other.make(
            hex("22681ab97d52c298"),
            "2001:db8:220:1:59de:d0f4:8769:82b8".parse().unwrap(),
            1_559_741_961,
        );
        assert_eq!(six, hex("010000005cf7c609a6bb79d16625507a"));
    }

    #[test]
    fn a_cookie_holds_for_its_client_an_hour_and_over_a_change_of_secrets() {
        let old = Secrets::new([7; SECRET], None);
        let new = Secrets::new([8; SECRET], Some([7; SECRET]));
        let (client, address) = ([1; 8], "192.0.2.1".parse().unwrap());
        let cookie = old.make(client, address, 10_000);
        for secrets in [&old, &new] {
            assert!(secrets.check(&cookie, client, address, 10_000));
            assert!(secrets.check(&cookie, client, address, 13_600));
            assert!(secrets.check(&cookie, client, address, 9_700));
            assert!(!secrets.check(&cookie, client, address, 13_601));
            assert!(!secrets.check(&cookie, client, address, 9_699));
            assert!(!secrets.check(&cookie, [2; 8], address, 10_000));
            assert!(!secrets.check(&cookie, client, "192.0.2.2".parse().unwrap(), 10_000));
            assert!(!secrets.check(&cookie[..8], client, address, 10_000));
        }
        assert!(!Secrets::new([8; SECRET], None).check(&cookie, client, address, 10_000));
        let wraps = old.make(client, address, u32::MAX);
        assert!(old.check(&wraps, client, address, 5));
    }
}
