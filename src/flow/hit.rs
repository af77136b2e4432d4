//! A fresh object: the answer stands. A few are looked at again behind it ([`super::verify`]).

use std::sync::Arc;

use super::Visit;
use crate::base::{Outcome, Reason};
use crate::front::Answer;
use crate::reply::Verdict;
use crate::reply::shared;
use crate::store::Object;

pub(super) struct Hit {
    pub(super) visit: Visit,
    pub(super) object: Arc<Object>,
}

impl Hit {
    pub(super) fn run(mut self) -> Answer {
        let verdict = Verdict::served(Outcome::Hit, Reason::Fresh);
        let every = self.visit.running.config.purge.verify;
        if every > 0 && self.visit.node.countdown.is_over(every) {
            self.visit.verify(Arc::clone(&self.object));
        }
        shared::answer(self.object, &self.visit.to_at_once(), verdict)
    }
}
