//! One cluster: a request goes to the server whose turn it is, and once more to another where that
//! is safe.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{StatusCode, request, response};

use super::answer;
use super::balance::Turns;
use super::body::{Lease, Noted, OriginBody};
use super::fault;
use super::server::Server;
use crate::base::tunnel::Tunnel;
use crate::base::{Body, Budget, Clock, ClusterId, Fault, Reason, WorkerId};
use crate::config::{self, Host};
use crate::net::client_tls;
use crate::net::dial::Tls;
use crate::net::resolver::Resolver;

/// A named origin service.
#[derive(Debug)]
pub struct Cluster {
    config: Arc<config::Cluster>,
    workers: usize,
    servers: Box<[Arc<Server>]>,
    turns: Mutex<Turns>,
}

/// A request's answer so far: its head, and the body as it comes.
#[derive(Debug)]
pub struct Exchange {
    /// The head.
    pub head: response::Parts,
    /// The body.
    pub body: OriginBody,
    /// The server that answered.
    pub server: Arc<str>,
    /// The cluster that it belongs to.
    pub cluster: ClusterId,
    /// From the request to the head.
    pub first_byte: Duration,
    /// How long after the request was first tried the head was complete, in monotonic time; the
    /// response delay of RFC 9111 §4.2.3.
    pub delay: Duration,
    /// For a 101: the connection, once both sides have changed protocol.
    pub upgrade: Option<Upgrade>,
}

/// A connection that changes protocol; it counts among its server's for as long as it lives.
#[derive(Debug)]
pub struct Upgrade {
    upgrade: hyper::upgrade::OnUpgrade,
    lease: Lease,
}

impl Cluster {
    /// The cluster as configured.
    ///
    /// # Errors
    /// A sentence about its TLS settings.
    pub fn build(
        config: &Arc<config::Cluster>,
        workers: usize,
        resolver: &Resolver,
        budget: &Budget,
    ) -> Result<Self, String> {
        let needs_tls = config.servers.iter().any(|server| server.tls);
        let tls =
            needs_tls.then(|| client_tls::client_config(config.roots.as_ref())).transpose()?;
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
            Ok(Arc::new(Server::new(
                server,
                tls,
                config.max_connections,
                workers,
                resolver,
                budget,
            )))
        };
        let servers: Box<[_]> = config.servers.iter().map(server).collect::<Result<_, String>>()?;
        let turns = Mutex::new(Turns::new(config.servers.iter().map(|server| server.weight)));
        Ok(Self { config: Arc::clone(config), workers, servers, turns })
    }

    /// Whether it is what `config` describes.
    pub fn matches(&self, config: &config::Cluster, workers: usize) -> bool {
        *self.config == *config && self.workers == workers
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.config.name
    }

    /// Its servers.
    pub fn servers(&self) -> &[Arc<Server>] {
        &self.servers
    }

    /// Closes connections that have been idle for too long.
    pub fn sweep(&self, now: Instant) {
        self.servers.iter().for_each(|server| server.sweep(self.config.keepalive, now));
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// What kept the answer from coming. A request that may be repeated safely (RFC 9110 §9.2.2)
    /// has been tried a second time where a kept connection closed before a byte came, and on each
    /// server that could not be reached at all.
    pub async fn send(
        &self,
        head: request::Parts,
        mut body: Body,
        worker: WorkerId,
        clock: &Clock,
    ) -> Result<Exchange, Fault> {
        let started = clock.now();
        let repeatable = matches!(body, Body::Empty) && head.method.is_idempotent();
        let mut unreachable = HashSet::new();
        let mut fresh_only = false;
        loop {
            let at = self.turn(&unreachable)?;
            let server = &self.servers[at];
            let (queue, limit) = (self.config.max_queue, self.config.queue_timeout);
            let turn = server.turn(queue, limit, clock).await?;
            let kept = if fresh_only {
                None
            } else {
                server.reuse(worker, self.config.keepalive, clock).await
            };
            let reused = kept.is_some();
            let connection = match kept {
                Some(connection) => connection,
                None => match server.connect(self.config.connect_timeout, clock).await {
                    Ok(connection) => connection,
                    Err(_) if unreachable.len() + 1 < self.servers.len() => {
                        // Nothing was sent, so any request may go to the next server.
                        unreachable.insert(at);
                        continue;
                    }
                    Err(fault) => return Err(fault),
                },
            };
            let sent = std::mem::replace(&mut body, Body::Empty);
            let lease = Lease::new(server, worker, connection, turn);
            match self.exchange(lease, &head, sent, started, clock).await {
                Ok(exchange) => return Ok(exchange),
                Err(fault) => {
                    server.counts().failures.fetch_add(1, Ordering::Relaxed);
                    if !(fault.retry && reused && repeatable && !fresh_only) {
                        return Err(fault);
                    }
                    server.counts().retries.fetch_add(1, Ordering::Relaxed);
                    fresh_only = true;
                }
            }
        }
    }

    fn turn(&self, unreachable: &HashSet<usize>) -> Result<usize, Fault> {
        // The turns are whole between statements.
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let may = |at| !unreachable.contains(&at);
        let next = turns.next(|at| may(at) && self.servers[at].has_room());
        // Where all have as much to do as they may, somebody has to wait.
        let next = next.or_else(|| turns.next(may));
        next.ok_or_else(|| Fault::origin(Reason::NoServer, format!("cluster {}", self.name())))
    }

    async fn exchange(
        &self,
        mut lease: Lease,
        asked: &request::Parts,
        body: Body,
        started: Instant,
        clock: &Clock,
    ) -> Result<Exchange, Fault> {
        let sent_at = clock.now();
        let before = lease.connection.bytes_read();
        let server = Arc::clone(&lease.server);
        let noted = Arc::new(AtomicU64::new(0));
        let body = match body {
            Body::Stream(stream) => {
                let (noted, sending) = (Arc::clone(&noted), Arc::clone(&lease.sending));
                Body::stream(Noted::new(stream, noted, sending, sent_at, clock.clone()))
            }
            whole => whole,
        };
        let request = http::Request::from_parts(asked.clone(), body);
        lease.connection.head_begins();
        let answer = lease.connection.sender.send_request(request);
        let answer = match self.first_byte(answer, &noted, sent_at, clock).await {
            None => {
                let limit = self.config.first_byte_timeout;
                let log = format!("{}: no answer within {limit:?}", server.name());
                return Err(Fault::origin(Reason::FirstByteTimeout, log));
            }
            Some(Err(error)) => {
                let mut fault = fault::of_exchange(&error);
                fault.log = format!("{}: {}", server.name(), fault.log);
                let nothing_came = lease.connection.bytes_read() == before;
                return Err(if nothing_came { fault.retryable() } else { fault });
            }
            Some(Ok(answer)) => answer,
        };
        let now = clock.now();
        lease.connection.head_ends();
        let (mut head, incoming) = answer.into_parts();
        let upgrade = (head.status == StatusCode::SWITCHING_PROTOCOLS)
            .then(|| head.extensions.remove::<hyper::upgrade::OnUpgrade>())
            .flatten();
        answer::check(&asked.headers, &mut head).map_err(|what| {
            Fault::origin(Reason::OriginGarbage, format!("{}: {what}", server.name()))
        })?;
        let (lease, upgrade) = match upgrade {
            Some(upgrade) => (None, Some(Upgrade { upgrade, lease })),
            None => (Some(lease), None),
        };
        let between = self.config.between_bytes_timeout;
        Ok(Exchange {
            head,
            body: OriginBody::new(incoming, lease, between, clock.clone()),
            server: Arc::clone(server.name()),
            cluster: self.config.id,
            first_byte: now.saturating_duration_since(sent_at),
            delay: now.saturating_duration_since(started),
            upgrade,
        })
    }

    /// Waits for an answer for as long as the limit allows after the request's last byte.
    async fn first_byte<T>(
        &self,
        answer: impl Future<Output = T>,
        noted: &AtomicU64,
        sent_at: Instant,
        clock: &Clock,
    ) -> Option<T> {
        let limit = self.config.first_byte_timeout;
        let mut answer = std::pin::pin!(answer);
        let mut sleep = clock.sleep_until(sent_at + limit);
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return Some(answer),
                () = &mut sleep => {}
            }
            let last = sent_at + Duration::from_millis(noted.load(Ordering::Relaxed));
            if clock.now() >= last + limit {
                return None;
            }
            sleep.reset(last + limit);
        }
    }
}

impl Exchange {
    /// The origin's half of a tunnel, once its connection has changed protocol.
    ///
    /// # Errors
    /// Where the answer was no 101, or the connection closed instead.
    pub async fn into_tunnel(self) -> Result<Tunnel, Fault> {
        let closed = |error: String| Fault::origin(Reason::OriginClosed, error);
        let upgrade = self.upgrade.ok_or_else(|| closed("no change of protocol".to_owned()))?;
        let Upgrade { upgrade, lease } = upgrade;
        let upgraded = upgrade.await.map_err(|error| closed(error.to_string()))?;
        Ok(Tunnel {
            origin: Box::pin(hyper_util::rt::TokioIo::new(upgraded)),
            held: Box::new(lease),
        })
    }
}
