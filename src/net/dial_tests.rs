//! A crowd of connections that are opened at once keeps nobody else from his turn.

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

    let crowd: Vec<_> = (0..CROWD)
        .map(|_| tokio::spawn(async move { open(address, Turn::take().await).await }))
        .collect();
    // Behind all of them in the queue.
    let asking = tokio::spawn(async move { client.write_all(b"?").await.map(|()| client) });
    assert_eq!(served.read_u8().await.unwrap(), b'?');
    // The kernel has accepted those that were begun.
    let listener = listener.into_std().unwrap();
    let begun = std::iter::from_fn(|| listener.accept().ok()).count();
    assert!((1..CROWD / 4).contains(&begun), "{begun} connections were begun first");

    asking.await.unwrap().unwrap();
    for one in crowd {
        let opening = Clock::system().within(Duration::from_secs(10), one).await;
        opening.expect("everybody has a turn").unwrap().unwrap();
    }
}
