//! What all sources of purges have in common, whatever they speak: a filter of hosts, so that a node is
//! not troubled with what it does not serve; a rebound; and a count of what became of their orders.
//!
//! A source is made anew by each reload that changes its terms; orders that it took before keep the
//! repeats that they have. [`Sources`] outlives reloads. An order is in force when [`Source::take`] or
//! [`Source::take_url`] returns; nothing waits but its repeat ([`super::rebound`]).

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::desk::split;
use super::relay::Relay;
use super::wanted::{Refused, Wanted};
use super::{Desk, NoPage, Order, Rebounds, Receipt, What};
use crate::base::{Budget, Clock, SiteId};
use crate::config::{HostPattern, SourceTerms};
use crate::store::{Mode, Scope};

/// What the sources of a node share.
#[derive(Debug)]
pub struct Sources {
    desk: Arc<Desk>,
    rebounds: Rebounds,
    relay: OnceLock<Arc<dyn Relay>>,
    counts: [[AtomicU64; Outcome::ALL.len()]; Name::ALL.len()],
}

/// One way by which purges come in, on the terms of the configuration in force.
#[derive(Clone, Debug)]
pub struct Source {
    sources: Arc<Sources>,
    name: Name,
    terms: SourceTerms,
}

/// The ways by which purges come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// The PURGE method.
    Http,
    /// HTCP.
    Htcp,
    /// The control API.
    Api,
    /// The purge stream.
    Stream,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was put in force.
    Taken,
    /// It was dropped.
    Dropped(Dropped),
}

/// Why a URL was not purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// The source's `hosts` leave its host out.
    OtherHost,
    /// This node has no site for its host.
    UnknownHost,
    /// It is no URL of a page.
    BadUrl,
}

impl Sources {
    /// What sources share that hand in their orders at `desk`.
    pub fn new(desk: Arc<Desk>, clock: Clock, budget: &Budget) -> Self {
        let rebounds = Rebounds::new(clock, budget);
        Self { desk, rebounds, relay: OnceLock::new(), counts: Default::default() }
    }

    /// Has orders that come in go by `relay` first.
    pub fn relay_by(&self, relay: Arc<dyn Relay>) {
        // There is one for the life of the process.
        let _ = self.relay.set(relay);
    }

    /// Whom orders go to first, that come from a source that does not reach every node by itself; `None`
    /// where this node fetches through no other.
    pub fn relay(&self) -> Option<&Arc<dyn Relay>> {
        self.relay.get().filter(|relay| relay.is_needed())
    }

    /// Where orders are handed in.
    pub fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// The repeats that wait.
    pub fn rebounds(&self) -> &Rebounds {
        &self.rebounds
    }

    /// How often this became of an order of this source's.
    pub fn count(&self, name: Name, outcome: Outcome) -> u64 {
        self.counts[name as usize][outcome.index()].load(Relaxed)
    }

    /// Puts in force what a PURGE request of `site` orders, and repeats it after `rebound`, where that is
    /// not zero.
    pub fn take_request(&self, order: Order<'_>, site: SiteId, rebound: Duration) -> Receipt {
        let receipt = self.desk.take(order);
        self.note(Name::Http, Outcome::Taken);
        if !rebound.is_zero() {
            self.rebounds.schedule(order, rebound, || Some(site));
        }
        receipt
    }

    fn note(&self, name: Name, outcome: Outcome) {
        self.counts[name as usize][outcome.index()].fetch_add(1, Relaxed);
    }
}

impl Source {
    /// A source that is called `name`, on these terms.
    pub fn new(sources: Arc<Sources>, name: Name, terms: SourceTerms) -> Self {
        Self { sources, name, terms }
    }

    /// Puts `order` in force, and has it repeated where the source's terms say so. What it is
    /// about is not compared with `hosts`.
    pub fn take(&self, order: Order<'_>) -> Receipt {
        let Sources { desk, rebounds, .. } = &*self.sources;
        let receipt = desk.take(order);
        if !self.terms.rebound.is_zero() {
            rebounds.schedule(order, self.terms.rebound, || match order.what {
                What::Key(key) => desk.site_of(key),
                What::All(Scope::Tag(site, _) | Scope::Prefix(site, _) | Scope::Site(site)) => {
                    Some(site)
                }
                What::All(Scope::Matching(site, _)) => site,
                What::All(Scope::Everything) => None,
            });
        }
        self.sources.note(self.name, Outcome::Taken);
        receipt
    }

    /// Whom its orders go to first, if to anybody.
    pub fn relay(&self) -> Option<&Arc<dyn Relay>> {
        self.sources.relay()
    }

    /// Where orders are handed in, whatever the terms of this source.
    pub fn desk(&self) -> &Desk {
        &self.sources.desk
    }

    /// Purges the page that `url` names, hard unless `mode` says otherwise.
    ///
    /// # Errors
    /// [`Dropped`] says why nothing was purged; it has been counted.
    pub fn take_url(&self, url: &str, mode: Option<Mode>) -> Result<Receipt, Dropped> {
        let page = self.page(url).inspect_err(|why| self.drop_it(*why))?;
        Ok(self.take(Order::new(What::Key(page.key.key()), mode)))
    }

    /// Whether it would purge the page that `url` names.
    pub fn takes(&self, url: &str) -> bool {
        self.page(url).is_ok()
    }

    /// Carries out an order as it was written, unless it only counts. `hosts` are for what names a host.
    ///
    /// # Errors
    /// It means nothing on this node, or would only count.
    pub fn take_wanted(&self, wanted: &Wanted) -> Result<Receipt, Refused> {
        if wanted.is_dry() {
            return Err(Refused::Bad("it only counts".to_owned()));
        }
        let others =
            wanted.url().and_then(split).is_some_and(|(host, _)| !admits(&self.terms.hosts, &host));
        if others {
            self.drop_it(Dropped::OtherHost);
            return Err(Refused::UnknownHost);
        }
        wanted.at(&self.sources.desk, |_| true, |order| self.take(order)).inspect_err(|why| {
            self.drop_it(match why {
                Refused::UnknownHost | Refused::UnknownSite(_) => Dropped::UnknownHost,
                _ => Dropped::BadUrl,
            });
        })
    }

    /// Counts an order that the source itself could not read.
    pub fn drop_it(&self, why: Dropped) {
        self.sources.note(self.name, Outcome::Dropped(why));
    }

    fn page(&self, url: &str) -> Result<super::Page, Dropped> {
        let (host, target) = split(url).ok_or(Dropped::BadUrl)?;
        if !admits(&self.terms.hosts, &host) {
            return Err(Dropped::OtherHost);
        }
        self.sources.desk.page_at(&host, target).map_err(|why| match why {
            NoPage::BadUrl => Dropped::BadUrl,
            NoPage::UnknownHost => Dropped::UnknownHost,
        })
    }
}

/// Whether one of `hosts` is `host`, which is in lower case. Lists are short, and mostly `*`.
fn admits(hosts: &[HostPattern], host: &str) -> bool {
    hosts.iter().any(|pattern| pattern.is_match(host))
}

impl Name {
    /// Every source.
    pub const ALL: [Self; 4] = [Self::Http, Self::Htcp, Self::Api, Self::Stream];

    /// The word for it in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Htcp => "htcp",
            Self::Api => "api",
            Self::Stream => "stream",
        }
    }
}

impl Outcome {
    /// Everything that may become of an order.
    pub const ALL: [Self; 4] = [
        Self::Taken,
        Self::Dropped(Dropped::OtherHost),
        Self::Dropped(Dropped::UnknownHost),
        Self::Dropped(Dropped::BadUrl),
    ];

    /// The word for it in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Dropped(Dropped::OtherHost) => "other-host",
            Self::Dropped(Dropped::UnknownHost) => "unknown-host",
            Self::Dropped(Dropped::BadUrl) => "bad-url",
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Taken => 0,
            Self::Dropped(Dropped::OtherHost) => 1,
            Self::Dropped(Dropped::UnknownHost) => 2,
            Self::Dropped(Dropped::BadUrl) => 3,
        }
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
