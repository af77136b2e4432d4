//! What rooms know better than a counter, as metrics: the store, the flights, the origins.

mod origins;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::base::Coding;
use crate::fetch::coder::Done;
use crate::flow::Node;
use crate::flow::verify::Found;
use crate::telemetry::{Samples, Source};

/// The rooms of a node.
#[derive(Debug)]
pub(super) struct Rooms(pub(super) Arc<Node>);

impl Source for Rooms {
    fn samples(&self, out: &mut Samples) {
        self.store(out);
        self.0.running.load().origins.pools().for_each(|pool| origins::samples(pool, out));
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
        for found in Found::ALL {
            let help = "Fresh hits that were compared with what their origin says.";
            let value = self.0.watch.count(found) as f64;
            out.counter("tidegate_verify_total", help, &[("result", found.as_str())], value);
        }
        self.coder(out);
        self.0.budget.samples(out);
    }
}

impl Rooms {
    fn coder(&self, out: &mut Samples) {
        let (coder, counts) = (self.0.fetch.coder(), self.0.fetch.coder().counts());
        for done in Done::ALL {
            let help = "Stored bodies that were to be coded, by what became of that.";
            let jobs = counts.jobs(done) as f64;
            out.counter("tidegate_coding_jobs_total", help, &[("result", done.as_str())], jobs);
        }
        for coding in Coding::ALL {
            let labels = [("coding", coding.as_str())];
            let (read, written) = counts.bytes(coding);
            let help = "Bytes that were coded.";
            out.counter("tidegate_coding_input_bytes_total", help, &labels, read as f64);
            let help =
                "Bytes that they became, where these are so many fewer that they are stored.";
            out.counter("tidegate_coding_output_bytes_total", help, &labels, written as f64);
        }
        let help = "Stored bodies that wait to be coded.";
        out.gauge("tidegate_coding_queue", help, &[], float(coder.queue()));
    }

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
        self.wide(out);
        let counts = store.counts();
        let help =
            "Exact purges, those by unsafe requests included, by whether something was stored.";
        let found = counts.purged_entries.load(Relaxed);
        let absent = counts.purges.load(Relaxed).saturating_sub(found);
        for (label, value) in [("yes", found), ("no", absent)] {
            out.counter("tidegate_purges_total", help, &[("found", label)], value as f64);
        }
    }

    fn wide(&self, out: &mut Samples) {
        let (store, sweeps) = (&self.0.store, &self.0.store.counts().sweeps);
        let wide = store.wide();
        let help = "Floors of tags, prefixes and expressions kept until the store is swept.";
        out.gauge("tidegate_purge_floors", help, &[], float(wide.kept()));
        let counts = wide.counts();
        for (scope, value) in [
            ("tag", &counts.tags),
            ("prefix", &counts.prefixes),
            ("regex", &counts.expressions),
            ("site", &counts.sites),
            ("everything", &counts.everything),
        ] {
            let help = "Purges of many objects at once.";
            let value = value.load(Relaxed) as f64;
            out.counter("tidegate_wide_purges_total", help, &[("scope", scope)], value);
        }
        let help =
            "Floors of tags, prefixes and expressions that became their sites', being too many.";
        let folded = counts.folded.load(Relaxed) as f64;
        out.counter("tidegate_purge_floors_folded_total", help, &[], folded);
        for (name, help, value) in [
            (
                "tidegate_store_overtagged_total",
                "Objects stored with more tags than are kept apart: all purges of tags cover them.",
                &store.counts().overtagged,
            ),
            ("tidegate_sweeps_total", "Sweeps of the store after wide purges.", &sweeps.ended),
            ("tidegate_sweep_entries_total", "Entries that sweeps looked at.", &sweeps.looked_at),
        ] {
            out.counter(name, help, &[], value.load(Relaxed) as f64);
        }
        for (result, value) in [("removed", &sweeps.removed), ("stale", &sweeps.staled)] {
            let help = "Objects that wide purges had covered, by what the sweep made of them.";
            let value = value.load(Relaxed) as f64;
            out.counter("tidegate_sweep_objects_total", help, &[("result", result)], value);
        }
        let help = "Seconds that sweeps took.";
        let seconds = sweeps.micros.load(Relaxed) as f64 / 1e6;
        out.counter("tidegate_sweep_seconds_total", help, &[], seconds);
        let help = "What was asked of an origin below this number is not stored any more.";
        out.gauge("tidegate_purge_horizon", help, &[], store.horizon().0 as f64);
    }
}

fn float(count: usize) -> f64 {
    count as f64
}
