//! A worker's connections of HTTP/2 to one server, which it opens one at a time: whoever finds no room waits
//! for the one that is being opened, and all of them hear of it when it cannot be.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::link::{Link, Stream};
use crate::base::Fault;

/// How long a TLS server that has chosen HTTP/1.1 is asked over that, before it is given the choice again.
const CHOSEN: Duration = Duration::from_secs(60);

/// A worker's connections to one server.
#[derive(Debug, Default)]
pub struct Links(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    links: Vec<Link>,
    opening: Option<watch::Receiver<Told>>,
    http1_until: Option<Instant>,
}

/// What became of a connection that is being opened, once that is known.
pub type Told = Option<Result<(), Fault>>;

/// Where a request goes.
#[derive(Debug)]
pub enum Found {
    /// Over this stream.
    Stream(Stream),
    /// Over HTTP/1.1, which the server prefers.
    Http1,
    /// Nowhere: the server takes connections, and no requests.
    Refused,
    /// Nowhere, until a connection is open that somebody opens already.
    Wait(watch::Receiver<Told>),
    /// Nowhere, until one is open that whoever is told this opens.
    Open(watch::Sender<Told>, watch::Receiver<Told>),
}

impl Links {
    fn state(&self) -> MutexGuard<'_, State> {
        // A list of connections is whole between statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a request goes; where `since` is told, over nothing that was opened before. Where a connection
    /// `was_opened` for it, and there is no such one, or one that takes nothing, the server takes nothing.
    pub fn find(&self, since: Option<Instant>, was_opened: bool, now: Instant) -> Found {
        let mut state = self.state();
        if state.links.iter().any(Link::wants_http1) {
            state.http1_until = Some(now + CHOSEN);
        }
        state.links.retain_mut(Link::is_open);
        let suits =
            |link: &&mut Link| link.has_room() && since.is_none_or(|since| link.opened() >= since);
        if let Some(link) = state.links.iter_mut().find(suits) {
            return Found::Stream(link.stream(now));
        }
        if state.http1_until.is_some_and(|until| now < until) {
            return Found::Http1;
        }
        if was_opened && (state.links.is_empty() || state.links.iter().any(Link::is_unused)) {
            return Found::Refused;
        }
        // Whoever was opening one may have been dropped with his runtime.
        let opening = state.opening.as_ref().filter(|told| told.has_changed().is_ok());
        if let Some(told) = opening {
            return Found::Wait(told.clone());
        }
        let (tell, told) = watch::channel(None);
        state.opening = Some(told.clone());
        Found::Open(tell, told)
    }

    /// A connection is open.
    pub fn opened(&self, link: Link) {
        let mut state = self.state();
        (state.opening, state.http1_until) = (None, None);
        state.links.push(link);
    }

    /// The server has chosen HTTP/1.1.
    pub fn chose_http1(&self, now: Instant) {
        let mut state = self.state();
        (state.opening, state.http1_until) = (None, Some(now + CHOSEN));
    }

    /// None could be opened.
    pub fn failed(&self) {
        self.state().opening = None;
    }

    /// Closes what has been idle for `keepalive`, and forgets what has ended.
    pub fn sweep(&self, keepalive: Duration, now: Instant) {
        self.state().links.retain_mut(|link| link.is_open() && !link.is_idle(keepalive, now));
    }
}
