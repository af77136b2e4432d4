//! The bytes of a fill. As long as it may be stored they are copied into segments of their own,
//! which become the stored body without another copy; once it cannot be, pieces pass through a
//! window as they come.
//!
//! Copied, because what comes are views of read buffers: a byte that comes alone
//! would keep a whole buffer alive, and a body that comes byte by byte would take forty times its
//! size. The last few pieces are kept beside the open segment all the same, so that readers who
//! keep up are given them as they came; whoever is further behind gets a copy of what is in the
//! segment.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::base::Charge;

/// The largest segment: the most that a client who hardly reads keeps of an object that is gone.
const SEGMENT: usize = 256 * 1024;
/// The first segment of a body whose length is not known; each next one is twice as large.
const FIRST: usize = 64 * 1024;
/// What is kept beside the open segment as it came: bytes, and pieces.
const RECENT: u64 = 128 * 1024;
const RECENT_PIECES: usize = 32;
/// The most that a reader is given of the open segment at once.
const COPY: usize = 64 * 1024;
/// What a body that cannot be stored holds for its slowest reader: bytes, and pieces.
pub(super) const WINDOW: u64 = 256 * 1024;
const WINDOW_PIECES: usize = 1024;
/// Bookkeeping of a piece in bytes.
const PIECE: u64 = 48;

/// The bytes that are held, from `base` to `end`.
#[derive(Debug)]
pub(super) struct Growth {
    /// Whole segments, or what is in the window, each with the place where it ends.
    pieces: VecDeque<(u64, Bytes)>,
    /// Where the first of them begins.
    base: u64,
    /// The segment that is being filled; it ends at `end`.
    open: Segment,
    /// The last pieces as they came, each with the place where it ends.
    recent: VecDeque<(u64, Bytes)>,
    /// Where the next piece will begin.
    end: u64,
    /// The length that was announced.
    length: Option<u64>,
    windowed: bool,
    charge: Charge,
}

#[derive(Debug, Default)]
struct Segment {
    bytes: BytesMut,
    /// How much it will take.
    size: usize,
}

impl Growth {
    /// Nothing yet of a body of `length`, for which `charge` will pay.
    pub(super) fn new(length: Option<u64>, charge: Charge) -> Self {
        Self {
            pieces: VecDeque::new(),
            base: 0,
            open: Segment::default(),
            recent: VecDeque::new(),
            end: 0,
            length,
            windowed: false,
            charge,
        }
    }

    /// Where what is held begins.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Bytes that have come.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Whether it cannot be stored any more.
    pub(super) fn is_windowed(&self) -> bool {
        self.windowed
    }

    /// Whether the window takes another piece.
    pub(super) fn has_room(&self) -> bool {
        self.end - self.base < WINDOW && self.pieces.len() < WINDOW_PIECES
    }

    /// Adds what has come.
    pub(super) fn push(&mut self, piece: Bytes) {
        self.end += piece.len() as u64;
        self.charge.grow(piece.len() as u64 + PIECE);
        if self.windowed {
            self.pieces.push_back((self.end, piece));
            return;
        }
        let (mut from, mut rest) = (self.end - piece.len() as u64, &piece[..]);
        while !rest.is_empty() {
            if self.open.bytes.len() == self.open.size {
                self.close_segment(from);
                self.open_segment(from);
            }
            let now = rest.len().min(self.open.size - self.open.bytes.len());
            self.open.bytes.extend_from_slice(&rest[..now]);
            (from, rest) = (from + now as u64, &rest[now..]);
        }
        self.recent.push_back((self.end, piece));
        let kept = self.end.saturating_sub(RECENT);
        while self.recent.len() > RECENT_PIECES || self.recent.front().is_some_and(|p| p.0 <= kept)
        {
            self.forget_oldest();
        }
    }

    fn open_segment(&mut self, at: u64) {
        let size = match self.length.and_then(|length| length.checked_sub(at)) {
            Some(left @ 1..) => usize::try_from(left).unwrap_or(SEGMENT),
            _ => FIRST << self.pieces.len().min(8),
        };
        let size = size.min(SEGMENT);
        self.charge.grow(size as u64 + PIECE);
        self.open = Segment { bytes: BytesMut::with_capacity(size), size };
    }

    /// The open segment, which ends at `at`, takes its place among the others.
    fn close_segment(&mut self, at: u64) {
        let Segment { bytes, .. } = std::mem::take(&mut self.open);
        if !bytes.is_empty() {
            self.pieces.push_back((at, bytes.freeze()));
        }
        while self.recent.front().is_some_and(|(end, _)| *end <= at) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, piece)) = self.recent.pop_front() {
            self.charge.shrink(piece.len() as u64 + PIECE);
        }
    }

    /// The last segment takes its place, without the room that an announced length would not have
    /// left.
    fn close_last(&mut self) {
        let spare = self.open.size - self.open.bytes.len();
        if spare > 0 {
            self.open.bytes = BytesMut::from(&self.open.bytes[..]);
            self.charge.shrink(spare as u64);
        }
        self.close_segment(self.end);
    }

    /// Keeps a window from here on.
    pub(super) fn outgrow(&mut self) {
        self.close_last();
        self.windowed = true;
    }

    /// The segments of the whole body, and the charge that pays for them.
    pub(super) fn finish(&mut self) -> (Vec<Bytes>, &mut Charge) {
        self.close_last();
        (self.pieces.iter().map(|(_, piece)| piece.clone()).collect(), &mut self.charge)
    }

    /// Some of what is held from `at` on; empty where nothing is.
    pub(super) fn piece(&self, at: u64) -> Bytes {
        let opened = self.end - self.open.bytes.len() as u64;
        let list = if at < opened || self.windowed { &self.pieces } else { &self.recent };
        let index = list.partition_point(|(end, _)| *end <= at);
        if let Some((end, piece)) = list.get(index)
            && let Some(skip) = (at + piece.len() as u64).checked_sub(*end)
        {
            return piece.slice(usize::try_from(skip).unwrap_or(piece.len()).min(piece.len())..);
        }
        let skip = usize::try_from(at.saturating_sub(opened)).unwrap_or(usize::MAX);
        let rest = self.open.bytes.get(skip..).unwrap_or_default();
        Bytes::copy_from_slice(&rest[..rest.len().min(COPY)])
    }

    /// Lets go of what lies before `slowest` in the window.
    pub(super) fn let_go(&mut self, slowest: u64) {
        while let Some((end, piece)) = self.pieces.front() {
            if *end > slowest {
                break;
            }
            self.base = *end;
            self.charge.shrink(piece.len() as u64 + PIECE);
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
#[path = "growth_tests.rs"]
mod tests;
