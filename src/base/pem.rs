//! Where certificates, keys and roots are written down (RFC 7468). What they say is `net`'s
//! business.

use std::fmt;
use std::path::PathBuf;

/// PEM text, or the file that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    /// In a file, read at start and at each reload.
    File(PathBuf),
    /// Here: the demo's certificate never touches a disk.
    Text(String),
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The chain in PEM, the leaf first.
    pub cert: Pem,
    /// The private key in PEM.
    pub key: Pem,
}

/// By what the nodes of a fleet know each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// What every node's certificate descends from.
    pub roots: Pem,
    /// This node's certificate.
    pub identity: Certificate,
}

impl Pem {
    /// The text.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn read(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::File(path) => std::fs::read(path).map_err(|error| format!("{self}: {error}")),
        }
    }
}

impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Text(_) => f.write_str("the built-in PEM text"),
        }
    }
}
