//! One stored response: an immutable head, prepared once, and the segments of its body.
//!
//! What is stored owns its bytes: field values and body pieces as they are read are views of what
//! was read at once, and one small view would keep all of that alive.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use http::{HeaderMap, HeaderValue};

use super::head::Head;
use crate::base::sync::AtomicU64;
use crate::base::{Axis, Coding, Seq, Stored};
use crate::semantics::Phase;

/// Bookkeeping of a trailer field in bytes: its slot, its index, its value's handle.
const TRAILER: u64 = 112;
/// The same of all of them together.
const TRAILERS: u64 = 128;
/// What a piece of memory takes that somebody has had a view of: a count of the views.
const VIEWED: u64 = 32;
/// The counts before what an `Arc` holds.
const COUNTS: usize = 2 * size_of::<usize>();
/// The largest segment that memory is given in whole.
pub const SEGMENT: usize = 256 * 1024;

/// What a sweep notes of what a hard purge covers.
const GONE: u64 = u64::MAX;

/// One stored response.
#[derive(Debug)]
pub struct Object {
    /// The head.
    pub head: Head,
    /// The body.
    pub body: Arc<Stored>,
    /// The trailer fields, where there were some.
    pub trailers: Option<Box<HeaderMap>>,
    /// The purge sequence when it was asked for.
    pub asked: Seq,
    /// The newest wide purge that is known not to cover it.
    seen: AtomicU64,
    /// What sweeps have found that its floors, which may be forgotten by now, made of it: 0 for nothing,
    /// [`GONE`], or the number up to which the last of them found it stale.
    swept: AtomicU64,
}

impl Object {
    /// The object of `head` and `body`.
    pub fn new(head: Head, body: Arc<Stored>, trailers: Option<HeaderMap>, asked: Seq) -> Self {
        let (seen, swept) = (AtomicU64::new(asked.0), AtomicU64::new(0));
        Self { head, body, trailers: trailers.map(Box::new), asked, seen, swept }
    }

    /// The same body under the head that a 304, asked for at `asked`, made of it.
    pub fn freshened(&self, head: Head, asked: Seq) -> Self {
        let (body, trailers) = (Arc::clone(&self.body), self.trailers.clone());
        let (seen, swept) = (AtomicU64::new(asked.0), AtomicU64::new(0));
        Self { head, body, trailers, asked, seen, swept }
    }

    /// The newest wide purge that is known not to cover it.
    pub fn seen(&self) -> Seq {
        Seq(self.seen.load(Relaxed))
    }

    /// Notes that no wide purge up to `newest` covers it. What covers it never comes to do so later:
    /// an object keeps its tags and its place.
    pub(super) fn note_seen(&self, newest: Seq) {
        self.seen.fetch_max(newest.0, Relaxed);
    }

    /// The same in `coding`, of which `body` is what the body becomes. It is as old as this one, and
    /// whatever a purge does to this one it does to it.
    #[must_use]
    pub fn coded(&self, coding: Coding, body: Arc<Stored>) -> Self {
        let coded = Self::new(self.head.coded(coding), body, None, self.asked);
        coded.swept.store(self.swept.load(SeqCst), SeqCst);
        coded.note_seen(self.seen());
        coded
    }

    /// Notes that a hard purge covers it, for whoever found it before it was taken out.
    pub(super) fn condemn(&self) {
        self.swept.store(GONE, SeqCst);
    }

    /// Whether it was condemned.
    pub(super) fn is_condemned(&self) -> bool {
        self.swept.load(SeqCst) == GONE
    }

    /// Notes that a soft purge covers it and, up to `upto`, no hard one.
    pub(super) fn note_stale(&self, upto: Seq) {
        self.swept.fetch_max(upto.0.max(1), SeqCst);
    }

    /// Up to where it was found stale, if it was.
    pub(super) fn stale_up_to(&self) -> Option<Seq> {
        Some(Seq(self.swept.load(SeqCst))).filter(|upto| upto.0 > 0)
    }

    /// Whether it is in a coding of ours.
    pub fn is_coded(&self) -> bool {
        self.head.axis.coding.is_some()
    }

    /// The body's length in bytes.
    pub fn length(&self) -> u64 {
        self.body.length()
    }

    /// Whether a request with these fields selects it.
    pub fn selected_by(&self, axis: Axis, request: &HeaderMap) -> bool {
        self.head.selected_by(axis, request)
    }

    /// Whether it takes the place of `old`: whatever request selects that would select this one. What
    /// is for one scheme leaves what is for both where it is, and comes before it.
    pub fn succeeds(&self, old: &Self) -> bool {
        self.head.axis.covers_all_of(old.head.axis) && self.head.selecting == old.head.selecting
    }

    /// How long it has been here.
    pub fn resident(&self, now: Instant) -> Duration {
        self.head.resident(now)
    }

    /// Where it stands in its life.
    pub fn phase(&self, now: Instant) -> Phase {
        self.head.life().phase(self.resident(now))
    }

    /// Whether it is of any use: to be served, or to be confirmed.
    pub fn useful(&self, now: Instant) -> bool {
        self.phase(now) != Phase::Dead
    }

    /// Bytes that it takes, bookkeeping included.
    pub fn weight(&self) -> u64 {
        weigh(&self.head, self.length(), self.trailers.as_deref())
    }
}

/// Bytes that an object of `length` bytes under `head`, with `trailers` behind them, takes,
/// bookkeeping included.
pub fn weigh(head: &Head, length: u64, trailers: Option<&HeaderMap>) -> u64 {
    let own = allocated(COUNTS + size_of::<Object>()) + allocated(COUNTS + size_of::<Stored>());
    let fields = allocated(head.fields.size()) + VIEWED;
    let segment = SEGMENT as u64;
    let (whole, rest) = (length / segment, usize::try_from(length % segment).unwrap_or_default());
    let body = whole * (segment + VIEWED + 32) + allocated(rest) + VIEWED;
    let trailers = trailers.map_or(0, |trailers| {
        let field = |(name, value): (&http::HeaderName, &HeaderValue)| {
            TRAILER + (name.as_str().len() + value.len()) as u64
        };
        TRAILERS + trailers.iter().map(field).sum::<u64>()
    });
    own + fields + body + trailers + head.selecting.weight() as u64 + head.tags.weight()
}

/// Bytes that a piece of `bytes` takes of the allocator: mimalloc has four sizes between a power of
/// two and the next, and none that is no multiple of sixteen.
pub(super) const fn allocated(bytes: usize) -> u64 {
    let step = (bytes as u64).next_power_of_two() / 8;
    (bytes as u64).next_multiple_of(if step < 16 { 16 } else { step })
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
