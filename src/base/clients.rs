//! What each client address holds of the node: connections, requests that wait for an origin, and
//! bytes that it does not read. Limits are for an IPv4 address or an IPv6 /64, which is what one
//! subscriber has.
//!
//! An address is in the table only while it holds something, so the table is bounded by what the
//! node bounds already; it is asked when a connection begins and ends, when a request leaves the
//! cache's way, and when a client has not read for a while, never on a hit.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

/// Shards, each behind a lock.
const SHARDS: usize = 64;

/// The table; cheap to clone, every clone is the same.
#[derive(Clone, Debug, Default)]
pub struct Clients(Arc<Table>);

#[derive(Debug)]
struct Table {
    shards: Box<[Mutex<HashMap<Subscriber, Holding, RandomState>>]>,
    hasher: RandomState,
    unread: AtomicU64,
}

/// An IPv4 address, or the first half of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Subscriber {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Holding {
    connections: usize,
    requests: usize,
    unread: u64,
}

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// A connection.
    Connection,
    /// A request that waits for an origin, or whose answer comes from there.
    Request,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::default(),
            unread: AtomicU64::new(0),
        }
    }
}

impl Clients {
    /// A place for one `thing` more of `address`, unless it has `most` already.
    pub fn take(&self, address: IpAddr, thing: Thing, most: usize) -> Option<Place> {
        let subscriber = Subscriber::of(address);
        let mut shard = self.0.shard(subscriber);
        let count = shard.entry(subscriber).or_default().count(thing);
        if *count >= most {
            // Who is refused has something, unless nobody may have anything.
            shard.retain_if_held(subscriber);
            return None;
        }
        *count += 1;
        let number = *count;
        Some(Place { clients: self.clone(), subscriber, thing, number })
    }

    /// Nothing unread yet by a connection of `address`.
    pub fn unread(&self, address: IpAddr) -> Unread {
        Unread { clients: self.clone(), subscriber: Subscriber::of(address), bytes: 0 }
    }

    /// Addresses that hold something.
    pub fn addresses(&self) -> usize {
        self.0.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Bytes that clients leave unread, over all addresses.
    pub fn unread_bytes(&self) -> u64 {
        self.0.unread.load(Ordering::Relaxed)
    }
}

impl Table {
    fn shard(&self, subscriber: Subscriber) -> Shard<'_> {
        let shard = usize::try_from(self.hasher.hash_one(subscriber) >> 32).unwrap_or_default();
        Shard(lock(&self.shards[shard % SHARDS]))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counts change in single statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Shard<'a>(MutexGuard<'a, HashMap<Subscriber, Holding, RandomState>>);

impl Shard<'_> {
    fn entry(
        &mut self,
        subscriber: Subscriber,
    ) -> std::collections::hash_map::Entry<'_, Subscriber, Holding> {
        self.0.entry(subscriber)
    }

    /// Changes what `subscriber` holds, and forgets it where that is nothing.
    fn change<R>(&mut self, subscriber: Subscriber, change: impl FnOnce(&mut Holding) -> R) -> R {
        let changed = change(self.entry(subscriber).or_default());
        self.retain_if_held(subscriber);
        changed
    }

    fn retain_if_held(&mut self, subscriber: Subscriber) {
        if self.0.get(&subscriber) == Some(&Holding::default()) {
            self.0.remove(&subscriber);
        }
    }
}

impl Subscriber {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

impl Holding {
    fn count(&mut self, thing: Thing) -> &mut usize {
        match thing {
            Thing::Connection => &mut self.connections,
            Thing::Request => &mut self.requests,
        }
    }
}

/// One counted thing of an address, until it is dropped.
#[derive(Debug)]
pub struct Place {
    clients: Clients,
    subscriber: Subscriber,
    thing: Thing,
    number: usize,
}

impl Place {
    /// How many things of its kind the address had when it was taken, this one among them.
    pub fn number(&self) -> usize {
        self.number
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut shard = self.clients.0.shard(self.subscriber);
        shard.change(self.subscriber, |held| *held.count(self.thing) -= 1);
    }
}

/// What one connection leaves unread, until it is dropped.
#[derive(Debug)]
pub struct Unread {
    clients: Clients,
    subscriber: Subscriber,
    bytes: u64,
}

impl Unread {
    /// It is `bytes` now; what all connections of the address leave unread.
    pub fn set(&mut self, bytes: u64) -> u64 {
        let old = std::mem::replace(&mut self.bytes, bytes);
        if old == 0 && bytes == 0 {
            return 0;
        }
        let node = &self.clients.0.unread;
        node.fetch_add(bytes, Ordering::Relaxed);
        node.fetch_sub(old, Ordering::Relaxed);
        let mut shard = self.clients.0.shard(self.subscriber);
        shard.change(self.subscriber, |held| {
            held.unread = held.unread + bytes - old;
            held.unread
        })
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_at_most_what_it_may_have_and_others_have_theirs() {
        let clients = Clients::default();
        let take = |text| clients.take(address(text), Thing::Connection, 2);
        let (first, second) = (take("192.0.2.1"), take("::ffff:192.0.2.1"));
        assert!(first.is_some() && second.is_some());
        assert!(take("192.0.2.1").is_none());
        assert!(take("192.0.2.2").is_some());
        assert!(clients.take(address("192.0.2.1"), Thing::Request, 1).is_some());
        drop(first);
        assert!(take("192.0.2.1").is_some());
        drop(second);
        assert_eq!(clients.addresses(), 0, "whoever holds nothing is forgotten");
        assert!(clients.take(address("192.0.2.1"), Thing::Request, 0).is_none());
        assert_eq!(clients.addresses(), 0);
    }

    #[test]
    fn a_network_of_64_bits_is_one_client() {
        let clients = Clients::default();
        let take = |text| clients.take(address(text), Thing::Connection, 1);
        let _one = take("2001:db8:1:2::1").unwrap();
        assert!(take("2001:db8:1:2:ffff::9").is_none());
        assert!(take("2001:db8:1:3::1").is_some());
    }

    #[test]
    fn what_connections_leave_unread_adds_up_by_address() {
        let clients = Clients::default();
        let [mut one, mut two, mut other] =
            ["192.0.2.1", "192.0.2.1", "192.0.2.2"].map(|text| clients.unread(address(text)));
        assert_eq!((one.set(100), two.set(50), other.set(7)), (100, 150, 7));
        assert_eq!((one.set(20), clients.unread_bytes()), (70, 77));
        drop((one, two, other));
        assert_eq!((clients.unread_bytes(), clients.addresses()), (0, 0));
    }
}
