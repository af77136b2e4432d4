//! The roll: which nodes of a fleet live, and how far each has applied the purge streams. Each says it in
//! etcd, under a lease that ends soon after the node does, beside the entries that people make.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::etcd::Etcd;
use crate::base::Clock;
use crate::config;

/// How long a node is on the roll that says nothing more.
const LEASE: Duration = Duration::from_secs(10);
/// How often it renews that.
const RENEW: Duration = Duration::from_secs(3);

/// One node's place on the roll.
#[derive(Debug)]
pub struct Roll {
    etcd: Etcd,
    node: String,
    /// Its lease, and when it was renewed.
    lease: Option<(String, Instant)>,
    said: Option<Value>,
}

impl Roll {
    /// A place for `node`, kept at the member `at` of those that `fleet` names.
    pub fn new(fleet: &config::Fleet, at: usize, node: String, clock: &Clock) -> Option<Self> {
        let member = fleet.etcd.get(at % fleet.etcd.len().max(1))?;
        // What is wrong with its TLS is told by who follows it.
        let etcd = Etcd::new(fleet, member, clock).ok()?;
        Some(Self { etcd, node, lease: None, said: None })
    }

    /// Says `positions`, where that is other than what was said last, and that the node lives.
    ///
    /// # Errors
    /// The member does not take it.
    pub async fn say(&mut self, positions: Value, now: Instant) -> Result<(), String> {
        let lives = match &self.lease {
            Some((_, renewed)) if now < *renewed + RENEW => true,
            Some((lease, _)) => self.etcd.renew(lease).await?,
            None => false,
        };
        let lease = match self.lease.take() {
            Some((lease, renewed)) if lives => {
                let renewed = if now < renewed + RENEW { renewed } else { now };
                (lease, renewed)
            }
            _ => {
                self.said = None;
                (self.etcd.lease(LEASE).await?, now)
            }
        };
        if self.said.as_ref() != Some(&positions) {
            self.etcd.sign(&self.node, &positions, &lease.0).await?;
            self.said = Some(positions);
        }
        self.lease = Some(lease);
        Ok(())
    }
}
