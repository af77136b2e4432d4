//! Orders on their way to the nodes through which this one fetches: a PURGE with the order in a field, to
//! each of them at once, over connections of the kind by which they are asked for pages.
//!
//! A node that somebody has taken out is not asked for pages, and so owes nobody obedience: an order does not
//! wait for it. It is owed, and the node is not asked again before it has been paid all of that. What this
//! node owes is forgotten with it: a node that is out when this one starts is owed everything.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
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
/// Orders that a node is given at once of those that it is owed.
const AT_ONCE: usize = 32;
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
    /// Every node that was ever among them.
    known: Mutex<HashSet<Arc<str>>>,
    has_begun: AtomicBool,
}

/// What a node is owed that is not asked.
#[derive(Debug, Default)]
struct Debt {
    orders: VecDeque<String>,
    /// How many orders there were no place for, or nobody knows of.
    beyond: u64,
    paying: Paying,
}

/// Whether a debt is being paid: from then on it does not grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Paying {
    #[default]
    Not,
    Now,
    Done,
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
                match answered {
                    Ok(Ok(())) => {}
                    Ok(Err(Untold::Refused(why) | Untold::Lost(why))) => failed.push(why),
                    Err(error) => failed.push(error.to_string()),
                }
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
        if debt.paying != Paying::Not {
            // It answers, and is about to be asked.
            return false;
        }
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
            let name = pool.servers()[at].name();
            let is_new =
                self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(name));
            let is_late = self.has_begun.load(Ordering::Relaxed);
            if is_new && (is_late || *pooled != Pooled::Yes) {
                // What was ordered before, nobody here has told it, or knows that it was told.
                owed.entry(Arc::clone(name)).or_default().beyond += 1;
            }
            let debt = owed.get_mut(name).filter(|_| *pooled == Pooled::Yes);
            match debt.map(|debt| std::mem::replace(&mut debt.paying, Paying::Now)) {
                None => {}
                Some(Paying::Done) => _ = owed.remove(name),
                Some(before) => {
                    *pooled = Pooled::No;
                    if before == Paying::Not {
                        let (edges, pool) = (Arc::clone(self), Arc::clone(pool));
                        let paid = Arc::clone(paid);
                        control.spawn(async move {
                            edges.pay(&pool, at).await;
                            paid.notify_one();
                        });
                    }
                }
            }
        }
        pool.administer(&decided, now);
    }

    /// The first decision was made: whoever is named from now on was not before.
    pub(super) fn have_begun(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
    }

    /// Gives the node `at` the orders that it is owed, as long as it takes them.
    async fn pay(&self, pool: &Arc<Pool>, at: usize) {
        let Some(node) = self.node() else { return };
        let (name, clock) = (Arc::clone(pool.servers()[at].name()), node.clock.clone());
        loop {
            let running = node.running.load_full();
            let orders = self.next(&name, &running.config);
            if orders.is_empty() {
                return;
            }
            let worker = no_worker(&running.config);
            let mut telling = JoinSet::new();
            for order in orders {
                let (pool, clock) = (Arc::clone(pool), clock.clone());
                telling.spawn(async move {
                    let told = match question(&order) {
                        Ok(head) => ask(&pool, at, &head, worker, &clock).await,
                        Err(why) => Err(Untold::Refused(why)),
                    };
                    (order, told)
                });
            }
            let mut left = VecDeque::new();
            while let Some(told) = telling.join_next().await {
                match told {
                    Ok((_, Ok(()))) => {}
                    Ok((order, Err(Untold::Refused(why)))) => {
                        tracing::error!(order, why, "a node refuses a purge that it is owed");
                    }
                    Ok((order, Err(Untold::Lost(why)))) => left.push_back((order, why)),
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                }
            }
            if let Some((_, why)) = left.front() {
                tracing::warn!(
                    why,
                    "a node is owed purges, and is not asked before it has taken them"
                );
                clock.sleep(PAUSE).await;
                let mut owed = self.owed();
                let debt = owed.entry(name).or_default();
                left.into_iter().for_each(|(order, _)| debt.orders.push_front(order));
                debt.paying = Paying::Not;
                return;
            }
        }
    }

    /// The next orders that a node is owed; none once it is owed nothing any more. Instead of what nobody
    /// knows of, everything is to be held for outdated, as after any gap.
    fn next(&self, name: &Arc<str>, config: &Config) -> Vec<String> {
        let mut owed = self.owed();
        let Some(debt) = owed.get_mut(name) else { return Vec::new() };
        if std::mem::take(&mut debt.beyond) > 0 {
            let all = |site: &Arc<Site>| json!({ "site": *site.name, "mode": "soft" }).to_string();
            debt.orders.extend(config.sites.iter().map(all));
        }
        if debt.orders.is_empty() {
            debt.paying = Paying::Done;
        }
        let next = debt.orders.len().min(AT_ONCE);
        debt.orders.drain(..next).collect()
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

/// Why a node has not put an order in force.
enum Untold {
    /// It does not want to, and will not.
    Refused(String),
    /// It did not say.
    Lost(String),
}

async fn ask(
    pool: &Pool,
    at: usize,
    head: &request::Parts,
    worker: WorkerId,
    clock: &Clock,
) -> Result<(), Untold> {
    let name = pool.servers()[at].name();
    let asked = clock.within(LIMIT, pool.ask_one(at, head, worker, clock)).await;
    match asked {
        Ok(Ok(answer)) if answer.head.status == StatusCode::OK => Ok(()),
        Ok(Ok(answer)) => {
            let why = format!("{name} answered {}", answer.head.status.as_u16());
            let refused = answer.head.status.is_client_error();
            Err(if refused { Untold::Refused(why) } else { Untold::Lost(why) })
        }
        Ok(Err(fault)) => Err(Untold::Lost(format!("{name}: {}", fault.log))),
        Err(_) => Err(Untold::Lost(format!("{name}: no answer within {LIMIT:?}"))),
    }
}
