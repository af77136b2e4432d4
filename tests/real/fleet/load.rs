//! Readers and writers at every edge, at a fixed rate, and what becomes of what they ask.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate::base::Clock;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::edge::HOST;
use crate::wait::runtime;

/// Beyond this an answer has failed.
const LATE: Duration = Duration::from_secs(5);
const PAGES: u64 = 400;

/// What became of requests.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) reads: AtomicU64,
    failed_reads: AtomicU64,
    writes: AtomicU64,
    failed_writes: AtomicU64,
    pub(super) next: AtomicU64,
    pub(super) answered: Mutex<Vec<u64>>,
    why: Mutex<BTreeMap<String, u64>>,
}

impl Tally {
    fn fail(&self, why: String) {
        *self.why.lock().expect("nobody panics with it").entry(why).or_default() += 1;
    }
}

/// Where clients are, and the edges there.
pub(super) struct Place {
    pub(super) name: &'static str,
    pub(super) edges: Vec<SocketAddr>,
}

/// Readers and writers at a place, `rate` requests a second in all, until it is over.
pub(super) fn load(place: Place, rate: u64, over: &Arc<AtomicBool>, tally: &Arc<Tally>) {
    let Place { name, edges } = place;
    // Enough for the rate where each answer crosses an ocean.
    const EACH: u64 = 64;
    runtime().block_on(async {
        let pause =
            Duration::from_secs(edges.len() as u64 * EACH) / u32::try_from(rate).expect("a rate");
        let mut all = Vec::new();
        for edge in edges {
            for _ in 0..EACH {
                let (over, tally) = (Arc::clone(over), Arc::clone(tally));
                all.push(tokio::spawn(
                    async move { client(name, edge, pause, &over, &tally).await },
                ));
            }
        }
        for one in all {
            one.await.expect("a client does not panic");
        }
    });
}

async fn client(place: &str, edge: SocketAddr, pause: Duration, over: &AtomicBool, tally: &Tally) {
    let clock = Clock::system();
    let mut next = clock.now() + pause.mul_f64(fastrand::f64());
    let mut kept = None;
    while !over.load(Relaxed) {
        // Open loop: who was late asks at once.
        clock.sleep_until(next).await;
        next += pause;
        let writes = fastrand::u8(..20) == 0;
        let id = tally.next.fetch_add(1, Relaxed);
        let path = format!("/page/{}", fastrand::u64(..PAGES));
        let asked = clock.within(LATE, ask(edge, &mut kept, &path, writes.then_some(id)));
        let (all, failed) = match writes {
            true => (&tally.writes, &tally.failed_writes),
            false => (&tally.reads, &tally.failed_reads),
        };
        all.fetch_add(1, Relaxed);
        match asked.await.map_err(|_| "late".to_owned()).and_then(|answer| answer) {
            Ok(()) if writes => tally.answered.lock().expect("nobody panics with it").push(id),
            Ok(()) => {}
            Err(why) => {
                kept = None;
                failed.fetch_add(1, Relaxed);
                let what = if writes { "write" } else { "read" };
                tally.fail(format!("{place} {what}: {why}"));
            }
        }
    }
}

async fn ask(
    edge: SocketAddr,
    kept: &mut Option<BufReader<TcpStream>>,
    path: &str,
    id: Option<u64>,
) -> Result<(), String> {
    let io = |error: std::io::Error| error.kind().to_string();
    let mut stream = match kept.take() {
        Some(stream) => stream,
        None => BufReader::new(TcpStream::connect(edge).await.map_err(io)?),
    };
    let (method, body) = id.map_or(("GET", String::new()), |id| ("POST", id.to_string()));
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.get_mut().write_all(request.as_bytes()).await.map_err(io)?;
    let (mut status, mut length) = (String::new(), 0);
    stream.read_line(&mut status).await.map_err(io)?;
    let (mut line, mut detail) = (String::new(), String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await.map_err(io)? == 0 {
            return Err("reset".to_owned());
        }
        if line == "\r\n" {
            break;
        }
        let field = line.to_ascii_lowercase();
        if let Some(told) = field.strip_prefix("content-length:") {
            length = told.trim().parse().map_err(|_| "no length".to_owned())?;
        } else if field.starts_with("cache-status:") {
            // What the edge itself says comes last.
            let told = field.rsplit("detail=").next().filter(|_| field.contains("detail="));
            detail = told.map_or_else(String::new, |told| format!(" {}", told.trim()));
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.map_err(io)?;
    *kept = Some(stream);
    match status.split(' ').nth(1) {
        Some("200") if body == path.as_bytes() => Ok(()),
        Some("200") => Err("a wrong body".to_owned()),
        other => Err(format!("status {}{detail}", other.unwrap_or("none"))),
    }
}

/// Counts from one part of the test to the next.
pub(super) struct Report<'a> {
    tally: &'a Tally,
    last: [u64; 4],
}

impl<'a> Report<'a> {
    /// Nothing was counted yet.
    pub(super) fn new(tally: &'a Tally) -> Self {
        Self { tally, last: [0; 4] }
    }

    /// What failed of reads since the last one; all of it is printed.
    pub(super) fn failed_reads(&mut self, what: &str) -> u64 {
        let Tally { reads, failed_reads, writes, failed_writes, .. } = self.tally;
        let now = [reads, failed_reads, writes, failed_writes].map(|count| count.load(Relaxed));
        let [reads, failed, writes, lost] = std::array::from_fn(|at| now[at] - self.last[at]);
        self.last = now;
        let why = std::mem::take(&mut *self.tally.why.lock().expect("nobody panics with it"));
        println!("{what}: {failed} of {reads} reads failed, {lost} of {writes} writes {why:?}");
        failed
    }
}
