//! After a 101: the client's connection and the origin's are joined, and bytes pass both ways
//! without being looked at, until a side closes or neither says anything for `idle`.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::line::Line;
use super::record::{End, Wait};
use crate::base::tunnel::Tunnel;

/// Joins the two sides of a changed protocol.
pub(super) async fn join(upgrade: OnUpgrade, mut tunnel: Tunnel, line: &Arc<Line>) -> End {
    let Ok(client) = upgrade.await else { return End::Left };
    let mut client = TokioIo::new(client);
    let mut copy = pin!(tokio::io::copy_bidirectional(&mut client, &mut tunnel.origin));

    // What the origin says is written to the client, so the client's socket sees both ways.
    let idle = line.serving.timeouts.idle;
    let mut passed = line.read() + line.written();
    let mut sleep = line.serving.clock.sleep(idle);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(over) = copy.as_mut().poll(cx) {
            return Poll::Ready(if over.is_ok() { End::Done } else { End::Left });
        }
        loop {
            std::task::ready!(Pin::new(&mut sleep).poll(cx));
            let now = line.read() + line.written();
            if now == passed {
                return Poll::Ready(End::Cut(Wait::Idle));
            }
            passed = now;
            sleep.reset(line.serving.clock.now() + idle);
        }
    })
    .await
}
