//! One cluster: a request goes to the server whose turn it is, and once more to another where that
//! is safe.

use std::collections::HashSet;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{StatusCode, request, response};

use super::answer;
use super::balance::Turns;
use super::body::{Lease, OriginBody};
use super::connection::{Awaited, Connection};
use super::fault;
use super::sending::Sending;
use super::server::Server;
use crate::base::tunnel::Tunnel;
use crate::base::{Body, Bucket, Budget, Clock, ClusterId, Fault, Reason, WorkerId};
use crate::config::{self, Host};
use crate::net::client_tls;
use crate::net::dial::Tls;
use crate::net::resolver::Resolver;
use crate::wire::{Content, ResponseHead};

/// A named origin service.
#[derive(Debug)]
pub struct Cluster {
    config: Arc<config::Cluster>,
    workers: usize,
    servers: Box<[Arc<Server>]>,
    turns: Mutex<Turns>,
    pace: Option<Bucket>,
    paced: AtomicU64,
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
    /// For a 101: the connection, which has changed protocol.
    pub upgrade: Option<Lease>,
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
        let rate = config.refresh_rate;
        let pace = (rate > 0).then(|| Bucket::new(rate, rate));
        let (config, paced) = (Arc::clone(config), AtomicU64::new(0));
        Ok(Self { config, workers, servers, turns, pace, paced })
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

    /// Whether it may be asked now for one refresh more behind a stale answer. After a purge of much that
    /// is stored, these would come as fast as readers do.
    pub fn may_refresh(&self, now: Instant) -> bool {
        let may = self.pace.as_ref().is_none_or(|pace| pace.take(now));
        if !may {
            self.paced.fetch_add(1, Ordering::Relaxed);
        }
        may
    }

    /// A refresh that it might have been asked for is not needed.
    pub fn needs_no_refresh(&self) {
        if let Some(pace) = &self.pace {
            pace.put_back();
        }
    }

    /// How often a stale answer began no refresh, because there were too many.
    pub fn paced(&self) -> u64 {
        self.paced.load(Ordering::Relaxed)
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
            let kept =
                if fresh_only { None } else { server.reuse(worker, self.config.keepalive, clock) };
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
            let lease = Lease { server: Arc::clone(server), worker, connection, turn };
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
        let mut sending = Sending::new(asked, body, clock);
        let head = poll_fn(self.head(&mut lease.connection, &mut sending, sent_at, clock)).await;
        let named = |mut fault: Fault| {
            fault.log = format!("{}: {}", lease.server.name(), fault.log);
            fault
        };
        let ResponseHead { parts: mut head, keep_alive } = head.map_err(named)?;
        let now = clock.now();
        let framing = answer::check(asked, &mut head)
            .map_err(|what| named(Fault::origin(Reason::OriginGarbage, what)))?;
        let server = Arc::clone(lease.server.name());
        let (lease, upgrade) = match head.status {
            StatusCode::SWITCHING_PROTOCOLS => (None, Some(lease)),
            _ => (Some(lease), None),
        };
        let sending = Some(sending).filter(|sending| !sending.is_over());
        let between = self.config.between_bytes_timeout;
        let content = Content::new(framing);
        let clock = clock.clone();
        Ok(Exchange {
            head,
            body: OriginBody::new(content, lease, sending, keep_alive, between, clock),
            server,
            cluster: self.config.id,
            first_byte: now.saturating_duration_since(sent_at),
            delay: now.saturating_duration_since(started),
            upgrade,
        })
    }

    /// Sends a request and reads the head of its answer; an origin that does not read all may answer
    /// all the same. Its time to answer begins anew with each piece that it takes.
    fn head(
        &self,
        connection: &mut Connection,
        sending: &mut Sending,
        sent_at: Instant,
        clock: &Clock,
    ) -> impl FnMut(&mut Context<'_>) -> Poll<Result<ResponseHead, Fault>> {
        let limit = self.config.first_byte_timeout;
        let mut deadline = sent_at + limit;
        let mut awaited = Awaited::default();
        move |cx| {
            let gone = sending.gone();
            if let Poll::Ready(sent) = connection.poll_send(sending, cx) {
                sent?;
            }
            if sending.is_streamed() && sending.gone() != gone {
                deadline = clock.now() + limit;
            }
            if let Poll::Ready(head) = connection.poll_head(&mut awaited, cx) {
                return Poll::Ready(head.map_err(fault::of_head));
            }
            connection.poll_late(deadline, clock, cx).map(|()| {
                let log = format!("no answer within {limit:?}");
                Err(Fault::origin(Reason::FirstByteTimeout, log))
            })
        }
    }
}

impl Exchange {
    /// The origin's half of a tunnel, once its connection has changed protocol.
    ///
    /// # Errors
    /// Where the answer was no 101.
    pub fn into_tunnel(self) -> Result<Tunnel, Fault> {
        let closed = || Fault::origin(Reason::OriginClosed, "no change of protocol");
        let Lease { connection, turn, .. } = self.upgrade.ok_or_else(closed)?;
        let (origin, open) = connection.into_duplex();
        Ok(Tunnel { origin, held: Box::new((open, turn)) })
    }
}
