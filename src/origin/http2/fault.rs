//! What ends a stream before its answer does, in our words.

use h2::Error;

use crate::base::{Fault, Reason};

/// A failure before the answer's head was complete.
pub(super) fn of_head(error: &Error) -> Fault {
    let log = error.to_string();
    if error.is_io() {
        return Fault::origin(Reason::OriginClosed, log).retryable();
    }
    if error.is_remote() {
        let fault = Fault::origin(Reason::OriginClosed, log);
        // RFC 9113 §8.7 and §7: none of these was processed.
        let refusals = [h2::Reason::REFUSED_STREAM, h2::Reason::HTTP_1_1_REQUIRED].map(Some);
        let refused = error.is_go_away() || refusals.contains(&error.reason());
        return if refused { fault.retryable().unsent() } else { fault };
    }
    Fault::origin(Reason::OriginGarbage, log)
}

/// A failure in the middle of its body.
pub(super) fn of_body(error: &Error) -> Fault {
    let garbage = error.is_library();
    let reason = if garbage { Reason::OriginGarbage } else { Reason::Truncated };
    Fault::origin(reason, format!("in the middle of its body: {error}"))
}
