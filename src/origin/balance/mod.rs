//! Which server of a cluster a request goes to.

mod least;
mod maglev;
#[cfg(test)]
mod simulation_tests;
mod turns;

use std::sync::{Arc, Mutex, PoisonError};

use http::header::HOST;
use http::request;
use maglev::Maglev;
use turns::Turns;

use crate::config;

/// How a cluster's servers share its requests.
#[derive(Debug)]
pub struct Balance {
    weights: Box<[u32]>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Turns(Mutex<Turns>),
    Least,
    Hash(Maglev),
}

/// What is to be known of the servers, by their places in the cluster.
pub trait Servers {
    /// Whether it may be asked.
    fn may(&self, at: usize) -> bool;
    /// How many requests it has to do.
    fn load(&self, at: usize) -> usize;
}

impl Balance {
    /// The way that is `configured` for servers of these names and weights.
    pub fn new<'a>(
        configured: config::Balance,
        servers: impl Iterator<Item = (&'a Arc<str>, u32)>,
    ) -> Self {
        let (names, weights): (Vec<&str>, Vec<u32>) =
            servers.map(|(name, weight)| (&**name, weight)).unzip();
        let way = match configured {
            config::Balance::Turns => Way::Turns(Mutex::new(Turns::new(weights.iter().copied()))),
            config::Balance::Least => Way::Least,
            config::Balance::Hash => Way::Hash(Maglev::new(&names, &weights)),
        };
        Self { weights: weights.into(), way }
    }

    /// Whether its servers have these weights.
    pub fn has(&self, weights: impl Iterator<Item = u32>) -> bool {
        self.weights.iter().copied().eq(weights)
    }

    /// The server that is `asked` next, of those that may be; `None` where none may.
    pub fn next(&self, servers: &impl Servers, asked: &request::Parts) -> Option<usize> {
        match &self.way {
            Way::Turns(turns) => {
                // The turns are whole between statements.
                let mut turns = turns.lock().unwrap_or_else(PoisonError::into_inner);
                turns.next(|at| servers.may(at))
            }
            Way::Least => least::next(&self.weights, servers, fastrand::u64),
            Way::Hash(table) => table.next(hash(asked), &self.weights, servers),
        }
    }
}

/// A hash of the URL that is `asked` for, whatever its scheme.
fn hash(asked: &request::Parts) -> u64 {
    let host = asked.headers.get(HOST).map_or(&b""[..], |host| host.as_bytes());
    let path = asked.uri.path_and_query().map_or("/", |path| path.as_str());
    maglev::hash(2, [host, path.as_bytes()])
}
