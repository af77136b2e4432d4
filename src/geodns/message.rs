//! Writes an answer into a buffer: sections of records, names compressed (RFC 1035 §4.1.4), never more than
//! the limit. A set of records is written whole or not at all.

use super::Kind;
use super::name;
use super::zone::Rrset;
use super::zone::data::compressible;

/// Where a name stood, that later ones may point to.
const MOST_TARGETS: usize = 24;
/// The furthest place that a pointer reaches.
const FURTHEST: usize = 0x3fff;

/// It did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A section of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What was asked for.
    Answer,
    /// Who knows more, or that there is nothing.
    Authority,
    /// What helps.
    Additional,
}

/// An answer in the making.
#[derive(Debug)]
pub struct Writer<'b> {
    out: &'b mut [u8],
    /// What records may take of it.
    limit: usize,
    at: usize,
    counts: [u16; 3],
    targets: [u16; MOST_TARGETS],
    known: usize,
}

impl<'b> Writer<'b> {
    /// One that begins with `head`, the first twelve bytes, and `question`, and has at most as many bytes as
    /// `out`, of which `reserved` are left for [`finish`](Self::finish); `None` where these do not fit.
    pub fn new(
        out: &'b mut [u8],
        head: [u8; 12],
        question: &[u8],
        reserved: usize,
    ) -> Option<Self> {
        out.first_chunk_mut::<12>().map(|place| *place = head)?;
        let limit = out.len().checked_sub(reserved)?;
        let (counts, targets) = ([0; 3], [0; MOST_TARGETS]);
        let mut writer = Self { out, limit, at: 12, counts, targets, known: 0 };
        writer.bytes(question).ok()?;
        if name::length(question).is_some() {
            writer.remember(12, question);
        }
        Some(writer)
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let end = self.at + bytes.len();
        if end > self.limit {
            return Err(Full);
        }
        self.out.get_mut(self.at..end).ok_or(Full)?.copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }

    fn short(&mut self, number: u16) -> Result<(), Full> {
        self.bytes(&number.to_be_bytes())
    }

    /// Remembers where the suffixes of a name stand that begins at `at`, as far as it is not a pointer.
    fn remember(&mut self, at: usize, wire: &[u8]) {
        for suffix in name::suffixes(wire) {
            let place = at + wire.len() - suffix.len();
            if suffix.len() <= 1 || place > FURTHEST || self.known >= MOST_TARGETS {
                return;
            }
            self.targets[self.known] = u16::try_from(place).unwrap_or_default();
            self.known += 1;
        }
    }

    /// Whether the name that stands at `at` is `wire`.
    fn stands(&self, mut at: usize, wire: &[u8]) -> bool {
        for suffix in name::suffixes(wire) {
            let Some(length) = suffix.first().copied() else { return false };
            // Pointers point back, and each was written here.
            while let Some([high @ 0xc0..=0xff, low]) = self.out.get(at..at + 2) {
                at = usize::from(u16::from_be_bytes([high & 0x3f, *low]));
            }
            let label = ..=usize::from(length);
            let (Some(here), Some(there)) =
                (self.out.get(at..).and_then(|here| here.get(label)), suffix.get(label))
            else {
                return false;
            };
            if !here.eq_ignore_ascii_case(there) {
                return false;
            }
            at += 1 + usize::from(length);
        }
        true
    }

    fn name(&mut self, wire: &[u8]) -> Result<(), Full> {
        for suffix in name::suffixes(wire) {
            let known = self.targets.iter().take(self.known).copied();
            let found =
                known.filter(|_| suffix.len() > 1).find(|at| self.stands((*at).into(), suffix));
            if let Some(target) = found {
                let (before, start) = (&wire[..wire.len() - suffix.len()], self.at);
                self.bytes(before)?;
                self.short(0xc000 | target)?;
                // What stood before the pointer may be pointed to as well.
                self.remember_before(start, wire, suffix.len());
                return Ok(());
            }
        }
        let start = self.at;
        self.bytes(wire)?;
        self.remember(start, wire);
        Ok(())
    }

    fn remember_before(&mut self, at: usize, wire: &[u8], pointed: usize) {
        for suffix in name::suffixes(wire).take_while(|suffix| suffix.len() > pointed) {
            let place = at + wire.len() - suffix.len();
            if place > FURTHEST || self.known >= MOST_TARGETS {
                return;
            }
            self.targets[self.known] = u16::try_from(place).unwrap_or_default();
            self.known += 1;
        }
    }

    /// One record; `owner` is the question's name where it is `None`.
    fn record(
        &mut self,
        owner: Option<&[u8]>,
        kind: Kind,
        ttl: u32,
        data: &[u8],
    ) -> Result<(), Full> {
        match owner {
            Some(wire) => self.name(wire)?,
            None => self.short(0xc00c)?,
        }
        self.short(kind.0)?;
        self.short(1)?;
        self.bytes(&ttl.to_be_bytes())?;
        let length_at = self.at;
        self.short(0)?;
        let (before, names) = compressible(kind);
        let (fixed, mut rest) = data.split_at_checked(before).unwrap_or((data, &[]));
        self.bytes(fixed)?;
        for _ in 0..names {
            let (wire, after) =
                rest.split_at_checked(name::length(rest).unwrap_or(0)).ok_or(Full)?;
            self.name(wire)?;
            rest = after;
        }
        self.bytes(rest)?;
        let length = u16::try_from(self.at - length_at - 2).map_err(|_| Full)?;
        self.out[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    /// Writes records of one type, each with `data`, or none of them.
    ///
    /// # Errors
    /// They do not fit.
    pub fn records<'d>(
        &mut self,
        section: Section,
        owner: Option<&[u8]>,
        kind: Kind,
        ttl: u32,
        data: impl Iterator<Item = &'d [u8]>,
    ) -> Result<(), Full> {
        let (at, known) = (self.at, self.known);
        let mut count = 0;
        for data in data {
            if let Err(full) = self.record(owner, kind, ttl, data) {
                (self.at, self.known) = (at, known);
                return Err(full);
            }
            count += 1;
        }
        self.counts[section as usize] += count;
        Ok(())
    }

    /// Writes a set of records, or none of it.
    ///
    /// # Errors
    /// It does not fit.
    pub fn set(&mut self, section: Section, owner: Option<&[u8]>, set: &Rrset) -> Result<(), Full> {
        self.records(section, owner, set.kind, set.ttl, set.data.iter().map(|data| &**data))
    }

    /// Takes all records back; the question has `question` bytes.
    pub fn clear(&mut self, question: usize) {
        (self.at, self.counts) = (12 + question, [0; 3]);
    }

    /// What is left, with what was reserved.
    pub fn room(&self) -> usize {
        self.out.len() - self.at
    }

    /// Ends it with `tail`, a whole record or nothing, behind all others: the length.
    ///
    /// # Errors
    /// It does not fit.
    pub fn finish(mut self, tail: &[u8]) -> Result<usize, Full> {
        self.limit = self.out.len();
        self.bytes(tail)?;
        self.counts[Section::Additional as usize] += u16::from(!tail.is_empty());
        for (at, count) in self.counts.iter().enumerate() {
            self.out[6 + 2 * at..8 + 2 * at].copy_from_slice(&count.to_be_bytes());
        }
        Ok(self.at)
    }

    /// Sets bits of the third byte, where AA and TC are.
    pub fn flag(&mut self, bits: u8) {
        self.out[2] |= bits;
    }

    /// Sets the four bits of the code that stand in the head.
    pub fn code(&mut self, code: u16) {
        self.out[3] = self.out[3] & 0xf0 | code.to_be_bytes()[1] & 0xf;
    }
}
