//! What the store, and a question that many clients share, see of a request: its computed properties,
//! and its fields without what only makes requests that mean the same look different. What was taken
//! out is kept, for a question of the one client's own.
//!
//! Everything is decided from the site's policy; a site of the profile `plain` changes nothing.

use std::borrow::Cow;

use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, COOKIE, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, request};

use super::client::X_FORWARDED_PROTO;
use super::forward::joined_cookies;
use super::plan::{Action, Plan};
use crate::base::{Accepted, Coding};
use crate::config::{CookiePolicy, Property, PropertySource, Ranges, Site};
use crate::semantics::{Present, RequestDirectives};

/// What was found out about a request, and taken out of its head.
#[derive(Debug, Default)]
pub struct View {
    /// Whether it has a session: what varies on Cookie is for it alone.
    pub session: bool,
    /// Its cookies, where nobody but an origin that is asked for this client alone may see them.
    cookie: Option<HeaderValue>,
    /// Its Accept-Encoding as that origin sees it, where what is stored is coded here.
    accept_encoding: Option<HeaderValue>,
    /// The codings that it takes of those that are made here.
    pub accepted: Accepted,
    /// What its Cache-Control says, where the site heeds that. Boxed, since few have any.
    pub asked: Option<Box<RequestDirectives>>,
}

impl View {
    /// Looks at a request as `plan` wants, and changes `head` to what the store sees of it; `present`
    /// follows.
    pub fn of(head: &mut request::Parts, present: &mut Present, plan: &Plan) -> Self {
        let site = &*plan.site;
        let mut view = Self::default();
        for property in &site.properties {
            compute(property, &mut head.headers, plan);
        }
        view.look_at_cookies(&mut head.headers, *present, plan);
        if site.shares_schemes && present.has(Present::FORWARDED_PROTO) {
            // An origin sees ours, and nothing is stored by what a client writes there.
            head.headers.remove(X_FORWARDED_PROTO);
        }
        if site.ranges == Ranges::Ignored && present.has(Present::RANGE) {
            head.headers.remove(RANGE);
            head.headers.remove(IF_RANGE);
            *present = present.without(Present::RANGE);
        }
        if site.freshness.request_directives && head.headers.contains_key(CACHE_CONTROL) {
            view.asked = Some(Box::new(RequestDirectives::of(&head.headers)));
        }
        view.look_at_encoding(&mut head.headers, site);
        view
    }

    fn look_at_cookies(&mut self, headers: &mut HeaderMap, present: Present, plan: &Plan) {
        let cookies = &plan.site.cookies;
        if !present.has(Present::COOKIE) || cookies.policy == CookiePolicy::AsSent {
            return;
        }
        if cookies.policy == CookiePolicy::BySession {
            let joined = if is_plain(headers) { None } else { joined_cookies(headers) };
            let all = joined.as_ref().or_else(|| headers.get(COOKIE));
            self.session = all.is_some_and(|all| cookies.session.is_match(all.as_bytes()));
            if self.session || plan.action != Action::Lookup {
                return;
            }
            let sent = headers.remove(COOKIE);
            self.cookie = joined.or(sent);
        } else {
            headers.remove(COOKIE);
        }
    }

    fn look_at_encoding(&mut self, headers: &mut HeaderMap, site: &Site) {
        let encoding = &site.encoding;
        if !encoding.normalized && encoding.codings.is_empty() {
            return;
        }
        let gzip = || HeaderValue::from_static("gzip");
        let no_transform = self.asked.as_ref().is_some_and(|asked| asked.no_transform);
        // As nearly everybody asks: one line, which is changed in its place, for a header map makes room
        // for another field before it looks whether there is one.
        if encoding.codings.is_empty()
            && !no_transform
            && is_plain(headers)
            && let Some(line) = headers.get_mut(ACCEPT_ENCODING)
            && let Some(usual) = Accepted::usual(line).filter(|usual| usual.takes(Coding::Gzip))
        {
            self.accepted = usual;
            *line = gzip();
            return;
        }
        // RFC 9111 §5.2.1.6: nothing is coded here for who wants no transformation.
        self.accepted = if no_transform { Accepted::IDENTITY } else { Accepted::of(headers) };
        let asked = self.accepted.takes(Coding::Gzip).then(gzip);
        match asked {
            Some(asked) if encoding.codings.is_empty() => {
                headers.insert(ACCEPT_ENCODING, asked);
            }
            asked => {
                headers.remove(ACCEPT_ENCODING);
                self.accept_encoding = asked;
            }
        }
    }

    /// Gives back to `headers`, on their way to an origin, what only a question for this one client
    /// may have.
    pub fn restore(&self, headers: &mut HeaderMap) {
        self.restore_cookies(headers);
        if let Some(accept_encoding) = &self.accept_encoding {
            headers.insert(ACCEPT_ENCODING, accept_encoding.clone());
        }
    }

    /// Whether the client's own question has what one that is shared has not.
    pub fn hides(&self) -> bool {
        self.cookie.is_some() || self.accept_encoding.is_some()
    }

    /// Gives back the cookies alone.
    pub fn restore_cookies(&self, headers: &mut HeaderMap) {
        if let Some(cookie) = &self.cookie {
            headers.insert(COOKIE, cookie.clone());
        }
    }
}

/// Whether no field has a second line. In no time.
fn is_plain(headers: &HeaderMap) -> bool {
    headers.len() == headers.keys_len()
}

/// Sets the field of `property`, in place of whatever the client sent under its name.
fn compute(property: &Property, headers: &mut HeaderMap, plan: &Plan) {
    let key = plan.key.as_str();
    let (host, path) = key.split_at(key.find('/').unwrap_or(key.len()));
    let source = match &property.source {
        PropertySource::Host => Some(Cow::Borrowed(host.as_bytes())),
        PropertySource::Path => Some(Cow::Borrowed(path.as_bytes())),
        PropertySource::Field(name) => joined(headers, name),
        PropertySource::Cookie(name) => cookie(headers, name).map(Cow::Borrowed),
    };
    let matched = source.and_then(|source| {
        let rule = property.rules.iter().find(|(pattern, _)| pattern.is_match(&source));
        rule.map(|(_, value)| value)
    });
    match matched.or(property.default.as_ref()) {
        Some(value) => drop(headers.insert(&property.name, value.clone())),
        None => drop(headers.remove(&property.name)),
    }
}

/// The field's lines as one (RFC 9110 §5.3): an origin reads all of them.
fn joined<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<Cow<'a, [u8]>> {
    let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let first = lines.next()?;
    let Some(second) = lines.next() else { return Some(Cow::Borrowed(first)) };
    let all: Vec<&[u8]> = [first, second].into_iter().chain(lines).collect();
    Some(Cow::Owned(all.join(&b", "[..])))
}

/// The value of the first cookie of that name (RFC 6265 §4.2.1).
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let lines = headers.get_all(COOKIE).iter();
    let mut pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.find_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}
