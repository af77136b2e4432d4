//! A client that costs little: HTTP/1.1 by hand over one connection, from an address of its own
//! where it is told one. It judges lengths and statuses and throws the bodies away.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::edge::HOST;

/// The longest head that the edge sends.
const HEAD: usize = 16 * 1024;

/// A connection.
pub struct Blunt {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// The head of an answer.
#[derive(Debug)]
pub struct Told {
    /// The status.
    pub status: u16,
    /// Whether Cache-Status says that it is a hit.
    pub hit: bool,
    /// Whether the edge keeps the connection.
    pub kept: bool,
    /// Bytes of the body that have not been read yet.
    pub left: usize,
    /// The whole head, for complaints.
    pub text: String,
}

/// One of the many addresses of this machine: client `n` of the test.
pub fn address_of(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x7f00_0000 | (0x0001_0001 + n % 0x00fe_0000))
}

/// A TCP connection to `to`, from `from` where that is given.
///
/// # Errors
/// The system's.
pub async fn tcp(to: SocketAddr, from: Option<Ipv4Addr>) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(from) = from {
        socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
    }
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Blunt {
    /// Connects to `to`, from `from` where that is given.
    ///
    /// # Errors
    /// The system's.
    pub async fn connect(to: SocketAddr, from: Option<Ipv4Addr>) -> std::io::Result<Self> {
        Ok(Self { stream: tcp(to, from).await?, buffer: vec![0; HEAD], filled: 0 })
    }

    /// Sends a request for the edge's site with `fields`, each ended by CRLF.
    ///
    /// # Errors
    /// The system's.
    pub async fn send(&mut self, path: &str, fields: &str) -> std::io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n");
        self.stream.write_all(request.as_bytes()).await
    }

    /// Reads the head of the next answer.
    ///
    /// # Errors
    /// The connection ends, or what comes is no answer.
    pub async fn head(&mut self) -> std::io::Result<Told> {
        let broken = |what: &str| std::io::Error::other(what.to_owned());
        let end = loop {
            let read = &self.buffer[..self.filled];
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if self.filled == self.buffer.len() {
                return Err(broken("a head without an end"));
            }
            let count = self.stream.read(&mut self.buffer[self.filled..]).await?;
            if count == 0 {
                return Err(broken("closed before an answer"));
            }
            self.filled += count;
        };
        let text = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let field = |name: &str| {
            let line = text.lines().find(|line| {
                line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            })?;
            Some(line[name.len()..].trim())
        };
        let status = text.get(9..12).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| broken("no status"))?;
        let length: Option<usize> = field("content-length:").and_then(|text| text.parse().ok());
        let length = length.ok_or_else(|| broken("no length"))?;
        let told = Told {
            status,
            hit: field("cache-status:").is_some_and(|words| words.contains("; hit")),
            kept: field("connection:") != Some("close"),
            left: length.saturating_sub(self.filled - end),
            text,
        };
        if self.filled - end > length {
            return Err(broken("more body than was told"));
        }
        self.filled = 0;
        Ok(told)
    }

    /// Reads some of a body and throws it away; how much.
    ///
    /// # Errors
    /// The connection ends.
    pub async fn read(&mut self, left: usize) -> std::io::Result<usize> {
        let room = left.min(self.buffer.len());
        match self.stream.read(&mut self.buffer[..room]).await? {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }

    /// Asks, and reads all of the answer.
    ///
    /// # Errors
    /// The connection ends, or what comes is no answer.
    pub async fn get(&mut self, path: &str, fields: &str) -> std::io::Result<Told> {
        self.send(path, fields).await?;
        let mut told = self.head().await?;
        while told.left > 0 {
            told.left -= self.read(told.left).await?;
        }
        Ok(told)
    }
}
