//! Large downloads: who leaves stops the origin, and who reads slowly holds back nobody's fetch but
//! its own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kit::setup::Setup;
use crate::kit::{Origin, Page, Proxy, Raw, eventually, get};

const LARGE: usize = 100_000_000;

#[test]
fn the_origin_of_a_large_download_is_left_when_the_client_leaves() {
    for page in [
        Page::cacheable("").length(LARGE as u64),
        Page::cacheable("").chunked(),
        Page::new("").header("cache-control", "no-store").chunked(),
    ] {
        for http2 in [false, true] {
            let origin = Origin::start();
            let (gate, reply) = page.clone().gated();
            origin.replies("/download", [reply]);
            let proxy = Proxy::new(&origin).tls().start();
            let client = if http2 { proxy.http2() } else { proxy.http1() };
            let mut download = client.begin(get("/download"));
            // More than the cache takes.
            for _ in 0..10 {
                gate.send(vec![b'x'; 1_000_000]);
            }
            download.bytes(9_500_000);
            drop((download, client));
            gate.wait_until_peer_leaves();
            proxy.wait_for_metric("tidegate_flights", 0.0);
            proxy.wait_for_metric("tidegate_memory_held_bytes{for=\"fills\"}", 0.0);
        }
    }
}

#[test]
fn the_origin_of_a_stream_is_left_when_only_its_stream_is_reset() {
    let origin = Origin::start();
    let (gate, reply) = Page::new("").header("cache-control", "no-store").gated();
    origin.replies("/download", [reply]);
    origin.page("/page", Page::cacheable("x"));
    let proxy = Proxy::new(&origin).tls().start();
    let client = proxy.http2();
    let mut download = client.begin(get("/download"));
    gate.send("begun");
    assert_eq!(download.bytes(5), b"begun");
    drop(download);
    gate.wait_until_peer_leaves();
    client.get("/page").expect(200);
}

/// An origin that sends `LARGE` bytes as fast as they are taken, and counts those that were.
fn torrent(head: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound");
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the proxy comes");
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(head.as_bytes());
        let piece = vec![b'x'; 100_000];
        // A proxy that leaves ends it.
        while counted.load(Ordering::Relaxed) < LARGE && stream.write_all(&piece).is_ok() {
            counted.fetch_add(piece.len(), Ordering::Relaxed);
        }
    });
    (address, taken)
}

#[test]
fn a_slow_reader_holds_back_its_own_fetch_and_nobody_elses() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\nCache-Control: max-age=60\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\nCache-Control: no-store\r\n\r\n",
        // What turns out to be too large while it comes.
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nConnection: close\r\n\r\n",
    ] {
        let (slow, taken) = torrent(head);
        let origin = Origin::start();
        origin.page("/page", Page::new("x".repeat(100_000)));
        let other = format!(
            "[cluster.slow]\nservers = ['{slow}']\n\
             [site.slow]\nhosts = ['slow.test']\ncluster = 'slow'\n"
        );
        let proxy = Setup::new(&origin).config(&other).start();
        let mut lazy = proxy.raw();
        lazy.send("GET /download HTTP/1.1\r\nHost: slow.test\r\n\r\n");
        lazy.head();
        let client = proxy.http1();
        for _ in 0..100 {
            assert_eq!(client.get("/page").expect(200).body.len(), 100_000);
        }
        // Sockets hold some megabytes, a fill that outgrows the cache up to `max_object`.
        assert!(taken.load(Ordering::Relaxed) < LARGE / 2, "nobody held the origin back");
        assert!(proxy.metric("tidegate_memory_held_bytes{for=\"fills\"}") < 10e6);
        read(&mut lazy, LARGE);
        eventually("all was taken", || taken.load(Ordering::Relaxed) == LARGE);
    }
}

/// Reads `count` bytes of a body.
fn read(raw: &mut Raw, count: usize) {
    let mut left = count;
    while left > 0 {
        let some = raw.some();
        assert!(!some.is_empty(), "{left} bytes are missing");
        left = left.saturating_sub(some.len());
    }
}
