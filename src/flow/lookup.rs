//! What the store has for a request, and what may be done with it.

use std::sync::Arc;

use super::Visit;
use super::hit::Hit;
use super::miss::Miss;
use super::pass::Pass;
use super::stale::Stale;
use crate::base::{Credentials, Reason};
use crate::semantics::Phase;
use crate::store::{Found, Object};

pub(super) struct Lookup(pub(super) Visit);

pub(super) enum Looked {
    Hit(Hit),
    Stale(Stale),
    Miss(Miss),
    Pass(Pass),
}

impl Lookup {
    pub(super) fn run(self) -> Looked {
        let Self(mut visit) = self;
        if visit.dispatches > 0 {
            visit.now = visit.node.clock.now();
        }
        let entry = visit.node.store.get(&visit.plan.key());
        match entry.map(|entry| entry.select(visit.plan.axis, &visit.head.headers)) {
            None => absent(visit, Reason::Absent, None),
            Some(Found::OtherVariants) => absent(visit, Reason::Variant, None),
            Some(Found::Object { object, soft_purged }) => found(visit, object, soft_purged),
        }
    }
}

fn found(visit: Visit, object: Arc<Object>, soft_purged: bool) -> Looked {
    let now = visit.now;
    let life = object.head.life();
    let resident = object.resident(now);
    let (phase, stale) = if soft_purged {
        (life.phase_after_soft_purge(resident), Reason::SoftPurged)
    } else {
        (life.phase(resident), Reason::WhileRevalidate)
    };
    match phase {
        Phase::Fresh => Looked::Hit(Hit { visit, object }),
        // The last answer could not be shared: what is stored is not what the origin has.
        Phase::Stale if marked(&visit) => absent(visit, Reason::Expired, Some(object)),
        Phase::Stale => Looked::Stale(Stale { visit, object, reason: stale }),
        Phase::Keep
            if life.usable_on_error(resident) && visit.node.fetch.backs_off(&visit.plan.key()) =>
        {
            Looked::Stale(Stale { visit, object, reason: Reason::IfError })
        }
        Phase::Keep => {
            let reason = match (soft_purged, life.always_validate) {
                (true, _) => Reason::SoftPurged,
                (false, true) => Reason::NoCache,
                (false, false) => Reason::Expired,
            };
            absent(visit, reason, Some(object))
        }
        Phase::Dead => absent(visit, Reason::Expired, None),
    }
}

/// Nothing can be served: a fetch, unless it is remembered that its answer could not be shared.
fn absent(visit: Visit, reason: Reason, stale: Option<Arc<Object>>) -> Looked {
    if marked(&visit) {
        return Looked::Pass(Pass { visit, reason: Reason::Marked });
    }
    Looked::Miss(Miss { visit, reason, stale })
}

fn marked(visit: &Visit) -> bool {
    let (whom, now) = (Credentials::of(&visit.head.headers), visit.node.clock.now());
    visit.node.store.marked(&visit.plan.key(), whom, now).is_some()
}
