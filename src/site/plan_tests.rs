//! Requests, peers and configurations, and what is decided about them.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Request};

use super::*;
use crate::base::Proxied;
use crate::base::Scheme;
use crate::config::meaning::*;
use crate::geo::PrefixSet;
use crate::site::sites::tests::site;

fn purge(allow: PrefixSet, everywhere: bool) -> Purge {
    Purge {
        allow,
        everywhere,
        rebound: Duration::ZERO,
        verify: 0,
        htcp: Vec::new(),
        streams: Vec::new(),
    }
}

fn config(allow: &[&str], everywhere: bool, trusted: &[&str]) -> Config {
    let set = |list: &[&str]| -> PrefixSet { list.iter().map(|p| p.parse().unwrap()).collect() };
    let second = Duration::from_secs(1);
    Config {
        fleet: Fleet::default(),
        edges: None,
        fleet_sites: Vec::new(),
        datacenters: Vec::new(),
        node: Node {
            name: "cp1".into(),
            datacenter: None,
            memory: 1 << 30,
            workers: 1,
            cpu_affinity: false,
            trusted_proxies: set(trusted),
            unknown_host: 421,
            drain_delay: second,
            drain_timeout: second,
        },
        listeners: Vec::new(),
        certificates: Vec::new(),
        cache: Cache {
            memory: 1 << 20,
            max_object: 1 << 16,
            max_variants: 10,
            max_waiters: 10,
            wait_timeout: second,
        },
        admin: None,
        tokens: Vec::new(),
        purge: purge(set(allow), everywhere),
        timeouts: Timeouts {
            handshake: second,
            first_byte: second,
            header: second,
            idle: second,
            body: second,
            write: second,
            progress: second,
            min_rate: 1,
            min_body_rate: 1,
        },
        limits: Limits {
            connections: 10,
            client_connections: 10,
            client_requests: 10,
            client_unread: 1024,
            header_bytes: 1024,
            headers: 10,
        },
        http2: Http2 {
            enabled: true,
            max_streams: 10,
            max_crumbs: 10,
            max_pinned: 1 << 20,
            stream_window: 1 << 16,
            connection_window: 1 << 16,
            continuations: 1,
            resets: 1,
            stream_errors: 1,
            pings: 1,
            settings: 1,
            ignored: 1,
            window_updates: 1,
            empty_frames: 1,
        },
        log: Log { access: AccessSink::Off, level: "info".into() },
        clusters: Vec::new(),
        sites: Vec::new(),
    }
}

fn peer(remote: &str, purge_only: bool) -> Peer {
    Peer { purge_only, ..Peer::plain("127.0.0.1:80".parse().unwrap(), remote.parse().unwrap()) }
}

fn ask(line: &str, fields: &[(&str, &str)], peer: &Peer, config: &Config) -> Result<Plan, Reason> {
    ask_with(line, fields, false, peer, config)
}

fn ask_with(
    line: &str,
    fields: &[(&str, &str)],
    has_body: bool,
    peer: &Peer,
    config: &Config,
) -> Result<Plan, Reason> {
    let (method, target) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in fields {
        let name: HeaderName = name.parse().unwrap();
        request = request.header(name, HeaderValue::from_str(value).unwrap());
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let sites = Sites::new(&[site(1, &[HostPattern::Exact("w.test".into())])]);
    let present = Present::of(&head.headers);
    plan(&head, present, has_body, peer, &sites, config).map_err(|refusal| refusal.reason)
}

#[test]
fn reads_are_looked_up_and_everything_else_passes() {
    let (config, peer) = (config(&[], true, &[]), peer("192.0.2.1:9", false));
    for (line, action) in [
        ("GET /", Action::Lookup),
        ("HEAD /", Action::Lookup),
        ("POST /", Action::Pass(Reason::Method)),
        ("OPTIONS /", Action::Pass(Reason::Method)),
        ("M-SEARCH /", Action::Pass(Reason::Method)),
    ] {
        let plan = ask(line, &[("host", "w.test")], &peer, &config).unwrap();
        assert_eq!(plan.action, action, "{line}");
    }
}

#[test]
fn a_change_of_protocol_is_piped_only_where_the_connection_asks_for_it() {
    let (config, peer) = (config(&[], true, &[]), peer("192.0.2.1:9", false));
    let fields = [("host", "w.test"), ("upgrade", "websocket"), ("connection", "Upgrade")];
    assert_eq!(ask("GET /", &fields, &peer, &config).unwrap().action, Action::Pipe);
    assert_eq!(ask("GET /", &fields[..2], &peer, &config).unwrap().action, Action::Lookup);
    for protocol in ["h2c", "websocket, h2c", "talk"] {
        let fields = [("host", "w.test"), ("upgrade", protocol), ("connection", "Upgrade")];
        let plan = ask("GET /", &fields, &peer, &config).unwrap();
        assert_eq!(plan.action, Action::Lookup, "{protocol}");
    }
}

#[test]
fn a_body_keeps_the_protocol() {
    let (config, peer) = (config(&[], true, &[]), peer("192.0.2.1:9", false));
    let fields = [("host", "w.test"), ("upgrade", "websocket"), ("connection", "Upgrade")];
    let plan = ask_with("GET /", &fields, true, &peer, &config).unwrap();
    assert_eq!(plan.action, Action::Pass(Reason::RequestBody));
}

#[test]
fn what_this_node_does_not_serve_is_refused_with_its_reason() {
    let (config, peer) = (config(&[], true, &[]), peer("192.0.2.1:9", false));
    for (line, host, reason) in [
        ("GET /", "elsewhere.test", Reason::UnknownHost),
        ("GET /", "a b", Reason::BadHost),
        ("OPTIONS *", "w.test", Reason::BadTarget),
        ("GET ftp://w.test/", "w.test", Reason::BadTarget),
        ("GET w.test", "w.test", Reason::BadTarget),
        ("CONNECT w.test:443", "w.test", Reason::BadMethod),
        ("TRACE /", "w.test", Reason::BadMethod),
    ] {
        let refused = ask(line, &[("host", host)], &peer, &config);
        assert_eq!(refused.unwrap_err(), reason, "{line} {host}");
    }
}

#[test]
fn a_connection_field_that_names_what_routes_the_request_is_refused() {
    let (config, peer) = (config(&[], true, &[]), peer("192.0.2.1:9", false));
    for name in ["Host", "content-length", "X-Forwarded-For"] {
        let fields = [("host", "w.test"), ("connection", name)];
        assert_eq!(ask("GET /", &fields, &peer, &config).unwrap_err(), Reason::BadRequest);
    }
}

#[test]
fn a_request_that_came_through_this_node_is_refused() {
    let (config, peer) = (config(&[], true, &[]), peer("192.0.2.1:9", false));
    let via = |value| [("host", "w.test"), ("via", value)];
    assert_eq!(ask("GET /", &via("1.1 x, 2 CP1"), &peer, &config).unwrap_err(), Reason::Loop);
    assert!(ask("GET /", &via("1.1 cp10"), &peer, &config).is_ok());
}

#[test]
fn a_purge_needs_an_allowed_peer_and_an_allowed_client() {
    let (loopback, stranger) = ("127.0.0.1:9", "192.0.2.1:9");
    let everywhere = config(&["127.0.0.0/8"], true, &["127.0.0.0/8"]);
    let purge = |peer: &Peer, forwarded: Option<&str>, config: &Config| {
        let mut fields = vec![("host", "w.test")];
        fields.extend(forwarded.map(|address| ("x-forwarded-for", address)));
        ask("PURGE http://w.test/wiki/Tide", &fields, peer, config).map(|plan| plan.action)
    };
    assert_eq!(purge(&peer(loopback, false), None, &everywhere), Ok(Action::Purge));
    let forbidden = Err(Reason::PurgeForbidden);
    assert_eq!(purge(&peer(stranger, false), None, &everywhere), forbidden);
    assert_eq!(purge(&peer(loopback, false), Some("192.0.2.1"), &everywhere), forbidden);
    assert_eq!(purge(&peer(stranger, false), Some("127.0.0.1"), &everywhere), forbidden);

    assert_eq!(purge(&peer(loopback, false), Some("unknown"), &everywhere), forbidden);
    assert_eq!(purge(&peer(loopback, false), Some("unknown, 127.0.0.1"), &everywhere), forbidden);

    let nobody_trusted = config(&["127.0.0.0/8"], true, &[]);
    assert_eq!(purge(&peer(loopback, false), Some("192.0.2.1"), &nobody_trusted), forbidden);

    let only_there = config(&["127.0.0.0/8"], false, &[]);
    assert_eq!(purge(&peer(loopback, false), None, &only_there), forbidden);
    assert_eq!(purge(&peer(loopback, true), None, &only_there), Ok(Action::Purge));
    let get = ask("GET /", &[("host", "w.test")], &peer(loopback, true), &only_there);
    assert_eq!(get.unwrap_err(), Reason::PurgeOnly);
}

#[test]
fn a_purge_behind_a_proxy_header_needs_the_proxy_the_client_and_a_name_to_be_allowed() {
    let purge = |allow: &[&str], remote: &str, destination: Option<&str>| {
        let destination = destination.map(|text| text.parse().unwrap());
        let proxied = Some(Box::new(Proxied { by: "10.0.0.1:9".parse().unwrap(), destination }));
        let peer = Peer { proxied, ..peer(remote, false) };
        let config = config(allow, true, &["10.0.0.0/8"]);
        ask("PURGE /wiki/Tide", &[("host", "w.test")], &peer, &config).map(|plan| plan.action)
    };
    let (proxy, client, to) = ("10.0.0.1", "192.0.2.7", Some("198.51.100.1:80"));
    assert_eq!(purge(&[proxy, client], "192.0.2.7:9", to), Ok(Action::Purge));
    let forbidden = Err(Reason::PurgeForbidden);
    assert_eq!(purge(&[client], "192.0.2.7:9", to), forbidden);
    assert_eq!(purge(&[proxy], "192.0.2.7:9", to), forbidden);
    assert_eq!(purge(&[proxy], "10.0.0.1:9", None), forbidden);
}

#[test]
fn a_purge_has_the_key_of_the_page_whatever_its_scheme_and_port() {
    let config = config(&["127.0.0.0/8"], true, &[]);
    let peer = peer("127.0.0.1:9", false);
    let fields = [("host", "w.test")];
    let page = ask("GET /wiki/Tide", &fields, &peer, &config).unwrap();
    for target in
        ["http://w.test/wiki/Tide", "https://W.TEST./wiki/Tide", "http://w.test:80/wiki/Tide"]
    {
        let purge = ask(&format!("PURGE {target}"), &[], &peer, &config).unwrap();
        assert_eq!(purge.key(), page.key(), "{target}");
    }
    assert_eq!(page.axis.scheme, Scheme::Http);
}
