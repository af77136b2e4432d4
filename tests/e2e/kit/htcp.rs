//! A sender of HTCP, as MediaWiki is one: datagrams from a socket of its own, numbered, to an address or
//! to a group on loopback. What becomes of them is seen in the proxy's metrics, since nobody answers.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use socket2::SockRef;
use tidegate::purge::htcp;

use super::proxy::Proxy;

/// A host that purges.
pub struct Sender {
    socket: UdpSocket,
    next: Cell<u32>,
}

impl Sender {
    /// Its numbers begin with 1.
    pub fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has ports");
        SockRef::from(&socket).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).expect("it is there");
        Self { socket, next: Cell::new(1) }
    }

    /// Has `url` purged, by the next number.
    pub fn clear(&self, to: SocketAddr, url: &str) {
        let datagram = htcp::clear(url, self.next.get()).expect("it is short");
        self.skip(1);
        self.send(to, &datagram);
    }

    /// Leaves numbers out, as if their datagrams were lost.
    pub fn skip(&self, numbers: u32) {
        self.next.set(self.next.get() + numbers);
    }

    /// Sends bytes as they are.
    pub fn send(&self, to: SocketAddr, datagram: &[u8]) {
        self.socket.send_to(datagram, to).expect("loopback takes it");
    }
}

impl Proxy {
    /// The HTCP listeners' addresses, in the configuration's order.
    #[track_caller]
    pub fn htcp(&self) -> Vec<SocketAddr> {
        let status = self.status();
        let listeners = status["purging"]["htcp"]["listeners"].as_array().cloned();
        let address = |listener: serde_json::Value| {
            listener["address"].as_str().and_then(|text| text.parse().ok())
        };
        let all = listeners.expect("the status lists them").into_iter().map(address);
        all.collect::<Option<_>>().expect("each has an address")
    }

    /// Waits until `n` purges came over HTCP and were taken.
    #[track_caller]
    pub fn wait_for_clears(&self, n: u32) {
        let taken = "tidegate_purge_orders_total{source=\"htcp\",outcome=\"taken\"}";
        self.wait_for_metric(taken, n.into());
    }
}
