//! What a scope covers, owned, for whoever walks through the store: how many entries a purge would
//! touch, before anybody does it.

use super::{Expression, Scope, prefixes};
use crate::base::{KeyRef, SiteId};
use crate::store::tags::{self, Tags};

/// A scope that can be asked about objects one by one.
#[derive(Clone, Debug)]
pub enum Cover {
    /// What carries the tag of this hash, which its site is part of.
    Tag(SiteId, u64),
    /// What lies below a path.
    Prefix(SiteId, String),
    /// That of which an expression matches the key.
    Matching(Option<SiteId>, Expression),
    /// A site.
    Site(SiteId),
    /// Everything.
    Everything,
}

impl From<Scope<'_>> for Cover {
    fn from(scope: Scope<'_>) -> Self {
        match scope {
            Scope::Tag(site, tag) => Self::Tag(site, tags::hash(site, tag)),
            Scope::Prefix(site, prefix) => {
                Self::Prefix(site, prefix.strip_suffix('/').unwrap_or(prefix).to_owned())
            }
            Scope::Matching(site, expression) => Self::Matching(site, expression.clone()),
            Scope::Site(site) => Self::Site(site),
            Scope::Everything => Self::Everything,
        }
    }
}

impl Cover {
    /// Whether an object of `site` under `key` with `tags` is covered.
    pub fn covers(&self, key: &KeyRef<'_>, site: SiteId, tags: &Tags) -> bool {
        match self {
            Self::Tag(of, hash) => *of == site && (tags.is_all() || tags.hashes().contains(hash)),
            Self::Prefix(of, prefix) => {
                *of == site && prefixes(key.text()).any(|found| found == prefix)
            }
            Self::Matching(of, expression) => {
                of.is_none_or(|of| of == site) && expression.matches(key.text())
            }
            Self::Site(of) => *of == site,
            Self::Everything => true,
        }
    }
}
