//! An origin that has whatever it is asked for: the path says how large, how it may be stored, and
//! how slowly it comes. On a thread and a runtime of its own.
//!
//! `/u/NAME/BYTES` may be stored for an hour; `/v/…` varies on Accept-Language besides; `/p/…` must
//! not be stored.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::wait::runtime;

/// What bodies are cut from.
static BLOCK: [u8; 64 * 1024] = [b'v'; 64 * 1024];

/// A running origin.
pub struct VastOrigin {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl VastOrigin {
    /// Starts it.
    pub fn start() -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST)
    }

    /// Starts it on an address of this machine's.
    pub fn start_on(address: Ipv4Addr) -> Self {
        let listener = std::net::TcpListener::bind((address, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        listener.set_nonblocking(true).expect("sockets have that mode");
        let (end, ended) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("it listens");
                tokio::select! {
                    () = accept(&listener) => {}
                    _ = ended => {}
                }
            });
        });
        Self { address, end: Some(end), thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for VastOrigin {
    fn drop(&mut self) {
        drop(self.end.take());
        let ended = self.thread.take().map(thread::JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the vast origin panicked");
        }
    }
}

async fn accept(listener: &tokio::net::TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.expect("the test leaves room for descriptors");
        // A connection that the edge closes ends its task; nobody asks how.
        drop(tokio::spawn(answer_all(stream)));
    }
}

async fn answer_all(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut read = Vec::with_capacity(1024);
    loop {
        read.clear();
        while !read.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        }
        let text = String::from_utf8_lossy(&read);
        let path = text.split(' ').nth(1).expect("the edge sends requests");
        let mut parts = path.split('/').skip(1);
        let (kind, length) = (parts.next(), parts.nth(1).and_then(|bytes| bytes.parse().ok()));
        let length: usize = length.unwrap_or_else(|| panic!("asked for {path}"));
        let how = match kind {
            Some("u") => "max-age=3600",
            Some("v") => "max-age=3600\r\nVary: Accept-Language",
            Some("p") => "private, no-store",
            _ => panic!("asked for {path}"),
        };
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nCache-Control: {how}\r\n\r\n");
        let mut answer = head.into_bytes();
        let first = length.min(BLOCK.len() - answer.len());
        answer.extend_from_slice(&BLOCK[..first]);
        stream.write_all(&answer).await?;
        let mut left = length - first;
        while left > 0 {
            let now = left.min(BLOCK.len());
            stream.write_all(&BLOCK[..now]).await?;
            left -= now;
        }
    }
}
