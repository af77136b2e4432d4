//! What hyper's client says went wrong, in our words.

use std::error::Error;
use std::io;

use crate::base::{Fault, Reason};

/// A failure before the answer's head was complete. Whether it may be retried is the caller's to
/// say, who knows what was sent and what came back.
pub fn of_exchange(error: &hyper::Error) -> Fault {
    if let Some(fault) = own(error) {
        return fault;
    }
    let garbage = error.is_parse() || is_no_framing(error);
    let reason = if garbage { Reason::OriginGarbage } else { Reason::OriginClosed };
    Fault::origin(reason, chain(error))
}

/// A failure in the middle of the answer's body: its framing cannot be read, or it broke off.
pub fn of_body(error: &hyper::Error) -> Fault {
    let reason = if is_no_framing(error) { Reason::OriginGarbage } else { Reason::Truncated };
    own(error).unwrap_or_else(|| Fault::origin(reason, chain(error)))
}

/// Whether what came cannot be framed. What TLS calls invalid is not the message's fault.
fn is_no_framing(error: &hyper::Error) -> bool {
    let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    io.is_some_and(|io| {
        matches!(io.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
            && !io.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
    })
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
