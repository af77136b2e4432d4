//! Faults: what went wrong with one request, whose fault it is, whether asking again makes sense,
//! and what the log must read. What the client may read follows from the reason alone, in
//! `reply::synth`: a fault's text never leaves the node, so no byte of an origin or of another
//! client can.

use std::fmt;

use http::StatusCode;

use super::reason::Reason;

/// Who is to blame; decides the status class and which counters rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The client sent or did something wrong, or left.
    Client,
    /// The origin did.
    Origin,
    /// We did, or we are full.
    Us,
}

/// Why a request could not be served as asked.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The stable word for it.
    pub reason: Reason,
    /// Who is to blame.
    pub whose: Whose,
    /// Whether the same request may be sent once more: no byte of an answer came.
    pub retry: bool,
    /// Whether others may be asked, since whoever was could not be reached, or has refused to look at it.
    pub unsent: bool,
    /// What the origin answered, where it did and that is the fault.
    pub status: Option<StatusCode>,
    /// What an operator needs to read: addresses, errors of the system.
    pub log: String,
}

impl Fault {
    fn of(whose: Whose, reason: Reason, log: &dyn fmt::Display) -> Self {
        let (retry, unsent) = (false, false);
        Self { reason, whose, retry, unsent, status: None, log: log.to_string() }
    }

    /// A fault of the origin's that asking again will not mend.
    pub fn origin(reason: Reason, log: impl fmt::Display) -> Self {
        Self::of(Whose::Origin, reason, &log)
    }

    /// A fault of the client's.
    pub fn client(reason: Reason, log: impl fmt::Display) -> Self {
        Self::of(Whose::Client, reason, &log)
    }

    /// A fault of ours.
    pub fn ours(reason: Reason, log: impl fmt::Display) -> Self {
        Self::of(Whose::Us, reason, &log)
    }

    /// The same fault, which is that the origin answered `status`.
    #[must_use]
    pub fn answered(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// The same fault, after which other servers may be asked.
    #[must_use]
    pub fn unsent(mut self) -> Self {
        self.unsent = true;
        self
    }

    /// The same fault, after which the request may be sent once more.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retry = true;
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.log)
    }
}

impl std::error::Error for Fault {}
