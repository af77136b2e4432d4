//! Orders on their way to the nodes through which this one fetches: a PURGE with the order in a field, to
//! each of them at once, over connections of the kind by which they are asked for pages.
//!
//! A node that somebody has taken out is not asked for pages, and so owes nobody obedience: an order does not
//! wait for it. It is owed, and the node is not asked again before it has been paid all of that. What this
//! node owes is forgotten with it.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use http::header::HOST;
use http::{HeaderValue, Method, Request, StatusCode, request};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::base::{Clock, WorkerId, between};
use crate::config::{Config, Pooled, Site};
use crate::flow::Node;
use crate::origin::Pool;
use crate::purge::relay::Relay;
use crate::telemetry::{Samples, Source};

/// How long all of them may take.
const LIMIT: Duration = Duration::from_secs(5);
/// How long it is before a node is offered again what it has not taken.
const PAUSE: Duration = Duration::from_secs(1);

/// The orders that a node is owed at most; beyond them it is to hold everything for outdated.
const MOST_OWED: usize = 16 * 1024;

/// The nodes through which this one fetches. Whoever purges belongs to the node, which must not hold
/// itself.
#[derive(Debug, Default)]
pub struct Edges {
    node: OnceLock<Weak<Node>>,
    owed: Mutex<HashMap<Arc<str>, Debt>>,
}

/// What a node is owed that is not asked.
#[derive(Debug, Default)]
struct Debt {
    orders: VecDeque<String>,
    /// How many orders there were no place for.
    beyond: u64,
    /// Whether it is being paid.
    is_paid: bool,
}

impl Relay for Edges {
    fn is_needed(&self) -> bool {
        self.node().is_some_and(|node| !node.running.load().origins.edges().is_empty())
    }

    fn tell(
        &self,
        order: String,
        worker: Option<WorkerId>,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> {
        let node = self.node();
        let asked = node.map(|node| {
            let running = node.running.load_full();
            let edges = running.origins.edges().iter();
            let all = edges.flat_map(|pool| (0..pool.servers().len()).map(move |at| (pool, at)));
            let asked = all.filter(|(pool, at)| !self.owes(pool, *at, &order));
            let asked: Vec<_> = asked.map(|(pool, at)| (Arc::clone(pool), at)).collect();
            let worker = worker.unwrap_or_else(|| no_worker(&running.config));
            (asked, worker, node.clock.clone())
        });
        Box::pin(async move {
            let (asked, worker, clock) = asked.ok_or("the node is going")?;
            let head = question(&order)?;
            let mut telling = JoinSet::new();
            for (pool, at) in asked {
                let (head, clock) = (head.clone(), clock.clone());
                telling.spawn(async move { ask(&pool, at, &head, worker, &clock).await });
            }
            let mut failed = Vec::new();
            while let Some(answered) = telling.join_next().await {
                let answered = answered.map_err(|error| error.to_string());
                failed.extend(answered.and_then(|answered| answered).err());
            }
            if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
        })
    }
}

impl Edges {
    /// They are the nodes of `node`.
    pub fn belong_to(&self, node: &Arc<Node>) {
        // It is known once.
        let _ = self.node.set(Arc::downgrade(node));
    }

    fn node(&self) -> Option<Arc<Node>> {
        self.node.get()?.upgrade()
    }

    fn owed(&self) -> MutexGuard<'_, HashMap<Arc<str>, Debt>> {
        // What is owed is whole between statements.
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `order` waits until the node `at` is asked again, and is owed it from now on.
    fn owes(&self, pool: &Pool, at: usize, order: &str) -> bool {
        let mut owed = self.owed();
        if pool.health().pooled(at) == Pooled::Yes {
            return false;
        }
        let debt = owed.entry(Arc::clone(pool.servers()[at].name())).or_default();
        match debt.orders.len() < MOST_OWED {
            true => debt.orders.push_back(order.to_owned()),
            false => debt.beyond += 1,
        }
        true
    }

    /// Puts in force what somebody has decided of the nodes in `pool`; those that are owed something are
    /// not asked before they have been paid it, which begins now, on `control`, and is told to `paid`.
    pub(super) fn administer(
        self: &Arc<Self>,
        pool: &Arc<Pool>,
        decided: &[(Pooled, u32)],
        now: Instant,
        (control, paid): (&Handle, &Arc<Notify>),
    ) {
        let mut owed = self.owed();
        let mut decided = decided.to_vec();
        for (at, (pooled, _)) in decided.iter_mut().enumerate() {
            let debt = owed.get_mut(pool.servers()[at].name());
            if let Some(debt) = debt.filter(|_| *pooled == Pooled::Yes) {
                *pooled = Pooled::No;
                if !std::mem::replace(&mut debt.is_paid, true) {
                    let (edges, pool, paid) =
                        (Arc::clone(self), Arc::clone(pool), Arc::clone(paid));
                    control.spawn(async move {
                        edges.pay(&pool, at).await;
                        paid.notify_one();
                    });
                }
            }
        }
        pool.administer(&decided, now);
    }

    /// Gives the node `at` the orders that it is owed, as long as it takes them.
    async fn pay(&self, pool: &Arc<Pool>, at: usize) {
        let Some(node) = self.node() else { return };
        let (name, clock) = (Arc::clone(pool.servers()[at].name()), node.clock.clone());
        loop {
            let running = node.running.load_full();
            let config = &running.config;
            let Some(order) = self.next(&name, config) else { return };
            let told = match question(&order) {
                Ok(head) => ask(pool, at, &head, no_worker(config), &clock).await,
                Err(why) => Err(why),
            };
            if let Err(why) = told {
                tracing::warn!(
                    why,
                    "a node is owed purges, and is not asked before it has taken them"
                );
                clock.sleep(PAUSE).await;
                let mut owed = self.owed();
                let debt = owed.entry(name).or_default();
                debt.orders.push_front(order);
                debt.is_paid = false;
                return;
            }
        }
    }

    /// The next order that a node is owed; `None` once it is owed nothing any more.
    fn next(&self, name: &Arc<str>, config: &Config) -> Option<String> {
        let mut owed = self.owed();
        let debt = owed.get_mut(name)?;
        if std::mem::take(&mut debt.beyond) > 0 {
            let all = |site: &Arc<Site>| json!({ "site": *site.name, "mode": "soft" }).to_string();
            debt.orders = config.sites.iter().map(all).collect();
        }
        let next = debt.orders.pop_front();
        if next.is_none() {
            owed.remove(name);
        }
        next
    }
}

impl Source for Edges {
    fn samples(&self, out: &mut Samples) {
        for (name, debt) in &*self.owed() {
            let help = "Purges that a node is owed which is not asked; it takes them before it is asked again.";
            let owed = debt.orders.len() as u64 + debt.beyond;
            out.gauge("tidegate_purges_owed", help, &[("server", name)], owed as f64);
        }
    }
}

/// The place of connections that belong to no worker.
fn no_worker(config: &Config) -> WorkerId {
    WorkerId(u16::try_from(config.node.workers).unwrap_or(u16::MAX))
}

fn question(order: &str) -> Result<request::Parts, String> {
    let order = HeaderValue::try_from(order).map_err(|error| error.to_string())?;
    let request = Request::builder()
        .method(Method::from_bytes(b"PURGE").map_err(|error| error.to_string())?)
        .uri("/")
        .header(HOST, "fleet")
        .header(between::ORDER, order);
    Ok(request.body(()).map_err(|error| error.to_string())?.into_parts().0)
}

async fn ask(
    pool: &Pool,
    at: usize,
    head: &request::Parts,
    worker: WorkerId,
    clock: &Clock,
) -> Result<(), String> {
    let name = pool.servers()[at].name();
    let asked = clock.within(LIMIT, pool.ask_one(at, head, worker, clock)).await;
    match asked {
        Ok(Ok(answer)) if answer.head.status == StatusCode::OK => Ok(()),
        Ok(Ok(answer)) => Err(format!("{name} answered {}", answer.head.status.as_u16())),
        Ok(Err(fault)) => Err(format!("{name}: {}", fault.log)),
        Err(_) => Err(format!("{name}: no answer within {LIMIT:?}")),
    }
}
