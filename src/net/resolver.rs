//! Origin names → addresses, within the names' TTL.
//!
//! One task a name, on the control runtime, asks again when the TTL ends and publishes what it
//! learns; whoever connects reads the newest answer and never waits for DNS, except before the
//! first one. While DNS is down the last answer stays.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::base::{Clock, Fault, Reason};

/// The shortest time between two questions for one name: a TTL of 0 is no licence to flood.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest: an operator who moves a service should not wait for a day's TTL.
const LONGEST: Duration = Duration::from_secs(300);

/// Asks DNS.
#[derive(Clone)]
pub struct Resolver {
    /// The resolver, or why there is none: a node whose origins are addresses needs no DNS.
    dns: Result<Arc<TokioResolver>, Arc<str>>,
    clock: Clock,
    control: Handle,
}

/// The addresses of one host, as they are now.
#[derive(Clone, Debug)]
pub enum Addresses {
    /// An address needs no name service.
    Fixed(Arc<[IpAddr]>),
    /// A name's; `None` before the first answer.
    Named(watch::Receiver<Option<Answer>>),
}

/// What DNS said last: addresses, or why there are none.
type Answer = Result<Arc<[IpAddr]>, Arc<str>>;

impl Resolver {
    /// A resolver configured by the system's resolv.conf and hosts file, whose tasks run on
    /// `control`. Where these cannot be read, every name has that for an answer.
    pub fn from_system(clock: Clock, control: Handle) -> Self {
        let build = || {
            let mut builder = TokioResolver::builder_tokio()?;
            // Answers are kept here, where they can outlive their TTL.
            builder.options_mut().cache_size = 0;
            builder.build()
        };
        let failed = |error| format!("reading the resolver configuration: {error}").into();
        Self { dns: build().map(Arc::new).map_err(failed), clock, control }
    }

    /// The addresses of `name`, kept up to date until the last clone of them is dropped.
    pub fn watch(&self, name: &str) -> Addresses {
        let (sender, receiver) = watch::channel(None);
        match &self.dns {
            Ok(dns) => {
                let (dns, clock) = (Arc::clone(dns), self.clock.clone());
                self.control.spawn(keep_asking(dns, clock, name.to_owned(), sender));
            }
            Err(error) => {
                sender.send_replace(Some(Err(Arc::clone(error))));
            }
        }
        Addresses::Named(receiver)
    }
}

impl Addresses {
    /// The addresses; waits only where DNS has never answered for the name.
    ///
    /// # Errors
    /// [`Reason::NoAddress`] where DNS says that there is none, or cannot be asked.
    pub async fn get(&self) -> Result<Arc<[IpAddr]>, Fault> {
        let mut receiver = match self {
            Self::Fixed(addresses) => return Ok(Arc::clone(addresses)),
            Self::Named(receiver) => receiver.clone(),
        };
        let gone = |_| Fault::ours(Reason::NoAddress, "the resolver has stopped");
        let answer = receiver.wait_for(Option::is_some).await.map_err(gone)?;
        match answer.as_ref() {
            Some(Ok(addresses)) if !addresses.is_empty() => Ok(Arc::clone(addresses)),
            Some(Err(error)) => Err(Fault::origin(Reason::NoAddress, error)),
            _ => Err(Fault::origin(Reason::NoAddress, "the name has no address")),
        }
    }
}

async fn keep_asking(
    dns: Arc<TokioResolver>,
    clock: Clock,
    name: String,
    sender: watch::Sender<Option<Answer>>,
) {
    let mut failures = 0u32;
    while !sender.is_closed() {
        let pause = match dns.lookup_ip(format!("{name}.")).await {
            Ok(found) => {
                failures = 0;
                let addresses: Arc<[IpAddr]> = found.iter().collect();
                let ttl = found.valid_until().saturating_duration_since(clock.now());
                sender.send_replace(Some(Ok(addresses)));
                ttl.clamp(SHORTEST, LONGEST)
            }
            Err(error) => {
                tracing::warn!(%name, %error, "resolving an origin's name failed");
                failures = failures.saturating_add(1);
                sender.send_if_modified(|answer| {
                    let known = matches!(answer, Some(Ok(_)));
                    if !known {
                        *answer = Some(Err(error.to_string().into()));
                    }
                    !known
                });
                SHORTEST * 2u32.pow(failures.min(5) - 1)
            }
        };
        tokio::select! {
            () = clock.sleep(pause) => {}
            () = sender.closed() => return,
        }
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}
