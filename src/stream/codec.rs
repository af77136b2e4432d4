//! Kafka's primitive types (Kafka protocol guide, "Protocol Primitive Types"), in the compact forms that
//! flexible versions of requests have (KIP-482). Reading is bounded by the bytes that are there: a length
//! or a count is believed only as far as the rest of the message could hold it.

use std::fmt;

/// Why a message is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It ends too early, or a length in it is longer than what follows.
    Short,
    /// A number has more bytes than its type.
    Number,
    /// A text is no UTF-8.
    Text,
    /// Nothing stands where something must.
    Null,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "it is shorter than it says",
            Self::Number => "a number in it is too long",
            Self::Text => "a text in it is not UTF-8",
            Self::Null => "what it must have is missing",
        })
    }
}

/// A topic's id (KIP-516): a UUID, kept as it came.
pub type TopicId = [u8; 16];

/// Reads one value after another.
#[derive(Clone, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What has not been read.
    pub const fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// BOOLEAN.
    pub fn boolean(&mut self) -> Result<bool, Malformed> {
        Ok(self.int8()? != 0)
    }

    /// INT8.
    pub fn int8(&mut self) -> Result<i8, Malformed> {
        self.array().map(i8::from_be_bytes)
    }

    /// INT16.
    pub fn int16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    /// INT32.
    pub fn int32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    /// UINT32.
    pub fn uint32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// INT64.
    pub fn int64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }

    /// UUID.
    pub fn uuid(&mut self) -> Result<TopicId, Malformed> {
        self.array()
    }

    /// `UNSIGNED_VARINT`, of at most 32 bits.
    pub fn unsigned(&mut self) -> Result<u32, Malformed> {
        self.groups(5).and_then(|value| u32::try_from(value).map_err(|_| Malformed::Number))
    }

    /// VARINT, in zigzag.
    pub fn varint(&mut self) -> Result<i32, Malformed> {
        let value = self.unsigned()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// VARLONG, in zigzag.
    pub fn varlong(&mut self) -> Result<i64, Malformed> {
        let value = self.groups(10)?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// Groups of seven bits, the lowest first; `most` of them.
    fn groups(&mut self, most: u32) -> Result<u64, Malformed> {
        let mut value = 0;
        for group in 0..most {
            let byte = self.array::<1>()?[0];
            value |= u64::from(byte & 0x7f) << (7 * group);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed::Number)
    }

    /// `COMPACT_NULLABLE_BYTES`, and what else has its length before it.
    pub fn compact(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.unsigned()? {
            0 => Ok(None),
            length => self.bytes(length as usize - 1).map(Some),
        }
    }

    /// `COMPACT_NULLABLE_STRING`.
    pub fn maybe_text(&mut self) -> Result<Option<&'a str>, Malformed> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| Malformed::Text);
        self.compact()?.map(text).transpose()
    }

    /// `COMPACT_STRING`.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        self.maybe_text()?.ok_or(Malformed::Null)
    }

    /// `COMPACT_ARRAY`; a null one is empty. Each member takes a byte at least, which bounds what is
    /// allocated before they are read.
    pub fn each<T>(
        &mut self,
        mut member: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.unsigned()?.saturating_sub(1) as usize;
        if count > self.0.len() {
            return Err(Malformed::Short);
        }
        (0..count).map(|_| member(self)).collect()
    }

    /// Tagged fields, of which `known` reads those that it knows.
    pub fn tagged(
        &mut self,
        mut known: impl FnMut(u32, &mut Reader<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        for _ in 0..self.unsigned()? {
            let tag = self.unsigned()?;
            let length = self.unsigned()? as usize;
            known(tag, &mut Reader(self.bytes(length)?))?;
        }
        Ok(())
    }

    /// Tagged fields that nobody needs.
    pub fn no_tags(&mut self) -> Result<(), Malformed> {
        self.tagged(|_, _| Ok(()))
    }
}

/// Writes one value after another. What is written is our own, so that lengths fit their types.
#[derive(Clone, Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// BOOLEAN.
    pub fn boolean(&mut self, value: bool) {
        self.0.push(u8::from(value));
    }

    /// INT8.
    pub fn int8(&mut self, value: i8) {
        self.raw(&value.to_be_bytes());
    }

    /// INT16.
    pub fn int16(&mut self, value: i16) {
        self.raw(&value.to_be_bytes());
    }

    /// INT32.
    pub fn int32(&mut self, value: i32) {
        self.raw(&value.to_be_bytes());
    }

    /// INT64.
    pub fn int64(&mut self, value: i64) {
        self.raw(&value.to_be_bytes());
    }

    /// `UNSIGNED_VARINT`.
    pub fn unsigned(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }

    /// VARINT and VARLONG, in zigzag.
    pub fn signed(&mut self, value: i64) {
        self.unsigned(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    /// `COMPACT_STRING` and `COMPACT_BYTES`.
    pub fn compact(&mut self, bytes: &[u8]) {
        self.unsigned(bytes.len() as u64 + 1);
        self.raw(bytes);
    }

    /// The null of all compact types.
    pub fn null(&mut self) {
        self.unsigned(0);
    }

    /// `COMPACT_ARRAY`.
    pub fn each<T>(&mut self, members: &[T], mut member: impl FnMut(&mut Self, &T)) {
        self.unsigned(members.len() as u64 + 1);
        members.iter().for_each(|one| member(self, one));
    }

    /// No tagged fields.
    pub fn no_tags(&mut self) {
        self.unsigned(0);
    }

    /// NULLABLE_STRING as heads of requests have it, never null.
    pub fn short_text(&mut self, text: &str) {
        self.int16(i16::try_from(text.len()).unwrap_or(i16::MAX));
        self.raw(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for value in [0, 1, -1, 63, -64, 64, i64::from(i32::MAX), i64::MAX, i64::MIN] {
            let mut writer = Writer::default();
            writer.signed(value);
            let bytes = writer.into_bytes();
            assert_eq!(Reader::new(&bytes).varlong(), Ok(value));
            if let Ok(short) = i32::try_from(value) {
                assert_eq!(Reader::new(&bytes).varint(), Ok(short));
            }
        }
        // The examples of the protocol buffers' encoding guide.
        let mut writer = Writer::default();
        writer.unsigned(300);
        assert_eq!(writer.into_bytes(), [0xac, 0x02]);
        assert_eq!(Reader::new(&[0x03]).varint(), Ok(-2));
    }

    #[test]
    fn nothing_is_believed_that_is_not_there() {
        assert_eq!(Reader::new(&[0xff; 9]).unsigned(), Err(Malformed::Number));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x7f]).unsigned(), Err(Malformed::Number));
        assert_eq!(Reader::new(&[0x80]).unsigned(), Err(Malformed::Short));
        assert_eq!(Reader::new(&[9, b'a']).compact(), Err(Malformed::Short));
        assert_eq!(Reader::new(&[2, 0xff]).text(), Err(Malformed::Text));
        assert_eq!(Reader::new(&[0]).text(), Err(Malformed::Null));
        let four_thousand_millions = [0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1];
        let read = Reader::new(&four_thousand_millions).each(Reader::int8);
        assert_eq!(read, Err(Malformed::Short));
    }

    #[test]
    fn tags_that_nobody_knows_are_left_out() {
        let mut reader = Reader::new(&[2, 0, 1, 7, 9, 2, 1, 2, 42]);
        let mut seen = Vec::new();
        let read = reader.tagged(|tag, value| {
            seen.push((tag, value.rest().to_vec()));
            Ok(())
        });
        assert_eq!((read, reader.rest()), (Ok(()), &[42][..]));
        assert_eq!(seen, [(0, vec![7]), (9, vec![1, 2])]);
    }
}
