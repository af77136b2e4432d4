//! After a 101: the client's connection and the origin's are joined, and bytes pass both ways
//! without being looked at, until a side closes or neither says anything for `idle`.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use super::line::Line;
use super::record::{End, Wait};
use super::transport::Transport;
use crate::base::tunnel::Tunnel;
use crate::wire::Rewound;

/// Joins the two sides of a changed protocol.
pub(super) async fn join(
    mut client: Rewound<Transport>,
    mut tunnel: Tunnel,
    line: &Arc<Line>,
) -> End {
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
