//! What befalls nodes, their log and their connections.

use std::time::Duration;

use tidegate::base::Body;
use tidegate::front::Handler;

use super::book::path;
use super::log::Log;
use super::station::{self, Asked, FAR};
use super::wire::{Conn, State};
use super::world::World;

impl World {
    pub fn begin_again(&mut self) {
        let at = self.random.usize(..=FAR);
        let _entered = self.runtime.enter();
        self.stations[at].reader.again(&self.logs);
    }

    pub fn trim(&mut self) {
        if self.quiet {
            return;
        }
        self.whole = false;
        let count = self.random.usize(..20);
        self.logs.last_mut().unwrap().trim(count);
    }

    /// The topic is made anew, or all of it at another cluster.
    pub fn anew(&mut self) {
        if self.quiet {
            return;
        }
        let before = self.logs.last().unwrap();
        let (mut cluster, mut id) = (before.cluster, before.id);
        let new = self.logs.len() + 1;
        self.whole = false;
        // A copy of a cluster has its topics' ids.
        match self.random.u8(..4) {
            0 => cluster = new,
            1 => (cluster, id) = (new, new as u128),
            2 => id = new as u128,
            _ => cluster = new,
        }
        self.logs.push(Log::new(id, cluster));
        self.seen.logs += 1;
    }

    pub fn tick(&mut self) {
        let careful = self.careful();
        let by = match self.random.u8(..100) {
            0..2 if !careful => Duration::from_secs(70),
            0..60 => Duration::from_millis(2),
            _ => Duration::from_millis(30),
        };
        self.clock.advance(by);
    }

    /// Whether an order is on its way whose failure nobody is told.
    pub fn careful(&self) -> bool {
        self.heard.is_some() || self.near().any(|asked| matches!(asked, Asked::Write(_)))
    }

    /// Somebody says what only nodes may say.
    pub fn stranger(&mut self, key: usize) {
        let at = self.random.usize(..=FAR);
        let station = &self.stations[at];
        let before = station.node.store.floors().now();
        let order =
            station::request("PURGE", "/").header("tidegate-order", r#"{"everything":true}"#);
        let _entered = self.runtime.enter();
        let reply = station.flow.handle(order.body(Body::Empty).unwrap(), &station::stranger());
        let answer = station::polled(&mut Some(reply)).expect("it is refused at once");
        assert!(!answer.head.status.is_success(), "a stranger's order is taken");
        let purged = station.node.store.floors().now() != before;
        assert!(!purged, "a stranger has had everything purged");
        let request = station::request("GET", &path(key))
            .header("tidegate-positions", "c0/purges/-/0=999999")
            .body(Body::Empty);
        let asked = Asked::Stranger(key, station.reading.newest());
        station.ask(request.unwrap(), asked, &station::stranger());
    }

    pub fn cut(&mut self) {
        let careful = self.careful();
        let may = |conn: &&mut Conn| !(careful && conn.orders());
        let all: Vec<&mut Conn> = self.conns.iter_mut().filter(may).collect();
        let at = self.random.usize(..all.len().max(1));
        if let Some(conn) = all.into_iter().nth(at) {
            conn.state = State::Closed;
        }
    }

    pub fn evict(&mut self) {
        let store = &self.stations[self.random.usize(..=FAR)].node.store;
        let capacity = store.capacity();
        store.set_capacity(0);
        store.set_capacity(capacity);
    }
}
