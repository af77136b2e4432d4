//! What clients get of an answer where the site has it otherwise than the origin: fields, and error
//! pages, however the answer comes about.

mod added;
mod error_pages;
mod shown;

use crate::kit::setup::Setup;
use crate::kit::{Origin, Page, Proxy, Response};

/// What MediaWiki says of a page, and what its readers are told.
const OF_PAGES: &str = "s-maxage=18000, must-revalidate, max-age=0";
const FOR_READERS: &str = "private, must-revalidate, max-age=0";

/// A site that hides, sets and replaces fields.
fn site(origin: &Origin) -> Setup {
    Proxy::new(origin).tls().clock_by_hand().site(
        "drop_response_fields = ['X-Powered-By', 'X-Debug']
         response_fields = ['Timing-Allow-Origin: *', 'Link: </a>', 'Link: </b>']
         client_cache_control = 'private, must-revalidate, max-age=0'
         hsts = 'max-age=31536000'
         grace = '1h'",
    )
}

fn page() -> Page {
    Page::new("content")
        .header("cache-control", OF_PAGES)
        .header("etag", "\"1\"")
        .header("x-powered-by", "PHP/8.4")
        .header("timing-allow-origin", "https://elsewhere.test")
        .header("strict-transport-security", "max-age=5")
        .header("x-kept", "yes")
}

#[track_caller]
fn expect_shown(answer: &Response, https: bool) {
    assert_eq!(answer.header("x-powered-by"), None);
    assert_eq!(answer.header("timing-allow-origin"), Some("*"));
    assert_eq!(answer.all("link"), ["</a>", "</b>"]);
    let hsts = https.then_some("max-age=31536000");
    assert_eq!(answer.header("strict-transport-security"), hsts);
}
