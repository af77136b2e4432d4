//! `tidegate purge URL…`: orders a running Tidegate to forget URLs, in the form that MediaWiki
//! uses (`PURGE http://host/path HTTP/1.1`), over one kept connection.
//!
//! Both schemes of a URL are purged at once, so an https URL is sent as http: that is how the
//! protocol writes it, whatever the readers use.

use std::time::Duration;

use http::uri::{Authority, Scheme};
use http::{Method, Request, Uri};

use super::terminal::{complain, say};
use super::{Exit, runtime};
use crate::base::{Body, Clock};
use crate::net::Client;

/// How long one purge may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Purges `urls`, one after another, through the listener at `via`; a line for each.
pub(super) fn purge(urls: &[String], via: &str) -> Exit {
    let mut requests = Vec::new();
    for url in urls {
        match order(url) {
            Ok(request) => requests.push((url, request)),
            Err(why) => {
                complain(format_args!("{url}: {why}"));
                return Exit::Usage;
            }
        }
    }
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(why) => {
            complain(why);
            return Exit::Failed;
        }
    };
    runtime.block_on(send(requests, via))
}

async fn send(requests: Vec<(&String, Request<Body>)>, via: &str) -> Exit {
    let mut client = Client::new(via, Clock::system(), LIMIT);
    let mut exit = Exit::Ok;
    for (url, request) in requests {
        match client.send(request).await {
            Ok(response) => {
                say(format_args!("{} {url}", response.status().as_u16()));
                if !response.status().is_success() {
                    exit = Exit::Failed;
                }
            }
            Err(error) => {
                say(format_args!("--- {url}: {error}"));
                exit = Exit::Failed;
            }
        }
    }
    exit
}

/// The purge of `url`.
fn order(url: &str) -> Result<Request<Body>, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "not a URL")?;
    let http = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority().filter(|_| http).ok_or("not an http:// or https:// URL")?;
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    order_for(authority.clone(), target).map_err(|_| "not a URL")
}

/// The purge of `target` (a path with its query) at `authority`, as MediaWiki sends it.
///
/// # Errors
/// Where `target` is not a path that a URI may have.
pub(super) fn order_for(authority: Authority, target: &str) -> Result<Request<Body>, http::Error> {
    let host = authority.to_string();
    let uri = Uri::builder().scheme(Scheme::HTTP).authority(authority).path_and_query(target);
    Request::builder()
        .method(Method::from_bytes(b"PURGE")?)
        .uri(uri.build()?)
        .header("host", host)
        .header("user-agent", concat!("tidegate/", env!("CARGO_PKG_VERSION")))
        .header("content-length", "0")
        .body(Body::Empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_written_in_absolute_form_with_the_scheme_http() {
        for url in ["http://wiki.test/wiki/A%20b?x=1", "https://wiki.test/wiki/A%20b?x=1#top"] {
            let request = order(url).unwrap();
            assert_eq!(request.uri().to_string(), "http://wiki.test/wiki/A%20b?x=1");
            assert_eq!(request.headers()["host"], "wiki.test");
            assert_eq!(request.headers()["content-length"], "0");
        }
        assert_eq!(order("http://wiki.test").unwrap().uri().to_string(), "http://wiki.test/");
    }

    #[test]
    fn what_is_no_http_url_is_refused() {
        for url in ["", "/wiki/A", "wiki.test", "ftp://wiki.test/", "http://", "http://a b/"] {
            assert!(order(url).is_err(), "{url}");
        }
    }
}
