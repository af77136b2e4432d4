//! Kafka's other side: two brokers of one cluster on loopback, with logs in memory, in the versions of
//! requests that Apache Kafka 3.1 and later have. A test appends to logs, deletes from them, makes topics
//! anew, moves partitions and takes brokers away.

mod answers;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustls::ServerConfig;
use tidegate::stream::codec::TopicId;
use tidegate::stream::{records, write};

use super::pki;

/// A cluster of two brokers.
pub struct Kafka {
    shared: Arc<Shared>,
    ports: [u16; 2],
}

struct Shared {
    state: Mutex<State>,
    /// Something was appended, or a broker goes.
    changed: Condvar,
    tls: Option<Arc<ServerConfig>>,
}

struct State {
    cluster: String,
    topics: BTreeMap<String, Topic>,
    next_id: u8,
    connections: Vec<TcpStream>,
    /// How many connections are open.
    open: usize,
    /// How often brokers were replaced; listeners of before accept no more.
    life: u32,
    /// The versions of Fetch that are taken.
    fetch: [i16; 2],
    ports: [u16; 2],
}

struct Topic {
    id: TopicId,
    partitions: Vec<Log>,
}

/// A partition's log.
#[derive(Default)]
struct Log {
    leader: i32,
    epoch: i32,
    start: i64,
    next: i64,
    /// Batches by the offset behind each.
    batches: BTreeMap<i64, Vec<u8>>,
    /// Where the log was cut off, for who has read beyond.
    cut: Option<(i32, i64)>,
}

impl Kafka {
    /// Starts a cluster without topics.
    pub fn start() -> Self {
        Self::listen(None)
    }

    /// The same behind TLS, as `localhost`, with a certificate of the test's CA.
    pub fn start_tls() -> Self {
        Self::listen(Some(pki::server_config("localhost")))
    }

    fn listen(tls: Option<Arc<ServerConfig>>) -> Self {
        let listeners = [bind(0), bind(0)];
        let ports = [0, 1].map(|at: usize| port(&listeners[at]));
        let state = State {
            cluster: "cluster-one".to_owned(),
            topics: BTreeMap::new(),
            next_id: 1,
            connections: Vec::new(),
            open: 0,
            life: 0,
            fetch: [4, 17],
            ports,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), tls });
        let kafka = Self { shared, ports };
        kafka.accept(listeners);
        kafka
    }

    fn accept(&self, listeners: [TcpListener; 2]) {
        let life = self.state().life;
        for (broker, listener) in (1..).zip(listeners) {
            let shared = Arc::clone(&self.shared);
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let mut state = shared.state();
                    if state.life != life {
                        return;
                    }
                    state.connections.extend(stream.try_clone());
                    state.open += 1;
                    drop(state);
                    let shared = Arc::clone(&shared);
                    // Ends with its connection.
                    thread::spawn(move || {
                        answers::serve(&shared, broker, stream, life);
                        shared.state().open -= 1;
                    });
                }
            });
        }
    }

    /// What a configuration says of it.
    pub fn brokers(&self) -> String {
        let host = if self.shared.tls.is_some() { "localhost" } else { "127.0.0.1" };
        format!("brokers = ['{host}:{}', '{host}:{}']\n", self.ports[0], self.ports[1])
    }

    /// Makes `topic`, anew where it is there.
    pub fn topic(&self, topic: &str, partitions: usize) {
        let mut state = self.state();
        let mut id = [7; 16];
        id[0] = state.next_id;
        state.next_id += 1;
        let partitions = (0..partitions).map(|_| Log { leader: 1, ..Log::default() }).collect();
        state.topics.insert(topic.to_owned(), Topic { id, partitions });
    }

    /// Takes `topic` away.
    pub fn delete(&self, topic: &str) {
        self.state().topics.remove(topic);
    }

    /// Adds a partition to `topic`.
    pub fn add_partition(&self, topic: &str) {
        let mut state = self.state();
        let topic = state.topics.get_mut(topic).expect("there is such a topic");
        topic.partitions.push(Log { leader: 2, ..Log::default() });
    }

    /// Appends a batch of messages.
    pub fn append(&self, topic: &str, partition: usize, messages: &[&str]) {
        let values: Vec<&[u8]> = messages.iter().map(|message| message.as_bytes()).collect();
        self.log(topic, partition, |log| {
            let batch = write::batch(log.next, log.epoch, 1_700_000_000_000, &values);
            log.push(batch, values.len());
        });
    }

    /// Appends an event for each of these URLs, all in one batch.
    pub fn events(&self, topic: &str, partition: usize, urls: &[&str]) {
        let events: Vec<String> = urls.iter().map(|url| event(url)).collect();
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        self.append(topic, partition, &events);
    }

    /// Appends a batch of one message that `spoil` has changed.
    pub fn spoiled(&self, topic: &str, spoil: impl FnOnce(&mut Vec<u8>)) {
        self.log(topic, 0, |log| {
            let mut batch = write::batch(log.next, log.epoch, 0, &[b"{}"]);
            spoil(&mut batch);
            log.push(batch, 1);
        });
    }

    /// Deletes all that is in a log, as retention does.
    pub fn expire(&self, topic: &str, partition: usize) {
        self.log(topic, partition, |log| {
            log.batches.clear();
            log.start = log.next;
        });
    }

    /// Forgets all from `offset` on, as a leader does that was elected without being in sync. Who has read
    /// beyond is told, where `tells`.
    pub fn cut(&self, topic: &str, offset: i64, tells: bool) {
        self.log(topic, 0, |log| {
            log.batches.retain(|next, _| *next <= offset);
            log.next = offset;
            log.cut = tells.then_some((log.epoch, offset));
            log.epoch += 1;
        });
    }

    /// Has another broker lead a partition.
    pub fn lead(&self, topic: &str, partition: usize, broker: i32) {
        self.log(topic, partition, |log| {
            log.leader = broker;
            log.epoch += 1;
        });
    }

    /// Becomes another cluster, with the same topics.
    pub fn rename(&self, cluster: &str) {
        cluster.clone_into(&mut self.state().cluster);
    }

    /// Takes only these versions of Fetch.
    pub fn takes_fetch(&self, least: i16, most: i16) {
        self.state().fetch = [least, most];
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.state().open
    }

    /// Takes the brokers away: connections are cut, and nothing listens.
    pub fn kill(&self) {
        let mut state = self.state();
        state.life += 1;
        for connection in state.connections.drain(..) {
            let _ = connection.shutdown(std::net::Shutdown::Both);
        }
        drop(state);
        self.shared.changed.notify_all();
        // The listeners look at who comes next, and go.
        for port in self.ports {
            drop(TcpStream::connect((Ipv4Addr::LOCALHOST, port)));
        }
    }

    /// Brings the brokers back, at the same ports and with the same logs.
    pub fn revive(&self) {
        self.accept(self.ports.map(bind));
    }

    fn log(&self, topic: &str, partition: usize, change: impl FnOnce(&mut Log)) {
        let mut state = self.state();
        let topic = state.topics.get_mut(topic).expect("there is such a topic");
        change(&mut topic.partitions[partition]);
        drop(state);
        self.shared.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    /// Takes a producer's batch, as a leader does: its offset and epoch are set, which no checksum covers.
    fn append(&mut self, batch: &[u8]) -> i64 {
        let first = self.next;
        let messages = records::batches(batch).next().expect("a producer sends a batch").messages;
        let count = messages.expect("it can be read").iter().count();
        let mut batch = batch.to_vec();
        batch[..8].copy_from_slice(&first.to_be_bytes());
        batch[12..16].copy_from_slice(&self.epoch.to_be_bytes());
        self.push(batch, count);
        first
    }

    fn push(&mut self, batch: Vec<u8>, messages: usize) {
        self.next += i64::try_from(messages).expect("a test appends few");
        self.batches.insert(self.next, batch);
    }
}

/// An event as MediaWiki's job queue writes it.
pub fn event(url: &str) -> String {
    serde_json::json!({
        "$schema": "/resource_change/1.0.0",
        "meta": { "uri": url, "stream": "resource-purge", "id": "x", "dt": "2023-11-14T22:13:20Z" },
        "tags": ["mediawiki"],
    })
    .to_string()
}

fn bind(port: u16) -> TcpListener {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
    let mut bound = None;
    super::eventually("the port is free again", || {
        bound = bind();
        bound.is_some()
    });
    bound.expect("it is bound")
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().map(|address: SocketAddr| address.port()).expect("it is bound")
}
