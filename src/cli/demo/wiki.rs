//! The demo's origin: a wiki of some fifteen pages that speaks HTTP as MediaWiki does. Pages may be
//! shared for five hours because every edit purges them: a save changes the page first, then sends
//! `PURGE http://host/path` for the page and its history through the cache, and only then answers.
//!
//! The wiki knows nothing of the cache but the address that takes purges, and the cache nothing of
//! the wiki. A request's body and everything that is kept of it are bounded; edits asked for by
//! other sites' pages are refused.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use http::request::Parts;
use http::uri::Authority;
use http::{Method, StatusCode, Uri, header};
use http_body::Body as _;

use super::draft::Draft;
use super::pages::{NotSaved, Pages};
use super::title::{self, Title};
use super::{pictures, views};
use crate::base::{Body, Clock, Peer};
use crate::cli::purge::order_for;
use crate::front::{Answer, Handler, Reply, Request};
use crate::net::Client;

/// The longest body of a request, in bytes: a page's text with each byte percent-encoded.
const MAX_FORM: usize = 3 * super::pages::MAX_TEXT + 4096;
/// How long the slow page takes.
const SLOW: Duration = Duration::from_secs(2);
/// How long one purge may take; an edit is saved whatever becomes of it.
const PURGE_LIMIT: Duration = Duration::from_secs(5);

/// What this machine is called on itself.
const OWN_NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

const SHARED: &str = "s-maxage=18000, must-revalidate, max-age=0";
const REDIRECT: &str = "s-maxage=1200, must-revalidate, max-age=0";
const PRIVATE: &str = "private, no-store";
const PICTURE: &str = "public, max-age=86400";
const STYLE: &str = "public, max-age=300, s-maxage=300, stale-while-revalidate=60";

/// The wiki; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Wiki(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    started: SystemTime,
    pages: Pages,
    /// Where purges go, once it is known.
    cache: OnceLock<SocketAddr>,
}

impl Wiki {
    /// A wiki with its first pages.
    pub(super) fn new(clock: Clock) -> Self {
        let started = clock.wall();
        let pages = Pages::first(started);
        Self(Arc::new(Shared { clock, started, pages, cache: OnceLock::new() }))
    }

    /// Names the cache's listener that takes purges. Only the first call counts.
    pub(super) fn purge_through(&self, cache: SocketAddr) {
        // A second call has nothing to say: the listener stays for the life of the demo.
        self.0.cache.get_or_init(|| cache);
    }
}

impl Handler for Wiki {
    fn handle(&self, request: Request, _peer: &Arc<Peer>) -> Reply {
        let (head, body) = request.into_parts();
        let wiki = Arc::clone(&self.0);
        if head.method == Method::POST {
            return Reply::Later(Box::pin(async move { wiki.submit(&head, body).await }));
        }
        if head.uri.path() == "/wiki/Slow_tide" {
            return Reply::Later(Box::pin(async move {
                wiki.clock.sleep(SLOW).await;
                wiki.answer(&head)
            }));
        }
        Reply::Ready(wiki.answer(&head))
    }
}

impl Shared {
    /// The answer to a request that changes nothing.
    fn answer(&self, head: &Parts) -> Answer {
        if head.method != Method::GET && head.method != Method::HEAD {
            let why = "This wiki takes GET, HEAD and POST.";
            let refusal = self.refuse(StatusCode::METHOD_NOT_ALLOWED, why);
            return refusal.with(header::ALLOW, "GET, HEAD, POST").closing();
        }
        let path = head.uri.path();
        let answer = match path {
            "/" => self.redirect("/wiki/Main_Page"),
            "/w/skin.css" => self.file("text/css; charset=utf-8", STYLE, include_str!("skin.css")),
            "/favicon.ico" => self.file("image/x-icon", PICTURE, pictures::icon()),
            "/robots.txt" => self.file("text/plain", PICTURE, "User-agent: *\nDisallow: /w/\n"),
            "/w/index.php" => self.index(&head.uri),
            _ => {
                if let Some(title) = path.strip_prefix("/wiki/") {
                    self.page(title)
                } else if let Some(name) = path.strip_prefix("/images/") {
                    self.picture(name)
                } else {
                    self.refuse(StatusCode::NOT_FOUND, "There is nothing at this address.")
                }
            }
        };
        answer.unless_known(head).answer()
    }

    /// `/wiki/Title`.
    fn page(&self, encoded: &str) -> Draft {
        let written = title::decode(encoded);
        let Some((written, title)) = written.and_then(|w| Title::parse(&w).map(|t| (w, t))) else {
            return self.refuse(StatusCode::NOT_FOUND, "No page can have this name.");
        };
        if title.as_str() != written {
            return self.redirect(&title.path());
        }
        match self.pages.get(&title) {
            Some(page) => self.html(SHARED, views::read(&title, &page, self.now())).dated(&page),
            None => {
                self.html(SHARED, views::missing(&title, self.now())).status(StatusCode::NOT_FOUND)
            }
        }
    }

    /// `/w/index.php?title=Title&action=…`.
    fn index(&self, uri: &Uri) -> Draft {
        let query = uri.query().unwrap_or_default();
        let Some(title) = title::field(query, "title").and_then(|t| Title::parse(&t)) else {
            return self.refuse(StatusCode::NOT_FOUND, "No page can have this name.");
        };
        let page = self.pages.get(&title);
        match (title::field(query, "action").as_deref(), page) {
            (Some("edit" | "submit"), page) => {
                let text = page.as_ref().map_or("", |page| page.text.as_str());
                self.html(PRIVATE, views::edit(&title, text, self.now()))
            }
            (Some("history"), Some(page)) => {
                self.html(SHARED, views::history(&title, &page, self.now())).dated(&page)
            }
            (Some("history"), None) => {
                self.html(SHARED, views::missing(&title, self.now())).status(StatusCode::NOT_FOUND)
            }
            _ => self.redirect(&title.path()),
        }
    }

    fn picture(&self, name: &str) -> Draft {
        match pictures::picture(name) {
            Some((kind, bytes)) => self.file(kind, PICTURE, bytes),
            None => self.refuse(StatusCode::NOT_FOUND, "There is no picture of this name."),
        }
    }

    /// Saves what a form brings, purges what it changes, and only then sends the reader there.
    async fn submit(&self, head: &Parts, body: Body) -> Answer {
        let title = title::field(head.uri.query().unwrap_or_default(), "title");
        let title = title.and_then(|t| Title::parse(&t));
        let (Some(title), "/w/index.php") = (title, head.uri.path()) else {
            let why = "Nothing is saved at this address.";
            return self.refuse(StatusCode::NOT_FOUND, why).closing();
        };
        if !from_our_own_page(head) {
            let why = "This edit was sent by another site's page.";
            return self.refuse(StatusCode::FORBIDDEN, why).closing();
        }
        let Some(form) = read_form(body).await else {
            let why = "The text did not come whole, or is longer than a page may be.";
            return self.refuse(StatusCode::PAYLOAD_TOO_LARGE, why).closing();
        };
        let Some(text) = title::field(&form, "text") else {
            return self.refuse(StatusCode::BAD_REQUEST, "The form has no text.").answer();
        };
        let summary = title::field(&form, "summary").unwrap_or_default();
        let saved =
            self.pages.save(title.clone(), text.replace("\r\n", "\n"), &summary, self.now());
        match saved {
            Ok(()) => {}
            Err(NotSaved::TooLong) => {
                let why = "The text is longer than a page may be.";
                return self.refuse(StatusCode::PAYLOAD_TOO_LARGE, why).answer();
            }
            Err(NotSaved::Full) => {
                let why = "The demo's memory is full: no more pages.";
                return self.refuse(StatusCode::INSUFFICIENT_STORAGE, why).answer();
            }
        }
        self.purge(head, &title).await;
        let draft = self.html(PRIVATE, String::new()).status(StatusCode::SEE_OTHER);
        draft.with(header::LOCATION, &title.path()).answer()
    }

    /// Makes the cache forget the page and its history, as MediaWiki does after an edit. What goes
    /// wrong is logged and does not undo the edit.
    async fn purge(&self, head: &Parts, title: &Title) {
        let Some(cache) = self.cache.get() else { return };
        let mut client = Client::new(cache.to_string(), self.clock.clone(), PURGE_LIMIT);
        for host in hosts(head) {
            for target in [title.path(), title.action("history")] {
                let Ok(order) = order_for(host.clone(), &target) else { continue };
                match client.send(order).await {
                    Ok(answer) if answer.status().is_success() => {}
                    Ok(answer) => {
                        tracing::warn!(%target, status = %answer.status(), "purge refused");
                    }
                    Err(error) => tracing::warn!(%target, %error, "purge failed"),
                }
            }
        }
    }

    fn html(&self, cache_control: &'static str, html: String) -> Draft {
        // Scripts have no business on these pages, whatever a visitor wrote on them.
        let policy = "default-src 'self'; script-src 'none'; frame-ancestors 'none'";
        Draft::new("text/html; charset=utf-8", cache_control, html)
            .with(header::VARY, "Accept-Encoding")
            .with(header::CONTENT_SECURITY_POLICY, policy)
            .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
    }

    fn file(
        &self,
        kind: &'static str,
        cache_control: &'static str,
        bytes: impl Into<bytes::Bytes>,
    ) -> Draft {
        Draft::new(kind, cache_control, bytes).validated(self.started, 0)
    }

    fn redirect(&self, to: &str) -> Draft {
        let draft = self.html(REDIRECT, String::new()).status(StatusCode::MOVED_PERMANENTLY);
        draft.with(header::LOCATION, to)
    }

    fn refuse(&self, status: StatusCode, why: &str) -> Draft {
        let what = status.canonical_reason().unwrap_or("Sorry");
        self.html(PRIVATE, views::refusal(what, why, self.now())).status(status)
    }

    fn now(&self) -> SystemTime {
        self.clock.wall()
    }
}

/// The hosts that readers know the wiki by: the one that the editor used, and where that is a name
/// of this machine, the others too.
fn hosts(head: &Parts) -> Vec<Authority> {
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = host.and_then(|host| host.parse::<Authority>().ok()) else {
        return Vec::new();
    };
    if OWN_NAMES.contains(&host.host()) {
        OWN_NAMES.map(Authority::from_static).to_vec()
    } else {
        vec![host]
    }
}

/// Whether a form was sent by a page of this wiki, as far as the browser tells: a page of another
/// site must not edit what stands on a visitor's own machine.
fn from_our_own_page(head: &Parts) -> bool {
    let site = head.headers.get("sec-fetch-site").map(|site| site.as_bytes());
    matches!(site, None | Some(b"same-origin" | b"none"))
}

/// The whole of a form; `None` where it is too long, breaks off or is not text.
async fn read_form(mut body: Body) -> Option<String> {
    let mut form = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame.ok()?.into_data() {
            if form.len() + data.len() > MAX_FORM {
                return None;
            }
            form.extend_from_slice(&data);
        }
    }
    String::from_utf8(form).ok()
}

#[cfg(test)]
#[path = "wiki_tests.rs"]
mod tests;
