//! Who sends HTCP, and what of it did not arrive: gaps in the numbers that each sender gives its
//! datagrams. MediaWiki counts up by one on each of its hosts, over all processes there, so a number that
//! never comes is a purge that the network or the kernel has lost: nothing else tells, since nobody
//! answers. Where a host's routing (`$wgHTCPRouting`) sends some URLs elsewhere, their numbers are missing
//! here too.
//!
//! A number that is skipped is counted missing at once, and late if it comes after all, within the last
//! [`WINDOW`]: processes of one host overtake each other. So what is lost is the one less the other. A number
//! that came before is a duplicate: one datagram for two groups that are both heard. Numbers only tell;
//! whatever comes is obeyed, for a purge too many harms nobody. 0 is no number, since MediaWiki
//! writes it where it has none.
//!
//! A host whose counter begins anew is seen as that: a leap by more than [`LEAP`], or several
//! numbers in a row from long ago.
//!
//! The table has room for [`MOST`] senders; the one that was heard longest ago gives way. One lock, held
//! for one number; HTCP has one thread, so nobody waits but for a scrape.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Senders that are remembered.
pub const MOST: usize = 1024;
/// Numbers behind the newest by which one may be late.
pub const WINDOW: u32 = 1024;
/// More than this is no gap but another beginning.
pub const LEAP: u32 = 1 << 16;
/// Numbers in a row, each just above the one before, that are from before the window: another beginning.
const IN_A_ROW: u32 = 3;

/// What the numbers of all senders have told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Numbers that were skipped.
    pub missing: u64,
    /// Numbers that came after they had been skipped.
    pub late: u64,
    /// Numbers that had come before.
    pub duplicate: u64,
    /// Senders whose numbers began anew.
    pub restarted: u64,
    /// Senders that were forgotten to make room.
    pub forgotten: u64,
}

/// The senders of a node.
#[derive(Debug, Default)]
pub struct Senders(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    senders: HashMap<IpAddr, Sender, foldhash::fast::RandomState>,
    told: Told,
    /// Counts datagrams: the time by which the oldest sender is found.
    heard: u64,
}

#[derive(Debug)]
struct Sender {
    newest: u32,
    /// Which numbers of the window behind the newest have come: a bit each, in a ring.
    come: Box<[u64; WINDOW as usize / 64]>,
    /// How much of the window lies behind the first number that was heard.
    known: u32,
    /// The last number from before the window, and how many of these were in a row.
    old: (u32, u32),
    heard: u64,
}

impl Senders {
    /// Takes note of a datagram with this number.
    pub fn heard(&self, sender: IpAddr, number: u32) {
        if number != 0 {
            self.table().heard(sender.to_canonical(), number);
        }
    }

    /// What they have told, and how many are remembered.
    pub fn told(&self) -> (Told, usize) {
        let table = self.table();
        (table.told, table.senders.len())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Numbers that are only shown.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn heard(&mut self, address: IpAddr, number: u32) {
        self.heard += 1;
        if let Some(sender) = self.senders.get_mut(&address) {
            sender.heard = self.heard;
            sender.take(number, &mut self.told);
            return;
        }
        if self.senders.len() >= MOST {
            let oldest = self.senders.iter().min_by_key(|(_, sender)| sender.heard);
            if let Some(address) = oldest.map(|(address, _)| *address) {
                self.senders.remove(&address);
                self.told.forgotten += 1;
            }
        }
        self.senders.insert(address, Sender::new(number, self.heard));
    }
}

impl Sender {
    fn new(number: u32, heard: u64) -> Self {
        let mut sender =
            Self { newest: number, come: Box::default(), known: 1, old: (0, 0), heard };
        sender.mark(number);
        sender
    }

    fn take(&mut self, number: u32, told: &mut Told) {
        // Numbers go round after 2³², so which of two is newer is asked of their distance.
        let ahead = number.wrapping_sub(self.newest);
        let behind = self.newest.wrapping_sub(number);
        if ahead == 0 {
            told.duplicate += 1;
        } else if ahead <= LEAP {
            told.missing += u64::from(ahead - 1);
            self.advance(ahead);
            self.mark(number);
        } else if behind < self.known {
            let seen = if self.mark(number) { &mut told.duplicate } else { &mut told.late };
            *seen += 1;
        } else if behind <= LEAP {
            self.take_old(number, told);
        } else {
            self.begin_anew(number, told);
        }
    }

    /// A number from before the window: a straggler, or a counter that began anew not far below.
    fn take_old(&mut self, number: u32, told: &mut Told) {
        let (last, row) = self.old;
        let row = if (1..=WINDOW).contains(&number.wrapping_sub(last)) { row + 1 } else { 1 };
        self.old = (number, row);
        if row >= IN_A_ROW {
            self.begin_anew(number, told);
        }
    }

    fn begin_anew(&mut self, number: u32, told: &mut Told) {
        told.restarted += 1;
        *self = Self::new(number, self.heard);
    }

    /// Moves the window on by `by`.
    fn advance(&mut self, by: u32) {
        self.newest = self.newest.wrapping_add(by);
        for back in 0..by.min(WINDOW) {
            let (word, bit) = place(self.newest.wrapping_sub(back));
            self.come[word] &= !bit;
        }
        self.known = self.known.saturating_add(by).min(WINDOW);
        self.old = (0, 0);
    }

    /// Marks `number` as come; whether it was already.
    fn mark(&mut self, number: u32) -> bool {
        let (word, bit) = place(number);
        let before = self.come[word] & bit != 0;
        self.come[word] |= bit;
        before
    }
}

/// Where `number` is in the ring: WINDOW divides 2³², so the ring goes round with the numbers.
fn place(number: u32) -> (usize, u64) {
    let at = number % WINDOW;
    ((at / 64) as usize, 1 << (at % 64))
}

#[cfg(test)]
#[path = "senders_tests.rs"]
mod tests;
