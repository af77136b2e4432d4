//! An HTTP/2 connection by hand: frames as a corpus wants them, field blocks of any bytes in literals
//! that no table changes (RFC 9113, RFC 7541), and of the answers only what it must know.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use crate::frames::{self, Came, DATA, END_STREAM, GOAWAY, HEADERS, RST_STREAM, WINDOW_UPDATE};
use crate::kit::pki;
use crate::kit::socket::Socket;

/// Settings by which the proxy's field blocks need no table, and it pushes nothing.
const TABLELESS: [(u16, u32); 2] = [(1, 0), (2, 0)];

/// Stands for the stream of a mutation until it has one.
pub const STREAM: u32 = 0x7fff_fff1;

/// A field block: every field a literal, never indexed.
pub fn block(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0x10);
        for text in [name, value] {
            frames::integer(&mut block, 0, 7, text.len());
            block.extend_from_slice(text);
        }
    }
    block
}

/// `frames` with `stream` where [`STREAM`] stands.
pub fn on_stream(frames: &[u8], stream: u32) -> Vec<u8> {
    let (mut patched, mut at) = (frames.to_vec(), 0);
    while at + 9 <= patched.len() {
        let length = usize::from(patched[at]) << 16
            | usize::from(patched[at + 1]) << 8
            | usize::from(patched[at + 2]);
        if patched[at + 5..at + 9] == STREAM.to_be_bytes() {
            patched[at + 5..at + 9].copy_from_slice(&stream.to_be_bytes());
        }
        at += 9 + length;
    }
    patched
}

/// What became of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    pub status: Option<u16>,
    pub body: Vec<u8>,
    pub reset: bool,
    pub ended: bool,
}

impl Stream {
    /// Whether nothing more comes.
    pub fn is_over(&self) -> bool {
        self.ended || self.reset
    }
}

/// A connection.
pub struct Connection {
    socket: Socket,
    next: u32,
    unused: Vec<u8>,
    pub streams: HashMap<u32, Stream>,
    /// Whether the proxy said or showed that it is over.
    pub gone: bool,
}

impl Connection {
    /// Connects and says hello; the tables stay empty.
    ///
    /// # Errors
    /// What kept it from that.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let mut socket = Socket::connect(address)?.tls(pki::client_config(&["h2"]), "wiki.test")?;
        let mut hello = frames::hello(&TABLELESS);
        hello.extend(frames::number(WINDOW_UPDATE, 0, 1 << 24));
        socket.write_all(&hello)?;
        Ok(Self { socket, next: 1, unused: Vec::new(), streams: HashMap::new(), gone: false })
    }

    /// A number for a stream.
    pub fn stream(&mut self) -> u32 {
        self.next += 2;
        self.next - 2
    }

    /// Sends frames; a proxy that has closed already is no failure.
    pub fn send(&mut self, frames: &[u8]) {
        let _ = self.socket.write_all(frames).and_then(|()| self.socket.flush());
    }

    /// Reads until `over`, or until the connection is gone.
    ///
    /// # Errors
    /// Where nothing comes any more.
    pub fn read_until(&mut self, over: impl Fn(&HashMap<u32, Stream>) -> bool) -> io::Result<()> {
        while !over(&self.streams) && !self.gone {
            self.read_frame()?;
        }
        Ok(())
    }

    fn read_frame(&mut self) -> io::Result<()> {
        let Some(came) = Came::take(&mut self.unused) else { return self.more() };
        let stream = self.streams.entry(came.stream).or_default();
        match came.kind {
            HEADERS if stream.status.is_none() => {
                stream.status = Some(status(&came.payload).ok_or(ErrorKind::InvalidData)?);
            }
            DATA => stream.body.extend_from_slice(&came.payload),
            RST_STREAM => stream.reset = true,
            GOAWAY => self.gone = true,
            _ => {}
        }
        if matches!(came.kind, HEADERS | DATA) && came.flags & END_STREAM != 0 {
            self.streams.entry(came.stream).or_default().ended = true;
        }
        Ok(())
    }

    fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        match self.socket.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error),
            Ok(0) | Err(_) => self.gone = true,
            Ok(read) => self.unused.extend_from_slice(&buffer[..read]),
        }
        Ok(())
    }
}

/// The status that a field block begins with, where no dynamic table is in use.
fn status(block: &[u8]) -> Option<u16> {
    // The table is made empty first (§6.3).
    let block = &block[block.iter().take_while(|byte| **byte & 0xe0 == 0x20).count()..];
    let indexed = [200, 204, 206, 304, 400, 404, 500];
    match *block.first()? {
        first if first & 0x80 != 0 => {
            indexed.get(usize::from(first & 0x7f).checked_sub(8)?).copied()
        }
        first if (8..=14).contains(&(first & 0x0f)) => {
            let (length, text) = (block.get(1)?, block.get(2..)?);
            let text = text.get(..usize::from(length & 0x7f))?;
            let digits = if length & 0x80 == 0 { text.to_vec() } else { digits(text)? };
            std::str::from_utf8(&digits).ok()?.parse().ok()
        }
        _ => None,
    }
}

/// Three digits in the static Huffman code: five bits for 0 to 2, six for the others
/// (RFC 7541, appendix B).
fn digits(coded: &[u8]) -> Option<Vec<u8>> {
    let bits: Vec<u8> =
        coded.iter().flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1)).collect();
    let number = |bits: &[u8]| bits.iter().fold(0, |sum, bit| sum << 1 | bit);
    let mut at = 0;
    (0..3)
        .map(|_| {
            let short = number(bits.get(at..at + 5)?);
            let (digit, length) = match short {
                0..=2 => (short, 5),
                _ => (number(bits.get(at..at + 6)?).checked_sub(0x19)?.checked_add(3)?, 6),
            };
            at += length;
            (digit < 10).then_some(b'0' + digit)
        })
        .collect()
}
