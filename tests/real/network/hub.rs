//! The hub of the star: one thread that takes every packet which a namespace sends to another, and hands
//! it over when its way is done, or never.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tidegate::base::Clock;
use tun_rs::SyncDevice;

/// Packets on their way; what is beyond is lost, as in a router whose buffer is full.
const FLYING: usize = 65_536;
/// Packets that are taken from one namespace before the others have their turn.
const TURN: usize = 64;
/// After how long it sees that it is over.
const IDLE: Duration = Duration::from_millis(20);
/// What the thread is called.
pub const NAME: &str = "hub";
/// Of so many packets a way loses some.
pub const ALL: u32 = 1_000_000;

/// One direction between two places.
#[derive(Default)]
pub struct Way {
    /// In nanoseconds.
    pub delay: AtomicU64,
    /// Packets that are lost, of a million.
    pub loss: AtomicU32,
}

/// What the hub did, and how far it was from doing it in time.
#[derive(Default)]
pub struct Counts {
    pub carried: AtomicU64,
    pub lost: AtomicU64,
    /// Packets that came more than a millisecond late, because the hub had no core.
    pub late: AtomicU64,
    /// Nanoseconds, all packets together.
    pub lateness: AtomicU64,
}

/// What the hub and those who change the ways have in common.
pub struct Shared {
    /// From each place to each: `places * from + to`.
    pub ways: Vec<Way>,
    pub counts: Counts,
    over: AtomicBool,
}

/// The thread, until it is dropped.
pub struct Hub {
    pub shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Hub {
    /// Carries packets between `devices`, whose place in the list is the third byte of their addresses,
    /// counted from one.
    pub fn start(devices: Vec<SyncDevice>) -> Self {
        let ways = (0..devices.len().pow(2)).map(|_| Way::default()).collect();
        let shared =
            Arc::new(Shared { ways, counts: Counts::default(), over: AtomicBool::new(false) });
        let (clock, queue) = (Clock::system(), BinaryHeap::new());
        let carrier = Carrier { devices, shared: Arc::clone(&shared), clock, queue, sent: 0 };
        let thread = thread::Builder::new().name(NAME.to_owned()).spawn(move || carrier.run());
        Self { shared, thread: Some(thread.expect("there is room for a thread")) }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.shared.over.store(true, Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))), "the hub panicked");
    }
}

/// A packet by when it is due; of two at once the one that was sent first.
type Flying = Reverse<(Instant, u64, usize, Vec<u8>)>;

struct Carrier {
    devices: Vec<SyncDevice>,
    shared: Arc<Shared>,
    clock: Clock,
    queue: BinaryHeap<Flying>,
    sent: u64,
}

impl Carrier {
    fn run(mut self) {
        let mut packet = vec![0; 1 << 16];
        while !self.shared.over.load(Relaxed) {
            let wait = self.deliver().min(IDLE);
            for from in self.wait(wait) {
                for _ in 0..TURN {
                    let Ok(length) = self.devices[from].recv(&mut packet) else { break };
                    self.send(from, &packet[..length]);
                }
            }
        }
    }

    /// Hands over what is due; when the next is.
    fn deliver(&mut self) -> Duration {
        let counts = &self.shared.counts;
        while let Some(Reverse((due, ..))) = self.queue.peek() {
            let now = self.clock.now();
            if *due > now {
                return *due - now;
            }
            let lateness = now - *due;
            let late = u64::from(lateness > Duration::from_millis(1));
            let lateness = u64::try_from(lateness.as_nanos()).expect("no test takes centuries");
            counts.late.fetch_add(late, Relaxed);
            counts.lateness.fetch_add(lateness, Relaxed);
            let Reverse((_, _, to, packet)) = self.queue.pop().expect("it was just there");
            // A namespace that takes no more loses it, as a network card would.
            match self.devices[to].send(&packet) {
                Ok(_) => counts.carried.fetch_add(1, Relaxed),
                Err(_) => counts.lost.fetch_add(1, Relaxed),
            };
        }
        IDLE
    }

    /// Who has sent something, after `limit` at the latest.
    fn wait(&self, limit: Duration) -> Vec<usize> {
        let limit = Timespec::try_from(limit).expect("a short time");
        let mut polled: Vec<PollFd<'_>> =
            self.devices.iter().map(|device| PollFd::new(device, PollFlags::IN)).collect();
        // A signal of the debugger's is no reason to end.
        let _ = poll(&mut polled, Some(&limit));
        let ready = polled.iter().enumerate().filter(|(_, one)| !one.revents().is_empty());
        ready.map(|(at, _)| at).collect()
    }

    fn send(&mut self, from: usize, packet: &[u8]) {
        // IPv4, by the third byte of its destination; the kernel sends multicast, too.
        let [0x45..=0x4f, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, 10, 77, place, ..] = packet
        else {
            return;
        };
        let Some(to) = usize::from(*place).checked_sub(1).filter(|to| *to < self.devices.len())
        else {
            return;
        };
        let way = &self.shared.ways[self.devices.len() * from + to];
        if fastrand::u32(..ALL) < way.loss.load(Relaxed) || self.queue.len() >= FLYING {
            self.shared.counts.lost.fetch_add(1, Relaxed);
            return;
        }
        let due = self.clock.now() + Duration::from_nanos(way.delay.load(Relaxed));
        self.sent += 1;
        self.queue.push(Reverse((due, self.sent, to, packet.to_vec())));
    }
}
