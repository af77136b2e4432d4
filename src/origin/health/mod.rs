//! The health of a cluster's servers: which of them are asked.
//!
//! Each has a [`machine`] that goes by checks and by what becomes of requests. What follows from all
//! of them is settled here: servers that are not well are out, but for the share of
//! `depool_threshold`, which stays in whatever its health (as PyBal has it). Where all are out, a
//! check may be wrong, or what all of them need is gone: then all are tried, each by a few requests,
//! one more for each that is answered; the rest is turned away at once, so that nothing queues before
//! a dead service and nothing falls upon one that comes back.

pub mod check;
pub mod machine;
#[cfg(test)]
mod tests;
mod vitals;

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use machine::{Event, Machine, State, Terms};

pub use vitals::{Standing, Vitals};

use super::server::Server;
use crate::base::{Fault, Reason, Whose};
use crate::config::{self, Pooled};

/// The requests that try a server at first, where all are out, and those that one which was out may
/// have under way at least.
pub const FEW: usize = 10;
/// The share of one that has yet to show that it is well, in percent.
const TRIAL: usize = 1;
/// The least share of a server that takes its first requests, in percent.
const LEAST_SHARE: u64 = 10;

/// The health of a cluster's servers.
#[derive(Debug)]
pub struct Health {
    config: Arc<config::Cluster>,
    terms: Terms,
    servers: Box<[Arc<Server>]>,
    watched: Mutex<Vec<Watched>>,
    /// Whether all are out.
    panic: AtomicBool,
    /// How much of what comes it is ready for, in percent.
    ready: AtomicU8,
}

/// How a server is, for the status page and the metrics.
#[derive(Clone, Debug)]
pub struct Look {
    /// Its state.
    pub state: State,
    /// What somebody has decided of it.
    pub pooled: Pooled,
    /// What follows from both.
    pub standing: Standing,
    /// Since when it is in the state.
    pub since: Instant,
    /// What led there.
    pub why: Arc<str>,
}

#[derive(Clone, Debug)]
struct Watched {
    machine: Machine,
    why: Arc<str>,
    /// What somebody has decided of it.
    pooled: Pooled,
    /// When it is checked next, or since when it is being checked.
    check: Instant,
    checking: bool,
}

impl Health {
    /// All are up, but for those of which `previous` knows better.
    pub fn new(
        config: &Arc<config::Cluster>,
        servers: &[Arc<Server>],
        previous: Option<&Self>,
        now: Instant,
    ) -> Self {
        let fresh = || Watched {
            machine: Machine::new(now),
            why: Arc::from("not yet known"),
            pooled: Pooled::Yes,
            check: now,
            checking: false,
        };
        let watch = |server: &Arc<Server>| {
            let known = previous.and_then(|previous| previous.known(server.name()));
            let mut watched = known.unwrap_or_else(fresh);
            if config.check.is_none() {
                watched.machine.forget_checks(now);
            }
            Watched { check: now, checking: false, ..watched }
        };
        let watched: Vec<_> = servers.iter().map(watch).collect();
        let health = Self {
            terms: Terms::of(config),
            config: Arc::clone(config),
            servers: servers.into(),
            watched: Mutex::default(),
            panic: AtomicBool::new(false),
            ready: AtomicU8::new(100),
        };
        health.settle(&watched, now);
        Self { watched: Mutex::new(watched), ..health }
    }

    fn known(&self, name: &str) -> Option<Watched> {
        let at = self.servers.iter().position(|server| **server.name() == *name)?;
        self.watched().get(at).cloned()
    }

    /// Whether a server may be asked.
    pub fn may(&self, at: usize) -> bool {
        self.servers[at].vitals().standing() != Standing::Out
    }

    /// Whether a server takes one more of the requests that others could take: a share of them while
    /// it is warming.
    pub fn takes(&self, at: usize) -> bool {
        let share = self.servers[at].vitals().share.load(Ordering::Relaxed);
        share >= 100 || fastrand::u8(..100) < share
    }

    /// Whether all are out.
    pub fn is_panicking(&self) -> bool {
        self.panic.load(Ordering::Relaxed)
    }

    /// How much of what comes the servers are ready for, in percent: all of it, as long as half of them are
    /// well and have their whole share. Where others can take the rest, they should.
    pub fn ready(&self) -> u8 {
        self.ready.load(Ordering::Relaxed)
    }

    /// What a client is told of a fault: where all are out, that.
    pub fn told(&self, fault: Fault) -> Fault {
        if self.is_panicking() && fault.whose == Whose::Origin {
            Fault { reason: Reason::NoServer, ..fault }
        } else {
            fault
        }
    }

    /// A server answered a request with `status`, which was sent to it at `sent`.
    pub fn answered(&self, at: usize, status: StatusCode, sent: Instant, now: Instant) {
        // 503 is no sign of a server that fails: it says what it means, and anybody may be told it.
        if [StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT].contains(&status) {
            return self.failed(at, format_args!("answered {}", status.as_u16()), now);
        }
        let vitals = self.servers[at].vitals();
        if vitals.errors.load(Ordering::Relaxed) > 0 {
            vitals.errors.store(0, Ordering::Relaxed);
        }
        let standing = vitals.standing();
        if standing == Standing::In {
            return;
        }
        if standing == Standing::Tried {
            let one_more = |tried: usize| Some((tried + 1).min(self.config.max_connections));
            let _ = vitals.tried.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        }
        let mut all = self.watched();
        // What was asked before it was out says nothing about now.
        if sent >= all[at].machine.since() {
            self.step(at, &mut all[at], Event::Answered, "it answers", now);
        }
        self.settle(&all, now);
    }

    /// A request to a server failed.
    pub fn failed(&self, at: usize, why: impl std::fmt::Display, now: Instant) {
        let vitals = self.servers[at].vitals();
        let errors = vitals.errors.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let fewer = |tried: usize| Some((tried / 2).max(FEW));
        let _ = vitals.tried.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer);
        let most = self.config.eject_after;
        if most > 0 && errors >= most {
            let why = format!("{errors} requests in turn failed, the last: {why}");
            self.happened(at, Event::Errors, &why, now);
        }
    }

    /// A check of a server is over.
    pub fn checked(&self, at: usize, found: Result<(), String>, now: Instant) {
        let vitals = self.servers[at].vitals();
        let (count, event) = match &found {
            Ok(()) => (&vitals.passed, Event::Passed),
            Err(_) => (&vitals.failed, Event::Failed),
        };
        count.fetch_add(1, Ordering::Relaxed);
        let why = found.err().unwrap_or_else(|| "checks pass".to_owned());
        self.happened(at, event, &why, now);
        if let Some(check) = &self.config.check
            && let Some(watched) = self.watched().get_mut(at)
        {
            watched.check += jittered(check.interval, check.jitter);
            watched.checking = false;
        }
    }

    /// Time has passed. Returns the servers that are to be checked now.
    pub fn tick(&self, now: Instant) -> Vec<usize> {
        let mut all = self.watched();
        for (at, watched) in all.iter_mut().enumerate() {
            self.step(at, watched, Event::Tick, "its time is over", now);
        }
        self.settle(&all, now);
        let mut due = Vec::new();
        if let Some(check) = &self.config.check {
            for (at, watched) in all.iter_mut().enumerate() {
                // One that has not come back by then never will: it has panicked.
                let wait = if watched.checking {
                    check.interval + check.timeout * 2
                } else {
                    Duration::ZERO
                };
                if watched.check + wait <= now {
                    (watched.check, watched.checking) = (now, true);
                    due.push(at);
                }
            }
        }
        due
    }

    /// Has servers asked as somebody has decided, whatever their health.
    pub fn administer(&self, decided: &[Pooled], now: Instant) {
        let mut all = self.watched();
        for ((watched, pooled), server) in all.iter_mut().zip(decided).zip(&self.servers) {
            if watched.pooled != *pooled {
                watched.pooled = *pooled;
                let (cluster, server) = (&self.config.name, server.name());
                tracing::info!(%cluster, %server, pooled = pooled.as_str(), "a server is pooled otherwise");
            }
        }
        self.settle(&all, now);
    }

    /// What somebody has decided of a server.
    pub fn pooled(&self, at: usize) -> Pooled {
        self.watched().get(at).map_or(Pooled::Inactive, |watched| watched.pooled)
    }

    /// How each server is.
    pub fn look(&self) -> Vec<Look> {
        let all = self.watched();
        let looks = all.iter().zip(&self.servers).map(|(watched, server)| Look {
            state: watched.machine.state(),
            standing: server.vitals().standing(),
            pooled: watched.pooled,
            since: watched.machine.since(),
            why: Arc::clone(&watched.why),
        });
        looks.collect()
    }

    fn watched(&self) -> MutexGuard<'_, Vec<Watched>> {
        // A server's state is whole between statements.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn happened(&self, at: usize, event: Event, why: &str, now: Instant) {
        let mut all = self.watched();
        self.step(at, &mut all[at], event, why, now);
        self.settle(&all, now);
    }

    fn step(&self, at: usize, watched: &mut Watched, event: Event, why: &str, now: Instant) {
        let Some(transition) = watched.machine.on(event, now, &self.terms) else { return };
        watched.why = why.into();
        let server = &self.servers[at];
        server.vitals().transitions[transition as usize].fetch_add(1, Ordering::Relaxed);
        let (cluster, server) = (&self.config.name, server.name());
        let (transition, state) = (transition.as_str(), watched.machine.state());
        if state.is_well() {
            tracing::info!(%cluster, %server, transition, state = state.as_str(), why, "a server is better");
        } else {
            tracing::warn!(%cluster, %server, transition, state = state.as_str(), why, "a server is out");
        }
    }

    /// What follows from the states of all.
    fn settle(&self, all: &[Watched], now: Instant) {
        let is_pooled = |at: &usize| all[*at].pooled == Pooled::Yes;
        let ailing = |at: &usize| is_pooled(at) && !all[*at].machine.state().is_well();
        let mut out: Vec<usize> = (0..all.len()).filter(ailing).collect();
        let pooled = (0..all.len()).filter(is_pooled).count();
        let panic = out.len() == pooled;
        if self.panic.swap(panic, Ordering::Relaxed) != panic {
            let cluster = &self.config.name;
            if panic {
                tracing::error!(%cluster, "every server is out: each is tried by a few requests, the rest gets 503");
            } else {
                tracing::warn!(%cluster, "not every server is out any more");
            }
        }
        let keep = self.config.depool_threshold as usize;
        // Rounded up, so that never more than the rest of the share is out, those that somebody took out
        // among them.
        let there = all.iter().filter(|watched| watched.pooled != Pooled::Inactive).count();
        let most_out = pooled.saturating_sub((there * keep).div_ceil(100));
        out.sort_by_key(|at| all[*at].machine.since());
        for (at, watched) in all.iter().enumerate() {
            let standing = match out.iter().position(|out| *out == at) {
                _ if !is_pooled(&at) => Standing::Out,
                _ if panic => Standing::Tried,
                None if watched.machine.state() == State::Unproven => Standing::Unproven,
                None => Standing::In,
                Some(nth) if nth < most_out => Standing::Out,
                Some(_) => Standing::Held,
            };
            self.stand(at, standing, watched.machine.state(), now);
        }
        let share = |at: usize| match self.servers[at].vitals() {
            vitals if vitals.standing() == Standing::In => {
                usize::from(vitals.share.load(Ordering::Relaxed))
            }
            vitals if vitals.standing() == Standing::Unproven => TRIAL,
            _ => 0,
        };
        let shares: usize = (0..all.len()).map(share).sum();
        let ready = (2 * shares).checked_div(pooled).unwrap_or(0).min(100);
        self.ready.store(u8::try_from(ready).unwrap_or(100), Ordering::Relaxed);
    }

    fn stand(&self, at: usize, standing: Standing, state: State, now: Instant) {
        let (vitals, most) = (self.servers[at].vitals(), self.config.max_connections);
        let before = vitals.standing.swap(standing as u8, Ordering::Relaxed);
        if standing == Standing::Tried && before != standing as u8 {
            vitals.tried.store(FEW, Ordering::Relaxed);
        }
        if standing == Standing::Held && before != standing as u8 {
            let (cluster, server) = (&self.config.name, self.servers[at].name());
            tracing::warn!(%cluster, %server, "a server that is not well is asked all the same: too many are out");
        }
        let share = match state {
            State::Warming { until } => share(until, self.terms.slow_start, now),
            State::Unproven => TRIAL,
            _ => 100,
        };
        vitals.share.store(u8::try_from(share).unwrap_or(100), Ordering::Relaxed);
        let few = FEW.min(most);
        let allowed = match standing {
            Standing::Tried => vitals.tried.load(Ordering::Relaxed).min(most),
            Standing::Unproven => few,
            _ => (most.saturating_mul(share) / 100).max(few),
        };
        self.servers[at].allow(allowed);
    }
}

/// The share of a server that takes all `until` then, in percent.
fn share(until: Instant, whole: Duration, now: Instant) -> usize {
    let (left, whole) = (until.saturating_duration_since(now).as_millis(), whole.as_millis());
    let gone = whole.saturating_sub(left) * 100;
    let percent = u64::try_from(gone.checked_div(whole).unwrap_or(100)).unwrap_or(100);
    usize::try_from(percent.clamp(LEAST_SHARE, 100)).unwrap_or(100)
}

/// `interval`, more or less by up to `percent` of it.
fn jittered(interval: Duration, percent: u32) -> Duration {
    let by = f64::from(percent) / 100.0;
    interval.mul_f64(1.0 + by * (2.0 * fastrand::f64() - 1.0)).max(Duration::from_millis(1))
}
