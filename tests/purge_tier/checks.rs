//! What is asked of each answer.

use http::StatusCode;
use tidegate::base::{Body, Outcome, Reason};
use tidegate::front::Answer;

use super::Seen;
use super::book::{Newest, Purge, Said, What};
use super::station::{Asked, polled};
use super::wire::{Sent, State};
use super::world::World;
use super::{log, origin};
use tidegate::store::Mode;

impl World {
    /// Somebody has got his answer from the node with that number.
    pub fn answered(&mut self, at: usize, asked: &Asked, answer: &Answer) {
        match asked {
            Asked::Page(key, newest) => self.page(at, (*key, newest), answer),
            Asked::Stranger(key, newest) => {
                let believed = answer.head.headers.contains_key("tidegate-behind");
                assert!(!believed, "a stranger's positions count");
                self.page(at, (*key, newest), answer);
            }
            Asked::Purge(purge) if answer.head.status.is_success() => self.in_force(*purge),
            Asked::Purge(_) => self.seen.not_relayed += 1,
            Asked::Api(purge) => {
                let Body::Bytes(text) = &answer.body else { panic!("it says what became of it") };
                let done = text.windows(9).any(|part| part == br#""ok":true"#);
                if done { self.in_force(*purge) } else { self.seen.not_relayed += 1 }
            }
            Asked::Write(key) => {
                let Some(number) = answer.head.headers.get("x-wrote") else { return };
                let number = number.to_str().unwrap().parse().unwrap();
                self.seen.written += 1;
                let purge = Purge { what: What::Key(*key), mode: Mode::Hard, number };
                match at {
                    0 => self.in_force(purge),
                    _ => self.stations[at].reading.newest.lock().unwrap().note(purge),
                }
            }
        }
    }

    /// What a client got was not asked for before a purge that he came after.
    fn page(&mut self, at: usize, (key, newest): (usize, &Newest), answer: &Answer) {
        let Some(said) = Said::of(&answer.head.headers) else {
            self.seen.errors += 1;
            assert!(answer.head.status != StatusCode::OK, "a page that says nothing");
            return;
        };
        assert!(!answer.head.headers.contains_key("tidegate-behind"), "nodes' talk is told");
        assert!(at == 0 || answer.account.reason != Reason::Behind, "an origin is believed");
        let outcome = answer.account.outcome;
        self.seen.answers += 1;
        self.seen.hits += u64::from(outcome == Outcome::Hit);
        self.seen.stale_answers += u64::from(outcome == Outcome::Stale);
        let forbids = newest.forbids(key, said, (outcome != Outcome::Stale, self.whole));
        assert!(
            forbids.is_none(),
            "served by {at} as {outcome:?} ({:?}): {}",
            answer.account.reason,
            forbids.unwrap()
        );
    }

    /// Far nodes answer the near one.
    pub fn answer_the_near_one(&mut self) {
        for at in 0..self.conns.len() {
            self.conns[at].pump();
            let State::Asked(reply, _) = &mut self.conns[at].state else { continue };
            let Some(answer) = polled(reply) else { continue };
            let state = std::mem::replace(&mut self.conns[at].state, State::Idle);
            let State::Asked(_, sent) = state else { unreachable!("it was one") };
            self.judge(at, &sent, &answer);
            self.conns[at].state = origin::passed_on(answer);
            self.conns[at].pump();
        }
    }

    /// What comes from a node that still knows of less than was asked for may not be stored.
    fn judge(&mut self, at: usize, sent: &Sent, answer: &Answer) {
        let behind = answer.head.headers.contains_key("tidegate-behind");
        let not_modified = answer.head.status == StatusCode::NOT_MODIFIED;
        self.seen.behind += u64::from(behind);
        self.seen.behind_confirmations += u64::from(behind && not_modified);
        let stored = matches!(answer.account.outcome, Outcome::Hit | Outcome::Revalidated);
        self.seen.from_the_far_store += u64::from(stored);
        self.seen.confirmed_there += u64::from(stored && not_modified);
        let Some(said) = Said::of(&answer.head.headers) else { return };
        if self.far_at(at).reader.known() < log::told(&self.logs, &sent.headers) {
            self.unstorable.insert(said.stamp);
        }
    }

    /// What has been seen in this world, which is at its end.
    pub fn ended(&mut self) -> Seen {
        use std::sync::atomic::Ordering::Relaxed;
        let [near, far @ ..] = &*self.stations else { unreachable!("there is a near one") };
        let joined =
            |station: &super::station::Station| station.node.fetch.counts().joined.load(Relaxed);
        self.seen.followers += joined(near);
        self.seen.far_followers += far.iter().map(joined).sum::<u64>();
        self.seen.refreshes += near.node.store.counts().refreshes.load(Relaxed);
        self.seen
    }
}
