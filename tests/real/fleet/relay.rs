//! Links between datacenters where there is but one network: relays of TCP connections, which delay what they
//! carry, cut it off and swallow it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use tidegate::base::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::world::Link;

/// What a link between two datacenters takes in one direction.
const DELAY: Duration = Duration::from_millis(5);

/// A relay before `server`.
pub(super) async fn relay(server: SocketAddr, link: Arc<AtomicU8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let link = Arc::clone(&link);
            if link.load(Relaxed) == Link::Cut as u8 {
                continue;
            }
            tokio::spawn(async move {
                let Ok(far) = TcpStream::connect(server).await else { return };
                let ((mut near_in, mut near_out), (mut far_in, mut far_out)) =
                    (near.into_split(), far.into_split());
                let there = carry(&mut near_in, &mut far_out, &link, false);
                let back = carry(&mut far_in, &mut near_out, &link, true);
                tokio::select! { () = there => {}, () = back => {} }
            });
        }
    });
    address
}

async fn carry(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    link: &AtomicU8,
    back: bool,
) {
    let clock = Clock::system();
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        clock.sleep(DELAY).await;
        let now = link.load(Relaxed);
        if now == Link::Cut as u8 {
            return;
        }
        let lost = back && now == Link::OneWay as u8;
        if !lost && to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}
