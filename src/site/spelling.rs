//! The one spelling of a request's target, as the site's policy has it: the same for every way to
//! write it, for a request, a purge and what the origin is asked. It decides nothing else; the host
//! is [`super::host`]'s.
//!
//! Two spellings become one only where the origin could not tell them apart, and the origin is asked
//! in the spelling that is the key: whatever is meant by a trick, the answer to it is stored where
//! only the same trick finds it.
//!
//! - **The path** is percent-encoded by a table ([`PathEncoding`]); paths below `rest_paths` keep
//!   `%2F`, and a title below `article_path` is written as MediaWiki writes it, all bytes of it.
//! - **Dot segments** (`/../`, `%2e%2e`) stay, as dots. No title has any and clients resolve theirs
//!   before they ask (RFC 3986 §5.2.4), so what comes with them is meant for a reader behind us. To
//!   resolve them would answer another question than the one that was asked: to MediaWiki
//!   `/wiki/a%2F..%2Fb` is a bad title, not the page `b`. As they stay, `/x/../b` never is the key of
//!   `/b`. Empty segments stay too, except for uploads, where no name has one.
//! - **The query** is never decoded. Parameters may be dropped and put in an order that no reader can
//!   tell from the one they came in, or the whole query may go.
//! - **`index.php?title=T`** becomes the article path of T where nothing else is asked.
//!
//! What MediaWiki shows of a page at a target that it never purges is not [`canonical`], whatever the
//! spelling: a page with other parameters, a path with dot segments. The caller keeps it for a short
//! time.
//!
//! Spelled once more, a target stays what it is. One that would become longer than a URI may be
//! (escapes take three bytes) stays as it came and is not canonical.
//!
//! [`canonical`]: Spelled::canonical

mod page;
mod path;
mod query;
mod sight;
mod tables;

use std::borrow::Cow;

use page::Place;
use sight::Sight;

use crate::config::{PathEncoding, QueryPolicy, Spelling};

/// A target in the site's spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelled<'a> {
    /// Path and query.
    pub target: Cow<'a, str>,
    /// Whether what is there can be relied on to be purged when it changes, as far as the spelling
    /// decides: `false` for page views that MediaWiki never purges.
    pub canonical: bool,
}

/// The longest target that `http::Uri` takes, in bytes.
const MAX_TARGET: usize = u16::MAX as usize - 1;

/// The one spelling of `target`, a path with its query. The path may be left out, as an absolute-form
/// target's may (RFC 9112 §3.2.1).
pub fn respell<'a>(target: &'a str, policy: &Spelling) -> Spelled<'a> {
    if is_as_sent(policy) {
        return Spelled { target: Cow::Borrowed(target), canonical: true };
    }
    let sight = Sight::of(target, policy.path);
    if sight.is_clear_but_for_escapes() && is_settled(target, sight, policy) {
        return Spelled { target: Cow::Borrowed(target), canonical: true };
    }
    carefully(target, policy)
}

/// Whether every target stays as it came, and nothing is known of pages.
fn is_as_sent(policy: &Spelling) -> bool {
    policy.path == PathEncoding::AsSent
        && policy.query == QueryPolicy::AsSent
        && policy.drop_parameters.is_empty()
        && policy.article_path.is_none()
}

/// Whether a target without a query and odd segments stays as it is and is canonical.
fn is_settled(target: &str, sight: Sight, policy: &Spelling) -> bool {
    target.starts_with('/')
        && !target.starts_with(&*policy.index_path)
        && (sight.is_clear() || matches!(path::spell(target, policy), Cow::Borrowed(_)))
}

#[inline(never)]
fn carefully<'a>(target: &'a str, policy: &Spelling) -> Spelled<'a> {
    if !target.starts_with('/') {
        let target = format!("/{target}");
        let Spelled { target, canonical } = carefully(&target, policy);
        return Spelled { target: Cow::Owned(target.into_owned()), canonical };
    }
    let spelled = spell(target, policy);
    if spelled.target.len() > MAX_TARGET.max(target.len()) {
        return Spelled { target: Cow::Borrowed(target), canonical: false };
    }
    spelled
}

fn spell<'a>(target: &'a str, policy: &Spelling) -> Spelled<'a> {
    let (path, query) = match memchr::memchr(b'?', target.as_bytes()) {
        Some(mark) => (&target[..mark], Some(&target[mark + 1..])),
        None => (target, None),
    };
    let clear = Sight::of(path, policy.path).is_clear();
    let spelled = if clear { Cow::Borrowed(path) } else { path::spell(path, policy) };
    let odd = !clear && Sight::of(&spelled, PathEncoding::AsSent).is_odd();
    let place = Place::of(&spelled, odd, policy);
    let kept = query.and_then(|query| query::spell(query, policy, place == Place::Index));
    if place == Place::Index
        && let Some(article) = kept.as_deref().and_then(|query| page::fold(query, policy))
    {
        let target = path::spell(&article, policy).into_owned();
        return Spelled { target: Cow::Owned(target), canonical: true };
    }
    let canonical = place.is_canonical(kept.as_deref(), policy);
    let target = match (spelled, kept) {
        (Cow::Borrowed(path), None) => Cow::Borrowed(path),
        (Cow::Borrowed(_), Some(Cow::Borrowed(_))) => Cow::Borrowed(target),
        (path, None) => path,
        (path, Some(query)) => Cow::Owned([&*path, "?", &*query].concat()),
    };
    Spelled { target, canonical }
}

#[cfg(test)]
#[path = "spelling_tests.rs"]
mod tests;
