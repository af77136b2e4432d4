//! An origin that believes whatever it is told: it builds its links from the host that a field names,
//! shows the page that a field names, obeys a method that a field names, fails on what it does not
//! like, and repeats all of a request in its answer. Every answer may be stored, errors too.

use crate::kit::origin::Seen;
use crate::kit::{Origin, Page};

/// What an origin of this kind does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    /// Each of its pages looks at one field, the one that its path ends in, and it names that in Vary
    /// (RFC 9110 §12.5.5).
    Varies,
    /// It names what MediaWiki names, and nothing else.
    Forgets,
    /// The same; and it does not say how long an error may be kept.
    ForgetsAndErrs,
}

/// The longest field that it takes, as many servers have it.
const LONGEST: usize = 8000;

/// Starts one.
pub fn start(manners: Manners) -> Origin {
    let origin = Origin::start();
    origin.otherwise(move |seen| answer(seen, manners));
    origin
}

fn answer(seen: &Seen, manners: Manners) -> Page {
    let page = judged(seen);
    let field = seen.target.rsplit('/').next().filter(|_| manners == Manners::Varies);
    let names = ["Accept-Encoding", "Cookie"].into_iter().chain(field).collect::<Vec<_>>();
    let page = page.header("vary", &names.join(", "));
    match manners {
        Manners::ForgetsAndErrs if page.is_error() => page,
        _ => page.header("cache-control", "public, max-age=60, s-maxage=60"),
    }
}

/// The answer to a request, with all of it in the body and some of it in the fields.
fn judged(seen: &Seen) -> Page {
    let told = |names: &[&str]| names.iter().find_map(|name| obeyed(seen, name));
    let echo = echo(seen);
    if seen.head.fields.iter().any(|(_, value)| value.len() > LONGEST || !value.is_ascii()) {
        return Page::new(echo).with_status(400);
    }
    let method = told(&[
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
        "x-forwarded-method",
    ]);
    match method.as_deref() {
        None | Some("GET") => {}
        Some("POST" | "PUT" | "DELETE" | "HEAD") => return Page::new(echo).with_status(405),
        Some(_) => return Page::new(echo).with_status(501),
    }
    if let Some(path) = told(&["x-original-url", "x-rewrite-url", "x-forwarded-uri"]) {
        let status = if path.contains("nothing") { 404 } else { 200 };
        return Page::new(format!("the page {path}\n{echo}")).with_status(status);
    }
    let named = ["x-forwarded-host", "x-host", "x-original-host", "x-http-host-override"];
    let host = told(&named).or_else(|| obeyed(seen, "host")).unwrap_or_default();
    let link =
        format!("//{host}{}{}", told(&["x-forwarded-prefix"]).unwrap_or_default(), seen.target);
    if told(&["x-forwarded-scheme", "x-scheme", "x-url-scheme"]).is_some() {
        return Page::new(echo).with_status(301).header("location", &link);
    }
    Page::new(echo).header("link", &format!("<{link}>; rel=canonical"))
}

/// A field as CGI knows it: `-` and `_` are one (RFC 3875 §4.1.18).
fn obeyed(seen: &Seen, name: &str) -> Option<String> {
    let is_it = |its: &str| its.to_ascii_lowercase().replace('_', "-") == name;
    seen.head.fields.iter().find(|(its, _)| is_it(its)).map(|(_, value)| value.clone())
}

/// What was asked, but for what the hops before have written, who all clients of theirs are.
fn echo(seen: &Seen) -> String {
    let ours = ["via", "x-forwarded-for"];
    let fields = seen.head.fields.iter().filter(|(name, _)| !ours.contains(&name.as_str()));
    let fields: String = fields.map(|(name, value)| format!("{name}: {value}\n")).collect();
    let body = String::from_utf8_lossy(&seen.body);
    format!("{} {}\n{fields}\n{body}\n", seen.method, seen.target)
}
