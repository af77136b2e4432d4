//! What is said to the person at the terminal. A closed pipe (`tidegate help reasons | head`) ends
//! the talk without a panic, which is why `println!` is not used.

use std::fmt::Display;
use std::io::{Write, stderr, stdout};

/// Says `line`, what was asked for, on standard output.
pub(super) fn say(line: impl Display) {
    let mut out = stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// Says `question`, to be answered on the same line.
pub(super) fn ask(question: impl Display) {
    let mut out = stdout().lock();
    drop(write!(out, "{question}").and_then(|()| out.flush()));
}

/// Says `line`, why there is no such thing, on standard error.
pub(super) fn complain(line: impl Display) {
    drop(writeln!(stderr().lock(), "{line}"));
}
