//! A client that sends exactly the bytes it is given and shows exactly the bytes that come.

use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;

use super::pki;
use super::response::{Response, header_map};
use super::socket::Socket;
use super::wire::{Framing, Head, Wire};

/// A connection in the test's hand.
pub struct Raw {
    wire: Wire,
}

impl Raw {
    /// Connects.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        Self { wire: Wire::new(Socket::connect(address).expect("the address takes connections")) }
    }

    /// Connects from another address of this machine.
    #[track_caller]
    pub fn connect_from(address: SocketAddr, from: &str) -> Self {
        let from = from.parse().expect("the test names an address");
        let socket = Socket::connect_from(address, from).expect("the address takes connections");
        Self { wire: Wire::new(socket) }
    }

    /// Connects with TLS for `name`, and HTTP/1.1 by ALPN.
    #[track_caller]
    pub fn tls(address: SocketAddr, name: &str) -> Self {
        Self::tls_with(address, name, pki::client_config(&["http/1.1"]))
    }

    /// Connects with TLS for `name`, as `config` says.
    #[track_caller]
    pub fn tls_with(address: SocketAddr, name: &str, config: Arc<ClientConfig>) -> Self {
        let socket = Socket::connect(address).expect("the address takes connections");
        Self { wire: Wire::new(socket.tls(config, name).expect("the handshake succeeds")) }
    }

    /// Goes on with TLS for `name`, and HTTP/1.1 by ALPN.
    #[track_caller]
    pub fn begin_tls(self, name: &str) -> Self {
        let socket = self.wire.socket.tls(pki::client_config(&["http/1.1"]), name);
        Self { wire: Wire::new(socket.expect("the handshake succeeds")) }
    }

    /// Sends these bytes.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.socket.write_all(bytes.as_ref()).expect("the peer takes what is sent");
    }

    /// Sends these bytes; a peer that has closed already is no failure.
    pub fn send_or_not(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.wire.socket.write_all(bytes.as_ref());
    }

    /// Sends a GET for `path` of `wiki.test`.
    #[track_caller]
    pub fn get(&mut self, path: &str) {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: wiki.test\r\n\r\n"));
    }

    /// The next response's head.
    #[track_caller]
    pub fn head(&mut self) -> Head {
        self.wire.head().expect("a head comes").expect("the peer answers before it closes")
    }

    /// The next response, to a request whose response may have a body.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        let head = self.head();
        self.rest(&head)
    }

    /// The response that began with `head`: its body, complete or as far as it came.
    #[track_caller]
    pub fn rest(&mut self, head: &Head) -> Response {
        let status = status(head);
        let bodiless = status < 200 || status == 204 || status == 304;
        let framing = if bodiless {
            Framing::None
        } else {
            head.framing(Framing::Close).expect("a response is framed")
        };
        let mut body = Vec::new();
        let end = self.wire.body(framing, |piece| body.extend_from_slice(piece));
        if let Err(error) = &end {
            assert_ne!(error.kind(), ErrorKind::WouldBlock, "the rest of {head:?} does not come");
        }
        Response {
            status,
            headers: header_map(&head.fields),
            body,
            complete: end.is_ok(),
            trailers: header_map(&end.unwrap_or_default()),
            ..Response::default()
        }
    }

    /// The next response, to a HEAD.
    #[track_caller]
    pub fn response_to_head(&mut self) -> Response {
        let head = self.head();
        let headers = header_map(&head.fields);
        Response { status: status(&head), headers, complete: true, ..Response::default() }
    }

    /// What comes next, as it is on the wire; empty when the peer has closed.
    #[track_caller]
    pub fn some(&mut self) -> Vec<u8> {
        match self.wire.some() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Vec::new(),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Vec::new(),
            Err(error) => panic!("nothing comes and the peer does not close: {error}"),
        }
    }

    /// Reads until what has come contains `text`; all of it.
    #[track_caller]
    pub fn read_until(&mut self, text: &str) -> Vec<u8> {
        let mut all = Vec::new();
        while super::wire::find(&all, text.as_bytes()).is_none() {
            let some = self.some();
            assert!(!some.is_empty(), "closed after {:?}", String::from_utf8_lossy(&all));
            all.extend(some);
        }
        all
    }

    /// Everything until the peer closes.
    #[track_caller]
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let some = self.some();
            if some.is_empty() {
                return all;
            }
            all.extend(some);
        }
    }

    /// Waits until the peer closes, and asserts that nothing came before.
    #[track_caller]
    pub fn expect_close(&mut self) {
        let rest = self.read_to_end();
        assert!(rest.is_empty(), "came: {:?}", String::from_utf8_lossy(&rest));
    }

    /// Whether the peer has closed and nothing is left to read, now.
    pub fn is_closed(&self) -> bool {
        match self.peek() {
            Ok(read) => read == 0 && !self.wire.has_unused(),
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    /// Whether something has come now, be it the end.
    pub fn has_more(&self) -> bool {
        let pending = |error: std::io::Error| error.kind() == ErrorKind::WouldBlock;
        self.wire.has_unused() || !self.peek().is_err_and(pending)
    }

    fn peek(&self) -> std::io::Result<usize> {
        let tcp = self.wire.socket.tcp();
        tcp.set_nonblocking(true).expect("a socket can be made not to block");
        let peeked = tcp.peek(&mut [0]);
        tcp.set_nonblocking(false).expect("a socket can be made to block");
        peeked
    }

    /// Ends the sending direction; answers still come.
    pub fn half_close(&mut self) {
        self.wire.socket.finish();
    }

    /// Cuts the connection with a reset.
    pub fn abort(self) {
        self.wire.socket.abort();
    }

    /// Whether the peer ends the connection in the way that TLS wants: not with a mere FIN, which
    /// anybody on the way can forge.
    #[track_caller]
    pub fn ends_properly(&mut self) -> bool {
        match self.wire.some() {
            Ok(bytes) => bytes.is_empty(),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => false,
            Err(error) => panic!("the peer does not close: {error}"),
        }
    }

    /// The certificate that the peer showed, in DER.
    #[track_caller]
    pub fn certificate(&self) -> Vec<u8> {
        let session = self.wire.socket.session().expect("the connection is TLS");
        let chain = session.peer_certificates().expect("the handshake is over");
        chain[0].to_vec()
    }

    /// The socket, for what only few tests ask of it.
    pub fn socket(&self) -> &Socket {
        &self.wire.socket
    }
}

fn status(head: &Head) -> u16 {
    let number = head.start.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let number = number.and_then(|digits| digits.parse().ok());
    number.unwrap_or_else(|| panic!("no status line: {:?}", head.start))
}
