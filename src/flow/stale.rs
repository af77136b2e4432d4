//! A stale object that may be served: the answer stands, and one flight refreshes behind it.

use std::sync::Arc;

use super::Visit;
use crate::base::{Outcome, Reason};
use crate::fetch::Joined;
use crate::front::Answer;
use crate::reply::Verdict;
use crate::reply::shared;
use crate::store::Object;

pub(super) struct Stale {
    pub(super) visit: Visit,
    pub(super) object: Arc<Object>,
    pub(super) reason: Reason,
}

impl Stale {
    pub(super) fn run(self) -> Answer {
        self.refresh();
        let verdict = Verdict::served(Outcome::Stale, self.reason);
        shared::answer(self.object, &self.visit.to_at_once(), verdict)
    }

    fn refresh(&self) {
        let (visit, key) = (&self.visit, self.visit.plan.key());
        let fetch = &visit.node.fetch;
        let headers = &visit.head.headers;
        if fetch.backs_off(&key) {
            return;
        }
        if let Joined::Lead(lead) = fetch.join(key, visit.plan.axis, headers, Some(&self.object))
            && let Some((upstream, terms)) = visit.question(Some(&self.object))
        {
            lead.launch(upstream, terms);
        }
    }
}
