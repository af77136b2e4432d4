//! Tidegate in front of the wikis, as an operator would configure it: `tidegate.toml`.

use std::net::SocketAddr;

use super::super::answer::Answer;
use super::super::edge::{Edge, Ports};
use super::super::tls::Identity;
use super::stage::{Front, Verdict, ensure};

const TOML: &str = include_str!("tidegate.toml");

impl Front for Edge {
    fn name(&self) -> &'static str {
        "Tidegate"
    }

    fn plain(&self) -> SocketAddr {
        self.plain
    }

    fn tls(&self) -> SocketAddr {
        self.tls
    }

    fn purge(&self) -> SocketAddr {
        self.purge
    }

    fn is_hit(&self, answer: &Answer) -> bool {
        answer.cache_status().contains("; hit")
    }

    fn reason(&self, answer: &Answer) -> String {
        let words = answer.cache_status().split("; ").skip(1);
        words.filter(|word| !word.starts_with("ttl=")).collect::<Vec<_>>().join("; ")
    }

    fn configuration(&self) -> String {
        TOML.to_owned()
    }

    fn is_well(&self) -> Verdict {
        ensure(self.metric("tidegate_panics_total") < 1.0, || "it panicked".to_owned())
    }
}

/// Starts it in front of `origin`.
pub fn start(origin: SocketAddr) -> Edge {
    start_with(origin, "")
}

/// The same with `tables` besides.
pub fn start_with(origin: SocketAddr, tables: &str) -> Edge {
    let ports = Ports::free();
    let [plain, tls, purge, admin] = ports.addresses();
    let mut toml = TOML.to_owned() + tables;
    for (name, address) in
        [("PLAIN", plain), ("SECURE", tls), ("PURGE", purge), ("ADMIN", admin), ("ORIGIN", origin)]
    {
        toml = toml.replace(name, &address.to_string());
    }
    Edge::serve(&ports, Identity::new("*.wiki.test"), &toml)
}
