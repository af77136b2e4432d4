//! UDP sockets on which datagrams are listened for, to one address or to multicast groups, and the loop
//! that reads one. As with [`super::sockets`], the server owns the sockets, and a reload keeps those
//! whose address stays: one that were opened anew would lose what is on its way. Groups are joined and
//! left on the socket that is there.
//!
//! A socket is read by one task, in batches, so that others of its thread get their turn. The kernel keeps
//! what comes meanwhile, up to [`BUFFER`] where it allows that; what it had to drop is told by
//! [`Socket::dropped`].

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Type};
use tokio::io::Interest;

use super::BindError;
use crate::base::Drain;
use crate::config::Ear;

/// Bytes that the kernel is asked to keep for a socket; `net.core.rmem_max` caps it.
pub const BUFFER: usize = 8 << 20;
/// The longest datagram.
const LONGEST: usize = 65_535;
/// Datagrams that are read before others of the thread get their turn.
const BATCH: usize = 64;
/// Datagrams that are read at the end, in case somebody goes on sending.
const LAST: usize = 65_536;

/// A group, and the number of the interface by which it was joined; 0 where the system chose.
type Membership = (IpAddr, u32);

/// A socket.
#[derive(Debug)]
pub struct Socket {
    configured: SocketAddr,
    address: SocketAddr,
    socket: UdpSocket,
    groups: Mutex<Vec<Membership>>,
    buffer: usize,
    /// Its reader empties it and ends.
    stop: Drain,
}

/// The sockets of one configuration, in its order, some of which another one may hold too.
#[derive(Debug, Default)]
pub struct Datagrams {
    sockets: Vec<Arc<Socket>>,
    /// What each is to be a member of.
    groups: Vec<Vec<Membership>>,
}

impl Datagrams {
    /// Opens sockets for `ears`, sharing those of `self` whose address stays. What these have joined for
    /// the new configuration is left again if this fails; nothing else changes before [`switch`] is
    /// called on what is returned.
    ///
    /// [`switch`]: Self::switch
    ///
    /// # Errors
    /// Every address that cannot be listened on, or whose groups cannot be joined.
    pub fn rebind(&self, ears: &[Ear]) -> Result<Self, Vec<BindError>> {
        let (mut new, mut errors) = (Self::default(), Vec::new());
        let mut held: Vec<_> = self.sockets.iter().collect();
        for ear in ears {
            // Each is taken once: two may both ask for port 0.
            let stays = held.iter().position(|socket| socket.configured == ear.address);
            let stays = stays.map(|place| Arc::clone(held.remove(place)));
            let opened = match stays {
                Some(socket) => Ok(socket),
                None => open(ear).map(Arc::new),
            };
            let joined = opened.and_then(|socket| {
                let groups = memberships(ear, &socket.socket)?;
                socket.join(&groups)?;
                Ok((socket, groups))
            });
            match joined {
                Ok((socket, groups)) => {
                    new.sockets.push(socket);
                    new.groups.push(groups);
                }
                Err(error) => errors.push(BindError { address: ear.address, udp: true, error }),
            }
        }
        if errors.is_empty() {
            return Ok(new);
        }
        self.keep_to_own_groups();
        Err(errors)
    }

    /// Goes on with these after `old`: leaves the groups that are no longer configured, and has the
    /// readers of sockets that are gone end.
    pub fn switch(&self, old: &Self) {
        self.keep_to_own_groups();
        let gone = |socket: &&Arc<Socket>| !self.sockets.iter().any(|new| Arc::ptr_eq(new, socket));
        old.sockets.iter().filter(gone).for_each(|socket| socket.stop.begin());
    }

    /// The sockets, in the configuration's order.
    pub fn sockets(&self) -> &[Arc<Socket>] {
        &self.sockets
    }

    /// Has the sockets leave what is not configured.
    pub fn keep_to_own_groups(&self) {
        for (socket, groups) in self.sockets.iter().zip(&self.groups) {
            socket.leave_all_but(groups);
        }
    }
}

impl Socket {
    /// The address that it has; its port is never 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The groups that it is a member of.
    pub fn groups(&self) -> Vec<IpAddr> {
        let members = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        members.iter().map(|(group, _)| *group).collect()
    }

    /// Bytes that the kernel keeps for it, as Linux counts them: with what it needs itself.
    pub fn buffer(&self) -> usize {
        self.buffer
    }

    /// Hands each datagram and its sender to `take`, until the socket is given up or `stop` is given;
    /// then what has come by then. One task may.
    ///
    /// # Errors
    /// The socket cannot be polled on this runtime.
    pub async fn read(
        &self,
        stop: &Drain,
        mut take: impl FnMut(&[u8], SocketAddr),
    ) -> io::Result<()> {
        let socket = tokio::net::UdpSocket::from_std(self.socket.try_clone()?)?;
        let mut buffer = vec![0; LONGEST];
        while !stop.is_draining() && !self.stop.is_draining() {
            tokio::select! {
                () = stop.wait() => break,
                () = self.stop.wait() => break,
                ready = socket.ready(Interest::READABLE) => ready?,
            };
            for _ in 0..BATCH {
                match socket.try_recv_from(&mut buffer) {
                    Ok((length, from)) => take(&buffer[..length], from),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // Something that another host has said of an earlier datagram; it is taken off.
                    Err(error) => tracing::debug!(%error, "a datagram could not be read"),
                }
            }
            tokio::task::yield_now().await;
        }
        // The system is asked itself: the runtime may not have seen the last ones yet.
        for _ in 0..LAST {
            let Ok((length, from)) = self.socket.recv_from(&mut buffer) else { break };
            take(&buffer[..length], from);
        }
        Ok(())
    }

    /// Datagrams that the kernel had no room for, since the socket was opened; `None` where it does not
    /// say. Reads a file of the kernel's: for a scrape.
    pub fn dropped(&self) -> Option<u64> {
        dropped(&self.socket, self.address.is_ipv4())
    }

    /// Joins those of `groups` that it is no member of.
    fn join(&self, groups: &[Membership]) -> io::Result<()> {
        let mut members = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if !groups.is_empty() {
            // Others on this machine may listen to the same groups.
            SockRef::from(&self.socket).set_reuse_address(true)?;
        }
        for (group, interface) in groups {
            if !members.contains(&(*group, *interface)) {
                change(&self.socket, *group, *interface, true).map_err(|error| {
                    io::Error::new(error.kind(), format!("{group} cannot be joined: {error}"))
                })?;
                members.push((*group, *interface));
            }
        }
        Ok(())
    }

    fn leave_all_but(&self, groups: &[Membership]) {
        let mut members = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|membership @ (group, interface)| {
            let stays = groups.contains(membership);
            if !stays && let Err(error) = change(&self.socket, *group, *interface, false) {
                tracing::warn!(%group, %error, "a multicast group cannot be left");
            }
            stays
        });
    }
}

fn open(ear: &Ear) -> io::Result<Socket> {
    let configured = ear.address;
    let domain = Domain::for_address(configured);
    let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    // Only where there are groups: otherwise another process could take the address over unnoticed.
    socket.set_reuse_address(configured.ip().is_multicast() || !ear.groups.is_empty())?;
    if configured.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    #[cfg(target_os = "linux")]
    match configured {
        // Only the groups that were joined here, not all that anybody on this machine has joined.
        SocketAddr::V4(_) => socket.set_multicast_all_v4(false)?,
        SocketAddr::V6(_) => socket.set_multicast_all_v6(false)?,
    }
    socket.set_recv_buffer_size(BUFFER)?;
    let buffer = socket.recv_buffer_size()?;
    socket.set_nonblocking(true)?;
    socket.bind(&configured.into())?;
    let socket = UdpSocket::from(socket);
    let address = socket.local_addr()?;
    let (groups, stop) = (Mutex::default(), Drain::new());
    Ok(Socket { configured, address, socket, groups, buffer, stop })
}

/// What a socket for `ear` is to be a member of.
fn memberships(ear: &Ear, socket: &UdpSocket) -> io::Result<Vec<Membership>> {
    let own = Some(ear.address.ip()).filter(IpAddr::is_multicast);
    let groups = ear.groups.iter().copied().chain(own);
    let interface = match &ear.interface {
        Some(name) => index_of(socket, name).map_err(|error| {
            io::Error::new(error.kind(), format!("the interface {name} is not there: {error}"))
        })?,
        None => 0,
    };
    let mut all: Vec<Membership> = groups.map(|group| (group, interface)).collect();
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

#[cfg(target_os = "linux")]
fn index_of(socket: &UdpSocket, name: &str) -> io::Result<u32> {
    Ok(rustix::net::netdevice::name_to_index(socket, name)?)
}

#[cfg(not(target_os = "linux"))]
fn index_of(_: &UdpSocket, _: &str) -> io::Result<u32> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Joins or leaves `group`.
fn change(socket: &UdpSocket, group: IpAddr, interface: u32, join: bool) -> io::Result<()> {
    let socket = SockRef::from(socket);
    let by = InterfaceIndexOrAddress::Index(interface);
    match (group, join) {
        (IpAddr::V4(group), true) => socket.join_multicast_v4_n(&group, &by),
        (IpAddr::V4(group), false) => socket.leave_multicast_v4_n(&group, &by),
        (IpAddr::V6(group), true) => socket.join_multicast_v6(&group, interface),
        (IpAddr::V6(group), false) => socket.leave_multicast_v6(&group, interface),
    }
}

/// The last column of the socket's line in the kernel's table (Documentation/networking/proc_net_tcp.rst
/// has the others), which is found by the socket's inode.
#[cfg(target_os = "linux")]
fn dropped(socket: &UdpSocket, is_ipv4: bool) -> Option<u64> {
    let inode = rustix::fs::fstat(socket).ok()?.st_ino.to_string();
    let path = if is_ipv4 { "/proc/thread-self/net/udp" } else { "/proc/thread-self/net/udp6" };
    let table = std::fs::read_to_string(path).ok()?;
    let of_it = |line: &&str| line.split_ascii_whitespace().nth(9) == Some(&*inode);
    table.lines().find(of_it)?.split_ascii_whitespace().last()?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn dropped(_: &UdpSocket, _: bool) -> Option<u64> {
    None
}

#[cfg(test)]
#[path = "datagrams_tests.rs"]
mod tests;
