//! What the store has for a request, and what may be done with it.

use std::sync::Arc;

use http::header::COOKIE;

use super::Visit;
use super::hit::Hit;
use super::miss::Miss;
use super::pass::Pass;
use super::stale::{Stale, rule};
use crate::base::mutant::{self, Mutant};
use crate::base::{Credentials, Fault, Reason};
use crate::config::Ranges;
use crate::front::Answer;
use crate::semantics::{Phase, Present};
use crate::store::{Entry, Found, Judgement, Object};

pub(super) struct Lookup(pub(super) Visit);

pub(super) enum Looked {
    Hit(Hit),
    Stale(Stale),
    Miss(Miss),
    Pass(Pass),
    Done(Answer),
}

impl Lookup {
    pub(super) fn run(self) -> Looked {
        let Self(mut visit) = self;
        if visit.dispatches > 0 {
            visit.now = visit.node.clock.now();
        }
        let entry = visit.node.store.get(&visit.plan.key());
        let Some(entry) = entry else { return nothing(visit, Reason::Absent) };
        let (store, now) = (&visit.node.store, visit.now);
        let serves = |object: &Object| store.serves(&visit.plan.key(), object, now);
        match entry.select_of(visit.plan.axis, &visit.head.headers, serves) {
            Found::OtherVariants
                if visit.view.session
                    && entry.varies_on(&COOKIE)
                    && visit.view.asked.as_ref().is_none_or(|asked| !asked.only_if_cached) =>
            {
                // What comes would be this session's alone: nobody waits for it.
                Looked::Pass(Pass::of(visit, Reason::Session))
            }
            Found::OtherVariants => nothing(visit, Reason::Variant),
            Found::Object { object, soft_purged } => {
                match visit.node.store.judge(&visit.plan.key(), &object) {
                    Judgement::Valid => found(visit, &entry, object, soft_purged),
                    Judgement::Stale => found(visit, &entry, object, true),
                    Judgement::Gone => nothing(visit, Reason::Absent),
                }
            }
        }
    }
}

fn found(visit: Visit, entry: &Entry, object: Arc<Object>, soft_purged: bool) -> Looked {
    let now = visit.now;
    let life = object.head.life();
    let resident = object.resident(now);
    if soft_purged && visit.peer.fleet && !mutant::is(Mutant::StaleForNodes) {
        // The other node could not tell, and would keep it as fresh.
        let identity = Arc::clone(entry.identity_of(&object));
        return absent(visit, Reason::SoftPurged, Some(identity));
    }
    let (phase, stale) = if soft_purged {
        (life.phase_after_soft_purge(resident), Reason::SoftPurged)
    } else {
        (life.phase(resident), rule(&life, Reason::WhileRevalidate))
    };
    let identity = || Arc::clone(entry.identity_of(&object));
    let (phase, stale) =
        match visit.view.asked.as_ref().map(|asked| asked.phase(&life, resident, phase)) {
            Some(Phase::Keep) if phase < Phase::Keep => {
                return absent(visit, Reason::RequestDirective, Some(identity()));
            }
            // What is purged is known to be another by now, which no request has said that it takes.
            Some(Phase::Stale) if phase > Phase::Stale && !soft_purged => {
                (Phase::Stale, Reason::MaxStale)
            }
            _ => (phase, stale),
        };
    match phase {
        Phase::Fresh => Looked::Hit(Hit { visit, object }),
        // The last answer could not be shared: what is stored is not what the origin has.
        Phase::Stale if marked(&visit) => absent(visit, Reason::Expired, Some(identity())),
        Phase::Stale => {
            let identity = identity();
            Looked::Stale(Stale { visit, object, identity, reason: stale })
        }
        Phase::Keep
            if visit.usable_on_error(&life, resident)
                && visit.node.fetch.backs_off(&visit.plan.key()) =>
        {
            let (identity, reason) = (identity(), rule(&life, Reason::IfError));
            Looked::Stale(Stale { visit, object, identity, reason })
        }
        Phase::Keep => {
            let reason = match (soft_purged, life.always_validate) {
                (true, _) => Reason::SoftPurged,
                (false, true) => Reason::NoCache,
                (false, false) => Reason::Expired,
            };
            absent(visit, reason, Some(identity()))
        }
        Phase::Dead => absent(visit, Reason::Expired, None),
    }
}

/// Nothing is stored for the request: a fetch, or the origin's own answer to a range where the site
/// wants that.
fn nothing(visit: Visit, reason: Reason) -> Looked {
    let passes = visit.present.has(Present::RANGE) && visit.plan.site.ranges == Ranges::Passed;
    match absent(visit, reason, None) {
        Looked::Miss(Miss { visit, .. })
        | Looked::Pass(Pass { visit, reason: Reason::Marked, .. })
            if passes =>
        {
            Looked::Pass(Pass::of(visit, Reason::Range))
        }
        looked => looked,
    }
}

/// Nothing can be served: a fetch, unless the request wants none, or its answer not shared, or it is
/// remembered that that could not be.
fn absent(mut visit: Visit, reason: Reason, stale: Option<Arc<Object>>) -> Looked {
    if let Some(asked) = &visit.view.asked {
        if asked.only_if_cached {
            let fault = Fault::ours(Reason::OnlyIfCached, "nothing stored will do");
            return Looked::Done(visit.failed(&fault));
        }
        if asked.no_store {
            return Looked::Pass(Pass { visit, reason: Reason::RequestDirective, stale });
        }
    }
    if marked(&visit) {
        return Looked::Pass(Pass { visit, reason: Reason::Marked, stale });
    }
    Looked::Miss(Miss { visit, reason, stale })
}

fn marked(visit: &Visit) -> bool {
    let (whom, now) = (Credentials::of(&visit.head.headers), visit.node.clock.now());
    visit.node.store.marked(&visit.plan.key(), whom, now).is_some()
}
