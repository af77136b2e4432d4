//! Batches of messages as producers write them, format 2 (Kafka documentation, "Message Format").

use super::codec::Writer;

/// A batch of `values`, one a message, all made at `time` (milliseconds of Unix time). `first` is the offset
/// of its first message and `epoch` that of the leader that takes it; brokers set both anew.
pub fn batch(first: i64, epoch: i32, time: i64, values: &[&[u8]]) -> Vec<u8> {
    coded(first, epoch, values, Made { time, coding: 0 }, |messages| messages)
}

/// When the messages of a batch were made, and what they are packed by.
#[derive(Clone, Copy, Debug)]
pub struct Made {
    /// Milliseconds of Unix time.
    pub time: i64,
    /// The number of the compression, among the batch's attributes.
    pub coding: i16,
}

/// The same, packed by `pack`.
pub fn coded(
    first: i64,
    epoch: i32,
    values: &[&[u8]],
    made: Made,
    pack: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> Vec<u8> {
    let mut messages = Writer::default();
    for (at, value) in (0..).zip(values) {
        let mut message = Writer::default();
        message.int8(0);
        message.signed(0);
        message.signed(at);
        message.signed(-1);
        message.signed(value.len() as i64);
        message.raw(value);
        message.signed(0);
        let message = message.into_bytes();
        messages.signed(message.len() as i64);
        messages.raw(&message);
    }
    let count = i32::try_from(values.len()).unwrap_or(i32::MAX);
    let mut covered = Writer::default();
    covered.int16(made.coding);
    covered.int32(count - 1);
    covered.int64(made.time);
    covered.int64(made.time);
    // No producer's number: nothing is sent twice by retries that anybody must tell apart.
    covered.int64(-1);
    covered.int16(-1);
    covered.int32(-1);
    covered.int32(count);
    covered.raw(&pack(messages.into_bytes()));
    let covered = covered.into_bytes();
    let mut batch = Writer::default();
    batch.int64(first);
    // Behind it: epoch, format, checksum.
    batch.int32(i32::try_from(covered.len() + 4 + 1 + 4).unwrap_or(i32::MAX));
    batch.int32(epoch);
    batch.int8(2);
    batch.raw(&crc32c::crc32c(&covered).to_be_bytes());
    batch.raw(&covered);
    batch.into_bytes()
}
