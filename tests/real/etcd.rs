//! etcd as the fleet's state: changes by the command line are in force within a second, and an etcd that is
//! gone, restarted, compacted, emptied, restored from an old backup, or written by two at once makes no
//! node send anybody to a wrong place.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use tidegate::base::Clock;

use super::edge::{Edge, HOST, Ports, program};
use super::process::{Process, Scratch, free_port, output};
use super::tls::Identity;
use super::wait::{SOON, alone, until};

/// A server that says its name, whatever it is asked.
fn named(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(&stream, name));
        }
    });
    address
}

/// Answers one request without a body, and closes.
fn answer(mut stream: &TcpStream, name: &str) {
    let mut lines = BufReader::new(stream).lines();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let length = name.len();
    let head = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nConnection: close\r\n";
    drop(write!(stream, "{head}Content-Length: {length}\r\n\r\n{name}"));
}

/// A running etcd, or one that was.
pub struct Etcd {
    folder: Scratch,
    /// Where it serves clients, and its peers.
    addresses: [SocketAddr; 2],
    command: Command,
    /// Whether it speaks TLS, with the certificate in its folder.
    tls: bool,
    process: Option<Process>,
}

impl Etcd {
    /// Starts it.
    pub fn start() -> Self {
        let addresses = [free_port(), free_port()].map(|port| (Ipv4Addr::LOCALHOST, port).into());
        Self::start_on(addresses, Command::new("etcd"))
    }

    /// Starts it by `command`, for clients and peers on `addresses`.
    pub fn start_on(addresses: [SocketAddr; 2], command: Command) -> Self {
        let folder = Scratch::new("etcd");
        let mut etcd = Self { folder, addresses, command, tls: false, process: None };
        etcd.start_again();
        etcd
    }

    /// Where it serves clients.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    fn start_again(&mut self) {
        let [client, peer] = self.addresses.map(|address| format!("http://{address}"));
        let client = if self.tls { client.replace("http:", "https:") } else { client };
        let mut command = Command::new(self.command.get_program());
        command.args(self.command.get_args());
        command.arg("--data-dir").arg(self.data()).args([
            "--listen-client-urls",
            &client,
            "--advertise-client-urls",
            &client,
            "--listen-peer-urls",
            &peer,
            "--initial-advertise-peer-urls",
            &peer,
            "--initial-cluster",
            &format!("default={peer}"),
            "--unsafe-no-fsync",
        ]);
        if self.tls {
            let file = |name| self.folder.path().join(name);
            command.arg("--cert-file").arg(file("cert.pem"));
            command.arg("--key-file").arg(file("key.pem"));
        }
        self.process = Some(Process::start("etcd", self.folder.path(), &mut command));
        if self.tls {
            return;
        }
        until("etcd answers", SOON, || self.ask("/v3/kv/range", r#"{"key":"AA=="}"#).is_some());
    }

    fn kill(&mut self) {
        self.process.take().expect("it runs").end_by(Signal::KILL, SOON);
    }

    /// From its next start on it speaks TLS as `identity`, and asks everybody for a name and a password.
    fn secure(&mut self, identity: &Identity, password: &str) {
        for (path, body) in [
            ("/v3/auth/user/add", format!(r#"{{"name":"root","password":"{password}"}}"#)),
            ("/v3/auth/role/add", r#"{"name":"root"}"#.to_owned()),
            ("/v3/auth/user/grant", r#"{"user":"root","role":"root"}"#.to_owned()),
            ("/v3/auth/enable", "{}".to_owned()),
        ] {
            self.ask(path, &body).expect("it does so");
        }
        for (name, content) in [("cert.pem", &identity.cert), ("key.pem", &identity.key)] {
            fs::write(self.folder.path().join(name), content).expect("the folder is ours");
        }
        self.tls = true;
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn ask(&self, path: &str, body: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address()).ok()?;
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .ok()?;
        let mut answer = String::new();
        stream.set_read_timeout(Some(SOON)).ok()?;
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.1 200 ").then_some(answer)
    }

    fn delete_all(&self) {
        // From the first key on, all of them.
        self.ask("/v3/kv/deleterange", r#"{"key":"AA==","range_end":"AA=="}"#).expect("it deletes");
    }

    fn compact(&self) {
        let answer = self.ask("/v3/kv/range", r#"{"key":"AA=="}"#).expect("it answers");
        let revision = answer.split("\"revision\":\"").nth(1).expect("a revision");
        let revision = revision.split('"').next().expect("its end");
        self.ask("/v3/kv/compaction", &format!(r#"{{"revision":"{revision}"}}"#))
            .expect("it compacts");
    }
}

fn copy(from: &Path, to: &Path) {
    drop(fs::remove_dir_all(to));
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.expect("cp runs").success());
}

/// A node in esams, and the fleet that it is of.
struct Fleet {
    etcd: Etcd,
    edge: Option<Edge>,
    toml: String,
    file: PathBuf,
    ports: Ports,
    codfw: [SocketAddr; 2],
    folder: Scratch,
}

impl Fleet {
    fn start() -> Self {
        let (etcd, ports, folder) = (Etcd::start(), Ports::free(), Scratch::new("fleet"));
        let codfw = [named("codfw"), named("codfw")];
        let eqiad = named("eqiad");
        let [plain, _, _, admin] = ports.addresses();
        let servers = |name: &str| {
            format!(
                "[cluster.{name}.datacenter.codfw]\nservers = [\"{}\", \"{}\"]\n\
                 [cluster.{name}.datacenter.eqiad]\nservers = [\"{eqiad}\"]\n",
                codfw[0], codfw[1]
            )
        };
        let toml = format!(
            "[node]\nname = \"cp1\"\ndatacenter = \"esams\"\ndrain_delay = \"100ms\"\n\
             [admin]\naddress = \"{admin}\"\n[log]\naccess = \"off\"\n\
             [[listener]]\naddress = \"{plain}\"\n\
             [fleet]\netcd = [\"{}\"]\nstate = \"{}\"\n\
             [datacenter.codfw]\ncoordinates = \"32.8,-96.8\"\n\
             [datacenter.eqiad]\ncoordinates = \"39.0,-77.5\"\n\
             [datacenter.esams]\ncoordinates = \"52.4,4.9\"\n\
             [cluster.read]\n{}\
             [cluster.write]\nprimary = \"codfw\"\n{}\
             [site.wiki]\nhosts = [\"{HOST}\"]\ncluster = \"write\"\n\
             [[site.wiki.route]]\nmethods = [\"GET\"]\ncluster = \"read\"\n",
            etcd.address(),
            folder.path().join("fleet.json").display(),
            servers("read"),
            servers("write"),
        );
        let file = folder.path().join("tidegate.toml");
        fs::write(&file, &toml).expect("the folder is ours");
        let mut fleet = Self { etcd, edge: None, toml, file, ports, codfw, folder };
        fleet.start_edge();
        fleet
    }

    fn start_edge(&mut self) {
        self.edge = Some(Edge::serve(&self.ports, Identity::new(HOST), &self.toml));
    }

    fn edge(&self) -> &Edge {
        self.edge.as_ref().expect("it runs")
    }

    /// Who answers a read, and who a write.
    fn who(&self) -> [String; 2] {
        ["GET", "DELETE"].map(|method| {
            let mut stream = TcpStream::connect(self.edge().plain).expect("it listens");
            let request =
                format!("{method} / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).expect("it reads");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("it answers");
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            answer.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned()
        })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = program();
        command.args(words).arg("--config").arg(&self.file);
        command
    }

    /// What the command line makes of these words; whether it did what they ask.
    fn run(&self, words: &[&str]) -> (bool, String) {
        let (status, said) = output("tidegate", &mut self.command(words), SOON);
        (status.success(), said)
    }

    fn begin(&self, words: &[&str]) -> Child {
        let mut command = self.command(words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("it starts")
    }

    fn wait_for(&self, metric: &str, value: f64) {
        until(&format!("{metric} is {value}"), SOON, || {
            (self.edge().metric(metric) - value).abs() < 0.1
        });
    }
}

const SWITCH: [&str; 5] = ["datacenter", "switch", "codfw", "eqiad", "--yes"];
const BACK: [&str; 5] = ["datacenter", "switch", "eqiad", "codfw", "--yes"];

#[test]
#[ignore = "needs etcd: tests/real/install"]
fn an_etcd_that_fails_in_every_way_sends_nobody_to_a_wrong_place() {
    let _alone = alone();
    let mut fleet = Fleet::start();
    fleet.wait_for("tidegate_etcd_followed", 1.0);
    assert_eq!(fleet.who(), ["eqiad", "codfw"]);
    let backup = fleet.folder.path().join("backup");

    // It is on the roll, for as long as it lives.
    let living = || {
        let all = r#"{"key":"L3RpZGVnYXRlL3YxLXJvbGwv","range_end":"L3RpZGVnYXRlL3YxLXJvbGww"}"#;
        fleet.etcd.ask("/v3/kv/range", all).is_some_and(|answer| answer.contains("\"lease\""))
    };
    until("the node is on the roll", SOON, living);

    // What is asked for is in force within a second, and back.
    let clock = Clock::system();
    for (words, who) in [(SWITCH, ["eqiad", "eqiad"]), (BACK, ["codfw", "codfw"])] {
        let (done, said) = fleet.run(&words);
        assert!(done, "{said}");
        let written = clock.now();
        until("it is in force", SOON, || fleet.who() == who);
        let took = clock.now() - written;
        println!("{}: in force after {took:?}", words.join(" "));
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    fleet.etcd.kill();
    copy(&fleet.etcd.data(), &backup);
    fleet.wait_for("tidegate_etcd_followed", 0.0);
    fleet.etcd.start_again();
    fleet.wait_for("tidegate_etcd_followed", 1.0);

    // Gone, with the node started anew meanwhile.
    assert!(fleet.run(&SWITCH).0);
    until("it is in force", SOON, || fleet.who() == ["eqiad", "eqiad"]);
    fleet.etcd.kill();
    fleet.wait_for("tidegate_etcd_followed", 0.0);
    assert_eq!(fleet.who(), ["eqiad", "eqiad"]);
    fleet.edge.take().expect("it runs").stop();
    fleet.start_edge();
    assert_eq!(fleet.who(), ["eqiad", "eqiad"], "it was kept on disk");
    fleet.etcd.start_again();
    fleet.wait_for("tidegate_etcd_followed", 1.0);

    // Compacted while it is followed, and while it is not.
    fleet.etcd.compact();
    fleet.edge().pause();
    assert!(fleet.run(&BACK).0);
    fleet.etcd.compact();
    fleet.edge().go_on();
    until("it has caught up", SOON, || fleet.who() == ["codfw", "codfw"]);

    // Restored from a backup that knows less.
    assert!(fleet.run(&["datacenter", "switch", "codfw", "eqiad", "--primaries-only", "--yes"]).0);
    until("it is in force", SOON, || fleet.who() == ["codfw", "eqiad"]);
    fleet.etcd.kill();
    copy(&backup, &fleet.etcd.data());
    fleet.etcd.start_again();
    fleet.wait_for("tidegate_etcd_doubted", 1.0);
    assert_eq!(fleet.who(), ["codfw", "eqiad"], "what the backup says is old");
    // What somebody writes now is meant.
    assert!(fleet.run(&["pool", "eqiad", "--yes"]).0);
    until("it is in force", SOON, || fleet.who() == ["eqiad", "eqiad"]);

    // Emptied.
    fleet.etcd.delete_all();
    until("it is seen", SOON, || {
        fleet.edge().admin("/status").is_some_and(|it| it.contains("gone"))
    });
    assert_eq!(fleet.who(), ["eqiad", "eqiad"]);
    fleet.etcd.kill();
    fleet.wait_for("tidegate_etcd_followed", 0.0);
    fleet.etcd.start_again();
    fleet.wait_for("tidegate_etcd_followed", 1.0);
    assert_eq!(fleet.who(), ["eqiad", "eqiad"]);
    fleet.wait_for("tidegate_etcd_doubted", 1.0);
    fleet.edge.take().expect("it runs").stop();
}

#[test]
#[ignore = "needs etcd: tests/real/install"]
fn an_etcd_that_asks_for_tls_and_a_password_gets_both() {
    let _alone = alone();
    let mut fleet = Fleet::start();
    fleet.wait_for("tidegate_etcd_followed", 1.0);
    let identity = Identity::new("localhost");
    fleet.etcd.secure(&identity, "tide");
    assert!(!fleet.run(&SWITCH).0, "nobody is let in without a password");
    assert_eq!(fleet.who(), ["eqiad", "codfw"]);
    fleet.edge.take().expect("it runs").stop();
    fleet.etcd.kill();
    fleet.etcd.start_again();
    let [roots, password] = ["etcd.pem", "password"].map(|name| fleet.folder.path().join(name));
    fs::write(&roots, &identity.cert).expect("the folder is ours");
    fs::write(&password, "tide\n").expect("the folder is ours");
    let plain = format!("etcd = [\"{}\"]", fleet.etcd.address());
    let secured = format!(
        "etcd = [\"https://localhost:{}\"]\netcd_roots = \"{}\"\n\
         etcd_user = \"root\"\netcd_password = \"{}\"",
        fleet.etcd.address().port(),
        roots.display(),
        password.display()
    );
    fleet.toml = fleet.toml.replace(&plain, &secured);
    fs::write(&fleet.file, &fleet.toml).expect("the folder is ours");
    fleet.start_edge();
    fleet.wait_for("tidegate_etcd_followed", 1.0);
    let (done, said) = fleet.run(&SWITCH);
    assert!(done, "{said}");
    until("it is in force", SOON, || fleet.who() == ["eqiad", "eqiad"]);
    fleet.etcd.kill();
    fleet.wait_for("tidegate_etcd_followed", 0.0);
    fleet.etcd.start_again();
    fleet.wait_for("tidegate_etcd_followed", 1.0);
    fleet.edge.take().expect("it runs").stop();
}

#[test]
#[ignore = "needs etcd: tests/real/install"]
fn two_who_depool_at_once_do_not_leave_nothing() {
    let _alone = alone();
    let fleet = Fleet::start();
    fleet.wait_for("tidegate_etcd_followed", 1.0);
    let servers = fleet.codfw.map(|server| format!("codfw/write/{server}"));
    let mut both = 0;
    for _ in 0..10 {
        let begun = servers.each_ref().map(|server| fleet.begin(&["depool", server, "--yes"]));
        let done = begun.map(|mut child| child.wait().expect("it ends").success());
        assert!(done != [true, true], "half of them must stay");
        both += usize::from(done == [false, false]);
        assert_eq!(fleet.who()[1], "codfw");
        let (done, said) = fleet.run(&["pool", &servers[0], &servers[1], "--yes"]);
        assert!(done, "{said}");
    }
    println!("ten races: {both} in which neither was written");
    let (done, said) = fleet.run(&["depool", &servers[0], &servers[1], "--yes"]);
    assert!(!done && said.contains("refused"), "{said}");
    let (done, said) = fleet.run(&["depool", "nowhere", "--yes"]);
    assert!(!done && said.contains("there are: codfw, eqiad, esams"), "{said}");
    fleet.edge.expect("it runs").stop();
}
