//! A client that blocks: one request after the other, each answer compared byte for byte. A thread
//! that sleeps until a request is due wakes within some 50 µs, where a runtime's timer has
//! milliseconds.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::pages::Text;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ports of connections go up from here.
const FIRST_PORT: u16 = 10_000;

/// One client, with a kept connection and an address of its own.
pub struct Client {
    source: Ipv4Addr,
    /// The port of the next connection. The system would search for one, the longer the more are blocked.
    port: u16,
    server: SocketAddr,
    text: Text,
    kept: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Client {
    /// The `number`th client of the server on `port`. Each has its own address, because closed
    /// connections block a port of their address for a minute.
    pub fn new(number: u8, port: u16, text: Text) -> Self {
        Self {
            source: Ipv4Addr::new(127, 0, 1, number),
            port: FIRST_PORT,
            server: SocketAddr::from(([127, 0, 0, 1], port)),
            text,
            kept: None,
            buffer: Vec::with_capacity(1 << 16),
        }
    }

    /// Asks for a page on a new connection, which ends after it. Whether it came from the cache.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub fn get_new(&mut self, page: u32, length: u32) -> io::Result<bool> {
        let mut stream = self.connect()?;
        self.get_on(&mut stream, page, length)
    }

    /// The same on the kept connection.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub fn get_kept(&mut self, page: u32, length: u32) -> io::Result<bool> {
        let mut stream = self.kept()?;
        let hit = self.get_on(&mut stream, page, length)?;
        self.kept = Some(stream);
        Ok(hit)
    }

    /// Purges a page, on the kept connection.
    ///
    /// # Errors
    /// What is wrong with the answer.
    pub fn purge(&mut self, page: u32) -> io::Result<()> {
        let mut stream = self.kept()?;
        let request = format!("PURGE /wiki/{page} HTTP/1.1\r\nHost: wiki.test\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let (status, ..) = self.answer(&mut stream)?;
        self.kept = Some(stream);
        if status / 100 == 2 { Ok(()) } else { Err(wrong(format!("status {status}"))) }
    }

    fn get_on(&mut self, stream: &mut TcpStream, page: u32, length: u32) -> io::Result<bool> {
        // One write, so that a new connection's request is one segment.
        let request = format!("GET /wiki/{page} HTTP/1.1\r\nHost: wiki.test\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let (status, hit, body) = self.answer(stream)?;
        if status != 200 {
            return Err(wrong(format!("status {status}")));
        }
        if self.buffer[body..] != self.text.page(page, length)[..] {
            return Err(wrong(format!("page {page} is not what it should be")));
        }
        Ok(hit)
    }

    /// Reads an answer into the buffer: its status, whether it was a hit, where its body begins.
    fn answer(&mut self, stream: &mut TcpStream) -> io::Result<(u16, bool, usize)> {
        self.buffer.clear();
        let mut known = None;
        loop {
            if known.is_none() {
                known = head(&self.buffer)?;
            }
            if let Some(Head { status, hit, body, length }) = known
                && self.buffer.len() >= body + length
            {
                return Ok((status, hit, body));
            }
            let before = self.buffer.len();
            self.buffer.resize(before + (1 << 14), 0);
            let came = stream.read(&mut self.buffer[before..])?;
            self.buffer.truncate(before + came);
            if came == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn kept(&mut self) -> io::Result<TcpStream> {
        self.kept.take().map_or_else(|| self.connect(), Ok)
    }

    fn connect(&mut self) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((self.source, self.port)).into())?;
        self.port = self.port.checked_add(1).unwrap_or(FIRST_PORT);
        socket.connect_timeout(&self.server.into(), PATIENCE)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }
}

#[derive(Clone, Copy)]
struct Head {
    status: u16,
    hit: bool,
    /// Where the body begins.
    body: usize,
    /// The body's length.
    length: usize,
}

/// The head at the beginning of `bytes`, once all of it is there.
fn head(bytes: &[u8]) -> io::Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|error| wrong(error.to_string()))?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let (mut length, mut hit) = (0, false);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().map_err(|_| wrong(format!("length {value}")))?;
        } else if name.eq_ignore_ascii_case("cache-status") {
            hit = value.split(';').any(|part| part.trim() == "hit");
        }
    }
    let status = status.ok_or_else(|| wrong("no status".to_owned()))?;
    Ok(Some(Head { status, hit, body: end + 4, length }))
}

fn wrong(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
