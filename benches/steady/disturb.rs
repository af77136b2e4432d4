//! What disturbs: pages that nobody asked for yet, purges, and reloads, each at a rate of its own
//! beside the load.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::client::Client;
use crate::config;
use crate::load::Latencies;
use crate::pages::Text;
use crate::process::Server;
use crate::workload::HOT;

/// Cold pages asked for a second; with a full cache as many have to go.
const CHURN: u32 = 500;
/// One of so many purges is of a page that is stored.
const STORED: u32 = 8;
/// Reloads a second.
const RELOADS: u32 = 1;
/// Threads that ask for cold pages or purge.
const THREADS: u8 = 20;

/// What disturbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Nothing,
    /// Pages are stored for which others have to go.
    Churn,
    /// Pages are purged.
    Purges,
    /// The configuration is read again, and is another each time.
    Reloads,
}

impl Kind {
    /// All but [`Kind::Nothing`].
    pub const ALL: [Self; 3] = [Self::Churn, Self::Purges, Self::Reloads];

    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "undisturbed",
            Self::Churn => "evictions",
            Self::Purges => "purges",
            Self::Reloads => "reloads",
        }
    }
}

/// Who disturbs.
pub struct Disturber<'a> {
    pub server: &'a Server,
    pub text: Text,
    pub port: u16,
    pub origin: u16,
    pub config: PathBuf,
    /// The next cold page.
    pub next: AtomicU32,
    /// The length of cold pages.
    pub cold: u32,
    /// The mebibytes of the cache.
    pub cache: u32,
    /// Purges a second.
    pub purges: u32,
    /// The next page to be purged, of those that are stored from the beginning; none where there are none.
    pub stored: Option<AtomicU32>,
}

impl Disturber<'_> {
    /// Does `work` while disturbing; what came of it, and of that.
    pub fn during<T>(&self, kind: Kind, work: impl FnOnce() -> T) -> (T, Latencies) {
        let ended = AtomicBool::new(false);
        let mut disturbed = Latencies::default();
        let result = std::thread::scope(|scope| {
            let tasks: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let ended = &ended;
                    scope.spawn(move || self.task(kind, thread, ended))
                })
                .collect();
            let result = work();
            ended.store(true, Ordering::Relaxed);
            for task in tasks {
                disturbed.add(task.join().expect("a disturber does not panic"));
            }
            result
        });
        (result, disturbed)
    }

    fn task(&self, kind: Kind, thread: u8, ended: &AtomicBool) -> Latencies {
        let mut latencies = Latencies::default();
        // Reloads come from one.
        let rate = match kind {
            Kind::Churn => CHURN / u32::from(THREADS),
            Kind::Purges => self.purges / u32::from(THREADS),
            Kind::Reloads if thread == 0 => RELOADS,
            Kind::Nothing | Kind::Reloads => return latencies,
        };
        let mut client = Client::new(100 + thread, self.port, self.text.clone());
        // One after the other, and not all at the same moment.
        let start = Instant::now() + Duration::from_secs(1) / rate * thread.into() / THREADS.into();
        let mut turn = 0;
        while !ended.load(Ordering::Relaxed) {
            let due = start + Duration::from_secs(1) * turn / rate;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let done = match kind {
                Kind::Churn => self.miss(&mut client).map(|_| ()),
                Kind::Purges => self.purge(&mut client, turn),
                Kind::Reloads | Kind::Nothing => self.reload(turn),
            };
            match done {
                Ok(()) => latencies.took(due),
                Err(error) => latencies.failures.push(format!("{}: {error}", kind.name())),
            }
            turn += 1;
        }
        latencies
    }

    /// Asks for a page for the first time; which.
    fn miss(&self, client: &mut Client) -> std::io::Result<u32> {
        let page = HOT + self.next.fetch_add(1, Ordering::Relaxed);
        client.get_kept(page, self.cold).map(|_| page)
    }

    fn purge(&self, client: &mut Client, turn: u32) -> std::io::Result<()> {
        // Wikis purge what nobody reads more often than what somebody does.
        let page = match (turn % STORED, &self.stored) {
            (0, None) => self.miss(client)?,
            (0, Some(stored)) => HOT + stored.fetch_add(1, Ordering::Relaxed),
            // Below the least that is not stored, or above the most that is.
            (_, None) => HOT + turn,
            (_, Some(_)) => u32::MAX - turn,
        };
        client.purge(page)
    }

    fn reload(&self, turn: u32) -> std::io::Result<()> {
        let text = config(self.port, self.origin, self.cache, turn);
        replace(&self.config, &text)?;
        self.server.signal(Signal::HUP);
        Ok(())
    }
}

/// Puts `text` into the place of `file` at once.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(&new, file)
}
