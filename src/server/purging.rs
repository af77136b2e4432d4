//! The thread of purges that are no requests, on which HTCP and the streams are read and purges are repeated, apart from
//! the request cores and from control; and what is told of all sources of purges in metrics and status.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use super::Shared;
use super::htcp::Htcp;
use super::streams::Streams;
use crate::base::Drain;
use crate::listen::datagrams::Socket;
use crate::purge::source::Outcome;
use crate::purge::{Name, Sources};
use crate::telemetry::{Count, Meter, Samples, Source};

/// The thread's runtime, and HTCP without listeners, which will be read on it until `stop` is given.
///
/// # Errors
/// The system gives no runtime.
pub(super) fn prepare(
    sources: &Arc<Sources>,
    meter: Arc<Meter>,
    stop: Drain,
) -> io::Result<(Runtime, Arc<Htcp>)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let htcp = Htcp::new(Arc::clone(sources), meter, runtime.handle().clone(), stop);
    Ok((runtime, Arc::new(htcp)))
}

/// Starts the thread.
///
/// # Errors
/// The system gives no thread.
pub(super) fn start(runtime: Runtime, shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("purges".into()).spawn(move || {
        runtime.block_on(async {
            tokio::spawn(repeat(Arc::clone(&shared)));
            shared.stop.wait().await;
            shared.streams.save();
        });
    })
}

/// Repeats what is due. A panic must not end that: it costs the slot in which it happened.
async fn repeat(shared: Arc<Shared>) {
    loop {
        let sources = Arc::clone(&shared.node.sources);
        let repeating = tokio::spawn(async move { sources.rebounds().run(sources.desk()).await });
        match repeating.await {
            Err(ended) if ended.is_panic() => shared.telemetry.control().add(Count::Panics, 1),
            _ => return,
        }
    }
}

/// What is told of purging.
pub(super) struct Purging {
    pub(super) sources: Arc<Sources>,
    pub(super) htcp: Arc<Htcp>,
    pub(super) streams: Arc<Streams>,
}

impl Source for Purging {
    fn samples(&self, out: &mut Samples) {
        for name in Name::ALL {
            for outcome in Outcome::ALL {
                let help = "Purges that came in, by their source and what became of them.";
                let labels = [("source", name.as_str()), ("outcome", outcome.as_str())];
                let value = self.sources.count(name, outcome) as f64;
                out.counter("tidegate_purge_orders_total", help, &labels, value);
            }
        }
        self.repeats(out);
        self.htcp(out);
        self.streams.samples(out);
    }
}

impl Purging {
    fn repeats(&self, out: &mut Samples) {
        let rebounds = self.sources.rebounds();
        let waiting = rebounds.waiting();
        let help = "Purges that wait to be repeated.";
        out.gauge("tidegate_purge_repeats", help, &[], waiting.repeats as f64);
        let help = "Bytes that they take.";
        out.gauge("tidegate_purge_repeats_bytes", help, &[], waiting.bytes as f64);
        let help = "Bytes that they may take; beyond, whole sites are repeated.";
        out.gauge("tidegate_purge_repeats_limit_bytes", help, &[], rebounds.most() as f64);
        let help = "How long the oldest of them has waited.";
        let oldest = waiting.oldest.as_secs_f64();
        out.gauge("tidegate_purge_repeats_oldest_seconds", help, &[], oldest);
        let counts = rebounds.counts();
        for (event, count) in [
            ("scheduled", &counts.scheduled),
            ("merged", &counts.merged),
            ("folded", &counts.folded),
            ("repeated", &counts.repeated),
        ] {
            let help = "What became of repeats: folded are those of which the whole site's stands in the place.";
            let value = count.load(Relaxed) as f64;
            out.counter("tidegate_purge_repeats_total", help, &[("event", event)], value);
        }
    }

    fn htcp(&self, out: &mut Samples) {
        let hearing = self.htcp.hearing();
        for (kind, count) in hearing.counts() {
            let help = "Datagrams on HTCP listeners: CLR requests, and others by what was wrong.";
            out.counter("tidegate_htcp_datagrams_total", help, &[("kind", kind)], count as f64);
        }
        let help = "CLR requests whose senders wanted an answer, which nobody gets.";
        let unanswered = hearing.unanswered() as f64;
        out.counter("tidegate_htcp_unanswered_total", help, &[], unanswered);
        let help = "Orders over HTCP that not every node took through which this one fetches.";
        let unrelayed = hearing.unrelayed() as f64;
        out.counter("tidegate_htcp_unrelayed_total", help, &[], unrelayed);
        let (told, senders) = hearing.senders().told();
        let help = "Senders of HTCP whose numbers are followed.";
        out.gauge("tidegate_htcp_senders", help, &[], senders as f64);
        for (event, count) in [
            ("missing", told.missing),
            ("late", told.late),
            ("duplicate", told.duplicate),
            ("restarted", told.restarted),
            ("forgotten", told.forgotten),
        ] {
            let help = "What the numbers of HTCP's senders tell; missing without late are lost.";
            out.counter("tidegate_htcp_numbers_total", help, &[("event", event)], count as f64);
        }
        for socket in self.htcp.sockets() {
            if let Some(dropped) = socket.dropped() {
                let address = socket.address().to_string();
                let help = "Datagrams that the kernel had no room for.";
                let labels = [("listener", &*address)];
                out.counter("tidegate_htcp_dropped_total", help, &labels, dropped as f64);
            }
        }
    }

    /// The part of the status page.
    pub(super) fn status(&self) -> Value {
        let of = |name: Name| {
            let counts = Outcome::ALL.map(|outcome| {
                (outcome.as_str().to_owned(), Value::from(self.sources.count(name, outcome)))
            });
            (name.as_str().to_owned(), Value::Object(counts.into_iter().collect()))
        };
        let waiting = self.sources.rebounds().waiting();
        let (told, senders) = self.htcp.hearing().senders().told();
        let listeners: Vec<Value> = self.htcp.sockets().iter().map(|one| listener(one)).collect();
        json!({
            "sources": Value::Object(Name::ALL.map(of).into_iter().collect()),
            "repeats": {
                "waiting": waiting.repeats,
                "bytes": waiting.bytes,
                "oldest_seconds": waiting.oldest.as_secs_f64(),
            },
            "htcp": {
                "listeners": listeners,
                "senders": senders,
                "missing": told.missing,
                "late": told.late,
            },
            "streams": self.streams.status(),
        })
    }
}

fn listener(socket: &Socket) -> Value {
    let groups: Vec<String> = socket.groups().iter().map(ToString::to_string).collect();
    json!({
        "address": socket.address().to_string(),
        "groups": groups,
        "buffer_bytes": socket.buffer(),
        "dropped": socket.dropped(),
    })
}
