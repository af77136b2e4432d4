//! What a configuration says of the fleet: its datacenters, and who says what is pooled.

use std::path::PathBuf;
use std::sync::Arc;

use super::Broker;
use crate::base::Pem;
use crate::base::pem::{Certificate, Trust};
use crate::geo::Coordinates;

/// Who says what is pooled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fleet {
    /// The members of etcd's cluster; none where there is no etcd.
    pub etcd: Vec<Broker>,
    /// How they speak TLS, if they do.
    pub etcd_tls: Option<EtcdTls>,
    /// As whom they are asked, and the file that holds the password.
    pub etcd_user: Option<(Arc<str>, PathBuf)>,
    /// What their keys begin with, without a `/` at the end.
    pub prefix: String,
    /// Where what etcd said is kept.
    pub state: Option<PathBuf>,
    /// A file that says it before etcd does.
    pub overrides: Option<PathBuf>,
    /// By what the nodes know each other, if they do.
    pub trust: Option<Trust>,
}

/// How etcd speaks TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EtcdTls {
    /// Whom to believe; the web's authorities, where none are named.
    pub roots: Option<Pem>,
    /// What is shown to members that ask for a certificate.
    pub identity: Option<Certificate>,
}

/// A datacenter.
#[derive(Clone, Debug, PartialEq)]
pub struct Datacenter {
    /// Its name.
    pub name: Arc<str>,
    /// Whether requests are sent there, where nobody else says.
    pub pooled: bool,
    /// Where it is.
    pub coordinates: Option<Coordinates>,
    /// The others, the nearest first, where not their distances decide.
    pub nearest: Vec<Arc<str>>,
}

/// What somebody has decided of a server or a datacenter, whatever its health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooled {
    /// It takes requests.
    #[default]
    Yes,
    /// It takes none for now.
    No,
    /// It is not there.
    Inactive,
}

impl Pooled {
    /// Every word for it.
    pub const ALL: [Self; 3] = [Self::Yes, Self::No, Self::Inactive];

    /// The word for it, which is conftool's.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Inactive => "inactive",
        }
    }

    /// What `word` says.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}
