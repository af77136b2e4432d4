//! One question to an origin, shared by whoever asks the same while it is open.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Instant;

use http::HeaderMap;

use super::fill::Fill;
use super::reader::FillReader;
use super::relay::Relays;
use crate::base::{Axis, Key};
use crate::base::{Fault, Reason, Seq, WorkerId};
use crate::origin::Exchange;
use crate::semantics::Vary;
use crate::store::{Floor, Object};

/// A flight; in the table while others may join it.
#[derive(Debug)]
pub struct Flight {
    /// What is asked for.
    pub key: Key,
    /// The purge sequence before the request could leave; never raised, not even by a retry.
    pub asked: Seq,
    question: Question,
    state: Mutex<State>,
    relays: Arc<Relays>,
}

/// What the leader asks, by which it is decided who may join.
#[derive(Debug)]
pub struct Question {
    /// The first variant axes.
    pub axis: Axis,
    /// The fields of the request that leads.
    pub request: HeaderMap,
    /// What the key's responses varied on when last seen.
    pub hint: Vary,
    /// What is stored and may be confirmed by a 304, or served if the origin fails.
    pub stale: Option<Arc<Object>>,
}

#[derive(Debug)]
enum State {
    Asking,
    Filling(Arc<Fill>),
    Confirmed(Arc<Object>),
    Passed(Option<Box<Own>>),
    Failed(Fault),
}

/// An answer that cannot be stored: the leader's own.
#[derive(Debug)]
pub struct Own {
    /// The answer.
    pub exchange: Exchange,
    /// Why it cannot be stored.
    pub reason: Reason,
}

/// What a flight came to, for one of those who waited.
#[derive(Debug)]
pub enum Landed {
    /// A response that grows in the cache, and a seat at its beginning.
    Filling(FillReader),
    /// What was stale is fresh again.
    Confirmed(Arc<Object>),
    /// An answer that cannot be stored, for its leader.
    Own(Box<Own>),
    /// An answer that cannot be shared with this client: it has to ask anew.
    Again,
    /// No answer.
    Failed(Fault),
}

impl Flight {
    /// A flight that has not asked yet.
    pub fn new(key: Key, asked: Seq, question: Question, workers: usize) -> Self {
        let (state, relays) = (Mutex::new(State::Asking), Relays::new(workers));
        Self { key, asked, question, state, relays }
    }

    /// Whether a request may join, as far as can be known now.
    ///
    /// Once the head has come the response is a stored one to whoever joins: it must be fresh
    /// (RFC 9111 §4).
    pub fn serves(&self, axis: Axis, headers: &HeaderMap, floor: Floor, now: Instant) -> bool {
        if self.question.axis != axis || !floor.allows(self.asked) {
            return false;
        }
        match &*self.state() {
            State::Asking => {
                let selecting = self.question.hint.select(&self.question.request);
                selecting.is_some_and(|selecting| selecting.matches(headers))
            }
            State::Filling(fill) => fill.admits() && fill.head.serves(axis, headers, now),
            State::Confirmed(object) => object.head.serves(axis, headers, now),
            State::Passed(_) | State::Failed(_) => false,
        }
    }

    /// What the response varies on, once its head has come.
    pub fn vary(&self) -> Option<Vary> {
        match &*self.state() {
            State::Filling(fill) => Some(fill.head.vary()),
            State::Asking if self.question.hint != Vary::None => Some(self.question.hint.clone()),
            _ => None,
        }
    }

    /// What the leader asks.
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// Those who wait, for the fill that the flight becomes.
    pub fn relays(&self) -> &Arc<Relays> {
        &self.relays
    }

    /// The response grows.
    pub fn fills(&self, fill: Arc<Fill>) {
        *self.state() = State::Filling(fill);
        self.relays.wake();
    }

    /// The origin confirmed what was stale.
    pub fn confirms(&self, object: Arc<Object>) {
        self.settle(State::Confirmed(object));
    }

    /// The answer is the leader's alone.
    pub fn passes(&self, own: Option<Box<Own>>) {
        self.settle(State::Passed(own));
    }

    /// There is no answer. Does nothing where there already is one.
    pub fn fails(&self, fault: Fault) {
        let asking = matches!(*self.state(), State::Asking);
        if asking {
            self.settle(State::Failed(fault));
        }
    }

    fn settle(&self, state: State) {
        *self.state() = state;
        self.relays.close();
    }

    /// Waits until the flight has an answer for a request with these fields. `leads` says whether
    /// an answer that cannot be shared is for it.
    pub async fn landed(&self, leads: bool, worker: WorkerId, headers: &HeaderMap) -> Landed {
        let place = Place::new(&self.relays, worker);
        poll_fn(|cx| {
            let mut state = self.state();
            Poll::Ready(match &mut *state {
                State::Asking => {
                    self.relays.register(worker, place.id, cx.waker());
                    return Poll::Pending;
                }
                State::Filling(fill)
                    if leads || fill.head.selected_by(self.question.axis, headers) =>
                {
                    // Seated before the place is given up, so that no piece is let go of between.
                    let seat = FillReader::whole(Arc::clone(fill), worker);
                    seat.map_or(Landed::Again, Landed::Filling)
                }
                State::Confirmed(object)
                    if leads || object.selected_by(self.question.axis, headers) =>
                {
                    Landed::Confirmed(Arc::clone(object))
                }
                State::Filling(_) | State::Confirmed(_) => Landed::Again,
                State::Passed(own) => match own.take_if(|_| leads) {
                    Some(own) => Landed::Own(own),
                    None => Landed::Again,
                },
                State::Failed(fault) => Landed::Failed(fault.clone()),
            })
        })
        .await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state changes in single assignments.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A waiter's registration; taken back when it stops waiting.
struct Place<'a> {
    relays: &'a Relays,
    worker: WorkerId,
    id: u64,
}

impl<'a> Place<'a> {
    fn new(relays: &'a Relays, worker: WorkerId) -> Self {
        relays.wants();
        Self { relays, worker, id: relays.id() }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.relays.wants_no_more();
        self.relays.forget(self.worker, self.id);
    }
}
