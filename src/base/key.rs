//! The key under which responses are stored.
//!
//! A key is canonical host, path and query; it is compared whole, and its hash is only a shortcut,
//! seeded for each process because strangers choose the keys. What the origin sees of the authority
//! beside the host, scheme and port, does not split the key but its variants ([`super::axis`]), and so
//! does the site, to which a reload may give another host: a purge for `http://host/path` covers https,
//! every port, and what is stored for a site that the host has left; and a forged port poisons nobody.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::OnceLock;

use foldhash::fast::RandomState;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

/// An owned key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    hash: u64,
    text: Box<str>,
}

/// A key that borrows its text: what a lookup needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRef<'a> {
    hash: u64,
    text: &'a str,
}

/// The text of a key, `host/path?query`, canonical; held once a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyText(String);

impl KeyText {
    /// The text for `host` (any case) and an origin-form `path` with its query.
    pub fn new(host: &str, path: &str) -> Self {
        let mut text = String::with_capacity(host.len() + path.len() + 1);
        text.push_str(host);
        text.make_ascii_lowercase();
        if !path.starts_with('/') {
            // An absolute-form target may leave the path out (RFC 9110 §4.2.3).
            text.push('/');
        }
        text.push_str(path);
        Self(text)
    }

    /// The key.
    pub fn key(&self) -> KeyRef<'_> {
        KeyRef { hash: hash(&self.0), text: &self.0 }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn hash(text: &str) -> u64 {
    static SEED: OnceLock<RandomState> = OnceLock::new();
    SEED.get_or_init(RandomState::default).hash_one(text)
}

impl KeyRef<'_> {
    /// The hash; equal keys have equal hashes, within this process.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// `host/path?query`.
    pub fn text(&self) -> &str {
        self.text
    }

    /// The host.
    pub fn host(&self) -> &str {
        &self.text[..self.text.find('/').unwrap_or(self.text.len())]
    }

    /// The key, owned.
    pub fn to_key(self) -> Key {
        Key { hash: self.hash, text: self.text.into() }
    }
}

impl Key {
    /// The key, borrowed.
    pub fn as_ref(&self) -> KeyRef<'_> {
        KeyRef { hash: self.hash, text: &self.text }
    }

    /// The hash; equal keys have equal hashes, within this process.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// `host/path?query`.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // It has been taken once, of the whole text.
        state.write_u64(self.hash);
    }
}

/// The scheme that a client used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Over TLS, here or at a trusted proxy.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// What a request shows of its user. An answer that could not be shared says so for requests that
/// show as much, and not for others: one reader who is logged in must not keep a page from being
/// cached for those who are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credentials {
    cookie: bool,
    authorization: bool,
}

impl Credentials {
    /// Every combination.
    pub const ALL: [Self; 4] = [
        Self { cookie: false, authorization: false },
        Self { cookie: true, authorization: false },
        Self { cookie: false, authorization: true },
        Self { cookie: true, authorization: true },
    ];

    /// What the fields of a request show.
    pub fn of(headers: &HeaderMap) -> Self {
        Self {
            cookie: headers.contains_key(COOKIE),
            authorization: headers.contains_key(AUTHORIZATION),
        }
    }

    /// A hash of the key with this hash and of these credentials.
    pub fn salt(self, hash: u64) -> u64 {
        let class = u64::from(self.cookie) | u64::from(self.authorization) << 1;
        // Any odd constant keeps the four apart in every bit.
        hash ^ class.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_page_has_one_key_however_its_host_is_spelled() {
        let a = KeyText::new("Wiki.Test", "/wiki/Tide?x=1");
        let b = KeyText::new("wiki.test", "/wiki/Tide?x=1");
        assert_eq!(a.key(), b.key());
        assert_eq!(a.key(), b.key().to_key().as_ref());
        assert_eq!(a.as_str(), "wiki.test/wiki/Tide?x=1");
    }

    #[test]
    fn hosts_paths_and_queries_keep_keys_apart() {
        let base = KeyText::new("w.test", "/a?b");
        for other in ["/a", "/a?B", "/A?b", "/a?b="] {
            assert_ne!(base.key(), KeyText::new("w.test", other).key());
        }
        assert_ne!(base.key(), KeyText::new("v.test", "/a?b").key());
    }

    #[test]
    fn an_empty_path_is_the_root() {
        assert_eq!(KeyText::new("w.test", "").as_str(), "w.test/");
        assert_eq!(KeyText::new("w.test", "?q").as_str(), "w.test/?q");
    }
}
