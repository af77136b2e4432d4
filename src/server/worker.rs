//! A worker: a thread with a runtime of its own, on which it accepts, serves and fetches.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;
use tokio::sync::mpsc;

use super::Shared;
use super::door::Door;
use super::recorder::Counting;
use crate::base::{Drain, ListenerId, WorkerId};
use crate::config::Config;
use crate::flow::Flow;
use crate::front::Serving;
use crate::listen::{self, Acceptor, Cpus, Notice, Sockets};
use crate::telemetry::{Count, Meter};

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
                let door = Arc::new(Door {
                    listener: bound.listener.clone(),
                    serving: Arc::clone(&serving),
                    meter: Arc::clone(&meter),
                    tls: Arc::clone(&self.tls),
                });
                let acceptor = Acceptor {
                    listener,
                    worker,
                    clock: self.node.clock.clone(),
                    capacity: self.capacity.clone(),
                    connect: Arc::new(move |accepted| door.open(accepted)),
                    notice: notice(&meter),
                };
                // A worker that has ended takes no orders, and needs none.
                let (stop, running) = (sockets.stop().clone(), Arc::clone(&self.accepting));
                let _ = way.send(Order { socket, acceptor, stop, running });
            }
        }
    }
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
