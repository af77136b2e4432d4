//! A cluster's servers in one datacenter: a request goes to the one that the balance picks, and once more
//! to another where that is safe.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use http::header::UPGRADE;
use http::{StatusCode, request};

use super::allowance::Turn;
use super::balance::{Balance, Servers};
use super::body::{Home, Lease};
use super::carrier::{Answered, Carrier, Limits};
use super::exchange::Exchange;
use super::health::{Health, check};
use super::retries::Retries;
use super::server::Server;
use super::tries::{Missed, Tries};
use crate::base::between;
use crate::base::mutant::{self, Mutant};
use crate::base::{Body, Bucket, Clock, Fault, Reason, Whose, WorkerId};
use crate::config::{self, Pooled, RouteTerms};

/// A cluster's servers in one datacenter.
#[derive(Debug)]
pub struct Pool {
    config: Arc<config::Cluster>,
    location: usize,
    servers: Box<[Arc<Server>]>,
    health: Health,
    /// Made anew where somebody gives servers other weights.
    balance: ArcSwap<Balance>,
    retries: Retries,
    pace: Option<Bucket>,
    paced: AtomicU64,
}

impl Pool {
    /// The servers of the `location` with that number in `config`, which are as well as `health` says.
    pub fn new(
        config: &Arc<config::Cluster>,
        location: usize,
        servers: Box<[Arc<Server>]>,
        health: Health,
    ) -> Self {
        let rate = config.refresh_rate;
        let pace = (rate > 0).then(|| Bucket::new(rate, rate));
        let retries = Retries::new(config.retry_budget);
        let weights = config.locations[location].servers.iter().map(|server| server.weight);
        let balance = ArcSwap::from_pointee(balance(config, location, weights));
        let (config, paced) = (Arc::clone(config), AtomicU64::new(0));
        Self { config, location, servers, health, balance, retries, pace, paced }
    }

    /// Whether its servers are nodes of the fleet.
    pub fn is_tier(&self) -> bool {
        self.config.is_tier
    }

    /// Its datacenter, where there are some.
    pub fn datacenter(&self) -> Option<&Arc<str>> {
        self.config.locations[self.location].datacenter.as_ref()
    }

    /// Puts in force what somebody has decided of its servers, which are in the order of the location.
    pub fn administer(&self, decided: &[(Pooled, u32)], now: Instant) {
        let pooled: Vec<Pooled> = decided
            .iter()
            .map(|(pooled, weight)| if *weight == 0 { Pooled::No } else { *pooled })
            .collect();
        self.health.administer(&pooled, now);
        let weights = || decided.iter().map(|(_, weight)| (*weight).max(1));
        if !self.balance.load().has(weights()) {
            self.balance.store(Arc::new(balance(&self.config, self.location, weights())));
        }
    }

    /// Its cluster's name.
    pub fn name(&self) -> &Arc<str> {
        &self.config.name
    }

    /// Its servers.
    pub fn servers(&self) -> &[Arc<Server>] {
        &self.servers
    }

    /// How these are.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Looks after its health; checks that are due run as tasks of the runtime that this is called on.
    pub fn tend(self: &Arc<Self>, clock: &Clock) {
        for at in self.health.tick(clock.now()) {
            let (pool, clock) = (Arc::clone(self), clock.clone());
            tokio::spawn(async move {
                if let Some(terms) = &pool.config.check {
                    let found = check::check(&pool.servers[at], terms, &clock).await;
                    pool.health.checked(at, found, clock.now());
                }
            });
        }
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

    /// How often a request was not asked again, because too many were.
    pub fn retries_refused(&self) -> u64 {
        self.retries.refused()
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// What kept the answer from coming. A request has been tried on each server that could not be
    /// reached at all; one that may be repeated safely (RFC 9110 §9.2.2) once more where a kept
    /// connection closed before a byte came, and, within the budget of retries, once at another
    /// server where a new one did, or where the answer was a 503. Where the fault is
    /// [`unsent`](Fault::unsent), the `body` is as it was.
    pub async fn send(
        &self,
        head: &request::Parts,
        body: &mut Body,
        terms: RouteTerms,
        worker: WorkerId,
        clock: &Clock,
    ) -> Result<Exchange, Fault> {
        self.retries.earn();
        let repeatable = matches!(*body, Body::Empty) && head.method.is_idempotent();
        let mut tries = Tries::new(repeatable, terms.retries);
        let asking = Asking { head, terms, worker, clock, started: clock.now() };
        loop {
            let at = self.pick(head, tries.out());
            let over = match at.clone() {
                Ok(at) => {
                    let answer = self.ask(at, &asking, body, tries.fresh_only()).await;
                    self.learn(at, &answer, clock.now());
                    tries.judge(&self.servers, at, answer, &self.retries)
                }
                Err(fault) => ControlFlow::Break(Err(fault)),
            };
            if let ControlFlow::Break(answer) = over {
                if let (Err(fault), Ok(at)) = (&answer, at)
                    && fault.unsent
                    && fault.reason == Reason::OriginClosed
                {
                    // Whoever refuses again and again is not well.
                    self.health.failed(at, fault, clock.now());
                }
                // Another server's 503 says more than that this one said nothing.
                let answer = answer.or_else(|fault| tries.into_spare().ok_or(fault));
                return answer.map_err(|fault| self.health.told(fault));
            }
        }
    }

    /// Asks the server `at` what may be asked twice, whatever its health.
    ///
    /// # Errors
    /// What kept the answer from coming.
    pub async fn ask_one(
        &self,
        at: usize,
        head: &request::Parts,
        worker: WorkerId,
        clock: &Clock,
    ) -> Result<Exchange, Fault> {
        let terms = RouteTerms::default();
        let asking = Asking { head, terms, worker, clock, started: clock.now() };
        let mut answer = self.ask(at, &asking, &mut Body::Empty, false).await;
        if let Err(Missed::Lost { reused: true, .. }) = answer {
            answer = self.ask(at, &asking, &mut Body::Empty, true).await;
        }
        answer.map_err(|missed| match missed {
            Missed::Full(fault)
            | Missed::Unreachable { fault, .. }
            | Missed::Lost { fault, .. } => fault,
        })
    }

    /// Asks one server once.
    async fn ask(
        &self,
        at: usize,
        asking: &Asking<'_>,
        body: &mut Body,
        fresh_only: bool,
    ) -> Result<Exchange, Missed> {
        let (server, config, clock) = (&self.servers[at], &self.config, asking.clock);
        let turn = server.turn(config.max_queue, config.queue_timeout, clock).await;
        let turn = turn.map_err(Missed::Full)?;
        let carried = self.carrier(at, asking, fresh_only, turn).await;
        let unreachable = |(fault, first)| Missed::Unreachable { fault, first };
        let (carrier, reused) = carried.map_err(unreachable)?;
        let shared = matches!(carrier, Carrier::Http2(_));
        let answer = self.exchange(at, carrier, asking, body).await;
        answer.map_err(|fault| {
            server.counts().failures.fetch_add(1, Ordering::Relaxed);
            // What a server refuses without a look at it is no sign of ill health.
            let reused = reused || fault.unsent;
            Missed::Lost { fault, reused, shared }
        })
    }

    /// What a request goes over, and whether that has carried others.
    async fn carrier(
        &self,
        at: usize,
        asking: &Asking<'_>,
        fresh_only: bool,
        turn: Turn,
    ) -> Result<(Carrier, bool), (Fault, bool)> {
        let (server, worker, clock) = (&self.servers[at], asking.worker, asking.clock);
        let limit = self.config.connect_timeout;
        // In HTTP/2 no connection changes protocol.
        if !asking.head.headers.contains_key(UPGRADE) {
            let since = fresh_only.then_some(asking.started);
            if let Some(stream) = server.stream(worker, since, limit, clock).await? {
                let reused = stream.reused;
                return Ok((Carrier::Http2(stream.in_turn(turn)), reused));
            }
        }
        let kept = match fresh_only {
            true => None,
            false => server.reuse(worker, self.config.keepalive, clock),
        };
        let reused = kept.is_some();
        let connection = match kept {
            Some(connection) => connection,
            None => server.connect(limit, clock).await.map_err(|fault| (fault, true))?,
        };
        let home = Some(Home { server: Arc::clone(server), worker, turn });
        Ok((Carrier::Http1(Lease { connection, home }), reused))
    }

    /// Whether a server answers is what its health goes by.
    fn learn(&self, at: usize, answer: &Result<Exchange, Missed>, now: Instant) {
        match answer {
            Ok(answer) => {
                // What another node answers may be what its own servers make of it.
                let status = if self.is_tier() { StatusCode::OK } else { answer.head.status };
                let sent = now.checked_sub(answer.first_byte).unwrap_or(now);
                self.health.answered(at, status, sent, now);
            }
            Err(Missed::Unreachable { fault, first: true }) => self.health.failed(at, fault, now),
            // A kept connection may have closed for its age.
            Err(Missed::Lost { fault, reused, .. })
                if fault.whose == Whose::Origin
                    && !(*reused && fault.retry && fault.reason == Reason::OriginClosed) =>
            {
                self.health.failed(at, fault, now);
            }
            Err(Missed::Lost { .. } | Missed::Full(_) | Missed::Unreachable { .. }) => {}
        }
    }

    fn pick(&self, asked: &request::Parts, out: &HashSet<usize>) -> Result<usize, Fault> {
        // Where all have as much to do as they may, somebody has to wait; but not for the dead.
        let waits = !self.health.is_panicking();
        let balance = self.balance.load();
        let wishes = [Wish::Any, Wish::Room, Wish::Share];
        let wishes = wishes.into_iter().rev().filter(|wish| waits || *wish != Wish::Any);
        let next = wishes
            .map(|wish| Left { pool: self, out, wish })
            .find_map(|servers| balance.next(&servers, asked));
        let none = || Fault::origin(Reason::NoServer, format!("cluster {}", self.name())).unsent();
        next.ok_or_else(none)
    }

    async fn exchange(
        &self,
        at: usize,
        carrier: Carrier,
        asking: &Asking<'_>,
        body: &mut Body,
    ) -> Result<Exchange, Fault> {
        let Asking { head: asked, terms, clock, started, .. } = *asking;
        let sent_at = clock.now();
        let limits = Limits {
            first_byte: terms.first_byte_timeout.unwrap_or(self.config.first_byte_timeout),
            between: terms.between_bytes_timeout.unwrap_or(self.config.between_bytes_timeout),
            silence: self.config.connect_timeout,
        };
        let server = Arc::clone(self.servers[at].name());
        let answered = carrier.exchange(asked, body, limits, clock).await;
        let Answered { mut head, body, upgrade } = answered.map_err(|mut fault| {
            fault.log = format!("{server}: {}", fault.log);
            fault
        })?;
        let now = clock.now();
        let behind = head.headers.remove(between::BEHIND).is_some()
            && (self.config.is_tier || mutant::is(Mutant::BehindOfNodes));
        Ok(Exchange {
            head,
            body,
            server,
            cluster: self.config.id,
            first_byte: now.saturating_duration_since(sent_at),
            delay: now.saturating_duration_since(started),
            behind,
            upgrade,
        })
    }
}

/// A request on its way to whichever server answers it.
struct Asking<'a> {
    head: &'a request::Parts,
    terms: RouteTerms,
    worker: WorkerId,
    clock: &'a Clock,
    started: Instant,
}

/// The servers that a request may go to.
struct Left<'a> {
    pool: &'a Pool,
    out: &'a HashSet<usize>,
    wish: Wish,
}

/// What a server must have, beyond that it is asked at all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Any,
    /// A connection at once.
    Room,
    /// That, and that the request is of its share.
    Share,
}

impl Servers for Left<'_> {
    fn may(&self, at: usize) -> bool {
        let Pool { servers, health, .. } = self.pool;
        let granted = match self.wish {
            Wish::Any => true,
            Wish::Room => servers[at].has_room(),
            Wish::Share => servers[at].has_room() && health.takes(at),
        };
        granted && !self.out.contains(&at) && health.may(at)
    }

    fn load(&self, at: usize) -> usize {
        self.pool.servers[at].load()
    }
}

fn balance(
    config: &config::Cluster,
    location: usize,
    weights: impl Iterator<Item = u32>,
) -> Balance {
    let names = config.locations[location].servers.iter().map(|server| &server.name);
    Balance::new(config.balance, names.zip(weights))
}
