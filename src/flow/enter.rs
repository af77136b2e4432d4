//! A request comes in: one decision, and the step that it leads to.

use std::sync::Arc;
use std::time::Instant;

use http::request;
use http_body::Body as _;

use super::lookup::Lookup;
use super::pass::Pass;
use super::pipe::Pipe;
use super::purge::Purge;
use super::{Node, Running};
use crate::base::{Body, Peer, Reason, WorkerId};
use crate::front::{Answer, Request};
use crate::reply::{For, synth};
use crate::semantics::{Present, hop};
use crate::site::forward;
use crate::site::plan::{self, Action, Plan, Refusal};

/// A request on its way through the house, with what was decided about it.
#[derive(Debug)]
pub struct Visit {
    /// What all requests share.
    pub node: Arc<Node>,
    /// The configuration that the request began under.
    pub running: Arc<Running>,
    /// Who asks.
    pub peer: Arc<Peer>,
    /// The worker that serves the request.
    pub worker: WorkerId,
    /// The head, as the client sent it.
    pub head: request::Parts,
    /// Which of the fields that decide something it has.
    pub present: Present,
    /// The body.
    pub body: Body,
    /// What is to be done.
    pub plan: Plan,
    /// When it was last looked up.
    pub now: Instant,
    /// How often the request has been sent back to the lookup.
    pub dispatches: u8,
}

pub(super) enum Entered {
    Refuse(Refuse),
    Purge(Purge),
    Lookup(Lookup),
    Pass(Pass),
    Pipe(Pipe),
}

/// A request that is turned away.
pub(super) struct Refuse {
    running: Arc<Running>,
    refusal: Refusal,
}

pub(super) fn enter(
    node: &Arc<Node>,
    worker: WorkerId,
    request: Request,
    peer: &Arc<Peer>,
) -> Entered {
    let running = node.running.load_full();
    let (mut head, body) = request.into_parts();
    let present = Present::of(&head.headers);
    if present.has(Present::COOKIE) && head.version == http::Version::HTTP_2 {
        forward::join_cookies(&mut head.headers);
    }
    let decided =
        plan::plan(&head, present, !body.is_end_stream(), peer, &running.sites, &running.config);
    let refuse = |refusal| Entered::Refuse(Refuse { running: Arc::clone(&running), refusal });
    let plan = match decided {
        Ok(plan) => plan,
        Err(refusal) => return refuse(refusal),
    };
    if body.size_hint().lower() > plan.site.max_request_body {
        return refuse(Refusal { site: Some(plan.site.id), reason: Reason::BodyTooLarge });
    }
    let action = plan.action;
    if present.has(Present::HOP_BY_HOP) && action != Action::Pipe {
        // What the origin will not be asked with must select no variant either.
        hop::strip_hop_by_hop(&mut head.headers);
    }
    let now = node.clock.now();
    let (node, peer) = (Arc::clone(node), Arc::clone(peer));
    let visit =
        Visit { node, running, peer, worker, head, present, body, plan, now, dispatches: 0 };
    match action {
        Action::Lookup => Entered::Lookup(Lookup(visit)),
        Action::Purge => Entered::Purge(Purge(visit)),
        Action::Pipe => Entered::Pipe(Pipe(visit)),
        Action::Pass(reason) => Entered::Pass(Pass { visit, reason }),
    }
}

impl Refuse {
    pub(super) fn run(self) -> Answer {
        let node = &self.running.config.node;
        synth::refused(self.refusal.site, self.refusal.reason, &node.name, node.unknown_host)
    }
}

impl Visit {
    /// The node's name.
    pub fn node_name(&self) -> &str {
        &self.running.config.node.name
    }

    /// For whom an answer is made, some time after the lookup.
    pub fn to(&self) -> For<'_> {
        For { now: self.node.clock.now(), ..self.to_at_once() }
    }

    /// For whom an answer is made that the lookup found.
    pub fn to_at_once(&self) -> For<'_> {
        For {
            now: self.now,
            request: &self.head,
            present: self.present,
            plan: &self.plan,
            node: self.node_name(),
            via: &self.node.via,
            worker: self.worker,
            clock: &self.node.clock,
        }
    }
}
