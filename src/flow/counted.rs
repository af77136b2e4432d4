//! Requests that leave the cache's way are counted by client and charged to the budget, from there
//! to the last byte of what an origin answers: a client that asks for too much at once is refused,
//! and so is everybody where there is no memory for more. A hit is neither counted nor charged.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::Visit;
use crate::base::budget::{FETCH, Part};
use crate::base::clients::{Place, Thing};
use crate::base::{Body, Charge, Fault, Outcome, Reason};
use crate::front::Answer;

/// What a request takes that waits, in bytes: its future, its plan and the map of its fields.
const REQUEST: u64 = 6 * 1024;

/// A request's place among those of its client, which trusted proxies need not have, and what is
/// charged for it.
#[allow(dead_code, reason = "held, and dropped")]
pub(super) struct Counted(Option<Place>, Charge);

impl Visit {
    /// A place for this request.
    ///
    /// # Errors
    /// The answer where its client has as many requests under way as it may have, or the node has
    /// no memory for another.
    pub(super) fn counted(&mut self) -> Result<Counted, Box<Answer>> {
        if !self.node.budget.room_for(REQUEST, FETCH) {
            return Err(self.refused(Reason::MemoryFull, "the budget is used up"));
        }
        let (config, address) = (&self.running.config, self.plan.client.address);
        // The other node has counted its clients.
        let place = if self.peer.fleet || config.node.trusted_proxies.contains(address) {
            None
        } else {
            let most = config.limits.client_requests;
            let Some(place) = self.node.clients.take(address, Thing::Request, most) else {
                return Err(self.refused(Reason::ClientRequests, "too many requests at once"));
            };
            Some(place)
        };
        Ok(Counted(place, self.node.budget.charge(Part::Requests, REQUEST)))
    }

    fn refused(&mut self, reason: Reason, log: &str) -> Box<Answer> {
        let mut answer = self.failed(&Fault::client(reason, log));
        answer.account.outcome = Outcome::Refused;
        Box::new(answer)
    }
}

impl Counted {
    /// Counts the request until the body of `answer` is over, where that comes from elsewhere.
    pub(super) fn until_the_end_of(self, mut answer: Answer) -> Answer {
        if let Body::Stream(_) = &answer.body {
            let body = std::mem::replace(&mut answer.body, Body::Empty);
            let keeps = body.keeps();
            answer.body = Body::stream_of(Counting { body, _counted: self }, keeps);
        }
        answer
    }
}

/// A body whose request is counted as long as it lasts.
struct Counting {
    body: Body,
    _counted: Counted,
}

impl http_body::Body for Counting {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
