//! The head of a stored response: immutable, and as small as it goes.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use http::header::HeaderMap;
use http::{StatusCode, Version};

use super::tags::Tags;
use crate::base::{Axis, Coding, Fields, PolicyId, StoredAxis};
use crate::semantics::{Life, Phase, Selecting, Vary, coding};

/// The head of a response as it is stored and shared: status, end-to-end fields, and how long it
/// lives.
#[derive(Clone, Debug)]
pub struct Head {
    /// The fields, hop-by-hop ones left out, as clients are shown them under `policy`.
    pub fields: Fields,
    /// The request's fields that it varies on, and what they said.
    pub selecting: Selecting,
    /// Its tags, by which it is purged with others.
    pub tags: Tags,
    received: Moment,
    life: Spans,
    /// Which requests it is for, by what comes before Vary.
    pub axis: StoredAxis,
    /// The status.
    pub status: StatusCode,
    /// What was applied to the fields: under another policy they are made anew of the origin's own.
    pub policy: PolicyId,
    bounds: Bounds,
}

impl Head {
    /// The head of a response that was received at `received`. No policy was applied to its fields.
    pub fn new(
        status: StatusCode,
        fields: impl Into<Fields>,
        life: &Life,
        received: Instant,
        (axis, selecting): (StoredAxis, Selecting),
    ) -> Self {
        Self {
            fields: fields.into(),
            selecting,
            tags: Tags::default(),
            received: Moment::of(received),
            life: Spans::of(life),
            axis,
            status,
            policy: PolicyId::NONE,
            bounds: Bounds::of(life),
        }
    }

    /// The same, to whose fields `policy` was applied.
    #[must_use]
    pub fn under(self, policy: PolicyId) -> Self {
        Self { policy, ..self }
    }

    /// The same, of a response that carries `tags`.
    #[must_use]
    pub fn tagged(self, tags: Tags) -> Self {
        Self { tags, ..self }
    }

    /// The same, that an origin said in `version` of the protocol.
    #[must_use]
    pub fn said_in(mut self, version: Version) -> Self {
        if version == Version::HTTP_10 {
            self.bounds.0 |= SAID_IN_HTTP_10;
        }
        self
    }

    /// The version of the protocol in which the origin said it, for Via (RFC 9110 §7.6.3).
    pub fn version(&self) -> Version {
        if self.bounds.has(SAID_IN_HTTP_10) { Version::HTTP_10 } else { Version::HTTP_11 }
    }

    /// The same with fields in memory of their own.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self { fields: self.fields.detached(), ..self.clone() }
    }

    /// The head of the same response in `coding`.
    #[must_use]
    pub fn coded(&self, coding: Coding) -> Self {
        let coded = |fields: &HeaderMap| coding::coded_fields(fields, coding);
        let shown = coded(&self.fields.unpack(2));
        let fields = match self.fields.are_own() {
            true => Fields::of(&shown),
            false => Fields::shown(&shown, &coded(&self.fields.own())),
        };
        let axis = StoredAxis { coding: Some(coding), ..self.axis };
        Self { fields, axis, ..self.clone() }
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
        self.life.life(self.bounds)
    }

    /// What it varies on.
    pub fn vary(&self) -> Vary {
        self.selecting.vary()
    }

    /// Which of two that a request selects comes first: the greater. What is the same in all of it is one
    /// response in several codings.
    pub(super) fn precedence(&self) -> impl PartialOrd + use<> {
        let age = i64::try_from(self.life().initial_age.as_nanos()).unwrap_or(i64::MAX);
        let made = self.received.0.saturating_sub(age);
        (self.axis.scheme.is_some(), self.selecting.names().next().is_some(), made)
    }

    /// Whether a request with these fields selects it.
    pub fn selected_by(&self, axis: Axis, request: &HeaderMap) -> bool {
        self.axis.covers(axis) && self.selecting.matches(request)
    }

    /// Whether it may answer others than who asked for it, now that it comes: it needs no confirmation
    /// (RFC 9111 §4).
    pub fn may_be_shared(&self) -> bool {
        self.life().phase(Duration::ZERO) < Phase::Keep
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

/// The durations of a [`Life`] in a quarter of their size.
#[derive(Clone, Copy, Debug)]
struct Spans {
    initial_age: Span,
    lifetime: Span,
    while_revalidate: Span,
    if_error: Span,
    keep: Span,
}

/// What of a [`Life`] is yes or no, a bit each, and one more of the response.
#[derive(Clone, Copy, Debug)]
struct Bounds(u8);

const ALWAYS_VALIDATE: u8 = 1;
const NO_STALE: u8 = 2;
const OPERATOR_GRACE: u8 = 4;
const SAID_IN_HTTP_10: u8 = 8;

impl Bounds {
    fn of(life: &Life) -> Self {
        let bit = |holds: bool, bit: u8| if holds { bit } else { 0 };
        let grace = bit(life.operator_grace, OPERATOR_GRACE);
        Self(bit(life.always_validate, ALWAYS_VALIDATE) | bit(life.no_stale, NO_STALE) | grace)
    }

    #[inline]
    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
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
        }
    }

    #[inline]
    fn life(&self, bounds: Bounds) -> Life {
        Life {
            initial_age: self.initial_age.duration(),
            lifetime: self.lifetime.duration(),
            while_revalidate: self.while_revalidate.duration(),
            if_error: self.if_error.duration(),
            keep: self.keep.duration(),
            always_validate: bounds.has(ALWAYS_VALIDATE),
            no_stale: bounds.has(NO_STALE),
            operator_grace: bounds.has(OPERATOR_GRACE),
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
