//! The thread that makes up for wide purges: a while after one it has the store swept, so that what was
//! killed gives its memory back and the floors can be forgotten. It works beside the request cores, and
//! with long pauses: purges are in force without it.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::Builder;

use super::Shared;
use crate::base::Seq;

/// How often it is looked whether there was a wide purge.
const LOOK: Duration = Duration::from_secs(1);
/// How long fetches are left to come home before what they asked for cannot be stored any more.
const LEAVE: Duration = Duration::from_secs(5);

/// Starts the thread.
///
/// # Errors
/// The system gives no thread, or no runtime.
pub(super) fn start(shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("sweeper".into()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = shared.stop.wait() => {}
                () = sweep(&shared) => {}
            }
        });
    })
}

async fn sweep(shared: &Shared) {
    let (store, clock) = (&shared.node.store, &shared.node.clock);
    let mut done = Seq(0);
    loop {
        clock.sleep(LOOK).await;
        let upto = store.wide().newest();
        if upto > done {
            clock.sleep(LEAVE).await;
            let began = clock.now();
            let swept = store.sweep(upto);
            let took = clock.now().saturating_duration_since(began);
            store.counts().sweeps.add(swept, took);
            tracing::debug!(?swept, ?took, seq = upto.0, "swept what wide purges had covered");
            done = upto;
        }
    }
}
