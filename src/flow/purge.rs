//! A purge: in force before it is answered, or refused and nothing done.

use super::Visit;
use crate::front::Answer;
use crate::purge::request;
use crate::reply::synth;

pub(super) struct Purge(pub(super) Visit);

impl Purge {
    pub(super) fn run(self) -> Answer {
        let Self(visit) = self;
        let (site, headers) = (visit.plan.site.id, &visit.head.headers);
        let (sources, rebound) = (&visit.node.sources, visit.running.config.purge.rebound);
        let json = request::wants_json(headers);
        let mut receipts = Vec::new();
        let taken = request::each_order(visit.plan.key(), site, headers, |order| {
            let receipt = sources.take_request(order, site, rebound);
            if json {
                receipts.push(receipt);
            }
        });
        match taken {
            Ok(()) if json => {
                let receipt = request::receipt(visit.node_name(), &receipts);
                synth::purged_with(&visit.to(), format!("{receipt}\n"))
            }
            Ok(()) => synth::purged(&visit.to()),
            Err(bad) => synth::purge_refused(&visit.to(), &bad.to_string(), json),
        }
    }
}
