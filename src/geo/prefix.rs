//! Sets of address prefixes in CIDR notation (RFC 4632, RFC 4291 §2.3): who may purge, who is
//! believed. An IPv4 address mapped into IPv6 counts as the IPv4 address that it is.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// One prefix, such as `10.0.0.0/8` or `::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    bits: u128,
    length: u8,
    v6: bool,
}

/// Why a text is no prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPrefix(String);

impl fmt::Display for BadPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadPrefix {}

fn bits_of(address: IpAddr) -> (u128, bool) {
    match address.to_canonical() {
        // Left-aligned, so that one comparison serves both families.
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, false),
        IpAddr::V6(v6) => (v6.to_bits(), true),
    }
}

fn mask(length: u8) -> u128 {
    if length == 0 { 0 } else { u128::MAX << (128 - u32::from(length)) }
}

impl Prefix {
    /// The first `length` bits of `address`; `None` where it has fewer. An IPv4 address mapped into IPv6 is
    /// taken for the IPv4 address, with its own length.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let (bits, v6) = bits_of(address);
        let mapped = u8::from(address.is_ipv6() && !v6) * 96;
        let length = length.checked_sub(mapped)?;
        let most = if v6 { 128 } else { 32 };
        (length <= most).then(|| Self { bits: bits & mask(length), length, v6 })
    }

    /// The first `length` bits of `address` as IPv6, even where an IPv4 address is mapped into it.
    pub fn of_six(address: std::net::Ipv6Addr, length: u8) -> Option<Self> {
        let bits = address.to_bits();
        (length <= 128).then(|| Self { bits: bits & mask(length), length, v6: true })
    }

    /// The bits of its first address, an IPv4 one's in the upper 32.
    pub fn first(&self) -> u128 {
        self.bits
    }

    /// The same of its last address, with all bits set below an IPv4 one's.
    pub fn last(&self) -> u128 {
        self.bits | !mask(self.length)
    }

    /// How many bits all its addresses share.
    pub fn length(&self) -> u8 {
        self.length
    }

    /// Whether its addresses are of IPv6.
    pub fn is_v6(&self) -> bool {
        self.v6
    }

    /// Its first address.
    pub fn address(&self) -> IpAddr {
        if self.v6 {
            return IpAddr::V6(self.bits.into());
        }
        let [a, b, c, d, ..] = self.bits.to_be_bytes();
        IpAddr::from([a, b, c, d])
    }

    /// Whether all of `other` lies within.
    pub fn covers(&self, other: &Self) -> bool {
        self.v6 == other.v6
            && self.length <= other.length
            && other.bits & mask(self.length) == self.bits
    }

    /// Whether `address` lies within.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (bits, v6) = bits_of(address);
        v6 == self.v6 && bits & mask(self.length) == self.bits
    }
}

impl FromStr for Prefix {
    type Err = BadPrefix;

    fn from_str(text: &str) -> Result<Self, BadPrefix> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr =
            address.parse().map_err(|_| BadPrefix(format!("`{address}` is not an IP address")))?;
        let (bits, v6) = bits_of(address);
        let most = if v6 { 128 } else { 32 };
        let length = match length {
            None => most,
            Some(digits) => {
                digits.parse().ok().filter(|length| *length <= most).ok_or_else(|| {
                    BadPrefix(format!("`/{digits}` is not a length from 0 to {most}"))
                })?
            }
        };
        if bits & !mask(length) != 0 {
            return Err(BadPrefix(format!("`{text}` has bits set beyond its length")));
        }
        Ok(Self { bits, length, v6 })
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address(), self.length)
    }
}

/// A set of prefixes; an address is in it when any prefix contains it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrefixSet(Vec<Prefix>);

impl PrefixSet {
    /// Whether any prefix contains `address`.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|prefix| prefix.contains(address))
    }

    /// The prefixes.
    pub fn iter(&self) -> impl Iterator<Item = &Prefix> {
        self.0.iter()
    }
}

impl FromIterator<Prefix> for PrefixSet {
    fn from_iter<I: IntoIterator<Item = Prefix>>(prefixes: I) -> Self {
        Self(prefixes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(prefixes: &[&str]) -> PrefixSet {
        prefixes.iter().map(|p| p.parse::<Prefix>().unwrap()).collect()
    }

    #[test]
    fn membership_follows_the_prefix_length_and_the_family() {
        let set = set(&["127.0.0.0/8", "::1", "2001:db8::/32"]);
        for (address, inside) in [
            ("127.9.8.7", true),
            ("128.0.0.1", false),
            ("::1", true),
            ("::2", false),
            ("::ffff:127.0.0.1", true),
            ("2001:db8:ffff::1", true),
            ("2001:db9::", false),
        ] {
            assert_eq!(set.contains(address.parse().unwrap()), inside, "{address}");
        }
    }

    #[test]
    fn a_bad_prefix_says_what_is_wrong() {
        for (text, message) in [
            ("10.0.0.0/33", "`/33` is not a length from 0 to 32"),
            ("10.0.0.1/8", "`10.0.0.1/8` has bits set beyond its length"),
            ("localhost", "`localhost` is not an IP address"),
            ("::/129", "`/129` is not a length from 0 to 128"),
        ] {
            assert_eq!(text.parse::<Prefix>().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_prefix_is_made_of_an_address_and_has_its_bounds() {
        let new = |address: &str, length| Prefix::new(address.parse().unwrap(), length);
        let shown = |address, length| new(address, length).map(|prefix| prefix.to_string());
        assert_eq!(shown("192.0.2.77", 24).as_deref(), Some("192.0.2.0/24"));
        assert_eq!(shown("::ffff:192.0.2.77", 120).as_deref(), Some("192.0.2.0/24"));
        assert_eq!(shown("2001:db8::1", 32).as_deref(), Some("2001:db8::/32"));
        assert_eq!((new("192.0.2.1", 33), new("::ffff:192.0.2.1", 95)), (None, None));
        let [wide, narrow] = ["10.0.0.0/8", "10.1.0.0/16"].map(|p| p.parse::<Prefix>().unwrap());
        assert!(wide.covers(&narrow) && wide.covers(&wide) && !narrow.covers(&wide));
        assert_eq!(narrow.last() >> 96, 0x0a01_ffff);
        assert!(!"::/0".parse::<Prefix>().unwrap().covers(&narrow));
    }

    #[test]
    fn a_prefix_prints_as_it_is_written() {
        for text in ["0.0.0.0/0", "127.0.0.0/8", "2001:db8::/32", "::1/128"] {
            assert_eq!(text.parse::<Prefix>().unwrap().to_string(), text);
        }
    }
}
