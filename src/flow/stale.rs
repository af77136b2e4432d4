//! A stale object that may be served: the answer stands, and one flight refreshes behind it.

use std::sync::Arc;

use super::Visit;
use crate::base::{Outcome, Reason};
use crate::fetch::{Joined, Sharing};
use crate::front::Answer;
use crate::reply::Verdict;
use crate::reply::shared;
use crate::semantics::{Life, RequestDirectives};
use crate::store::Object;

pub(super) struct Stale {
    pub(super) visit: Visit,
    pub(super) object: Arc<Object>,
    /// The same as it came: what the origin is asked about.
    pub(super) identity: Arc<Object>,
    pub(super) reason: Reason,
}

/// The rule that lets a stale response out: the site's own where what the response says forbids it,
/// else `reason`.
pub(super) fn rule(life: &Life, reason: Reason) -> Reason {
    if life.operator_grace { Reason::OperatorGrace } else { reason }
}

impl Stale {
    pub(super) fn run(mut self) -> Answer {
        let verdict = Verdict::served(Outcome::Stale, self.reason);
        let object = Arc::clone(&self.object);
        let answer = shared::answer(object, &self.visit.to_at_once(), verdict);
        self.refresh();
        answer
    }

    /// The refresh has a name of its own, of which the answer, which did not wait for it, says nothing.
    fn refresh(&mut self) {
        let (visit, key) = (&self.visit, self.visit.plan.key());
        // Whoever wants nothing stored, or the origin not asked, asks for nothing behind the answer.
        let wants = |asked: &RequestDirectives| !asked.no_store && !asked.only_if_cached;
        if !visit.view.asked.as_deref().is_none_or(wants) {
            return;
        }
        let fetch = &visit.node.fetch;
        let headers = &visit.head.headers;
        if fetch.backs_off(&key) {
            return;
        }
        let pool = visit.pool(None);
        if pool.is_some_and(|pool| !pool.may_refresh(visit.now)) {
            return;
        }
        let joined =
            fetch.join(key, visit.plan.axis, headers, Some(&self.identity), Sharing::Refresh);
        let Joined::Lead(lead) = joined else {
            pool.into_iter().for_each(|pool| pool.needs_no_refresh());
            return;
        };
        self.visit.identify();
        if let Some((upstream, terms)) = self.visit.question(Some(&self.identity)) {
            lead.launch(upstream, terms);
        }
    }
}
