//! A request comes in: one decision, and the step that it leads to.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderValue, request};
use http_body::Body as _;

use super::lookup::Lookup;
use super::ordered;
use super::pass::Pass;
use super::pipe::Pipe;
use super::purge::{Purge, Relayed};
use super::wait::{self, Until, Wait};
use super::{Node, Running};
use crate::base::mutant::{self, Mutant, unless};
use crate::base::{Body, Fault, Peer, Reason, WorkerId, between};
use crate::front::{Answer, Request};
use crate::origin::Pool;
use crate::reply::For;
use crate::reply::synth::{self, Asker};
use crate::semantics::{Present, hop};
use crate::site::forward::{self, Hop};
use crate::site::plan::{self, Action, Plan, Refusal};
use crate::site::{Client, View};

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
    /// What was taken out of the head, and found out about it.
    pub view: View,
    /// The request's name, once it has one.
    pub request_id: Option<Arc<HeaderValue>>,
    /// When it was last looked up.
    pub now: Instant,
    /// How often the request has been sent back to the lookup.
    pub dispatches: u8,
}

pub(super) enum Entered {
    Refuse(Refuse),
    Purge(Purge),
    Relayed(Relayed),
    Ordered(Box<Answer>),
    Wait(Wait),
    Lookup(Lookup),
    Pass(Pass),
    Pipe(Pipe),
}

/// A request that is turned away.
pub(super) struct Refuse {
    node: Arc<Node>,
    running: Arc<Running>,
    client: Client,
    refusal: Refusal,
    request_id: Option<Arc<HeaderValue>>,
}

pub(super) fn enter(
    node: &Arc<Node>,
    worker: WorkerId,
    request: Request,
    peer: &Arc<Peer>,
) -> Entered {
    let running = node.running.load_full();
    let (mut head, body) = request.into_parts();
    if (peer.fleet || mutant::is(Mutant::OrdersOfNodes))
        && let Some(order) = ordered::order(&head)
    {
        return Entered::Ordered(Box::new(ordered::answer(node, order)));
    }
    let mut present = Present::of(&head.headers);
    if present.has(Present::COOKIE) && head.version == http::Version::HTTP_2 {
        forward::join_cookies(&mut head.headers);
    }
    let sites = if peer.fleet { &running.fleet_sites } else { &running.sites };
    let decided = plan::plan(&head, present, !body.is_end_stream(), peer, sites, &running.config);
    let mut plan = match decided {
        Ok(plan) => plan,
        Err(refusal) => return Entered::refuse(refusal, node, running, &head, peer),
    };
    if body.size_hint().lower() > plan.site.max_request_body {
        let site = Some(Arc::clone(&plan.site));
        let refusal = Refusal { site, ..Refusal::early(Reason::BodyTooLarge) };
        return Entered::refuse(refusal, node, running, &head, peer);
    }
    let action = plan.action;
    if present.has(Present::HOP_BY_HOP) && action != Action::Pipe {
        // What the origin will not be asked with must select no variant either.
        hop::strip_hop_by_hop(&mut head.headers);
    }
    let mut awaited = None;
    if present.has(Present::PURGE_WAIT) {
        awaited = match wait::awaited(&mut head, peer, &plan, &running.config) {
            Ok(awaited) => awaited.map(Until::InForce),
            Err(refusal) => return Entered::refuse(refusal, node, running, &head, peer),
        };
    }
    if peer.fleet || mutant::is(Mutant::PositionsOfNodes) {
        // Nothing is answered from what is not known to be as new as what the other node knows.
        let told = head.headers.remove(between::POSITIONS);
        let told = told.filter(|told| !node.has_reached(told));
        awaited = awaited.or(unless(Mutant::Awaited, || told.map(Until::Reached)));
    }
    let view = View::of(&mut head, &mut present, &plan);
    plan.axis.accepted = view.accepted;
    let now = node.clock.now();
    let (node, peer) = (Arc::clone(node), Arc::clone(peer));
    let (request_id, dispatches) = (None, 0);
    let visit = Visit {
        node,
        running,
        peer,
        worker,
        head,
        present,
        body,
        plan,
        view,
        request_id,
        now,
        dispatches,
    };
    match action {
        Action::Lookup => lookup(visit, awaited),
        Action::Purge if !visit.peer.fleet && visit.node.sources.relay().is_some() => {
            Entered::Relayed(Relayed(visit))
        }
        Action::Purge => Entered::Purge(Purge(visit)),
        Action::Pipe => Entered::Pipe(Pipe(visit)),
        Action::Pass(reason) => Entered::Pass(Pass::of(visit, reason)),
    }
}

fn lookup(visit: Visit, awaited: Option<Until>) -> Entered {
    match awaited {
        None => Entered::Lookup(Lookup(visit)),
        Some(until) => Entered::Wait(Wait { visit, until }),
    }
}

impl Entered {
    fn refuse(
        refusal: Refusal,
        node: &Arc<Node>,
        running: Arc<Running>,
        head: &request::Parts,
        peer: &Peer,
    ) -> Self {
        let trusted = &running.config.node.trusted_proxies;
        // Who is sent elsewhere has not failed.
        let named = refusal.site.as_ref().is_some_and(|site| site.identity.request_id)
            && refusal.location.is_none();
        let name = || node.request_ids.of(&head.headers, peer, trusted);
        let request_id = named.then(|| Arc::new(name()));
        let client = Client::of(peer, &head.headers, trusted);
        Self::Refuse(Refuse { node: Arc::clone(node), running, client, refusal, request_id })
    }
}

impl Refuse {
    pub(super) fn run(self) -> Answer {
        let Self { node, running, client, refusal, request_id } = self;
        let config = &running.config.node;
        let asker = Asker {
            site: refusal.site.as_deref(),
            error_pages: &running.error_pages,
            client,
            node: &config.name,
            clock: &node.clock,
        };
        synth::refused(&asker, &refusal, request_id, config.unknown_host)
    }
}

impl Visit {
    /// The node's name.
    pub fn node_name(&self) -> &str {
        &self.running.config.node.name
    }

    /// Gives the request its name, where its site wants it to have one: before it goes to an origin, or
    /// fails.
    pub(super) fn identify(&mut self) {
        if self.plan.site.identity.request_id && self.request_id.is_none() {
            let trusted = &self.running.config.node.trusted_proxies;
            let name = self.node.request_ids.of(&self.head.headers, &self.peer, trusted);
            self.request_id = Some(Arc::new(name));
        }
    }

    /// The error page for this request.
    pub(super) fn failed(&mut self, fault: &Fault) -> Answer {
        self.identify();
        synth::failed(&self.to(), fault)
    }

    /// What our hop adds to the request.
    fn hop(&self) -> Hop<'_> {
        let request_id = self.request_id.as_deref();
        Hop { peer: &self.peer, node: self.node_name(), request_id, to_node: false }
    }

    /// Who is asked for what is not stored; where one could not be reached, who is asked in its place. What
    /// another node asks for goes to servers alone, so that no request goes in circles.
    pub(super) fn pool(&self, without: Option<&Arc<Pool>>) -> Option<&Arc<Pool>> {
        self.running.origins.pool(self.plan.cluster().id, !self.peer.fleet, without)
    }

    /// What our hop adds to the request on its way to `pool`.
    pub(super) fn hop_to(&self, pool: &Pool) -> Hop<'_> {
        Hop { to_node: pool.is_tier(), ..self.hop() }
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
            request_id: self.request_id.as_ref(),
            error_pages: &self.running.error_pages,
            worker: self.worker,
            clock: &self.node.clock,
        }
    }
}
