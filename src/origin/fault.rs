//! What hyper's client says went wrong, in our words.

use std::error::Error;

use crate::base::{Fault, Reason};

/// A failure before the answer's head was complete. Whether it may be retried is the caller's to
/// say, who knows what was sent and what came back.
pub fn of_exchange(error: &hyper::Error) -> Fault {
    if let Some(fault) = own(error) {
        return fault;
    }
    let reason = if error.is_parse() { Reason::OriginGarbage } else { Reason::OriginClosed };
    Fault::origin(reason, chain(error))
}

/// A failure in the middle of the answer's body.
pub fn of_body(error: &hyper::Error) -> Fault {
    own(error).unwrap_or_else(|| Fault::origin(Reason::Truncated, chain(error)))
}

/// A fault of ours that hyper only carried: the client's body broke off.
fn own(error: &hyper::Error) -> Option<Fault> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(fault) = error.downcast_ref::<Fault>() {
            return Some(fault.clone());
        }
        source = error.source();
    }
    None
}

/// The error with its causes.
fn chain(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
