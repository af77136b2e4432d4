//! The client against a server that plays a script, one byte string at a time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// Serves one connection after another: for each request head read, the next answer is written.
/// An answer that ends in no more is followed by a close. Gives back the heads.
fn serve(script: Vec<Vec<&'static str>>) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = thread::spawn(move || {
        let mut heads = Vec::new();
        for answers in script {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            for answer in answers {
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
                heads.push(head);
                (&stream).write_all(answer.as_bytes()).unwrap();
            }
        }
        heads
    });
    (address, served)
}

fn purge(uri: &str) -> Request<Body> {
    let request = Request::builder().method("PURGE").uri(uri).header("content-length", "0");
    request.body(Body::Empty).unwrap()
}

fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";

#[test]
fn requests_follow_each_other_on_one_connection_in_absolute_form() {
    let (address, served) = serve(vec![vec![OK, OK]]);
    run(async {
        let mut client = Client::new(address, Clock::system(), LIMIT);
        for _ in 0..2 {
            let response = client.send(purge("http://wiki.test/wiki/Tide")).await.unwrap();
            assert_eq!((response.status().as_u16(), &response.body()[..]), (200, &b"done"[..]));
        }
    });
    for head in served.join().unwrap() {
        assert!(head.starts_with("PURGE http://wiki.test/wiki/Tide HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("content-length: 0\r\n"), "{head}");
    }
}

#[test]
fn a_connection_that_the_server_closes_is_replaced() {
    let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let (address, served) = serve(vec![vec![close], vec![OK]]);
    run(async {
        let mut client = Client::new(address, Clock::system(), LIMIT);
        client.send(purge("http://a/")).await.unwrap();
        client.send(purge("http://b/")).await.unwrap();
    });
    assert_eq!(served.join().unwrap().len(), 2);
}

#[test]
fn nobody_listening_is_an_error_that_names_the_address() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let error = run(Client::new(address.as_str(), Clock::system(), LIMIT).send(purge("http://a/")));
    let text = error.unwrap_err().to_string();
    assert!(text.starts_with(&format!("{address}: cannot connect: ")), "{text}");
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let flood = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // hyper gives up a connection that answers before it is asked.
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        while stream.write_all(&[b'x'; 65536]).is_ok() {}
    });
    let error = run(Client::new(address, Clock::system(), LIMIT).send(purge("http://a/")));
    let text = error.unwrap_err().to_string();
    assert!(text.contains("longer than a mebibyte"), "{text}");
    flood.join().unwrap();
}

#[test]
fn a_silent_server_is_waited_for_no_longer_than_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let clock = Clock::by_hand(std::time::SystemTime::UNIX_EPOCH);
    let deadline = clock.now() + LIMIT;
    let mut client = Client::new(address, clock.clone(), LIMIT);
    let error = run(async {
        let asking = tokio::spawn(async move { client.send(purge("http://a/")).await });
        while !clock.has_sleeper_until(deadline) {
            tokio::task::yield_now().await;
        }
        clock.advance(LIMIT);
        asking.await.unwrap()
    });
    assert!(error.unwrap_err().to_string().ends_with("no answer within 10s"));
}
