//! What a request goes through until a server answers it: whether it is asked again, and of whom.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::StatusCode;

use super::exchange::Exchange;
use super::retries::Retries;
use super::server::Server;
use crate::base::Fault;

/// The tries of one request.
#[derive(Debug)]
pub struct Tries {
    repeatable: bool,
    /// Whether another server may be asked after one that has been.
    retries: bool,
    out: HashSet<usize>,
    fresh_only: bool,
    /// How often a server has refused it without a look at it.
    refusals: u8,
    /// Whether another server was asked after one had been sent the request.
    elsewhere: bool,
    spare: Option<Exchange>,
}

/// How often a request goes out again that was refused: a server that leaves refuses what is under way, and
/// a new connection to it may be the next that it leaves.
const REFUSALS: u8 = 2;

/// Why a server has not answered.
#[derive(Debug)]
pub enum Missed {
    /// No connection came free.
    Full(Fault),
    /// None could be opened.
    Unreachable {
        /// Why.
        fault: Fault,
        /// Whether no other request has been told so of the same attempt.
        first: bool,
    },
    /// It failed with the request on it.
    Lost {
        /// How.
        fault: Fault,
        /// Whether it had served others before.
        reused: bool,
        /// Whether it serves others at the same time.
        shared: bool,
    },
}

impl Tries {
    /// None yet, of a request that may be `repeatable` after it was sent, and may be sent to another
    /// server then where it has `retries`.
    pub fn new(repeatable: bool, retries: bool) -> Self {
        let (fresh_only, elsewhere, refusals) = (false, false, 0);
        Self {
            repeatable,
            retries,
            out: HashSet::new(),
            fresh_only,
            refusals,
            elsewhere,
            spare: None,
        }
    }

    /// The servers that it does not go to again.
    pub fn out(&self) -> &HashSet<usize> {
        &self.out
    }

    /// Whether it must have a new connection, since a kept one has failed it.
    pub fn fresh_only(&self) -> bool {
        self.fresh_only
    }

    /// The 503 for which another server was asked, if that has not answered either.
    pub fn into_spare(self) -> Option<Exchange> {
        self.spare
    }

    /// Whether what became of it at one of `servers` is the end of it, and what is the end then.
    pub fn judge(
        &mut self,
        servers: &[Arc<Server>],
        at: usize,
        answer: Result<Exchange, Missed>,
        retries: &Retries,
    ) -> ControlFlow<Result<Exchange, Fault>> {
        let others = (0..servers.len()).any(|other| {
            other != at && !self.out.contains(&other) && servers[other].vitals().is_pooled()
        });
        let may_go_on = self.repeatable && self.retries && !self.elsewhere && others;
        match answer {
            Ok(answer)
                if answer.head.status == StatusCode::SERVICE_UNAVAILABLE
                    && may_go_on
                    && retries.take() =>
            {
                self.spare = Some(answer);
                self.elsewhere = true;
            }
            Ok(answer) => return ControlFlow::Break(Ok(answer)),
            // Nothing was sent, so any request may go to the next server.
            Err(Missed::Unreachable { .. }) if others => {
                self.out.insert(at);
                return ControlFlow::Continue(());
            }
            // Nor was anything done with what was sent (RFC 9113 §8.7): the connection has come to its end, or,
            // the second time, the server has too much to do.
            Err(Missed::Lost { fault, .. })
                if fault.unsent
                    && self.refusals < REFUSALS
                    && (self.refusals == 0 || retries.take()) =>
            {
                servers[at].counts().retries.fetch_add(1, Ordering::Relaxed);
                self.refusals += 1;
                if self.refusals > 1 && others {
                    self.out.insert(at);
                }
                return ControlFlow::Continue(());
            }
            // One that serves others has failed them all, who must not all come back at once.
            Err(Missed::Lost { fault, reused: true, shared })
                if fault.retry
                    && !fault.unsent
                    && self.repeatable
                    && !self.fresh_only
                    && (!shared || retries.take()) =>
            {
                servers[at].counts().retries.fetch_add(1, Ordering::Relaxed);
                self.fresh_only = true;
                return ControlFlow::Continue(());
            }
            Err(Missed::Lost { fault, .. }) if fault.retry && may_go_on && retries.take() => {
                self.elsewhere = true;
            }
            // What was sent before, may be sent again.
            Err(Missed::Unreachable { fault, .. }) => {
                return ControlFlow::Break(Err(fault.unsent()));
            }
            Err(Missed::Full(fault) | Missed::Lost { fault, .. }) => {
                return ControlFlow::Break(Err(fault));
            }
        }
        servers[at].counts().retries.fetch_add(1, Ordering::Relaxed);
        self.out.insert(at);
        ControlFlow::Continue(())
    }
}
