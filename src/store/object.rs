//! One stored response: an immutable head, prepared once, and the segments of its body.
//!
//! What is stored owns its bytes: field values and body pieces that hyper hands out are views of
//! its read buffers, and one small view would keep a whole buffer alive.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::base::Axis;
use crate::base::{Seq, Stored};
use crate::semantics::{Life, Phase, Selecting};

/// Bookkeeping of an object in bytes: its struct, the header table, the Arc.
const OVERHEAD: u64 = 384;

/// Bookkeeping of a stored field in bytes: its slot, its index, its value's handle.
const FIELD: u64 = 112;

/// The head of a response as it is stored and shared: status, end-to-end fields, and how long it
/// lives.
#[derive(Debug)]
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// The fields, hop-by-hop ones left out.
    pub headers: HeaderMap,
    /// How long it lives.
    pub life: Life,
    /// When it was received.
    pub received: Instant,
    /// What of the authority it was asked with.
    pub axis: Axis,
    /// The request's fields that it varies on, and what they said.
    pub selecting: Selecting,
}

/// One stored response.
#[derive(Debug)]
pub struct Object {
    /// The head; shared with the flight that brought it.
    pub head: Arc<Head>,
    /// The body.
    pub body: Arc<Stored>,
    /// The body's length in bytes.
    pub length: u64,
    /// The trailer fields, where there were some.
    pub trailers: Option<HeaderMap>,
    /// The purge sequence when it was asked for.
    pub asked: Seq,
    /// When it was received; the same as its head's.
    pub received: Instant,
    weight: u64,
}

impl Object {
    /// The object of `head` and `body`.
    pub fn new(
        head: Arc<Head>,
        body: Arc<Stored>,
        trailers: Option<HeaderMap>,
        asked: Seq,
    ) -> Self {
        let length = body.length();
        let received = head.received;
        let weight = weigh(&head, length, trailers.as_ref());
        Self { head, body, length, trailers, asked, received, weight }
    }

    /// The same body under the head that a 304, asked for at `asked`, made of it.
    pub fn freshened(&self, head: Arc<Head>, asked: Seq) -> Self {
        Self {
            received: head.received,
            weight: weigh(&head, self.length, self.trailers.as_ref()),
            head,
            body: Arc::clone(&self.body),
            length: self.length,
            trailers: self.trailers.clone(),
            asked,
        }
    }

    /// Whether a request with these fields selects it.
    pub fn selected_by(&self, axis: Axis, request: &HeaderMap) -> bool {
        self.head.selected_by(axis, request)
    }

    /// Whether it takes the place of `old`: a request for the one would select the other.
    pub fn succeeds(&self, old: &Self) -> bool {
        self.head.axis == old.head.axis && self.head.selecting == old.head.selecting
    }

    /// How long it has been here.
    pub fn resident(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.received)
    }

    /// Where it stands in its life.
    pub fn phase(&self, now: Instant) -> Phase {
        self.head.life.phase(self.resident(now))
    }

    /// Whether it is of any use: to be served, or to be confirmed.
    pub fn useful(&self, now: Instant) -> bool {
        self.phase(now) != Phase::Dead
    }

    /// Bytes that it takes, bookkeeping included.
    pub fn weight(&self) -> u64 {
        self.weight
    }
}

impl Head {
    /// Whether a request with these fields selects it.
    pub fn selected_by(&self, axis: Axis, request: &HeaderMap) -> bool {
        self.axis == axis && self.selecting.matches(request)
    }

    /// Whether a request with these fields may be served by it at `now` without asking anybody.
    pub fn serves(&self, axis: Axis, request: &HeaderMap, now: Instant) -> bool {
        let resident = now.saturating_duration_since(self.received);
        self.selected_by(axis, request) && self.life.phase(resident) == Phase::Fresh
    }
}

/// Bytes that an object of `length` bytes under `head`, with `trailers` behind them, takes,
/// bookkeeping included.
pub fn weigh(head: &Head, length: u64, trailers: Option<&HeaderMap>) -> u64 {
    let fields = head.headers.iter().chain(trailers.into_iter().flatten());
    let fields: u64 = fields.map(|(n, v)| FIELD + (n.as_str().len() + v.len()) as u64).sum();
    OVERHEAD + fields + head.selecting.weight() as u64 + length
}

/// A copy of `headers` whose values share one piece of memory of their own.
pub fn owned_fields(headers: &HeaderMap) -> HeaderMap {
    let size = headers.values().map(HeaderValue::len).sum();
    let mut text = BytesMut::with_capacity(size);
    headers.values().for_each(|value| text.extend_from_slice(value.as_bytes()));
    let text = text.freeze();
    let mut owned = HeaderMap::with_capacity(headers.len());
    let mut at = 0;
    for (name, value) in headers {
        let piece = text.slice(at..at + value.len());
        at += value.len();
        // The bytes were a field value before they were copied.
        if let Ok(mut copy) = HeaderValue::from_maybe_shared(piece) {
            copy.set_sensitive(value.is_sensitive());
            owned.append(name.clone(), copy);
        }
    }
    owned
}

#[cfg(test)]
#[path = "object_tests.rs"]
mod tests;
