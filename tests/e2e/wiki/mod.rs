//! What the profiles of wikis promise: readers and editors apart, one policy for schemes, ranges and
//! methods, and grace that an operator grants. An origin here says what MediaWiki says.

mod access;
mod cookies;
mod grace;
mod properties;
mod spelling;

use crate::kit::setup::Setup;
use crate::kit::{Origin, Page, Proxy};

/// A page as MediaWiki answers it to somebody without a session.
pub fn article(body: &str) -> Page {
    Page::new(body)
        .header("cache-control", "s-maxage=18000, must-revalidate, max-age=0")
        .header("vary", "Accept-Encoding, Cookie")
        .header("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT")
}

/// A proxy with the profile of a wiki in front of `origin`.
pub fn wiki(origin: &Origin) -> Setup {
    Proxy::new(origin).site("profile = 'mediawiki'\n jitter = 0")
}
