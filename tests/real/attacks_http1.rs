//! One client an attack class of HTTP/1, and beside it an honest one: whoever sends slowly, takes
//! slowly, says nothing, or says too much, costs the others nothing and nobody for long.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tidegate::base::Clock;

use super::client::{Protocol, Way};
use super::corpus::Corpus;
use super::edge::{Edge, HOST, Ports};
use super::honest::{Span, Trial};
use super::nginx::Nginx;
use super::wait::{SOON, alone};

/// Connections that one attacker holds.
const MANY: usize = 500;

/// What a large page holds, in bytes.
const LARGE: usize = 2 << 20;

/// The edge's patience: short, so that an attack is cut within the time of its measurement.
const SHORT: &str = "[timeouts]\nfirst_byte = \"500ms\"\nheader = \"500ms\"\nbody = \"500ms\"\n\
                     write = \"500ms\"\nprogress = \"500ms\"\nidle = \"2s\"\n";

/// A form, whose body is read before the answer, and a page that varies by a field.
const FORMS: &str = "
    location = /form { proxy_method GET; proxy_pass http://127.0.0.1:$server_port/p/1; }
    location = /varied { add_header Cache-Control 'max-age=86400'; add_header Vary X-Kind; }";

#[test]
#[ignore = "needs nginx, wrk, h2load, curl from Debian: tests/real/install"]
fn no_slow_client_over_http1_is_felt_by_an_honest_one() {
    let _alone = alone();
    let nginx = Nginx::start(FORMS);
    let corpus = Corpus::write(&nginx.pages(), 20);
    fs::write(nginx.pages().join("p/large"), vec![b'x'; LARGE]).expect("the folder is ours");
    let edge = Edge::configured(&Ports::free(), nginx.address(), "64MiB", SHORT);
    let trial = Trial::new(&edge, Way::to(&edge, Protocol::Http1), &corpus.path(1));
    let swarm = |opening: &str, drip: &'static str, span: &Span| {
        Swarm::connect(edge.plain, opening.as_bytes()).hold(drip.as_bytes(), span)
    };
    let post = |framing: &str| format!("POST /form HTTP/1.1\r\nHost: {HOST}\r\n{framing}\r\n\r\n");

    trial.run("connections that say nothing", 1, |span| swarm("", "", span));
    trial.run("slow heads", 1, |span| swarm("GET / HTTP/1.1\r\nHost: w", "x", span));
    trial
        .run("slow heads, field by field", 1, |span| swarm("GET / HTTP/1.1\r\n", "A: b\r\n", span));
    let length = post("Content-Length: 1000000");
    trial.run("bodies that stop", 1, |span| swarm(&length, "", span));
    trial.run("slow bodies", 1, |span| swarm(&length, "x", span));
    let chunked = post("Transfer-Encoding: chunked");
    trial.run("slow bodies in chunks", 1, |span| swarm(&chunked, "1\r\nx\r\n", span));
    let trailers = format!("{chunked}0\r\n");
    trial.run("slow trailers", 1, |span| swarm(&trailers, "A: b\r\n", span));
    let expect = post("Expect: 100-continue\r\nContent-Length: 1000000");
    trial.run("Expect and then silence", 1, |span| swarm(&expect, "", span));
    let large = format!("GET /p/large HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    for (class, bytes) in [("readers that take nothing", 0), ("slow readers", 16)] {
        trial.run(class, 1, |span| Swarm::connect(edge.plain, large.as_bytes()).take(bytes, span));
    }
    edge.stop();
}

#[test]
#[ignore = "needs nginx, wrk, h2load, curl from Debian: tests/real/install"]
fn no_greedy_client_over_http1_is_felt_by_an_honest_one() {
    let _alone = alone();
    let nginx = Nginx::start(FORMS);
    let corpus = Corpus::write(&nginx.pages(), 20);
    let edge = Edge::configured(&Ports::free(), nginx.address(), "64MiB", SHORT);
    let trial = Trial::new(&edge, Way::to(&edge, Protocol::Http1), &corpus.path(1));
    let page = corpus.path(1);
    let get = |fields: &str| format!("GET {page} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n");
    let again = |request: &str| again(edge.plain, request.as_bytes());
    fs::write(nginx.pages().join("varied"), "varied").expect("the folder is ours");

    let burst = get("").repeat(100);
    trial.run("bursts after idle gaps", 1, |span| bursts(edge.plain, &burst, 100, span));
    let giant = get(&format!("X-Giant: {}\r\n", "x".repeat(1 << 20)));
    trial.run("giant fields", 1, |_| again(&giant));
    let many = get(&(0..10_000).map(|n| format!("X-{n}: y\r\n")).collect::<String>());
    trial.run("many fields", 1, |_| again(&many));
    let target = format!("GET /{} HTTP/1.1\r\nHost: {HOST}\r\n\r\n", "x".repeat(100_000));
    trial.run("giant targets", 1, |_| again(&target));
    let ranges = (0..1000).map(|n| format!("{n}-")).collect::<Vec<_>>().join(",");
    let ranges = get(&format!("Range: bytes={ranges}\r\n"));
    trial.run("a thousand overlapping ranges", 1, |_| again(&ranges));
    let chunks =
        format!("POST /form HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let absurd = format!("{chunks}ffffffffffffffff1\r\nx");
    trial.run("absurd chunk sizes", 1, |_| again(&absurd));
    let tiny = chunks + &"1\r\nx\r\n".repeat(20_000) + "0\r\n\r\n";
    trial.run("chunks of one byte", 1, |_| again(&tiny));
    trial.run("connections that are reset", 1, |_| reset(edge.plain, get("").as_bytes()));
    let kinds = AtomicU64::new(0);
    trial.run("as many variants as requests", 1, |span| variants(edge.plain, &kinds, span));
    println!("{} values of a field that /varied varies by", kinds.load(Ordering::Relaxed));
    edge.stop();
}

#[test]
#[ignore = "needs nginx, wrk, h2load, curl from Debian: tests/real/install"]
fn lists_of_any_length_take_time_in_proportion() {
    let _alone = alone();
    let nginx = Nginx::start("");
    let corpus = Corpus::write(&nginx.pages(), 20);
    let roomy = "[limits]\nheader_bytes = \"1MiB\"\n";
    let edge = Edge::configured(&Ports::free(), nginx.address(), "64MiB", roomy);
    let trial = Trial::new(&edge, Way::to(&edge, Protocol::Http1), &corpus.path(1));
    let page = corpus.path(1);
    for (name, member) in LISTS {
        let list = |bytes: usize| {
            let members = member.repeat(bytes / member.len());
            format!("GET {page} HTTP/1.1\r\nHost: {HOST}\r\n{name}: {members}\r\n\r\n")
        };
        let [short, long] = [125_000, 1_000_000].map(|bytes| {
            let request = list(bytes);
            (0..5).map(|_| timed(edge.plain, &request)).min().expect("five of them")
        });
        println!(
            "{name}: {} members in {short:?}, eight times as many in {long:?}",
            125_000 / member.len()
        );
        // Quadratic would be 64; below a millisecond the machine's moods count for more.
        let floor = Duration::from_millis(1);
        assert!(long < 24 * short.max(floor), "{name}: {short:?}, then {long:?}");
        let long = list(1_000_000);
        trial.run(&format!("a million bytes of {name}"), 1, |_| again(edge.plain, long.as_bytes()));
    }
    edge.stop();
}

/// Fields that hold lists, and the shortest members that are worth reading.
const LISTS: [(&str, &str); 12] = [
    ("X-Forwarded-For", "1.1.1.1,"),
    ("X-Forwarded-For", ","),
    ("Accept-Encoding", "a,"),
    ("Cache-Control", "a,"),
    ("Cache-Control", "a=\"b\","),
    ("If-None-Match", "\"a\","),
    ("If-None-Match", "W/\"\" ,"),
    ("Range", "0-,"),
    ("Via", "1 a,"),
    ("Connection", "a,"),
    ("Cookie", "a=b;"),
    ("TE", "a;q=1,"),
];

/// Many connections of one client, which take turns on one thread.
struct Swarm {
    open: Vec<TcpStream>,
    all: usize,
}

impl Swarm {
    /// Connects, and sends `opening` on each.
    fn connect(address: SocketAddr, opening: &[u8]) -> Self {
        let connect = || -> io::Result<TcpStream> {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
            // Little is taken that nobody reads.
            socket.set_recv_buffer_size(4096)?;
            socket.connect(&address.into())?;
            let mut stream = TcpStream::from(socket);
            stream.set_nodelay(true)?;
            stream.write_all(opening)?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        };
        let open: Vec<_> = (0..MANY).map_while(|_| connect().ok()).collect();
        let all = open.len();
        Self { open, all }
    }

    /// Sends `drip` on each, again and again, until all are cut.
    fn hold(self, drip: &[u8], span: &Span) -> String {
        self.until_cut(span, |stream| {
            let sent = if drip.is_empty() { Ok(()) } else { stream.write_all(drip) };
            sent.is_ok() && is_open(&stream.read(&mut [0; 4096]))
        })
    }

    /// Reads at most `bytes` of each, again and again, until all are cut.
    fn take(self, bytes: usize, span: &Span) -> String {
        self.until_cut(span, |stream| {
            let read = if bytes == 0 { Ok(1) } else { stream.read(&mut vec![0; bytes]) };
            // What came before a reset can still be read.
            let reset = SockRef::from(&*stream).take_error();
            is_open(&read) && reset.is_ok_and(|error| error.is_none())
        })
    }

    fn until_cut(mut self, span: &Span, mut turn: impl FnMut(&mut TcpStream) -> bool) -> String {
        while !self.open.is_empty() {
            if span.is_over() {
                return "over before all were cut".to_owned();
            }
            self.open.retain_mut(&mut turn);
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

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SOON))?;
    Ok(stream)
}

/// Sends `request` on a connection of its own; the status of the answer.
fn again(address: SocketAddr, request: &[u8]) -> String {
    let Ok(mut stream) = connect(address) else { return "refused".to_owned() };
    // Whoever says too much is not heard out.
    let _ = stream.write_all(request);
    Answers::of(stream).next().unwrap_or_else(|_| "closed".to_owned())
}

/// Sends `burst`, which is `count` requests, reads the answers and rests, three times.
fn bursts(address: SocketAddr, burst: &str, count: usize, span: &Span) -> String {
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
fn reset(address: SocketAddr, request: &[u8]) -> String {
    let play = || -> io::Result<()> {
        let mut stream = connect(address)?;
        stream.write_all(request)?;
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))
    };
    play().map_or_else(|error| error.to_string(), |()| "reset".to_owned())
}

/// Asks for a page with a field of which it varies, and which has another value each time.
fn variants(address: SocketAddr, kinds: &AtomicU64, span: &Span) -> String {
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
fn timed(address: SocketAddr, request: &str) -> Duration {
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
