//! Pages by PURGE, in the form that MediaWiki uses (`PURGE http://host/path HTTP/1.1`), one after another
//! over one kept connection.
//!
//! Both schemes of a URL are purged at once, so an https URL is sent as http: that is how the
//! protocol writes it, whatever the readers use.

use std::time::Duration;

use http::header::HeaderValue;
use http::uri::{Authority, Scheme};
use http::{Method, Request, Uri};

use super::list::{self, Source};
use super::progress::Progress;
use crate::base::{Body, Clock};
use crate::cli::Exit;
use crate::cli::terminal::{complain, say};
use crate::net::Client;
use crate::purge::word;
use crate::store::Mode;

/// How long one purge may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Purges what `source` has through the listener at `via`; a line for each.
///
/// # Errors
/// None: what fails is told, and the next is tried.
pub(super) async fn send(
    mut source: Source,
    via: &str,
    mode: Option<Mode>,
) -> Result<Exit, String> {
    let mut client = Client::new(via, Clock::system(), LIMIT);
    let mut progress = Progress::new(source.is_file());
    while let Some(next) = source.next() {
        let ok = match next {
            Ok(url) => one(&mut client, &url, mode).await,
            Err(why) => {
                complain(why);
                false
            }
        };
        progress.add(ok);
    }
    progress.end();
    Ok(if progress.failed == 0 { Exit::Ok } else { Exit::Failed })
}

async fn one(client: &mut Client, url: &str, mode: Option<Mode>) -> bool {
    let request = match order(url, mode) {
        Ok(request) => request,
        Err(why) => {
            complain(format_args!("{url}: {why}"));
            return false;
        }
    };
    match client.send(request).await {
        Ok(response) => {
            say(format_args!("{} {url}", response.status().as_u16()));
            response.status().is_success()
        }
        Err(error) => {
            say(format_args!("--- {url}: {error}"));
            false
        }
    }
}

/// The purge of `url`.
fn order(url: &str, mode: Option<Mode>) -> Result<Request<Body>, &'static str> {
    let uri = list::url(url)?;
    let authority = uri.authority().ok_or("not a URL")?;
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = order_for(authority.clone(), target).map_err(|_| "not a URL")?;
    if let Some(mode) = mode {
        request.headers_mut().insert("x-purge-mode", HeaderValue::from_static(word(mode)));
    }
    Ok(request)
}

/// The purge of `target` (a path with its query) at `authority`, as MediaWiki sends it.
///
/// # Errors
/// Where `target` is not a path that a URI may have.
pub(in crate::cli) fn order_for(
    authority: Authority,
    target: &str,
) -> Result<Request<Body>, http::Error> {
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
            let request = order(url, None).unwrap();
            assert_eq!(request.uri().to_string(), "http://wiki.test/wiki/A%20b?x=1");
            assert_eq!(request.headers()["host"], "wiki.test");
            assert_eq!(request.headers()["content-length"], "0");
            assert!(!request.headers().contains_key("x-purge-mode"));
        }
        let root = order("http://wiki.test", Some(Mode::Soft)).unwrap();
        assert_eq!(root.uri().to_string(), "http://wiki.test/");
        assert_eq!(root.headers()["x-purge-mode"], "soft");
    }
}
