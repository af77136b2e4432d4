//! HTTP/1.1 as it stands on the wire, read by hand (RFC 9112): enough to frame messages, strict
//! where the proxy must be strict, and nothing is hidden. Both the origin and the raw client read
//! through it; neither may share a parser with the proxy that they test.

use std::io::{self, ErrorKind, Read};

use super::socket::Socket;

/// A socket, with what has been read of it and not yet used.
pub struct Wire {
    /// The socket, for writing.
    pub socket: Socket,
    unused: Vec<u8>,
}

/// A message's head: the start line and the fields, exactly as received.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// Every byte, the empty line included.
    pub bytes: Vec<u8>,
    /// The start line.
    pub start: String,
    /// The fields in order; names as written, values without surrounding blanks.
    pub fields: Vec<(String, String)>,
}

/// How a body ends (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    Close,
}

impl Head {
    fn parse(bytes: Vec<u8>) -> io::Result<Self> {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = lines
            .map(|line| line.split_once(':').map(|(n, v)| (n.to_owned(), v.trim().to_owned())))
            .collect::<Option<_>>()
            .ok_or_else(|| broken(format!("no header field: {text:?}")))?;
        Ok(Self { bytes, start, fields })
    }

    /// Every value of the fields named `name`, in any case.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of the one field named `name`. Panics where there are several.
    #[track_caller]
    pub fn one(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} occurs {} times in {:?}", all.len(), self.fields);
        all.first().copied()
    }

    /// How a body after this head would be framed, if there is one; `otherwise` where no field
    /// says.
    pub fn framing(&self, otherwise: Framing) -> io::Result<Framing> {
        if let Some(coding) = self.one("transfer-encoding") {
            return match coding {
                "chunked" => Ok(Framing::Chunked),
                _ => Err(broken(format!("transfer coding {coding:?}"))),
            };
        }
        match self.one("content-length") {
            None => Ok(otherwise),
            Some(n) => n.parse().map(Framing::Length).map_err(|_| broken(format!("length {n:?}"))),
        }
    }
}

impl Wire {
    /// Reads messages from `socket`.
    pub fn new(socket: Socket) -> Self {
        Self { socket, unused: Vec::new() }
    }

    /// The next message's head; `None` where the peer closed properly between messages.
    pub fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = find(&self.unused, b"\r\n\r\n") {
                return Head::parse(self.unused.drain(..end + 4).collect()).map(Some);
            }
            if self.more()? == 0 {
                return if self.unused.is_empty() { Ok(None) } else { Err(eof()) };
            }
        }
    }

    /// Reads a body to its end and hands each piece to `piece` as it comes. The trailer fields.
    pub fn body(
        &mut self,
        framing: Framing,
        mut piece: impl FnMut(&[u8]),
    ) -> io::Result<Vec<(String, String)>> {
        match framing {
            Framing::None => Ok(Vec::new()),
            Framing::Length(length) => {
                self.exactly(length, &mut piece)?;
                Ok(Vec::new())
            }
            Framing::Chunked => self.chunks(&mut piece),
            Framing::Close => loop {
                let bytes = self.some()?;
                if bytes.is_empty() {
                    return Ok(Vec::new());
                }
                piece(&bytes);
            },
        }
    }

    /// What comes next, as much as is there; empty when the peer has closed.
    pub fn some(&mut self) -> io::Result<Vec<u8>> {
        if self.unused.is_empty() {
            self.more()?;
        }
        Ok(std::mem::take(&mut self.unused))
    }

    /// Whether bytes have been read that nobody asked for yet.
    pub fn has_unused(&self) -> bool {
        !self.unused.is_empty()
    }

    fn chunks(&mut self, piece: &mut impl FnMut(&[u8])) -> io::Result<Vec<(String, String)>> {
        loop {
            let line = self.line()?;
            let digits = line.split(';').next().unwrap_or_default();
            let size = u64::from_str_radix(digits, 16)
                .map_err(|_| broken(format!("chunk size {line:?}")))?;
            if size == 0 {
                break;
            }
            self.exactly(size, piece)?;
            if !self.line()?.is_empty() {
                return Err(broken("a chunk is longer than its size".into()));
            }
        }
        let mut trailers = Vec::new();
        loop {
            let line = self.line()?;
            match line.split_once(':') {
                _ if line.is_empty() => return Ok(trailers),
                Some((name, value)) => trailers.push((name.to_owned(), value.trim().to_owned())),
                None => return Err(broken(format!("no trailer field: {line:?}"))),
            }
        }
    }

    fn exactly(&mut self, length: u64, piece: &mut impl FnMut(&[u8])) -> io::Result<()> {
        let mut left = usize::try_from(length).map_err(|_| broken("too long".into()))?;
        while left > 0 {
            if self.unused.is_empty() && self.more()? == 0 {
                return Err(eof());
            }
            let take = left.min(self.unused.len());
            piece(&self.unused[..take]);
            self.unused.drain(..take);
            left -= take;
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.unused, b"\r\n") {
                let line = self.unused.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).map_err(|_| broken("a line is no text".into()));
            }
            if self.more()? == 0 {
                return Err(eof());
            }
        }
    }

    fn more(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let read = loop {
            match self.socket.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.unused.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

/// Where `needle` begins in `hay`.
pub fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

fn broken(what: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

fn eof() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the peer closed in mid-message")
}
