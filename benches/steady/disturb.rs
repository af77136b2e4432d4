//! What disturbs: pages that nobody asked for yet, purges, and reloads, each at a rate of its own
//! beside the load.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::client::Client;
use crate::config;
use crate::pages::Text;
use crate::process::Server;
use crate::workload::{COLD_LENGTH, HOT};

/// Cold pages asked for a second; with a full cache as many have to go.
const CHURN: u32 = 500;
/// Purges a second.
const PURGES: u32 = 2000;
/// One of so many purges is of a page that is stored.
const STORED: u32 = 8;
/// Reloads a second.
const RELOADS: u32 = 1;
/// Threads that ask for cold pages or purge.
const THREADS: u8 = 4;

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
}

impl Disturber<'_> {
    /// Does `work` while disturbing; what came of it, how often it was disturbed, and what went
    /// wrong with that.
    pub fn during<T>(&self, kind: Kind, work: impl FnOnce() -> T) -> (T, u32, Vec<String>) {
        let ended = AtomicBool::new(false);
        let (count, mut failures) = (AtomicU32::new(0), Vec::new());
        let result = std::thread::scope(|scope| {
            let tasks: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (ended, count) = (&ended, &count);
                    scope.spawn(move || self.task(kind, thread, ended, count))
                })
                .collect();
            let result = work();
            ended.store(true, Ordering::Relaxed);
            for task in tasks {
                failures.extend(task.join().expect("a disturber does not panic"));
            }
            result
        });
        (result, count.into_inner(), failures)
    }

    fn task(&self, kind: Kind, thread: u8, ended: &AtomicBool, count: &AtomicU32) -> Vec<String> {
        let mut failures = Vec::new();
        // Reloads come from one.
        let rate = match kind {
            Kind::Churn => CHURN / u32::from(THREADS),
            Kind::Purges => PURGES / u32::from(THREADS),
            Kind::Reloads if thread == 0 => RELOADS,
            Kind::Nothing | Kind::Reloads => return failures,
        };
        let mut client = Client::new(100 + thread, self.port, self.text.clone());
        let start = Instant::now();
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
                Ok(()) => _ = count.fetch_add(1, Ordering::Relaxed),
                Err(error) => failures.push(format!("{}: {error}", kind.name())),
            }
            turn += 1;
        }
        failures
    }

    /// Asks for a page for the first time; which.
    fn miss(&self, client: &mut Client) -> std::io::Result<u32> {
        let page = HOT + self.next.fetch_add(1, Ordering::Relaxed);
        client.get_kept(page, COLD_LENGTH).map(|_| page)
    }

    fn purge(&self, client: &mut Client, turn: u32) -> std::io::Result<()> {
        // Wikis purge what nobody reads more often than what somebody does.
        let page = match turn % STORED {
            0 => self.miss(client)?,
            _ => HOT + turn,
        };
        client.purge(page)
    }

    fn reload(&self, turn: u32) -> std::io::Result<()> {
        let text = config(self.port, self.origin, turn);
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
