//! Building a server from a configuration, and putting another one in force.

use std::fmt::Display;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use http::HeaderValue;
use http::header::InvalidHeaderValue;
use tokio::runtime::{Builder, Runtime};

use super::fleet::Fleet;
use super::streams::Streams;
use super::worker::{self, Inboxes, Workers};
use super::{Parts, Server, Shared, StartError, control, purging, sweeper};
use crate::admin::gate::Gate;
use crate::admin::purge::Purges;
use crate::base::budget::Part;
use crate::base::{Budget, Charge, Clients, Clock, Drain, fields};
use crate::config::{self, AccessSink, Change, Config, Ids, Listener, Loaded};
use crate::fetch::Fetch;
use crate::flow::verify::Countdown;
use crate::flow::{Node, Running};
use crate::listen::{self, Capacity, Cpus, Sockets};
use crate::net::resolver::Resolver;
use crate::net::tls::{self, Prepared, ServerTls};
use crate::origin::Origins;
use crate::purge::{Desk, Order, Sources, What};
use crate::reply::ErrorPages;
use crate::site::identity::RequestIds;
use crate::store::{Mode, Scope, Store};
use crate::telemetry::{AccessLog, Labels, Sink, Telemetry};

/// What the process takes without clients and without a cache: its program, its threads, its
/// tables and the blocks of its log.
const PROCESS: u64 = 16 * 1024 * 1024;

pub(super) fn start(loaded: Loaded, parts: Parts) -> Result<Server, StartError> {
    prepare_process();
    let Parts { clock, ids } = parts;
    let config = loaded.config.clone();
    let one = |what: &str, error: &dyn Display| StartError(vec![format!("{what}: {error}")]);

    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| one("the control thread's runtime", &error))?;
    let resolver = Resolver::from_system(clock.clone(), runtime.handle().clone());
    let budget = Budget::new(config.node.memory);
    let origins =
        Origins::build(&config, None, &resolver, &budget, clock.now()).map_err(StartError)?;
    let pages = ErrorPages::read(&config).map_err(StartError)?;
    let prepared = prepare_tls(&config, &clock)?;
    let tls = ServerTls::new(prepared).map_err(|error| one("TLS", &error))?;
    let cpus = cpus(&config.node).map_err(|error| one("cpu_affinity", &error))?;
    let sockets = Sockets::bind(&config.listeners, &cpus).map_err(unbound)?;
    let admin = bind_admin(&config)?;

    let labels = labels(ids, &config);
    let access = AccessLog::open(&sink(&config)).map_err(|error| one("the access log", &error))?;
    let telemetry = Telemetry::new(clock.clone(), config.node.workers, labels, access)
        .map_err(|error| one("the access log's thread", &error))?;

    let gate = Gate::new(&config).map_err(StartError)?;
    let fleet = Fleet::start(&config, &clock, runtime.handle(), &origins)?;
    let running = Running::new(config.clone(), origins, pages);
    let node = node(running, clock, budget).map_err(|why| one("the node's name", &why))?;
    let api = Arc::new(Purges::new(&node.sources, &node.store, &node.clock, gate));
    let fixed = hold_what_is_fixed(&node, config.node.workers);
    let nodes = (0..config.node.workers).map(|_| Arc::new(node.copy())).collect();

    let (stop, counting) = (Drain::new(), telemetry.control());
    let heard = purging::prepare(&node.sources, counting, stop.clone());
    let (purges, htcp) = heard.map_err(|error| one("the purges' runtime", &error))?;
    let listeners = htcp.prepare(&config.purge.htcp).map_err(unbound)?;
    let streams = Arc::new(Streams::new(
        Arc::clone(&node.sources),
        telemetry.control(),
        node.clock.clone(),
        resolver.clone(),
        purges.handle().clone(),
    ));
    let reading = streams.prepare(&config.purge.streams).map_err(StartError)?;

    let node = meet_the_fleet(node, &streams, &fleet);
    let (workers, inboxes) = Workers::new(cpus);
    let shared = Arc::new(Shared {
        node,
        nodes,
        api,
        fleet,
        htcp: Arc::clone(&htcp),
        streams: Arc::clone(&streams),
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
        stop,
        admin: admin.as_ref().and_then(|sockets| sockets.bound().first().map(|b| b.address)),
        _fixed: fixed,
    });
    let server = begin(&shared, [runtime, purges], inboxes, admin.as_ref())?;
    listeners.switch(&config.purge.htcp);
    reading.switch();
    shared.accept_from(&shared.sockets(), &config);
    announce(&shared.sockets());
    Ok(server)
}

fn labels(ids: Ids, config: &Config) -> Labels {
    Labels { sites: ids.sites, clusters: ids.clusters, node: config.node.name.clone() }
}

/// The node, which can tell other nodes how far `streams` are read, and what is to be purged.
fn meet_the_fleet(node: Node, streams: &Arc<Streams>, fleet: &Fleet) -> Arc<Node> {
    // They are met once.
    let _ = node.streams.set(Arc::clone(streams) as _);
    let node = Arc::new(node);
    fleet.edges().belong_to(&node);
    node.sources.relay_by(Arc::clone(fleet.edges()) as _);
    node
}

/// The node that serves what `running` says.
fn node(running: Running, clock: Clock, budget: Budget) -> Result<Node, InvalidHeaderValue> {
    let config = &running.config;
    let via = HeaderValue::try_from(format!("1.1 {}", config.node.name))?;
    let store = Arc::new(Store::new(config.cache.memory, config.cache.max_variants));
    let fetch = Fetch::new(Arc::clone(&store), clock.clone(), budget.clone(), config.node.workers);
    let desk = Arc::new(Desk::new(Arc::clone(&store), running.sites.clone()));
    let sources = Arc::new(Sources::new(desk, clock.clone(), &budget));
    Ok(Node {
        running: ArcSwap::from_pointee(running),
        store,
        fetch,
        streams: Arc::default(),
        watch: Arc::default(),
        countdown: Countdown::default(),
        sources,
        clock,
        budget,
        via,
        clients: Clients::default(),
        request_ids: RequestIds::default(),
    })
}

/// Charges for what the process holds without clients and objects.
fn hold_what_is_fixed(node: &Node, workers: usize) -> Charge {
    let floors = node.store.floors().bytes() + node.store.wide().bytes();
    let unpacked = fields::UNPACKED_BYTES * workers as u64;
    node.budget.charge(Part::Process, PROCESS + floors + unpacked)
}

/// Starts the threads; a failure drops the server, which ends those that have begun.
fn begin(
    shared: &Arc<Shared>,
    [control, purges]: [Runtime; 2],
    inboxes: Inboxes,
    admin: Option<&Sockets>,
) -> Result<Server, StartError> {
    let mut server = Server { shared: Arc::clone(shared), threads: Vec::new() };
    let thread = |what: &str, started: io::Result<_>| {
        started.map_err(|error| StartError(vec![format!("{what}: {error}")]))
    };
    for (number, inbox) in inboxes.into_iter().enumerate() {
        let cpu = shared.workers.cpus()[number];
        let started = worker::start(number, cpu, inbox, shared.stop.clone());
        server.threads.push(thread("a worker's thread", started)?);
    }
    if let Some(admin) = admin {
        control::serve_admin(shared, admin, &shared.node.running.load().config);
    }
    let started = sweeper::start(Arc::clone(shared));
    server.threads.push(thread("the sweeper's thread", started)?);
    let started = control::start(control, Arc::clone(shared));
    server.threads.push(thread("the control thread", started)?);
    let started = purging::start(purges, Arc::clone(shared));
    server.threads.push(thread("the purges' thread", started)?);
    Ok(server)
}

fn announce(sockets: &Sockets) {
    for bound in sockets.bound() {
        let (address, tls) = (bound.address, bound.listener.tls);
        tracing::info!(%address, tls, purge_only = bound.listener.purge_only, "listening");
    }
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
        let origins = Origins::build(
            &config,
            Some(&old.origins),
            &self.resolver,
            &self.node.budget,
            self.node.clock.now(),
        );
        let origins = origins.map_err(StartError)?;
        let pages = ErrorPages::read(&config).map_err(StartError)?;
        let rules = self.api.gate().read(&config).map_err(StartError)?;
        let prepared = prepare_tls(&config, &self.node.clock)?;
        let access = AccessLog::open(&sink(&config))
            .map_err(|error| StartError(vec![format!("the access log: {error}")]))?;
        let sockets = self.sockets().rebind(&config.listeners, self.workers.cpus());
        let sockets = sockets.map_err(unbound)?;
        let htcp = self.htcp.prepare(&config.purge.htcp).map_err(unbound)?;
        let streams = self.streams.prepare(&config.purge.streams).map_err(StartError)?;
        self.tls.switch(prepared).map_err(|error| StartError(vec![format!("TLS: {error}")]))?;

        self.fleet.follow(&config.fleet);
        self.fleet.decide(&config, &origins);
        let running = Running::new(config.clone(), origins, pages);
        self.nodes.iter().for_each(|node| node.follow(&running));
        self.node.sources.desk().follow(running.sites.clone());
        self.api.gate().follow(rules);
        htcp.switch(&config.purge.htcp);
        streams.switch();
        self.node.running.store(Arc::new(running));
        // What has changed meanwhile was decided for those that are no more.
        self.fleet.decide(&config, &self.node.running.load().origins);
        if purges_otherwise(&old.config, &config) {
            let everything = Order::new(What::All(Scope::Everything), Some(Mode::Soft));
            self.node.sources.desk().take(everything);
            tracing::warn!(
                "other hosts are purged than before: what is stored is stale, since purges of what was not served were dropped"
            );
        }
        self.telemetry.switch_access(access);
        self.capacity.set_limit(config.limits.connections);
        self.accept_from(&sockets, &config);
        let replaced = std::mem::replace(&mut *self.sockets(), sockets);
        replaced.stop().begin();
        *self.loaded() = loaded;
        Ok(changes)
    }
}

/// Whether a purge may mean something else than before, or anything at all: by sites' hosts and spelling, and
/// by what sources leave out.
fn purges_otherwise(old: &Config, new: &Config) -> bool {
    let sites = |config: &Config| -> Vec<_> {
        let of = |site: &Arc<config::Site>| (site.id, site.hosts.clone(), site.spelling.clone());
        config.sites.iter().map(of).collect()
    };
    let sources = |config: &Config| -> Vec<_> {
        let htcp = config.purge.htcp.iter().map(|one| one.terms.hosts.clone());
        htcp.chain(config.purge.streams.iter().map(|one| one.terms.hosts.clone())).collect()
    };
    sites(old) != sites(new) || sources(old) != sources(new)
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
    let prepared = match &config.fleet.trust {
        Some(trust) => {
            prepared.with_fleet(trust, clock.wall()).map_err(|why| StartError(vec![why]))?
        }
        None => prepared,
    };
    prepared.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok(prepared)
}

fn bind_admin(config: &Config) -> Result<Option<Sockets>, StartError> {
    let bind = |address| Sockets::bind(&[Listener::at(address)], &[None]).map_err(unbound);
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
