//! The origin servers of three datacenters, and the links between these: relays that delay, cut and swallow.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tidegate::base::Clock;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::NAMES;
use crate::wait::{SOON, runtime};

/// What a link between two datacenters takes in one direction.
const DELAY: Duration = Duration::from_millis(5);

/// How a link is.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Link {
    Up,
    /// Whatever comes is reset.
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

/// The world of the test, on a runtime of its own.
pub(super) struct World {
    pub(super) origins: Vec<Vec<Origin>>,
    /// From a datacenter to another: where its nodes find the servers there.
    pub(super) ways: HashMap<(usize, usize), Vec<SocketAddr>>,
    links: HashMap<(usize, usize), Arc<AtomicU8>>,
    pub(super) written: Written,
}

impl World {
    /// Makes all servers and links; they end with the process.
    pub(super) fn new() -> Self {
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
        let (mut origins, mut ways, mut links) =
            (Vec::<Vec<Origin>>::new(), HashMap::new(), HashMap::new());
        for at in 0..NAMES.len() {
            let mut servers = Vec::new();
            for _ in 0..2 {
                servers.push(origin(at, Arc::clone(&written)).await);
            }
            origins.push(servers);
        }
        for from in 0..NAMES.len() {
            for (to, servers) in origins.iter().enumerate() {
                let state = Arc::new(AtomicU8::new(Link::Up as u8));
                let mut there = Vec::new();
                for server in servers {
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
    pub(super) fn link(&self, at: usize, link: Link) {
        for ((from, to), state) in &self.links {
            if from != to && (*from == at || *to == at) {
                state.store(link as u8, Relaxed);
            }
        }
    }

    pub(super) fn down(&self, down: bool) {
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
