//! The tags of a stored object: a hash for each, of its site and its bytes. Texts are not kept: who
//! purges a tag names it, and its hash is the same.
//!
//! The hashes are seeded for each process, because strangers may choose tags; two of a million tags
//! share one in this process with a chance of one in 37 million, and then a purge of the one makes the
//! other's objects be fetched anew. So a tag costs an object eight bytes, however long it is, nothing
//! has to be counted or given back when objects go, and the number of tags needs no bound.

use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;

use foldhash::quality::RandomState;
use http::HeaderMap;

use super::object::allocated;
use crate::base::{Scheme, SiteId, StoredAxis};
use crate::semantics::tags;

/// Tags beyond which an object counts as having all of them: more is purged than was asked for, never
/// less.
const MOST: usize = 1024;

/// The tags of an object, sorted; a word where there are none, which is what most objects have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Option<Box<Hashes>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Hashes(Box<[u64]>);

impl Tags {
    /// Those that `headers` name, of an object of `site`.
    pub fn of(site: SiteId, headers: &HeaderMap) -> Self {
        let mut hashes = Vec::new();
        tags::each(headers, |tag| hashes.push(hash(site, tag)));
        if hashes.len() > MOST {
            return Self::all();
        }
        Self::from_hashes(hashes)
    }

    /// The cache groups that `headers` name, of a response of `host` that stands at `axis`: they are
    /// scoped to its origin (RFC 9875 §2.1). Operators purge them as tags of its site besides, which
    /// [`Self::of`] has.
    pub fn groups(host: &str, axis: StoredAxis, headers: &HeaderMap) -> Self {
        let mut hashes = Vec::new();
        tags::groups(headers, &tags::CACHE_GROUPS, |group| {
            hashes.push(hash(axis.site, &group_tag(host, (axis.scheme, axis.port), group)));
        });
        if hashes.len() > MOST { Self::all() } else { Self::from_hashes(hashes) }
    }

    fn from_hashes(mut hashes: Vec<u64>) -> Self {
        hashes.sort_unstable();
        hashes.dedup();
        Self((!hashes.is_empty()).then(|| Box::new(Hashes(hashes.into()))))
    }

    /// Every tag.
    fn all() -> Self {
        Self::from_hashes(vec![ALL])
    }

    /// Whether it counts as every tag.
    pub fn is_all(&self) -> bool {
        matches!(self.hashes(), [ALL])
    }

    /// Those of both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        if self == other || other.0.is_none() {
            return self.clone();
        }
        if self.is_all() || other.is_all() {
            return Self::all();
        }
        Self::from_hashes([self.hashes(), other.hashes()].concat())
    }

    /// The hashes.
    pub fn hashes(&self) -> &[u64] {
        self.0.as_ref().map_or(&[], |hashes| &hashes.0)
    }

    /// Bytes that they take beside themselves.
    pub fn weight(&self) -> u64 {
        let bytes =
            |hashes: &Hashes| allocated(size_of::<Hashes>()) + allocated(size_of_val(&*hashes.0));
        self.0.as_deref().map_or(0, bytes)
    }
}

/// The tag that stands for `group` of the origin of `host`, a scheme and a port. It has a NUL, which no
/// field has, so that no tag that a response names is the same. Without a scheme, it is that of what is
/// stored for both.
pub fn group_tag(host: &str, (scheme, port): (Option<Scheme>, u16), group: &[u8]) -> Vec<u8> {
    let scheme = scheme.map_or("", Scheme::as_str);
    let mut tag = format!("{scheme}\0{host}\0{port}\0").into_bytes();
    tag.extend_from_slice(group);
    tag
}

/// The hash that stands for every tag.
const ALL: u64 = 0;

/// The hash of `tag` in `site`; never that of every tag.
pub fn hash(site: SiteId, tag: &[u8]) -> u64 {
    hashed(Kind::Tag, site.0, tag)
}

/// The hash of a path prefix in `site`, `host/path` without a slash at its end.
pub fn prefix_hash(site: SiteId, prefix: &str) -> u64 {
    hashed(Kind::Prefix, site.0, prefix.as_bytes())
}

/// What a hash is of: a tag never has that of a prefix.
#[derive(Clone, Copy)]
enum Kind {
    Tag = 1,
    Prefix = 2,
}

fn hashed(kind: Kind, site: u16, text: &[u8]) -> u64 {
    static SEED: OnceLock<RandomState> = OnceLock::new();
    let mut hasher = SEED.get_or_init(RandomState::default).build_hasher();
    hasher.write_u8(kind as u8);
    hasher.write_u16(site);
    hasher.write(text);
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn of(site: u16, keys: &str) -> Tags {
        let mut headers = HeaderMap::new();
        headers.insert(tags::SURROGATE_KEY, HeaderValue::from_str(keys).unwrap());
        Tags::of(SiteId(site), &headers)
    }

    #[test]
    fn a_tag_is_its_bytes_within_its_site() {
        assert_eq!(of(1, "a b a"), of(1, "b a"));
        assert_ne!(of(1, "a"), of(2, "a"));
        assert_ne!(of(1, "a"), of(1, "A"));
        assert_eq!(of(1, "a").hashes(), [hash(SiteId(1), b"a")]);
        assert_ne!(hash(SiteId(0), b"w.test"), prefix_hash(SiteId(0), "w.test"));
    }

    #[test]
    fn tags_of_two_answers_add_up() {
        assert_eq!(of(1, "a").and(&of(1, "b")), of(1, "a b"));
        assert_eq!(of(1, "a").and(&Tags::default()), of(1, "a"));
        assert_eq!(of(1, "a").and(&of(1, "a")), of(1, "a"));
    }

    #[test]
    fn more_tags_than_anybody_needs_are_all_of_them() {
        let many: String = (0..=MOST).map(|n| format!("t{n} ")).collect();
        assert!(of(1, &many).is_all());
        assert!(of(1, &many).and(&of(1, "a")).is_all());
        assert!(!of(1, "a b").is_all());
    }
}
