//! The limits of `[http2]`, by name, and what a client has left of those that count frames.
//!
//! Each rate is a bucket that holds ten seconds' worth and is filled when it is found empty, so
//! that a frame costs a decrement and no look at the clock. Over any time a client can spend what
//! the bucket holds and what the time has earned, and nothing is asked of one that spends less.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, Head, PING, RST_STREAM, SETTINGS,
    WINDOW_UPDATE,
};
use crate::base::{Clock, Reason};
use crate::config::Http2;

/// Something that `[http2]` limits, named as its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Limit {
    /// Streams that the client resets (CVE-2023-44487).
    Resets,
    /// Streams that the client makes us reset (CVE-2025-8671).
    StreamErrors,
    /// PING (CVE-2019-9512).
    Pings,
    /// SETTINGS (CVE-2019-9515).
    Settings,
    /// What means nothing here: PRIORITY (CVE-2019-9513), frames of unknown types.
    Ignored,
    /// WINDOW_UPDATE beyond what the bytes sent explain (one-byte windows, CVE-2019-9511).
    WindowUpdates,
    /// Frames without content (CVE-2019-9518).
    EmptyFrames,
    /// CONTINUATION of one header block (CVE-2024-27919 and its kin).
    Continuations,
    /// Fields of a request, or their bytes.
    Head,
    /// Pieces into which a request's Cookie is cut (CVE-2026-49975).
    Crumbs,
    /// What the connection makes us hold.
    Pinned,
}

impl Limit {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::Resets,
        Self::StreamErrors,
        Self::Pings,
        Self::Settings,
        Self::Ignored,
        Self::WindowUpdates,
        Self::EmptyFrames,
        Self::Continuations,
        Self::Head,
        Self::Crumbs,
        Self::Pinned,
    ];

    /// The word that stands in the log, in the record of the requests that it ends, and in the
    /// GOAWAY.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Resets | Self::StreamErrors => Reason::TooManyResets,
            Self::Pings
            | Self::Settings
            | Self::Ignored
            | Self::WindowUpdates
            | Self::EmptyFrames
            | Self::Continuations => Reason::TooManyFrames,
            Self::Head | Self::Crumbs => Reason::HeadTooLarge,
            Self::Pinned => Reason::Pinned,
        }
    }
}

/// How many of them count frames by the second; they stand first.
const RATES: usize = 7;
/// How many seconds' worth a bucket holds.
pub(super) const HOLDS: u32 = 10;
/// Bytes of answers that explain a WINDOW_UPDATE, and how many of them a request stands for: two,
/// for a client that acknowledges every answer on the stream and on the connection.
const EXPLAINS: u64 = 1024;
const A_REQUEST: u64 = 2 * EXPLAINS;
/// Codes of RST_STREAM that say that the client did something wrong (RFC 9113 §7): PROTOCOL_ERROR,
/// FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, COMPRESSION_ERROR,
/// ENHANCE_YOUR_CALM. Those of an answer that broke off are ours.
const THEIR_FAULT: [u32; 7] = [1, 3, 5, 6, 7, 9, 11];

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: u32,
    since: Instant,
}

/// What one connection may still spend.
#[derive(Debug)]
pub(super) struct Allowance {
    clock: Clock,
    rates: [u32; RATES],
    buckets: [Bucket; RATES],
    /// Bytes that explain WINDOW_UPDATEs and are not spent.
    explained: u64,
    /// CONTINUATION frames that the header block may still have, and those of a whole one.
    continuations: u32,
    most_continuations: u32,
}

impl Allowance {
    /// All that `http2` allows.
    pub(super) fn new(http2: &Http2, clock: &Clock) -> Self {
        let since = clock.now();
        let rates = [
            http2.resets,
            http2.stream_errors,
            http2.pings,
            http2.settings,
            http2.ignored,
            http2.window_updates,
            http2.empty_frames,
        ];
        Self {
            clock: clock.clone(),
            rates,
            buckets: rates.map(|rate| Bucket { left: rate.saturating_mul(HOLDS), since }),
            explained: 0,
            continuations: 0,
            most_continuations: http2.continuations,
        }
    }

    /// The client sent a frame with this head; breaks with the limit that it is beyond.
    pub(super) fn came(&mut self, head: Head) -> ControlFlow<Limit> {
        match head.kind {
            DATA if head.length > 0 || head.has(END_STREAM) => ControlFlow::Continue(()),
            DATA => self.spend(Limit::EmptyFrames),
            HEADERS => {
                self.explained += A_REQUEST;
                self.continuations = self.most_continuations;
                let empty = head.length == 0 && !head.has(END_HEADERS);
                if empty { self.spend(Limit::EmptyFrames) } else { ControlFlow::Continue(()) }
            }
            WINDOW_UPDATE => self.spend(Limit::WindowUpdates),
            RST_STREAM => self.spend(Limit::Resets),
            // One acknowledgement answers the only SETTINGS that we send; h2 refuses a second.
            SETTINGS if head.has(ACK) => ControlFlow::Continue(()),
            SETTINGS => self.spend(Limit::Settings),
            PING => self.spend(Limit::Pings),
            CONTINUATION => match self.continuations.checked_sub(1) {
                Some(left) => {
                    self.continuations = left;
                    let empty = head.length == 0 && !head.has(END_HEADERS);
                    if empty { self.spend(Limit::EmptyFrames) } else { ControlFlow::Continue(()) }
                }
                None => ControlFlow::Break(Limit::Continuations),
            },
            _ => self.spend(Limit::Ignored),
        }
    }

    /// We sent a frame with this head.
    pub(super) fn went(&mut self, head: Head) {
        if head.kind == DATA {
            self.explained += u64::from(head.length);
        }
    }

    /// We sent a RST_STREAM with this code.
    pub(super) fn reset(&mut self, code: u32) -> ControlFlow<Limit> {
        if THEIR_FAULT.contains(&code) {
            self.spend(Limit::StreamErrors)
        } else {
            ControlFlow::Continue(())
        }
    }

    fn spend(&mut self, limit: Limit) -> ControlFlow<Limit> {
        let bucket = &mut self.buckets[limit as usize];
        match bucket.left.checked_sub(1) {
            Some(left) => {
                bucket.left = left;
                ControlFlow::Continue(())
            }
            None => self.refill(limit),
        }
    }

    #[cold]
    fn refill(&mut self, limit: Limit) -> ControlFlow<Limit> {
        let now = self.clock.now();
        let rate = self.rates[limit as usize];
        let bucket = &mut self.buckets[limit as usize];
        let passed = now.saturating_duration_since(bucket.since);
        let mut earned = earned(rate, passed);
        if limit == Limit::WindowUpdates {
            earned = earned.saturating_add(self.explained / EXPLAINS);
            self.explained = 0;
        }
        let holds = u64::from(rate.saturating_mul(HOLDS));
        match u32::try_from(earned.min(holds)).unwrap_or(u32::MAX).checked_sub(1) {
            Some(left) => {
                *bucket = Bucket { left, since: now };
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(limit),
        }
    }
}

fn earned(rate: u32, passed: Duration) -> u64 {
    let millis = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
    millis.saturating_mul(u64::from(rate)) / 1000
}

/// The limit of its own that h2 ends a connection for, by eight bytes of what its GOAWAY says. Its
/// error has forgotten them. The last that names one stands: what most of them begin with is all
/// of a whole eight bytes that `too_many_resets` has.
pub(super) fn of_h2(word: [u8; 8]) -> Option<Limit> {
    match &word {
        b"too_many" => Some(Limit::Resets),
        b"_interna" => Some(Limit::StreamErrors),
        b"_data_fr" => Some(Limit::EmptyFrames),
        b"_continu" => Some(Limit::Continuations),
        b"header_l" => Some(Limit::Head),
        _ => None,
    }
}

#[cfg(test)]
#[path = "limit_tests.rs"]
mod tests;
