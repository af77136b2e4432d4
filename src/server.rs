//! The server: the only file that knows every room. It builds them from a configuration, wires
//! them, replaces what a reload replaces, and shuts everything down in order.
//!
//! Threads: one a worker, each with a current-thread runtime on which its connections, their fetches
//! and its pools live; one for control (admin, names, drains, upkeep of pools and logs); one of
//! `fetch`'s for content codings, once a site has some made; and one for purges that are no requests. Nothing here is on a request's path.
//!
//! Shutting down: `/healthz` turns 503 while connections are still accepted (`drain_delay`), then
//! listeners accept until their queues are empty and end, connections finish what they have begun
//! (`drain_timeout` at most), and the threads end.

mod control;
mod door;
mod fleet;
mod htcp;
mod purging;
mod recorder;
pub mod relay;
mod sources;
mod start;
mod status;
mod streams;
mod sweeper;
mod worker;

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::runtime::Handle;

use crate::admin::purge::Purges;
use crate::base::{Charge, Clock, Drain};
use crate::config::{Change, Ids, Loaded};
use crate::flow::Node;
use crate::listen::{Capacity, Sockets};
use crate::net::resolver::Resolver;
use crate::net::tls::ServerTls;
use crate::telemetry::{Count, Telemetry};
use fleet::Fleet;
use htcp::Htcp;
use streams::Streams;
use worker::Workers;

/// What a server is given beside its configuration.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Time.
    pub clock: Clock,
    /// The numbers of names; the same as the configuration was read with.
    pub ids: Ids,
}

/// Why a server cannot start, or a reload cannot be done: one sentence a cause.
#[derive(Clone, Debug)]
pub struct StartError(pub Vec<String>);

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for StartError {}

/// A running server; dropping it stops it at once.
pub struct Server {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What the server's threads share.
pub(crate) struct Shared {
    node: Arc<Node>,
    /// The same for each worker.
    nodes: Box<[Arc<Node>]>,
    /// Where the control API takes purges, and of whom.
    api: Arc<Purges>,
    telemetry: Telemetry,
    /// Who says what is pooled.
    fleet: Arc<Fleet>,
    /// The HTCP listeners.
    htcp: Arc<Htcp>,
    /// The purge streams.
    streams: Arc<Streams>,
    /// The configuration in force, as it was written.
    loaded: Mutex<Loaded>,
    sockets: Mutex<Sockets>,
    tls: Arc<ServerTls>,
    resolver: Resolver,
    workers: Workers,
    control: Handle,
    /// As many more holders as accept loops run.
    accepting: Arc<()>,
    /// The room for connections.
    capacity: Capacity,
    /// What `/healthz` tells.
    draining: Arc<AtomicBool>,
    /// Shutting down has been asked for.
    leave: Drain,
    /// Connections finish what they have begun and close.
    finish: Drain,
    /// The threads end.
    stop: Drain,
    admin: Option<SocketAddr>,
    /// What the process itself holds of the budget.
    _fixed: Charge,
}

impl Server {
    /// Starts a server; when this returns, every listener accepts.
    ///
    /// # Errors
    /// Everything that keeps it from starting: addresses that cannot be bound, certificates that
    /// cannot be served, roots that cannot be read, threads that the system does not give.
    pub fn start(loaded: Loaded, parts: Parts) -> Result<Self, StartError> {
        start::start(loaded, parts)
    }

    /// The addresses of the listeners, in the order of the configuration, with the ports that the
    /// system chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.shared.sockets().bound().iter().map(|bound| bound.address).collect()
    }

    /// The admin listener's address.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.shared.admin
    }

    /// Puts another configuration in force, all of it or nothing, and returns what changed. What
    /// is stored and who is connected stays.
    ///
    /// # Errors
    /// What keeps it from being put in force; the old one stays.
    pub fn reload(&self, loaded: Loaded) -> Result<Vec<Change>, StartError> {
        let result = self.shared.reload(loaded);
        let count = if result.is_ok() { Count::ReloadsDone } else { Count::ReloadsRefused };
        self.shared.telemetry.control().add(count, 1);
        result
    }

    /// Begins to shut down in order; [`join`](Self::join) waits for the end of it.
    pub fn drain(&self) {
        self.shared.leave.begin();
    }

    /// Ends at once: connections are cut.
    pub fn stop(&self) {
        self.shared.stop.begin();
    }

    /// Waits until the server has ended.
    pub fn join(mut self) {
        self.wait();
    }

    fn wait(&mut self) {
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the server ended in a panic");
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        self.wait();
    }
}

impl Shared {
    fn sockets(&self) -> MutexGuard<'_, Sockets> {
        // Sockets are switched in one call, which is all or nothing.
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn loaded(&self) -> MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
