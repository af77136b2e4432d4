//! Three datacenters with two edges and two origin servers each, readers and writers at all of them: the
//! primary moves and comes back, a server flaps, a datacenter is cut off, one direction of its links is
//! lost, and all origins are down. What fails is counted; nothing may where the change was planned. Links
//! between datacenters go through relays of the test's, which delay, cut and swallow.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use tidegate::base::Clock;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::edge::{Edge, HOST, Ports};
use super::process::{Process, Scratch, free_port, output};
use super::tls::Identity;
use super::wait::{SOON, alone, runtime, setting, until};

const NAMES: [&str; 3] = ["codfw", "eqiad", "esams"];
/// What a link between two datacenters takes in one direction.
const DELAY: Duration = Duration::from_millis(5);
/// Beyond this an answer has failed.
const LATE: Duration = Duration::from_secs(5);
const PAGES: u64 = 400;

/// How a link is.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Link {
    Up,
    /// Whatever comes is reset.
    Cut,
    /// What goes there arrives, and nothing comes back.
    OneWay,
}

/// One server of an origin: its address there, how it is, and what was written to it.
struct Origin {
    address: SocketAddr,
    down: Arc<AtomicBool>,
}

/// What was written where: the ids of POST requests, by datacenter.
type Written = Arc<Mutex<HashMap<u64, Vec<usize>>>>;

/// The world of the test, on a runtime of its own.
struct World {
    origins: Vec<Vec<Origin>>,
    /// From a datacenter to another: where its nodes find the servers there.
    ways: HashMap<(usize, usize), Vec<SocketAddr>>,
    links: HashMap<(usize, usize), Arc<AtomicU8>>,
    written: Written,
}

impl World {
    /// Makes all servers and links; they end with the process.
    fn new() -> Self {
        let (send, receive) = std::sync::mpsc::channel();
        thread::spawn(move || {
            runtime().block_on(async {
                send.send(Self::build().await).ok();
                std::future::pending::<()>().await;
            });
        });
        receive.recv_timeout(SOON).expect("the world is made")
    }

    async fn build() -> Self {
        let written = Written::default();
        let (mut origins, mut ways, mut links) = (Vec::new(), HashMap::new(), HashMap::new());
        for at in 0..NAMES.len() {
            let mut servers = Vec::new();
            for _ in 0..2 {
                servers.push(origin(at, Arc::clone(&written)).await);
            }
            origins.push(servers);
        }
        for from in 0..NAMES.len() {
            for to in 0..NAMES.len() {
                let state = Arc::new(AtomicU8::new(Link::Up as u8));
                let mut there = Vec::new();
                for server in &origins[to] {
                    there.push(match from == to {
                        true => server.address,
                        false => relay(server.address, Arc::clone(&state)).await,
                    });
                }
                ways.insert((from, to), there);
                links.insert((from, to), state);
            }
        }
        Self { origins, ways, links, written }
    }

    /// Sets the links of `at` with all others.
    fn link(&self, at: usize, link: Link) {
        for ((from, to), state) in &self.links {
            if from != to && (*from == at || *to == at) {
                state.store(link as u8, Relaxed);
            }
        }
    }

    fn down(&self, down: bool) {
        self.origins.iter().flatten().for_each(|origin| origin.down.store(down, Relaxed));
    }
}

/// A server that answers each path with itself and keeps the ids of what is written.
async fn origin(at: usize, written: Written) -> Origin {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let down = Arc::new(AtomicBool::new(false));
    let is_down = Arc::clone(&down);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if !is_down.load(Relaxed) {
                let (is_down, written) = (Arc::clone(&is_down), Arc::clone(&written));
                tokio::spawn(async move { serve(stream, at, &is_down, &written).await });
            }
        }
    });
    Origin { address, down }
}

async fn serve(
    stream: TcpStream,
    at: usize,
    down: &AtomicBool,
    written: &Mutex<HashMap<u64, Vec<usize>>>,
) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut first, mut line) = (String::new(), String::new());
        if !matches!(stream.read_line(&mut first).await, Ok(1..)) {
            return;
        }
        let mut length = 0;
        loop {
            line.clear();
            match stream.read_line(&mut line).await {
                Ok(1..) if line != "\r\n" => {}
                Ok(1..) => break,
                _ => return,
            }
            if let Some(told) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = told.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).await.is_err() || down.load(Relaxed) {
            return;
        }
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if method == "POST" {
            let id = String::from_utf8_lossy(&body).parse().expect("the test writes numbers");
            written.lock().expect("nobody panics with it").entry(id).or_default().push(at);
        }
        let answer = format!(
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=1\r\nContent-Length: {}\r\n\r\n{path}",
            path.len()
        );
        if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A relay before `server`.
async fn relay(server: SocketAddr, link: Arc<AtomicU8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let link = Arc::clone(&link);
            if link.load(Relaxed) == Link::Cut as u8 {
                continue;
            }
            tokio::spawn(async move {
                let Ok(far) = TcpStream::connect(server).await else { return };
                let ((mut near_in, mut near_out), (mut far_in, mut far_out)) =
                    (near.into_split(), far.into_split());
                let there = carry(&mut near_in, &mut far_out, &link, false);
                let back = carry(&mut far_in, &mut near_out, &link, true);
                tokio::select! { () = there => {}, () = back => {} }
            });
        }
    });
    address
}

async fn carry(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    link: &AtomicU8,
    back: bool,
) {
    let clock = Clock::system();
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        clock.sleep(DELAY).await;
        let now = link.load(Relaxed);
        if now == Link::Cut as u8 {
            return;
        }
        let lost = back && now == Link::OneWay as u8;
        if !lost && to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}

/// What became of requests.
#[derive(Default)]
struct Tally {
    reads: AtomicU64,
    failed_reads: AtomicU64,
    writes: AtomicU64,
    failed_writes: AtomicU64,
    next: AtomicU64,
    answered: Mutex<Vec<u64>>,
    why: Mutex<HashMap<String, u64>>,
}

impl Tally {
    fn fail(&self, why: String) {
        *self.why.lock().expect("nobody panics with it").entry(why).or_default() += 1;
    }
}

/// Readers and writers at all edges, `rate` requests a second in all, until it is over.
fn load(
    edges: &[SocketAddr],
    rate: u64,
    over: &Arc<AtomicBool>,
    tally: &Arc<Tally>,
) -> thread::JoinHandle<()> {
    const EACH: u64 = 8;
    let (edges, over, tally) = (edges.to_vec(), Arc::clone(over), Arc::clone(tally));
    thread::spawn(move || {
        runtime().block_on(async {
            let pause = Duration::from_secs(edges.len() as u64 * EACH)
                / u32::try_from(rate).expect("a rate");
            let mut all = Vec::new();
            for edge in edges {
                for _ in 0..EACH {
                    let (over, tally) = (Arc::clone(&over), Arc::clone(&tally));
                    all.push(tokio::spawn(async move { client(edge, pause, &over, &tally).await }));
                }
            }
            for one in all {
                one.await.expect("a client does not panic");
            }
        });
    })
}

async fn client(edge: SocketAddr, pause: Duration, over: &AtomicBool, tally: &Tally) {
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
                tally.fail(format!("{}: {why}", if writes { "write" } else { "read" }));
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
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.map_err(io)? == 0 {
            return Err("reset".to_owned());
        }
        if line == "\r\n" {
            break;
        }
        if let Some(told) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = told.trim().parse().map_err(|_| "no length".to_owned())?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.map_err(io)?;
    *kept = Some(stream);
    match status.split(' ').nth(1) {
        Some("200") if body == path.as_bytes() => Ok(()),
        Some("200") => Err("a wrong body".to_owned()),
        other => Err(format!("status {}", other.unwrap_or("none"))),
    }
}

fn config(world: &World, at: usize, ports: &Ports, etcd: u16) -> String {
    let [plain, _, _, admin] = ports.addresses();
    let mut toml = format!(
        "[node]\nname = \"cp-{}-{}\"\nworkers = 1\nmemory = \"256MiB\"\ndatacenter = \"{}\"\n\
         drain_delay = \"100ms\"\n[admin]\naddress = \"{admin}\"\n[log]\naccess = \"off\"\n\
         [[listener]]\naddress = \"{plain}\"\n[fleet]\netcd = [\"127.0.0.1:{etcd}\"]\n\
         [datacenter.codfw]\ncoordinates = \"32.8,-96.8\"\n\
         [datacenter.eqiad]\ncoordinates = \"39.0,-77.5\"\n\
         [datacenter.esams]\ncoordinates = \"52.4,4.9\"\n",
        NAMES[at],
        plain.port(),
        NAMES[at]
    );
    for (cluster, more) in [("read", ""), ("write", "primary = \"eqiad\"\n")] {
        let check =
            "interval = \"500ms\"\ntimeout = \"500ms\"\nfall = 2\nrise = 2\npath = \"/check\"";
        writeln!(
            toml,
            "[cluster.{cluster}]\nconnect_timeout = \"1s\"\nfirst_byte_timeout = \"2s\"\nslow_start = \"2s\"\n\
             {more}[cluster.{cluster}.check]\n{check}"
        )
        .expect("a String takes all");
        for (to, name) in NAMES.iter().enumerate() {
            let servers: Vec<String> =
                world.ways[&(at, to)].iter().map(|server| format!("\"{server}\"")).collect();
            writeln!(
                toml,
                "[cluster.{cluster}.datacenter.{name}]\nservers = [{}]",
                servers.join(", ")
            )
            .expect("a String takes all");
        }
    }
    toml + &format!(
        "[site.wiki]\nhosts = [\"{HOST}\"]\ncluster = \"write\"\n\
         [[site.wiki.route]]\nmethods = [\"GET\"]\ncluster = \"read\"\n"
    )
}

fn etcd(folder: &Scratch) -> (Process, u16) {
    let ports = [free_port(), free_port()];
    let [client, peer] = ports.map(|port| format!("http://127.0.0.1:{port}"));
    let mut command = Command::new("etcd");
    command.arg("--data-dir").arg(folder.path().join("data"));
    command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
    command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
    command.args(["--initial-cluster", &format!("default={peer}"), "--unsafe-no-fsync"]);
    (Process::start("etcd", folder.path(), &mut command), ports[0])
}

/// Counts from one part of the test to the next.
struct Report<'a> {
    tally: &'a Tally,
    last: [u64; 4],
}

impl Report<'_> {
    /// What failed of reads since the last one; all of it is printed.
    fn failed_reads(&mut self, what: &str) -> u64 {
        let Tally { reads, failed_reads, writes, failed_writes, .. } = self.tally;
        let now = [reads, failed_reads, writes, failed_writes].map(|count| count.load(Relaxed));
        let [reads, failed, writes, lost] = std::array::from_fn(|at| now[at] - self.last[at]);
        self.last = now;
        let why = std::mem::take(&mut *self.tally.why.lock().expect("nobody panics with it"));
        println!("{what}: {failed} of {reads} reads failed, {lost} of {writes} writes {why:?}");
        failed
    }
}

#[test]
#[ignore = "needs etcd: tests/real/install"]
fn a_fleet_goes_on_while_datacenters_move_fail_and_come_back() {
    let _alone = alone();
    let seconds = Duration::from_secs(setting("TIDEGATE_REAL_FLEET_SECONDS", 4));
    let rate = setting("TIDEGATE_REAL_FLEET_RATE", 2000);
    let (world, folder) = (World::new(), Scratch::new("fleet"));
    let (mut etcd, port) = etcd(&folder);
    let mut edges = Vec::new();
    for at in [0, 0, 1, 1, 2, 2] {
        let ports = Ports::free();
        let toml = config(&world, at, &ports, port);
        fs::write(folder.path().join("tidegate.toml"), &toml).expect("the folder is ours");
        edges.push(Edge::serve(&ports, Identity::new(HOST), &toml));
    }
    until("etcd is followed", SOON, || {
        edges.iter().all(|edge| edge.metric("tidegate_etcd_followed") > 0.5)
    });
    let file = folder.path().join("tidegate.toml");
    let switch = |from: &str, to: &str| {
        let built = || env!("CARGO_BIN_EXE_tidegate").to_owned();
        let program = std::env::var("TIDEGATE_REAL_BINARY").unwrap_or_else(|_| built());
        let mut command = Command::new(program);
        command.args(["datacenter", "switch", from, to, "--yes", "--config"]).arg(&file);
        let (status, said) = output("tidegate", &mut command, SOON);
        assert!(status.success(), "{said}");
    };
    let (over, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Tally::default()));
    let addresses: Vec<SocketAddr> = edges.iter().map(|edge| edge.plain).collect();
    let clients = load(&addresses, rate, &over, &tally);
    let mut report = Report { tally: &tally, last: [0; 4] };
    let pass = || thread::park_timeout(seconds);

    pass();
    assert_eq!(report.failed_reads("all is well"), 0);
    switch("eqiad", "codfw");
    pass();
    assert_eq!(report.failed_reads("the primary moves"), 0);
    let ids = |from: u64| {
        let written = world.written.lock().expect("nobody panics with it");
        written
            .iter()
            .filter(|(id, _)| **id > from)
            .flat_map(|(_, at)| at.clone())
            .collect::<Vec<_>>()
    };
    let mark = tally.next.load(Relaxed);
    pass();
    assert!(ids(mark + rate / 10).iter().all(|at| *at == 0), "writes go to codfw alone");
    switch("codfw", "eqiad");
    pass();
    assert_eq!(report.failed_reads("and comes back"), 0);
    // `switch` has drained the other one.
    let pool = ["pool", "codfw", "--yes", "--config"];
    let built = || env!("CARGO_BIN_EXE_tidegate").to_owned();
    let program = std::env::var("TIDEGATE_REAL_BINARY").unwrap_or_else(|_| built());
    let (status, said) = output("tidegate", Command::new(program).args(pool).arg(&file), SOON);
    assert!(status.success(), "{said}");

    for _ in 0..8 {
        let flapping = &world.origins[1][0].down;
        flapping.store(!flapping.load(Relaxed), Relaxed);
        thread::park_timeout(seconds / 8);
    }
    let flapping = report.failed_reads("a server flaps");
    world.link(0, Link::Cut);
    pass();
    let cut = report.failed_reads("codfw is cut off");
    world.link(0, Link::Up);
    pass();
    report.failed_reads("it is back");
    world.link(1, Link::OneWay);
    pass();
    report.failed_reads("eqiad answers nobody outside");
    world.link(1, Link::Up);
    pass();
    report.failed_reads("it does again");
    world.down(true);
    pass();
    report.failed_reads("all origins are down");
    world.down(false);
    until("reads are answered again", SOON, || {
        thread::park_timeout(Duration::from_millis(500));
        report.failed_reads("all origins are up") == 0
    });
    over.store(true, Relaxed);
    clients.join().expect("the clients end");
    let reads = tally.reads.load(Relaxed);
    assert!(flapping * 100 < reads && cut * 100 < reads, "{flapping} and {cut} of {reads}");

    // Each write that was answered was made once, and none twice.
    let written = world.written.lock().expect("nobody panics with it");
    assert!(written.values().all(|at| at.len() == 1), "a write was made twice");
    let answered = tally.answered.lock().expect("nobody panics with it");
    assert!(answered.iter().all(|id| written.contains_key(id)), "an answered write was not made");
    println!("{} writes, each made once", written.len());
    drop((written, answered));
    edges.into_iter().for_each(Edge::stop);
    etcd.end_by(Signal::TERM, SOON);
}
