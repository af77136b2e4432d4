//! RFC 9111 and its kin, sentence by sentence, as a client sees them over HTTP/1.1 and over HTTP/2. Every
//! case names the paragraph that it is of; the same rules as pure functions are tested beside them.

mod alone;
mod directives;
mod grace;
mod lifetimes;
mod methods;
mod ranges;
mod sharing;

use std::sync::atomic::{AtomicU32, Ordering};

use crate::kit::{Client, Origin, Page, Proxy, Request, Response, cache_status, get};

/// Fields of a response, in order.
type Lines<'a> = &'a [(&'a str, &'a str)];

/// How a client asks.
#[derive(Clone, Copy, Debug)]
enum Over {
    Http1,
    Http2,
}

const BOTH: [Over; 2] = [Over::Http1, Over::Http2];

impl Over {
    /// Asks `proxy` by a connection of its own: the clock moves by more than any may be idle.
    fn send(self, proxy: &Proxy, request: Request) -> Response {
        self.client(proxy).send(request)
    }

    fn client(self, proxy: &Proxy) -> Client {
        match self {
            Self::Http1 => proxy.http1(),
            Self::Http2 => proxy.http2(),
        }
    }

    fn get(self, proxy: &Proxy, path: &str) -> Response {
        self.send(proxy, get(path))
    }
}

/// A path that no other case has.
fn path() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("/case/{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn page(status: u16, lines: Lines<'_>) -> Page {
    // A body is not everybody's to have.
    let body = if status == 204 || status == 304 { "" } else { "x" };
    let page = Page::new(body).with_status(status);
    lines.iter().fold(page, |page, (name, value)| page.header(name, value))
}

fn is_hit(response: &Response) -> bool {
    cache_status(response).hit
}

/// A proxy for both protocols, whose calendar begins at 00:00:00 on Thursday, 1 January 2026.
fn proxy(origin: &Origin, site: &str) -> Proxy {
    Proxy::new(origin).site(site).tls().clock_by_hand().start()
}
