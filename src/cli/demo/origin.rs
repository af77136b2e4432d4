//! The wiki's own server: a socket on a free port of this machine and a thread that serves it. It
//! ends with the process; what it holds is worth nothing then.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::wiki::Wiki;
use crate::base::{Budget, Clients, Clock, Drain, Peer};
use crate::config::Config;
use crate::front::{self, ConnectionEvent, Recorder, Serving};
use crate::geo::PrefixSet;
use crate::telemetry::Finished;

/// Connections that are served at once; more wait in the socket's queue.
const MAX_CONNECTIONS: usize = 1024;
/// How long to wait when the system gives no connection (it may be out of descriptors).
const PAUSE: Duration = Duration::from_millis(100);

/// A socket that listens, not served yet.
#[derive(Debug)]
pub(super) struct Origin {
    socket: TcpListener,
    address: SocketAddr,
}

impl Origin {
    /// Takes a free port.
    ///
    /// # Errors
    /// The system's, when it gives none.
    pub(super) fn bind() -> io::Result<Self> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `wiki` from now on, on a thread of its own, with the limits on clients of `config`.
    ///
    /// # Errors
    /// The system's, when it gives no thread.
    pub(super) fn serve(self, wiki: Wiki, clock: Clock, config: &Config) -> io::Result<()> {
        let serving = Arc::new(Serving {
            handler: Arc::new(wiki),
            recorder: Arc::new(Unrecorded),
            clock,
            timeouts: config.timeouts,
            limits: config.limits,
            http2: config.http2,
            budget: Budget::new(u64::MAX),
            clients: Clients::default(),
            trusted_proxies: PrefixSet::default(),
            drain: Drain::new(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new()
            .name("demo-wiki".into())
            .spawn(move || self.accept(&runtime, &serving))?;
        Ok(())
    }

    fn accept(self, runtime: &Runtime, serving: &Arc<Serving>) {
        runtime.block_on(async {
            let socket = match tokio::net::TcpListener::from_std(self.socket) {
                Ok(socket) => socket,
                Err(error) => return tracing::error!(%error, "the wiki cannot be served"),
            };
            let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
            while let Ok(place) = Arc::clone(&places).acquire_owned().await {
                let (stream, remote) = match socket.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "the wiki got no connection");
                        serving.clock.sleep(PAUSE).await;
                        continue;
                    }
                };
                let peer = Arc::new(Peer::plain(self.address, remote));
                let serving = Arc::clone(serving);
                tokio::spawn(async move {
                    front::connection(stream, None, peer, serving).await;
                    drop(place);
                });
            }
        });
    }
}

/// The wiki keeps no record of what it is asked.
struct Unrecorded;

impl Recorder for Unrecorded {
    fn began(&self) {}

    fn finished(&self, _: &Finished<'_>) {}

    fn event(&self, _: &Peer, _: ConnectionEvent) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Body;
    use crate::cli::demo::configuration;
    use crate::cli::demo::tests::options;
    use crate::config::Ids;
    use crate::net::Client;

    #[test]
    fn the_wiki_is_reached_through_a_socket() {
        let clock = Clock::system();
        let origin = Origin::bind().unwrap();
        let address = origin.address();
        let config = configuration(&options(), address, &Ids::default()).unwrap().config;
        origin.serve(Wiki::new(clock.clone()), clock.clone(), &config).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut client = Client::new(address.to_string(), clock, Duration::from_secs(10));
            for (method, status, text) in
                [("GET", 200, "slow rise"), ("HEAD", 200, ""), ("PUT", 405, "")]
            {
                let request = http::Request::builder().method(method).uri("/wiki/Tide");
                let request = request.header("host", "wiki.test").body(Body::Empty).unwrap();
                let answer = client.send(request).await.unwrap();
                assert_eq!(answer.status(), status, "{method}");
                assert!(String::from_utf8_lossy(answer.body()).contains(text), "{method}");
            }
        });
    }
}
