//! An origin that records every byte and forgives nothing: whatever the proxy sends must be
//! requests in the one canonical spelling of RFC 9112, each framed in one way only, and it is
//! counted by its target. What is not so is a fault, kept with the bytes around it.
//!
//! It shares no parser with the proxy, nor with the kit, whose origin tolerates more than a
//! corpus of framing tricks may.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::kit::wait::Watched;

/// A recording origin. Stops when dropped.
pub struct Recorder {
    address: SocketAddr,
    log: Arc<Watched<Log>>,
    acceptor: Option<JoinHandle<()>>,
}

/// What was seen of one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that came whole.
    pub whole: usize,
    /// Requests whose body broke off.
    pub broken: usize,
}

#[derive(Default)]
struct Log {
    seen: HashMap<String, Tally>,
    faults: Vec<String>,
    connections: Vec<TcpStream>,
    threads: Vec<JoinHandle<()>>,
    stopping: bool,
}

/// A request as it stands on the wire.
struct Head {
    method: String,
    target: String,
    host: String,
    length: u64,
    chunked: bool,
}

/// Why a connection is read no further.
enum End {
    /// The peer closed between two requests.
    Closed,
    /// It left in the middle of one.
    Left,
    /// It sent what it must not.
    Fault(String),
}

impl Recorder {
    /// Starts to listen.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
        let address = listener.local_addr().expect("a bound socket has an address");
        let log = Arc::new(Watched::default());
        let accepting = Arc::clone(&log);
        let acceptor = std::thread::spawn(move || accept(&listener, &accepting));
        Self { address, log, acceptor: Some(acceptor) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was seen of `target` so far.
    pub fn tally(&self, target: &str) -> Tally {
        self.log.look(|log| log.seen.get(target).copied().unwrap_or_default())
    }

    /// What was seen of every target.
    pub fn all(&self) -> HashMap<String, Tally> {
        self.log.look(|log| log.seen.clone())
    }

    /// What came that was no canonical request.
    pub fn faults(&self) -> Vec<String> {
        self.log.look(|log| log.faults.clone())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.log.change(|log| {
            log.stopping = true;
            for connection in &log.connections {
                // One that the peer has closed meanwhile is closed.
                let _ = connection.shutdown(Shutdown::Both);
            }
        });
        // Wakes the acceptor, which then sees that it is over.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().expect("the acceptor only accepts");
        }
        for thread in self.log.change(|log| std::mem::take(&mut log.threads)) {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the recorder panicked");
        }
    }
}

fn accept(listener: &TcpListener, log: &Arc<Watched<Log>>) {
    loop {
        let (tcp, _) = listener.accept().expect("a listening socket accepts");
        let recording = Arc::clone(log);
        let stopped = log.change(|log| {
            if !log.stopping {
                log.connections.extend(tcp.try_clone());
                log.threads.push(std::thread::spawn(move || serve(tcp, &recording)));
            }
            log.stopping
        });
        if stopped {
            return;
        }
    }
}

fn serve(tcp: TcpStream, log: &Watched<Log>) {
    // An answer is one write, so nothing waits for more of it.
    let _ = tcp.set_nodelay(true);
    let mut wire = Wire { tcp, log, unused: Vec::new() };
    let end = loop {
        if let Err(end) = wire.exchange() {
            break end;
        }
    };
    if let End::Fault(what) = end {
        let rest = String::from_utf8_lossy(&wire.unused).into_owned();
        log.change(|log| log.faults.push(format!("{what}, before {rest:?}")));
    }
    // The log holds the socket too.
    let _ = wire.tcp.shutdown(Shutdown::Both);
}

struct Wire<'a> {
    tcp: TcpStream,
    log: &'a Watched<Log>,
    unused: Vec<u8>,
}

impl Wire<'_> {
    fn exchange(&mut self) -> Result<(), End> {
        let text = self.head()?;
        let head = Head::parse(&text).map_err(|what| End::Fault(format!("{what} in {text:?}")))?;
        let early = head.target.starts_with("/early/");
        if early {
            self.answer(&head)?;
        }
        let body = if head.chunked { self.chunks() } else { self.exactly(head.length) };
        self.log.change(|log| {
            let tally = log.seen.entry(head.target.clone()).or_default();
            match body {
                Ok(()) => tally.whole += 1,
                Err(_) => tally.broken += 1,
            }
        });
        body?;
        if early { Ok(()) } else { self.answer(&head) }
    }

    /// The answer tells what was asked, so that nobody can be given another one's unnoticed.
    fn answer(&mut self, head: &Head) -> Result<(), End> {
        let body = format!("{} {} {}\n", head.method, head.target, head.host);
        let policy = match head.method.as_str() {
            "GET" | "HEAD" => "max-age=2000000",
            _ => "no-store",
        };
        let length = body.len();
        let body = if head.method == "HEAD" { String::new() } else { body };
        let answer = format!(
            "HTTP/1.1 200 OK\r\nCache-Control: {policy}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.tcp.write_all(answer.as_bytes()).map_err(|_| End::Left)
    }

    fn head(&mut self) -> Result<String, End> {
        let mut seen = 0;
        loop {
            if let Some(at) = find(&self.unused[seen..], b"\r\n\r\n") {
                let head = self.unused.drain(..seen + at + 4).collect::<Vec<_>>();
                // Bytes above ASCII may occur in values; one byte becomes one character.
                return Ok(head.into_iter().map(char::from).collect());
            }
            seen = self.unused.len().saturating_sub(3);
            let begun = !self.unused.is_empty();
            match self.more() {
                Ok(0) if begun => return Err(End::Left),
                Ok(0) | Err(_) => return Err(End::Closed),
                Ok(_) => {}
            }
        }
    }

    fn exactly(&mut self, mut left: u64) -> Result<(), End> {
        while left > 0 {
            if self.unused.is_empty() && self.more().map_err(|_| End::Left)? == 0 {
                return Err(End::Left);
            }
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(self.unused.len());
            self.unused.drain(..take);
            left -= take as u64;
        }
        Ok(())
    }

    fn chunks(&mut self) -> Result<(), End> {
        loop {
            let line = self.line()?;
            let digits = !line.is_empty() && line.bytes().all(|b| b.is_ascii_hexdigit());
            let padded = line.len() > 1 && line.starts_with('0');
            if !digits || padded || line.len() > 16 {
                return Err(End::Fault(format!("chunk size {line:?}")));
            }
            let size = u64::from_str_radix(&line, 16).expect("sixteen digits at most");
            if size == 0 {
                break;
            }
            self.exactly(size)?;
            let end = self.line()?;
            if !end.is_empty() {
                return Err(End::Fault(format!("{end:?} at a chunk's end")));
            }
        }
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(());
            }
            let (name, _) = field(&line).map_err(End::Fault)?;
            if FRAMING.contains(&name) || ["host", "via", "x-forwarded-for"].contains(&name) {
                return Err(End::Fault(format!("{line:?} among the trailers")));
            }
        }
    }

    fn line(&mut self) -> Result<String, End> {
        loop {
            if let Some(at) = find(&self.unused, b"\r\n") {
                let line = self.unused.drain(..at + 2).take(at).map(char::from).collect();
                return Ok(line);
            }
            if self.more().map_err(|_| End::Left)? == 0 {
                return Err(End::Left);
            }
        }
    }

    fn more(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let read = self.tcp.read(&mut buffer)?;
        self.unused.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

/// By which a message is framed, or which are a connection's own.
const FRAMING: [&str; 9] = [
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

impl Head {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_suffix("\r\n\r\n").ok_or("no end")?;
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default();
        let [method, target, "HTTP/1.1"] = start.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!("request line {start:?}"));
        };
        let targeted = |c: char| matches!(c, '!'..='~' | '\u{80}'..='\u{ff}') && c != '#';
        if method.is_empty() || !method.chars().all(is_token) {
            return Err(format!("method {method:?}"));
        }
        if !target.starts_with('/') || !target.chars().all(targeted) {
            return Err(format!("target {target:?}"));
        }
        let fields = lines.map(field).collect::<Result<Vec<_>, _>>()?;
        let one = |name: &str| {
            let mut all = fields.iter().filter(|(its, _)| *its == name).map(|(_, value)| *value);
            match (all.next(), all.next()) {
                (_, Some(_)) => Err(format!("{name} twice")),
                (value, None) => Ok(value),
            }
        };
        let host = one("host")?.ok_or("no host")?;
        if !(host == "wiki.test" || host == "wiki.test:8080" || host == "en.wiki.test") {
            return Err(format!("host {host:?}"));
        }
        let own = |(name, value): &(&str, &str)| match *name {
            "connection" => *value != "upgrade",
            "upgrade" => !value.eq_ignore_ascii_case("websocket"),
            "content-length" | "transfer-encoding" | "trailer" => false,
            name => FRAMING.contains(&name),
        };
        if let Some((name, value)) = fields.iter().find(|field| own(field)) {
            return Err(format!("{name}: {value}"));
        }
        if let Some((name, _)) = fields.iter().find(|(name, _)| looks_alike(name)) {
            return Err(format!("look-alike {name}"));
        }
        one("x-forwarded-for")?.ok_or("no X-Forwarded-For")?;
        let chunked = match one("transfer-encoding")? {
            None => false,
            Some("chunked") => true,
            Some(coding) => return Err(format!("coding {coding:?}")),
        };
        let length = match one("content-length")? {
            None => 0,
            Some(_) if chunked => return Err("a length beside chunks".to_owned()),
            Some(digits) => canonical(digits).ok_or(format!("length {digits:?}"))?,
        };
        let (method, target, host) = (method.to_owned(), target.to_owned(), host.to_owned());
        Ok(Self { method, target, host, length, chunked })
    }
}

/// Whether an origin that takes `_` for `-`, as CGI does, would frame or trust by this field.
fn looks_alike(name: &str) -> bool {
    let meant = name.replace('_', "-");
    let ours = ["host", "via", "x-forwarded-for", "x-forwarded-proto"];
    name.contains('_') && (FRAMING.contains(&&*meant) || ours.contains(&&*meant))
}

fn field(line: &str) -> Result<(&str, &str), String> {
    let (name, value) = line
        .split_once(": ")
        .or(line.strip_suffix(':').map(|name| (name, "")))
        .ok_or(format!("field {line:?}"))?;
    let lower = |c: char| is_token(c) && !c.is_ascii_uppercase();
    let valued = |c: char| matches!(c, '\t' | ' '..='~' | '\u{80}'..='\u{ff}');
    let padded = value.trim_matches([' ', '\t']).len() != value.len();
    if name.is_empty() || !name.chars().all(lower) || !value.chars().all(valued) || padded {
        return Err(format!("field {line:?}"));
    }
    Ok((name, value))
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

fn canonical(digits: &str) -> Option<u64> {
    let number = digits.parse::<u64>().ok()?;
    (number.to_string() == digits).then_some(number)
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}
