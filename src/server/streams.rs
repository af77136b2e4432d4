//! The purge streams of a node: reading them on the purges' thread, replacing them when another
//! configuration is put in force, and what is told of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderValue;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};

use crate::base::Clock;
use crate::config;
use crate::flow::node::Positions;
use crate::net::resolver::Resolver;
use crate::purge::wanted::{Refused, Wanted};
use crate::purge::{Name, Order, Source, Sources, What};
use crate::store::{Mode, Scope};
use crate::stream::told::{Became, Gap};
use crate::stream::{Heed, Stream, between};
use crate::telemetry::{Count, Meter, Samples};

/// The streams of a node.
pub(super) struct Streams {
    sources: Arc<Sources>,
    meter: Arc<Meter>,
    clock: Clock,
    resolver: Resolver,
    /// Where they are read.
    runtime: Handle,
    running: Mutex<Vec<Running>>,
}

/// A stream that is read.
struct Running {
    config: config::Stream,
    stream: Arc<Stream>,
    tasks: Vec<AbortHandle>,
}

/// Streams that are not read yet; `None` for those that are.
pub(super) struct Prepared<'a> {
    streams: &'a Streams,
    wanted: Vec<(config::Stream, Option<Arc<Stream>>)>,
}

/// What the stream says is put in force as any purge is.
#[derive(Debug)]
struct Heeding(Source);

impl Heed for Heeding {
    fn changed(&self, url: &str) -> bool {
        self.0.take_url(url, None).is_ok()
    }

    fn order(&self, order: Value) -> Result<bool, String> {
        let wanted = Wanted::of(order).map_err(|why| why.to_string())?;
        let done = self.0.take_wanted(&wanted);
        match done {
            Err(Refused::Bad(why)) => Err(why),
            done => Ok(done.is_ok()),
        }
    }

    fn late(&self) -> usize {
        self.0.desk().stale_on_lag()
    }

    fn everything(&self) {
        self.0.take(Order::new(What::All(Scope::Everything), Some(Mode::Soft)));
    }
}

impl Streams {
    /// No streams; those to come are read on `runtime`, and count panics with `meter`.
    pub(super) fn new(
        sources: Arc<Sources>,
        meter: Arc<Meter>,
        clock: Clock,
        resolver: Resolver,
        runtime: Handle,
    ) -> Self {
        Self { sources, meter, clock, resolver, runtime, running: Mutex::default() }
    }

    /// Makes what `wanted` has and is not read yet.
    ///
    /// # Errors
    /// A sentence about a stream's TLS settings; all is as before then.
    pub(super) fn prepare(&self, wanted: &[config::Stream]) -> Result<Prepared<'_>, Vec<String>> {
        let running = self.running();
        let make = |config: &config::Stream| {
            if running.iter().any(|one| one.config == *config) {
                return Ok((config.clone(), None));
            }
            let source = Source::new(Arc::clone(&self.sources), Name::Stream, config.terms.clone());
            let heed = Box::new(Heeding(source));
            let made = Stream::new(config.clone(), &self.clock, self.resolver.clone(), heed);
            made.map(|stream| (config.clone(), Some(Arc::new(stream))))
                .map_err(|why| vec![format!("[[purge.stream]]: {why}")])
        };
        Ok(Prepared { streams: self, wanted: wanted.iter().map(make).collect::<Result<_, _>>()? })
    }

    /// Writes all positions to disk.
    pub(super) fn save(&self) {
        for one in self.running().iter() {
            if let Err(why) = one.stream.save() {
                tracing::error!("positions in the purge stream are not saved: {why}");
            }
        }
    }

    fn start(&self, config: config::Stream, stream: Arc<Stream>) -> Running {
        let (reading, meter) = (Arc::clone(&stream), Arc::clone(&self.meter));
        let read = self.runtime.spawn(async move {
            // A panic must not end it: it costs a pause. What is spawned ends with the set that holds it.
            let mut reader = JoinSet::new();
            reader.spawn(Arc::clone(&reading).run());
            while let Some(Err(ended)) = reader.join_next().await {
                if !ended.is_panic() {
                    return;
                }
                meter.add(Count::Panics, 1);
                reader.spawn(Arc::clone(&reading).run());
            }
        });
        let keep = self.runtime.spawn(Arc::clone(&stream).keep());
        let watch = self.runtime.spawn(Arc::clone(&stream).watch());
        let tasks = vec![read.abort_handle(), keep.abort_handle(), watch.abort_handle()];
        Running { config, stream, tasks }
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        // They are switched in one call, which is all or nothing.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn samples(&self, out: &mut Samples) {
        for one in self.running().iter() {
            let (name, told) = (one.config.name(), one.stream.told());
            for (topic, partition, track) in told.tracks() {
                let partition = partition.to_string();
                let labels = [("topic", &*topic), ("partition", &*partition)];
                let help = "The offset of the next message that is to be applied.";
                out.gauge("tidegate_stream_position", help, &labels, track.next() as f64);
                let help = "Messages in the log that are not applied yet.";
                out.gauge("tidegate_stream_backlog", help, &labels, track.backlog() as f64);
                let help = "How long ago the newest message that is applied was made, where more \
                            are to come; 0 where none are.";
                let lag = told.lag(&track).as_secs_f64();
                out.gauge("tidegate_stream_lag_seconds", help, &labels, lag);
                let help = "How long ago the log held nothing that is not applied.";
                let behind = told.behind(&track).as_secs_f64();
                out.gauge("tidegate_stream_behind_seconds", help, &labels, behind);
                if let Some(age) = told.polled(&track) {
                    let help = "How long ago a broker answered for the partition.";
                    out.gauge("tidegate_stream_poll_age_seconds", help, &labels, age.as_secs_f64());
                }
                for became in Became::ALL {
                    let help = "Messages of the purge stream, by what became of them.";
                    let [topic, partition] = labels;
                    let labels = [topic, partition, ("result", became.as_str())];
                    let value = track.count(became) as f64;
                    out.counter("tidegate_stream_messages_total", help, &labels, value);
                }
            }
            stream(&name, &one.stream, out);
        }
    }

    /// How far each partition is applied, as the status page has it.
    pub(super) fn positions(&self) -> Value {
        let partitions = |one: &Running| {
            let at = |(topic, partition, track): (
                Arc<str>,
                i32,
                Arc<crate::stream::told::Track>,
            )| {
                json!({ "topic": &*topic, "partition": partition, "position": track.next() })
            };
            let partitions: Vec<Value> = one.stream.told().tracks().into_iter().map(at).collect();
            json!({ "partitions": partitions })
        };
        self.running().iter().map(partitions).collect()
    }

    /// The part of the status page.
    pub(super) fn status(&self) -> Value {
        let of = |one: &Running| {
            let told = one.stream.told();
            let partition = |(topic, partition, track): (Arc<str>, i32, Arc<_>)| {
                let track: &crate::stream::told::Track = &track;
                json!({
                    "topic": &*topic,
                    "partition": partition,
                    "position": track.next(),
                    "backlog": track.backlog(),
                    "behind_seconds": told.behind(track).as_secs_f64(),
                    "lag_seconds": told.lag(track).as_secs_f64(),
                    "poll_age_seconds": told.polled(track).map(|age| age.as_secs_f64()),
                })
            };
            let partitions: Vec<Value> = told.tracks().into_iter().map(partition).collect();
            json!({
                "topics": one.config.topics,
                "cluster": one.stream.positions().cluster,
                "partitions": partitions,
            })
        };
        self.running().iter().map(of).collect()
    }
}

impl Positions for Streams {
    fn told(&self) -> Option<HeaderValue> {
        between::tell(self.running().iter().map(|one| &*one.stream))
    }

    fn has_reached(&self, told: &[u8]) -> bool {
        between::have_reached(self.running().iter().map(|one| &*one.stream), told)
    }
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Streams")
    }
}

fn stream(name: &str, stream: &Stream, out: &mut Samples) {
    use std::sync::atomic::Ordering::Relaxed;
    let told = stream.told();
    for gap in Gap::ALL {
        let help = "Gaps in the purge stream, after which everything stored turned stale.";
        let labels = [("stream", name), ("cause", gap.as_str())];
        out.counter("tidegate_stream_gaps_total", help, &labels, told.gaps(gap) as f64);
    }
    let labels = [("stream", name)];
    let help = "How often a log had been cut off below what was read of it.";
    out.counter("tidegate_stream_cuts_total", help, &labels, told.cut.load(Relaxed) as f64);
    let help = "How often reading the purge stream stopped, to begin again after a pause.";
    let troubles = told.troubles.load(Relaxed) as f64;
    out.counter("tidegate_stream_troubles_total", help, &labels, troubles);
    let help = "How often sites turned stale because the purge stream was too far behind.";
    out.counter("tidegate_stream_late_total", help, &labels, told.late.load(Relaxed) as f64);
    for (result, count) in ["saved", "failed"].iter().zip(&told.saves) {
        let help = "Writings of the file of positions.";
        let labels = [("stream", name), ("result", result)];
        let value = count.load(Relaxed) as f64;
        out.counter("tidegate_stream_saves_total", help, &labels, value);
    }
}

impl Prepared<'_> {
    /// Puts the streams in force. One that takes the place of another of the same brokers goes on where
    /// that one was.
    pub(super) fn switch(self) {
        let mut running = self.streams.running();
        let mut next = Vec::with_capacity(self.wanted.len());
        let mut new = Vec::new();
        for (config, made) in self.wanted {
            match made {
                Some(stream) => new.push((config, stream)),
                None => {
                    let at = running.iter().position(|one| one.config == config);
                    next.extend(at.map(|at| running.swap_remove(at)));
                }
            }
        }
        running.iter().flat_map(|one| &one.tasks).for_each(AbortHandle::abort);
        for (config, stream) in new {
            let before = running.iter().find(|one| one.config.brokers == config.brokers);
            if let Some(before) = before {
                stream.inherit(&before.stream);
            }
            next.push(self.streams.start(config, stream));
        }
        *running = next;
    }
}
