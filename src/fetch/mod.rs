//! Fetches that any number of clients share.
//!
//! A [`Flight`] is one question to an origin; the [`table::Table`] finds it for whoever asks the
//! same. What may be stored becomes a [`Fill`]: it belongs to the cache, goes on when its clients
//! leave, and is read by all of them while it grows. What may not be stored goes to the client
//! that led the flight, and everybody else is sent on at once: nobody queues behind what cannot be
//! cached. What was stored may be put into content codings behind it all, by the [`Coder`].

pub mod backoff;
pub mod coder;
mod compress;
pub mod fill;
pub mod flight;
mod growth;
pub mod lead;
pub mod reader;
pub mod relay;
pub mod table;
mod terms;
mod upstream;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

pub use coder::Coder;
pub use fill::Fill;
pub use flight::{Flight, Landed, Own};
use flight::{Hint, Question};
pub use lead::Lead;
pub use reader::FillReader;
pub use terms::Terms;
pub use upstream::{Upstream, Way};

use crate::base::mutant::{self, Mutant, unless};
use crate::base::{Axis, KeyRef};
use crate::base::{Budget, Clock, Reason, Seq};
use crate::semantics::Phase;
use crate::store::{Found, Head, Judgement, Object, Store};
use backoff::Backoff;
use http::HeaderMap;
use table::Table;

/// The node's fetches.
#[derive(Debug)]
pub struct Fetch {
    store: Arc<Store>,
    clock: Clock,
    budget: Budget,
    table: Table,
    backoff: Backoff,
    coder: Coder,
    waiters: AtomicUsize,
    flights: AtomicUsize,
    workers: usize,
    counts: Counts,
}

/// What has become of flights and of those who came to them, for the metrics.
#[derive(Debug, Default)]
pub struct Counts {
    /// Flights led.
    pub led: AtomicU64,
    /// Clients that joined a flight.
    pub joined: AtomicU64,
    /// Flights whose answer could not be shared.
    pub passed: AtomicU64,
    /// Flights without an answer.
    pub failed: AtomicU64,
    /// Fills that broke off.
    pub broken: AtomicU64,
}

/// For what a request joins a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// For an answer.
    Answer,
    /// For an answer that must be its own.
    Alone,
    /// For nothing but that what is stored is refreshed.
    Refresh,
}

/// How a request gets at a response that is not there yet.
#[derive(Debug)]
pub enum Joined {
    /// It asks the origin, for itself and for whoever joins.
    Lead(Lead),
    /// Somebody is asking.
    Follow(Arc<Flight>),
    /// Somebody has asked: look in the store again.
    Stored,
}

impl Fetch {
    /// Fetches for `store`.
    pub fn new(store: Arc<Store>, clock: Clock, budget: Budget, workers: usize) -> Arc<Self> {
        let coder = Coder::new(Arc::clone(&store), budget.clone());
        Arc::new(Self {
            store,
            clock,
            budget,
            coder,
            table: Table::default(),
            backoff: Backoff::default(),
            waiters: AtomicUsize::new(0),
            flights: AtomicUsize::new(0),
            workers,
            counts: Counts::default(),
        })
    }

    /// Joins the flight that a request may share, or leads a new one. `stale` is what is stored
    /// for it, to be confirmed where it has validators.
    ///
    /// [`Sharing::Alone`] leads one of its own that nobody joins: it does not take what others get. So it is
    /// where what a flight brings must be confirmed before every use.
    ///
    /// A flight is shared only if no purge that is known covers what it asked for (PURGE.md rule
    /// 6), and by requests that its response is for, as far as can be known before it comes.
    pub fn join(
        self: &Arc<Self>,
        key: KeyRef<'_>,
        axis: Axis,
        headers: &HeaderMap,
        stale: Option<&Arc<Object>>,
        sharing: Sharing,
    ) -> Joined {
        let mut shard = self.table.shard(key.hash());
        let (asked, floor) = self.store.asking(&key);
        let now = self.clock.now();
        let current = |flight: &&Arc<Flight>| self.is_current(&key, axis, flight);
        // Such flights are in no table, where each would have to look at all the others. One that a purge
        // has made unfit says nothing of what comes now.
        let for_one = |flight: &Arc<Flight>| {
            floor.allows(flight.asked) && flight.brings_for_one(axis, headers)
        };
        let alone = match sharing {
            Sharing::Alone => true,
            Sharing::Answer => shard.of(&key).filter(current).any(for_one),
            Sharing::Refresh => false,
        };
        let serves = |flight: &&Arc<Flight>| match sharing {
            Sharing::Refresh => flight.refreshes(axis, headers, floor),
            _ => flight.serves(axis, headers, floor, now),
        };
        let shared = shard.of(&key).filter(|_| !alone).filter(current).find(serves);
        if let Some(flight) = shared {
            self.counts.joined.fetch_add(1, Ordering::Relaxed);
            return Joined::Follow(Arc::clone(flight));
        }
        // A flight is taken off the table after its object was stored, so whoever finds neither
        // looked in the store too early.
        if !alone && self.newly_stored(&key, axis, headers, stale) {
            return Joined::Stored;
        }
        let known = shard.of(&key).filter_map(|flight| flight.hint()).last();
        let hint = known.or_else(|| self.stored_hint(&key)).unwrap_or_default();
        // What a hard purge has killed since the lookup is no validator (PURGE.md rule 8).
        if stale.is_some() {
            self.store.settle();
        }
        let valid = |stale: &&Arc<Object>| {
            floor.hard <= stale.asked && self.store.judge(&key, stale) != Judgement::Gone
        };
        let stale = stale.filter(valid).map(Arc::clone);
        let question = Question { axis, request: headers.clone(), hint, stale };
        let flight = Arc::new(Flight::new(key.to_key(), asked, question, self.workers));
        if !alone {
            shard.add(&flight, floor);
        }
        self.counts.led.fetch_add(1, Ordering::Relaxed);
        Joined::Lead(Lead::new(Arc::clone(self), flight))
    }

    /// Whether no wide purge that is known covers what `flight` asked for. Its tags are known only once
    /// its head has come; who joined before that is judged then ([`Self::is_outdated`]).
    fn is_current(&self, key: &KeyRef<'_>, axis: Axis, flight: &Flight) -> bool {
        let tags = flight.tags().unwrap_or_default();
        let floor = || self.store.wide().floor(key, axis.site, &tags, flight.asked);
        unless(Mutant::JoinsAsk, floor).allows(flight.asked)
            && !self.store.is_beyond_horizon(flight.asked)
    }

    /// Whether a client that came when `arrived` was the last purge must not have the response with
    /// `head` that `flight` brought: it was asked for before a purge that the client may have come after
    /// (PURGE.md rule 6). A floor knows the newest purge alone: where that came after the client, another
    /// may have come before it.
    pub fn is_outdated(&self, flight: &Flight, head: &Head, arrived: Seq) -> bool {
        let (key, asked) = (flight.key.as_ref(), flight.asked);
        if arrived <= asked || mutant::is(Mutant::SentAgain) {
            return false;
        }
        let tags = flight.tags_under(head);
        let floor = self.store.wide().floor(&key, head.axis.site, &tags, asked);
        !floor.allows(asked) || self.store.is_beyond_horizon(asked)
    }

    fn newly_stored(
        &self,
        key: &KeyRef<'_>,
        axis: Axis,
        headers: &HeaderMap,
        stale: Option<&Arc<Object>>,
    ) -> bool {
        let Some(entry) = self.store.peek(key) else { return false };
        let now = self.clock.now();
        let serves = |object: &Object| self.store.serves(key, object, now);
        match entry.select_of(axis, headers, serves) {
            Found::Object { object, soft_purged: false } => {
                object.phase(self.clock.now()) == Phase::Fresh
                    && self.store.judge(key, &object) == Judgement::Valid
                    && stale.is_none_or(|stale| !Arc::ptr_eq(stale, entry.identity_of(&object)))
            }
            Found::Object { .. } | Found::OtherVariants => false,
        }
    }

    fn stored_hint(&self, key: &KeyRef<'_>) -> Option<Hint> {
        let entry = self.store.peek(key)?;
        entry.newest().map(|object| Hint::of(&object.head))
    }

    /// Whether a refresh of `key` must wait because the last ones failed.
    pub fn backs_off(&self, key: &KeyRef<'_>) -> bool {
        self.backoff.waits(key.hash(), self.clock.now())
    }

    /// A place among the clients that wait for other clients' fetches.
    ///
    /// # Errors
    /// [`Reason::WaitersFull`] where `most` wait already.
    pub fn wait_place(self: &Arc<Self>, most: usize) -> Result<Waiting, Reason> {
        let place = Waiting(Arc::clone(self));
        if self.waiters.fetch_add(1, Ordering::Relaxed) < most {
            Ok(place)
        } else {
            Err(Reason::WaitersFull)
        }
    }

    /// Clients that wait for other clients' fetches.
    pub fn waiting(&self) -> usize {
        self.waiters.load(Ordering::Relaxed)
    }

    /// What makes content codings of what was fetched.
    pub fn coder(&self) -> &Coder {
        &self.coder
    }

    /// What has become of flights.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Flights under way.
    pub fn flights(&self) -> usize {
        self.flights.load(Ordering::Relaxed)
    }
}

/// A client that waits; counted until it is dropped.
#[derive(Debug)]
pub struct Waiting(Arc<Fetch>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Ordering::Relaxed);
    }
}
