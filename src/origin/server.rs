//! One server: its addresses, its idle connections by worker, and how many are open in all.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection::Connection;
use crate::base::budget::Part;
use crate::base::{Budget, Charge, Clock, Elapsed, Fault, Reason, WorkerId};
use crate::config::{self, Host};
use crate::net::dial::{self, Tls};
use crate::net::resolver::{Addresses, Resolver};

/// A server of a cluster.
#[derive(Debug)]
pub struct Server {
    name: Arc<str>,
    port: u16,
    addresses: Addresses,
    tls: Option<Tls>,
    most: usize,
    open: Arc<AtomicUsize>,
    /// As many permits as there may be connections: each exchange has one.
    turns: Arc<Semaphore>,
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

/// The right to use one of a server's connections.
#[derive(Debug)]
pub struct Turn(#[allow(dead_code, reason = "held, and dropped")] OwnedSemaphorePermit);

/// What a connection takes, in bytes: its socket's in the kernel above all.
const CONNECTION: u64 = 16 * 1024;

impl Server {
    /// A server as configured, with at most `most` connections.
    pub fn new(
        config: &config::Server,
        tls: Option<Tls>,
        most: usize,
        workers: usize,
        resolver: &Resolver,
        budget: &Budget,
    ) -> Self {
        let addresses = match &config.host {
            Host::Address(address) => Addresses::Fixed(Arc::from([*address])),
            Host::Name(name) => resolver.watch(name),
        };
        Self {
            name: Arc::clone(&config.name),
            port: config.port,
            addresses,
            tls,
            most,
            open: Arc::default(),
            turns: Arc::new(Semaphore::new(most)),
            queue: AtomicUsize::new(0),
            budget: budget.clone(),
            idle: (0..workers).map(|_| Mutex::default()).collect(),
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
        self.most.saturating_sub(self.turns.available_permits()) + self.queue()
    }

    /// Whether a request would find a connection without waiting for it.
    pub fn has_room(&self) -> bool {
        self.turns.available_permits() > 0
    }

    /// Waits for the right to use a connection, first come, first served, for at most `limit` and
    /// with at most `queue` waiting.
    ///
    /// # Errors
    /// [`Reason::PoolFull`] and [`Reason::PoolTimeout`].
    pub async fn turn(&self, queue: usize, limit: Duration, clock: &Clock) -> Result<Turn, Fault> {
        if let Ok(permit) = Arc::clone(&self.turns).try_acquire_owned() {
            return Ok(Turn(permit));
        }
        let place = Queued(&self.queue);
        if self.queue.fetch_add(1, Ordering::Relaxed) >= queue {
            drop(place);
            return Err(self.full());
        }
        self.counts.queued.fetch_add(1, Ordering::Relaxed);
        match clock.within(limit, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Turn(permit)),
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

    /// Opens a connection.
    ///
    /// # Errors
    /// [`Reason::PoolFull`], or what kept the connection from opening.
    pub async fn connect(&self, limit: Duration, clock: &Clock) -> Result<Connection, Fault> {
        let open = self.place()?;
        let connected = async {
            let addresses = match clock.within(limit, self.addresses()).await {
                Ok(addresses) => addresses?,
                Err(_) => {
                    return Err(Fault::origin(Reason::NoAddress, "DNS did not answer in time"));
                }
            };
            let stream = dial::dial(&addresses, self.port, self.tls.as_ref(), limit, clock).await?;
            Ok(Connection::new(stream, open))
        };
        let connected = connected.await;
        let count = match &connected {
            Ok(_) => &self.counts.connects,
            Err(_) => &self.counts.connect_failures,
        };
        count.fetch_add(1, Ordering::Relaxed);
        connected
    }

    /// Closes what has been idle for `keepalive`, and what the server has closed.
    pub fn sweep(&self, keepalive: Duration, now: Instant) {
        for idle in &self.idle {
            let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain_mut(|idle| {
                now.saturating_duration_since(idle.since) < keepalive && idle.connection.is_quiet()
            });
        }
    }

    fn place(&self) -> Result<Open, Fault> {
        // Where all are open, an idle one of another worker gives way.
        for _ in 0..=self.idle.len() {
            let charge = self.budget.charge(Part::Origins, CONNECTION);
            let place = Open { count: Arc::clone(&self.open), _charge: charge };
            if self.open.fetch_add(1, Ordering::Relaxed) < self.most {
                return Ok(place);
            }
            drop(place);
            if !self.close_an_idle_one() {
                break;
            }
        }
        Err(self.full())
    }

    /// Closes the connection that has been idle longest at some worker.
    fn close_an_idle_one(&self) -> bool {
        self.idle.iter().any(|idle| {
            let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
            !idle.is_empty() && {
                idle.remove(0);
                true
            }
        })
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
