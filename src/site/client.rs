//! Who asks: the client's address and scheme.
//!
//! The connection tells both, and header fields count only where its other end is a trusted proxy; that
//! a PROXY header came from one that is listed makes nobody behind it trusted. Then
//! X-Forwarded-For is walked from the right to the first address that is not itself trusted, and
//! X-Forwarded-Proto names the scheme. A stranger's fields are passed on to the origin (with our
//! own hop appended) but believed by nobody here.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};

use crate::base::{Peer, Scheme, between};
use crate::geo::PrefixSet;

/// The list of clients and proxies that a request came through.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The scheme that the client used.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Addresses of a forwarded list that are looked at; a longer list is a stranger's game.
const MAX_HOPS: usize = 64;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The client's address.
    pub address: IpAddr,
    /// The scheme it used.
    pub scheme: Scheme,
}

impl Client {
    /// The client behind a request from `peer`.
    pub fn of(peer: &Peer, headers: &HeaderMap, trusted: &PrefixSet) -> Self {
        let remote = peer.remote.ip().to_canonical();
        let own = if peer.tls { Scheme::Https } else { Scheme::Http };
        if !is_believed(peer, trusted) {
            return Self { address: remote, scheme: own };
        }
        let scheme = match headers.get(X_FORWARDED_PROTO).map(|value| value.as_bytes()) {
            Some(value) if value.eq_ignore_ascii_case(b"https") => Scheme::Https,
            Some(value) if value.eq_ignore_ascii_case(b"http") => Scheme::Http,
            _ => own,
        };
        let told = || headers.get(between::CLIENT)?.to_str().ok()?.parse::<IpAddr>().ok();
        if let Some(address) = peer.fleet.then(told).flatten() {
            return Self { address: address.to_canonical(), scheme };
        }
        let address = match forwarded_for(headers, trusted) {
            Forwarded::Named(address) | Forwarded::Unreadable { nearest: Some(address) } => address,
            Forwarded::Nobody | Forwarded::Unreadable { nearest: None } => remote,
        };
        Self { address, scheme }
    }
}

/// Whether what `peer` writes into the fields of a request is believed.
pub fn is_believed(peer: &Peer, trusted: &PrefixSet) -> bool {
    peer.fleet || trusted.contains(peer.remote.ip()) && !peer.is_anonymous()
}

/// Whom X-Forwarded-For names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarded {
    /// The field is missing.
    Nobody,
    /// The right-most address that is not trusted, or the left-most of all where every one is.
    Named(IpAddr),
    /// A member that is no address stands before an untrusted one is found.
    Unreadable {
        /// The trusted address nearest to it.
        nearest: Option<IpAddr>,
    },
}

/// Whom X-Forwarded-For names, walked from the right.
pub fn forwarded_for(headers: &HeaderMap, trusted: &PrefixSet) -> Forwarded {
    let mut nearest = None;
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let members = lines.flat_map(|line| line.as_bytes().rsplit(|b| *b == b',')).take(MAX_HOPS);
    for member in members {
        let Some(address) = parse_address(member.trim_ascii()) else {
            return Forwarded::Unreadable { nearest };
        };
        nearest = Some(address);
        if !trusted.contains(address) {
            break;
        }
    }
    nearest.map_or(Forwarded::Nobody, Forwarded::Named)
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bare = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|a| a.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    bare.or_else(with_port).or_else(bracketed).map(|a| a.to_canonical())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::Proxied;
    use http::HeaderValue;

    pub(crate) fn peer(remote: &str, tls: bool) -> Peer {
        Peer { tls, ..Peer::plain("127.0.0.1:80".parse().unwrap(), remote.parse().unwrap()) }
    }

    fn headers(fields: &[(&HeaderName, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        map
    }

    fn trusted() -> PrefixSet {
        ["10.0.0.0/8".parse().unwrap()].into_iter().collect()
    }

    #[test]
    fn a_strangers_fields_are_not_believed() {
        let fields = headers(&[(&X_FORWARDED_FOR, "127.0.0.1"), (&X_FORWARDED_PROTO, "https")]);
        let client = Client::of(&peer("192.0.2.1:999", false), &fields, &trusted());
        assert_eq!(client.address, "192.0.2.1".parse::<IpAddr>().unwrap());
        assert_eq!(client.scheme, Scheme::Http);
    }

    #[test]
    fn a_trusted_proxy_names_the_client_and_the_scheme() {
        for (list, client) in [
            ("192.0.2.7", "192.0.2.7"),
            ("127.0.0.1, 192.0.2.7, 10.0.0.9", "192.0.2.7"),
            ("192.0.2.7:1234", "192.0.2.7"),
            ("[2001:db8::1]:1234", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("10.1.1.1, 10.0.0.9", "10.1.1.1"),
            ("192.0.2.7, garbage", "10.0.0.1"),
            ("192.0.2.7, garbage, 10.0.0.9", "10.0.0.9"),
        ] {
            let fields = headers(&[(&X_FORWARDED_FOR, list), (&X_FORWARDED_PROTO, "HTTPS")]);
            let found = Client::of(&peer("10.0.0.1:999", false), &fields, &trusted());
            assert_eq!(found.address, client.parse::<IpAddr>().unwrap(), "{list}");
            assert_eq!(found.scheme, Scheme::Https);
        }
    }

    #[test]
    fn whom_a_trusted_proxy_cannot_name_is_not_believed_in_its_place() {
        let fields = headers(&[(&X_FORWARDED_FOR, "192.0.2.7"), (&X_FORWARDED_PROTO, "https")]);
        let proxied = |remote: &str, destination: Option<&str>| {
            let destination = destination.map(|text| text.parse().unwrap());
            let by = "10.0.0.1:999".parse().unwrap();
            Peer { proxied: Some(Box::new(Proxied { by, destination })), ..peer(remote, false) }
        };
        for (peer, address) in [
            (proxied("10.0.0.1:999", None), "10.0.0.1"),
            (proxied("203.0.113.9:1", Some("198.51.100.1:80")), "203.0.113.9"),
            (proxied("10.0.0.2:1", Some("198.51.100.1:80")), "192.0.2.7"),
        ] {
            let found = Client::of(&peer, &fields, &trusted());
            assert_eq!(found.address, address.parse::<IpAddr>().unwrap(), "{peer:?}");
            assert_eq!(found.scheme == Scheme::Https, address == "192.0.2.7");
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        let fields = headers(&[(&X_FORWARDED_FOR, "192.0.2.7"), (&X_FORWARDED_FOR, "10.0.0.9")]);
        let found = forwarded_for(&fields, &trusted());
        assert_eq!(found, Forwarded::Named("192.0.2.7".parse().unwrap()));
    }
}
