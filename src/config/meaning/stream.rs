//! What a configuration says of purge streams.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::SourceTerms;
use crate::base::Pem;

/// Topics of a Kafka cluster that are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Whom to ask for the cluster's brokers.
    pub brokers: Vec<Broker>,
    /// The topics.
    pub topics: Vec<String>,
    /// Whether brokers speak TLS.
    pub tls: bool,
    /// Roots for that; the web's where none are named.
    pub roots: Option<Pem>,
    /// Where positions are kept.
    pub positions: Option<PathBuf>,
    /// How far it may be behind before what may not be served then turns stale.
    pub max_lag: Duration,
    /// On which terms.
    pub terms: SourceTerms,
}

impl Stream {
    /// What it is called in metrics: its topics.
    pub fn name(&self) -> String {
        self.topics.join(",")
    }
}

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// A name or an address, an IPv6 one without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Broker {
    /// As it is connected to: `host:port`, an IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}
