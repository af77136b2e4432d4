//! What a configuration says of a site's routes: which requests go to which cluster, and how.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Method};

use super::{Cluster, HostPattern, Pattern};

/// A rule of a site's: where some of its requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which requests.
    pub when: When,
    /// Where they go.
    pub cluster: Arc<Cluster>,
    /// How.
    pub mode: Mode,
    /// The Host that an origin sees, where it is another; `$1` is the expression's first group.
    pub origin_host: Option<Box<str>>,
    /// What an origin sees in place of the path's beginning, or of the path where there is an expression.
    pub origin_path: Option<Box<str>>,
    /// On which terms.
    pub terms: RouteTerms,
}

/// What a request must have, each where it is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// One of these hosts.
    pub hosts: Option<Vec<HostPattern>>,
    /// One of these methods.
    pub methods: Option<Vec<Method>>,
    /// This beginning of its path.
    pub path: Option<Box<str>>,
    /// This in its host and path.
    pub pattern: Option<Pattern>,
    /// This parameter in its query, with this value.
    pub query: Option<(Box<str>, Option<Box<str>>)>,
    /// This field, with this in it.
    pub header: Option<(HeaderName, Option<Pattern>)>,
    /// This cookie, with this in it.
    pub cookie: Option<(Box<str>, Option<Pattern>)>,
}

/// How a route's requests go to their origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Through the store.
    #[default]
    Normal,
    /// Past it.
    Pass,
    /// Past it, and with whatever protocol they want to change to.
    Pipe,
}

/// What a route wants otherwise than its cluster has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteTerms {
    /// From the request's last byte to the end of the answer's head.
    pub first_byte_timeout: Option<Duration>,
    /// Between two pieces of an answer's body.
    pub between_bytes_timeout: Option<Duration>,
    /// Whether another server may be asked after one that failed.
    pub retries: bool,
}

impl Default for RouteTerms {
    fn default() -> Self {
        Self { first_byte_timeout: None, between_bytes_timeout: None, retries: true }
    }
}
