//! A near node, the far ones that it fetches through, an origin, a log, and everybody who wants something of
//! them, in an order that follows from a seed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use tidegate::base::{Body, Clock};
use tidegate::config::{HostPattern, SourceTerms};
use tidegate::front::Handler;
use tidegate::net::memory;
use tidegate::net::resolver::Resolver;
use tidegate::purge::hearing::{Hearing, Heed};
use tidegate::purge::{Name, Source, htcp, source};
use tidegate::store::Mode;
use tokio::runtime::Runtime;

use super::book::{KEYS, Purge, TAGS, What, path, url, word};
use super::log::{self, Log};
use super::station::{self, Asked, FAR, Station, Surroundings, address_of};
use super::wire::{Conn, Sent, State};
use super::{Seen, origin};

/// Those who wait for the near node, at most.
const WAITING: usize = 12;

pub struct World {
    pub random: Rng,
    /// Its tasks run when nobody else does.
    pub runtime: Runtime,
    pub clock: Clock,
    /// The near one, and the far ones behind it.
    pub stations: Vec<Station>,
    pub logs: Vec<Log>,
    pub conns: Vec<Conn>,
    /// Whether the log is never cut off nor made anew.
    pub quiet: bool,
    /// Whether no node has lost anything of the log.
    pub whole: bool,
    /// Counts all that must be told apart.
    number: u64,
    /// Of when what came must not be stored by the near node: who answered knew of less than it.
    pub unstorable: HashSet<u64>,
    hearing: Hearing,
    heed: Heed,
    /// What HTCP has ordered and is not in force, and how many of its orders were before.
    pub heard: Option<(Purge, u64)>,
    pub seen: Seen,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        fastrand::seed(seed);
        memory::answer_here();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let clock = Clock::by_hand(SystemTime::UNIX_EPOCH);
        let resolver = Resolver::from_system(clock.clone(), runtime.handle().clone());
        let mut around = Surroundings { clock: &clock, resolver: &resolver, random: &mut random };
        let mut stations = vec![Station::new("near", true, &mut around)];
        stations.extend((0..FAR).map(|at| Station::new(&format!("far{at}"), false, &mut around)));
        let terms = SourceTerms { hosts: vec![HostPattern::Any], rebound: Duration::ZERO };
        let source = Source::new(Arc::clone(&stations[0].node.sources), Name::Htcp, terms);
        let allow = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
        let mut log = Log::new(1, 0);
        for number in 1..4 {
            log.append(Purge { what: What::Key(0), mode: Mode::Hard, number });
        }
        Self {
            random,
            runtime,
            clock,
            stations,
            logs: vec![log],
            conns: Vec::new(),
            quiet: seed.is_multiple_of(2),
            whole: true,
            number: 3,
            unstorable: HashSet::new(),
            hearing: Hearing::default(),
            heed: Heed { allow, source },
            heard: None,
            seen: Seen::default(),
        }
    }

    pub fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// The far node that is at the other end of a connection.
    pub fn far_at(&self, conn: usize) -> &Station {
        let to = |far: &usize| address_of(*far) == self.conns[conn].to;
        &self.stations[1 + (0..FAR).find(to).expect("it leads to a node")]
    }

    pub fn near(&self) -> &Station {
        &self.stations[0]
    }

    pub fn step(&mut self) {
        let key = self.random.usize(..KEYS);
        match self.random.u32(..10_000) {
            0..4_700 => return self.look(key),
            4_700..6_200 if self.ask(key) => return,
            4_700..6_200 => {}
            6_200..9_340 => self.deliver(),
            9_340..9_395 => self.purge(),
            9_395..9_415 => self.write(key),
            9_415..9_435 => self.htcp(key),
            9_435..9_505 => self.append(),
            9_505..9_695 => self.read(),
            9_695..9_955 => self.tick(),
            9_955..9_970 => self.stranger(key),
            9_970..9_980 => self.cut(),
            9_980..9_983 => self.evict(),
            9_983..9_987 => self.begin_again(),
            9_987..9_990 => self.trim(),
            _ => self.anew(),
        }
        self.settle();
    }

    /// What stands in the stores may not be older than what was purged.
    fn look(&mut self, key: usize) {
        let at = self.random.usize(..FAR + 3).saturating_sub(2);
        let station = &self.stations[at];
        let Some((said, fresh)) = station.look(key) else { return };
        *(if fresh { &mut self.seen.fresh } else { &mut self.seen.stale }) += 1;
        let forbids = station.reading.newest().forbids(key, said, (fresh, self.whole));
        assert!(forbids.is_none(), "stored at {at}: {}", forbids.unwrap());
        if at == 0 {
            let known = self.unstorable.contains(&said.stamp);
            assert!(!known, "stored what a node brought that was behind: {said:?}");
        }
    }

    /// A client asks for a page; whether he has his answer.
    fn ask(&mut self, key: usize) -> bool {
        let at = self.random.usize(..FAR + 5).saturating_sub(4);
        if self.stations[at].waiting() >= WAITING {
            return false;
        }
        let mut request = station::request("GET", &path(key));
        match self.random.u8(..40) {
            0 => request = request.header("cache-control", "no-cache"),
            1 => request = request.header("cache-control", "no-store"),
            _ => {}
        }
        let newest = self.stations[at].reading.newest();
        let request = request.body(Body::Empty).unwrap();
        let _entered = self.runtime.enter();
        self.stations[at].ask(request, Asked::Page(key, newest), &station::client());
        let answer = self.stations[at].answer_at_once();
        answer.iter().for_each(|(asked, answer)| self.answered(at, asked, answer));
        answer.is_some()
    }

    fn mode(&mut self) -> Mode {
        if self.random.bool() { Mode::Hard } else { Mode::Soft }
    }

    /// Somebody has the near node purge something.
    fn purge(&mut self) {
        let (mode, number) = (self.mode(), self.next());
        let what = match self.random.bool() {
            true => What::Key(self.random.usize(..KEYS)),
            false => What::Tag(self.random.usize(..TAGS)),
        };
        let purge = Purge { what, mode, number };
        let _entered = self.runtime.enter();
        if self.random.bool() {
            return self.near().order(purge);
        }
        let of = if let What::Key(key) = what { key } else { 0 };
        let mut request = station::request("PURGE", &path(of)).header("x-purge-mode", word(mode));
        if let What::Tag(tag) = what {
            request = request.header("xkey", format!("t{tag}"));
        }
        let request = request.body(Body::Empty).unwrap();
        self.near().ask(request, Asked::Purge(purge), &station::client());
    }

    fn write(&mut self, key: usize) {
        let at = self.random.usize(..FAR + 3).saturating_sub(2);
        let request = station::request("POST", &path(key)).body(Body::Empty).unwrap();
        let _entered = self.runtime.enter();
        self.stations[at].ask(request, Asked::Write(key), &station::client());
    }

    fn htcp(&mut self, key: usize) {
        if self.heard.is_some() {
            return;
        }
        let number = self.next();
        let before = self.heeded();
        let datagram = htcp::clear(&url(key), 1).unwrap();
        let _entered = self.runtime.enter();
        self.hearing.hear(&self.heed, &datagram, station::address(1));
        self.heard = Some((Purge { what: What::Key(key), mode: Mode::Hard, number }, before));
    }

    /// Orders of HTCP's that are in force.
    fn heeded(&self) -> u64 {
        self.near().node.sources.count(Name::Htcp, source::Outcome::Taken)
    }

    fn append(&mut self) {
        let (mut mode, number) = (self.mode(), self.next());
        if self.stations.iter().any(|station| station.reader.known() < (0, 0)) {
            // Whoever begins later has it stale.
            mode = Mode::Soft;
        }
        let what = match self.random.u8(..40) {
            0 => What::Everything,
            1..12 => What::Tag(self.random.usize(..TAGS)),
            _ => What::Key(self.random.usize(..KEYS)),
        };
        self.logs.last_mut().unwrap().append(Purge { what, mode, number });
    }

    fn read(&mut self) {
        let at = self.random.usize(..FAR + 2).saturating_sub(1);
        let most = self.random.usize(1..5);
        let _entered = self.runtime.enter();
        let next = self.stations[at].reader.read(&self.logs, most);
        drop(_entered);
        if let Some(purges) = next.filter(|purges| !purges.is_empty()) {
            self.seen.streamed += purges.len() as u64;
            let end = self.logs.last().unwrap().len();
            let reader = &mut self.stations[at].reader;
            self.runtime.block_on(reader.apply(&purges, end));
        }
    }

    /// Something arrives, a request or the next of an answer.
    fn deliver(&mut self) {
        let waiting = self.conns.iter().filter(|conn| conn.waits()).count();
        if waiting == 0 {
            return;
        }
        let chosen = self.random.usize(..waiting);
        let at = self.conns.iter().enumerate().filter(|(_, conn)| conn.waits());
        let at = at.map(|(at, _)| at).nth(chosen).unwrap();
        let State::Sent(_) = &self.conns[at].state else { return self.conns[at].send() };
        let State::Sent(sent) = std::mem::replace(&mut self.conns[at].state, State::Idle) else {
            unreachable!("it was one")
        };
        let far = (0..FAR).find(|far| address_of(*far) == self.conns[at].to);
        self.conns[at].state = match far {
            None => {
                let number = self.next();
                origin::answer(&sent, number, &mut self.random)
            }
            Some(far) => self.arrive(far, sent),
        };
    }

    /// What the near node has sent arrives at a far one.
    fn arrive(&mut self, far: usize, sent: Sent) -> State {
        let ordered = sent.headers.contains_key("tidegate-order");
        if ordered && self.near().node.fetch.flights() > 0 {
            self.seen.purged_there_under_a_flight += 1;
        }
        let mut request = http::Request::builder().method(&*sent.method).uri(&*sent.path);
        request = request.version(http::Version::HTTP_2);
        *request.headers_mut().unwrap() = sent.headers.clone();
        let station = &self.stations[1 + far];
        if station.reader.known() < log::told(&self.logs, &sent.headers) {
            self.seen.asked_of_a_laggard += 1;
        }
        let _entered = self.runtime.enter();
        let reply = station.flow.handle(request.body(Body::Empty).unwrap(), &station::near());
        State::Asked(Some(reply), sent)
    }

    /// Lets everything come as far as it comes by itself.
    fn settle(&mut self) {
        {
            let _entered = self.runtime.enter();
            for at in 0..self.stations.len() {
                for (asked, answer) in self.stations[at].answers() {
                    self.answered(at, &asked, &answer);
                }
            }
            self.answer_the_near_one();
        }
        self.runtime.block_on(async {
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
        });
        while let Some((to, stream)) = memory::accept() {
            self.conns.push(Conn::new(to, stream));
        }
        for at in 0..self.conns.len() {
            if self.conns[at].read(self.number + 1) {
                self.number += 1;
            }
        }
        self.conns.retain(|conn| !conn.is_closed());
        if let Some((purge, before)) = self.heard
            && self.heeded() > before
        {
            self.heard = None;
            self.in_force(purge);
        }
    }

    /// A purge is in force at all nodes.
    pub fn in_force(&mut self, purge: Purge) {
        self.seen.relayed += 1;
        for station in &self.stations {
            station.reading.newest.lock().unwrap().note(purge);
        }
    }
}
