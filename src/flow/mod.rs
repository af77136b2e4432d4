//! The plot: what happens to a request, step by step.
//!
//! ```text
//! enter ─┬─ Refuse ──────────────────────────────────────── answer
//!        ├─ Purge ───────────────────────────────────────── answer
//!        ├─ Relayed ── nodes that are fetched through ── Purge
//!        ├─ an order of another node's ──────────────────── answer
//!        ├─ Pass ── origin ──────────────────────────────── answer
//!        ├─ Pipe ── origin ── 101 ─────────────────────────  tunnel
//!        ├─ Wait ── Lookup, once a purge is in force
//!        └─ Lookup ─┬─ Hit ──────────────────────────────── answer
//!                   ├─ 504 (only-if-cached) ─────────────── answer
//!                   ├─ Stale ── answer now, refresh behind
//!                   ├─ Pass
//!                   └─ Miss ─┬─ lead or follow a flight ─── answer
//!                            ├─ Lookup (it was stored meanwhile, or is not for us)
//!                            └─ Pass   (too many times over)
//! ```
//!
//! A step owns the data that is legal in it and is consumed by running; it returns an enum of its
//! own successors, and only those convert into `Step`, so a wrong transition does not compile.
//! From enter to hit everything is synchronous: a hit is ready when [`Handler::handle`] returns.
//! Only `Relayed`, `Wait`, `Miss`, `Pass` and `Pipe` wait, in a future that is boxed for them.

mod counted;
mod enter;
mod hit;
mod lookup;
mod miss;
pub mod node;
mod ordered;
mod pass;
mod pipe;
mod purge;
mod stale;
pub mod verify;
mod wait;

use std::sync::Arc;

pub use enter::Visit;
pub use node::{Node, Running};

use crate::base::{Peer, WorkerId};
use crate::front::{Answer, Handler, Reply, Request};
use enter::{Entered, Refuse};
use hit::Hit;
use lookup::{Looked, Lookup};
use miss::{Miss, Missed};
use pass::Pass;
use pipe::Pipe;
use purge::{Purge, Relayed};
use stale::Stale;
use wait::Wait;

/// Where a request stands.
enum Step {
    Refuse(Refuse),
    Purge(Purge),
    Relayed(Relayed),
    Wait(Wait),
    Lookup(Lookup),
    Hit(Hit),
    Stale(Stale),
    Miss(Miss),
    Pass(Pass),
    Pipe(Pipe),
    Done(Answer),
}

/// Answers the requests of one worker.
#[derive(Clone, Debug)]
pub struct Flow {
    node: Arc<Node>,
    worker: WorkerId,
}

impl Flow {
    /// The plot for the requests of `worker`.
    pub fn new(node: Arc<Node>, worker: WorkerId) -> Self {
        Self { node, worker }
    }
}

impl Handler for Flow {
    fn handle(&self, request: Request, peer: &Arc<Peer>) -> Reply {
        let entered = enter::enter(&self.node, self.worker, request, peer);
        match at_once(entered.into()) {
            Step::Done(answer) => Reply::Ready(answer),
            step => later(step),
        }
    }
}

/// Answers later, unless the client has too much under way already.
fn later(mut step: Step) -> Reply {
    let counted = match &mut step {
        Step::Wait(Wait { visit, .. })
        | Step::Miss(Miss { visit, .. })
        | Step::Pass(Pass { visit, .. })
        | Step::Relayed(Relayed(visit))
        | Step::Pipe(Pipe(visit)) => visit.counted(),
        _ => unreachable!("every other step is run at once"),
    };
    match counted {
        Ok(counted) => {
            Reply::Later(Box::pin(async { counted.until_the_end_of(in_time(step).await) }))
        }
        Err(refusal) => Reply::Ready(*refusal),
    }
}

/// Runs the steps that need no waiting.
fn at_once(mut step: Step) -> Step {
    loop {
        step = match step {
            Step::Refuse(refuse) => Step::Done(refuse.run()),
            Step::Purge(purge) => Step::Done(purge.run()),
            Step::Lookup(lookup) => lookup.run().into(),
            Step::Hit(hit) => Step::Done(hit.run()),
            Step::Stale(stale) => Step::Done(stale.run()),
            Step::Relayed(_)
            | Step::Wait(_)
            | Step::Miss(_)
            | Step::Pass(_)
            | Step::Pipe(_)
            | Step::Done(_) => {
                return step;
            }
        }
    }
}

/// Runs a request to its end.
async fn in_time(mut step: Step) -> Answer {
    loop {
        step = match at_once(step) {
            Step::Done(answer) => return answer,
            Step::Relayed(relayed) => Step::Done(relayed.run().await),
            Step::Wait(wait) => Step::Done(wait.run().await),
            Step::Miss(miss) => miss.run().await.into(),
            Step::Pass(pass) => Step::Done(pass.run().await),
            Step::Pipe(pipe) => Step::Done(pipe.run().await),
            other => other,
        }
    }
}

impl From<Entered> for Step {
    fn from(entered: Entered) -> Self {
        match entered {
            Entered::Refuse(refuse) => Self::Refuse(refuse),
            Entered::Purge(purge) => Self::Purge(purge),
            Entered::Relayed(relayed) => Self::Relayed(relayed),
            Entered::Ordered(answer) => Self::Done(*answer),
            Entered::Wait(wait) => Self::Wait(wait),
            Entered::Lookup(lookup) => Self::Lookup(lookup),
            Entered::Pass(pass) => Self::Pass(pass),
            Entered::Pipe(pipe) => Self::Pipe(pipe),
        }
    }
}

impl From<Looked> for Step {
    fn from(looked: Looked) -> Self {
        match looked {
            Looked::Hit(hit) => Self::Hit(hit),
            Looked::Stale(stale) => Self::Stale(stale),
            Looked::Miss(miss) => Self::Miss(miss),
            Looked::Pass(pass) => Self::Pass(pass),
            Looked::Done(answer) => Self::Done(answer),
        }
    }
}

impl From<Missed> for Step {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Done(answer) => Self::Done(answer),
            Missed::Lookup(lookup) => Self::Lookup(lookup),
            Missed::Pass(pass) => Self::Pass(pass),
        }
    }
}
