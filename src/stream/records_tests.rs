//! Batches: what producers write is read in every coding, and what is broken is told and passed over.

use super::*;
use crate::stream::write::{self, Made};

fn values(batch: &Batch<'_>) -> Vec<(i64, i64, Vec<u8>)> {
    let messages = batch.messages.as_ref().unwrap();
    let one = |message: Result<Message<'_>, Unreadable>| {
        let message = message.unwrap();
        (message.offset, message.time, message.value.unwrap().to_vec())
    };
    messages.iter().map(one).collect()
}

fn coded(coding: i16, pack: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    write::coded(40, 3, &[b"one", b"two"], Made { time: 1000, coding }, pack)
}

#[test]
fn every_coding_of_producers_is_read() {
    let raw_snappy = |bytes: &[u8]| snap::raw::Encoder::new().compress_vec(bytes).unwrap();
    let in_blocks = |bytes: Vec<u8>| {
        let mut all = [BLOCKS, &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
        for block in bytes.chunks(5) {
            let block = raw_snappy(block);
            all.extend(u32::try_from(block.len()).unwrap().to_be_bytes());
            all.extend(block);
        }
        all
    };
    let lz4 = |bytes: Vec<u8>| {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        io::Write::write_all(&mut encoder, &bytes).unwrap();
        encoder.finish().unwrap()
    };
    let gzip = |bytes: Vec<u8>| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut encoder, &bytes).unwrap();
        encoder.finish().unwrap()
    };
    for bytes in [
        coded(0, |bytes| bytes),
        coded(1, gzip),
        coded(2, |bytes| raw_snappy(&bytes)),
        coded(2, in_blocks),
        coded(3, lz4),
        coded(4, |bytes| zstd::encode_all(&bytes[..], 1).unwrap()),
    ] {
        let all: Vec<_> = batches(&bytes).collect();
        let [batch] = &all[..] else { panic!("{} batches", all.len()) };
        assert_eq!((batch.first, batch.next, batch.epoch), (40, 42, 3));
        let expected = [(40, 1000, b"one".to_vec()), (41, 1000, b"two".to_vec())];
        assert_eq!(values(batch), expected);
    }
}

#[test]
fn a_batch_that_is_cut_off_is_none_and_others_are_read() {
    let two = [write::batch(0, 0, 5, &[b"a"]), write::batch(1, 0, 5, &[b"b", b"c"])].concat();
    let one = write::batch(0, 0, 5, &[b"a"]).len();
    for end in 0..=two.len() {
        let expected = if end < one { 0 } else { 1 + usize::from(end == two.len()) };
        assert_eq!(batches(&two[..end]).count(), expected, "{end}");
    }
}

#[test]
fn a_batch_that_is_broken_is_told_and_the_next_one_is_read() {
    let good = write::batch(7, 0, 5, &[b"message"]);
    let next = write::batch(8, 0, 5, &[b"next"]);
    for at in 12..good.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            let bytes = [bad, next.clone()].concat();
            let all: Vec<_> = batches(&bytes).collect();
            assert_eq!(all.len(), 2, "{at}");
            let is_epoch = at < 16;
            assert_eq!(all[0].messages.is_ok(), is_epoch, "{at}");
            assert_eq!(values(&all[1]), [(8, 5, b"next".to_vec())], "{at}");
        }
    }
    let old = {
        let mut old = good;
        old[16] = 1;
        old
    };
    let read = batches(&old).next().unwrap();
    assert_eq!((read.next, read.messages), (8, Err(Unreadable::Format(1))));
}

#[test]
fn nothing_becomes_more_than_it_may() {
    let vast = vec![0; MOST + 1];
    let zstd = zstd::encode_all(&vast[..], 1).unwrap();
    let bytes = coded(4, |_| zstd);
    assert_eq!(batches(&bytes).next().unwrap().messages, Err(Unreadable::Vast));
    // Snappy says how long it becomes; nothing is allocated for a lie.
    let bytes = coded(2, |_| vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0]);
    assert_eq!(batches(&bytes).next().unwrap().messages, Err(Unreadable::Vast));
    let bytes = coded(5, |bytes| bytes);
    assert_eq!(batches(&bytes).next().unwrap().messages, Err(Unreadable::Coding(5)));
    for coding in 1..=4 {
        let bytes = coded(coding, |_| b"nothing of the sort".to_vec());
        let read = batches(&bytes).next().unwrap().messages;
        assert!(matches!(read, Err(Unreadable::Coded(_) | Unreadable::Vast)), "{coding}: {read:?}");
    }
}

#[test]
fn a_count_or_a_length_that_lies_ends_the_batch() {
    // Three messages are promised and two are there; and one that is longer than the batch.
    let mut promised = write::batch(0, 0, 5, &[b"a", b"b", b"c"]);
    let short = promised.len() - 8;
    promised.truncate(short);
    let length = u32::try_from(promised.len() - 12).unwrap();
    promised[8..12].copy_from_slice(&length.to_be_bytes());
    let sum = crc32c::crc32c(&promised[HEAD..]);
    promised[17..21].copy_from_slice(&sum.to_be_bytes());
    let batch = batches(&promised).next().unwrap();
    let read: Vec<_> = batch.messages.as_ref().unwrap().iter().map(|one| one.is_ok()).collect();
    assert_eq!(read, [true, true, false]);
    assert_eq!(batch.next, 3);
}
