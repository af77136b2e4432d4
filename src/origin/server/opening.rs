//! How connections to a server are opened: for requests, one each; for streams, which share them; and
//! beside both, for checks.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::super::body::Lease;
use super::super::carrier::Carrier;
use super::super::connection::Connection;
use super::super::http2::{Found, Link, Stream, Told};
use super::{Open, Server};
use crate::base::budget::Part;
use crate::base::{Clock, Fault, Reason, WorkerId};
use crate::net::dial::{self, Tls};

/// A connection that was opened for streams.
enum Opened {
    Http2(Link),
    /// The server has chosen this.
    Http1(Connection),
}

/// What a connection takes, in bytes: its socket's in the kernel above all.
const CONNECTION: u64 = 16 * 1024;

impl Server {
    /// Opens a connection.
    ///
    /// # Errors
    /// [`Reason::PoolFull`], or what kept the connection from opening.
    pub async fn connect(&self, limit: Duration, clock: &Clock) -> Result<Connection, Fault> {
        let open = self.place()?;
        let connected = self.open_stream(self.tls.as_ref(), limit, clock).await;
        let connected = connected.map(|stream| Connection::new(stream, open));
        let count = match &connected {
            Ok(_) => &self.counts.connects,
            Err(_) => &self.counts.connect_failures,
        };
        count.fetch_add(1, Ordering::Relaxed);
        connected
    }

    /// A stream for a request of `worker`, over a connection that was opened after `since` where that is told.
    /// `None` where the request must go over HTTP/1.1.
    ///
    /// # Errors
    /// What kept a connection from opening, and whether this is the first to hear of it.
    pub async fn stream(
        self: &Arc<Self>,
        worker: WorkerId,
        since: Option<Instant>,
        limit: Duration,
        clock: &Clock,
    ) -> Result<Option<Stream>, (Fault, bool)> {
        let Some(links) = self.links.get(usize::from(worker.0)) else { return Ok(None) };
        let mut was_opened = false;
        loop {
            let (mut told, first) = match links.find(since, was_opened, clock.now()) {
                Found::Stream(stream) => {
                    if stream.reused {
                        self.counts.reuses.fetch_add(1, Ordering::Relaxed);
                    }
                    return Ok(Some(stream));
                }
                Found::Http1 => return Ok(None),
                Found::Refused => {
                    let log = "it takes connections of HTTP/2, and no requests";
                    return Err((Fault::origin(Reason::OriginClosed, log), true));
                }
                Found::Wait(told) => (told, false),
                Found::Open(tell, told) => {
                    let (server, clock) = (Arc::clone(self), clock.clone());
                    tokio::spawn(async move { server.link(worker, limit, &clock, &tell).await });
                    (told, true)
                }
            };
            // Who opened it may have gone with his runtime, which is no answer.
            let became = told.wait_for(Option::is_some).await.ok().and_then(|told| told.clone());
            was_opened = became.is_some();
            became.unwrap_or(Ok(())).map_err(|fault| (fault, first))?;
        }
    }

    /// Opens a connection for streams of `worker`, and tells those who wait for it.
    async fn link(
        &self,
        worker: WorkerId,
        limit: Duration,
        clock: &Clock,
        tell: &watch::Sender<Told>,
    ) {
        let Some(links) = self.links.get(usize::from(worker.0)) else { return };
        let opened = self.open_carrier(limit, clock).await;
        let (count, told) = match opened {
            Ok(Opened::Http2(link)) => {
                links.opened(link);
                (&self.counts.connects, Ok(()))
            }
            Ok(Opened::Http1(connection)) => {
                let now = clock.now();
                links.chose_http1(now);
                self.keep(worker, connection, now);
                (&self.counts.connects, Ok(()))
            }
            Err(fault) => {
                links.failed();
                (&self.counts.connect_failures, Err(fault))
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        tell.send_replace(Some(told));
    }

    /// Opens a connection beside those of requests, for one exchange.
    ///
    /// # Errors
    /// What kept it from opening.
    pub async fn dial(&self, limit: Duration, clock: &Clock) -> Result<Carrier, Fault> {
        if self.links.is_empty() {
            let stream = self.open_stream(self.tls.as_ref(), limit, clock).await?;
            let connection = Connection::new(stream, self.uncounted());
            return Ok(Carrier::Http1(Lease { connection, home: None }));
        }
        Ok(match self.open_carrier(limit, clock).await? {
            Opened::Http2(mut link) => Carrier::Http2(link.stream(clock.now())),
            Opened::Http1(connection) => Carrier::Http1(Lease { connection, home: None }),
        })
    }

    /// Opens a connection of HTTP/2, or of what the server prefers. Turns bound the requests, and a worker
    /// opens another only where all that it has are full.
    async fn open_carrier(&self, limit: Duration, clock: &Clock) -> Result<Opened, Fault> {
        let stream = self.open_stream(self.links_tls.as_ref(), limit, clock).await?;
        if stream.chose_http2() == Some(false) {
            return Ok(Opened::Http1(Connection::new(stream, self.uncounted())));
        }
        Ok(Opened::Http2(Link::new(stream, self.uncounted(), limit, clock).await?))
    }

    /// A place beside those that are limited.
    fn uncounted(&self) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        let charge = self.budget.charge(Part::Origins, CONNECTION);
        Open { count: Arc::clone(&self.open), _charge: charge }
    }

    async fn open_stream(
        &self,
        tls: Option<&Tls>,
        limit: Duration,
        clock: &Clock,
    ) -> Result<dial::Stream, Fault> {
        let late = |_| Fault::origin(Reason::NoAddress, "DNS did not answer in time");
        let addresses = clock.within(limit, self.addresses()).await.map_err(late)??;
        dial::dial(&addresses, self.port, tls, limit, clock).await
    }

    fn place(&self) -> Result<Open, Fault> {
        // Where all are open, an idle one of another worker gives way.
        for _ in 0..=self.idle.len() {
            let charge = self.budget.charge(Part::Origins, CONNECTION);
            let place = Open { count: Arc::clone(&self.open), _charge: charge };
            if self.open.fetch_add(1, Ordering::Relaxed) < self.most {
                return Ok(place);
            }
            drop(place);
            if !self.close_an_idle_one() {
                break;
            }
        }
        Err(self.full())
    }

    /// Closes the connection that has been idle longest at some worker.
    fn close_an_idle_one(&self) -> bool {
        self.idle.iter().any(|idle| {
            let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
            !idle.is_empty() && {
                idle.remove(0);
                true
            }
        })
    }
}
