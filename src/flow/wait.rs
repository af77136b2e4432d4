//! `Purge-Wait: SEQ` on a GET or HEAD: whoever ordered a purge, and was told its number before it was
//! in force, reads what was written. The lookup waits until the node's sequence has come that far, and
//! not for ever: the answer's own `Purge-Wait` says `reached` or `late`, and after `late` it may be older
//! than the purge.
//!
//! It counts only from addresses that may purge, since it holds a place among the waiters; from others
//! it is dropped. No origin sees it: the numbers are this node's.

use std::time::Duration;

use http::{HeaderName, HeaderValue, request};

use super::lookup::Lookup;
use super::{Step, Visit, in_time};
use crate::base::{Fault, Peer, Reason, Seq};
use crate::config::Config;
use crate::front::Answer;
use crate::site::plan::{self, Plan, Refusal};

const PURGE_WAIT: HeaderName = HeaderName::from_static("purge-wait");

/// How long is waited at most.
const LONGEST: Duration = Duration::from_secs(3);
/// How often it is looked: purges wake nobody, since nearly nobody waits for one.
const LOOK: Duration = Duration::from_millis(10);

pub(super) struct Wait {
    pub(super) visit: Visit,
    pub(super) seq: Seq,
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
        let Self { mut visit, seq } = self;
        let most = visit.running.config.cache.max_waiters;
        let place = match visit.node.fetch.wait_place(most) {
            Ok(place) => place,
            Err(reason) => return visit.failed(&Fault::ours(reason, "no place to wait")),
        };
        let said = if in_force(&visit, seq).await { "reached" } else { "late" };
        drop(place);
        visit.now = visit.node.clock.now();
        // Boxed, as it holds this future's own kind.
        let mut answer = Box::pin(in_time(Step::Lookup(Lookup(visit)))).await;
        answer.head.headers.insert(PURGE_WAIT, HeaderValue::from_static(said));
        answer
    }
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
