//! A response as a client got it, and the proxy's own account of it (`Cache-Status`, RFC 9211).

use std::collections::HashMap;

use http::{HeaderMap, HeaderName, HeaderValue};

/// What a client got.
#[derive(Clone, Default)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The fields.
    pub headers: HeaderMap,
    /// The body, as far as it came.
    pub body: Vec<u8>,
    /// Whether the protocol says that this is all of it.
    pub complete: bool,
    /// The trailer fields.
    pub trailers: HeaderMap,
    /// How it broke off, in the words of the client's library.
    pub broke: String,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The beginning of a body is enough for a complaint.
        let shown = String::from_utf8_lossy(&self.body[..self.body.len().min(200)]);
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("body", &shown)
            .field("bytes", &self.body.len())
            .field("complete", &self.complete)
            .field("trailers", &self.trailers)
            .field("broke", &self.broke)
            .finish()
    }
}

impl Response {
    /// The value of the one field named `name`. Panics where there are several.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?;
        assert!(values.next().is_none(), "{name} occurs more than once in {self:?}");
        Some(first.to_str().expect("the tests' fields are text"))
    }

    /// The values of all fields named `name`.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let values = self.headers.get_all(name).iter();
        values.map(|value| value.to_str().expect("the tests' fields are text")).collect()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The response's age in seconds (RFC 9111 §5.1); 0 where no field says.
    #[track_caller]
    pub fn age(&self) -> u64 {
        self.header("age").map_or(0, |age| age.parse().expect("Age is a number"))
    }

    /// The same response, once it is sure that it is whole and has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.complete, "{self:?}");
        self
    }

    /// Asserts that the answer came from the store.
    #[track_caller]
    pub fn expect_hit(self) -> Self {
        assert!(cache_status(&self).hit, "{self:?}");
        self
    }

    /// Asserts that the answer did not come from the store as it was, and that this was why
    /// (the reason's token).
    #[track_caller]
    pub fn expect_because(self, reason: &str) -> Self {
        assert_eq!(cache_status(&self).detail.as_deref(), Some(reason), "{self:?}");
        self
    }
}

/// Names and values as [`HeaderMap`] wants them.
pub fn header_map(fields: &[(String, String)]) -> HeaderMap {
    let pair = |(name, value): &(String, String)| {
        let name: HeaderName = name.parse().expect("a field's name");
        (name, HeaderValue::from_str(value).expect("a field's value"))
    };
    fields.iter().map(pair).collect()
}

/// A parsed `Cache-Status` member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus {
    /// The cache that says so.
    pub cache: String,
    /// Whether the response came from the store.
    pub hit: bool,
    /// Why the request went forward.
    pub fwd: Option<String>,
    /// The status that the origin answered with.
    pub fwd_status: Option<u16>,
    /// Whether the response was stored.
    pub stored: bool,
    /// Whether the request shared another one's fetch.
    pub collapsed: bool,
    /// The freshness left, in seconds; negative when stale.
    pub ttl: Option<i64>,
    /// The reason's token.
    pub detail: Option<String>,
}

/// The proxy's own member of the response's `Cache-Status`: the last one, which the cache closest
/// to the client added.
#[track_caller]
pub fn cache_status(response: &Response) -> CacheStatus {
    let field = response.headers.get_all("cache-status").iter().next_back();
    let field = field.unwrap_or_else(|| panic!("no Cache-Status in {response:?}"));
    let text = field.to_str().expect("Cache-Status is text");
    let member = text.rsplit(", ").next().unwrap_or_default();
    let mut parts = member.split(';').map(str::trim);
    let cache = parts.next().unwrap_or_default().trim_matches('"').to_owned();
    let parameters: HashMap<&str, &str> =
        parts.map(|part| part.split_once('=').unwrap_or((part, "?1"))).collect();
    let text = |name| parameters.get(name).map(|value| value.trim_matches('"').to_owned());
    let flag = |name| parameters.get(name).is_some_and(|value| *value != "?0");
    CacheStatus {
        cache,
        hit: flag("hit"),
        fwd: text("fwd"),
        fwd_status: text("fwd-status").and_then(|status| status.parse().ok()),
        stored: flag("stored"),
        collapsed: flag("collapsed"),
        ttl: text("ttl").and_then(|ttl| ttl.parse().ok()),
        detail: text("detail"),
    }
}
