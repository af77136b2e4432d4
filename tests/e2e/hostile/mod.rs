//! Hostile origins: what each client gets, byte for byte, when an origin lies, dies or floods; the
//! word for it; and that nothing wrong is kept.
//!
//! A [`Row`] says what the origin does and what comes of it. Each is played four ways: for a fetch
//! that could be stored, for a pass, for a leader with two followers, and (where there is no answer
//! at all) in front of a stale object that may be served then; by HTTP/1.1, read as bytes, and by
//! HTTP/2. What one row needs otherwise stands in a test of its own.

mod bodies;
mod floods;
mod framing;
mod heads;
mod meaning;
mod play;
mod scene;
mod time;
mod tls;

use crate::kit::Act;

/// What an origin does, and what comes of it.
#[derive(Clone)]
pub struct Row {
    /// The sentence for it.
    name: &'static str,
    /// What it sends.
    sends: Vec<u8>,
    /// What it does after that: once the client has got all that it can, where the answer is cut.
    then: Act,
    /// What the client gets.
    gets: Gets,
    /// Whether the connection may not be used again, though the answer is whole.
    dirty: bool,
}

/// What a client gets.
#[derive(Clone)]
pub enum Gets {
    /// An error page of ours with this status and reason; the connection stays.
    Page(u16, &'static str),
    /// This answer.
    Whole(Answer),
    /// This answer as far as it goes, visibly broken off, for this reason.
    Cut(Answer, &'static str),
}

/// An answer that has come from the origin.
#[derive(Clone)]
pub struct Answer {
    /// The status line without the version.
    status: &'static str,
    /// The fields, one a line, sorted by name, but for Date, Via and Cache-Status.
    fields: String,
    /// The body as it stands on HTTP/1.1's wire.
    body: String,
    /// The body's content.
    content: String,
    /// Why it is not stored; `None` where it is, if it is whole.
    unstored: Option<&'static str>,
}

/// The row in which the origin `sends` this, then does that, and the client `gets` this of it.
fn row(name: &'static str, sends: impl AsRef<[u8]>, then: Act, gets: Gets) -> Row {
    Row { name, sends: sends.as_ref().to_vec(), then, gets, dirty: false }
}

/// The answer with a body of this many bytes as Content-Length has it.
fn sized(fields: &str, length: usize, content: &str) -> Answer {
    let fields = format!("{fields}\ncontent-length: {length}");
    Answer {
        status: "200 OK",
        fields,
        body: content.into(),
        content: content.into(),
        unstored: None,
    }
}

/// The answer with a chunk of this content, and the last chunk where `ends` says so.
fn chunked(fields: &str, content: &str, ends: bool) -> Answer {
    let last = if ends { "0\r\n\r\n" } else { "" };
    let body = match content.len() {
        0 => last.to_owned(),
        length => format!("{length:X}\r\n{content}\r\n{last}"),
    };
    let fields = format!("{fields}\ntransfer-encoding: chunked");
    Answer { status: "200 OK", fields, body, content: content.into(), unstored: None }
}

impl Row {
    /// The same row, after which the connection may not be used again.
    fn dirty(self) -> Self {
        Self { dirty: true, ..self }
    }
}

impl Answer {
    /// The same answer with another status line.
    fn status(self, status: &'static str) -> Self {
        Self { status, ..self }
    }

    /// The same answer, which is not stored, for this reason.
    fn unstored(self, why: &'static str) -> Self {
        Self { unstored: Some(why), ..self }
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n";
const FIELDS: &str = "cache-control: max-age=60";

/// A head that may be stored, with these lines more, and a body.
fn ok(lines: &str, body: &str) -> String {
    format!("{OK}{lines}\r\n{body}")
}

/// What is no answer at all.
fn garbage() -> Gets {
    Gets::Page(502, "origin-garbage")
}
