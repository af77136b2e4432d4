//! Cache-Control (RFC 9111 §5.2, RFC 5861, RFC 8246): what responses and requests say, read once.
//!
//! Names match in any case, all lines are one list, and arguments may be tokens or quoted strings.
//! Of repeated arguments the first counts, and an argument that is not delta-seconds counts as zero,
//! so that the response is stale (both RFC 9111 §4.2.1); of conflicting directives the more
//! restrictive one counts. Unknown directives are ignored (§5.2.3). Directives that grant something
//! and are given an argument that they do not have grant nothing.

mod clients;

use std::borrow::Cow;
use std::time::Duration;

use http::header::{CACHE_CONTROL, HeaderMap, HeaderName};

use super::{age, list};
pub use clients::{for_clients, lengthen};

/// Names in a qualified `no-cache` or `private`, beyond which it counts as unqualified.
const MAX_NAMES: usize = 32;
/// The longest directive known here: stale-while-revalidate.
const MAX_NAME: usize = 22;

/// What a response's Cache-Control says (RFC 9111 §5.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseDirectives {
    /// How long it is fresh.
    pub max_age: Option<Duration>,
    /// How long it is fresh for shared caches; forbids serving it stale.
    pub s_maxage: Option<Duration>,
    /// How long after its freshness it may be served while it is refreshed (RFC 5861 §3).
    pub stale_while_revalidate: Option<Duration>,
    /// How long after its freshness it may be served where the origin fails (RFC 5861 §4).
    pub stale_if_error: Option<Duration>,
    /// It may not be stored.
    pub no_store: bool,
    /// It may not be used without being confirmed.
    pub no_cache: bool,
    /// The fields that may not be used without being confirmed; none where `no_cache` is set.
    pub no_cache_fields: Vec<HeaderName>,
    /// It is for one user.
    pub private: bool,
    /// The fields that are for one user; none where `private` is set.
    pub private_fields: Vec<HeaderName>,
    /// It may be stored although something else would forbid it.
    pub public: bool,
    /// It may not be served stale.
    pub must_revalidate: bool,
    /// It may not be served stale by shared caches.
    pub proxy_revalidate: bool,
    /// `no-store` does not count where the status is understood.
    pub must_understand: bool,
    /// Its content may not be changed.
    pub no_transform: bool,
    /// It does not change while it is fresh (RFC 8246).
    pub immutable: bool,
    /// A [targeted](super::targeted) field said it: Expires counts for nothing beside that.
    pub targeted: bool,
}

impl ResponseDirectives {
    /// Reads the Cache-Control lines of a response.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut said = Self::default();
        for directive in directives(headers) {
            said.take(&directive);
        }
        said.settled()
    }

    /// The same, where what is for all fields is not for some of them too.
    pub(super) fn settled(mut self) -> Self {
        if self.no_cache {
            self.no_cache_fields.clear();
        }
        if self.private {
            self.private_fields.clear();
        }
        self
    }

    /// Takes one directive more, with its argument if it has one.
    pub(super) fn say(&mut self, name: &[u8], argument: Option<&[u8]>) {
        let argument = argument.map_or(Argument::Absent, |said| Argument::Is(Cow::Borrowed(said)));
        self.take(&Directive::named(name, argument));
    }

    /// Whether a lifetime is named in it.
    pub fn names_lifetime(&self) -> bool {
        self.max_age.is_some() || self.s_maxage.is_some()
    }

    /// Whether serving the response stale is forbidden, whatever else allows it (RFC 9111 §4.2.4).
    pub fn forbids_stale(&self) -> bool {
        self.must_revalidate || self.proxy_revalidate || self.s_maxage.is_some() || self.no_cache
    }

    /// The fields that are not stored: those that qualify `no-cache` and `private`.
    pub fn withheld_fields(&self) -> impl Iterator<Item = &HeaderName> {
        self.no_cache_fields.iter().chain(&self.private_fields)
    }

    fn take(&mut self, directive: &Directive<'_>) {
        let bare = matches!(directive.argument, Argument::Absent);
        match directive.name() {
            b"max-age" => directive.seconds(&mut self.max_age),
            b"s-maxage" => directive.seconds(&mut self.s_maxage),
            b"stale-while-revalidate" => directive.seconds(&mut self.stale_while_revalidate),
            b"stale-if-error" => directive.seconds(&mut self.stale_if_error),
            b"no-store" => self.no_store = true,
            b"no-cache" => self.no_cache |= !directive.names(&mut self.no_cache_fields),
            b"private" => self.private |= !directive.names(&mut self.private_fields),
            b"public" => self.public |= bare,
            b"must-revalidate" => self.must_revalidate = true,
            b"proxy-revalidate" => self.proxy_revalidate = true,
            b"must-understand" => self.must_understand |= bare,
            b"no-transform" => self.no_transform = true,
            b"immutable" => self.immutable |= bare,
            _ => {}
        }
    }
}

/// What a request's Cache-Control says (RFC 9111 §5.2.1). Whether it is heeded is a site's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// How old the answer may be.
    pub max_age: Option<Duration>,
    /// How long after its freshness the answer may be; [`Duration::MAX`] where no argument limits it.
    pub max_stale: Option<Duration>,
    /// How long the answer must still be fresh.
    pub min_fresh: Option<Duration>,
    /// How long after its freshness the answer may be where the origin fails (RFC 5861 §4).
    pub stale_if_error: Option<Duration>,
    /// The answer must have been confirmed.
    pub no_cache: bool,
    /// Nothing of the request or of its answer may be stored.
    pub no_store: bool,
    /// The answer's content may not be changed.
    pub no_transform: bool,
    /// The origin is not to be asked; 504 where nothing stored will do.
    pub only_if_cached: bool,
}

impl RequestDirectives {
    /// Reads the Cache-Control lines of a request.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut said = Self::default();
        for directive in directives(headers) {
            match directive.name() {
                b"max-age" => directive.seconds(&mut said.max_age),
                b"max-stale" => match directive.argument {
                    Argument::Absent => said.max_stale = said.max_stale.or(Some(Duration::MAX)),
                    _ => directive.seconds(&mut said.max_stale),
                },
                b"min-fresh" => directive.seconds(&mut said.min_fresh),
                b"stale-if-error" => directive.seconds(&mut said.stale_if_error),
                b"no-cache" => said.no_cache = true,
                b"no-store" => said.no_store = true,
                b"no-transform" => said.no_transform = true,
                b"only-if-cached" => said.only_if_cached = true,
                _ => {}
            }
        }
        said
    }
}

/// One member of the list: `token [ "=" ( token / quoted-string ) ]`.
struct Directive<'a> {
    /// In lower case; what is too long to be known is left out.
    name: [u8; MAX_NAME],
    length: usize,
    argument: Argument<'a>,
}

enum Argument<'a> {
    Absent,
    Is(Cow<'a, [u8]>),
    /// Neither token nor quoted string, or with whitespace beside the `=`.
    Broken,
}

fn directives(headers: &HeaderMap) -> impl Iterator<Item = Directive<'_>> {
    list::members(headers, &CACHE_CONTROL).map(Directive::read)
}

impl<'a> Directive<'a> {
    fn read(member: &'a [u8]) -> Self {
        let Some(equals) = member.iter().position(|&byte| byte == b'=') else {
            return Self::named(member, Argument::Absent);
        };
        let (name, argument) = (&member[..equals], &member[equals + 1..]);
        let trimmed = name.trim_ascii_end();
        let argument = match list::token_or_quoted(argument) {
            Some(said) if trimmed.len() == name.len() => Argument::Is(said),
            _ => Argument::Broken,
        };
        Self::named(trimmed, argument)
    }

    fn named(written: &[u8], argument: Argument<'a>) -> Self {
        let mut name = [0; MAX_NAME];
        let length = if written.len() > MAX_NAME { 0 } else { written.len() };
        for (lower, byte) in name.iter_mut().zip(&written[..length]) {
            *lower = byte.to_ascii_lowercase();
        }
        Self { name, length, argument }
    }

    fn name(&self) -> &[u8] {
        &self.name[..self.length]
    }

    /// Takes delta-seconds into `slot` unless it is taken; zero where they cannot be read.
    fn seconds(&self, slot: &mut Option<Duration>) {
        let seconds = match &self.argument {
            Argument::Is(said) => age::delta_seconds(said).unwrap_or_default(),
            Argument::Absent | Argument::Broken => Duration::ZERO,
        };
        slot.get_or_insert(seconds);
    }

    /// Takes the field names of a qualified directive. Says `false` where the directive counts as
    /// unqualified: without names, with what is no name, and with a field without which the rest
    /// would mean something else.
    fn names(&self, names: &mut Vec<HeaderName>) -> bool {
        let Argument::Is(said) = &self.argument else { return false };
        let before = names.len();
        for name in list::Members::of(said) {
            match HeaderName::from_bytes(name) {
                Ok(name) if names.len() < MAX_NAMES && may_be_withheld(&name) => names.push(name),
                _ => return false,
            }
        }
        names.len() > before
    }
}

/// Whether a response without this field is still the same response. RFC 9111 §5.2.2.4 and §5.2.2.7
/// allow to store the remainder; they do not ask for it.
fn may_be_withheld(name: &HeaderName) -> bool {
    let name = name.as_str();
    !name.starts_with("content-")
        && !matches!(
            name,
            "age"
                | "cache-control"
                | "connection"
                | "date"
                | "etag"
                | "expires"
                | "last-modified"
                | "location"
                | "transfer-encoding"
                | "vary"
        )
}

#[cfg(test)]
#[path = "cache_control_tests.rs"]
mod tests;
