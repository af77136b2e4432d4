//! HTCP wired: sockets of [`listen::datagrams`], read by tasks on the purges'
//! thread, into [`purge::hearing`](crate::purge::hearing).
//!
//! A reload opens and joins what is new first ([`Htcp::prepare`]), which changes nothing that is heard; then
//! it puts all in force at once ([`Prepared::switch`]). A socket whose address stays keeps its reader, which
//! looks at what it heeds for each datagram anew.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use crate::base::Drain;
use crate::config;
use crate::listen;
use crate::listen::datagrams::{self, Datagrams, Socket};
use crate::purge::hearing::{Hearing, Heed};
use crate::purge::{Name, Source, Sources};
use crate::telemetry::{Count, Meter};

/// The HTCP listeners of a node.
pub(super) struct Htcp {
    hearing: Arc<Hearing>,
    sources: Arc<Sources>,
    meter: Arc<Meter>,
    /// Where sockets are read.
    runtime: Handle,
    stop: Drain,
    listeners: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    datagrams: Datagrams,
    /// What each is heeded by, in the same order.
    heeds: Vec<Arc<ArcSwap<Heed>>>,
}

/// Listeners that are open, and not yet heard.
pub(super) struct Prepared<'a> {
    htcp: &'a Htcp,
    datagrams: Option<Datagrams>,
}

impl Htcp {
    /// No listeners; those to come are read on `runtime` until `stop` is given, and count panics with
    /// `meter`.
    pub(super) fn new(
        sources: Arc<Sources>,
        meter: Arc<Meter>,
        runtime: Handle,
        stop: Drain,
    ) -> Self {
        let (hearing, listeners) = (Arc::default(), Mutex::default());
        Self { hearing, sources, meter, runtime, stop, listeners }
    }

    /// Opens what `wanted` has and is not open yet.
    ///
    /// # Errors
    /// Everything that cannot be listened on; all is as before then.
    pub(super) fn prepare(
        &self,
        wanted: &[config::Htcp],
    ) -> Result<Prepared<'_>, Vec<listen::BindError>> {
        // Sockets that are new need a runtime only to be read.
        let ears: Vec<config::Ear> = wanted.iter().map(|htcp| htcp.at.clone()).collect();
        let datagrams = self.listeners().datagrams.rebind(&ears)?;
        Ok(Prepared { htcp: self, datagrams: Some(datagrams) })
    }

    /// What was heard.
    pub(super) fn hearing(&self) -> &Hearing {
        &self.hearing
    }

    /// The sockets, in the configuration's order.
    pub(super) fn sockets(&self) -> Vec<Arc<Socket>> {
        self.listeners().datagrams.sockets().to_vec()
    }

    fn heed(&self, wanted: &config::Htcp) -> Heed {
        let terms = wanted.terms.clone();
        let source = Source::new(Arc::clone(&self.sources), Name::Htcp, terms);
        Heed { allow: wanted.allow.clone(), source }
    }

    /// Reads `socket` from now on. A panic must not make the node deaf: it costs the one datagram.
    fn read(&self, socket: Arc<Socket>, heed: Arc<ArcSwap<Heed>>) {
        let (hearing, stop) = (Arc::clone(&self.hearing), self.stop.clone());
        let meter = Arc::clone(&self.meter);
        self.runtime.spawn(async move {
            loop {
                let (socket, heed) = (Arc::clone(&socket), Arc::clone(&heed));
                let (hearing, stop) = (Arc::clone(&hearing), stop.clone());
                let reading = tokio::spawn(async move {
                    let take = |datagram: &[u8], from| hearing.hear(&heed.load(), datagram, from);
                    socket.read(&stop, take).await
                });
                match reading.await {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => {
                        tracing::error!(%error, "an HTCP listener cannot be polled");
                        return;
                    }
                    Err(ended) if ended.is_panic() => meter.add(Count::Panics, 1),
                    Err(_) => return,
                }
            }
        });
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        // They are switched in one call, which is all or nothing.
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Prepared<'_> {
    /// Puts the listeners in force, as `wanted` has them, with which they were prepared.
    pub(super) fn switch(mut self, wanted: &[config::Htcp]) {
        let Some(datagrams) = self.datagrams.take() else { return };
        let mut listeners = self.htcp.listeners();
        let mut heeds = Vec::with_capacity(wanted.len());
        for (socket, wanted) in datagrams.sockets().iter().zip(wanted) {
            let held =
                listeners.datagrams.sockets().iter().position(|old| Arc::ptr_eq(old, socket));
            let heed = Arc::new(self.htcp.heed(wanted));
            let place = held.map(|held| Arc::clone(&listeners.heeds[held]));
            heeds.push(place.map_or_else(
                || {
                    announce(socket);
                    let place = Arc::new(ArcSwap::new(Arc::clone(&heed)));
                    self.htcp.read(Arc::clone(socket), Arc::clone(&place));
                    place
                },
                |place| {
                    place.store(Arc::clone(&heed));
                    place
                },
            ));
        }
        datagrams.switch(&listeners.datagrams);
        *listeners = Listeners { datagrams, heeds };
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        // Not switched to: what was joined for it on sockets that are there is left again.
        if self.datagrams.take().is_some() {
            self.htcp.listeners().datagrams.keep_to_own_groups();
        }
    }
}

fn announce(socket: &Socket) {
    let (address, buffer) = (socket.address(), socket.buffer());
    tracing::info!(%address, buffer, "listening for HTCP");
    if buffer < datagrams::BUFFER {
        tracing::warn!(
            %address,
            "the kernel keeps only {buffer} bytes of HTCP that comes in bursts, and drops what is \
             beyond; `sysctl -w net.core.rmem_max={}` allows more",
            datagrams::BUFFER
        );
    }
}
