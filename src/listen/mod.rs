//! Listening sockets and what comes in by them. Each address has one SO_REUSEPORT socket per
//! worker ([`sockets`]), opened once and owned by the server, because closing one drops the
//! connections that wait on it. Each worker runs an accept loop per socket ([`accept()`]) and hands
//! every stream to a callback; what is spoken over it is `front`'s business, but for the PROXY header
//! that some peers send before it ([`proxy_protocol`]). Datagrams have sockets and a loop of their own
//! ([`datagrams`]).

pub mod accept;
pub mod capacity;
pub mod cpus;
pub mod datagrams;
pub mod proxy_protocol;
pub mod sockets;

pub use accept::{Accepted, Acceptor, Notice, accept};
pub use capacity::{Capacity, Slot};
pub use cpus::{Cpus, cpus, keep_to};
pub use datagrams::Datagrams;
pub use sockets::{BindError, Bound, Sockets};

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit on open descriptors as far as this process may; returns the limit, or `None`
/// where there is none.
///
/// # Errors
/// The system refuses.
pub fn raise_descriptor_limit() -> std::io::Result<Option<u64>> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        setrlimit(Resource::Nofile, limit)?;
    }
    Ok(limit.current)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptor_limit_ends_at_its_maximum() {
        let raised = raise_descriptor_limit().unwrap();
        assert_eq!(raised, getrlimit(Resource::Nofile).maximum);
    }
}
