//! A purge: in force before it is answered.

use super::Visit;
use crate::front::Answer;
use crate::purge::{self, Order};
use crate::reply::synth;

pub(super) struct Purge(pub(super) Visit);

impl Purge {
    pub(super) fn run(self) -> Answer {
        let Self(visit) = self;
        let order = Order { key: visit.plan.key(), mode: purge::mode(&visit.head.headers) };
        purge::apply(&visit.node.store, order);
        synth::purged(&visit.to())
    }
}
