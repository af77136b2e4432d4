//! Building a server from a configuration, and putting another one in force.

use std::fmt::Display;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use http::HeaderValue;
use tokio::runtime::Builder;

use super::worker::{self, Workers};
use super::{Parts, Server, Shared, StartError, control};
use crate::base::budget::Part;
use crate::base::{Budget, Clients, Clock, Drain, fields};
use crate::config::{self, AccessSink, Change, Config, Listener, Loaded};
use crate::fetch::Fetch;
use crate::flow::{Node, Running};
use crate::listen::{self, Capacity, Cpus, Sockets};
use crate::net::resolver::Resolver;
use crate::net::tls::{self, Prepared, ServerTls};
use crate::origin::Origins;
use crate::store::Store;
use crate::telemetry::{AccessLog, Labels, Sink, Telemetry};

/// What the process takes without clients and without a cache: its program, its threads, its
/// tables and the blocks of its log.
const PROCESS: u64 = 16 * 1024 * 1024;

pub(super) fn start(loaded: Loaded, parts: Parts) -> Result<Server, StartError> {
    prepare_process();
    let Parts { clock, ids } = parts;
    let config = loaded.config.clone();
    let one = |what: &str, error: &dyn Display| StartError(vec![format!("{what}: {error}")]);

    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| one("the control thread's runtime", &error))?;
    let resolver = Resolver::from_system(clock.clone(), runtime.handle().clone());
    let budget = Budget::new(config.node.memory);
    let origins = Origins::build(&config, None, &resolver, &budget).map_err(StartError)?;
    let prepared = prepare_tls(&config, &clock)?;
    let tls = ServerTls::new(prepared).map_err(|error| one("TLS", &error))?;
    let cpus = cpus(&config.node).map_err(|error| one("cpu_affinity", &error))?;
    let sockets = Sockets::bind(&config.listeners, &cpus).map_err(unbound)?;
    let admin = bind_admin(&config)?;

    let labels =
        Labels { sites: ids.sites, clusters: ids.clusters, node: config.node.name.clone() };
    let access = AccessLog::open(&sink(&config)).map_err(|error| one("the access log", &error))?;
    let telemetry = Telemetry::new(clock.clone(), config.node.workers, labels, access)
        .map_err(|error| one("the access log's thread", &error))?;

    let store = Arc::new(Store::new(config.cache.memory, config.cache.max_variants));
    let unpacked = fields::UNPACKED_BYTES * config.node.workers as u64;
    let fixed = budget.charge(Part::Process, PROCESS + store.floors().bytes() + unpacked);
    let fetch = Fetch::new(Arc::clone(&store), clock.clone(), budget.clone(), config.node.workers);
    let running = Running::new(config.clone(), origins);
    let via = HeaderValue::try_from(format!("1.1 {}", config.node.name))
        .map_err(|error| one("the node's name", &error))?;
    let clients = Clients::default();
    let running = ArcSwap::from_pointee(running);
    let node = Node { running, store, fetch, clock, budget, via, clients };
    let nodes = (0..config.node.workers).map(|_| Arc::new(node.copy())).collect();

    let (workers, inboxes) = Workers::new(cpus);
    let shared = Arc::new(Shared {
        node: Arc::new(node),
        nodes,
        telemetry,
        loaded: Mutex::new(loaded),
        sockets: Mutex::new(sockets),
        tls: Arc::new(tls),
        resolver,
        workers,
        control: runtime.handle().clone(),
        accepting: Arc::new(()),
        capacity: Capacity::new(config.limits.connections),
        draining: Arc::new(AtomicBool::new(false)),
        leave: Drain::new(),
        finish: Drain::new(),
        stop: Drain::new(),
        admin: admin.as_ref().and_then(|sockets| sockets.bound().first().map(|b| b.address)),
        _fixed: fixed,
    });
    // From here on a failure drops the server, which ends the threads that have begun.
    let mut server = Server { shared: Arc::clone(&shared), threads: Vec::new() };
    let thread = |what: &str, started: io::Result<_>| started.map_err(|e| one(what, &e));
    for (number, inbox) in inboxes.into_iter().enumerate() {
        let cpu = shared.workers.cpus()[number];
        let started = worker::start(number, cpu, inbox, shared.stop.clone());
        server.threads.push(thread("a worker's thread", started)?);
    }
    if let Some(admin) = &admin {
        control::serve_admin(&shared, admin, &config);
    }
    let started = control::start(runtime, Arc::clone(&shared));
    server.threads.push(thread("the control thread", started)?);
    shared.accept_from(&shared.sockets(), &config);
    for bound in shared.sockets().bound() {
        let (address, tls) = (bound.address, bound.listener.tls);
        tracing::info!(%address, tls, purge_only = bound.listener.purge_only, "listening");
    }
    Ok(server)
}

/// The CPU that each worker keeps to, if it does.
fn cpus(node: &config::Node) -> io::Result<Cpus> {
    match node.cpu_affinity {
        true => listen::cpus(node.workers),
        false => Ok(vec![None; node.workers].into()),
    }
}

/// Sets what the system allows the process.
fn prepare_process() {
    if let Err(error) = listen::raise_descriptor_limit() {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
    if let Err(error) = use_small_pages() {
        tracing::warn!(%error, "memory may come in huge pages, and more of it be used than is told");
    }
}

/// Has the kernel back memory with pages of the usual size only: of a huge one all is resident where
/// a few bytes are used, so the process would take a third more than it is charged for.
fn use_small_pages() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::thread::disable_transparent_huge_pages(true)?;
    Ok(())
}

impl Shared {
    pub(super) fn reload(self: &Arc<Self>, mut loaded: Loaded) -> Result<Vec<Change>, StartError> {
        let changes = config::diff(&self.loaded(), &loaded);
        let old = self.node.running.load_full();
        keep_what_needs_a_restart(&mut loaded.config, &old.config);
        let config = loaded.config.clone();

        // Everything that can fail comes first, and changes nothing.
        let origins =
            Origins::build(&config, Some(&old.origins), &self.resolver, &self.node.budget);
        let origins = origins.map_err(StartError)?;
        let prepared = prepare_tls(&config, &self.node.clock)?;
        let access = AccessLog::open(&sink(&config))
            .map_err(|error| StartError(vec![format!("the access log: {error}")]))?;
        let sockets = self.sockets().rebind(&config.listeners, self.workers.cpus());
        let sockets = sockets.map_err(unbound)?;
        self.tls.switch(prepared).map_err(|error| StartError(vec![format!("TLS: {error}")]))?;

        let running = Running::new(config.clone(), origins);
        self.nodes.iter().for_each(|node| node.follow(&running));
        self.node.running.store(Arc::new(running));
        self.telemetry.switch_access(access);
        self.capacity.set_limit(config.limits.connections);
        self.accept_from(&sockets, &config);
        let replaced = std::mem::replace(&mut *self.sockets(), sockets);
        replaced.stop().begin();
        *self.loaded() = loaded;
        Ok(changes)
    }
}

/// Values that a running process is built around stay as they were; the changes say so.
fn keep_what_needs_a_restart(config: &mut Config, old: &Config) {
    config.node.name.clone_from(&old.node.name);
    config.node.memory = old.node.memory;
    config.node.workers = old.node.workers;
    config.node.cpu_affinity = old.node.cpu_affinity;
    config.cache.memory = old.cache.memory;
    config.cache.max_variants = old.cache.max_variants;
    config.admin = old.admin;
}

fn prepare_tls(config: &Config, clock: &Clock) -> Result<Prepared, StartError> {
    let prepared = tls::prepare(&config.certificates, config.http2.enabled, clock.wall());
    let prepared =
        prepared.map_err(|errors| StartError(errors.iter().map(ToString::to_string).collect()))?;
    prepared.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok(prepared)
}

fn bind_admin(config: &Config) -> Result<Option<Sockets>, StartError> {
    let listener = |address| Listener { address, tls: false, purge_only: false };
    let bind = |address| Sockets::bind(&[listener(address)], &[None]).map_err(unbound);
    config.admin.map(bind).transpose()
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn unbound(errors: Vec<listen::BindError>) -> StartError {
    StartError(errors.iter().map(ToString::to_string).collect())
}

fn sink(config: &Config) -> Sink {
    match &config.log.access {
        AccessSink::Off => Sink::Off,
        AccessSink::Stdout => Sink::Stdout,
        AccessSink::File(path) => Sink::File(path.clone()),
    }
}
