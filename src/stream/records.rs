//! Batches of messages, format 2 (Kafka documentation, "Message Format"), of whatever coding.
//!
//! A batch that cannot be read is passed over, since the log goes on behind it, and the caller is told:
//! what it held is not known.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};

use super::codec::{Malformed, Reader};

/// What a batch may become when it is decoded. Brokers take batches of 1 MiB unless told otherwise.
const MOST: usize = 64 << 20;

/// How much stands before what the checksum covers: offset, length, epoch, format and checksum.
const HEAD: usize = 21;

/// A batch.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// The offset of its first message.
    pub first: i64,
    /// The offset behind its last.
    pub next: i64,
    /// The epoch of the leader that took it.
    pub epoch: i32,
    /// Its messages.
    pub messages: Result<Messages<'a>, Unreadable>,
}

/// Why a batch's messages cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is of a format that brokers have not written since 2017.
    Format(i8),
    /// The checksum is another.
    Checksum,
    /// There is no such coding.
    Coding(i16),
    /// It cannot be decoded.
    Coded(io::ErrorKind),
    /// It becomes more than a batch may.
    Vast,
    /// A message in it is none.
    Message(Malformed),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(format) => write!(f, "its format is {format}, not 2"),
            Self::Checksum => f.write_str("its checksum is wrong"),
            Self::Coding(number) => write!(f, "there is no compression {number}"),
            Self::Coded(kind) => write!(f, "it cannot be decompressed: {kind}"),
            Self::Vast => write!(f, "it becomes more than {MOST} bytes"),
            Self::Message(malformed) => write!(f, "a message in it cannot be read: {malformed}"),
        }
    }
}

/// The messages of a batch.
#[derive(Debug, PartialEq, Eq)]
pub struct Messages<'a> {
    bytes: Cow<'a, [u8]>,
    count: i32,
    first: i64,
    time: i64,
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its offset.
    pub offset: i64,
    /// When it was made, in milliseconds of Unix time, by its producer's clock or the broker's.
    pub time: i64,
    /// What it says; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// The batches in `records`, without an incomplete one at the end, which brokers send where the bytes
/// asked for end.
pub fn batches(records: &[u8]) -> impl Iterator<Item = Batch<'_>> {
    let mut rest = records;
    std::iter::from_fn(move || {
        let mut head = Reader::new(rest);
        let (first, length) = (head.int64().ok()?, head.int32().ok()?);
        let body = head.bytes(usize::try_from(length).ok()?).ok()?;
        let whole = &rest[..rest.len() - head.rest().len()];
        rest = head.rest();
        Some(batch(first, body, whole))
    })
}

/// Reads a batch; `body` is what stands behind its length, and `whole` all of it.
fn batch<'a>(first: i64, body: &'a [u8], whole: &'a [u8]) -> Batch<'a> {
    let mut reader = Reader::new(body);
    let epoch = reader.int32().unwrap_or(-1);
    let format = reader.int8().unwrap_or(-1);
    if format != 2 {
        // In older formats the offset is the last message's.
        let next = first.saturating_add(1);
        return Batch { first, next, epoch: -1, messages: Err(Unreadable::Format(format)) };
    }
    let (read, last) = contents(&mut reader, first, whole);
    let last = i64::from(last.max(0));
    Batch { first, next: first.saturating_add(last).saturating_add(1), epoch, messages: read }
}

/// The messages, and by how much the last one's offset is above the first's.
fn contents<'a>(
    reader: &mut Reader<'a>,
    first: i64,
    whole: &'a [u8],
) -> (Result<Messages<'a>, Unreadable>, i32) {
    let Ok(sum) = reader.uint32() else { return (Err(Malformed::Short.into()), 0) };
    let sound = whole.get(HEAD..).is_some_and(|covered| crc32c::crc32c(covered) == sum);
    let (Ok(attributes), Ok(last)) = (reader.int16(), reader.int32()) else {
        return (Err(Malformed::Short.into()), 0);
    };
    if !sound {
        return (Err(Unreadable::Checksum), last);
    }
    (messages(reader, first, attributes), last)
}

fn messages<'a>(
    reader: &mut Reader<'a>,
    first: i64,
    attributes: i16,
) -> Result<Messages<'a>, Unreadable> {
    let time = reader.int64()?;
    let newest = reader.int64()?;
    // Who produced it, and its number there.
    reader.bytes(8 + 2 + 4)?;
    let count = reader.int32()?;
    // Marks of transactions are no messages.
    let is_control = attributes & 0x20 != 0;
    if is_control {
        return Ok(Messages { bytes: Cow::Borrowed(&[]), count: 0, first, time });
    }
    // The broker's clock, where the topic is set so, counts for all of the batch.
    let time = if attributes & 0x08 != 0 { newest } else { time };
    let coded = reader.rest();
    let bytes = match attributes & 0x07 {
        0 => Cow::Borrowed(coded),
        1 => Cow::Owned(all_of(flate2::read::GzDecoder::new(coded))?),
        2 => Cow::Owned(snappy(coded)?),
        3 => Cow::Owned(all_of(lz4_flex::frame::FrameDecoder::new(coded))?),
        4 => Cow::Owned(all_of(zstd::Decoder::new(coded).map_err(decoding)?)?),
        other => return Err(Unreadable::Coding(other)),
    };
    Ok(Messages { bytes, count, first, time })
}

impl Messages<'_> {
    /// Each message; ends after the first that is none.
    pub fn iter(&self) -> impl Iterator<Item = Result<Message<'_>, Unreadable>> {
        let mut reader = Reader::new(&self.bytes);
        let mut left = self.count;
        std::iter::from_fn(move || {
            if left <= 0 {
                return None;
            }
            let read = message(&mut reader, self.first, self.time);
            left = if read.is_ok() { left - 1 } else { 0 };
            Some(read.map_err(Unreadable::from))
        })
    }
}

fn message<'a>(reader: &mut Reader<'a>, first: i64, time: i64) -> Result<Message<'a>, Malformed> {
    let length = usize::try_from(reader.varint()?).map_err(|_| Malformed::Number)?;
    let mut reader = Reader::new(reader.bytes(length)?);
    let _attributes = reader.int8()?;
    let time = time.saturating_add(reader.varlong()?);
    let offset = first.saturating_add(i64::from(reader.varint()?));
    let _key = sized(&mut reader)?;
    let value = sized(&mut reader)?;
    Ok(Message { offset, time, value })
}

/// Bytes behind their length, which is below zero where there are none.
fn sized<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    let length = reader.varint()?;
    usize::try_from(length).ok().map(|length| reader.bytes(length)).transpose()
}

fn all_of(decoder: impl Read) -> Result<Vec<u8>, Unreadable> {
    let mut decoded = Vec::new();
    decoder.take(MOST as u64 + 1).read_to_end(&mut decoded).map_err(decoding)?;
    if decoded.len() > MOST { Err(Unreadable::Vast) } else { Ok(decoded) }
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn decoding(error: io::Error) -> Unreadable {
    Unreadable::Coded(error.kind())
}

/// What snappy-java writes before its blocks.
const BLOCKS: &[u8] = b"\x82SNAPPY\0";

/// Snappy, in snappy-java's blocks as producers in Java write it, or as one block.
fn snappy(coded: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut decoded = Vec::new();
    let Some(blocks) = coded.strip_prefix(BLOCKS) else {
        one_block(coded, &mut decoded)?;
        return Ok(decoded);
    };
    let mut reader = Reader::new(blocks);
    // Its version, and the least that can read it.
    reader.bytes(4 + 4)?;
    while !reader.rest().is_empty() {
        let length = reader.uint32()? as usize;
        one_block(reader.bytes(length)?, &mut decoded)?;
    }
    Ok(decoded)
}

fn one_block(coded: &[u8], decoded: &mut Vec<u8>) -> Result<(), Unreadable> {
    let wrong = |_: snap::Error| Unreadable::Coded(io::ErrorKind::InvalidData);
    let start = decoded.len();
    let length = snap::raw::decompress_len(coded).map_err(wrong)?;
    if start.saturating_add(length) > MOST {
        return Err(Unreadable::Vast);
    }
    decoded.resize(start + length, 0);
    snap::raw::Decoder::new().decompress(coded, &mut decoded[start..]).map_err(wrong)?;
    Ok(())
}

impl From<Malformed> for Unreadable {
    fn from(malformed: Malformed) -> Self {
        Self::Message(malformed)
    }
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
