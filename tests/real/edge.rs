//! The binary under test, as an operator runs it: a configuration file, ports, signals.

use std::fmt::Write;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::process::{Process, Scratch, free_port};
use super::tls::Identity;
use super::vitals::Vitals;
use super::wait::{SOON, until};

/// The only host of the only site.
pub const HOST: &str = "wiki.test";

/// The binary under test, to be told what to do.
pub fn program() -> Command {
    let built = || env!("CARGO_BIN_EXE_tidegate").to_owned();
    Command::new(std::env::var("TIDEGATE_REAL_BINARY").unwrap_or_else(|_| built()))
}

/// A running `tidegate run`.
pub struct Edge {
    process: Process,
    /// Speaks plain HTTP/1.1.
    pub plain: SocketAddr,
    /// Speaks TLS.
    pub tls: SocketAddr,
    /// Takes PURGE and nothing else.
    pub purge: SocketAddr,
    /// Serves health and metrics.
    pub admin: SocketAddr,
    /// Who the TLS listener is.
    pub identity: Identity,
    _folder: Scratch,
}

/// Ports for an edge, known before it starts: an origin may have to name them.
pub struct Ports([SocketAddr; 4]);

impl Ports {
    /// Four free ports.
    pub fn free() -> Self {
        loop {
            let ports = [free_port(), free_port(), free_port(), free_port()];
            if (1..4).all(|n| !ports[..n].contains(&ports[n])) {
                return Self(ports.map(|port| (Ipv4Addr::LOCALHOST, port).into()));
            }
        }
    }

    /// Those of an address that is the edge's alone.
    pub fn of(address: Ipv4Addr) -> Self {
        Self([80, 443, 8081, 9180].map(|port| (address, port).into()))
    }

    /// The one that speaks TLS.
    pub fn tls(&self) -> u16 {
        self.0[1].port()
    }

    /// Plain, TLS, purge and admin.
    pub fn addresses(&self) -> [SocketAddr; 4] {
        self.0
    }
}

impl Edge {
    /// Starts the binary in front of `origin`, with `cache` for its store.
    pub fn start(origin: SocketAddr, cache: &str) -> Self {
        Self::start_on(&Ports::free(), origin, cache)
    }

    /// As [`start`](Self::start), on `ports`.
    pub fn start_on(ports: &Ports, origin: SocketAddr, cache: &str) -> Self {
        Self::configured(ports, origin, cache, "")
    }

    /// As [`start_on`](Self::start_on), with `tables` besides in its configuration. Clients from
    /// 127.0.0.1 come as from a trusted proxy, which none of the limits of one client address bind.
    pub fn configured(ports: &Ports, origin: SocketAddr, cache: &str, tables: &str) -> Self {
        let tables = format!("[cache]\nmemory = \"{cache}\"\n{tables}");
        Self::start_with(ports, origin, "trusted_proxies = [\"127.0.0.1\"]\n", &tables)
    }

    /// Starts the binary on `ports` in front of `origin`, with `node` in its first section and
    /// `tables` besides.
    pub fn start_with(ports: &Ports, origin: SocketAddr, node: &str, tables: &str) -> Self {
        let [plain, tls, purge, admin] = ports.addresses();
        let mut toml = format!(
            "[node]\nname = \"cp1\"\nworkers = 2\ndrain_delay = \"100ms\"\n{node}\
             [admin]\naddress = \"{admin}\"\n\
             [log]\naccess = \"off\"\n\
             [[certificate]]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n\
             [cluster.wiki]\nservers = [\"{origin}\"]\n\
             [site.wiki]\nhosts = [\"{HOST}\"]\ncluster = \"wiki\"\n{tables}\n"
        );
        for (address, more) in [(plain, ""), (tls, "tls = true"), (purge, "only = \"purge\"")] {
            let listener = writeln!(toml, "[[listener]]\naddress = \"{address}\"\n{more}");
            listener.expect("a String takes all");
        }
        Self::serve(ports, Identity::new(HOST), &toml)
    }

    /// Starts the binary by the configuration `toml`, which names `ports`, and `identity` as `cert.pem`
    /// and `key.pem`.
    pub fn serve(ports: &Ports, identity: Identity, toml: &str) -> Self {
        Self::serve_by(program(), ports, identity, toml)
    }

    /// As [`serve`](Self::serve), by `command`, which is the binary without what it is to do.
    pub fn serve_by(mut command: Command, ports: &Ports, identity: Identity, toml: &str) -> Self {
        let folder = Scratch::new("edge");
        let [plain, tls, purge, admin] = ports.addresses();
        let file = folder.path().join("tidegate.toml");
        for (name, text) in [("cert.pem", &identity.cert), ("key.pem", &identity.key)] {
            fs::write(folder.path().join(name), text).expect("the folder is ours");
        }
        fs::write(&file, toml).expect("the folder is ours");
        command.arg("run").arg("--config").arg(&file);
        let process = Process::start("tidegate", folder.path(), &mut command);
        let mut edge = Self { process, plain, tls, purge, admin, identity, _folder: folder };
        until("the edge is healthy", SOON, || {
            assert!(edge.process.runs(), "tidegate ended:\n{}", edge.process.last_words());
            edge.admin("/healthz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200 "))
        });
        edge
    }

    /// Has it stand still.
    pub fn pause(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Has it go on.
    pub fn go_on(&self) {
        self.process.signal(Signal::CONT);
    }

    /// The process, to be looked at.
    pub fn vitals(&self) -> Vitals {
        Vitals(self.process.id())
    }

    /// What the admin listener answers, head and body.
    pub fn admin(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.admin).ok()?;
        stream.set_read_timeout(Some(SOON)).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// The metrics whose lines begin with one of `names`.
    pub fn metrics(&self, names: &[&str]) -> String {
        let metrics = self.admin("/metrics").unwrap_or_default();
        let told = metrics.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
        told.fold(String::new(), |all, line| all + line + "\n")
    }

    /// The sum of the metrics whose lines begin with `start`.
    pub fn sum(&self, start: &str) -> f64 {
        let lines = self.metrics(&[start]);
        let values = lines.lines().filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        values.sum()
    }

    /// A metric that has no labels.
    pub fn metric(&self, name: &str) -> f64 {
        let metrics = self.admin("/metrics").expect("a healthy edge shows its metrics");
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = value.and_then(|value| value.parse().ok());
        value.unwrap_or_else(|| panic!("no metric {name} in\n{metrics}"))
    }

    /// Its resident size in bytes.
    pub fn resident(&self) -> u64 {
        self.process.resident()
    }

    /// Lets the edge drain; it must end well, and not have panicked meanwhile.
    pub fn stop(mut self) {
        assert!(self.metric("tidegate_panics_total") < 1.0, "it panicked");
        let status = self.process.end_by(Signal::TERM, SOON + Duration::from_secs(30));
        assert!(status.success(), "SIGTERM ended the edge by {status}");
    }
}
