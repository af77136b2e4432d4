//! What the brokers answer: requests are taken apart, and answers written, as Apache Kafka does.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::PoisonError;
use std::time::Duration;

use tidegate::stream::codec::{Reader, TopicId, Writer};

use super::{Log, Shared, State};
use crate::kit::socket::Socket;

/// Answers requests until the connection ends.
pub(super) fn serve(shared: &Shared, broker: i32, stream: TcpStream, life: u32) {
    let Ok(mut socket) = Socket::accepted(stream, shared.tls.clone()) else { return };
    while let Ok(true) = exchange(shared, broker, life, &mut socket) {}
    socket.finish();
}

/// One request and its answer; whether there was one.
fn exchange(shared: &Shared, broker: i32, life: u32, socket: &mut Socket) -> io::Result<bool> {
    let mut length = [0; 4];
    if socket.read_exact(&mut length).is_err() {
        return Ok(false);
    }
    let mut request = vec![0; u32::from_be_bytes(length) as usize];
    socket.read_exact(&mut request)?;
    let Some(answer) = answer(shared, broker, life, &request) else { return Ok(false) };
    let length = u32::try_from(answer.len()).expect("a test's answers are short");
    socket.write_all(&[&length.to_be_bytes()[..], &answer].concat())?;
    socket.flush()?;
    Ok(true)
}

fn answer(shared: &Shared, broker: i32, life: u32, request: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(request);
    let (key, version, number) = (reader.int16().ok()?, reader.int16().ok()?, reader.int32().ok()?);
    let client = usize::try_from(reader.int16().ok()?).ok()?;
    reader.bytes(client).ok()?;
    let mut out = Writer::default();
    out.int32(number);
    if key != 18 {
        reader.no_tags().ok()?;
        out.no_tags();
        if key != 0 {
            out.int32(0);
        }
    }
    match (key, version) {
        (18, 0) => versions(&shared.state(), &mut out),
        (3, 12) => metadata(&shared.state(), &mut reader, &mut out)?,
        (2, 6) => offsets(&shared.state(), &mut reader, &mut out)?,
        (1, 13) => fetch(shared, broker, life, &mut reader, &mut out)?,
        (0, 9) => produce(shared, broker, &mut reader, &mut out)?,
        other => panic!("nobody may ask {other:?}"),
    }
    Some(out.into_bytes())
}

fn versions(state: &State, out: &mut Writer) {
    out.int16(0);
    let [least, most] = state.fetch;
    let all = [(0, 3, 13), (1, least, most), (2, 1, 10), (3, 0, 13), (18, 0, 4)];
    out.int32(5);
    for (key, least, most) in all {
        [key, least, most].into_iter().for_each(|number| out.int16(number));
    }
}

fn metadata(state: &State, reader: &mut Reader<'_>, out: &mut Writer) -> Option<()> {
    let asked = reader.each(|reader| {
        reader.uuid()?;
        let name = reader.text()?.to_owned();
        reader.no_tags()?;
        Ok(name)
    });
    let brokers: Vec<(i32, u16)> = (1..).zip(state.ports).collect();
    out.each(&brokers, |out, (id, port)| {
        out.int32(*id);
        // A certificate has a name, and the name an address.
        out.compact(b"localhost");
        out.int32(i32::from(*port));
        out.null();
        out.no_tags();
    });
    out.compact(state.cluster.as_bytes());
    out.int32(1);
    out.each(&asked.ok()?, |out, name| {
        let topic = state.topics.get(name);
        out.int16(if topic.is_some() { 0 } else { 3 });
        out.compact(name.as_bytes());
        out.raw(&topic.map_or([0; 16], |topic| topic.id));
        out.boolean(false);
        let none = Vec::new();
        let logs = topic.map_or(&none, |topic| &topic.partitions);
        let numbered: Vec<(i32, &Log)> = (0..).zip(logs).collect();
        out.each(&numbered, |out, (index, log)| {
            out.int16(0);
            out.int32(*index);
            out.int32(log.leader);
            out.int32(log.epoch);
            for replicas in [&[1, 2][..], &[1, 2], &[]] {
                out.each(replicas, |out, id| out.int32(*id));
            }
            out.no_tags();
        });
        out.int32(i32::MIN);
        out.no_tags();
    });
    out.no_tags();
    Some(())
}

fn offsets(state: &State, reader: &mut Reader<'_>, out: &mut Writer) -> Option<()> {
    let _replica_and_isolation = (reader.int32().ok()?, reader.int8().ok()?);
    let asked = reader.each(|reader| {
        let name = reader.text()?.to_owned();
        let partitions = reader.each(|reader| {
            let (index, _epoch, time) = (reader.int32()?, reader.int32()?, reader.int64()?);
            reader.no_tags()?;
            Ok((index, time))
        })?;
        reader.no_tags()?;
        Ok((name, partitions))
    });
    out.each(&asked.ok()?, |out, (name, partitions)| {
        out.compact(name.as_bytes());
        out.each(partitions, |out, (index, time)| {
            let log = usize::try_from(*index)
                .ok()
                .and_then(|at| state.topics.get(name).and_then(|topic| topic.partitions.get(at)));
            let offset = log.map_or(-1, |log| if *time == -2 { log.start } else { log.next });
            out.int32(*index);
            out.int16(if log.is_some() { 0 } else { 3 });
            out.int64(-1);
            out.int64(offset);
            out.int32(log.map_or(-1, |log| log.epoch));
            out.no_tags();
        });
        out.no_tags();
    });
    out.no_tags();
    Some(())
}

/// What is asked of a partition: its number, the leader's epoch, the offset, and the last one's epoch.
type Asked = (i32, i32, i64, i32);

fn fetch(
    shared: &Shared,
    broker: i32,
    life: u32,
    reader: &mut Reader<'_>,
    out: &mut Writer,
) -> Option<()> {
    let (_replica, wait) = (reader.int32().ok()?, reader.int32().ok()?);
    let _least_most_isolation = (reader.int32().ok()?, reader.int32().ok()?, reader.int8().ok()?);
    let _session = (reader.int32().ok()?, reader.int32().ok()?);
    let asked = reader.each(|reader| {
        let id = reader.uuid()?;
        let partitions = reader.each(|reader| {
            let (index, epoch, offset) = (reader.int32()?, reader.int32()?, reader.int64()?);
            let last = reader.int32()?;
            let _start_and_most = (reader.int64()?, reader.int32()?);
            reader.no_tags()?;
            Ok((index, epoch, offset, last))
        })?;
        reader.no_tags()?;
        Ok((id, partitions))
    });
    let asked: Vec<(TopicId, Vec<Asked>)> = asked.ok()?;
    let wait = Duration::from_millis(u64::try_from(wait).ok()?);
    let idle = |state: &mut State| {
        state.life == life
            && asked.iter().all(|(id, all)| all.iter().all(|one| state.is_idle(id, *one)))
    };
    let waited = shared.changed.wait_timeout_while(shared.state(), wait, idle);
    let state = waited.unwrap_or_else(PoisonError::into_inner).0;
    out.int16(0);
    out.int32(0);
    out.each(&asked, |out, (id, partitions)| {
        out.raw(id);
        out.each(partitions, |out, one| state.fetched(broker, id, *one, out));
        out.no_tags();
    });
    out.no_tags();
    (state.life == life).then_some(())
}

impl State {
    fn find(&self, id: &TopicId, partition: i32) -> Option<&Log> {
        let topic = self.topics.values().find(|topic| topic.id == *id)?;
        topic.partitions.get(usize::try_from(partition).ok()?)
    }

    fn is_idle(&self, id: &TopicId, (partition, epoch, offset, last): Asked) -> bool {
        self.find(id, partition).is_some_and(|log| {
            log.epoch == epoch && log.next == offset && log.cut.is_none_or(|(cut, _)| last != cut)
        })
    }

    fn fetched(&self, broker: i32, id: &TopicId, asked: Asked, out: &mut Writer) {
        let (partition, epoch, offset, last) = asked;
        let log = self.find(id, partition);
        let diverged = log.and_then(|log| {
            log.cut.filter(|(cut, end)| last == *cut && offset > *end).map(|(_, end)| end)
        });
        let code = match log {
            None => 100,
            Some(log) if log.leader != broker => 6,
            Some(log) if log.epoch != epoch => 74,
            Some(_) if diverged.is_some() => 0,
            Some(log) if offset < log.start || offset > log.next => 1,
            Some(_) => 0,
        };
        let (start, next) = log.map_or((-1, -1), |log| (log.start, log.next));
        out.int32(partition);
        out.int16(code);
        out.int64(next);
        out.int64(next);
        out.int64(start);
        out.null();
        out.int32(-1);
        let readable = log.filter(|_| code == 0 && diverged.is_none());
        let batches: Vec<u8> = readable.map_or_else(Vec::new, |log| {
            log.batches.range(offset + 1..).take(100).flat_map(|(_, batch)| batch.clone()).collect()
        });
        out.compact(&batches);
        match diverged {
            None => out.no_tags(),
            Some(end) => {
                out.unsigned(1);
                out.unsigned(0);
                out.unsigned(4 + 8 + 1);
                out.int32(0);
                out.int64(end);
                out.no_tags();
            }
        }
    }
}

fn produce(shared: &Shared, broker: i32, reader: &mut Reader<'_>, out: &mut Writer) -> Option<()> {
    let _transaction = reader.maybe_text().ok()?;
    let _acks_and_limit = (reader.int16().ok()?, reader.int32().ok()?);
    let asked = reader.each(|reader| {
        let name = reader.text()?.to_owned();
        let partitions = reader.each(|reader| {
            let (index, batch) = (reader.int32()?, reader.compact()?.unwrap_or_default().to_vec());
            reader.no_tags()?;
            Ok((index, batch))
        })?;
        reader.no_tags()?;
        Ok((name, partitions))
    });
    let mut state = shared.state();
    out.each(&asked.ok()?, |out, (name, partitions)| {
        out.compact(name.as_bytes());
        out.each(partitions, |out, (index, batch)| {
            let log = usize::try_from(*index).ok().and_then(|at| {
                state.topics.get_mut(name).and_then(|topic| topic.partitions.get_mut(at))
            });
            let (code, first) = match log {
                None => (3, -1),
                Some(log) if log.leader != broker => (6, -1),
                Some(log) => (0, log.append(batch)),
            };
            out.int32(*index);
            out.int16(code);
            out.int64(first);
            out.int64(-1);
            out.int64(0);
            out.null();
            out.null();
            out.no_tags();
        });
        out.no_tags();
    });
    out.int32(0);
    out.no_tags();
    drop(state);
    shared.changed.notify_all();
    Some(())
}
