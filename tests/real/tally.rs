//! What the clients count, and the table that it becomes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::client::Protocol;
use super::question::Kind;

/// Counts, of one client or of all.
#[derive(Default)]
pub struct Tally {
    requests: BTreeMap<(Kind, &'static str), u64>,
    statuses: BTreeMap<u16, u64>,
    handlings: BTreeMap<String, u64>,
    bytes: u64,
    /// Answers that were not what they should have been: how many, and the first of them.
    pub wrong: Complaints,
    /// Requests that got no answer: how many, and the first of them.
    pub failed: Complaints,
}

/// A count of complaints with their first texts.
#[derive(Default)]
pub struct Complaints {
    /// How many.
    pub count: u64,
    texts: Vec<String>,
}

impl Tally {
    /// Counts an answer.
    pub fn answer(&mut self, kind: Kind, protocol: Protocol, status: u16, handling: &str) {
        *self.requests.entry((kind, protocol.name())).or_default() += 1;
        *self.statuses.entry(status).or_default() += 1;
        let words = handling.split("; ").skip(1);
        let words: Vec<&str> = words.filter(|word| !word.starts_with("ttl=")).collect();
        *self.handlings.entry(words.join("; ")).or_default() += 1;
    }

    /// Counts bytes of bodies.
    pub fn bytes(&mut self, count: usize) {
        self.bytes += count as u64;
    }

    /// Adds what another counted.
    pub fn add(&mut self, other: Self) {
        for (key, count) in other.requests {
            *self.requests.entry(key).or_default() += count;
        }
        for (key, count) in other.statuses {
            *self.statuses.entry(key).or_default() += count;
        }
        for (key, count) in other.handlings {
            *self.handlings.entry(key).or_default() += count;
        }
        self.bytes += other.bytes;
        self.wrong.add(other.wrong);
        self.failed.add(other.failed);
    }

    /// All answers.
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }

    /// Answers with this status.
    pub fn status(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }

    /// Answers from the store.
    pub fn hits(&self) -> u64 {
        let hits = self.handlings.iter().filter(|(words, _)| words.starts_with("hit"));
        hits.map(|(_, count)| count).sum()
    }

    /// Answers that were asked for over `protocol`.
    pub fn over(&self, protocol: Protocol) -> u64 {
        let these = self.requests.iter().filter(|((_, name), _)| *name == protocol.name());
        these.map(|(_, count)| count).sum()
    }

    /// Prints everything.
    pub fn print(&self, time: Duration) {
        print!("{:>16}", "requests");
        Protocol::ALL.iter().for_each(|protocol| print!("{:>12}", protocol.name()));
        println!();
        let kinds: std::collections::BTreeSet<Kind> =
            self.requests.keys().map(|key| key.0).collect();
        for kind in kinds {
            print!("{:>16}", kind.name());
            for protocol in Protocol::ALL {
                let count = self.requests.get(&(kind, protocol.name())).unwrap_or(&0);
                print!("{count:>12}");
            }
            println!();
        }
        print!("{:>16}", "all");
        Protocol::ALL.iter().for_each(|protocol| print!("{:>12}", self.over(*protocol)));
        println!();
        for (status, count) in &self.statuses {
            println!("{status:>16}{count:>12}");
        }
        let mut handlings: Vec<_> = self.handlings.iter().collect();
        handlings.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (words, count) in handlings {
            let share = 100 * count / self.total().max(1);
            println!("{count:>16} {share:>3} %  {words}");
        }
        let seconds = time.as_secs().max(1);
        let (rate, megabytes) = (self.total() / seconds, self.bytes / seconds / 1_000_000);
        println!("{} in {time:.1?}: {rate} req/s, {megabytes} MB/s", self.total());
        println!("wrong: {}, failed: {}", self.wrong.count, self.failed.count);
        for text in self.wrong.texts.iter().chain(&self.failed.texts) {
            println!("  {text}");
        }
    }
}

impl Complaints {
    /// Adds one.
    pub fn tell(&mut self, text: String) {
        self.add(Self { count: 1, texts: vec![text] });
    }

    fn add(&mut self, other: Self) {
        self.count += other.count;
        let room = 20_usize.saturating_sub(self.texts.len());
        self.texts.extend(other.texts.into_iter().take(room));
    }
}
