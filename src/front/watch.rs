//! The watchdog: one timer per connection that enforces `first_byte`, `header`, `idle`, `write` and
//! `progress` for both protocols. The handshake and the pauses of a request's body are bounded where
//! they are waited for.
//!
//! The timer is armed lazily: a request neither sets nor moves it. It wakes no later than the
//! earliest moment at which anything can have run out, looks ([`verdict`]), and sleeps again. Only
//! two things bring it forward: a head that is not complete when it is first seen, and answers
//! that the client does not take at once. While the client is behind, it samples four times within
//! `write`, so that a standstill is noticed within a quarter more than was allowed.
//!
//! A client is behind on its socket (the kernel takes no more: HTTP/1 and HTTP/2) or in its flow
//! control (HTTP/2 holds pieces of answers and may not send them: a window of zero). Each is
//! watched for itself, because the acknowledgement of a PING moves the socket but takes nothing of
//! an answer. Time in which it is we who have nothing to give never counts. One HTTP/2 stream that
//! is behind while others flow is `streams`' business, which is asked at each sample.
//!
//! Whoever is behind from one sample to the next leaves unread what its answers keep in memory
//! ([`excess`]). That is added up by client address, and over all clients.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::Protocol;
use super::line::Line;
use super::record::Wait;
use crate::base::budget::Part;
use crate::base::clients::Unread;
use crate::base::{Charge, Sleep};
use crate::config::Timeouts;

/// What the watchdog sees of a connection at one moment.
#[derive(Clone, Debug)]
struct State {
    /// When serving began.
    started: Instant,
    /// Whether a byte came since.
    heard: bool,
    /// When the first byte of an incomplete head came.
    head_since: Option<Instant>,
    /// When a frame or header block of HTTP/2 began of which the rest is owed; other requests may
    /// be in flight meanwhile.
    unfinished_since: Option<Instant>,
    /// When the last request ended.
    idle_since: Instant,
    /// Requests whose answers are not taken.
    in_flight: u32,
    /// Where the client is behind.
    lags: [Option<Lag>; 2],
}

/// How far a client is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lag {
    /// When it was last seen to take a byte.
    moved_at: Instant,
    /// Since when it has been taking this slowly.
    window_at: Instant,
    /// Bytes that it took since.
    window_moved: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing has run out, nor can before `until`.
    Alive { until: Instant },
    /// This has.
    Dead(Wait),
}

/// Whether something has run out by `now`, or when to look again.
fn verdict(state: &State, now: Instant, limits: &Timeouts) -> Verdict {
    // Whatever begins later than now runs out later than the shortest limit from now.
    let mut until = now + limits.idle;
    for lag in state.lags.iter().flatten() {
        if let Some(wait) = too_slow(lag, now, limits, 1) {
            return Verdict::Dead(wait);
        }
        let window_ends = lag.window_at + limits.progress;
        let window_ends = if now >= window_ends { now + limits.progress } else { window_ends };
        let sample = now + sample_every(limits);
        until = until.min(sample).min(window_ends).min(lag.moved_at + limits.write);
    }
    if let Some(since) = state.unfinished_since {
        let deadline = since + limits.header;
        if now >= deadline {
            return Verdict::Dead(Wait::Header);
        }
        until = until.min(deadline);
    }
    if state.in_flight == 0 {
        let (wait, deadline) = match state.head_since {
            _ if !state.heard => (Wait::FirstByte, state.started + limits.first_byte),
            Some(since) => (Wait::Header, since + limits.header),
            None => (Wait::Idle, state.idle_since + limits.idle),
        };
        if now >= deadline {
            return Verdict::Dead(wait);
        }
        until = until.min(deadline);
    }
    Verdict::Alive { until }
}

/// Which limit a client is beyond that is so far behind, where it is one of `share` that the
/// least rate is for.
pub(super) fn too_slow(lag: &Lag, now: Instant, limits: &Timeouts, share: u64) -> Option<Wait> {
    if now >= lag.moved_at + limits.write {
        return Some(Wait::Write);
    }
    let over = now >= lag.window_at + limits.progress;
    (over && lag.window_moved < floor(limits) / share).then_some(Wait::Progress)
}

fn sample_every(limits: &Timeouts) -> Duration {
    limits.write / 4
}

/// Bytes that a client must take within `progress`.
fn floor(limits: &Timeouts) -> u64 {
    let millis = u64::try_from(limits.progress.as_millis()).unwrap_or(u64::MAX);
    limits.min_rate.saturating_mul(millis) / 1000
}

/// What a client leaves unread, as it was last seen.
#[derive(Clone, Copy, Debug)]
struct Backlog {
    /// Bytes that this connection's answers keep.
    own: u64,
    /// The same of all connections of its address.
    address: u64,
    /// The same of all clients.
    node: u64,
    /// Bytes that this connection has taken since the last sample.
    moved: u64,
}

/// The part of the budget that clients may leave unread; beyond it they must read on.
const NODE_SHARE: u64 = 8;
/// What HTTP/2 and TLS hold of answers for a client that is behind, in bytes.
const BUFFERS: u64 = 64 * 1024;
/// Samples in which they must read what they make us keep.
const SAMPLES: u64 = 8;

/// Whether a connection that is behind must be cut because too much is left unread: by its address,
/// or by all clients, of whom then those go who would not be through in [`SAMPLES`] samples.
fn excess(backlog: Backlog, client_unread: u64, budget: u64) -> bool {
    backlog.address > client_unread
        || backlog.node > budget / NODE_SHARE && backlog.moved < backlog.own / SAMPLES
}

/// One way of being behind, as it was last seen.
pub(super) struct Lane {
    behind: bool,
    moved: u64,
    moved_at: Instant,
    window_at: Instant,
    window_moved: u64,
    caught_up: u64,
}

impl Lane {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            behind: false,
            moved: 0,
            moved_at: now,
            window_at: now,
            window_moved: 0,
            caught_up: 0,
        }
    }

    /// Takes a sample: whether the client is behind, how much it has taken since it connected, and
    /// how often it had caught up. Whether it has been behind since the last sample.
    pub(super) fn see(&mut self, now: Instant, behind: bool, moved: u64, caught_up: u64) -> bool {
        let goes_on = self.behind && behind && self.caught_up == caught_up;
        if !goes_on {
            (self.window_at, self.window_moved) = (now, moved);
        }
        if !goes_on || self.moved != moved {
            self.moved_at = now;
        }
        (self.behind, self.moved, self.caught_up) = (behind, moved, caught_up);
        goes_on
    }

    pub(super) fn lag(&self) -> Option<Lag> {
        self.behind.then(|| Lag {
            moved_at: self.moved_at,
            window_at: self.window_at,
            window_moved: self.moved - self.window_moved,
        })
    }

    /// Begins the next window if this one was survived.
    pub(super) fn turn(&mut self, now: Instant, limits: &Timeouts) {
        if now >= self.window_at + limits.progress {
            (self.window_at, self.window_moved) = (now, self.moved);
        }
    }
}

/// The watchdog of one connection.
pub(super) struct Watch {
    protocol: Protocol,
    started: Instant,
    sleep: Sleep,
    armed: Instant,
    /// Whether it samples a client that is behind.
    sampling: bool,
    socket: Lane,
    flow: Lane,
    /// What is left unread, and what that takes of buffers, while the client is behind.
    unread: Option<Box<(Unread, Charge)>>,
}

impl Watch {
    /// Watches a connection over which serving began at `started`.
    pub(super) fn new(protocol: Protocol, started: Instant, line: &Line) -> Self {
        let limits = &line.serving.timeouts;
        let armed = started + limits.first_byte.min(limits.idle);
        Self {
            protocol,
            started,
            sleep: line.serving.clock.sleep_until(armed),
            armed,
            sampling: false,
            socket: Lane::new(started),
            flow: Lane::new(started),
            unread: None,
        }
    }

    /// Looks after each poll of the connection; ready when the connection must be cut.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, line: &Line) -> Poll<Wait> {
        let limits = line.serving.timeouts;
        if !self.sampling && line.is_behind() {
            let now = line.serving.clock.now();
            self.sampling = true;
            let _ = self.see(now, line);
            self.arm(now + sample_every(&limits));
        }
        if let Some(since) = self.head_since(line).or_else(|| line.unfinished_since()) {
            self.arm(since + limits.header);
        }
        loop {
            ready!(Pin::new(&mut self.sleep).poll(cx));
            let now = line.serving.clock.now();
            if self.see(now, line) {
                return Poll::Ready(Wait::Unread);
            }
            match verdict(&self.state(line), now, &limits) {
                Verdict::Dead(wait) => return Poll::Ready(wait),
                Verdict::Alive { until } => {
                    if let Some(streams) = line.streams() {
                        streams.look(now, &limits, line);
                    }
                    self.socket.turn(now, &limits);
                    self.flow.turn(now, &limits);
                    self.sampling = self.socket.behind || self.flow.behind;
                    self.armed = until;
                    self.sleep.reset(until);
                }
            }
        }
    }

    /// Brings the timer forward to `deadline`.
    fn arm(&mut self, deadline: Instant) {
        if deadline < self.armed {
            self.armed = deadline;
            self.sleep.reset(deadline);
        }
    }

    /// Takes a sample; whether too much is left unread.
    fn see(&mut self, now: Instant, line: &Line) -> bool {
        let (caught_up, before) = (line.caught_up(), self.flow.moved);
        let blocked = self.socket.see(now, line.is_blocked(), line.written(), caught_up);
        let waiting = self.flow.see(now, line.waiting() > 0, line.taken(), caught_up);
        let (serving, address) = (&line.serving, line.peer.remote.ip().to_canonical());
        if !(blocked || waiting) || serving.trusted_proxies.contains(address) {
            self.unread = None;
            return false;
        }
        let unread = self.unread.get_or_insert_with(|| {
            let charge = serving.budget.charge(Part::Connections, BUFFERS);
            Box::new((serving.clients.unread(address), charge))
        });
        let own = line.keeps();
        let backlog = Backlog {
            own,
            address: unread.0.set(own),
            node: serving.clients.unread_bytes(),
            moved: line.taken() - before,
        };
        excess(backlog, serving.limits.client_unread, serving.budget.limit())
    }

    fn head_since(&self, line: &Line) -> Option<Instant> {
        let may_be_incomplete = self.protocol == Protocol::Http1 && line.in_flight() == 0;
        if may_be_incomplete { line.head_since() } else { None }
    }

    fn state(&self, line: &Line) -> State {
        State {
            started: self.started,
            heard: line.heard(),
            head_since: self.head_since(line),
            unfinished_since: line.unfinished_since(),
            idle_since: line.idle_since(),
            in_flight: line.in_flight(),
            lags: [self.socket.lag(), self.flow.lag()],
        }
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
