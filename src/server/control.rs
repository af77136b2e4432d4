//! The control thread: the admin listener, the upkeep of pools and logs, and the order in which the
//! server leaves.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Runtime;

use super::purging::Purging;
use super::recorder::Counting;
use super::sources::Rooms;
use super::{Shared, fleet, status};
use crate::admin::Admin;
use crate::base::budget::{Part, STAY, YIELD};
use crate::base::{Clients, Drain, ListenerId, Peer, WorkerId};
use crate::config::Config;
use crate::front::{self, Serving};
use crate::geo::PrefixSet;
use crate::listen::{self, Acceptor, Capacity, Sockets};
use crate::telemetry::Source;

/// Between two rounds of upkeep.
const UPKEEP: Duration = Duration::from_secs(1);
/// How often it is looked whether a server is to be checked.
const TEND: Duration = Duration::from_millis(100);
/// How often it is looked whether the cache must give way.
const MAKE_WAY: Duration = Duration::from_millis(50);
/// How often it is looked whether the last connection has ended.
const LOOK: Duration = Duration::from_millis(10);
/// How long the access log may take to be written out at the end.
const LAST_LINES: Duration = Duration::from_secs(2);
/// Connections to the admin listener.
const ADMIN_CONNECTIONS: usize = 256;

/// Starts the control thread.
///
/// # Errors
/// The system gives no thread.
pub(super) fn start(runtime: Runtime, shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("control".into()).spawn(move || {
        runtime.block_on(async {
            tokio::spawn(upkeep(Arc::clone(&shared)));
            tokio::spawn(make_way(Arc::clone(&shared)));
            tokio::spawn(tend(Arc::clone(&shared)));
            tokio::spawn(fleet::run(Arc::clone(&shared)));
            tokio::spawn(fleet::sign(Arc::clone(&shared)));
            tokio::spawn(leave(Arc::clone(&shared)));
            shared.stop.wait().await;
        });
        shared.telemetry.close(LAST_LINES);
    })
}

/// Has the cache give way where the rest of the process needs its memory, and take it back. A part of
/// it stays in any case, so that there are hits whatever else goes on.
async fn make_way(shared: Arc<Shared>) {
    let (budget, store) = (&shared.node.budget, &shared.node.store);
    let mut entries = budget.charge(Part::Stored, 0);
    loop {
        entries.set(store.bookkeeping());
        let others = budget.held().saturating_sub(store.bytes());
        let left = (budget.limit() / 100 * YIELD).saturating_sub(others);
        store.set_capacity(left.max(budget.limit() / 100 * STAY));
        shared.node.clock.sleep(MAKE_WAY).await;
    }
}

async fn upkeep(shared: Arc<Shared>) {
    loop {
        shared.node.clock.sleep(UPKEEP).await;
        shared.telemetry.flush();
        let now = shared.node.clock.now();
        shared.node.running.load().origins.pools().for_each(|pool| pool.sweep(now));
    }
}

/// Looks after the health of origin servers.
async fn tend(shared: Arc<Shared>) {
    let clock = &shared.node.clock;
    loop {
        shared.node.running.load().origins.pools().for_each(|pool| pool.tend(clock));
        clock.sleep(TEND).await;
    }
}

/// Leaves in order, once that is asked for.
async fn leave(shared: Arc<Shared>) {
    shared.leave.wait().await;
    let clock = &shared.node.clock;
    let node = shared.node.running.load().config.node.clone();
    tracing::info!(delay = ?node.drain_delay, "shutting down: /healthz says 503");
    shared.draining.store(true, Ordering::Relaxed);
    clock.sleep(node.drain_delay).await;
    shared.sockets().close();
    shared.finish.begin();
    tracing::info!(
        connections = shared.capacity.held(),
        "shutting down: finishing what is in flight"
    );
    let ended = async {
        while Arc::strong_count(&shared.accepting) > 1 || shared.capacity.held() > 0 {
            clock.sleep(LOOK).await;
        }
    };
    if clock.within(node.drain_timeout, ended).await.is_err() {
        tracing::warn!(connections = shared.capacity.held(), "shutting down: cutting the rest");
    }
    shared.stop.begin();
}

/// Serves the admin listener on the control runtime, until the server ends.
pub(super) fn serve_admin(shared: &Arc<Shared>, sockets: &Sockets, config: &Config) {
    let (node, telemetry) = (Arc::clone(&shared.node), shared.telemetry.clone());
    let draining = shared.leave.clone();
    let (sources, htcp) = (Arc::clone(&node.sources), Arc::clone(&shared.htcp));
    let purging = Arc::new(Purging { sources, htcp, streams: Arc::clone(&shared.streams) });
    let page = {
        let purging = Arc::clone(&purging);
        let fleet = Arc::clone(&shared.fleet);
        Arc::new(move || status::page(&node, &telemetry, &draining, &purging, &fleet))
    };
    let rooms = Arc::new(Rooms(Arc::clone(&shared.node)));
    let flag = Arc::clone(&shared.draining);
    let purges = Arc::clone(&shared.api);
    let sources: Vec<Arc<dyn Source>> =
        vec![rooms, purging, Arc::clone(&purges) as _, Arc::clone(&shared.fleet) as _];
    let admin = Admin::new(shared.telemetry.clone(), sources, page, flag, purges);
    let serving = Arc::new(Serving {
        handler: Arc::new(admin),
        recorder: Arc::new(Counting(shared.telemetry.control())),
        clock: shared.node.clock.clone(),
        timeouts: config.timeouts,
        limits: config.limits,
        http2: config.http2,
        budget: shared.node.budget.clone(),
        clients: Clients::default(),
        trusted_proxies: PrefixSet::default(),
        drain: Drain::new(),
    });
    for socket in sockets.bound().iter().filter_map(|bound| bound.socket(0)) {
        let serving = Arc::clone(&serving);
        let acceptor = Acceptor {
            listener: ListenerId(u16::MAX),
            worker: WorkerId(u16::MAX),
            clock: shared.node.clock.clone(),
            capacity: Capacity::new(ADMIN_CONNECTIONS),
            connect: Arc::new(move |accepted| {
                let peer = Arc::new(Peer {
                    listener: accepted.listener,
                    worker: accepted.worker,
                    ..Peer::plain(accepted.local, accepted.remote)
                });
                let life = front::connection(accepted.stream, None, peer, Arc::clone(&serving));
                tokio::spawn(async move {
                    life.await;
                    drop(accepted.slot);
                });
            }),
            notice: Arc::new(|_| {}),
        };
        let stop = sockets.stop().clone();
        shared.control.spawn(async move {
            if let Err(error) = listen::accept(socket, acceptor, stop).await {
                tracing::error!(%error, "the admin listener cannot be polled");
            }
        });
    }
}
