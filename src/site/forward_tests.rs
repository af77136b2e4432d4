//! Heads as clients send them, and as origins get them.

use std::net::IpAddr;
use std::sync::Arc;

use http::Request;

use super::*;
use crate::base::{Axis, KeyText, Scheme};
use crate::base::{Reason, SiteId};
use crate::config::{HostPattern, Site};
use crate::site::Client;
use crate::site::plan::Action;
use crate::site::sites::tests::site;

fn ask(line: &str, fields: &[(&str, &str)], purpose: Purpose<'_>) -> request::Parts {
    ask_of(&site(1, &[HostPattern::Any]), None, line, fields, purpose)
}

fn ask_of(
    site: &Arc<Site>,
    request_id: Option<&HeaderValue>,
    line: &str,
    fields: &[(&str, &str)],
    purpose: Purpose<'_>,
) -> request::Parts {
    let (method, target) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let plan = Plan {
        client: Client { address: "192.0.2.7".parse::<IpAddr>().unwrap(), scheme: Scheme::Https },
        site: Arc::clone(site),
        key: KeyText::new("W.test", "/x"),
        respelled: false,
        canonical: true,
        axis: Axis::new(SiteId(1), Scheme::Https, Some(8443)),
        action: Action::Pass(Reason::Method),
        route: None,
    };
    let peer = Peer {
        tls: true,
        ..Peer::plain("127.0.0.1:443".parse().unwrap(), "192.0.2.7:999".parse().unwrap())
    };
    let hop = Hop { peer: &peer, node: "cp1", request_id, to_node: false };
    upstream(&head, &plan, &View::default(), &hop, purpose)
}

#[test]
fn our_hop_is_appended_to_what_the_client_sent() {
    let fields =
        [("x-forwarded-for", "203.0.113.9"), ("via", "1.0 old"), ("x-forwarded-proto", "gopher")];
    let sent = ask("GET /x?y", &fields, Purpose::Pass);
    assert_eq!(sent.headers["x-forwarded-for"], "203.0.113.9, 192.0.2.7");
    assert_eq!(sent.headers["x-forwarded-proto"], "https");
    assert_eq!(sent.headers["via"], "1.0 old, 1.1 cp1");
    assert_eq!(sent.headers["host"], "w.test:8443");
    assert_eq!(sent.uri, "/x?y");
}

#[test]
fn the_client_and_the_request_are_named_to_origins_of_sites_that_want_it() {
    let fields = [
        ("x-client-ip", "127.0.0.1"),
        ("x-client-ip", "10.0.0.1"),
        ("x_client_ip", "127.0.0.1"),
        ("x-request-id", "forged"),
        ("X_Request-Id", "forged"),
    ];
    let mut named = Site::clone(&site(1, &[HostPattern::Any]));
    named.identity.client_ip = true;
    let id = HeaderValue::from_static("id");
    for purpose in [Purpose::Pass, Purpose::Pipe, Purpose::Fill] {
        let sent = ask_of(&Arc::new(named.clone()), Some(&id), "GET /x", &fields, purpose);
        let all = |name| -> Vec<_> { sent.headers.get_all(name).iter().collect() };
        assert_eq!(all("x-client-ip"), ["192.0.2.7"]);
        assert_eq!(all("x-request-id"), ["id"]);
        assert!(
            !sent.headers.contains_key("x_client_ip") && !sent.headers.contains_key("x_request-id")
        );

        let plain = ask("GET /x", &fields, purpose);
        let all = |name| -> Vec<_> { plain.headers.get_all(name).iter().collect() };
        assert_eq!(all("x-client-ip"), ["127.0.0.1", "10.0.0.1"]);
        assert_eq!(all("x-request-id"), ["forged"]);
    }
}

#[test]
fn an_absolute_target_is_sent_in_origin_form() {
    for (target, path) in
        [("http://w.test/a?b", "/a?b"), ("http://w.test", "/"), ("http://w.test?q", "/?q")]
    {
        assert_eq!(ask(&format!("GET {target}"), &[], Purpose::Pass).uri, path, "{target}");
    }
}

#[test]
fn the_fields_of_the_clients_connection_go_no_further() {
    let fields = [
        ("connection", "x-private, keep-alive"),
        ("x-private", "1"),
        ("upgrade", "h2c"),
        ("expect", "100-continue"),
    ];
    let sent = ask("POST /x", &fields, Purpose::Pass);
    for name in ["connection", "x-private", "upgrade", "expect"] {
        assert!(!sent.headers.contains_key(name), "{name}");
    }
}

#[test]
fn a_fill_asks_for_a_whole_response_and_a_pass_for_what_the_client_wants() {
    let fields = [("range", "bytes=0-1"), ("if-none-match", "\"a\""), ("if-range", "\"a\"")];
    let fill = ask("HEAD /x", &fields, Purpose::Fill);
    assert_eq!(fill.method, Method::GET);
    let pass = ask("HEAD /x", &fields, Purpose::Pass);
    assert_eq!(pass.method, Method::HEAD);
    for (name, _) in fields {
        assert!(!fill.headers.contains_key(name), "{name}");
        assert!(pass.headers.contains_key(name), "{name}");
    }
}

#[test]
fn a_validation_asks_with_the_stored_validators_only() {
    let mut stored = HeaderMap::new();
    stored.insert("etag", HeaderValue::from_static("\"stored\""));
    let validate = Purpose::Validate { stored: &stored, now: SystemTime::UNIX_EPOCH };
    let sent = ask("GET /x", &[("if-none-match", "\"clients\"")], validate);
    assert_eq!(sent.headers["if-none-match"], "\"stored\"");
}

#[test]
fn a_request_is_framed_by_its_body_and_not_by_what_the_client_wrote() {
    let stored = || Body::from_bytes("hello");
    for (line, body, length) in [
        ("POST /x", stored(), Some("5")),
        ("GET /x", stored(), Some("5")),
        ("POST /x", Body::Empty, Some("0")),
        ("GET /x", Body::Empty, None),
    ] {
        let mut sent = ask(line, &[("content-length", "007")], Purpose::Pass);
        frame(&mut sent, &body);
        let lengths = sent.headers.get_all("content-length").iter();
        assert_eq!(lengths.collect::<Vec<_>>(), length.into_iter().collect::<Vec<_>>(), "{line}");
    }
    let fill = ask("GET /x", &[("content-length", "0")], Purpose::Fill);
    assert!(!fill.headers.contains_key("content-length"));
}

#[test]
fn a_pipe_carries_the_upgrade() {
    let fields = [("connection", "upgrade"), ("upgrade", "websocket")];
    let sent = ask("GET /x", &fields, Purpose::Pipe);
    assert_eq!(sent.headers["upgrade"], "websocket");
    assert_eq!(sent.headers["connection"], "upgrade");
}

#[test]
fn the_crumbs_of_a_cookie_are_joined() {
    let mut headers = HeaderMap::new();
    for crumb in ["a=1", "b=2; c=3", "d=4"] {
        headers.append("cookie", HeaderValue::from_static(crumb));
    }
    join_cookies(&mut headers);
    let cookies: Vec<_> = headers.get_all("cookie").iter().collect();
    assert_eq!(cookies, ["a=1; b=2; c=3; d=4"]);
}
