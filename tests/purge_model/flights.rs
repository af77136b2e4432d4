//! What is on its way: flights that clients lead, join and wait for, and how they end.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tidegate::base::budget::Part;
use tidegate::base::{ClusterId, Seq, WorkerId};
use tidegate::fetch::{Fill, Joined, Landed, Lead, Sharing};
use tidegate::store::Object;
use tidegate::telemetry::account::OriginPart;

use super::{KEYS, Newest, TAGS, What, World};

/// Clients that wait for one flight.
const WAITERS: usize = 8;

/// A question that the origin has not answered whole.
pub struct Flight {
    pub key: usize,
    /// Dropped, it is off the table.
    lead: Lead,
    tags: [u32; 2],
    /// What a 304 would be about; nothing where all of it was asked for.
    pub about: Option<Arc<Object>>,
    /// What grows, once its head has come.
    object: Option<Arc<Object>>,
    waiters: Vec<Waiter>,
}

/// A client that waits for a flight that another one leads.
struct Waiter {
    arrived: Seq,
    /// The purges that it came after.
    known: HashMap<What, Newest>,
}

impl Flight {
    fn asked(&self) -> Seq {
        self.lead.flight().asked
    }
}

impl World {
    /// A client wants `key` from the origin: nothing is stored for it, or that is to be confirmed. It leads a
    /// flight, or joins one, which no purge that is known may cover.
    pub fn ask(&mut self, key: usize) {
        let about = self.look(key).filter(|_| self.random.bool());
        let (axis, headers) = (Self::axis(key), HeaderMap::new());
        let arrived = self.store.floors().now();
        // A flight of its own is in no table, and comes home beside others.
        let sharing = if self.random.u8(..4) == 0 { Sharing::Alone } else { Sharing::Answer };
        let joined = self.fetch.join(self.keys[key].key(), axis, &headers, about.as_ref(), sharing);
        match joined {
            Joined::Stored => {}
            Joined::Lead(_) if self.flights.len() >= 16 => {}
            Joined::Lead(lead) => {
                let tags = [self.random.u32(..TAGS), self.random.u32(..TAGS)];
                // What a purge has killed is no validator.
                let about = lead.flight().question().stale.clone();
                let (object, waiters) = (None, Vec::new());
                self.flights.push(Flight { key, lead, tags, about, object, waiters });
            }
            Joined::Follow(joined) => {
                let same = |flight: &&mut Flight| Arc::ptr_eq(flight.lead.flight(), &joined);
                let flight = self.flights.iter_mut().find(same).expect("it is on its way");
                let tags: &[u32] = if flight.object.is_some() { &flight.tags } else { &[] };
                let [hard, soft] = Self::covering(&self.newest, key, tags);
                let asked = flight.asked().0;
                assert!(
                    hard.max(soft) <= asked,
                    "joined, though {hard} or {soft} came after {asked}"
                );
                self.seen.joined += 1;
                if flight.object.is_none() && flight.waiters.len() < WAITERS {
                    let known = self.newest.clone();
                    flight.waiters.push(Waiter { arrived, known });
                }
            }
        }
    }

    /// The head of an answer comes, or the rest of one.
    pub fn land(&mut self) {
        if self.flights.is_empty() {
            return;
        }
        let at = self.random.usize(..self.flights.len());
        if self.flights[at].object.is_some() {
            let flight = self.flights.swap_remove(at);
            return self.commit(&flight);
        }
        if self.flights[at].about.is_some() && self.random.bool() {
            let flight = self.flights.swap_remove(at);
            return self.confirm(flight);
        }
        let mut flight = self.flights.swap_remove(at);
        let object = self.object(flight.key, flight.tags, flight.asked(), None);
        let origin = OriginPart {
            cluster: ClusterId(1),
            server: "origin".into(),
            status: StatusCode::OK,
            first_byte: Duration::ZERO,
        };
        let led = flight.lead.flight();
        let charge = self.budget.charge(Part::Fills, 0);
        let (head, relays) = (object.head.detached(), Arc::clone(led.relays()));
        led.fills(Fill::new(Arc::new(head), Some(0), led.asked, origin, relays, charge));
        flight.object = Some(object);
        self.serve(&mut flight);
        self.flights.push(flight);
    }

    /// Those who waited get what came, but for those who came after a purge that covers it.
    fn serve(&mut self, flight: &mut Flight) {
        let led = Arc::clone(flight.lead.flight());
        let about = flight.object.is_none().then_some(flight.about.as_ref()).flatten();
        let mut tags = flight.tags.to_vec();
        // What a 304 confirms is what carried these.
        tags.extend(about.map(|old| Self::tags_of(old)).into_iter().flatten());
        for Waiter { arrived, known } in flight.waiters.drain(..) {
            let (axis, headers) = (Self::axis(flight.key), HeaderMap::new());
            let outdated = |head: &_| self.fetch.is_outdated(&led, head, arrived);
            let landed = pin!(led.landed(false, WorkerId(0), axis, &headers, outdated));
            let Poll::Ready(landed) = landed.poll(&mut Context::from_waker(Waker::noop())) else {
                panic!("the head has come, and a client still waits");
            };
            if matches!(landed, Landed::Again) {
                self.seen.sent_again += 1;
                continue;
            }
            let [hard, soft] = Self::covering(&known, flight.key, &tags);
            let asked = led.asked.0;
            assert!(
                hard.max(soft) <= asked,
                "{hard} or {soft} was answered before a client came who got what {asked} asked for"
            );
            self.seen.followers += 1;
        }
    }

    fn commit(&mut self, flight: &Flight) {
        let (key, asked) = (flight.key, flight.asked());
        let owned = self.keys[key].key().to_key();
        let object = flight.object.as_ref().expect("its head has come");
        let is_late = asked < self.horizon;
        self.seen.beyond_the_horizon += u64::from(is_late);
        let [hard, _] = Self::covering(&self.newest, key, &flight.tags);
        let stored = self.store.commit(&owned, Arc::clone(object)).is_ok();
        assert!(!stored || hard <= asked.0, "stored, though {hard} came after {asked:?}");
        assert!(!self.is_exact || is_late || stored || hard > asked.0, "not stored for nothing");
        *(if stored { &mut self.seen.stored } else { &mut self.seen.overtaken }) += 1;
    }

    fn confirm(&mut self, mut flight: Flight) {
        let (key, asked) = (flight.key, flight.asked());
        let owned = self.keys[key].key().to_key();
        let old = flight.about.clone().expect("it was asked about something");
        self.seen.beyond_the_horizon += u64::from(asked < self.horizon);
        let object = self.object(key, flight.tags, asked, Some(Self::tags_of(&old)));
        // Both what it was and what the 304 calls it count.
        let both = [flight.tags, Self::tags_of(&old)].concat();
        let [hard, _] = Self::covering(&self.newest, key, &both);
        let current = self.store.peek(&owned.as_ref()).is_some_and(|entry| entry.holds(&old));
        let refreshed = self.store.refresh(&owned, &old, &object, &[]).is_ok();
        assert!(!refreshed || hard <= asked.0, "refreshed, though {hard} came after {asked:?}");
        assert!(!refreshed || current, "refreshed what was not the entry's any more");
        let (done, late) = (&mut self.seen.refreshed, &mut self.seen.refreshes_overtaken);
        *(if refreshed { done } else { late }) += 1;
        flight.lead.flight().confirms(vec![object]);
        self.serve(&mut flight);
    }

    /// What a purge of `key` meets.
    pub fn meet(&mut self, key: usize) {
        assert!(key < KEYS);
        let of = || self.flights.iter().filter(|flight| flight.key == key);
        self.seen.purged_under_a_flight += u64::from(of().any(|f| f.about.is_none()));
        self.seen.purged_under_a_refresh += u64::from(of().any(|f| f.about.is_some()));
        self.seen.purged_with_followers += u64::from(of().any(|f| !f.waiters.is_empty()));
        let is_there = self.store.peek(&self.keys[key].key()).is_some();
        self.seen.purged_when_evicted += u64::from(!is_there && of().next().is_some());
    }
}
