//! The scripted origin: a server on 127.0.0.1 that answers each path as its script says and
//! records every request as it came.
//!
//! A thread accepts, a thread a connection reads and answers. What they share is one
//! [`Watched`] log, which tests wait on. Whatever goes wrong in a thread (a script's failed
//! assertion, a request without a script, bytes that are no HTTP) is kept and fails the test when
//! the origin is dropped.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::ServerConfig;

use super::page::{Page, Reply, Then};
use super::pki;
use super::socket::Socket;
use super::wait::Watched;
use super::wire::{Framing, Head, Wire};

/// A scripted server. Stops when dropped.
pub struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// A request as the origin saw it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The connection that it came on, counted from 0 in the order of arrival.
    pub connection: usize,
    /// Its place on that connection, counted from 0.
    pub nth: usize,
    /// The method.
    pub method: String,
    /// The request target, as written.
    pub target: String,
    /// The head, byte for byte.
    pub head: Head,
    /// The body so far.
    pub body: Vec<u8>,
    /// The trailer fields.
    pub trailers: Vec<(String, String)>,
    /// Whether the body has come to its proper end.
    pub complete: bool,
}

impl Seen {
    /// The value of the one field named `name`. Panics where there are several.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.one(name)
    }
}

/// The name of no path.
const OTHERWISE: &str = "";

type Scripted = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

struct Shared {
    log: Watched<Log>,
    routes: Watched<HashMap<String, Scripted>>,
    tls: Option<Arc<ServerConfig>>,
}

#[derive(Default)]
struct Log {
    requests: Vec<Seen>,
    /// Every connection ever accepted, `None` once it has ended.
    connections: Vec<Option<TcpStream>>,
    failures: Vec<String>,
    threads: Vec<JoinHandle<()>>,
    stopping: bool,
}

impl Origin {
    /// Starts an origin that no path has a script for yet.
    pub fn start() -> Self {
        Self::listen(None)
    }

    /// Starts an origin that speaks TLS as `localhost`, with a certificate of the test's CA.
    pub fn start_tls() -> Self {
        Self::listen(Some(pki::server_config("localhost")))
    }

    fn listen(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared { log: Watched::default(), routes: Watched::default(), tls });
        let accepting = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || accept(&listener, &accepting));
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests for `path` (with any query, unless it names one) as `script` says.
    pub fn on<R: Into<Reply>>(
        &self,
        path: &str,
        script: impl Fn(&Seen) -> R + Send + Sync + 'static,
    ) {
        let script: Scripted = Arc::new(move |seen| script(seen).into());
        self.shared.routes.change(|routes| routes.insert(path.to_owned(), script));
    }

    /// Answers requests that no path's script answers.
    pub fn otherwise<R: Into<Reply>>(&self, script: impl Fn(&Seen) -> R + Send + Sync + 'static) {
        self.on(OTHERWISE, script);
    }

    /// Answers every request for `path` with `page`.
    pub fn page(&self, path: &str, page: Page) {
        self.on(path, move |_| page.clone());
    }

    /// Answers the requests for `path` with `replies`, each once and in this order. One more
    /// request fails the test.
    pub fn replies(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        let left = Watched::new(replies.into_iter().collect::<std::collections::VecDeque<_>>());
        self.on(path, move |seen| {
            let reply = left.change(|left| left.pop_front());
            reply.unwrap_or_else(|| panic!("one request too many: {} {}", seen.method, seen.target))
        });
    }

    /// Every request so far, in the order in which their heads arrived.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.log.look(|log| log.requests.clone())
    }

    /// How many requests came for `path`.
    pub fn count(&self, path: &str) -> usize {
        self.shared.log.look(|log| log.count(path))
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.shared.log.look(|log| log.connections.len())
    }

    /// Waits until `n` requests have come in all; all of them.
    #[track_caller]
    pub fn wait_for_requests(&self, n: usize) -> Vec<Seen> {
        self.wait_until(&format!("{n} requests came"), |seen| seen.len() >= n)
    }

    /// Waits until `n` requests have come for `path`.
    #[track_caller]
    pub fn wait_for(&self, path: &str, n: usize) {
        self.wait_until(&format!("{n} requests came for {path}"), |seen| {
            seen.iter().filter(|seen| is_for(&seen.target, path)).count() >= n
        });
    }

    /// Waits until `condition` holds of the requests seen; all of them.
    #[track_caller]
    pub fn wait_until(&self, what: &str, condition: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let found = self.shared.log.wait_for(|log| {
            let over = condition(&log.requests) || !log.failures.is_empty();
            over.then(|| (log.requests.clone(), log.failures.clone()))
        });
        let (requests, failures) = found.unwrap_or_else(|| {
            panic!("waited in vain until {what}; the origin saw {:?}", self.targets())
        });
        assert!(failures.is_empty(), "in the origin: {failures:?}");
        requests
    }

    /// Waits until no connection is open.
    #[track_caller]
    pub fn wait_until_all_left(&self) {
        let left = |log: &Log| log.connections.iter().all(Option::is_none).then_some(());
        self.shared.log.wait_for(left).expect("connections to the origin stay open");
    }

    /// Closes every connection at once, as a server does whose patience with idle ones is over.
    pub fn close_connections(&self) {
        self.shared.log.change(Log::close_all);
    }

    fn targets(&self) -> Vec<String> {
        self.requests().into_iter().map(|seen| seen.target).collect()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.log.change(|log| {
            log.stopping = true;
            log.close_all();
        });
        // Wakes the acceptor, which then sees that it is over.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().expect("the acceptor only accepts");
        }
        for thread in self.shared.log.change(|log| std::mem::take(&mut log.threads)) {
            thread.join().expect("a connection's panics are caught");
        }
        let failures = self.shared.log.change(|log| std::mem::take(&mut log.failures));
        if !std::thread::panicking() {
            assert!(failures.is_empty(), "in the origin: {failures:?}");
        }
    }
}

impl Log {
    fn count(&self, path: &str) -> usize {
        self.requests.iter().filter(|seen| is_for(&seen.target, path)).count()
    }

    fn close_all(&mut self) {
        for connection in self.connections.iter().flatten() {
            // One that the peer has closed meanwhile is closed.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn is_for(target: &str, path: &str) -> bool {
    target == path || target.split('?').next() == Some(path)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let (tcp, _) = listener.accept().expect("a listening socket accepts");
        let connection = Arc::clone(shared);
        let stopped = shared.log.change(|log| {
            if log.stopping {
                return true;
            }
            let number = log.connections.len();
            log.connections.push(tcp.try_clone().ok());
            let thread = std::thread::spawn(move || {
                serve(&connection, tcp, number);
                connection.log.change(|log| log.connections[number] = None);
            });
            log.threads.push(thread);
            false
        });
        if stopped {
            return;
        }
    }
}

fn serve(shared: &Shared, tcp: TcpStream, connection: usize) {
    let Ok(socket) = Socket::accepted(tcp, shared.tls.clone()) else { return };
    let mut wire = Wire::new(socket);
    for nth in 0.. {
        let head = match wire.head() {
            Ok(Some(head)) => head,
            Err(error) if is_no_http(&error) => {
                shared.fail(format!("the proxy sent no HTTP: {error}"));
                return;
            }
            // Closed, or a handshake that the proxy did not like.
            Ok(None) | Err(_) => return,
        };
        let seen = Seen { connection, nth, head, ..Seen::default() };
        match shared.exchange(&mut wire, seen) {
            Ok(Then::Keep) => {}
            Ok(Then::Reset) => return wire.socket.abort(),
            // A proxy that leaves in mid-exchange does what some tests want.
            Ok(Then::Close) | Err(_) => break,
        }
    }
    wire.socket.finish();
}

/// Whether the peer spoke, but not HTTP; what rustls does not like is no matter of HTTP's.
fn is_no_http(error: &std::io::Error) -> bool {
    let tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    error.kind() == std::io::ErrorKind::InvalidData && !tls
}

impl Shared {
    fn exchange(&self, wire: &mut Wire, mut seen: Seen) -> std::io::Result<Then> {
        let mut start = seen.head.start.split(' ').map(str::to_owned);
        seen.method = start.next().unwrap_or_default();
        seen.target = start.next().unwrap_or_default();
        let is_head = seen.method == "HEAD";
        let reply = match seen.head.framing(Framing::None)? {
            Framing::None | Framing::Length(0) => {
                // Its script has run when it is seen, so that of two requests the one that a test
                // has waited for gets the earlier reply.
                seen.complete = true;
                let reply = self.reply(&seen);
                self.record(seen);
                reply
            }
            framing => {
                let seen = self.read_body(wire, seen, framing)?;
                self.reply(&seen)
            }
        };
        let stopping = || self.log.look(|log| log.stopping);
        reply.play(wire, is_head, &stopping)
    }

    /// Records a request; its place.
    fn record(&self, seen: Seen) -> usize {
        self.log.change(|log| {
            log.requests.push(seen);
            log.requests.len() - 1
        })
    }

    /// Reads the body of a request that is seen at once, and grows before the test's eyes.
    fn read_body(&self, wire: &mut Wire, seen: Seen, framing: Framing) -> std::io::Result<Seen> {
        let expects = seen.header("expect").is_some();
        let place = self.record(seen);
        if expects {
            std::io::Write::write_all(&mut wire.socket, b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let trailers = wire.body(framing, |piece| {
            self.log.change(|log| log.requests[place].body.extend_from_slice(piece));
        })?;
        Ok(self.log.change(|log| {
            let seen = &mut log.requests[place];
            (seen.trailers, seen.complete) = (trailers, true);
            seen.clone()
        }))
    }

    /// What the script for a request says; a connection that closes where there is none.
    fn reply(&self, seen: &Seen) -> Reply {
        let Some(script) = self.script(&seen.target) else {
            self.fail(format!("no script for {} {}", seen.method, seen.target));
            return Reply::Close;
        };
        catch_unwind(AssertUnwindSafe(|| script(seen))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied());
            self.fail(text.unwrap_or("a script panicked").to_owned());
            Reply::Close
        })
    }

    fn script(&self, target: &str) -> Option<Scripted> {
        let path = target.split('?').next().unwrap_or_default();
        let names = [target, path, OTHERWISE];
        self.routes.look(|routes| names.iter().find_map(|name| routes.get(*name)).cloned())
    }

    fn fail(&self, what: String) {
        self.log.change(|log| log.failures.push(what));
    }
}
