//! What a broker of the purge stream answers, and the batches of messages in it: whatever is read adds up,
//! and nothing takes more room than it may.

use crate::stream::codec::{Reader, Writer};
use crate::stream::{event, protocol, records, write};

/// `data` as each answer, as batches, and as an event. Batches follow one another without a gap in the
/// bytes and never backwards within one; and whatever event there is comes back out of a batch of ours.
pub fn stream(data: &[u8]) {
    let _ = protocol::not_taken(data, &protocol::Api::READING);
    let _ = protocol::produced(data);
    let _ = event::order(data);
    let _ = protocol::metadata(data);
    let _ = protocol::offsets(data);
    if let Ok((_, all)) = protocol::fetched(data) {
        let within = |part: &[u8]| part.len() <= data.len();
        assert!(all.iter().all(|one| within(one.records)), "records from nowhere");
        all.iter().for_each(|one| batches(one.records));
    }
    batches(data);
    numbers(data);
    let _ = event::uri(data);
    let batch = write::batch(7, 1, 5, &[data, b""]);
    let mut read = records::batches(&batch);
    let batch = read.next().expect("a batch of ours is one");
    let messages = batch.messages.expect("its checksum is right");
    let values: Vec<_> = messages.iter().map(|one| one.expect("it is whole").value).collect();
    assert_eq!((values, batch.next), (vec![Some(data), Some(&b""[..])], 9));
    assert!(read.next().is_none());
}

fn batches(bytes: &[u8]) {
    for batch in records::batches(bytes) {
        assert!(batch.next > batch.first || batch.first == i64::MAX, "it ends before it begins");
        let Ok(messages) = batch.messages else { continue };
        let read = messages.iter().filter(Result::is_ok).count();
        let failed = messages.iter().filter(Result::is_err).count();
        assert!(failed <= 1, "read on behind what is no message");
        assert!(read <= 64 << 20, "more messages than bytes");
    }
}

/// A number that is read is written in as many bytes, or fewer where it was padded.
fn numbers(data: &[u8]) {
    let mut reader = Reader::new(data);
    if let Ok(number) = reader.varlong() {
        let mut writer = Writer::default();
        writer.signed(number);
        let written = writer.into_bytes();
        assert!(written.len() <= data.len() - reader.rest().len());
        assert_eq!(Reader::new(&written).varlong(), Ok(number));
    }
}
