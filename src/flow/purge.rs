//! A purge: in force before it is answered, or refused and nothing done. Where this node fetches through
//! others, it is in force there before (PURGE.md rule 14).

use std::sync::Arc;

use serde_json::json;

use super::Visit;
use crate::base::mutant::{self, Mutant};
use crate::base::{Fault, Reason};
use crate::front::Answer;
use crate::purge::{Order, What, request, word};
use crate::reply::synth;
use crate::store::Scope;

pub(super) struct Purge(pub(super) Visit);

/// A purge that goes to other nodes first.
pub(super) struct Relayed(pub(super) Visit);

impl Relayed {
    pub(super) async fn run(self) -> Answer {
        // On a task of its own: a purge that has come is carried out, whether its client stays or not.
        match tokio::spawn(self.carry_out()).await {
            Ok(answer) => answer,
            Err(ended) => std::panic::resume_unwind(ended.into_panic()),
        }
    }

    async fn carry_out(self) -> Answer {
        let Self(mut visit) = self;
        let here_first = mutant::is(Mutant::ThereFirst).then(|| Purge::carry_out(&visit));
        let (site, mut orders, mut all) = (&visit.plan.site, Vec::new(), true);
        // What cannot be read is told by the purge itself.
        let _ = request::each_order(visit.plan.key(), site.id, &visit.head.headers, |order| {
            let written = written(order, &site.name);
            all &= written.is_some();
            orders.extend(written);
        });
        let untold = || Err("a tag that is not UTF-8 cannot be passed on".to_owned());
        let mut relayed = if all { Ok(()) } else { untold() };
        if let Some(relay) = visit.node.sources.relay().map(Arc::clone) {
            for order in orders {
                relayed = relayed.and(relay.tell(order, Some(visit.worker)).await);
            }
        }
        match relayed {
            Ok(()) => here_first.unwrap_or_else(|| Purge(visit).run()),
            Err(why) => {
                let fault = Fault::origin(Reason::NotRelayed, why);
                let failed = visit.failed(&fault);
                Purge(visit).run();
                failed
            }
        }
    }
}

/// An order as the control API takes it.
fn written(order: Order<'_>, site: &str) -> Option<String> {
    let mode = word(order.mode);
    let written = match order.what {
        What::Key(key) => json!({ "url": format!("https://{}", key.text()), "mode": mode }),
        What::All(Scope::Tag(_, tag)) => {
            json!({ "tag": std::str::from_utf8(tag).ok()?, "site": site, "mode": mode })
        }
        What::All(_) => return None,
    };
    Some(written.to_string())
}

impl Purge {
    pub(super) fn run(self) -> Answer {
        Self::carry_out(&self.0)
    }

    fn carry_out(visit: &Visit) -> Answer {
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
