//! A fresh object: the answer stands.

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
    pub(super) fn run(self) -> Answer {
        let verdict = Verdict::served(Outcome::Hit, Reason::Fresh);
        shared::answer(self.object, &self.visit.to_at_once(), verdict)
    }
}
