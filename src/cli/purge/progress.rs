//! How far a long list has come, on standard error where that is a terminal: one line, written over. A
//! list goes on without it, and its end is told in any case.

use std::io::{self, IsTerminal, Write};

/// Purges between two looks.
const STEP: u64 = 500;

/// What was done so far.
#[derive(Debug)]
pub(super) struct Progress {
    long: bool,
    shown: bool,
    pub(super) done: u64,
    pub(super) failed: u64,
}

impl Progress {
    /// Of a list that may be `long`.
    pub(super) fn new(long: bool) -> Self {
        Self { long, shown: long && io::stderr().is_terminal(), done: 0, failed: 0 }
    }

    /// One more is done, or has failed.
    pub(super) fn add(&mut self, ok: bool) {
        if ok {
            self.done += 1;
        } else {
            self.failed += 1;
        }
        if self.shown && (self.done + self.failed).is_multiple_of(STEP) {
            self.show("\r");
        }
    }

    /// The end of a long list.
    pub(super) fn end(&self) {
        if self.long {
            self.show(if self.shown { "\r" } else { "" });
            // Standard error that is gone hears nothing.
            let _ = writeln!(io::stderr());
        }
    }

    fn show(&self, begin: &str) {
        let _ = write!(io::stderr(), "{begin}{} done, {} failed", self.done, self.failed);
        let _ = io::stderr().flush();
    }
}
