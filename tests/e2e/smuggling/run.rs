//! Plays a corpus to the proxy: each mutation on a connection of its own with an honest request
//! right behind it, and then, from somebody else's connection, the honest request again and the
//! mutation's own target. Whatever the mutation was, each of the three gets its own answer.
//!
//! The proxy's clock is in hand and is moved as long as anything waits, so that a request whose
//! rest never comes is over in a moment; nothing else that the proxy waits for can run out.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::corpus::Mutation;
use super::recorder::Recorder;
use super::streams::{self, Connection, Stream};
use crate::frames::{END_HEADERS, END_STREAM, HEADERS, frame};
use crate::kit::Proxy;
use crate::kit::setup::Setup;
use crate::kit::socket::Socket;
use crate::kit::wait::{DEADLINE, deadline};
use crate::kit::wire::{Framing, Wire};
use tidegate::base::Clock;

/// Clients at a time: more than the proxy has workers, fewer than would be slow to start.
const CLIENTS: usize = 24;

/// Mutations that one HTTP/2 connection is used for.
const MUTATIONS: usize = 16;

/// How long clients may take, of the proxy's time, which goes by the second in each tick of ours;
/// the origin may take for ever.
const PATIENCE: &str = "handshake = '30d'\n header = '60s'\n body = '60s'\n first_byte = '30d'\n \
                        write = '30d'\n progress = '30d'\n idle = '30d'";
const TICK: Duration = Duration::from_millis(5);

/// The proxy in front of `origin` as the corpora want it.
pub fn proxy(origin: &Recorder) -> Setup {
    Setup::for_server(&origin.address().to_string())
        .timeouts(PATIENCE)
        .cluster(
            "first_byte_timeout = '30d'\n between_bytes_timeout = '30d'\n keepalive = '30d'\n \
             connect_timeout = '30d'",
        )
        .workers(2)
        .clock_by_hand()
}

/// What became of mutations, by class: how often each outcome came.
pub type Outcomes = BTreeMap<&'static str, BTreeMap<String, usize>>;

/// Complaints, and what became of each class.
#[derive(Default)]
pub struct Report {
    pub outcomes: Outcomes,
    pub complaints: Vec<String>,
}

/// Runs `play` for every mutation, from many threads at a time, each with a state of its own; the
/// clock moves meanwhile.
pub fn all<S>(
    proxy: &Proxy,
    corpus: &[Mutation],
    state: impl Fn() -> S + Sync,
    play: impl Fn(&mut S, &Mutation) -> Result<String, String> + Sync,
) -> Report {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let report = Mutex::new(Report::default());
    let client = || {
        let mut state = state();
        while let Some(mutation) = corpus.get(next.fetch_add(1, Ordering::Relaxed)) {
            let played = play(&mut state, mutation);
            report.lock().expect("no client panics with it").add(mutation, played);
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let end = deadline() + 6 * DEADLINE;
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        while clients.iter().any(|client| !client.is_finished()) {
            assert!(
                Clock::system().now() < end,
                "{} of {}",
                done.load(Ordering::Relaxed),
                corpus.len()
            );
            thread::park_timeout(TICK);
            proxy.advance(1);
        }
    });
    report.into_inner().expect("no client panicked with it")
}

impl Report {
    fn add(&mut self, mutation: &Mutation, played: Result<String, String>) {
        let bytes = mutation.bytes.escape_ascii();
        match played {
            Err(what) => self.complaints.push(format!("{}: {what}: {bytes}", mutation.class)),
            Ok(outcome) => {
                if !mutation.expect.split('|').any(|right| right.trim() == outcome) {
                    let (class, expect) = (mutation.class, mutation.expect);
                    self.complaints.push(format!("{class}: {outcome}, not {expect}: {bytes}"));
                }
                let class = self.outcomes.entry(mutation.class).or_default();
                *class.entry(outcome).or_default() += 1;
            }
        }
    }

    /// Prints what became of each class, for whoever asks to see what tests print.
    #[allow(clippy::print_stdout, reason = "a table of what the proxy answers to what")]
    pub fn print(&self, count: usize) {
        println!("{count} mutations");
        for (class, outcomes) in &self.outcomes {
            let outcomes = outcomes.iter().map(|(outcome, count)| format!("{outcome} ({count})"));
            println!("{class}: {}", outcomes.collect::<Vec<_>>().join(", "));
        }
    }

    /// Fails with every complaint, and with whatever the origin saw that it should not have.
    #[track_caller]
    pub fn judge(mut self, corpus: &[Mutation], origin: &Recorder) {
        self.complaints.extend(origin.faults().into_iter().map(|fault| format!("origin: {fault}")));
        let mut out = BTreeMap::<(String, usize), usize>::new();
        for (target, tally) in origin.all() {
            match parse(&target).filter(|(_, number)| *number < corpus.len()) {
                Some(asked) => *out.entry(asked).or_default() += tally.whole + tally.broken,
                None => self.complaints.push(format!("origin: nobody asked for {target:?}")),
            }
        }
        for ((what, number), count) in out {
            // What came in, and then an honest request for the same.
            if count > corpus[number].requests() + 1 {
                self.complaints.push(format!("origin: {count} requests for {what}/{number:05}"));
            }
        }
        let count = self.complaints.len();
        self.complaints.truncate(60);
        assert!(count == 0, "{count} complaints:\n{}", self.complaints.join("\n"));
    }
}

/// What a target that the corpus asks for is, and the number in it.
fn parse(target: &str) -> Option<(String, usize)> {
    let (what, rest) = target.strip_prefix('/')?.split_once('/')?;
    let number = rest.get(..5)?.parse().ok()?;
    ["m", "c", "early"].contains(&what).then(|| (what.to_owned(), number))
}

/// An honest client's kept connection.
pub struct Honest {
    address: SocketAddr,
    wire: Option<Wire>,
}

impl Honest {
    /// A client of `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, wire: None }
    }

    /// Asks for `path` and makes sure of the answer.
    ///
    /// # Errors
    /// What came instead.
    pub fn get(&mut self, path: &str) -> Result<(), String> {
        let told = |error: io::Error| format!("the honest client gets no {path}: {error}");
        let request = format!("GET {path} HTTP/1.1\r\nHost: wiki.test\r\n\r\n");
        let ask = |mut wire: Wire| {
            wire.socket.write_all(request.as_bytes())?;
            answer(&mut wire, false).map(|answer| (wire, answer))
        };
        // A kept connection may have been closed as idle meanwhile.
        let kept = self.wire.take().map(ask).and_then(Result::ok);
        let (wire, answer) = match kept.filter(|(_, answer)| answer.is_some()) {
            Some(answered) => answered,
            None => Socket::connect(self.address).map(Wire::new).and_then(ask).map_err(told)?,
        };
        match answer {
            Some((200, body)) if body == own(path) => {
                self.wire = Some(wire);
                Ok(())
            }
            other => Err(format!("the honest client gets {other:?} for {path}")),
        }
    }

    /// What is asked after every mutation.
    ///
    /// # Errors
    /// What came instead of the right answers.
    pub fn check(&mut self, id: &str) -> Result<(), String> {
        self.get(&format!("/c/{id}"))?;
        self.get(&format!("/m/{id}"))
    }
}

/// What the recording origin answers a GET with.
pub fn own(path: &str) -> String {
    format!("GET {path} wiki.test\n")
}

/// Plays one mutation over HTTP/1; the outcome.
///
/// # Errors
/// What must never be.
pub fn http1(
    address: SocketAddr,
    honest: &mut Honest,
    mutation: &Mutation,
    origin: &Recorder,
) -> Result<String, String> {
    let told = |error: io::Error| error.to_string();
    let mut wire = Wire::new(Socket::connect(address).map_err(told)?);
    let canary = format!("/c/{}", mutation.id);
    let mut bytes = mutation.bytes.clone();
    let honest_one =
        format!("GET {canary} HTTP/1.1\r\nHost: wiki.test\r\nConnection: close\r\n\r\n");
    bytes.extend_from_slice(honest_one.as_bytes());
    // Every third comes in two pieces, cut somewhere. A proxy that closes before it has read
    // everything has its reasons.
    let number = mutation.id.parse::<usize>().unwrap_or_default();
    let (first, rest) =
        bytes.split_at(if number % 3 == 0 { number * 7919 % bytes.len() } else { 0 });
    let _ = wire.socket.write_all(first).and_then(|()| wire.socket.write_all(rest));

    let (mut answers, mut kept) = (Vec::new(), false);
    let mut to_head = mutation.bytes.starts_with(b"HEAD ");
    loop {
        match answer(&mut wire, to_head) {
            Ok(Some((100, _))) => continue,
            Ok(Some((status, body))) if body == own(&canary) => {
                kept = status == 200;
            }
            Ok(Some((status, body))) => {
                if kept || body.contains("/s/") || body.contains("/c/") {
                    return Err(format!("answered {status} {body:?}"));
                }
                answers.push(status.to_string());
            }
            Ok(None) => break,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(format!("hangs after {answers:?}"));
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(error.to_string()),
            Err(_) => break,
        }
        to_head = false;
    }
    check(honest, mutation, origin)?;
    let answers = if answers.is_empty() { "none".to_owned() } else { answers.join("+") };
    Ok(format!("{answers} {}", if kept { "kept" } else { "closed" }))
}

/// Makes sure that a mutation that has been played is harmless.
fn check(honest: &mut Honest, mutation: &Mutation, origin: &Recorder) -> Result<(), String> {
    let tally = origin.tally(&format!("/m/{}", mutation.id));
    if tally.whole + tally.broken > mutation.requests() {
        return Err(format!("came out as {tally:?}"));
    }
    honest.check(&mutation.id)
}

/// The next answer's status and body; `None` where the proxy has closed.
fn answer(wire: &mut Wire, to_head: bool) -> io::Result<Option<(u16, String)>> {
    let Some(head) = wire.head()? else { return Ok(None) };
    let start = head.start.strip_prefix("HTTP/1.1 ").or(head.start.strip_prefix("HTTP/1.0 "));
    let status = start.and_then(|rest| rest.get(..3)?.parse().ok());
    let status: u16 = status
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, format!("{:?}", head.start)))?;
    let bodiless = to_head || status < 200 || status == 204 || status == 304;
    let framing = if bodiless { Framing::None } else { head.framing(Framing::Close)? };
    let mut body = Vec::new();
    wire.body(framing, |piece| body.extend_from_slice(piece))?;
    Ok(Some((status, String::from_utf8_lossy(&body).into_owned())))
}

/// Plays one mutation over HTTP/2; the outcome. A connection is used again as long as it lives, but
/// not for so many mutations that their resets would end it.
///
/// # Errors
/// What must never be.
pub fn http2(
    address: SocketAddr,
    kept: &mut Option<(Connection, usize)>,
    honest: &mut Honest,
    mutation: &Mutation,
    origin: &Recorder,
) -> Result<String, String> {
    let told = |error: io::Error| error.to_string();
    let (mut connection, used) = match kept.take() {
        Some(kept) => kept,
        None => (Connection::open(address).map_err(told)?, 0),
    };
    let (odd, canary) = (connection.stream(), connection.stream());
    let path = format!("/c/{}", mutation.id);
    let fields =
        [(":method", "GET"), (":scheme", "https"), (":authority", "wiki.test"), (":path", &path)];
    let fields = fields.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let mut frames = streams::on_stream(&mutation.bytes, odd);
    frames.extend(frame(HEADERS, END_HEADERS | END_STREAM, canary, &streams::block(&fields)));
    connection.send(&frames);
    let over = |streams: &HashMap<u32, Stream>| {
        [odd, canary].iter().all(|number| streams.get(number).is_some_and(Stream::is_over))
    };
    connection
        .read_until(over)
        .map_err(|error| format!("hangs: {error}, {:?}", connection.streams))?;
    let answered = connection.streams.remove(&odd).unwrap_or_default();
    let canary = connection.streams.remove(&canary).unwrap_or_default();
    check(honest, mutation, origin)?;
    let kept_on = canary.status == Some(200) && canary.body == own(&path).as_bytes();
    if !kept_on && canary.status.is_some() {
        return Err(format!("the canary gets {canary:?}"));
    }
    if String::from_utf8_lossy(&answered.body).contains("/s/") {
        return Err(format!("answered {answered:?}"));
    }
    let answer = match (answered.status, answered.reset) {
        (Some(status), _) => status.to_string(),
        (None, true) => "reset".to_owned(),
        (None, false) => "none".to_owned(),
    };
    if kept_on && used < MUTATIONS {
        *kept = Some((connection, used + 1));
    }
    Ok(format!("{answer} {}", if kept_on { "kept" } else { "closed" }))
}
