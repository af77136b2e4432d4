//! The fleet's state at work: follows etcd and the local file, decides, and has the clusters follow.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::relay::Edges;
use super::{Shared, StartError};
use crate::base::Clock;
use crate::config::{self, Config};
use crate::fleet::decision::NOWHERE;
use crate::fleet::overrides::Overrides;
use crate::fleet::roll::Roll;
use crate::fleet::watch::Etcds;
use crate::fleet::{Decision, Known};
use crate::origin::Origins;
use crate::telemetry::{Samples, Source};

/// How often it is looked whether the local file has changed.
const LOOK: Duration = Duration::from_millis(500);

/// Who says what is pooled, and what was decided.
#[derive(Debug)]
pub(super) struct Fleet {
    clock: Clock,
    control: Handle,
    changed: Arc<Notify>,
    /// The nodes of other datacenters, which may be owed something.
    edges: Arc<Edges>,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    terms: config::Fleet,
    overrides: Overrides,
    etcds: Option<(Arc<Etcds>, AbortHandle)>,
    /// What was known of etcd while it is not followed.
    known: Known,
    decision: Decision,
}

impl Fleet {
    /// Follows who says what is pooled, as `config` has it, on `control`, and has `origins` follow.
    ///
    /// # Errors
    /// A sentence about the file in which it is kept.
    pub(super) fn start(
        config: &Config,
        clock: &Clock,
        control: &Handle,
        origins: &Origins,
    ) -> Result<Arc<Self>, StartError> {
        let known = read(&config.fleet)?;
        let fleet = Self {
            clock: clock.clone(),
            control: control.clone(),
            changed: Arc::new(Notify::new()),
            edges: Arc::default(),
            now: Mutex::new(Now {
                terms: config::Fleet::default(),
                overrides: Overrides::default(),
                etcds: None,
                known,
                decision: Decision::default(),
            }),
        };
        fleet.follow(&config.fleet);
        fleet.decide(config, origins);
        fleet.edges.have_begun();
        Ok(Arc::new(fleet))
    }

    /// Follows whom `terms` name from now on, and believes what etcd says now, if it did not. What is known
    /// of it stays known, whoever is followed.
    pub(super) fn follow(&self, terms: &config::Fleet) {
        let mut now = self.now();
        if let Some((etcds, _)) = &now.etcds {
            etcds.believe();
            etcds.try_now();
        }
        if *terms == now.terms {
            return;
        }
        let mut known = std::mem::take(&mut now.known);
        if let Some((etcds, following)) = now.etcds.take() {
            following.abort();
            known = etcds.known().clone();
        }
        if known.is_nothing() {
            match read(terms) {
                Ok(kept) => known = kept,
                Err(StartError(why)) => {
                    tracing::error!(why = why.join("; "), "nothing is known of etcd");
                }
            }
        }
        if !terms.etcd.is_empty() {
            let changed = Arc::clone(&self.changed);
            let etcds = Etcds::new(known, terms.state.clone(), changed, self.clock.now());
            let etcds = Arc::new(etcds);
            let (following, terms, clock) = (Arc::clone(&etcds), terms.clone(), self.clock.clone());
            let task = self.control.spawn(async move { following.follow(&terms, &clock).await });
            now.etcds = Some((etcds, task.abort_handle()));
        } else {
            now.known = known;
        }
        now.overrides = Overrides::new(terms.overrides.as_deref());
        now.terms = terms.clone();
    }

    /// Decides anew, and has `origins` follow.
    pub(super) fn decide(&self, config: &Config, origins: &Origins) {
        let mut now = self.now();
        if let Err(why) = now.overrides.look() {
            tracing::error!(why, "the file of overrides cannot be read");
        }
        let known = now.etcds.as_ref().map(|(etcds, _)| etcds.known().state().clone());
        let state = known.unwrap_or_default().under(now.overrides.state());
        let decision = Decision::new(config, &state, Some(&now.decision));
        for why in decision.refused.iter().filter(|why| !now.decision.refused.contains(*why)) {
            tracing::error!(
                why,
                "a decision about the fleet is refused: what was decided before holds"
            );
        }
        let at = self.clock.now();
        for cluster in origins.iter() {
            if let Some(decided) = decision.of(cluster.id()) {
                for (pool, servers) in cluster.pools().iter().zip(&decided.servers) {
                    if pool.is_tier() {
                        let payer = (&self.control, &self.changed);
                        self.edges.administer(pool, servers, at, payer);
                    } else {
                        pool.administer(servers, at);
                    }
                }
                cluster.set_order(&decided.order);
            }
        }
        now.decision = decision;
    }

    /// The nodes of other datacenters.
    pub(super) fn edges(&self) -> &Arc<Edges> {
        &self.edges
    }

    /// Waits until something has changed, or may have.
    async fn changes(&self) {
        loop {
            tokio::select! {
                () = self.changed.notified() => return,
                () = self.clock.sleep(LOOK) => {
                    if self.now().overrides.is_other() {
                        return;
                    }
                }
            }
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        // What it holds is whole between statements.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part of the status page.
    pub(super) fn status(&self, at: Instant) -> Value {
        let now = self.now();
        let etcd = now.etcds.as_ref().map(|(etcds, _)| {
            let (known, lost) = (etcds.known(), etcds.lost());
            json!({
                "followed": lost.is_none(),
                "lost_seconds": lost.as_ref().map(|(since, _)| at.saturating_duration_since(*since).as_secs()),
                "why": lost.as_ref().map(|(_, why)| why),
                "revision": known.revision(),
                "doubt": known.doubt(),
                "entries": known.state().value(),
            })
        });
        json!({
            "etcd": etcd,
            "overrides": now.overrides.state().value(),
            "refused": now.decision.refused,
        })
    }
}

/// What was kept of etcd where `terms` say.
///
/// # Errors
/// A sentence about the file.
fn read(terms: &config::Fleet) -> Result<Known, StartError> {
    let kept = terms.state.as_deref().map(Known::read).transpose();
    let kept = kept.map_err(|why| StartError(vec![format!("the fleet's state: {why}")]))?;
    Ok(kept.flatten().unwrap_or_default())
}

impl Source for Fleet {
    fn samples(&self, out: &mut Samples) {
        self.edges.samples(out);
        let now = self.now();
        let help = "Decisions about clusters that were refused: what was decided before holds.";
        out.gauge("tidegate_fleet_refused", help, &[], now.decision.refused.len() as f64);
        let help = "Entries in the local file, which hold whatever etcd says.";
        out.gauge("tidegate_fleet_overrides", help, &[], now.overrides.state().len() as f64);
        let Some((etcds, _)) = &now.etcds else { return };
        let help = "Whether etcd is followed.";
        let followed = f64::from(u8::from(etcds.lost().is_none()));
        out.gauge("tidegate_etcd_followed", help, &[], followed);
        let known = etcds.known();
        let help = "Whether what etcd says is not believed, since it seems to have forgotten.";
        let doubted = f64::from(u8::from(known.doubt().is_some()));
        out.gauge("tidegate_etcd_doubted", help, &[], doubted);
        let help = "The revision of etcd's that the node goes by.";
        out.gauge("tidegate_etcd_revision", help, &[], known.revision() as f64);
        let help = "Entries that etcd has, as far as the node knows.";
        out.gauge("tidegate_etcd_entries", help, &[], known.state().len() as f64);
        for (event, count) in etcds.counts() {
            let help = "What happened while etcd was followed.";
            out.counter("tidegate_etcd_events_total", help, &[("event", event)], count as f64);
        }
    }
}

/// Has the clusters follow what changes, until the server ends.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        shared.fleet.changes().await;
        let running = shared.node.running.load_full();
        shared.fleet.decide(&running.config, &running.origins);
    }
}

/// How often it is looked how far the streams are applied, and how long nothing is said after a failure.
const SAY: Duration = Duration::from_millis(100);
const SILENCE: Duration = Duration::from_secs(1);

/// Keeps the node on the fleet's roll, until the server ends.
pub(super) async fn sign(shared: Arc<Shared>) {
    let clock = &shared.node.clock;
    let (mut roll, mut terms, mut member) = (None, config::Fleet::default(), 0);
    loop {
        let running = shared.node.running.load_full();
        let config = &running.config;
        if config.fleet != terms || roll.is_none() {
            terms = config.fleet.clone();
            let datacenter = config.node.datacenter.as_deref().unwrap_or(NOWHERE);
            let node = format!("{datacenter}/{}", config.node.name);
            roll = Roll::new(&terms, member, node, clock);
        }
        let said = match &mut roll {
            Some(roll) => roll.say(shared.streams.positions(), clock.now()).await,
            None => Err(String::new()),
        };
        let pause = match said {
            Ok(()) => SAY,
            Err(_) => {
                // What is wrong with etcd is told by who follows it.
                (roll, member) = (None, member + 1);
                SILENCE
            }
        };
        clock.sleep(pause).await;
    }
}
