//! Accepting over real sockets.

use super::*;
use crate::config::Listener;
use crate::listen::Sockets;
use socket2::SockRef;
use std::sync::Mutex;
use std::time::SystemTime;
use tokio::io::AsyncReadExt;

struct Loop {
    acceptor: Acceptor,
    accepted: Arc<Mutex<Vec<Accepted>>>,
    notices: Arc<Mutex<Vec<Notice>>>,
}

fn acceptor(limit: usize) -> Loop {
    let accepted = Arc::new(Mutex::new(Vec::new()));
    let notices = Arc::new(Mutex::new(Vec::new()));
    let (connections, told) = (accepted.clone(), notices.clone());
    let acceptor = Acceptor {
        listener: ListenerId(3),
        worker: WorkerId(0),
        clock: Clock::by_hand(SystemTime::UNIX_EPOCH),
        capacity: Capacity::new(limit),
        connect: Arc::new(move |accepted| connections.lock().unwrap().push(accepted)),
        notice: Arc::new(move |notice| told.lock().unwrap().push(notice)),
    };
    Loop { acceptor, accepted, notices }
}

fn bind() -> Sockets {
    let address = "127.0.0.1:0".parse().unwrap();
    Sockets::bind(&[Listener::at(address)], &[None]).unwrap()
}

async fn soon<F: Future>(future: F) -> F::Output {
    Clock::system().within(Duration::from_secs(20), future).await.expect("in time")
}

async fn until(mut done: impl FnMut() -> bool) {
    soon(async {
        while !done() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_accepted_is_handed_over_with_its_addresses() {
    let (sockets, held) = (bind(), acceptor(10));
    let bound = &sockets.bound()[0];
    let running = accept(bound.socket(0).unwrap(), held.acceptor.clone(), sockets.stop().clone());
    let running = tokio::spawn(running);
    let client = soon(TcpStream::connect(bound.address)).await.unwrap();
    until(|| !held.accepted.lock().unwrap().is_empty()).await;
    {
        let accepted = held.accepted.lock().unwrap();
        assert_eq!(accepted[0].local, bound.address);
        assert_eq!(accepted[0].remote, client.local_addr().unwrap());
        assert_eq!(accepted[0].listener, ListenerId(3));
        assert!(accepted[0].stream.nodelay().unwrap());
        let unsent = SockRef::from(&accepted[0].stream).tcp_notsent_lowat().unwrap();
        assert_eq!(unsent, 32 * 1024, "the kernel takes more than can be sent");
    }
    assert_eq!(held.acceptor.capacity.held(), 1);
    held.accepted.lock().unwrap().clear();
    assert_eq!(held.acceptor.capacity.held(), 0);
    sockets.stop().begin();
    soon(running).await.unwrap().unwrap();
}

#[tokio::test]
async fn over_the_limit_a_connection_is_closed_at_once_and_counted() {
    let (sockets, held) = (bind(), acceptor(1));
    let bound = &sockets.bound()[0];
    let socket = bound.socket(0).unwrap();
    tokio::spawn(accept(socket, held.acceptor.clone(), sockets.stop().clone()));
    let _first = soon(TcpStream::connect(bound.address)).await.unwrap();
    let mut second = soon(TcpStream::connect(bound.address)).await.unwrap();
    assert_eq!(soon(second.read(&mut [0; 8])).await.unwrap_or(0), 0);
    assert_eq!(*held.notices.lock().unwrap(), [Notice::Full]);
    assert_eq!(held.accepted.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_stopped_loop_takes_what_waits_in_its_queue_and_the_socket_stays() {
    let (sockets, held) = (bind(), acceptor(100));
    let bound = &sockets.bound()[0];
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(soon(TcpStream::connect(bound.address)).await.unwrap());
    }
    sockets.stop().begin();
    let socket = bound.socket(0).unwrap();
    soon(accept(socket, held.acceptor.clone(), sockets.stop().clone())).await.unwrap();
    assert_eq!(held.accepted.lock().unwrap().len(), 20);

    let next = sockets.rebind(std::slice::from_ref(&bound.listener), &[None]).unwrap();
    let late = soon(TcpStream::connect(bound.address)).await.unwrap();
    let socket = next.bound()[0].socket(0).unwrap();
    tokio::spawn(accept(socket, held.acceptor.clone(), next.stop().clone()));
    until(|| held.accepted.lock().unwrap().len() == 21).await;
    drop(late);
}

#[tokio::test]
async fn want_of_descriptors_pauses_and_a_bad_connection_does_not() {
    let held = acceptor(1);
    let mut warned = None;
    let aborted = io::Error::from(Errno::CONNABORTED);
    soon(held.acceptor.fail(&aborted, &mut warned)).await;
    assert!(held.notices.lock().unwrap().is_empty());
    for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
        let error = io::Error::from(errno);
        let clock = held.acceptor.clock.clone();
        let by = clock.now() + PAUSE;
        let move_on = async {
            until(|| clock.has_sleeper_until(by)).await;
            clock.advance(PAUSE);
        };
        tokio::join!(held.acceptor.fail(&error, &mut warned), move_on);
    }
    assert_eq!(*held.notices.lock().unwrap(), [Notice::Exhausted; 4]);
    assert_eq!(warned, Some(held.acceptor.clock.now() - 4 * PAUSE), "one warning a second");
}

#[tokio::test]
async fn a_busy_worker_takes_fewer_connections_at_a_time() {
    let (sockets, held) = (bind(), acceptor(1000));
    let bound = &sockets.bound()[0];
    let connect = |_| std::net::TcpStream::connect(bound.address).unwrap();
    let _clients: Vec<_> = (0..200).map(connect).collect();
    let running = accept(bound.socket(0).unwrap(), held.acceptor.clone(), sockets.stop().clone());
    let running = tokio::spawn(running);
    // Each time that others run, twice as much time passes as should.
    let mut rounds = vec![0];
    soon(async {
        while rounds.last().is_some_and(|taken| *taken < 200) {
            held.acceptor.clock.advance(2 * ROUND);
            tokio::task::yield_now().await;
            rounds.push(held.accepted.lock().unwrap().len());
        }
    })
    .await;
    let steps: Vec<usize> = rounds.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.iter().all(|step| *step <= BATCH as usize), "{steps:?}");
    let last = &steps[steps.len() - 20..];
    assert!(last.iter().all(|step| *step <= 2), "{steps:?}");
    sockets.stop().begin();
    soon(running).await.unwrap().unwrap();
}
