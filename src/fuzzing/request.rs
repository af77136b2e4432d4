//! Requests: the key that a host and a target give, what is to be done with a head, and what an
//! origin is told of it.

use std::net::SocketAddr;

use http::header::{
    CONNECTION, COOKIE, EXPECT, HOST, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, RANGE, TE, TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, request};

use super::{NODE, fields, first_line};
use crate::base::{Peer, Reason};
use crate::reply::synth;
use crate::semantics::{Present, hop};
use crate::site::View;
use crate::site::client::{X_FORWARDED_FOR, X_FORWARDED_PROTO};
use crate::site::forward::{self, Hop, Purpose, append_member};
use crate::site::plan::{self, Action, Plan, Refusal};

/// `data` as a Host field and, after the first line break, a request target. A request that is taken
/// has a key; every spelling of its host has the same one, and so has a purge that names the key in
/// absolute form.
pub fn key(data: &[u8]) {
    let (host, target) = first_line(data);
    let Some(key) = planned("GET", target, Some(host)) else { return };
    let (name, path) = key.split_once('/').unwrap_or((key.as_str(), ""));
    assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()), "{name} has another spelling");
    let shouted = name.to_ascii_uppercase();
    // An address in brackets has no last dot.
    let dotted = if name.ends_with(']') { name.to_owned() } else { format!("{name}.") };
    for spelled in [shouted.clone(), dotted.clone(), format!("{dotted}:80"), format!("{name}:")] {
        let found = planned("GET", format!("/{path}").as_bytes(), Some(spelled.as_bytes()));
        assert_eq!(found.as_ref(), Some(&key), "{spelled} is somebody else");
    }
    let (absolute, spelled) = (format!("http://{key}"), format!("https://{shouted}:8443/{path}"));
    // Longer than http::Uri takes: no such request can come.
    if spelled.len() < usize::from(u16::MAX) {
        for order in [absolute, spelled] {
            let purged = planned("PURGE", order.as_bytes(), None);
            assert_eq!(purged.as_ref(), Some(&key), "a purge for {order} goes elsewhere");
        }
    }
}

/// The text of the key under which a request is looked up or purged; `None` where it is refused.
fn planned(method: &str, target: &[u8], host: Option<&[u8]>) -> Option<String> {
    let mut request = http::Request::builder().method(method).uri(target);
    if let Some(host) = host {
        request = request.header("host", host);
    }
    let (head, ()) = request.body(()).ok()?.into_parts();
    decide(&head, false, &peer("127.0.0.1:1", "")).ok().map(|plan| plan.key.as_str().to_owned())
}

fn decide(head: &request::Parts, has_body: bool, peer: &Peer) -> Result<Plan, Refusal> {
    let (config, sites) = &*NODE;
    plan::plan(head, Present::of(&head.headers), has_body, peer, sites, config)
}

/// A peer: over TLS with a `t` in `how`, at a listener for purges alone with a `p`.
fn peer(remote: &str, how: &str) -> Peer {
    let local = SocketAddr::from(([127, 0, 0, 1], 1));
    Peer {
        tls: how.contains('t'),
        purge_only: how.contains('p'),
        ..Peer::plain(local, remote.parse().unwrap_or(local))
    }
}

/// `data` as a request: a line `METHOD target version how remote`, then its fields. What is refused is
/// the client's fault. What is not is asked of the origin in one form only, with the fields of our
/// hop, whatever the client wrote there, and without those of its own.
pub fn request(data: &[u8]) {
    let (line, rest) = first_line(data);
    let Ok(line) = std::str::from_utf8(line) else { return };
    let mut words = line.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let (method, target, version) = (word(), word(), word());
    let peer = peer(word(), word());
    let request = http::Request::builder().method(method).uri(target);
    let Ok(request) = request.body(()) else { return };
    let (mut head, ()) = request.into_parts();
    head.version = match version {
        "2" => Version::HTTP_2,
        "1.0" => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    head.headers = fields(rest);
    check_cookies(&head.headers);
    if head.version == Version::HTTP_2 {
        forward::join_cookies(&mut head.headers);
    }
    let has_body = head.headers.contains_key("content-length");
    let plan = match decide(&head, has_body, &peer) {
        Ok(plan) => plan,
        Err(refusal) => {
            let status = synth::status(refusal.reason, 421);
            let fault = status.is_client_error() || refusal.reason == Reason::Loop;
            assert!(fault, "{refusal:?} is answered with {status}");
            return;
        }
    };
    if plan.action != Action::Pipe {
        hop::strip_hop_by_hop(&mut head.headers);
    }
    for purpose in [Purpose::Pass, Purpose::Pipe, Purpose::Fill] {
        let hop = Hop { peer: &peer, node: "fuzz", request_id: None, to_node: false };
        let asked = forward::upstream(&head, &plan, &View::default(), &hop, purpose);
        check_hop(&asked, &head, &plan, &peer);
        if !matches!(purpose, Purpose::Pipe) {
            assert!(
                !asked.headers.contains_key(UPGRADE) && !asked.headers.contains_key(CONNECTION)
            );
        }
        if matches!(purpose, Purpose::Fill) {
            assert_eq!(asked.method, Method::GET);
            let conditions =
                [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, IF_RANGE, RANGE];
            assert!(!conditions.iter().any(|name| asked.headers.contains_key(name)));
        }
        check_loop(&asked);
    }
}

/// What the origin is told by our hop is ours, and the rest is the client's as it was.
fn check_hop(asked: &request::Parts, head: &request::Parts, plan: &Plan, peer: &Peer) {
    assert_eq!(asked.version, Version::HTTP_11);
    let target = asked.uri.to_string();
    assert!(target.starts_with('/'), "{target} is not in origin form");
    let key = plan.key.as_str();
    let host = &key[..key.find('/').expect("a key has a path")];
    assert_eq!(target, key[host.len()..], "the origin is asked for another page");
    let host = match plan.axis.port {
        0 => host.to_owned(),
        port => format!("{host}:{port}"),
    };
    assert_eq!(only(&asked.headers, &HOST), host.as_bytes());
    assert_eq!(only(&asked.headers, &X_FORWARDED_PROTO), plan.client.scheme.as_str().as_bytes());
    let remote = peer.remote.ip().to_canonical().to_string();
    assert_eq!(last_member(&asked.headers, &X_FORWARDED_FOR), remote.as_bytes());
    assert!(last_member(&asked.headers, &VIA).ends_with(b" fuzz"));
    for name in [TE, TRANSFER_ENCODING, EXPECT] {
        assert!(!asked.headers.contains_key(&name), "{name} is passed on");
    }
    // Content-Length is not among them: the origin's connection is framed by us.
    for name in [COOKIE, http::header::AUTHORIZATION] {
        let [ours, theirs] = [asked, head].map(|head| head.headers.get_all(&name).iter());
        let theirs = theirs.map(|value| value.as_bytes().trim_ascii());
        assert!(ours.map(HeaderValue::as_bytes).eq(theirs), "{name} has changed");
    }
}

/// What we ask, come to us again, is known by its Via; or it cannot come at all.
fn check_loop(asked: &request::Parts) {
    let refused = decide(asked, false, &peer("127.0.0.1:1", "")).map_err(|refusal| refusal.reason);
    let turned_away = matches!(refused, Err(Reason::Loop | Reason::BadMethod | Reason::BadRequest));
    assert!(turned_away, "a loop is not seen: {refused:?}");
}

/// Crumbs become one cookie of the same bytes, and are joined once.
fn check_cookies(headers: &HeaderMap) {
    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    let mut joined = headers.clone();
    forward::join_cookies(&mut joined);
    let all: Vec<&[u8]> = joined.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    assert_eq!(all.join(&b"; "[..]), crumbs.join(&b"; "[..]));
    assert!(all.len() <= 1, "{} cookies are left", all.len());
    let mut twice = joined.clone();
    forward::join_cookies(&mut twice);
    assert_eq!(twice, joined);
    append_member(&mut twice, &COOKIE, "x");
    assert!(last_member(&twice, &COOKIE).ends_with(b"x"));
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a [u8] {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(lines.next().is_none(), "{name} stands twice");
    line.as_bytes()
}

/// The last member of a list, by its last comma.
fn last_member<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a [u8] {
    let line = headers.get_all(name).iter().next_back().unwrap_or_else(|| panic!("no {name}"));
    line.as_bytes().rsplit(|byte| *byte == b',').next().unwrap_or_default().trim_ascii()
}
