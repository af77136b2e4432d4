//! What rooms know better than a counter, as metrics: the store, the flights, the origins.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::flow::Node;
use crate::telemetry::{Samples, Source};

/// The rooms of a node.
#[derive(Debug)]
pub(super) struct Rooms(pub(super) Arc<Node>);

impl Source for Rooms {
    fn samples(&self, out: &mut Samples) {
        self.store(out);
        self.origins(out);
        let counts = self.0.fetch.counts();
        for (event, value) in [
            ("led", &counts.led),
            ("joined", &counts.joined),
            ("passed", &counts.passed),
            ("failed", &counts.failed),
            ("broken", &counts.broken),
        ] {
            let help = "What became of fetches that may be shared, and who joined them.";
            let value = value.load(Relaxed) as f64;
            out.counter("tidegate_flights_total", help, &[("event", event)], value);
        }
        let flights = self.0.fetch.flights();
        out.gauge(
            "tidegate_flights",
            "Fetches going on now that may be shared.",
            &[],
            float(flights),
        );
        let waiting = self.0.fetch.waiting();
        let help = "Clients that wait for a fetch that another one leads.";
        out.gauge("tidegate_waiters", help, &[], float(waiting));
        let help = "Client addresses that hold connections, requests or unread bytes.";
        out.gauge("tidegate_client_addresses", help, &[], float(self.0.clients.addresses()));
        let help = "Bytes kept of answers that their clients do not read.";
        out.gauge("tidegate_unread_bytes", help, &[], self.0.clients.unread_bytes() as f64);
        self.0.budget.samples(out);
    }
}

impl Rooms {
    fn store(&self, out: &mut Samples) {
        let (store, counts) = (&self.0.store, self.0.store.counts());
        for (name, help, value) in [
            ("tidegate_store_entries", "Keys under which something is stored.", store.entries()),
            ("tidegate_store_bytes", "Bytes stored, bookkeeping included.", store.bytes()),
            ("tidegate_store_capacity_bytes", "Bytes that may be stored.", store.capacity()),
            ("tidegate_purge_seq", "The number of the last purge.", store.floors().now().0),
        ] {
            out.gauge(name, help, &[], value as f64);
        }
        for (name, help, value) in [
            ("tidegate_store_commits_total", "Responses stored.", counts.commits.load(Relaxed)),
            (
                "tidegate_store_refreshes_total",
                "Stored responses made fresh by a 304.",
                counts.refreshes.load(Relaxed),
            ),
            (
                "tidegate_store_overtaken_total",
                "Responses not stored because a purge came after they had been asked for.",
                counts.overtaken.load(Relaxed),
            ),
            (
                "tidegate_store_evictions_total",
                "Entries that gave way to others.",
                store.evictions(),
            ),
            (
                "tidegate_store_rejections_total",
                "Entries not let in: those in their way are asked for more often.",
                store.rejections(),
            ),
        ] {
            out.counter(name, help, &[], value as f64);
        }
        let help =
            "Exact purges, those by unsafe requests included, by whether something was stored.";
        let found = counts.purged_entries.load(Relaxed);
        let absent = counts.purges.load(Relaxed).saturating_sub(found);
        for (label, value) in [("yes", found), ("no", absent)] {
            out.counter("tidegate_purges_total", help, &[("found", label)], value as f64);
        }
    }

    fn origins(&self, out: &mut Samples) {
        let running = self.0.running.load();
        for cluster in running.origins.iter() {
            for server in cluster.servers() {
                let labels = [("origin_cluster", &**cluster.name()), ("server", &**server.name())];
                let help = "Connections to the server, idle ones included.";
                out.gauge("tidegate_origin_connections", help, &labels, float(server.open()));
                let help = "Requests that wait for a connection to the server.";
                out.gauge("tidegate_origin_queue", help, &labels, float(server.queue()));
                let counts = server.counts();
                for (event, value) in [
                    ("connect", &counts.connects),
                    ("reuse", &counts.reuses),
                    ("connect-failure", &counts.connect_failures),
                    ("failure", &counts.failures),
                    ("retry", &counts.retries),
                    ("queued", &counts.queued),
                    ("refused", &counts.refused),
                ] {
                    let [cluster, server] = labels;
                    let labels = [cluster, server, ("event", event)];
                    let help = "What happened on the way to the server.";
                    let value = value.load(Relaxed) as f64;
                    out.counter("tidegate_origin_events_total", help, &labels, value);
                }
            }
        }
    }
}

fn float(count: usize) -> f64 {
    count as f64
}
