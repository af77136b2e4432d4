//! Sockets for datagrams: what they hear, what a reload keeps, and what is said of those that cannot be.

use std::net::Ipv4Addr;

use super::*;

const GROUP: &str = "239.128.48.27";

fn ear(address: &str, groups: &[&str]) -> Ear {
    Ear {
        address: address.parse().unwrap(),
        groups: groups.iter().map(|group| group.parse().unwrap()).collect(),
        interface: Some("lo".into()),
    }
}

fn bind(ears: &[Ear]) -> Datagrams {
    let none = Datagrams::default();
    let new = none.rebind(ears).unwrap_or_else(|errors| panic!("{}", errors[0]));
    new.switch(&none);
    new
}

/// A socket that sends to groups on loopback.
fn sender() -> UdpSocket {
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    SockRef::from(&sender).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    sender
}

/// What `socket` hears until `last` comes.
fn heard(socket: &Socket, last: &[u8]) -> Vec<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut all, stop) = (Vec::new(), Drain::new());
    runtime
        .block_on(socket.read(&stop, |datagram, _| {
            all.push(datagram.to_vec());
            if datagram == last {
                stop.begin();
            }
        }))
        .unwrap();
    all
}

#[test]
fn what_is_sent_to_an_address_is_heard_whole() {
    let datagrams = bind(&[ear("127.0.0.1:0", &[])]);
    let socket = &datagrams.sockets()[0];
    let sender = sender();
    let long = vec![b'x'; 60_000];
    for datagram in [&long[..], b"", b"last"] {
        sender.send_to(datagram, socket.address()).unwrap();
    }
    assert_eq!(heard(socket, b"last"), [&long[..], b"", b"last"]);
    assert!(socket.buffer() > 0 && socket.dropped() == Some(0));
}

#[test]
fn a_group_is_heard_by_those_who_joined_it_and_by_no_other() {
    let datagrams = bind(&[ear("0.0.0.0:0", &[GROUP])]);
    let socket = &datagrams.sockets()[0];
    let port = socket.address().port();
    // Bound to all addresses too, so the kernel would hand it what others have joined.
    let other = bind(&[ear("0.0.0.0:0", &["239.128.48.28"])]);
    let sender = sender();
    let to_group = |port| sender.send_to(b"group", (GROUP, port)).unwrap();
    to_group(port);
    to_group(other.sockets()[0].address().port());
    sender.send_to(b"last", ("127.0.0.1", port)).unwrap();
    sender.send_to(b"last", ("127.0.0.1", other.sockets()[0].address().port())).unwrap();
    assert_eq!(heard(socket, b"last"), [&b"group"[..], b"last"]);
    assert_eq!(heard(&other.sockets()[0], b"last"), [b"last"]);
}

#[test]
fn a_socket_may_be_a_group_s_own() {
    let address = format!("{GROUP}:0");
    let datagrams = bind(&[ear(&address, &[])]);
    let socket = &datagrams.sockets()[0];
    assert_eq!(socket.groups(), [GROUP.parse::<IpAddr>().unwrap()]);
    let sender = sender();
    sender.send_to(b"not for the group", ("127.0.0.1", socket.address().port())).unwrap();
    sender.send_to(b"last", socket.address()).unwrap();
    assert_eq!(heard(socket, b"last"), [b"last"]);
}

#[test]
fn groups_of_ipv6_are_heard() {
    // Loopback has no route for them; this one leaves no machine (RFC 4291 §2.7).
    let group = "ff01::4827";
    let wanted = Ear { interface: None, ..ear("[::]:0", &[group]) };
    let sender = UdpSocket::bind("[::]:0").unwrap();
    if sender.send_to(b"", (group, 9)).is_err() {
        return eprintln!("this machine has no route for groups of IPv6");
    }
    let datagrams = bind(&[wanted]);
    let socket = &datagrams.sockets()[0];
    sender.send_to(b"last", (group, socket.address().port())).unwrap();
    assert_eq!(heard(socket, b"last"), [b"last"]);
}

#[test]
fn a_reload_keeps_a_socket_and_changes_what_it_has_joined() {
    let old = bind(&[ear("0.0.0.0:0", &[GROUP]), ear("127.0.0.1:0", &[])]);
    let [first, second] = old.sockets() else { panic!("two sockets") };
    let new = old.rebind(&[ear("0.0.0.0:0", &["239.128.48.28"])]).unwrap();
    assert!(Arc::ptr_eq(first, &new.sockets()[0]));
    assert_eq!(first.groups().len(), 2, "nothing is left before all is in force");
    new.switch(&old);
    assert_eq!(first.groups(), ["239.128.48.28".parse::<IpAddr>().unwrap()]);
    assert!(second.stop.is_draining() && !first.stop.is_draining());
    let sender = sender();
    sender.send_to(b"left", (GROUP, first.address().port())).unwrap();
    sender.send_to(b"last", ("239.128.48.28", first.address().port())).unwrap();
    assert_eq!(heard(first, b"last"), [b"last"]);
}

#[test]
fn what_cannot_be_had_is_named_and_leaves_all_as_it_was() {
    let old = bind(&[ear("0.0.0.0:0", &[GROUP])]);
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let no_interface = Ear { interface: Some("nowhere".into()), ..ear("0.0.0.0:0", &[GROUP]) };
    let wanted = [ear("0.0.0.0:0", &["239.128.48.28"]), ear(&address, &[]), no_interface];
    let errors = old.rebind(&wanted).unwrap_err();
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].starts_with(&format!("cannot listen on {address}: ")), "{}", texts[0]);
    assert!(texts[0].contains("ss -lunp"), "{}", texts[0]);
    assert!(texts[1].contains("the interface nowhere is not there"), "{}", texts[1]);
    assert_eq!(old.sockets()[0].groups(), [GROUP.parse::<IpAddr>().unwrap()]);
}

#[test]
fn what_the_kernel_drops_is_told() {
    let datagrams = bind(&[ear("127.0.0.1:0", &[])]);
    let socket = &datagrams.sockets()[0];
    SockRef::from(&socket.socket).set_recv_buffer_size(4096).unwrap();
    let sender = sender();
    for _ in 0..64 {
        sender.send_to(&[0; 1000], socket.address()).unwrap();
    }
    assert!(socket.dropped().unwrap() > 32, "{:?}", socket.dropped());
}
