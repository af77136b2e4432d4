//! The heads of HTTP/2 frames (RFC 9113 §4.1) as they pass in one direction of a connection, for
//! counting and for timing. It is no second parser: hyper's h2 reads the same bytes and alone
//! decides what they mean. Of payloads little is looked at, the code of a RST_STREAM, the values of
//! SETTINGS and the words of a GOAWAY, and a frame that is not what it claims ends in h2's hands.
//!
//! Each frame costs a few instructions, and nothing is allocated: this is on the way of every hit.

use std::ops::ControlFlow;

/// Types of frames (RFC 9113 §6).
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;
/// Flags of DATA and HEADERS, of SETTINGS, and of HEADERS and CONTINUATION.
pub(super) const END_STREAM: u8 = 1;
pub(super) const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// What a client sends before its first frame (RFC 9113 §3.4).
const PREFACE: usize = 24;
const HEAD: usize = 9;
/// Stands for the preface; no frame has this type.
const NO_FRAME: u8 = 0xff;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes of the payload.
    pub(super) length: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Head {
    fn of(bytes: &[u8; HEAD]) -> Self {
        let [a, b, c, kind, flags, stream @ ..] = *bytes;
        Self {
            length: u32::from_be_bytes([0, a, b, c]),
            kind,
            flags,
            stream: u32::from_be_bytes(stream) & (u32::MAX >> 1),
        }
    }

    /// Whether it has `flag`.
    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Something of a frame that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Its head.
    Head(Head),
    /// The code of the RST_STREAM whose head came last.
    Code(u32),
    /// An entry of the SETTINGS whose head came last: its identifier and value.
    Setting(u16, u32),
    /// Eight bytes of the GOAWAY whose head came last: stream and code, then what it says besides.
    Word([u8; 8]),
}

/// How the bytes that passed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// Between frames, or in DATA, which others time.
    Well,
    /// In the middle of a head, of a frame or of a header block, which began among them.
    Begun,
    /// In the middle of one that had begun before.
    Amid,
}

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes of the payload, or of the preface, that have not passed.
    left: usize,
    kind: u8,
    /// What has come of a head, or of the part of a payload that is looked at.
    kept: [u8; HEAD],
    have: usize,
    /// Bytes of such a part; 0 where the payload is not looked at.
    part: usize,
    /// Whether a header block has begun and not ended.
    block: bool,
}

impl Frames {
    /// What a client sends, from its preface on.
    pub(super) fn of_client() -> Self {
        Self { left: PREFACE, kind: NO_FRAME, ..Self::of_server() }
    }

    /// What a server sends.
    pub(super) fn of_server() -> Self {
        Self { left: 0, kind: NO_FRAME, kept: [0; HEAD], have: 0, part: 0, block: false }
    }

    /// Whether nothing of a frame or of a header block is missing.
    pub(super) fn is_between(&self) -> bool {
        self.left == 0 && self.have == 0 && !self.block
    }

    fn is_amid(&self) -> bool {
        self.block || (self.left > 0 && self.kind != DATA) || (self.left == 0 && self.have > 0)
    }

    /// Lets `bytes` pass and tells `on` what is seen of them, until it breaks.
    pub(super) fn pass<B>(
        &mut self,
        mut bytes: &[u8],
        mut on: impl FnMut(Seen) -> ControlFlow<B>,
    ) -> ControlFlow<B, Ends> {
        let mut goes_on = self.is_amid();
        while !bytes.is_empty() {
            if self.left > 0 {
                let (payload, rest) = bytes.split_at(self.left.min(bytes.len()));
                bytes = rest;
                self.left -= payload.len();
                if self.part > 0 {
                    self.look(payload, &mut on)?;
                }
                continue;
            }
            goes_on &= self.block || self.have > 0;
            let head = match bytes.split_first_chunk() {
                Some((head, rest)) if self.have == 0 => {
                    bytes = rest;
                    Head::of(head)
                }
                _ => {
                    if !self.keep(&mut bytes, HEAD) {
                        break;
                    }
                    Head::of(&self.kept)
                }
            };
            self.begin(head);
            on(Seen::Head(head))?;
        }
        // A frame that has just ended leaves nothing behind that could go on.
        goes_on &= !self.is_between();
        ControlFlow::Continue(match self.is_amid() {
            false => Ends::Well,
            true if goes_on => Ends::Amid,
            true => Ends::Begun,
        })
    }

    fn begin(&mut self, head: Head) {
        self.left = head.length as usize;
        self.kind = head.kind;
        self.part = match head.kind {
            RST_STREAM => 4,
            SETTINGS => 6,
            GOAWAY => 8,
            _ => 0,
        };
        match head.kind {
            HEADERS => self.block = !head.has(END_HEADERS),
            CONTINUATION if head.has(END_HEADERS) => self.block = false,
            _ => {}
        }
    }

    /// Keeps of `bytes` what is missing to `want`; whether that is all.
    fn keep(&mut self, bytes: &mut &[u8], want: usize) -> bool {
        let (some, rest) = bytes.split_at((want - self.have).min(bytes.len()));
        self.kept[self.have..self.have + some.len()].copy_from_slice(some);
        self.have += some.len();
        *bytes = rest;
        let all = self.have == want;
        if all {
            self.have = 0;
        }
        all
    }

    fn look<B>(
        &mut self,
        mut payload: &[u8],
        on: &mut impl FnMut(Seen) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        while !payload.is_empty() && self.keep(&mut payload, self.part) {
            let [a, b, c, d, e, f, g, h, _] = self.kept;
            on(match self.kind {
                RST_STREAM => Seen::Code(u32::from_be_bytes([a, b, c, d])),
                GOAWAY => Seen::Word([a, b, c, d, e, f, g, h]),
                _ => Seen::Setting(u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f])),
            })?;
        }
        if self.left == 0 {
            // What is too short for a part is h2's business.
            self.have = 0;
        }
        ControlFlow::Continue(())
    }
}

/// A GOAWAY (RFC 9113 §6.8) with `reason` as its debug data.
pub(super) fn goaway(last: u32, code: u32, reason: &str) -> Vec<u8> {
    let length = u32::try_from(8 + reason.len()).unwrap_or(8);
    let mut frame = Vec::with_capacity(HEAD + 8 + reason.len());
    frame.extend_from_slice(&length.to_be_bytes()[1..]);
    frame.extend_from_slice(&[GOAWAY, 0, 0, 0, 0, 0]);
    frame.extend_from_slice(&last.to_be_bytes());
    frame.extend_from_slice(&code.to_be_bytes());
    frame.extend_from_slice(reason.as_bytes());
    frame
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
