//! What the attackers of HTTP/1 do: many connections that are slow, and single ones that are greedy.
//! They come from an address that the edge does not trust, so that all its limits bind them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tidegate::base::Clock;

use super::edge::HOST;
use super::honest::Span;
use super::wait::SOON;

/// Connections that one attacker holds.
const MANY: usize = 500;

/// Who comes in turn comes so many at a time, and so far apart.
const ABREAST: usize = 10;
const APART: Duration = Duration::from_millis(5);

/// Where attackers come from: an address like any other, which nobody trusts.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 6, 66);

/// Many connections of one client, which take turns on one thread.
pub struct Swarm {
    /// Each with how far a burst has gone.
    open: Vec<(TcpStream, usize)>,
    all: usize,
}

impl Swarm {
    /// Connects all at once, and sends `opening` on each.
    pub fn connect(address: SocketAddr, opening: &[u8]) -> Self {
        Self::arrive(address, opening, || {})
    }

    /// The same within a quarter of a second, as over a network.
    pub fn connect_in_turn(address: SocketAddr, opening: &[u8]) -> Self {
        let mut arrived = 0_usize;
        Self::arrive(address, opening, || {
            arrived += 1;
            if arrived.is_multiple_of(ABREAST) {
                thread::park_timeout(APART);
            }
        })
    }

    fn arrive(address: SocketAddr, opening: &[u8], mut then: impl FnMut()) -> Self {
        let mut connect = || -> io::Result<TcpStream> {
            // Little is taken that nobody reads.
            let mut stream = stranger(address, Some(4096))?;
            stream.write_all(opening)?;
            stream.set_nonblocking(true)?;
            then();
            Ok(stream)
        };
        let open: Vec<_> = (0..MANY).map_while(|_| Some((connect().ok()?, 0))).collect();
        let all = open.len();
        Self { open, all }
    }

    /// Sends `drip` on each, again and again, until all are cut.
    pub fn hold(self, drip: &[u8], span: &Span) -> String {
        self.until_cut(span, |stream, _| {
            let sent = if drip.is_empty() { Ok(()) } else { stream.write_all(drip) };
            sent.is_ok() && is_open(&stream.read(&mut [0; 4096]))
        })
    }

    /// Reads at most `bytes` of each, again and again, until all are cut.
    pub fn take(self, bytes: usize, span: &Span) -> String {
        self.until_cut(span, |stream, _| {
            let read = if bytes == 0 { Ok(1) } else { stream.read(&mut vec![0; bytes]) };
            // What came before a reset can still be read.
            let reset = SockRef::from(&*stream).take_error();
            is_open(&read) && reset.is_ok_and(|error| error.is_none())
        })
    }

    /// Sends `burst` on each as often as it is taken, reads nothing, until all are cut.
    pub fn stuff(self, burst: &[u8], span: &Span) -> String {
        self.until_cut(span, |stream, at| {
            let sent = match stream.write(&burst[*at..]) {
                Ok(sent) => {
                    *at = (*at + sent) % burst.len();
                    true
                }
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            };
            sent && SockRef::from(&*stream).take_error().is_ok_and(|error| error.is_none())
        })
    }

    fn until_cut(
        mut self,
        span: &Span,
        mut turn: impl FnMut(&mut TcpStream, &mut usize) -> bool,
    ) -> String {
        while !self.open.is_empty() {
            if span.is_over() {
                return "over before all were cut".to_owned();
            }
            self.open.retain_mut(|(stream, at)| turn(stream, at));
            thread::park_timeout(Duration::from_millis(20).min(span.left()));
        }
        format!("{} connections cut", self.all)
    }
}

/// Whether what a read says is not the end.
fn is_open(read: &io::Result<usize>) -> bool {
    match read {
        Ok(bytes) => *bytes > 0,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

/// A connection of the attacker's, which takes about `unread` bytes that it does not read.
fn stranger(address: SocketAddr, unread: Option<usize>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if let Some(unread) = unread {
        socket.set_recv_buffer_size(unread)?;
    }
    socket.bind(&SocketAddr::from((STRANGER, 0)).into())?;
    socket.connect(&address.into())?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = stranger(address, None)?;
    stream.set_read_timeout(Some(SOON))?;
    Ok(stream)
}

/// Sends `request` on a connection of its own; the status of the answer.
pub fn again(address: SocketAddr, request: &[u8]) -> String {
    let Ok(mut stream) = connect(address) else { return "refused".to_owned() };
    // Whoever says too much is not heard out.
    let _ = stream.write_all(request);
    Answers::of(stream).next().unwrap_or_else(|_| "closed".to_owned())
}

/// Sends `burst`, which is `count` requests, reads the answers and rests, three times.
pub fn bursts(address: SocketAddr, burst: &str, count: usize, span: &Span) -> String {
    let play = || -> io::Result<()> {
        let mut answers = Answers::of(connect(address)?);
        for _ in 0..3 {
            answers.stream.write_all(burst.as_bytes())?;
            for _ in 0..count {
                answers.next()?;
            }
            thread::park_timeout(Duration::from_millis(100).min(span.left()));
        }
        Ok(())
    };
    play().map_or_else(|error| error.to_string(), |()| format!("three times {count} answered"))
}

/// Sends `request` and leaves with a reset.
pub fn reset(address: SocketAddr, request: &[u8]) -> String {
    let play = || -> io::Result<()> {
        let mut stream = connect(address)?;
        stream.write_all(request)?;
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))
    };
    play().map_or_else(|error| error.to_string(), |()| "reset".to_owned())
}

/// Asks for a page with a field of which it varies, and which has another value each time.
pub fn variants(address: SocketAddr, kinds: &AtomicU64, span: &Span) -> String {
    let play = || -> io::Result<String> {
        let mut answers = Answers::of(connect(address)?);
        let mut status = String::new();
        while !span.is_over() {
            let kind = kinds.fetch_add(1, Ordering::Relaxed);
            let request = format!("GET /varied HTTP/1.1\r\nHost: {HOST}\r\nX-Kind: {kind}\r\n\r\n");
            answers.stream.write_all(request.as_bytes())?;
            status = answers.next()?;
        }
        Ok(status)
    };
    play().unwrap_or_else(|error| error.to_string())
}

/// How long the answer to `request` takes.
pub fn timed(address: SocketAddr, request: &str) -> Duration {
    let clock = Clock::system();
    let mut stream = connect(address).expect("the edge listens");
    let start = clock.now();
    stream.write_all(request.as_bytes()).expect("the edge listens to this much");
    let status = Answers::of(stream).next().expect("an answer comes");
    let time = clock.now() - start;
    assert!(status.len() == 3, "{status}");
    time
}

/// Answers as they come on a connection.
struct Answers {
    stream: TcpStream,
    unused: Vec<u8>,
}

impl Answers {
    fn of(stream: TcpStream) -> Self {
        Self { stream, unused: Vec::new() }
    }

    /// The status of the next answer, once all of it has come.
    fn next(&mut self) -> io::Result<String> {
        let end = loop {
            match self.unused.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => self.more()?,
            }
        };
        let head = String::from_utf8_lossy(&self.unused[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
        while self.unused.len() < end + length {
            self.more()?;
        }
        self.unused.drain(..end + length);
        Ok(head.split(' ').nth(1).unwrap_or_default().to_owned())
    }

    fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.unused.extend_from_slice(&buffer[..read]);
                Ok(())
            }
        }
    }
}
