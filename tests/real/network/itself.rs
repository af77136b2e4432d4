//! What the network does to packets, seen from both ends. By hand, as all that needs it.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use socket2::SockRef;
use tidegate::base::Clock;

use super::{HUB, Network, address, by_hand};
use crate::wait::{SOON, alone, until};

/// For what does not come.
const A_WHILE: Duration = Duration::from_millis(300);
const ONE_WAY: Duration = Duration::from_millis(40);

#[test]
#[ignore = "needs root, and TIDEGATE_REAL_NETWORK=1: see tests/real/README.md"]
fn packets_take_their_time_and_are_lost_where_they_are_to_be() {
    if !by_hand() {
        return;
    }
    let _alone = alone();
    let network = Network::new(3);
    network.apart(0, 1, ONE_WAY);
    handshakes_take_a_round_trip(&network);
    what_is_swallowed_comes_again(&network);
    let whole = flood(&network, 2000, 1);
    assert_eq!(whole, 2000, "none is lost where none is to be");
    network.loses(0, 1, 0.1);
    let some = flood(&network, 10_000, 2);
    assert!((8500..9500).contains(&some), "{some} of 10000");
    network.loses(0, 1, 0.0);
    let before = hub_time();
    let clock = Clock::system();
    let begun = clock.now();
    let all = flood(&network, 60_000, 20);
    let took = clock.now() - begun;
    println!(
        "{all} of 60000 packets arrived within {took:?}; the hub took {:?} of a core; {}",
        hub_time() - before,
        network.told()
    );
    assert_eq!(all, 60_000);
}

fn listen(network: &Network) -> (TcpListener, SocketAddr) {
    let listener = network.inside(1, || TcpListener::bind((address(1, 9), 0)));
    let listener = listener.expect("the address is that place's");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

fn handshakes_take_a_round_trip(network: &Network) {
    let (_listener, there) = listen(network);
    let clock = Clock::system();
    let begun = clock.now();
    network.inside(0, || TcpStream::connect(there)).expect("it listens");
    let took = clock.now() - begun;
    println!("a handshake over {ONE_WAY:?} each way: {took:?}");
    assert!(took >= ONE_WAY * 2);
}

fn what_is_swallowed_comes_again(network: &Network) {
    let (listener, there) = listen(network);
    network.loses(1, 0, 1.0);
    network.inside(0, || TcpStream::connect_timeout(&there, A_WHILE)).expect_err("no answer comes");
    network.loses(1, 0, 0.0);
    let mut near = network.inside(0, || TcpStream::connect(there)).expect("it listens");
    listener.set_nonblocking(true).expect("a socket can be made not to block");
    let mut accepted = None;
    until("the last packet of the handshake arrives", SOON, || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (mut far, _) = accepted.expect("the wait is over");
    network.loses(0, 1, 1.0);
    near.write_all(b"late").expect("the kernel takes it");
    far.set_read_timeout(Some(A_WHILE)).expect("a time");
    let mut read = [0; 4];
    far.read_exact(&mut read).expect_err("it is swallowed");
    network.loses(0, 1, 0.0);
    far.set_read_timeout(Some(SOON)).expect("a time");
    far.read_exact(&mut read).expect("the kernel sends it again");
    assert_eq!(&read, b"late");
}

/// How many of so many packets arrive, of which `each` are sent every millisecond.
fn flood(network: &Network, packets: u32, each: u32) -> u32 {
    let receiver = network.inside(1, || UdpSocket::bind((address(1, 9), 0)));
    let receiver = receiver.expect("the address is that place's");
    let there = receiver.local_addr().expect("it is bound");
    receiver.set_read_timeout(Some(A_WHILE)).expect("a time");
    // Room for while this thread has no core.
    SockRef::from(&receiver).set_recv_buffer_size(4 << 20).expect("the kernel gives what it may");
    let sender = network.spawn(0, move || {
        let socket = UdpSocket::bind((address(0, 9), 0)).expect("the address is this place's");
        let clock = Clock::system();
        let begun = clock.now();
        for n in 0..packets {
            let due = begun + Duration::from_millis(u64::from(n / each));
            // A wait of no length takes longer than a packet.
            while due > clock.now() {
                thread::park_timeout(due.saturating_duration_since(clock.now()));
            }
            socket
                .send_to(&[&n.to_be_bytes()[..], &[0; 1000]].concat(), there)
                .expect("it is sent");
        }
    });
    let (mut arrived, mut next, mut packet) = (0, 0, [0; 1500]);
    while let Ok((_, _)) = receiver.recv_from(&mut packet) {
        let n = u32::from_be_bytes([packet[0], packet[1], packet[2], packet[3]]);
        assert!(n >= next, "they come in the order in which they went");
        (arrived, next) = (arrived + 1, n + 1);
    }
    sender.join().expect("it sends");
    arrived
}

/// How long the hub has had a core.
fn hub_time() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").expect("there is /proc").flatten();
    let hub = tasks.map(|task| task.path()).find(|task| {
        fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim_end() == HUB)
    });
    let told = fs::read_to_string(hub.expect("it runs").join("schedstat")).expect("its time");
    Duration::from_nanos(told.split(' ').next().and_then(|it| it.parse().ok()).expect("a number"))
}
