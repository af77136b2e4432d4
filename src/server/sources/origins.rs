//! Clusters and their servers, as metrics.

use std::sync::atomic::Ordering::Relaxed;

use super::float;
use crate::config::Pooled;
use crate::origin::Pool;
use crate::origin::health::Look;
use crate::origin::health::machine::State;
use crate::origin::server::Server;
use crate::telemetry::Samples;

/// A cluster, a datacenter, and a server.
type Labels<'a> = [(&'static str, &'a str); 3];

/// The metrics of one cluster's servers in one datacenter.
pub(super) fn samples(pool: &Pool, out: &mut Samples) {
    let cluster = ("origin_cluster", &**pool.name());
    let datacenter = ("datacenter", pool.datacenter().map_or("", |name| name));
    let named = [cluster, datacenter];
    let help = "Stale answers behind which no refresh began, since `refresh_rate` had.";
    out.counter("tidegate_refreshes_paced_total", help, &named, pool.paced() as f64);
    let help = "Requests that no other server was asked for, since `retry_budget` was spent.";
    let refused = pool.retries_refused() as f64;
    out.counter("tidegate_retries_refused_total", help, &named, refused);
    let looks = pool.health().look();
    let help = "Whether no server there is well, so that all that are pooled are tried.";
    let panic = usize::from(pool.health().is_panicking());
    out.gauge("tidegate_origin_panic", help, &named, float(panic));
    for (server, look) in pool.servers().iter().zip(looks) {
        let labels = [cluster, datacenter, ("server", &**server.name())];
        connections(server, labels, out);
        health(server, &look, labels, out);
    }
}

fn connections(server: &Server, labels: Labels<'_>, out: &mut Samples) {
    let [cluster, datacenter, name] = labels;
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
        let labels = [cluster, datacenter, name, ("event", event)];
        let help = "What happened on the way to the server.";
        let value = value.load(Relaxed) as f64;
        out.counter("tidegate_origin_events_total", help, &labels, value);
    }
}

fn health(server: &Server, look: &Look, labels: Labels<'_>, out: &mut Samples) {
    let [cluster, datacenter, name] = labels;
    for state in State::WORDS {
        let help = "What is known of the server's health: 1 for the state that it is in.";
        let is = usize::from(look.state.as_str() == state);
        let labels = [cluster, datacenter, name, ("state", state)];
        out.gauge("tidegate_origin_state", help, &labels, float(is));
    }
    let help =
        "Whether requests go to the server; to one that is not well, where too many are out.";
    let pooled = usize::from(look.standing.is_pooled());
    out.gauge("tidegate_origin_pooled", help, &labels, float(pooled));
    let help = "Whether requests go to the server although it is not well.";
    let held = usize::from(look.standing.is_pooled() && !look.state.is_well());
    out.gauge("tidegate_origin_pooled_while_down", help, &labels, float(held));
    let help = "Whether somebody has pooled the server: 1 for what he has decided.";
    for decided in Pooled::ALL {
        let labels = [cluster, datacenter, name, ("pooled", decided.as_str())];
        let is = usize::from(look.pooled == decided);
        out.gauge("tidegate_origin_decided", help, &labels, float(is));
    }
    for (transition, count) in server.vitals().transitions() {
        let help = "What changed the server's state.";
        let labels = [cluster, datacenter, name, ("transition", transition.as_str())];
        out.counter("tidegate_origin_transitions_total", help, &labels, count as f64);
    }
    for (result, count) in server.vitals().checks() {
        let help = "Checks of the server.";
        let labels = [cluster, datacenter, name, ("result", result)];
        out.counter("tidegate_origin_checks_total", help, &labels, count as f64);
    }
}
