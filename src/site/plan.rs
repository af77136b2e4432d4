//! What is to be done with a request: one decision from its head, the peer and the configuration.
//!
//! The order is the order of the checks: who asks, what for, whether that may be asked here, and
//! only then whether the store can help. Nothing here waits or touches the store.

use std::sync::Arc;

use http::header::{IF_MATCH, IF_UNMODIFIED_SINCE};
use http::{Method, request};

use super::client::{Client, Forwarded, forwarded_for};
use super::host::Authority;
use super::sites::Sites;
use crate::base::{Axis, KeyRef, KeyText, Peer, Reason, SiteId};
use crate::config::{Config, Site};
use crate::semantics::{Present, hop, list};

/// A request that may be served, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who asks.
    pub client: Client,
    /// The site that the host belongs to.
    pub site: Arc<Site>,
    /// The text of the key.
    pub key: KeyText,
    /// The first variant axes.
    pub axis: Axis,
    /// What is to be done.
    pub action: Action,
}

/// What is to be done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Look in the store, and fetch what is not there.
    Lookup,
    /// Ask the origin past the store.
    Pass(Reason),
    /// Join client and origin once the origin agrees to another protocol.
    Pipe,
    /// Drop what is stored.
    Purge,
}

/// A request that is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The site, where the host had one.
    pub site: Option<SiteId>,
    /// Why.
    pub reason: Reason,
}

impl Plan {
    /// The key.
    pub fn key(&self) -> KeyRef<'_> {
        self.key.key()
    }
}

/// Decides what is to be done with a request.
///
/// # Errors
/// A [`Refusal`] that names the reason.
pub fn plan(
    head: &request::Parts,
    present: Present,
    has_body: bool,
    peer: &Peer,
    sites: &Sites,
    config: &Config,
) -> Result<Plan, Refusal> {
    let refuse = |reason| Refusal { site: None, reason };
    let names = || hop::connection_names_forbidden(&head.headers);
    if present.has(Present::HOP_BY_HOP) && names() {
        return Err(refuse(Reason::BadRequest));
    }
    if matches!(head.method, Method::CONNECT | Method::TRACE) {
        return Err(refuse(Reason::BadMethod));
    }
    let purging = head.method.as_str() == "PURGE";
    if peer.purge_only && !purging {
        return Err(refuse(Reason::PurgeOnly));
    }
    let authority = Authority::of(&head.uri, &head.headers).map_err(refuse)?;
    let key = KeyText::new(authority.host, target(head).map_err(refuse)?);
    let host = &key.as_str()[..authority.host.len()];
    let site = sites.find(host).ok_or(refuse(Reason::UnknownHost))?;

    let client = Client::of(peer, &head.headers, &config.node.trusted_proxies);
    let refuse = |reason| Refusal { site: Some(site.id), reason };
    if present.has(Present::VIA) && passed_here_before(head, &config.node.name) {
        return Err(refuse(Reason::Loop));
    }
    let action = if purging {
        if !may_purge(head, peer, &client, config) {
            return Err(refuse(Reason::PurgeForbidden));
        }
        Action::Purge
    } else {
        action(head, present, has_body)
    };
    let axis = Axis::new(site.id, client.scheme, authority.port);
    Ok(Plan { client, site: Arc::clone(site), key, axis, action })
}

/// The path and query of a target that this node serves: origin-form, or absolute-form for HTTP.
fn target(head: &request::Parts) -> Result<&str, Reason> {
    match head.uri.scheme_str() {
        // An authority alone is CONNECT's form (RFC 9112 §3.2.3).
        None if head.uri.authority().is_some() => return Err(Reason::BadTarget),
        None | Some("http" | "https") => {}
        Some(_) => return Err(Reason::BadTarget),
    }
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    match target.as_bytes().first() {
        None | Some(b'/' | b'?') => Ok(target),
        Some(_) => Err(Reason::BadTarget),
    }
}

fn action(head: &request::Parts, present: Present, has_body: bool) -> Action {
    // A body would still be under way when the protocol has changed already (RFC 9110 §7.8).
    if !has_body
        && present.has(Present::HOP_BY_HOP)
        && asks_for_websocket(&head.headers)
        && head.version == http::Version::HTTP_11
        && head.method == Method::GET
        && connection_says_upgrade(&head.headers)
    {
        return Action::Pipe;
    }
    match head.method {
        Method::GET | Method::HEAD if has_body => Action::Pass(Reason::RequestBody),
        // RFC 9111 §4.3.2: these two are the origin's to judge, which may have something newer.
        Method::GET | Method::HEAD
            if present.has(Present::CONDITION)
                && (head.headers.contains_key(IF_MATCH)
                    || head.headers.contains_key(IF_UNMODIFIED_SINCE)) =>
        {
            Action::Pass(Reason::Condition)
        }
        Method::GET | Method::HEAD => Action::Lookup,
        _ => Action::Pass(Reason::Method),
    }
}

/// WebSocket alone (RFC 6455): a tunnel of HTTP/2 to the origin (h2c) would carry requests past
/// everything that is decided here.
fn asks_for_websocket(headers: &http::HeaderMap) -> bool {
    let mut protocols = list::members(headers, &http::header::UPGRADE);
    let first = protocols.next().is_some_and(|name| name.eq_ignore_ascii_case(b"websocket"));
    first && protocols.next().is_none()
}

fn connection_says_upgrade(headers: &http::HeaderMap) -> bool {
    list::members(headers, &http::header::CONNECTION)
        .any(|option| option.eq_ignore_ascii_case(b"upgrade"))
}

/// Whether a purge may come from there: the TCP peer must be allowed, and so must the client that
/// X-Forwarded-For names. The field can only narrow what is allowed, so it is read whoever sent
/// it: behind a local TLS terminator every peer is 127.0.0.1.
fn may_purge(head: &request::Parts, peer: &Peer, client: &Client, config: &Config) -> bool {
    let allow = &config.purge.allow;
    let named = match forwarded_for(&head.headers, &config.node.trusted_proxies) {
        Forwarded::Nobody => true,
        Forwarded::Named(address) => allow.contains(address),
        Forwarded::Unreadable { .. } => false,
    };
    named
        && (config.purge.everywhere || peer.purge_only)
        && allow.contains(peer.remote.ip())
        && allow.contains(client.address)
}

/// Whether Via says that the request came through this node (RFC 9110 §7.6.3).
fn passed_here_before(head: &request::Parts, node: &str) -> bool {
    list::members(&head.headers, &http::header::VIA)
        .filter_map(|member| member.split(u8::is_ascii_whitespace).nth(1))
        .any(|received_by| received_by.eq_ignore_ascii_case(node.as_bytes()))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
