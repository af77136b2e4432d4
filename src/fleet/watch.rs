//! Follows etcd: reads all entries, watches what changes, and begins anew, at the next member, whenever
//! that breaks. It never gives up, and what it knew stays.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::etcd::{Etcd, Told};
use super::known::Known;
use crate::base::Clock;
use crate::config;

/// Between two looks whether the member that is watched still answers.
const PING: Duration = Duration::from_secs(2);
/// The pause before it is tried anew: it doubles from the one to the other.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(5)];

/// What is known of etcd, and how it is followed.
#[derive(Debug)]
pub struct Etcds {
    known: Mutex<Known>,
    /// Since when it is not followed, and why.
    lost: Mutex<Option<(Instant, String)>>,
    again: Notify,
    changed: Arc<Notify>,
    breaks: AtomicU64,
    changes: AtomicU64,
    state: Option<PathBuf>,
}

impl Etcds {
    /// What `known` says; `changed` is told of what changes. What is known is kept at `state`.
    pub fn new(known: Known, state: Option<PathBuf>, changed: Arc<Notify>, now: Instant) -> Self {
        Self {
            known: Mutex::new(known),
            lost: Mutex::new(Some((now, "it was not asked yet".to_owned()))),
            again: Notify::new(),
            changed,
            breaks: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            state,
        }
    }

    /// What is known.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        // It is whole between statements.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when etcd is not followed, and why, if it is not.
    pub fn lost(&self) -> Option<(Instant, String)> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often following it broke, and how often something was changed there.
    pub fn counts(&self) -> [(&'static str, u64); 2] {
        let [breaks, changes] =
            [&self.breaks, &self.changes].map(|count| count.load(Ordering::Relaxed));
        [("break", breaks), ("change", changes)]
    }

    /// Has what etcd says believed, if it is not.
    pub fn believe(&self) {
        self.learn(Known::believe);
    }

    /// Has it tried now, where it is not followed.
    pub fn try_now(&self) {
        self.again.notify_one();
    }

    /// Follows etcd without end.
    pub async fn follow(&self, fleet: &config::Fleet, clock: &Clock) {
        let mut pause = PAUSES[0];
        for member in fleet.etcd.iter().cycle() {
            let address = member.to_string();
            let followed = match Etcd::new(fleet, member, clock) {
                Ok(mut etcd) => self.follow_one(&mut etcd, clock).await,
                Err(why) => Err(why),
            };
            if self.lost().is_none() {
                pause = PAUSES[0];
            }
            let Err(why) = followed;
            self.lose(&address, why, clock.now());
            let jittered = pause.mul_f64(0.5 + fastrand::f64());
            tokio::select! {
                () = clock.sleep(jittered) => pause = (pause * 2).min(PAUSES[1]),
                () = self.again.notified() => {}
            }
        }
    }

    fn lose(&self, member: &str, why: String, now: Instant) {
        self.breaks.fetch_add(1, Ordering::Relaxed);
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let since = lost.as_ref().map(|(since, _)| *since);
        if lost.as_ref().is_none_or(|(_, before)| *before != why) {
            tracing::warn!(member, why, "etcd is not followed: what it said last holds");
        }
        *lost = Some((since.unwrap_or(now), why));
    }

    /// Follows one member until that breaks.
    async fn follow_one(&self, etcd: &mut Etcd, clock: &Clock) -> Result<Infallible, String> {
        let snapshot = etcd.all().await?;
        let revision = snapshot.revision;
        self.learn(|known| known.take(snapshot));
        let mut watching = etcd.watch(revision).await?;
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner).take();
        if lost.is_some() {
            tracing::info!(revision, "etcd is followed");
        }
        loop {
            let ping = async {
                clock.sleep(PING).await;
                etcd.ping().await
            };
            let mut ping = std::pin::pin!(ping);
            loop {
                tokio::select! {
                    told = watching.next() => self.heed(told?)?,
                    // A connection to a member that is gone may stay open for hours.
                    answer = &mut ping => {
                        let revision = answer?;
                        self.known().see(revision);
                        break;
                    }
                }
            }
        }
    }

    fn heed(&self, told: Told) -> Result<(), String> {
        match told {
            Told::Changed(changes) => {
                self.changes.fetch_add(1, Ordering::Relaxed);
                self.learn(|known| known.change(changes));
                Ok(())
            }
            Told::Nothing => Ok(()),
            Told::Ended(why) => Err(why),
        }
    }

    /// Changes what is known, and keeps it.
    fn learn(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.known();
        let before = known.clone();
        change(&mut known);
        if *known == before {
            return;
        }
        match known.doubt() {
            Some(why) if before.doubt() != Some(why) => {
                tracing::error!(
                    why,
                    "what etcd says is not believed: what it said before holds, and what is written from now \
                     on; a reload believes it"
                );
            }
            None if before.doubt().is_some() => tracing::warn!("etcd is believed again"),
            _ => {}
        }
        self.changed.notify_one();
        if let Some(path) = &self.state
            && let Err(error) = known.write(path)
        {
            tracing::error!(path = %path.display(), %error, "what etcd says cannot be kept");
        }
    }
}
