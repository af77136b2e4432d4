//! What the origin answers: a [`Page`], whole or held open by a [`Gate`], or something that no
//! good server would send.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::acts::{self, Act};
use super::wait::{DEADLINE, Watched};
use super::wire::Wire;

/// An answer of the origin's.
pub enum Reply {
    /// A response.
    Page(Page),
    /// A response that the test sends piece by piece.
    Gated(Page, Script),
    /// Exactly these bytes; the connection closes if the flag says so.
    Bytes(Vec<u8>, bool),
    /// The connection closes before a byte.
    Close,
    /// Nothing, until the peer leaves.
    Never,
    /// One thing after another that no good server would do.
    Acts(Vec<Act>),
}

impl Reply {
    /// Exactly these bytes, then the connection closes.
    pub fn bytes(bytes: impl AsRef<[u8]>) -> Self {
        Self::Bytes(bytes.as_ref().to_vec(), true)
    }

    /// Exactly these bytes, after which the connection takes the next request.
    pub fn bytes_kept(bytes: impl AsRef<[u8]>) -> Self {
        Self::Bytes(bytes.as_ref().to_vec(), false)
    }
}

impl From<Page> for Reply {
    fn from(page: Page) -> Self {
        Self::Page(page)
    }
}

/// A response: status, fields, body. `Content-Length` is added unless the page says otherwise;
/// no other field is, not even `Date`.
#[derive(Clone, Debug)]
pub struct Page {
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    framing: Framing,
    trailers: Vec<(String, String)>,
    cut: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length,
    Declared(u64),
    Chunked,
    Close,
}

impl Page {
    /// A 200 with this body.
    pub fn new(body: impl AsRef<[u8]>) -> Self {
        Self {
            status: 200,
            fields: Vec::new(),
            body: body.as_ref().to_vec(),
            framing: Framing::Length,
            trailers: Vec::new(),
            cut: None,
        }
    }

    /// A 200 with this body that may be stored for a minute.
    pub fn cacheable(body: impl AsRef<[u8]>) -> Self {
        Self::new(body).header("cache-control", "max-age=60")
    }

    /// An answer without a body.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::new("") }
    }

    /// Whether it tells of an error.
    pub fn is_error(&self) -> bool {
        self.status >= 400
    }

    /// The same page with another status.
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Adds a field.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Says in `Content-Length` that the body has `length` bytes, whatever it has.
    pub fn length(self, length: u64) -> Self {
        Self { framing: Framing::Declared(length), ..self }
    }

    /// Sends the body in chunks.
    pub fn chunked(self) -> Self {
        Self { framing: Framing::Chunked, ..self }
    }

    /// Ends the body by closing the connection.
    pub fn until_close(self) -> Self {
        Self { framing: Framing::Close, ..self }
    }

    /// Adds a trailer field; the body goes in chunks.
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_owned(), value.to_owned()));
        self.chunked()
    }

    /// Closes the connection after `sent` bytes of the body.
    pub fn cut_after(self, sent: usize) -> Self {
        Self { cut: Some(sent), ..self }
    }

    /// Sends the head (and the body given so far) at once, the rest as the gate says. Chunked,
    /// unless a length is declared.
    pub fn gated(self) -> (Gate, Reply) {
        self.behind_gate(true)
    }

    /// Sends nothing before the gate says so; then the page as it is, or more of it where its
    /// framing allows more.
    pub fn held(self) -> (Gate, Reply) {
        self.behind_gate(false)
    }

    fn behind_gate(mut self, open: bool) -> (Gate, Reply) {
        if open && self.framing == Framing::Length {
            self.framing = Framing::Chunked;
        }
        let (commands, script) = channel();
        let peer = Arc::new(Watched::new(None));
        let gate = Gate { commands, peer: Arc::clone(&peer) };
        (gate, Reply::Gated(self, Script { commands: script, open, peer }))
    }

    fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, phrase(self.status));
        for (name, value) in &self.fields {
            head += &format!("{name}: {value}\r\n");
        }
        match self.framing {
            // Neither may have a body, and a 304's length would be the stored response's.
            Framing::Length if self.status == 304 || self.status == 204 => {}
            Framing::Length => head += &format!("Content-Length: {}\r\n", self.body.len()),
            Framing::Declared(length) => head += &format!("Content-Length: {length}\r\n"),
            Framing::Chunked => head += "Transfer-Encoding: chunked\r\n",
            Framing::Close => head += "Connection: close\r\n",
        }
        (head + "\r\n").into_bytes()
    }

    fn piece(&self, bytes: &[u8]) -> Vec<u8> {
        if self.framing != Framing::Chunked {
            return bytes.to_vec();
        }
        if bytes.is_empty() {
            return Vec::new();
        }
        [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
    }

    fn end(&self) -> Vec<u8> {
        if self.framing != Framing::Chunked {
            return Vec::new();
        }
        let trailers = self.trailers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        format!("0\r\n{}\r\n", trailers.collect::<String>()).into_bytes()
    }
}

/// The test's hold on one answer.
pub struct Gate {
    commands: Sender<Command>,
    peer: Arc<Watched<Option<TcpStream>>>,
}

/// The origin's end of a [`Gate`].
pub struct Script {
    commands: Receiver<Command>,
    open: bool,
    peer: Arc<Watched<Option<TcpStream>>>,
}

enum Command {
    Send(Vec<u8>),
    Finish,
}

impl Gate {
    /// Sends a piece of the body.
    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        self.tell(Command::Send(bytes.as_ref().to_vec()));
    }

    /// Ends the answer properly.
    pub fn finish(self) {
        self.tell(Command::Finish);
    }

    /// Closes the connection where the answer stands.
    pub fn abort(self) {
        drop(self);
    }

    /// Waits until whoever asked has closed the connection. The answer must have begun.
    #[track_caller]
    pub fn wait_until_peer_leaves(&self) {
        let stream = self
            .peer
            .wait_for(|peer| peer.as_ref().map(|s| s.try_clone().expect("a socket can be shared")))
            .expect("nobody asked for what is behind the gate");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket has that setting");
        // The origin does not read while its answer is gated, so the bytes cannot be stolen.
        match stream.peek(&mut [0]) {
            Ok(0) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            other => panic!("the peer did not leave: {other:?}"),
        }
    }

    fn tell(&self, command: Command) {
        // An origin that has stopped already has told why.
        let _ = self.commands.send(command);
    }
}

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It takes the next request.
    Keep,
    /// It closes.
    Close,
    /// It is cut with a reset.
    Reset,
}

impl Reply {
    /// Plays the answer to a request, whose method may be HEAD. `stop` says that the test is over.
    pub(super) fn play(
        self,
        wire: &mut Wire,
        is_head: bool,
        stop: &dyn Fn() -> bool,
    ) -> io::Result<Then> {
        match self {
            Self::Page(page) => page.play(wire, is_head),
            Self::Gated(page, script) => script.play(&page, wire, stop),
            Self::Bytes(bytes, close) => {
                wire.socket.write_all(&bytes)?;
                Ok(if close { Then::Close } else { Then::Keep })
            }
            Self::Close => Ok(Then::Close),
            Self::Never => {
                while !wire.some()?.is_empty() {}
                Ok(Then::Close)
            }
            Self::Acts(acts) => acts::play(acts, wire, stop),
        }
    }
}

impl Page {
    fn play(self, wire: &mut Wire, is_head: bool) -> io::Result<Then> {
        let mut bytes = self.head();
        if is_head || self.status == 304 || self.status == 204 {
            wire.socket.write_all(&bytes)?;
            return Ok(Then::Keep);
        }
        if let Some(sent) = self.cut {
            bytes.extend(self.piece(&self.body[..sent]));
            wire.socket.write_all(&bytes)?;
            return Ok(Then::Close);
        }
        bytes.extend(self.piece(&self.body));
        bytes.extend(self.end());
        wire.socket.write_all(&bytes)?;
        Ok(if self.framing == Framing::Close { Then::Close } else { Then::Keep })
    }
}

impl Script {
    fn play(self, page: &Page, wire: &mut Wire, stop: &dyn Fn() -> bool) -> io::Result<Then> {
        self.peer.change(|peer| *peer = wire.socket.tcp().try_clone().ok());
        let mut head = Some([page.head(), page.piece(&page.body)].concat());
        if self.open {
            wire.socket.write_all(&head.take().expect("the head has not gone yet"))?;
        }
        loop {
            let command = match self.commands.recv_timeout(Duration::from_millis(20)) {
                Err(RecvTimeoutError::Timeout) if !stop() => continue,
                Err(_) => return Ok(Then::Close),
                Ok(command) => command,
            };
            wire.socket.write_all(&head.take().unwrap_or_default())?;
            match command {
                Command::Send(bytes) => wire.socket.write_all(&page.piece(&bytes))?,
                Command::Finish => {
                    wire.socket.write_all(&page.end())?;
                    let close = page.framing == Framing::Close;
                    return Ok(if close { Then::Close } else { Then::Keep });
                }
            }
        }
    }
}

fn phrase(status: u16) -> &'static str {
    let status = http::StatusCode::from_u16(status).expect("the test sends a status");
    status.canonical_reason().unwrap_or("Unnamed")
}
