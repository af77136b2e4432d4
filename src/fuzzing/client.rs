//! Who asks: addresses, prefixes, X-Forwarded-For, hosts.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;

use super::{first_line, lines};
use crate::base::Peer;
use crate::geo::prefix::BadPrefix;
use crate::geo::{Prefix, PrefixSet};
use crate::site::client::{Forwarded, X_FORWARDED_FOR, forwarded_for};
use crate::site::{Authority, Client};

/// What a stranger writes before what our proxies wrote.
const FORGED: [&str; 4] = ["127.0.0.1", "10.0.0.1, 192.0.2.1", "unknown", "[::1]:80"];

/// `data` as a line of trusted prefixes, a peer's address, and lines of X-Forwarded-For. Prefixes
/// print as they are read; nobody is believed who is not trusted; and whatever a stranger writes
/// before what a trusted proxy appended does not change who asks. Each line is a host too.
pub fn client(data: &[u8]) {
    let (line, rest) = first_line(data);
    let (peer, rest) = first_line(rest);
    let words = line.split(|byte| *byte == b' ').filter_map(|word| std::str::from_utf8(word).ok());
    let trusted: PrefixSet = words.filter_map(check_prefix).collect();
    let remote = std::str::from_utf8(peer).ok().and_then(|text| text.parse::<IpAddr>().ok());
    let remote = remote.unwrap_or(IpAddr::from([127, 0, 0, 1]));
    let headers = lines(&X_FORWARDED_FOR, rest);
    let named = forwarded_for(&headers, &trusted);
    let asks = Client::of(&of(remote), &headers, &trusted);

    if !trusted.contains(remote) {
        assert_eq!(asks.address, remote.to_canonical(), "a stranger is believed");
    }
    assert_eq!(headers.is_empty(), named == Forwarded::Nobody);
    if let Forwarded::Named(address) = named
        && !trusted.contains(address)
    {
        for forged in FORGED {
            let before = [forged.as_bytes(), b"\n", rest].concat();
            let joined = [forged.as_bytes(), b", ", rest].concat();
            for spelled in [before, joined] {
                let more = lines(&X_FORWARDED_FOR, &spelled);
                // What is trimmed off a line's end is not a value's in the middle of one.
                if more.len() >= headers.len() {
                    assert_eq!(forwarded_for(&more, &trusted), named, "{forged} is believed");
                }
            }
        }
    }
    let nobody = forwarded_for(&headers, &PrefixSet::default());
    let last = forwarded_for(&last_line(&headers), &PrefixSet::default());
    assert_eq!(nobody, last, "a line that no trusted proxy wrote is read");
    for line in rest.split(|byte| *byte == b'\n') {
        check_host(line);
    }
}

fn of(remote: IpAddr) -> Peer {
    let remote = SocketAddr::new(remote, 1);
    Peer::plain(remote, remote)
}

fn last_line(headers: &HeaderMap) -> HeaderMap {
    let last = headers.get_all(X_FORWARDED_FOR).iter().next_back();
    last.map(|line| (X_FORWARDED_FOR, line.clone())).into_iter().collect()
}

/// A prefix holds its own address, and prints as what is read again.
fn check_prefix(text: &str) -> Option<Prefix> {
    let prefix: Prefix = match text.parse() {
        Ok(prefix) => prefix,
        Err(why) => {
            let why: BadPrefix = why;
            assert!(!why.to_string().is_empty(), "refused without a word");
            return None;
        }
    };
    let printed = prefix.to_string();
    assert_eq!(printed.parse(), Ok(prefix), "{text} prints as {printed}");
    let network = printed.split('/').next().and_then(|text| text.parse().ok());
    assert!(network.is_some_and(|network| prefix.contains(network)), "{printed} is not in itself");
    Some(prefix)
}

/// A host has one spelling beside its case, and nothing in it that could end it.
fn check_host(line: &[u8]) {
    let Some(authority) = std::str::from_utf8(line).ok().map(Authority::parse) else { return };
    let Ok(Authority { host, port }) = authority else { return };
    assert_eq!(Authority::parse(host), Ok(Authority { host, port: None }));
    assert!(!host.is_empty() && !host.contains(['/', '@', '?', '#', ' ', '%']), "{host}");
    if let Some(port) = port {
        let spelled = format!("{host}:{port}");
        assert_eq!(Authority::parse(&spelled), Ok(Authority { host, port: Some(port) }));
    }
    let uri = format!("http://{host}/");
    let uri: http::Uri = uri.parse().unwrap_or_else(|why| panic!("{host} is in no URL: {why}"));
    assert_eq!(uri.authority().map(http::uri::Authority::as_str), Some(host));
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let plain = address.parse::<Ipv6Addr>().map(|address| address.to_string());
        assert_eq!(plain, Ok(host[1..host.len() - 1].to_ascii_lowercase()), "another spelling");
    }
}
