//! The admin listener's answers: whether the node takes traffic, what it counts, what it is doing.
//!
//! [`Admin`] owns nothing that it shows. Figures come from the telemetry and from each room's
//! [`Source`], the status page from a closure, and whether the node is draining from a flag, all
//! given by whoever wires the rooms together. What changes something is [`purge`]'s alone.

mod audit;
pub mod gate;
mod lines;
pub mod purge;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::Value;

use crate::base::{Body, Fields, Outcome, Peer, Reason};
use crate::front::{Answer, Handler, Reply, Request, Then};
use crate::telemetry::{Account, EXPOSITION, Source, Telemetry};
use purge::Purges;

/// What the status page shows, taken at each request.
pub type Status = Arc<dyn Fn() -> Value + Send + Sync>;

/// Every path with the sentence that an unknown one is answered with.
const PATHS: &str = "\
/healthz   200 while the node takes traffic, 503 once it is draining
/metrics   counters, gauges and histograms in Prometheus' text format
/status    what the node is doing, in JSON
/purge     takes orders to purge, by POST: a line of JSON each, such as {\"url\": \"https://host/path\"}
";

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// Answers on the admin listener.
pub struct Admin {
    telemetry: Telemetry,
    sources: Vec<Arc<dyn Source>>,
    status: Status,
    draining: Arc<AtomicBool>,
    purges: Arc<Purges>,
}

impl Admin {
    /// An admin that shows `telemetry` with `sources`, `status`, and whether `draining` is set, and hands
    /// orders to `purges`.
    pub fn new(
        telemetry: Telemetry,
        sources: Vec<Arc<dyn Source>>,
        status: Status,
        draining: Arc<AtomicBool>,
        purges: Arc<Purges>,
    ) -> Self {
        Self { telemetry, sources, status, draining, purges }
    }

    fn page(&self, method: &Method, path: &str) -> Page {
        match path {
            "/healthz" | "/metrics" | "/status"
                if !matches!(*method, Method::GET | Method::HEAD) =>
            {
                let text = "Only GET and HEAD are answered here.\n";
                Page::new(StatusCode::METHOD_NOT_ALLOWED, Reason::BadMethod, TEXT, text)
            }
            "/healthz" if self.draining.load(Ordering::Relaxed) => {
                Page::new(StatusCode::SERVICE_UNAVAILABLE, Reason::Draining, TEXT, "draining\n")
            }
            "/healthz" => Page::new(StatusCode::OK, Reason::Admin, TEXT, "ok\n"),
            "/metrics" => {
                let sources: Vec<&dyn Source> = self.sources.iter().map(|s| &**s).collect();
                let text = self.telemetry.render(&sources);
                Page::new(StatusCode::OK, Reason::Admin, EXPOSITION, text)
            }
            "/status" => {
                let text = format!("{:#}\n", (self.status)());
                Page::new(StatusCode::OK, Reason::Admin, JSON, text)
            }
            _ => {
                let text = format!("There is nothing here. There is:\n\n{PATHS}");
                Page::new(StatusCode::NOT_FOUND, Reason::BadTarget, TEXT, text)
            }
        }
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admin")
    }
}

impl Handler for Admin {
    fn handle(&self, request: Request, peer: &Arc<Peer>) -> Reply {
        if request.uri().path() == "/purge" {
            let purges = Arc::clone(&self.purges);
            return Reply::Later(Box::pin(purges.answer(request, Arc::clone(peer))));
        }
        let mut page = self.page(request.method(), request.uri().path());
        if request.method() == Method::HEAD {
            page.text.clear();
        }
        Reply::Ready(page.answer())
    }
}

/// An answer before it takes the shape of one.
struct Page {
    status: StatusCode,
    reason: Reason,
    media_type: &'static str,
    text: String,
}

impl Page {
    fn new(
        status: StatusCode,
        reason: Reason,
        media_type: &'static str,
        text: impl Into<String>,
    ) -> Self {
        Self { status, reason, media_type, text: text.into() }
    }

    fn answer(self) -> Answer {
        let mut head = Response::new(()).into_parts().0;
        head.status = self.status;
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        head.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            head.headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        let account = Account::new(None, Outcome::Synth, self.reason);
        Answer {
            head,
            stored: Fields::default(),
            body: Body::from_bytes(self.text),
            account,
            then: Then::KeepAlive,
        }
    }
}

#[cfg(test)]
#[path = "admin_tests.rs"]
mod tests;
