//! What a site means: one policy for a set of hosts, as plain values. A profile only chose the
//! defaults; whoever applies a policy asks these values and never the profile.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};

use super::{Cluster, Route};
use crate::base::{Coding, PolicyId, SiteId};

/// A set of hostnames with one policy and one origin cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its number for the life of the process.
    pub id: SiteId,
    /// Its name.
    pub name: Arc<str>,
    /// Its hosts: exact names, `*.suffix` and `*`, lower case.
    pub hosts: Vec<HostPattern>,
    /// Its cluster, for what no route takes elsewhere.
    pub cluster: Arc<Cluster>,
    /// Its routes; the first that takes a request is its.
    pub routes: Vec<Route>,
    /// The profile that gave the defaults.
    pub profile: Profile,
    /// The largest request body, in bytes.
    pub max_request_body: u64,
    /// Who may come, and how.
    pub access: Access,
    /// One spelling for each URL.
    pub spelling: Spelling,
    /// What is made of cookies.
    pub cookies: Cookies,
    /// Computed fields of a request.
    pub properties: Vec<Property>,
    /// Freshness and keeping.
    pub freshness: FreshnessPolicy,
    /// Fields that are obeyed in place of Cache-Control and Expires, the first before the others.
    pub targets: Vec<HeaderName>,
    /// Whether http and https share what is stored, but for redirects and for what varies on
    /// X-Forwarded-Proto.
    pub shares_schemes: bool,
    /// What is made of Range.
    pub ranges: Ranges,
    /// What is made of Accept-Encoding, and what is compressed here.
    pub encoding: Arc<Encoding>,
    /// What the origin learns of a request.
    pub identity: Identity,
    /// What clients get of an answer.
    pub answers: Answers,
}

/// A host of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// Exactly this name.
    Exact(String),
    /// Any name that ends in this suffix, which begins with a dot: `*.wiki.test` is `.wiki.test`.
    Suffix(String),
    /// Any name.
    Any,
}

impl HostPattern {
    /// Whether `host`, which is in lower case, is one of these. A wildcard stands for at least one
    /// character.
    pub fn is_match(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(name) => name == host,
            Self::Suffix(suffix) => host.len() > suffix.len() && host.ends_with(&**suffix),
        }
    }
}

/// A set of defaults for a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Exactly the RFCs, nothing stripped or rewritten.
    Plain,
    /// A wiki's pages.
    MediaWiki,
    /// A wiki's media.
    Upload,
}

/// Who may come, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Whether plain HTTP is redirected to https, or refused where it is no GET or HEAD.
    pub https_required: bool,
    /// Strict-Transport-Security (RFC 6797) on answers over https.
    pub hsts: Option<HeaderValue>,
    /// The methods that are served, beside PURGE; every one where there is no list.
    pub methods: Option<Vec<Method>>,
    /// Whether a connection whose TLS handshake named a host of another site may ask for this one.
    pub shared_connections: bool,
}

/// One spelling for each URL: what the key holds and the origin is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// How percent-encoding in paths is made the same.
    pub path: PathEncoding,
    /// Beginnings of paths in which `%2F` stays.
    pub rest_paths: Vec<Box<str>>,
    /// What is made of the query.
    pub query: QueryPolicy,
    /// Parameters that are dropped: names, with a `*` at the end beginnings of names.
    pub drop_parameters: Vec<Box<str>>,
    /// What stands before the title in the path of a page: `/wiki/` of `/wiki/$1`.
    pub article_path: Option<Box<str>>,
    /// The path of the script that serves pages by `title`.
    pub index_path: Box<str>,
}

/// A table of what is decoded, encoded and left of a path's percent-encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathEncoding {
    /// As the client sent it.
    AsSent,
    /// RFC 3986 §6.2.2: unreserved characters are decoded.
    Generic,
    /// What MediaWiki's own URLs look like.
    MediaWiki,
    /// What a media server's URLs look like.
    Upload,
}

/// What is made of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryPolicy {
    /// As the client sent it.
    AsSent,
    /// Parameters are sorted by name, empty ones dropped.
    Sorted,
    /// There is none.
    Dropped,
}

/// What is made of cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookies {
    /// Which requests carry them into variants and to origins.
    pub policy: CookiePolicy,
    /// Which cookies belong to a session.
    pub session: Pattern,
    /// Whether origins see those that belong to none, where a response may be stored.
    pub all_to_origin: bool,
}

/// Which requests carry their cookies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookiePolicy {
    /// All; what an origin varies on Cookie differs for each.
    AsSent,
    /// Those with a session; others are as if they had no cookies.
    BySession,
    /// None.
    Dropped,
}

/// A regular expression over bytes.
#[derive(Clone, Debug)]
pub struct Pattern(regex::bytes::Regex);

impl Pattern {
    /// The most that a compiled expression may take, in bytes: an operator's slip is no reason to
    /// run out of memory.
    const MOST: usize = 1 << 20;

    /// Compiles `text`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        let mut builder = regex::bytes::RegexBuilder::new(text);
        builder.unicode(false).size_limit(Self::MOST).build().map(Self)
    }

    /// What `template` becomes where it matches `text`: `$1` is what its first group matched.
    pub fn expand(&self, text: &str, template: &str) -> Option<String> {
        let found = self.0.captures(text.as_bytes())?;
        let mut expanded = Vec::new();
        found.expand(template.as_bytes(), &mut expanded);
        String::from_utf8(expanded).ok()
    }

    /// Whether it matches anywhere in `text`.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

/// A named, computed field of a request: it takes part in variants, and the origin sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The field.
    pub name: HeaderName,
    /// What it is computed from.
    pub source: PropertySource,
    /// What it is where a pattern matches, the first that does.
    pub rules: Vec<(Pattern, HeaderValue)>,
    /// What it is where none does; it is absent where there is nothing.
    pub default: Option<HeaderValue>,
}

/// What a property is computed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertySource {
    /// The host.
    Host,
    /// The path with its query.
    Path,
    /// A field of the request.
    Field(HeaderName),
    /// A cookie.
    Cookie(Box<str>),
}

/// What a site chooses of RFC 9111's freedom, and beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreshnessPolicy {
    /// Whether a response without a lifetime gets one from Last-Modified (RFC 9111 §4.2.2).
    pub heuristic: bool,
    /// The lifetime of a response that names none, if it gets one.
    pub default_ttl: Option<Duration>,
    /// The longest lifetime.
    pub max_ttl: Option<Duration>,
    /// The longest lifetime of a 404.
    pub not_found_ttl: Option<Duration>,
    /// The longest lifetime of any other error.
    pub error_ttl: Option<Duration>,
    /// The lifetime of an error that names none, if it gets another than what is none.
    pub negative_ttl: Option<Duration>,
    /// Whether an error that blames the request is stored where its origin lets it be.
    pub request_errors: bool,
    /// The longest lifetime of a page under a URL that is no page's own: nothing purges it.
    pub uncanonical_ttl: Duration,
    /// By how many hundredths a lifetime of a minute or more may be shortened, by chance.
    pub jitter: u8,
    /// What lets a stale response out.
    pub stale: StaleRule,
    /// Whether the Cache-Control of requests counts (RFC 9111 §5.2.1).
    pub request_directives: bool,
    /// How long after its freshness an object may be served stale while one flight refreshes it,
    /// where the response says nothing of it and nothing of it forbids it.
    pub grace: Duration,
    /// How long after its freshness (and grace) an object is kept for conditional fetches.
    pub keep: Duration,
    /// Whether what is stored turns stale while a purge stream is too far behind.
    pub stale_on_lag: bool,
}

/// What decides whether a stale response may be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleRule {
    /// RFC 9111 §4.2.4: `must-revalidate`, `proxy-revalidate` and `s-maxage` forbid it.
    Rfc,
    /// The site's grace wins over these three, never over `no-cache`, `private` or a hard purge.
    Operator,
}

/// What is made of Range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// It is served, by what is fetched whole.
    Served,
    /// It is served from what is stored; where nothing is, the origin is asked for the range.
    Passed,
    /// It is not looked at.
    Ignored,
}

/// What is made of Accept-Encoding, and what is compressed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// Whether an origin is asked for gzip or for nothing, whatever else a client takes.
    pub normalized: bool,
    /// The codings that are made here, the best first; where there are any, origins are asked for
    /// none.
    pub codings: Vec<Coding>,
    /// The media types that are compressed: `type/subtype` or `type/*`, in lower case.
    pub types: Vec<Box<str>>,
    /// The least length of a body that is compressed, in bytes.
    pub least: u64,
    /// The targeted fields, which may forbid it.
    pub targets: Vec<HeaderName>,
}

/// What the origin learns of a request beside what decision 11 has for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whether X-Client-IP names the client.
    pub client_ip: bool,
    /// Whether X-Request-Id names the request.
    pub request_id: bool,
    /// Fields that no origin sees.
    pub dropped: Vec<HeaderName>,
}

/// What clients get of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// Fields that no client sees.
    pub dropped: Vec<HeaderName>,
    /// Fields that every client sees, in place of the origin's.
    pub added: Vec<(HeaderName, HeaderValue)>,
    /// Cache-Control for clients, in place of one that names `s-maxage`: they keep copies that no
    /// purge reaches.
    pub cache_control: Option<HeaderValue>,
    /// For how many seconds that lets them use a copy, from when they get it.
    pub client_max_age: u64,
    /// Whether Server-Timing tells the outcome and the time that it took.
    pub server_timing: bool,
    /// Whether X-Cache tells the outcome.
    pub x_cache: bool,
    /// Whether Cache-Status says the key.
    pub cache_status_key: bool,
    /// The file with the template of error pages, where the site has one of its own.
    pub error_page: Option<PathBuf>,
    /// Fields that an answer has more by all that, at most.
    pub more: usize,
    /// The number of what of the site's policy changes fields of the origin's.
    pub policy: PolicyId,
}

impl Site {
    /// The same with what requests and answers copy in memory of its own: whoever copies it counts
    /// itself there.
    #[must_use]
    pub fn apart(&self) -> Self {
        // What was a name or a value is one.
        let value = |value: &HeaderValue| {
            HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| value.clone())
        };
        let name = |name: &HeaderName| {
            HeaderName::from_bytes(name.as_str().as_bytes()).unwrap_or_else(|_| name.clone())
        };
        let mut apart = self.clone();
        for field in &mut apart.answers.added {
            *field = (name(&field.0), value(&field.1));
        }
        for property in &mut apart.properties {
            property.name = name(&property.name);
            property.rules.iter_mut().for_each(|rule| rule.1 = value(&rule.1));
            property.default = property.default.as_ref().map(value);
        }
        apart.access.hsts = apart.access.hsts.as_ref().map(value);
        apart
    }
}
