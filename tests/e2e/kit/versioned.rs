//! A page that changes: its content carries a version number that the test raises, so that a
//! reader can tell which state of the origin it was shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::origin::Origin;
use super::page::Page;
use super::response::Response;

/// A page of an [`Origin`] with a version, which is its entity tag too.
#[derive(Clone)]
pub struct Versioned(Arc<AtomicU64>);

impl Versioned {
    /// Serves `path` from `origin` at version 1, with this `Cache-Control`. A request with the
    /// current entity tag in `If-None-Match` is answered 304.
    pub fn page(origin: &Origin, path: &str, cache_control: &str) -> Self {
        let version = Arc::new(AtomicU64::new(1));
        let (current, cache_control) = (Arc::clone(&version), cache_control.to_owned());
        origin.on(path, move |seen| {
            let now = current.load(Ordering::SeqCst);
            let tag = format!("\"v{now}\"");
            let page = if seen.header("if-none-match") == Some(&tag) {
                Page::status(304)
            } else {
                Page::new(body(now))
            };
            page.header("cache-control", &cache_control).header("etag", &tag)
        });
        Self(version)
    }

    /// Changes the page; its new version.
    pub fn raise(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The version that the page has now.
    pub fn version(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The body of a versioned page.
pub fn body(version: u64) -> String {
    format!("version {version}\n")
}

/// The version that `response` shows.
#[track_caller]
pub fn version_of(response: &Response) -> u64 {
    assert!(response.complete, "{response:?}");
    let text = response.text();
    let number = text.strip_prefix("version ").and_then(|rest| rest.trim_end().parse().ok());
    number.unwrap_or_else(|| panic!("not a versioned page: {response:?}"))
}
