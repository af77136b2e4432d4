//! A client of HTTP/2 for the tests of this room, frame by frame.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::kit::{Server, soon};
use super::wire;

/// A client of HTTP/2 that writes frames by hand, and what it has read and not looked at.
pub(super) struct Framer {
    pub(super) io: TcpStream,
    read: Vec<u8>,
}

impl Framer {
    /// Connects and says hello, with `settings`.
    pub(super) async fn connect(server: &Server, settings: &[(u16, u32)]) -> Self {
        let mut framer = Self { io: server.connect().await.0, read: Vec::new() };
        framer.send(&wire::hello(settings)).await;
        framer
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        soon("the server to read", self.io.write_all(bytes)).await.unwrap();
    }

    /// Asks for `path` on `stream`.
    pub(super) async fn get(&mut self, stream: u32, path: &str) {
        self.send(&wire::request(stream, &wire::get("a", path, &[]))).await;
    }

    /// The next frame; none where the connection has ended.
    pub(super) async fn next(&mut self) -> Option<wire::Came> {
        loop {
            if let Some(came) = wire::Came::take(&mut self.read) {
                return Some(came);
            }
            match soon("a frame", self.io.read_buf(&mut self.read)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return None,
            }
        }
    }

    /// The next frame of this type, of `stream`.
    pub(super) async fn next_of(&mut self, kind: u8, stream: u32) -> wire::Came {
        loop {
            let came = self.next().await;
            let came = came.unwrap_or_else(|| panic!("no frame of type {kind} on {stream}"));
            if (came.kind, came.stream) == (kind, stream) {
                return came;
            }
        }
    }

    /// Reads to the end of `stream`; its body.
    pub(super) async fn body(&mut self, stream: u32) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let came = self.next().await.expect("the stream ends before the connection");
            assert_ne!(came.kind, wire::GOAWAY, "{} {}", came.code(), came.debug_data());
            if came.stream != stream {
                continue;
            }
            assert_ne!(came.kind, wire::RST_STREAM, "{}", came.code());
            if came.kind == wire::DATA {
                body.extend_from_slice(&came.payload);
            }
            if came.flags & wire::END_STREAM != 0 {
                return body;
            }
        }
    }
}
