//! One question to an origin, shared by whoever asks the same while it is open.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
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
use crate::store::{Floor, Head, Object, Tags};

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
    own: OnceLock<HeaderMap>,
}

/// What the leader asks, by which it is decided who may join.
#[derive(Debug)]
pub struct Question {
    /// Where the request that leads stands on the first variant axes.
    pub axis: Axis,
    /// Its fields.
    pub request: HeaderMap,
    /// What is known of the key's responses.
    pub hint: Hint,
    /// What is stored and may be confirmed by a 304, or served if the origin fails.
    pub stale: Option<Arc<Object>>,
}

/// What the response will be like, by what the key's responses were like when last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// What it varies on.
    pub vary: Vary,
    /// Whether it is for the scheme alone that it is asked with.
    pub of_one_scheme: bool,
}

#[derive(Debug)]
enum State {
    Asking,
    Filling(Arc<Fill>),
    /// The codings of what is stored, the best first, and behind them itself.
    Confirmed(Vec<Arc<Object>>),
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

impl Hint {
    /// By what a response with this head is like.
    pub fn of(head: &Head) -> Self {
        Self { vary: head.vary(), of_one_scheme: head.axis.scheme.is_some() }
    }
}

impl Default for Hint {
    /// Nothing is known: it is for everybody.
    fn default() -> Self {
        Self { vary: Vary::None, of_one_scheme: false }
    }
}

impl Question {
    /// Whether what comes may be for another request.
    fn may_be_for(&self, axis: Axis, headers: &HeaderMap) -> bool {
        let selecting = self.hint.vary.select(&self.request);
        (!self.hint.of_one_scheme || self.axis.scheme == axis.scheme)
            && selecting.is_some_and(|selecting| selecting.matches(headers))
    }
}

impl Flight {
    /// A flight that has not asked yet.
    pub fn new(key: Key, asked: Seq, question: Question, workers: usize) -> Self {
        let (state, relays) = (Mutex::new(State::Asking), Relays::new(workers));
        Self { key, asked, question, state, relays, own: OnceLock::new() }
    }

    /// Whether a request may join, as far as can be known now.
    ///
    /// Once the head has come the response is a stored one to whoever joins: it must be fresh
    /// (RFC 9111 §4).
    pub fn serves(&self, axis: Axis, headers: &HeaderMap, floor: Floor, now: Instant) -> bool {
        if !self.question.axis.may_share(axis) || !floor.allows(self.asked) {
            return false;
        }
        match &*self.state() {
            State::Asking => self.question.may_be_for(axis, headers),
            State::Filling(fill) => fill.admits() && fill.head.serves(axis, headers, now),
            State::Confirmed(all) => all.iter().any(|one| one.head.serves(axis, headers, now)),
            State::Passed(_) | State::Failed(_) => false,
        }
    }

    /// Whether what it brings is for such a request, as far as is known, however soon it must be confirmed:
    /// a refresh behind an answer has nothing to add to it.
    pub fn refreshes(&self, axis: Axis, headers: &HeaderMap, floor: Floor) -> bool {
        let selected = |head: &Head| head.selected_by(axis, headers);
        self.question.axis.may_share(axis)
            && floor.allows(self.asked)
            && match &*self.state() {
                State::Asking => self.question.may_be_for(axis, headers),
                State::Filling(fill) => selected(&fill.head),
                State::Confirmed(all) => all.iter().any(|one| selected(&one.head)),
                State::Passed(_) | State::Failed(_) => false,
            }
    }

    /// Whether it brings to such a request what must be confirmed before every use.
    pub fn brings_for_one(&self, axis: Axis, headers: &HeaderMap) -> bool {
        match &*self.state() {
            State::Filling(fill) => {
                fill.head.selected_by(axis, headers) && !fill.head.may_be_shared()
            }
            _ => false,
        }
    }

    /// What it says of the key's responses: by its own, once the head has come.
    pub fn hint(&self) -> Option<Hint> {
        let hint = &self.question.hint;
        match &*self.state() {
            State::Filling(fill) => Some(Hint::of(&fill.head)),
            State::Asking if *hint != Hint::default() => Some(hint.clone()),
            _ => None,
        }
    }

    /// The tags of the response, once its head has come.
    pub fn tags(&self) -> Option<Tags> {
        match &*self.state() {
            State::Filling(fill) => Some(self.tags_under(&fill.head)),
            State::Confirmed(all) => all.last().map(|object| self.tags_under(&object.head)),
            State::Asking | State::Passed(_) | State::Failed(_) => None,
        }
    }

    /// The tags by which a response with `head` is judged that it brought: a 304 may name others than
    /// what it confirms, and both count (PURGE.md rule 8).
    pub fn tags_under(&self, head: &Head) -> Tags {
        match &self.question.stale {
            Some(stale) => head.tags.and(&stale.head.tags),
            None => head.tags.clone(),
        }
    }

    /// Keeps fields of the answer that are for the leader alone.
    pub fn keep_own(&self, fields: HeaderMap) {
        // There is one answer.
        let _ = self.own.set(fields);
    }

    /// The fields of the answer that are for the leader alone.
    pub fn own(&self) -> Option<&HeaderMap> {
        self.own.get()
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

    /// The origin confirmed what was stale: that in its codings, the best first, and itself.
    pub fn confirms(&self, confirmed: Vec<Arc<Object>>) {
        self.settle(State::Confirmed(confirmed));
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

    /// Waits until the flight has an answer for a request that stands there and has these fields.
    /// `leads` says whether an answer that cannot be shared is for it, `outdated` whether one with that
    /// head was asked for too early. What must be confirmed before every use is for the leader alone.
    pub async fn landed(
        &self,
        leads: bool,
        worker: WorkerId,
        axis: Axis,
        headers: &HeaderMap,
        outdated: impl Fn(&Head) -> bool,
    ) -> Landed {
        let selected = |head: &Head| {
            head.selected_by(axis, headers) && (leads || head.may_be_shared()) && !outdated(head)
        };
        let place = Place::new(&self.relays, worker);
        poll_fn(|cx| {
            let mut state = self.state();
            Poll::Ready(match &mut *state {
                State::Asking => {
                    self.relays.register(worker, place.id, cx.waker());
                    return Poll::Pending;
                }
                State::Filling(fill) if leads || selected(&fill.head) => {
                    // Seated before the place is given up, so that no piece is let go of between.
                    let seat = FillReader::whole(Arc::clone(fill), worker);
                    seat.map_or(Landed::Again, Landed::Filling)
                }
                State::Confirmed(all) => {
                    let selected = all.iter().find(|one| selected(&one.head));
                    let own = selected.or(all.last().filter(|_| leads));
                    own.map_or(Landed::Again, |one| Landed::Confirmed(Arc::clone(one)))
                }
                State::Filling(_) => Landed::Again,
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
