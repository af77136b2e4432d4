//! The datacenters of the test, their origin servers and the links between them. These are of two kinds: relays
//! on loopback, which run anywhere, and a network of namespaces, which takes root.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::relay::relay;
use crate::edge::{Ports, program};
use crate::etcd::Etcd;
use crate::network::distance::Spot;
use crate::network::{Network, address};
use crate::process::Scratch;
use crate::tls::Authority;
use crate::wait::{SOON, runtime};

/// The datacenters. Origin servers stand in all but the last, which only caches, and is there only in
/// the network.
const DATACENTERS: [Datacenter; 4] = [
    Datacenter { name: "codfw", spot: Spot(32.8, -96.8) },
    Datacenter { name: "eqiad", spot: Spot(39.0, -77.5) },
    Datacenter { name: "esams", spot: Spot(52.4, 4.9) },
    Datacenter { name: "eqsin", spot: Spot(1.4, 103.8) },
];
/// How many of them have servers.
const CORE: usize = 3;
/// Where nothing is but what all have.
pub(super) const CODFW: usize = 0;
/// Where writes go at first, and etcd runs.
pub(super) const EQIAD: usize = 1;

/// A datacenter.
#[derive(Clone, Copy)]
pub(super) struct Datacenter {
    pub(super) name: &'static str,
    pub(super) spot: Spot,
}

/// How the links of a datacenter with all others are.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Link {
    Up,
    /// Relays reset whatever comes; a network swallows it.
    Cut,
    /// What goes there arrives, and nothing comes back.
    OneWay,
}

/// One server of an origin: its address there, how it is, and what was written to it.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    pub(super) down: Arc<AtomicBool>,
}

/// What was written where: the ids of POST requests, by datacenter.
pub(super) type Written = Arc<Mutex<HashMap<u64, Vec<usize>>>>;

/// The world of the test; its servers are on a runtime of their own.
pub(super) struct World {
    pub(super) datacenters: &'static [Datacenter],
    pub(super) origins: Vec<Vec<Origin>>,
    /// From a datacenter to another: where its nodes find the servers there.
    pub(super) ways: HashMap<(usize, usize), Vec<SocketAddr>>,
    links: Links,
    pub(super) written: Written,
}

enum Links {
    Relays(HashMap<(usize, usize), Arc<AtomicU8>>),
    Network(Box<Apart>),
}

/// Datacenters in namespaces; the operator's place comes after theirs.
struct Apart {
    network: Network,
    authority: Authority,
    folder: Scratch,
}

impl World {
    /// On loopback.
    pub(super) fn of_relays() -> Self {
        let listener = || std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        Self::on_a_thread([(); CORE].map(|()| [listener(), listener()]).into(), None)
    }

    /// In namespaces, as far from each other as the datacenters are.
    pub(super) fn of_namespaces() -> Self {
        let network = Network::new(DATACENTERS.len() + 1);
        for (at, one) in DATACENTERS.iter().enumerate() {
            for (to, other) in DATACENTERS.iter().enumerate().take(at) {
                network.apart(at, to, one.spot.one_way(other.spot));
            }
        }
        let listen = |at, host| {
            let listen = || std::net::TcpListener::bind((address(at, host), 8080));
            network.inside(at, listen).expect("the address is ours")
        };
        let listeners = (0..CORE).map(|at| [listen(at, 21), listen(at, 22)]).collect();
        let (authority, folder) = (Authority::new(), Scratch::new("nodes"));
        Self::on_a_thread(listeners, Some(Box::new(Apart { network, authority, folder })))
    }

    /// Serves on `listeners`; servers and relays end with the process.
    fn on_a_thread(listeners: Vec<[std::net::TcpListener; 2]>, apart: Option<Box<Apart>>) -> Self {
        let (send, receive) = std::sync::mpsc::channel();
        thread::spawn(move || {
            runtime().block_on(async {
                send.send(Self::build(listeners, apart).await).ok();
                std::future::pending::<()>().await;
            });
        });
        receive.recv_timeout(SOON).expect("the world is made")
    }

    async fn build(listeners: Vec<[std::net::TcpListener; 2]>, apart: Option<Box<Apart>>) -> Self {
        let written = Written::default();
        let origins: Vec<Vec<Origin>> = listeners
            .into_iter()
            .enumerate()
            .map(|(at, servers)| servers.map(|it| origin(at, it, Arc::clone(&written))).into())
            .collect();
        let (mut ways, mut links) = (HashMap::new(), HashMap::new());
        let datacenters = &DATACENTERS[..if apart.is_some() { DATACENTERS.len() } else { CORE }];
        for from in 0..datacenters.len() {
            for (to, servers) in origins.iter().enumerate() {
                let state = Arc::new(AtomicU8::new(Link::Up as u8));
                let mut there = Vec::new();
                for server in servers {
                    there.push(match from == to || apart.is_some() {
                        true => server.address,
                        false => relay(server.address, Arc::clone(&state)).await,
                    });
                }
                ways.insert((from, to), there);
                links.insert((from, to), state);
            }
        }
        let links = apart.map_or(Links::Relays(links), Links::Network);
        Self { datacenters, origins, ways, links, written }
    }

    /// Sets the links of `at` with all others.
    pub(super) fn link(&self, at: usize, link: Link) {
        match &self.links {
            Links::Relays(links) => {
                for ((from, to), state) in links {
                    if from != to && (*from == at || *to == at) {
                        state.store(link as u8, Relaxed);
                    }
                }
            }
            Links::Network(apart) => {
                for other in (0..apart.network.places()).filter(|other| *other != at) {
                    apart.network.loses(at, other, f64::from(u8::from(link != Link::Up)));
                    apart.network.loses(other, at, f64::from(u8::from(link == Link::Cut)));
                }
            }
        }
    }

    pub(super) fn down(&self, down: bool) {
        self.origins.iter().flatten().for_each(|origin| origin.down.store(down, Relaxed));
    }

    /// Where an edge listens: the first or second of its datacenter.
    pub(super) fn ports(&self, at: usize, edge: u8) -> Ports {
        match self.links {
            Links::Relays(_) => Ports::free(),
            Links::Network(_) => Ports::of(address_of(at, edge)),
        }
    }

    /// By what an edge and other nodes know each other: how its configuration goes on until some way into
    /// `[fleet]`.
    pub(super) fn door(&self, at: usize, edge: u8) -> String {
        match &self.links {
            Links::Relays(_) => "[fleet]\n".to_owned(),
            Links::Network(apart) => apart.authority.node(for_nodes(at, edge), apart.folder.path()),
        }
    }

    /// Where a datacenter sends its misses, or takes those of others.
    pub(super) fn misses(&self, at: usize) -> String {
        match &self.links {
            Links::Relays(_) => String::new(),
            // Not the nearest, but the one that is cut off.
            Links::Network(_) if at >= CORE => {
                "misses = \"edges\"\nnearest = [\"codfw\"]".to_owned()
            }
            Links::Network(_) => {
                let [one, other] = [0, 1].map(|edge| for_nodes(at, edge));
                format!("edges = [\"https://{one}\", \"https://{other}\"]")
            }
        }
    }

    /// The binary at a datacenter.
    pub(super) fn program(&self, at: usize) -> Command {
        match &self.links {
            Links::Relays(_) => program(),
            Links::Network(apart) => apart.network.at(at, &program()),
        }
    }

    /// etcd, which runs in one of the datacenters.
    pub(super) fn etcd(&self) -> Etcd {
        match &self.links {
            Links::Relays(_) => Etcd::start(),
            Links::Network(apart) => {
                let addresses = [2379, 2380].map(|port| (address(EQIAD, 5), port).into());
                Etcd::start_on(addresses, apart.network.at(EQIAD, &Command::new("etcd")))
            }
        }
    }

    /// A thread at a datacenter.
    pub(super) fn spawn(&self, at: usize, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
        match &self.links {
            Links::Relays(_) => thread::spawn(work),
            Links::Network(apart) => apart.network.spawn(at, work),
        }
    }

    /// What `work` makes where the operator is.
    pub(super) fn as_operator<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.links {
            Links::Relays(_) => work(),
            Links::Network(apart) => {
                let made = apart.network.inside(apart.network.places() - 1, work);
                println!("{}", apart.network.told());
                made
            }
        }
    }
}

fn address_of(at: usize, edge: u8) -> Ipv4Addr {
    address(at, 11 + edge)
}

fn for_nodes(at: usize, edge: u8) -> SocketAddr {
    (address_of(at, edge), 8444).into()
}

/// A server that answers each path with itself and keeps the ids of what is written.
fn origin(at: usize, listener: std::net::TcpListener, written: Written) -> Origin {
    listener.set_nonblocking(true).expect("a socket can be made not to block");
    let listener = TcpListener::from_std(listener).expect("the runtime takes it");
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
