//! A worker: a thread with a runtime of its own, on which it accepts, serves and fetches.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;
use tokio::sync::mpsc;

use super::Shared;
use super::recorder::Counting;
use crate::base::budget::CONNECT;
use crate::base::clients::{Place, Thing};
use crate::base::{Drain, ListenerId, Peer, WorkerId};
use crate::config::{Config, Listener};
use crate::flow::Flow;
use crate::front::{self, Serving};
use crate::listen::{self, Accepted, Acceptor, Cpus, Notice, Sockets};
use crate::telemetry::{Count, Gauge, Meter};

/// The way to each worker.
pub(super) struct Workers {
    ways: Vec<mpsc::UnboundedSender<Order>>,
    cpus: Cpus,
}

/// The workers' ends of their ways.
pub(super) type Inboxes = Vec<mpsc::UnboundedReceiver<Order>>;

/// Begin to accept.
pub(super) struct Order {
    socket: Arc<TcpListener>,
    acceptor: Acceptor,
    stop: Drain,
    /// Held while the loop runs.
    running: Arc<()>,
}

impl Workers {
    /// A worker for each of `cpus`.
    pub(super) fn new(cpus: Cpus) -> (Self, Inboxes) {
        let (ways, inboxes) = cpus.iter().map(|_| mpsc::unbounded_channel()).unzip();
        (Self { ways, cpus }, inboxes)
    }

    /// The CPU that each keeps to, if it does.
    pub(super) fn cpus(&self) -> &Cpus {
        &self.cpus
    }
}

impl Shared {
    /// Has every worker accept from its sockets, and serve as `config` says.
    pub(super) fn accept_from(self: &Arc<Self>, sockets: &Sockets, config: &Config) {
        for (number, (way, node)) in self.workers.ways.iter().zip(&self.nodes).enumerate() {
            let worker = WorkerId(u16::try_from(number).unwrap_or(u16::MAX));
            let meter = self.telemetry.worker(worker);
            let serving = Arc::new(Serving {
                handler: Arc::new(Flow::new(Arc::clone(node), worker)),
                recorder: Arc::new(Counting(Arc::clone(&meter))),
                clock: self.node.clock.clone(),
                timeouts: config.timeouts,
                limits: config.limits,
                http2: config.http2,
                budget: self.node.budget.clone(),
                clients: self.node.clients.clone(),
                trusted_proxies: config.node.trusted_proxies.clone(),
                drain: self.finish.clone(),
            });
            for (index, bound) in sockets.bound().iter().enumerate() {
                let Some(socket) = bound.socket(number) else { continue };
                let listener = ListenerId(u16::try_from(index).unwrap_or(u16::MAX));
                let acceptor = Acceptor {
                    listener,
                    worker,
                    clock: self.node.clock.clone(),
                    capacity: self.capacity.clone(),
                    connect: self.connect(&bound.listener, &serving, &meter),
                    notice: notice(&meter),
                };
                // A worker that has ended takes no orders, and needs none.
                let (stop, running) = (sockets.stop().clone(), Arc::clone(&self.accepting));
                let _ = way.send(Order { socket, acceptor, stop, running });
            }
        }
    }

    /// What is done with each connection of `listener`.
    fn connect(
        self: &Arc<Self>,
        listener: &Listener,
        serving: &Arc<Serving>,
        meter: &Arc<Meter>,
    ) -> Arc<dyn Fn(Accepted) + Send + Sync> {
        let (serving, meter) = (Arc::clone(serving), Arc::clone(meter));
        let tls = Arc::clone(&self.tls);
        let (over_tls, purge_only) = (listener.tls, listener.purge_only);
        let (count, gauge) = match over_tls {
            true => (Count::AcceptedTls, Gauge::ConnectionsTls),
            false => (Count::AcceptedPlain, Gauge::ConnectionsPlain),
        };
        Arc::new(move |accepted| {
            if !serving.budget.room_for(front::FIRST_BYTES, CONNECT) {
                return meter.add(Count::RefusedMemory, 1);
            }
            let Ok(place) = place(&serving, &accepted) else {
                return meter.add(Count::RefusedClient, 1);
            };
            if place.as_ref().is_some_and(|place| place.number() > MANY) {
                listen::send_less_in_advance(&accepted.stream);
            }
            meter.add(count, 1);
            let held = (accepted.slot, place, meter.gauge(gauge));
            let peer = Arc::new(Peer {
                listener: accepted.listener,
                worker: accepted.worker,
                local: accepted.local,
                remote: accepted.remote,
                tls: over_tls,
                purge_only,
            });
            let tls = over_tls.then(|| tls.current());
            let life = front::connection(accepted.stream, tls, peer, Arc::clone(&serving));
            tokio::spawn(async move {
                life.await;
                drop(held);
            });
        })
    }
}

/// Connections of one client beyond which the kernel takes less of its answers in advance: browsers
/// have six to a host, or one.
const MANY: usize = 24;

/// The connection's place among those of its client, if it needs one: a trusted proxy's connections
/// carry many clients.
fn place(serving: &Serving, accepted: &Accepted) -> Result<Option<Place>, ()> {
    let address = accepted.remote.ip().to_canonical();
    if serving.trusted_proxies.contains(address) {
        return Ok(None);
    }
    let most = serving.limits.client_connections;
    serving.clients.take(address, Thing::Connection, most).map(Some).ok_or(())
}

fn notice(meter: &Arc<Meter>) -> Arc<dyn Fn(Notice) + Send + Sync> {
    let meter = Arc::clone(meter);
    Arc::new(move |notice| {
        let count = match notice {
            Notice::Full => Count::RefusedLimit,
            Notice::Exhausted => Count::AcceptExhausted,
        };
        meter.add(count, 1);
    })
}

/// Starts a worker's thread.
///
/// # Errors
/// The system gives no thread, or no runtime.
pub(super) fn start(
    number: usize,
    cpu: Option<usize>,
    mut inbox: mpsc::UnboundedReceiver<Order>,
    stop: Drain,
) -> io::Result<JoinHandle<()>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
        if let Some(Err(error)) = cpu.map(listen::keep_to) {
            tracing::warn!(number, %error, "a worker does not keep to its CPU");
        }
        runtime.block_on(async move {
            loop {
                tokio::select! {
                    () = stop.wait() => return,
                    order = inbox.recv() => match order {
                        Some(order) => begin(order),
                        None => return stop.wait().await,
                    },
                }
            }
        });
    })
}

fn begin(order: Order) {
    let Order { socket, acceptor, stop, running } = order;
    tokio::spawn(async move {
        let listener = acceptor.listener.0;
        if let Err(error) = listen::accept(socket, acceptor, stop).await {
            tracing::error!(listener, %error, "a listener cannot be polled");
        }
        drop(running);
    });
}
