//! What a proxy under test is started with: a configuration in which everything has a sensible
//! value, written as TOML and read by the proxy's own parser, as an operator's file is.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tidegate::base::Clock;
use tidegate::config::{self, Ids, Loaded};

use super::origin::Origin;
use super::pki::{self, Identity};
use super::proxy::Proxy;

/// The moment at which a clock by hand stands at first: Thu, 01 Jan 2026 00:00:00 GMT.
pub const START: Duration = Duration::from_secs(1_767_225_600);

/// A configuration in the making.
#[derive(Clone)]
pub struct Setup {
    /// Keys and values by section.
    sections: BTreeMap<String, BTreeMap<String, String>>,
    listeners: Vec<String>,
    certificates: Vec<Identity>,
    /// Content by the name under which the configuration has it.
    files: BTreeMap<String, String>,
    more: String,
    by_hand: bool,
}

impl Setup {
    /// One worker in front of `origin`, for `wiki.test` and `*.wiki.test`, with a plain listener.
    pub fn new(origin: &Origin) -> Self {
        Self::for_server(&origin.address().to_string())
    }

    /// As [`new`](Self::new), in front of whatever is, or is not, at `server`.
    pub fn for_server(server: &str) -> Self {
        let nothing = Self {
            sections: BTreeMap::new(),
            listeners: vec![listener(1, "")],
            certificates: Vec::new(),
            files: BTreeMap::new(),
            more: String::new(),
            by_hand: false,
        };
        nothing
            .with("node", "name = 'cp1'\n memory = '256MiB'\n workers = 1")
            .with("cache", "memory = '64MiB'")
            .with("admin", "address = '127.0.0.1:0'")
            .with("log", "access = 'off'\n level = 'warn'")
            // A test that moves the clock means the cache, not its kept connections.
            .with("timeouts", "idle = '30d'")
            .with("cluster.wiki", &format!("servers = [{{ address = '{server}' }}]"))
            .with("site.wiki", "hosts = ['*.wiki.test', 'wiki.test']\n cluster = 'wiki'")
    }

    /// Sets keys of a section, `key = value` a line; the last value of a key counts.
    pub fn with(mut self, section: &str, lines: &str) -> Self {
        let keys = self.sections.entry(section.to_owned()).or_default();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (key, value) = line.split_once('=').expect("a line is `key = value`");
            keys.insert(key.trim().to_owned(), value.trim().to_owned());
        }
        self
    }

    /// Sets keys of the site.
    pub fn site(self, lines: &str) -> Self {
        self.with("site.wiki", lines)
    }

    /// Leaves out what [`with`](Self::with) has put under `section`.
    pub fn without(mut self, section: &str) -> Self {
        self.sections.remove(section);
        self
    }

    /// Sets keys of the site's cluster.
    pub fn cluster(self, lines: &str) -> Self {
        self.with("cluster.wiki", lines)
    }

    /// Sets limits on clients' time.
    pub fn timeouts(self, lines: &str) -> Self {
        self.with("timeouts", lines)
    }

    /// Puts a file beside the configuration.
    pub fn file(mut self, name: &str, content: &str) -> Self {
        self.files.insert(name.to_owned(), content.to_owned());
        self
    }

    /// Adds tables as they are.
    pub fn config(mut self, toml: &str) -> Self {
        self.more += toml;
        self.more += "\n";
        self
    }

    /// Serves with `n` workers.
    pub fn workers(self, n: usize) -> Self {
        self.with("node", &format!("workers = {n}"))
    }

    /// Adds a TLS listener, and a certificate for `wiki.test` where there is none yet.
    pub fn tls(mut self) -> Self {
        if self.certificates.is_empty() {
            self.certificates.push(pki::identity(&["wiki.test", "*.wiki.test"]));
        }
        self.listeners.push(listener(2, "tls = true"));
        self
    }

    /// Adds a certificate.
    pub fn certificate(mut self, identity: &Identity) -> Self {
        self.certificates.push(identity.clone());
        self
    }

    /// The same configuration with these certificates and no others.
    pub fn certificates(self, identities: &[&Identity]) -> Self {
        let certificates = identities.iter().map(|identity| (*identity).clone()).collect();
        Self { certificates, ..self }
    }

    /// Adds a listener that takes PURGE and nothing else.
    pub fn purge_listener(mut self) -> Self {
        self.listeners.push(listener(3, "only = 'purge'"));
        self
    }

    /// Makes it a node of the tests' fleet, with a listener for the other nodes.
    pub fn in_the_fleet(mut self) -> Self {
        let node = pki::identity(&["127.0.0.5"]);
        self.listeners.push(listener(5, "tls = true\nonly = 'fleet'"));
        self.with("fleet", "roots = 'fleet.pem'\ncert = 'node.pem'\nkey = 'node.key'")
            .file("fleet.pem", pki::ca_pem())
            .file("node.pem", &node.cert)
            .file("node.key", &node.key)
    }

    /// Adds a plain listener.
    pub fn another_listener(mut self) -> Self {
        self.listeners.push(listener(4, ""));
        self
    }

    /// Has peers on `prefixes` owe every listener a PROXY header.
    pub fn proxy_protocol(mut self, prefixes: &str) -> Self {
        for listener in &mut self.listeners {
            write!(listener, "\nproxy_protocol = [{prefixes}]").expect("a String takes all");
        }
        self
    }

    /// Gives the proxy a clock that only the test moves.
    pub fn clock_by_hand(self) -> Self {
        Self { by_hand: true, ..self }
    }

    /// Starts the proxy.
    #[track_caller]
    pub fn start(self) -> Proxy {
        let clock = match self.by_hand {
            true => Clock::by_hand(SystemTime::UNIX_EPOCH + START),
            false => Clock::system(),
        };
        Proxy::start(self, clock)
    }

    /// What is meant, as the proxy reads it; files are written to `dir`.
    ///
    /// # Errors
    /// What an operator would read.
    pub(super) fn lower(&self, dir: &Path, ids: &Ids) -> Result<Loaded, String> {
        for (n, identity) in self.certificates.iter().enumerate() {
            std::fs::write(dir.join(format!("cert{n}.pem")), &identity.cert).expect("dir is ours");
            std::fs::write(dir.join(format!("key{n}.pem")), &identity.key).expect("dir is ours");
        }
        for (name, content) in &self.files {
            std::fs::write(dir.join(name), content).expect("dir is ours");
        }
        config::parse(&self.toml(), "test.toml", dir, ids).map_err(|errors| errors.to_string())
    }

    fn toml(&self) -> String {
        let mut toml = String::new();
        for (section, keys) in &self.sections {
            writeln!(toml, "[{section}]").expect("a String takes all");
            for (key, value) in keys {
                writeln!(toml, "{key} = {value}").expect("a String takes all");
            }
        }
        for listener in &self.listeners {
            writeln!(toml, "[[listener]]\n{listener}").expect("a String takes all");
        }
        for n in 0..self.certificates.len() {
            writeln!(toml, "[[certificate]]\ncert = 'cert{n}.pem'\nkey = 'key{n}.pem'")
                .expect("a String takes all");
        }
        toml + &self.more
    }

    /// The place of the listener on `127.0.0.HOST` among the listeners.
    pub(super) fn listener(&self, host: u8) -> Option<usize> {
        let address = format!("'127.0.0.{host}:0'");
        self.listeners.iter().position(|listener| listener.contains(&address))
    }
}

/// Listeners differ in address, because equal addresses are one listener: every host of 127/8 is
/// this one.
fn listener(host: u8, more: &str) -> String {
    format!("address = '127.0.0.{host}:0'\n{more}")
}

/// The address on which the clients of one listener find it.
pub(super) fn find(setup: &Setup, addresses: &[SocketAddr], host: u8, what: &str) -> SocketAddr {
    let place = setup.listener(host).unwrap_or_else(|| panic!("the setup has no {what}"));
    addresses[place]
}
