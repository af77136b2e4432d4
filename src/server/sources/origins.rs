//! Clusters and their servers, as metrics.

use std::sync::atomic::Ordering::Relaxed;

use super::float;
use crate::origin::Cluster;
use crate::origin::health::Look;
use crate::origin::health::machine::State;
use crate::origin::server::Server;
use crate::telemetry::Samples;

/// The metrics of one cluster.
pub(super) fn samples(cluster: &Cluster, out: &mut Samples) {
    let named = ("origin_cluster", &**cluster.name());
    let help = "Stale answers behind which no refresh began, since `refresh_rate` had.";
    out.counter("tidegate_refreshes_paced_total", help, &[named], cluster.paced() as f64);
    let help = "Requests that no other server was asked for, since `retry_budget` was spent.";
    let refused = cluster.retries_refused() as f64;
    out.counter("tidegate_retries_refused_total", help, &[named], refused);
    let looks = cluster.health().look();
    let help = "Whether every server of the cluster is out, so that all are tried.";
    let panic = usize::from(cluster.health().is_panicking());
    out.gauge("tidegate_origin_panic", help, &[named], float(panic));
    for (server, look) in cluster.servers().iter().zip(looks) {
        let labels = [named, ("server", &**server.name())];
        connections(server, labels, out);
        health(server, &look, labels, out);
    }
}

fn connections(server: &Server, labels: [(&'static str, &str); 2], out: &mut Samples) {
    let [cluster, name] = labels;
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
        let labels = [cluster, name, ("event", event)];
        let help = "What happened on the way to the server.";
        let value = value.load(Relaxed) as f64;
        out.counter("tidegate_origin_events_total", help, &labels, value);
    }
}

fn health(server: &Server, look: &Look, labels: [(&'static str, &str); 2], out: &mut Samples) {
    let [cluster, name] = labels;
    for state in State::WORDS {
        let help = "What is known of the server's health: 1 for the state that it is in.";
        let is = usize::from(look.state.as_str() == state);
        let labels = [cluster, name, ("state", state)];
        out.gauge("tidegate_origin_state", help, &labels, float(is));
    }
    let help =
        "Whether requests go to the server; to one that is not well, where too many are out.";
    let pooled = usize::from(look.standing.is_pooled());
    out.gauge("tidegate_origin_pooled", help, &labels, float(pooled));
    let help = "Whether requests go to the server although it is not well.";
    let held = usize::from(look.standing.is_pooled() && !look.state.is_well());
    out.gauge("tidegate_origin_pooled_while_down", help, &labels, float(held));
    for (transition, count) in server.vitals().transitions() {
        let help = "What changed the server's state.";
        let labels = [cluster, name, ("transition", transition.as_str())];
        out.counter("tidegate_origin_transitions_total", help, &labels, count as f64);
    }
    for (result, count) in server.vitals().checks() {
        let help = "Checks of the server.";
        let labels = [cluster, name, ("result", result)];
        out.counter("tidegate_origin_checks_total", help, &labels, count as f64);
    }
}
