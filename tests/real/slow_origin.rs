//! An origin that is slow on purpose and counts what it is asked: the head a second after the
//! request, the body in pieces, the second half of it only when the test says so.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tidegate::base::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};

use super::page::Page;
use super::wait::runtime;

/// Before the head.
const HEAD: Duration = Duration::from_secs(1);

/// Of a body; between them passes [`PIECE`].
const PIECES: u64 = 16;

const PIECE: Duration = Duration::from_millis(100);

/// A running origin; its page N is at `/slow/N`, and each request gets the next version of it.
pub struct SlowOrigin {
    address: SocketAddr,
    state: Arc<State>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

struct State {
    requests: Mutex<HashMap<u32, u32>>,
    /// Pages up to this one are given whole.
    released: watch::Sender<u32>,
}

impl SlowOrigin {
    /// Starts it.
    pub fn start() -> Self {
        let released = watch::Sender::new(0);
        let state = Arc::new(State { requests: Mutex::default(), released });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        listener.set_nonblocking(true).expect("sockets have that mode");
        let (end, ended) = oneshot::channel();
        let shared = Arc::clone(&state);
        let thread = thread::spawn(move || {
            runtime().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("it listens");
                tokio::select! {
                    () = accept(&listener, shared) => {}
                    _ = ended => {}
                }
            });
        });
        Self { address, state, end: Some(end), thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often it was asked for a page.
    pub fn requests(&self, id: u32) -> u32 {
        self.state.requests().get(&id).copied().unwrap_or(0)
    }

    /// Lets the second halves of all pages up to this one go.
    pub fn release(&self, id: u32) {
        self.state.released.send_replace(id);
    }
}

impl Drop for SlowOrigin {
    fn drop(&mut self) {
        drop(self.end.take());
        let ended = self.thread.take().map(thread::JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the slow origin panicked");
        }
    }
}

impl State {
    fn requests(&self) -> MutexGuard<'_, HashMap<u32, u32>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: &tokio::net::TcpListener, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.expect("the test leaves room for descriptors");
        let state = Arc::clone(&state);
        // A connection that the edge closes ends its task; nobody asks how.
        drop(tokio::spawn(async move { answer_all(stream, &state).await }));
    }
}

async fn answer_all(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut read = Vec::new();
    loop {
        while !read.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        }
        let text = String::from_utf8_lossy(&read);
        let id = text.strip_prefix("GET /slow/").and_then(|rest| rest.split(' ').next());
        let Some(id) = id.and_then(|id| id.parse().ok()) else {
            panic!("asked for something else:\n{text}");
        };
        let version = {
            let mut requests = state.requests();
            let count = requests.entry(id).or_default();
            *count += 1;
            *count - 1
        };
        read.clear();
        answer(&mut stream, state, Page { id, version }).await?;
    }
}

async fn answer(stream: &mut TcpStream, state: &State, page: Page) -> std::io::Result<()> {
    let clock = Clock::system();
    clock.sleep(HEAD).await;
    let (length, Page { id, version }) = (page.length(), page);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nCache-Control: max-age=3600\r\n\
         ETag: \"{id}-{version}\"\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    for n in 0..PIECES {
        if n == PIECES / 2 {
            let mut released = state.released.subscribe();
            let _ = released.wait_for(|up_to| *up_to >= id).await;
        }
        clock.sleep(PIECE).await;
        stream.write_all(&page.slice(length * n / PIECES..length * (n + 1) / PIECES)).await?;
    }
    Ok(())
}
