//! What is to be done with a request: one decision from its head, the peer and the configuration.
//!
//! The order is the order of the checks: who asks, what for, whether that may be asked here, and
//! only then whether the store can help. Nothing here waits or touches the store.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{IF_MATCH, IF_UNMODIFIED_SINCE};
use http::{HeaderValue, Method, request};

use super::client::{Client, Forwarded, forwarded_for};
use super::host::Authority;
use super::routes;
use super::sites::Sites;
use super::spelling::{Spelled, respell};
use crate::base::{Axis, KeyRef, KeyText, Peer, Reason, Scheme};
use crate::config::{self, Config, Mode, Route, RouteTerms, Site};
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
    /// Whether the target was spelled otherwise than the key has it.
    pub respelled: bool,
    /// Whether the URL is the one that its page is purged by.
    pub canonical: bool,
    /// Where it stands on the first variant axes.
    pub axis: Axis,
    /// What is to be done.
    pub action: Action,
    /// The site's route that takes it, by its number.
    pub route: Option<usize>,
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
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The site, where the host had one.
    pub site: Option<Arc<Site>>,
    /// Why.
    pub reason: Reason,
    /// Where it should be sent instead.
    pub location: Option<HeaderValue>,
}

impl Refusal {
    /// A request for a host that has no site, or is not known yet.
    pub fn early(reason: Reason) -> Self {
        Self { site: None, reason, location: None }
    }
}

impl Plan {
    /// The key.
    pub fn key(&self) -> KeyRef<'_> {
        self.key.key()
    }

    /// The site's route that takes the request, if one does.
    pub fn route(&self) -> Option<&Route> {
        self.site.routes.get(self.route?)
    }

    /// What its route wants otherwise than the cluster has it.
    pub fn terms(&self) -> RouteTerms {
        self.route().map_or_else(RouteTerms::default, |route| route.terms)
    }

    /// The cluster that is asked.
    pub fn cluster(&self) -> &config::Cluster {
        self.route().map_or(&self.site.cluster, |route| &route.cluster)
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
    let names = || hop::connection_names_forbidden(&head.headers);
    if present.has(Present::HOP_BY_HOP) && names() {
        return Err(Refusal::early(Reason::BadRequest));
    }
    if matches!(head.method, Method::CONNECT | Method::TRACE) {
        return Err(Refusal::early(Reason::BadMethod));
    }
    let purging = head.method.as_str() == "PURGE";
    if peer.purge_only && !purging {
        return Err(Refusal::early(Reason::PurgeOnly));
    }
    let authority = Authority::of(&head.uri, &head.headers).map_err(Refusal::early)?;
    let target = target(head).map_err(Refusal::early)?;
    let key = KeyText::new(authority.host, target);
    let host = &key.as_str()[..authority.host.len()];
    let site = sites.find(host).ok_or(Refusal::early(Reason::UnknownHost))?;
    let client = Client::of(peer, &head.headers, &config.node.trusted_proxies);
    let refuse = |reason| Refusal { site: Some(Arc::clone(site)), reason, location: None };
    if present.has(Present::VIA) && passed_here_before(head, &config.node.name) {
        return Err(refuse(Reason::Loop));
    }
    let action = if purging {
        if !may_purge(head, peer, &client, config) {
            return Err(refuse(Reason::PurgeForbidden));
        }
        Action::Purge
    } else {
        admit(head, host, peer, &client, site, sites).map_err(|reason| {
            let location = location(reason, head, &key);
            Refusal { location, ..refuse(reason) }
        })?;
        action(head, present, has_body)
    };
    let axis = Axis {
        shares_schemes: site.shares_schemes,
        ..Axis::new(site.id, client.scheme, authority.port)
    };
    let Spelled { target: spelled, canonical } = respell(target, &site.spelling);
    let respelled = matches!(spelled, Cow::Owned(_)) || spelled.len() != target.len();
    let key = if respelled { KeyText::new(authority.host, &spelled) } else { key };
    // Most sites have none.
    let route = match &*site.routes {
        [] => None,
        routes => routes::find(routes, head, key.as_str()),
    };
    if route.is_some_and(|at| routes::leads_away(&site.routes[at], key.as_str())) {
        return Err(refuse(Reason::BadTarget));
    }
    let mode = route.map_or(Mode::Normal, |at| site.routes[at].mode);
    let action = match (mode, action) {
        (Mode::Pipe, Action::Lookup | Action::Pass(_)) if !has_body && changes_protocol(head) => {
            Action::Pipe
        }
        (Mode::Pass | Mode::Pipe, Action::Lookup) => Action::Pass(Reason::Route),
        _ => action,
    };
    Ok(Plan { client, site: Arc::clone(site), key, respelled, canonical, axis, action, route })
}

/// Whether the site lets the request in: by its method, its connection, and its scheme.
fn admit(
    head: &request::Parts,
    host: &str,
    peer: &Peer,
    client: &Client,
    site: &Arc<Site>,
    sites: &Sites,
) -> Result<(), Reason> {
    let access = &site.access;
    if access.methods.as_ref().is_some_and(|methods| !methods.contains(&head.method)) {
        return Err(Reason::BadMethod);
    }
    if !access.shared_connections
        && let Some(name) = peer.server_name.get()
        && **name != *host
        && sites.find(name).is_none_or(|other| other.id != site.id)
    {
        // RFC 9110 §15.5.20: the client may ask on a connection of its own.
        return Err(Reason::Misdirected);
    }
    if access.https_required && client.scheme == Scheme::Http {
        return Err(Reason::HttpsRequired);
    }
    Ok(())
}

/// Where a request that is not let in should go. The port of plain HTTP says nothing about that of
/// https, so it is left out.
fn location(reason: Reason, head: &request::Parts, key: &KeyText) -> Option<HeaderValue> {
    let readable = matches!(head.method, Method::GET | Method::HEAD);
    if reason != Reason::HttpsRequired || !readable {
        return None;
    }
    HeaderValue::try_from(format!("https://{}", key.as_str())).ok()
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
        && head.method == Method::GET
        && changes_protocol(head)
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

/// Whether it asks for another protocol, but HTTP/2: see above.
fn changes_protocol(head: &request::Parts) -> bool {
    let upgrade = &http::header::UPGRADE;
    head.version == http::Version::HTTP_11
        && list::members(&head.headers, &http::header::CONNECTION)
            .any(|option| option.eq_ignore_ascii_case(b"upgrade"))
        && head.headers.contains_key(upgrade)
        && !list::members(&head.headers, upgrade).any(|name| name.eq_ignore_ascii_case(b"h2c"))
}

/// Whether a purge may come from there, by that listener.
fn may_purge(head: &request::Parts, peer: &Peer, client: &Client, config: &Config) -> bool {
    (config.purge.everywhere || peer.purge_only) && is_purger(head, peer, client, config)
}

/// Whether that is somebody who may purge: the TCP peer must be allowed, so must whom its PROXY header
/// names, if it owes one, and so must the client that X-Forwarded-For names. The field can only narrow
/// what is allowed, so it is read whoever sent it: behind a local TLS terminator every peer is 127.0.0.1.
pub fn is_purger(head: &request::Parts, peer: &Peer, client: &Client, config: &Config) -> bool {
    if peer.fleet {
        return true;
    }
    let allow = &config.purge.allow;
    let named = match forwarded_for(&head.headers, &config.node.trusted_proxies) {
        Forwarded::Nobody => true,
        Forwarded::Named(address) => allow.contains(address),
        Forwarded::Unreadable { .. } => false,
    };
    named
        && !peer.is_anonymous()
        && allow.contains(peer.tcp().ip())
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
