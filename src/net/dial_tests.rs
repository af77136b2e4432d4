//! A crowd of connections that are opened at once keeps nobody else from his turn.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Connections that are opened at once.
const CROWD: usize = 100;

#[tokio::test]
async fn who_is_being_served_does_not_wait_for_a_crowd_of_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, served) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (mut client, mut served) = (client.unwrap(), served.unwrap().0);

    let opened = Arc::new(AtomicUsize::new(0));
    let crowd: Vec<_> = (0..CROWD)
        .map(|_| {
            let opened = Arc::clone(&opened);
            tokio::spawn(async move {
                let stream = open(address).await.unwrap();
                opened.fetch_add(1, Ordering::Relaxed);
                stream
            })
        })
        .collect();
    client.write_all(b"?").await.unwrap();
    assert_eq!(served.read_u8().await.unwrap(), b'?');
    let before = opened.load(Ordering::Relaxed);
    assert!(before < CROWD / 2, "{before} connections were opened first");

    for one in crowd {
        let opening = Clock::system().within(Duration::from_secs(10), one).await;
        opening.expect("everybody has a turn").unwrap();
    }
}
