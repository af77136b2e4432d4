//! The head of a stored response: immutable, and as small as it goes.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::{HeaderMap, VARY};

use crate::base::{Axis, Fields};
use crate::semantics::{Life, Phase, Selecting, Vary};

/// The head of a response as it is stored and shared: status, end-to-end fields, and how long it
/// lives.
#[derive(Clone, Debug)]
pub struct Head {
    /// The fields, hop-by-hop ones left out.
    pub fields: Fields,
    /// The request's fields that it varies on, and what they said.
    pub selecting: Selecting,
    received: Moment,
    life: Spans,
    /// What of the authority it was asked with.
    pub axis: Axis,
    /// The status.
    pub status: StatusCode,
}

impl Head {
    /// The head of a response that was received at `received`, with `fields` in memory of its own.
    pub fn new(
        status: StatusCode,
        fields: &HeaderMap,
        life: &Life,
        received: Instant,
        (axis, selecting): (Axis, Selecting),
    ) -> Self {
        let fields = Fields::of(fields);
        let (received, life) = (Moment::of(received), Spans::of(life));
        Self { fields, selecting, received, life, axis, status }
    }

    /// The same with fields in memory of their own.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self { fields: self.fields.detached(), ..self.clone() }
    }

    /// When it was received.
    pub fn received(&self) -> Instant {
        self.received.instant()
    }

    /// How long it has been here.
    pub fn resident(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.received())
    }

    /// How long it lives; to the millisecond, or beyond 24 days to the second.
    #[inline]
    pub fn life(&self) -> Life {
        self.life.life()
    }

    /// What it varies on.
    pub fn vary(&self) -> Vary {
        Vary::of(&self.fields.only(&[VARY]))
    }

    /// Whether a request with these fields selects it.
    pub fn selected_by(&self, axis: Axis, request: &HeaderMap) -> bool {
        self.axis == axis && self.selecting.matches(request)
    }

    /// Whether a request with these fields may be served by it at `now` without asking anybody.
    pub fn serves(&self, axis: Axis, request: &HeaderMap, now: Instant) -> bool {
        self.selected_by(axis, request) && self.life().phase(self.resident(now)) == Phase::Fresh
    }
}

/// An instant as the nanoseconds since the first one that was asked for, or before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment(i64);

/// The first instant.
static FIRST: OnceLock<Instant> = OnceLock::new();

impl Moment {
    fn of(instant: Instant) -> Self {
        let first = *FIRST.get_or_init(|| instant);
        let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        let before = nanos(first.saturating_duration_since(instant));
        Self(nanos(instant.saturating_duration_since(first)) - before)
    }

    fn instant(self) -> Instant {
        let first = *FIRST.get_or_init(|| unreachable!("a moment is made of an instant"));
        let span = Duration::from_nanos(self.0.unsigned_abs());
        let moved = if self.0 < 0 { first.checked_sub(span) } else { first.checked_add(span) };
        moved.unwrap_or(first)
    }
}

/// A [`Life`] in a quarter of its size.
#[derive(Clone, Copy, Debug)]
struct Spans {
    initial_age: Span,
    lifetime: Span,
    while_revalidate: Span,
    if_error: Span,
    keep: Span,
    always_validate: bool,
    no_stale: bool,
}

/// A duration of up to 68 years: in milliseconds, or with the highest bit set in seconds beyond
/// those that are told in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span(u32);

/// The bit that says that it is seconds.
const SECONDS: u32 = 1 << 31;
/// The whole seconds of the shortest duration that is told so.
const LEAST: u64 = SECONDS as u64 / 1000;

impl Spans {
    fn of(life: &Life) -> Self {
        Self {
            initial_age: Span::of(life.initial_age),
            lifetime: Span::of(life.lifetime),
            while_revalidate: Span::of(life.while_revalidate),
            if_error: Span::of(life.if_error),
            keep: Span::of(life.keep),
            always_validate: life.always_validate,
            no_stale: life.no_stale,
        }
    }

    #[inline]
    fn life(&self) -> Life {
        Life {
            initial_age: self.initial_age.duration(),
            lifetime: self.lifetime.duration(),
            while_revalidate: self.while_revalidate.duration(),
            if_error: self.if_error.duration(),
            keep: self.keep.duration(),
            always_validate: self.always_validate,
            no_stale: self.no_stale,
        }
    }
}

impl Span {
    fn of(duration: Duration) -> Self {
        match u32::try_from(duration.as_millis()) {
            Ok(millis) if millis < SECONDS => Self(millis),
            _ => {
                let seconds = (duration.as_secs() - LEAST).min((!SECONDS).into());
                Self(SECONDS | u32::try_from(seconds).unwrap_or(!SECONDS))
            }
        }
    }

    #[inline]
    fn duration(self) -> Duration {
        if self.0 < SECONDS {
            Duration::from_millis(self.0.into())
        } else {
            Duration::from_secs(LEAST + u64::from(self.0 & !SECONDS))
        }
    }
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
