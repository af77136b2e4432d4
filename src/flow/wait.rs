//! `Purge-Wait: SEQ` on a GET or HEAD: whoever ordered a purge, and was told its number before it was
//! in force, reads what was written. The lookup waits until the node's sequence has come that far, and
//! not for ever: the answer's own `Purge-Wait` says `reached` or `late`, and after `late` it may be older
//! than the purge.
//!
//! What another node of the fleet asks for waits too, until the purge streams are read here as far as
//! there; where that takes too long, the origin is asked, and the answer is marked not to be stored.
//!
//! `Purge-Wait` counts only from addresses that may purge, since it holds a place among the waiters; from others
//! it is dropped. No origin sees it: the numbers are this node's.

use std::time::Duration;

use http::{HeaderName, HeaderValue, request};

use super::lookup::Lookup;
use super::pass::Pass;
use super::{Step, Visit, in_time};
use crate::base::between;
use crate::base::mutant::{self, Mutant};
use crate::base::{Fault, Peer, Reason, Seq};
use crate::config::Config;
use crate::front::Answer;
use crate::site::plan::{self, Plan, Refusal};

const PURGE_WAIT: HeaderName = HeaderName::from_static("purge-wait");

/// How long is waited at most.
const LONGEST: Duration = Duration::from_secs(3);
/// How long is waited for what another node knows, and how often it is looked (PURGE.md rule 14).
const FOR_A_NODE: Duration = Duration::from_millis(50);
const NEXT: Duration = Duration::from_millis(2);
/// How often it is looked: purges wake nobody, since nearly nobody waits for one.
const LOOK: Duration = Duration::from_millis(10);

pub(super) struct Wait {
    pub(super) visit: Visit,
    pub(super) until: Until,
}

/// What a lookup waits for.
pub(super) enum Until {
    /// That what was purged up to this number is in force.
    InForce(Seq),
    /// That the purge streams are read as far as another node has read them.
    Reached(HeaderValue),
}

/// Takes the field out of `head`: the purge that is to be waited for, where the client may ask for that.
///
/// # Errors
/// It may, and the field is no number.
pub(super) fn awaited(
    head: &mut request::Parts,
    peer: &Peer,
    plan: &Plan,
    config: &Config,
) -> Result<Option<Seq>, Refusal> {
    if !plan::is_purger(head, peer, &plan.client, config) {
        head.headers.remove(PURGE_WAIT);
        return Ok(None);
    }
    let value = head.headers.remove(PURGE_WAIT);
    let number = value.as_ref().and_then(|value| value.to_str().ok()?.trim().parse().ok());
    number.map(|number| Some(Seq(number))).ok_or(Refusal::early(Reason::BadRequest))
}

impl Wait {
    pub(super) async fn run(self) -> Answer {
        let Self { mut visit, until } = self;
        let most = visit.running.config.cache.max_waiters;
        let place = match visit.node.fetch.wait_place(most) {
            Ok(place) => Some(place),
            // Another node is answered all the same.
            Err(_) if matches!(until, Until::Reached(_)) => None,
            Err(reason) => return visit.failed(&Fault::ours(reason, "no place to wait")),
        };
        let reached = match &until {
            Until::InForce(seq) => in_force(&visit, *seq).await,
            Until::Reached(positions) => place.is_some() && has_reached(&visit, positions).await,
        };
        drop(place);
        visit.now = visit.node.clock.now();
        let step = match &until {
            Until::Reached(_) if !reached && !mutant::is(Mutant::BehindAsks) => {
                Step::Pass(Pass::of(visit, Reason::Behind))
            }
            _ => Step::Lookup(Lookup(visit)),
        };
        // Boxed, as it holds this future's own kind.
        let mut answer = Box::pin(in_time(step)).await;
        let (name, said) = match (until, reached) {
            (Until::InForce(_), true) => (PURGE_WAIT, "reached"),
            (Until::InForce(_), false) => (PURGE_WAIT, "late"),
            (Until::Reached(_), false) if mutant::is(Mutant::BehindSays) => return answer,
            (Until::Reached(_), false) => (between::BEHIND, "?1"),
            (Until::Reached(_), true) => return answer,
        };
        answer.head.headers.insert(name, HeaderValue::from_static(said));
        answer
    }
}

/// Whether the purge streams are read as far as `positions` in time.
async fn has_reached(visit: &Visit, positions: &HeaderValue) -> bool {
    let (node, clock) = (&visit.node, &visit.node.clock);
    let reached = async {
        while !node.has_reached(positions) {
            clock.sleep(NEXT).await;
        }
    };
    clock.within(FOR_A_NODE, reached).await.is_ok()
}

/// Whether what was purged up to `seq` is in force in time.
async fn in_force(visit: &Visit, seq: Seq) -> bool {
    let (store, clock) = (&visit.node.store, &visit.node.clock);
    let reached = async {
        while !store.is_in_force(&visit.plan.key(), seq) {
            clock.sleep(LOOK).await;
        }
    };
    clock.within(LONGEST, reached).await.is_ok()
}
