//! What an origin is told: the client's head with the fields of our hop (RFC 9110 §7.6), never the
//! fields of the client's connection.
//!
//! A fetch that may be stored is asked for without what only one client wants of it: its
//! conditions, its range, and HEAD's leaving out of the body.

use std::time::SystemTime;

use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, UPGRADE, VIA};
use http::{HeaderMap, HeaderValue, Method, Uri, Version, request};
use http_body::Body as _;

use super::client::{X_FORWARDED_FOR, X_FORWARDED_PROTO};
use super::identity::{X_CLIENT_IP, X_REQUEST_ID};
use super::plan::Plan;
use super::routes;
use super::view::View;
use crate::base::between;
use crate::base::{Body, Peer};
use crate::config::Route;
use crate::semantics::{hop, validation};

/// What a request to an origin is for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    /// One client's own: everything it asked for is passed on.
    Pass,
    /// A change of protocol: Upgrade is passed on too.
    Pipe,
    /// The store's: a whole response.
    Fill,
    /// The store's: a whole response, unless what it holds is still what the origin has.
    Validate {
        /// The fields of what it holds.
        stored: &'a HeaderMap,
        /// The calendar time.
        now: SystemTime,
    },
}

/// What our hop adds to a request.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    /// The connection that the request came by.
    pub peer: &'a Peer,
    /// The node's name.
    pub node: &'a str,
    /// Whether it goes to another node of the fleet, which sees it as the client sent it.
    pub to_node: bool,
    /// The request's name, where its site wants it to have one.
    pub request_id: Option<&'a HeaderValue>,
}

/// The head of the request to the origin.
pub fn upstream(
    head: &request::Parts,
    plan: &Plan,
    view: &View,
    hop: &Hop<'_>,
    purpose: Purpose<'_>,
) -> request::Parts {
    let mut headers = head.headers.clone();
    hop::strip_named(&mut headers, &plan.site.identity.dropped);
    let upgrade = headers.get(UPGRADE).cloned();
    hop::strip_hop_by_hop(&mut headers);
    hop::strip_look_alikes(&mut headers);
    // What the client wrote may be doubled or padded; `frame` tells it in our own words.
    headers.remove(CONTENT_LENGTH);
    // `front` answers it towards the client as soon as the body is wanted.
    headers.remove(EXPECT);
    let mut method = head.method.clone();
    match purpose {
        Purpose::Pass => view.restore(&mut headers),
        Purpose::Pipe => {
            view.restore(&mut headers);
            if let Some(upgrade) = upgrade {
                headers.insert(UPGRADE, upgrade);
                headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            }
        }
        Purpose::Fill => {
            method = Method::GET;
            validation::strip_conditions(&mut headers);
        }
        Purpose::Validate { stored, now } => {
            method = Method::GET;
            validation::ask_whether_modified(&mut headers, stored, now);
        }
    }
    if matches!(purpose, Purpose::Fill | Purpose::Validate { .. })
        && plan.site.cookies.all_to_origin
    {
        view.restore_cookies(&mut headers);
    }
    // What nodes say among themselves no client says.
    between::ALL.iter().for_each(|name| _ = headers.remove(name));
    if hop.to_node
        && let Ok(address) = HeaderValue::try_from(plan.client.address.to_string())
    {
        headers.insert(between::CLIENT, address);
    }
    // What comes back may end in a blank too: crumbs are joined, and the last may be empty.
    hop::trim(&mut headers);
    set_hop(&mut headers, head.version, plan, hop);

    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = method;
    parts.version = Version::HTTP_11;
    parts.uri = target(head, plan, plan.route().filter(|_| !hop.to_node));
    parts.headers = headers;
    parts
}

fn set_hop(headers: &mut HeaderMap, version: Version, plan: &Plan, hop: &Hop<'_>) {
    let host = &plan.key.as_str()[..plan.key.as_str().find('/').unwrap_or(0)];
    let host = match plan.axis.port {
        0 => HeaderValue::from_str(host),
        port => HeaderValue::from_str(&format!("{host}:{port}")),
    };
    // The host was checked byte by byte when the plan was made, so it is a field value.
    let route = plan.route().filter(|_| !hop.to_node);
    let rewritten = route.and_then(|route| routes::origin_host(route, plan.key.as_str()));
    if let Some(host) = rewritten.or(host.ok()) {
        headers.insert(HOST, host);
    }
    let remote = hop.peer.remote.ip().to_canonical().to_string();
    append_member(headers, &X_FORWARDED_FOR, &remote);
    if plan.site.identity.client_ip
        && let Ok(address) = HeaderValue::try_from(plan.client.address.to_string())
    {
        headers.insert(X_CLIENT_IP, address);
    }
    if let Some(id) = hop.request_id {
        headers.insert(X_REQUEST_ID, id.clone());
    }
    let scheme = HeaderValue::from_static(plan.client.scheme.as_str());
    headers.insert(X_FORWARDED_PROTO, scheme);
    append_member(headers, &VIA, &format!("{} {}", protocol(version), hop.node));
}

/// Frames a request to the origin by the body that it is sent with, and never by what the client
/// wrote (RFC 9112 §6.3). A body of unknown length is put into chunks.
pub fn frame(head: &mut request::Parts, body: &Body) {
    // RFC 9110 §8.6: where content would mean something, that there is none is told.
    let meant = matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
    if let Some(length) = body.size_hint().exact().filter(|length| meant || *length > 0) {
        head.headers.insert(CONTENT_LENGTH, length.into());
    }
}

/// Joins the pieces in which HTTP/2 may send a cookie (RFC 9113 §8.2.3): whoever comes after us,
/// the comparison of variants included, knows one field.
pub fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(COOKIE).iter();
    if crumbs.nth(1).is_none() {
        return;
    }
    if let Some(cookie) = joined_cookies(headers) {
        headers.insert(COOKIE, cookie);
    }
}

/// The lines of Cookie as one: origins read them so (RFC 6265 §5.4 has clients send no more than one).
pub(super) fn joined_cookies(headers: &HeaderMap) -> Option<HeaderValue> {
    let all: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    // Field values joined by a separator of visible characters are a field value.
    HeaderValue::from_bytes(&all.join(&b"; "[..])).ok()
}

/// The version as Via names it (RFC 9110 §7.6.3).
pub fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

/// Appends one member to a list field, on the line that is there.
pub fn append_member(headers: &mut HeaderMap, name: &http::HeaderName, member: &str) {
    let joined = {
        let mut lines = headers.get_all(name).iter();
        match (lines.next(), lines.next()) {
            (Some(line), None) => {
                let mut joined = line.as_bytes().to_vec();
                joined.extend_from_slice(b", ");
                joined.extend_from_slice(member.as_bytes());
                HeaderValue::from_bytes(&joined).ok()
            }
            _ => None,
        }
    };
    match joined {
        Some(joined) => {
            headers.insert(name, joined);
        }
        None => {
            if let Ok(value) = HeaderValue::from_str(member) {
                headers.append(name, value);
            }
        }
    }
}

/// The target that the origin is asked for: as the key spells it, so that what is stored is what was
/// asked for. What changes something is asked for as it was written, which may have been signed.
fn target(head: &request::Parts, plan: &Plan, route: Option<&Route>) -> Uri {
    let key = plan.key.as_str();
    let public = if plan.respelled && matches!(head.method, Method::GET | Method::HEAD) {
        let path = &key[key.find('/').unwrap_or(key.len())..];
        Uri::try_from(path).expect("what was parsed as a target is one in another spelling too")
    } else {
        origin_form(&head.uri)
    };
    let target = public.path_and_query().map_or("/", |target| target.as_str());
    let rewritten = route.and_then(|route| routes::origin_target(route, key, target));
    rewritten.and_then(|target| Uri::try_from(target).ok()).unwrap_or(public)
}

fn origin_form(uri: &Uri) -> Uri {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let slash = if target.starts_with('/') { "" } else { "/" };
    let target = bytes::Bytes::from([slash, target].concat());
    Uri::from_maybe_shared(target).expect("a path that was parsed as part of a target is a target")
}

#[cfg(test)]
#[path = "forward_tests.rs"]
mod tests;
