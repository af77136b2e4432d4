//! The edge as curl sees it.

use std::fs;

use super::answer::{self, Answer};
use super::edge::{Edge, HOST, Ports};
use super::nginx::Nginx;
use super::page::Page;
use super::wait::{SOON, alone, until};

#[test]
#[ignore = "needs nginx, wrk, h2load, curl from Debian: tests/real/install"]
fn curl_shows_miss_hit_304_206_purge_miss() {
    let _alone = alone();
    let nginx = Nginx::start("");
    let edge = Edge::start(nginx.address(), "64MiB");
    for (id, (protocol, is_tls, version)) in [
        ("--http1.1", false, "HTTP/1.1"),
        ("--http1.1", true, "HTTP/1.1"),
        ("--http2", true, "HTTP/2"),
    ]
    .into_iter()
    .enumerate()
    {
        let page = Page { id: u32::try_from(id).expect("three"), version: 0 };
        fs::write(nginx.pages().join(format!("p/{id}")), page.body()).expect("the folder is ours");
        let url =
            if is_tls { url("https", edge.tls.port()) } else { url("http", edge.plain.port()) };
        let url = format!("{url}/p/{id}");
        let curl = |more: &[&str]| {
            let answer = asked(&edge, &[&[protocol], more, &[&url]].concat());
            assert_eq!(answer.version, version, "{url}");
            answer
        };
        println!("curl {protocol} {url}");
        tells_its_story(&curl, page);
    }
    edge.stop();
}

fn tells_its_story(curl: &dyn Fn(&[&str]) -> Answer, page: Page) {
    let whole = page.body();
    let miss = curl(&[]);
    assert_eq!((miss.status, miss.body.as_slice()), (200, whole.as_slice()));
    assert!(miss.cache_status().starts_with("cp1; fwd=uri-miss; stored"), "{}", miss.head);
    assert_eq!(miss.field("age").unwrap_or("0"), "0");

    let mut hit = curl(&[]);
    until("a hit is a second old", SOON, || {
        hit = curl(&[]);
        assert_eq!((hit.status, hit.body.as_slice()), (200, whole.as_slice()));
        assert!(hit.cache_status().starts_with("cp1; hit; ttl="), "{}", hit.head);
        hit.field("age").expect("hits have an age").parse::<u32>().expect("a number") > 0
    });

    let etag = miss.field("etag").expect("nginx names versions");
    let unchanged = curl(&["-H", &format!("If-None-Match: {etag}")]);
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.field("etag"), Some(etag));

    let part = curl(&["-r", "100-109"]);
    assert_eq!((part.status, part.body.as_slice()), (206, &whole[100..110]));
    assert_eq!(part.field("content-range"), Some(&*format!("bytes 100-109/{}", whole.len())));

    let head = curl(&["-I"]);
    assert_eq!(head.status, 200);
    assert_eq!(head.field("content-length"), Some(&*whole.len().to_string()));
    for hit in [&unchanged, &part, &head] {
        assert!(hit.cache_status().starts_with("cp1; hit; "), "{}", hit.head);
    }

    let purged = curl(&["-X", "PURGE"]);
    assert!((200..300).contains(&purged.status), "{}", purged.head);
    let again = curl(&[]);
    assert_eq!((again.status, again.body.as_slice()), (200, whole.as_slice()));
    assert!(again.cache_status().contains("; fwd=uri-miss; stored"), "{}", again.head);

    for answer in [miss, hit, unchanged, part, head, purged, again] {
        println!("    {} {}", answer.status, answer.cache_status());
    }
}

#[test]
#[ignore = "needs nginx, wrk, h2load, curl from Debian: tests/real/install"]
fn curl_gets_through_an_origin_that_sends_http_to_https() {
    let _alone = alone();
    let ports = Ports::free();
    let nginx = Nginx::start(&format!(
        "location /moved/ {{
            add_header Cache-Control 'public, max-age=3600';
            if ($http_x_forwarded_proto = http) {{
                add_header Cache-Control 'public, max-age=3600';
                return 301 https://$host:{}$request_uri;
            }}
        }}",
        ports.tls()
    ));
    let page = Page { id: 3, version: 0 };
    fs::create_dir(nginx.pages().join("moved")).expect("the folder is ours");
    fs::write(nginx.pages().join("moved/3"), page.body()).expect("the folder is ours");
    let edge = Edge::start_on(&ports, nginx.address(), "64MiB");
    let plain = format!("{}/moved/3", url("http", edge.plain.port()));
    let tls = format!("{}/moved/3", url("https", edge.tls.port()));
    for state in ["cold", "warm"] {
        let end = asked(&edge, &["-L", "--max-redirs", "5", &plain]);
        assert_eq!((end.status, end.body.as_slice()), (200, page.body().as_slice()), "{state}");
        println!("curl -L {plain}, {state}: {} {}", end.status, end.cache_status());
    }
    let redirect = asked(&edge, &[&plain]);
    assert_eq!((redirect.status, redirect.field("location")), (301, Some(&*tls)));
    let target = asked(&edge, &[&tls]);
    assert_eq!(target.status, 200);
    for hit in [redirect, target] {
        assert!(hit.cache_status().starts_with("cp1; hit; "), "{}", hit.head);
    }
    edge.stop();
}

fn url(scheme: &str, port: u16) -> String {
    format!("{scheme}://{HOST}:{port}")
}

/// What curl got from the edge.
fn asked(edge: &Edge, arguments: &[&str]) -> Answer {
    let mut curl = answer::curl();
    for port in [edge.plain.port(), edge.tls.port()] {
        curl.arg("--resolve").arg(format!("{HOST}:{port}:127.0.0.1"));
    }
    Answer::of(curl.args(arguments))
}
