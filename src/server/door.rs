//! What becomes of a connection that a worker has accepted: whether there is room for it, whose it is,
//! whether that client may have one more, and its life.
//!
//! A connection whose peer owes a PROXY header belongs to no client until that has come. Until then
//! the node's own limit bounds it (its slot is taken), the budget is charged for the longest header, and
//! `handshake` ends it. What a client may hold is counted from there on, and for whom the header names.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::base::budget::{CONNECT, Part};
use crate::base::clients::{Place, Thing};
use crate::base::{Peer, Proxied, Reason};
use crate::config::Listener;
use crate::front::{self, Serving};
use crate::listen::Accepted;
use crate::listen::proxy_protocol::{self, Bad, Failed, Whose};
use crate::net::tls::ServerTls;
use crate::telemetry::{Count, Gauge, Meter};

/// Connections of one client beyond which there are many: browsers have six to a host, or one.
const MANY: usize = 24;

/// What one worker does with the connections of one listener.
pub(super) struct Door {
    /// The listener.
    pub(super) listener: Listener,
    /// What they are served with.
    pub(super) serving: Arc<Serving>,
    /// What they are counted with.
    pub(super) meter: Arc<Meter>,
    /// The certificates.
    pub(super) tls: Arc<ServerTls>,
}

impl Door {
    /// Takes a connection; its life is a task of this worker.
    pub(super) fn open(self: &Arc<Self>, accepted: Accepted) {
        if !self.serving.budget.room_for(front::FIRST_BYTES, CONNECT) {
            return self.meter.add(Count::RefusedMemory, 1);
        }
        if self.listener.proxy_protocol.contains(accepted.remote.ip()) {
            let door = Arc::clone(self);
            tokio::spawn(async move { door.behind_proxy(accepted).await });
        } else if let Some(life) = self.admit(accepted, Whose::Own) {
            tokio::spawn(life);
        }
    }

    /// Waits for the header that a connection's peer owes. Its life is then a task of its own, which holds
    /// nothing of the waiting.
    async fn behind_proxy(&self, accepted: Accepted) {
        let _waiting = self.meter.gauge(self.gauge());
        if let Some(whose) = self.whose(&accepted).await
            && let Some(life) = self.admit(accepted, whose)
        {
            tokio::spawn(life);
        }
    }

    /// Takes the header off the connection; `None` where none comes, which is counted.
    async fn whose(&self, accepted: &Accepted) -> Option<Whose> {
        let Serving { budget, clock, timeouts, .. } = &*self.serving;
        let bytes = front::FIRST_BYTES + proxy_protocol::LONGEST as u64;
        let _charge = budget.charge(Part::Connections, bytes);
        let header = proxy_protocol::read(&accepted.stream);
        let counts: &[Count] = match clock.within(timeouts.handshake, header).await {
            Ok(Ok(whose)) => {
                self.meter.add(told(whose), 1);
                return Some(whose);
            }
            // A health check that wants to know only whether somebody accepts.
            Ok(Err(Failed::Silent)) => return None,
            Ok(Err(Failed::BrokenOff)) => &[Count::ProxyBrokenOff, Count::BrokenReset],
            Ok(Err(Failed::Bad(bad))) => {
                let (peer, reason) = (accepted.remote, Reason::ProxyHeader);
                tracing::debug!(%peer, %reason, "refused: the PROXY header is {}", bad.as_str());
                &[fault(bad), Count::RefusedProxyHeader]
            }
            Err(_) => &[Count::ProxyTimedOut, Count::TimedOutHandshake],
        };
        counts.iter().for_each(|count| self.meter.add(*count, 1));
        None
    }

    /// The life of a connection that is `whose`, where its client may have one more.
    fn admit(
        &self,
        accepted: Accepted,
        whose: Whose,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let (remote, proxied) = ends(accepted.remote, whose);
        // Another node's connections carry many clients, as a trusted proxy's do.
        let place = if self.listener.fleet_only { Ok(None) } else { place(&self.serving, remote) };
        let Ok(place) = place else {
            self.meter.add(Count::RefusedClient, 1);
            return None;
        };
        let over_tls = self.listener.tls;
        self.meter.add(if over_tls { Count::AcceptedTls } else { Count::AcceptedPlain }, 1);
        let peer = Arc::new(Peer {
            listener: accepted.listener,
            worker: accepted.worker,
            proxied: proxied.map(Box::new),
            tls: over_tls,
            purge_only: self.listener.purge_only,
            fleet: self.listener.fleet_only,
            one_of_many: place.as_ref().is_some_and(|place| place.number() > MANY),
            ..Peer::plain(accepted.local, remote)
        });
        let tls = match (over_tls, self.listener.fleet_only) {
            (false, _) => None,
            (true, false) => Some(self.tls.current()),
            // A reload may have done away with it.
            (true, true) => Some(self.tls.for_the_fleet()?),
        };
        let held = (accepted.slot, place, self.meter.gauge(self.gauge()));
        let life = front::connection(accepted.stream, tls, peer, Arc::clone(&self.serving));
        Some(async move {
            life.await;
            drop(held);
        })
    }

    fn gauge(&self) -> Gauge {
        if self.listener.tls { Gauge::ConnectionsTls } else { Gauge::ConnectionsPlain }
    }
}

/// The other end of a connection from `tcp` that is `whose`, and what a header says of it besides.
fn ends(tcp: SocketAddr, whose: Whose) -> (SocketAddr, Option<Proxied>) {
    match whose {
        Whose::Own => (tcp, None),
        Whose::Unknown => (tcp, Some(Proxied { by: tcp, destination: None })),
        Whose::Client { source, destination } => {
            // An IPv4 address in IPv6's clothes is one client, and one spelling in the log.
            let plain = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
            (plain(source), Some(Proxied { by: tcp, destination: Some(plain(destination)) }))
        }
    }
}

/// The connection's place among those of its client, if it needs one: a trusted proxy's connections
/// carry many clients.
fn place(serving: &Serving, remote: SocketAddr) -> Result<Option<Place>, ()> {
    let address = remote.ip().to_canonical();
    if serving.trusted_proxies.contains(address) {
        return Ok(None);
    }
    let most = serving.limits.client_connections;
    serving.clients.take(address, Thing::Connection, most).map(Some).ok_or(())
}

fn told(whose: Whose) -> Count {
    match whose {
        Whose::Client { .. } => Count::ProxyClient,
        Whose::Unknown => Count::ProxyUnknown,
        Whose::Own => Count::ProxyOwn,
    }
}

fn fault(bad: Bad) -> Count {
    match bad {
        Bad::Missing => Count::ProxyMissing,
        Bad::Malformed => Count::ProxyMalformed,
        Bad::TooLong => Count::ProxyTooLong,
        Bad::Checksum => Count::ProxyChecksum,
    }
}
