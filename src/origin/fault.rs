//! What keeps an answer's head from coming, in our words.

use std::time::Duration;

use super::connection::Failed;
use crate::base::{Fault, Reason};

/// A failure before the answer's head was complete. Where nothing came at all the request may be
/// retried, if it may be repeated.
pub fn of_head(failed: Failed) -> Fault {
    match failed {
        Failed::Garbage(bad) => Fault::origin(Reason::OriginGarbage, bad.to_string()),
        Failed::Closed { error, unheard } => {
            let fault = Fault::origin(Reason::OriginClosed, error);
            if unheard { fault.retryable() } else { fault }
        }
    }
}

/// The head did not come within `limit`.
pub fn late(limit: Duration) -> Fault {
    Fault::origin(Reason::FirstByteTimeout, format!("no answer within {limit:?}"))
}
