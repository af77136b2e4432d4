//! One server: its addresses, its idle connections by worker, and how many are open in all.

mod opening;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::allowance::{Allowance, Turn};
use super::connection::Connection;
use super::health::Vitals;
use super::http2::Links;
use crate::base::{Budget, Charge, Clock, Elapsed, Fault, Reason, WorkerId};
use crate::config::{self, Host, Protocol};
use crate::net::client_tls;
use crate::net::dial::Tls;
use crate::net::resolver::{Addresses, Resolver};

/// A server of a cluster.
#[derive(Debug)]
pub struct Server {
    name: Arc<str>,
    /// What Host is where nobody says.
    authority: String,
    port: u16,
    addresses: Addresses,
    tls: Option<Tls>,
    /// The workers' connections of HTTP/2, where that is spoken, and how TLS is then.
    links: Box<[Links]>,
    links_tls: Option<Tls>,
    most: usize,
    open: Arc<AtomicUsize>,
    /// As many turns as there may be connections, or fewer: each exchange has one.
    turns: Allowance,
    vitals: Vitals,
    queue: AtomicUsize,
    budget: Budget,
    idle: Box<[Mutex<Vec<Idle>>]>,
    counts: Counts,
}

/// What became of a server's connections, for the metrics.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections opened.
    pub connects: AtomicU64,
    /// Requests sent over a kept connection.
    pub reuses: AtomicU64,
    /// Connections that could not be opened.
    pub connect_failures: AtomicU64,
    /// Requests that failed before their answer's head.
    pub failures: AtomicU64,
    /// Requests sent a second time.
    pub retries: AtomicU64,
    /// Requests that had to wait for a connection to come free.
    pub queued: AtomicU64,
    /// Requests for which none came free in time, or that found too many waiting.
    pub refused: AtomicU64,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

/// A place among a server's open connections.
#[derive(Debug)]
pub struct Open {
    pub(super) count: Arc<AtomicUsize>,
    pub(super) _charge: Charge,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Server {
    /// A server of `cluster` as configured, which speaks `tls`.
    pub fn new(
        config: &config::Server,
        cluster: &config::Cluster,
        tls: Option<Tls>,
        workers: usize,
        resolver: &Resolver,
        budget: &Budget,
    ) -> Self {
        let most = cluster.max_connections;
        let speaks_http2 = cluster.protocol == Protocol::Http2;
        let linked = if speaks_http2 { workers } else { 0 };
        let offering =
            |tls: &Tls| Tls { config: client_tls::offering_http2(&tls.config), ..tls.clone() };
        let addresses = match &config.host {
            Host::Address(address) => Addresses::Fixed(Arc::from([*address])),
            Host::Name(name) => resolver.watch(name),
        };
        Self {
            name: Arc::clone(&config.name),
            authority: authority(config),
            port: config.port,
            addresses,
            links: (0..linked).map(|_| Links::default()).collect(),
            links_tls: tls.as_ref().filter(|_| speaks_http2).map(offering),
            tls,
            most,
            open: Arc::default(),
            turns: Allowance::new(most),
            vitals: Vitals::default(),
            queue: AtomicUsize::new(0),
            budget: budget.clone(),
            // One list more, for who is no worker.
            idle: (0..=workers).map(|_| Mutex::default()).collect(),
            counts: Counts::default(),
        }
    }

    /// The name, as configured.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What became of its connections.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Connections open now, over all workers.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Requests that wait for a connection now.
    pub fn queue(&self) -> usize {
        self.queue.load(Ordering::Relaxed)
    }

    /// Requests that it has to do now: those with a connection and those that wait for one.
    pub fn load(&self) -> usize {
        self.turns.used() + self.queue()
    }

    /// Whether a request would find a connection without waiting for it.
    pub fn has_room(&self) -> bool {
        self.turns.has_room()
    }

    /// From now on, at most `allowed` requests use connections at once.
    pub fn allow(&self, allowed: usize) {
        self.turns.set(allowed);
    }

    /// How it is.
    pub fn vitals(&self) -> &Vitals {
        &self.vitals
    }

    /// Its host, and its port where that is not its scheme's.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The right to use a connection, where one is free.
    pub fn turn_at_once(&self) -> Option<Turn> {
        self.turns.try_take()
    }

    /// Waits for the right to use a connection, first come, first served, for at most `limit` and
    /// with at most `queue` waiting.
    ///
    /// # Errors
    /// [`Reason::PoolFull`] and [`Reason::PoolTimeout`].
    pub async fn turn(&self, queue: usize, limit: Duration, clock: &Clock) -> Result<Turn, Fault> {
        if let Some(turn) = self.turn_at_once() {
            return Ok(turn);
        }
        let place = Queued(&self.queue);
        if self.queue.fetch_add(1, Ordering::Relaxed) >= queue {
            drop(place);
            return Err(self.full());
        }
        self.counts.queued.fetch_add(1, Ordering::Relaxed);
        match clock.within(limit, self.turns.take()).await {
            Ok(Ok(turn)) => Ok(turn),
            // Nobody closes the turns.
            Ok(Err(_)) => Err(self.full()),
            Err(Elapsed) => {
                self.counts.refused.fetch_add(1, Ordering::Relaxed);
                let log = format!("{}: no connection came free within {limit:?}", self.name);
                Err(Fault::ours(Reason::PoolTimeout, log))
            }
        }
    }

    fn full(&self) -> Fault {
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
        let log = format!("{}: all {} connections are in use", self.name, self.most);
        Fault::ours(Reason::PoolFull, log)
    }

    /// The addresses that DNS gives now.
    pub async fn addresses(&self) -> Result<Arc<[IpAddr]>, Fault> {
        self.addresses.get().await
    }

    /// A kept connection of `worker` that is ready for a request.
    pub fn reuse(
        &self,
        worker: WorkerId,
        keepalive: Duration,
        clock: &Clock,
    ) -> Option<Connection> {
        loop {
            // The last one kept is the likeliest to be open still.
            let mut idle = self.with_idle(worker, Vec::pop)??;
            let age = clock.now().saturating_duration_since(idle.since);
            if age < keepalive && idle.connection.is_quiet() {
                self.counts.reuses.fetch_add(1, Ordering::Relaxed);
                return Some(idle.connection);
            }
        }
    }

    /// Keeps `connection` for the next request of `worker`.
    pub fn keep(&self, worker: WorkerId, connection: Connection, now: Instant) {
        self.with_idle(worker, |idle| idle.push(Idle { connection, since: now }));
    }

    /// Closes what has been idle for `keepalive`, and what the server has closed.
    pub fn sweep(&self, keepalive: Duration, now: Instant) {
        self.links.iter().for_each(|links| links.sweep(keepalive, now));
        for idle in &self.idle {
            let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain_mut(|idle| {
                now.saturating_duration_since(idle.since) < keepalive && idle.connection.is_quiet()
            });
        }
    }

    fn with_idle<R>(&self, worker: WorkerId, act: impl FnOnce(&mut Vec<Idle>) -> R) -> Option<R> {
        let idle = self.idle.get(usize::from(worker.0))?;
        // A list of connections is whole between statements.
        Some(act(&mut idle.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// A request in the queue; out of it when dropped.
struct Queued<'a>(&'a AtomicUsize);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The servers that a cluster has at a location.
///
/// # Errors
/// A sentence about the cluster's TLS settings.
pub fn all_of(
    cluster: &config::Cluster,
    location: &config::Location,
    workers: usize,
    resolver: &Resolver,
    budget: &Budget,
) -> Result<Box<[Arc<Server>]>, String> {
    let needs_tls = location.servers.iter().any(|server| server.tls);
    let tls = needs_tls
        .then(|| client_tls::client_config(cluster.roots.as_ref(), cluster.identity.as_ref()))
        .transpose()?;
    let server = |server: &config::Server| {
        let tls = match (&tls, server.tls) {
            (Some(tls), true) => {
                let host = match &server.host {
                    Host::Address(address) => address.to_string(),
                    Host::Name(name) => name.clone(),
                };
                Some(Tls { config: Arc::clone(tls), name: client_tls::server_name(&host)? })
            }
            _ => None,
        };
        Ok(Arc::new(Server::new(server, cluster, tls, workers, resolver, budget)))
    };
    location.servers.iter().map(server).collect()
}

fn authority(server: &config::Server) -> String {
    let host = match &server.host {
        Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
        Host::Address(address) => address.to_string(),
        Host::Name(name) => name.clone(),
    };
    let usual = if server.tls { 443 } else { 80 };
    if server.port == usual { host } else { format!("{host}:{}", server.port) }
}
