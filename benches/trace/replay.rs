//! The trace over sockets: some connections take one request after the other, so that the order
//! stays what it was but for neighbours; each answer is compared with the page byte for byte.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::pages::Text;
use crate::workload::Trace;

/// Connections.
const CONNECTIONS: usize = 16;
/// Between two looks at the memory of a server.
const LOOK: Duration = Duration::from_millis(500);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most that `memory` says while `work` is done, and what came of the work.
pub fn watched<T>(memory: impl Fn() -> u64 + Send, work: impl FnOnce() -> T) -> (u64, T) {
    std::thread::scope(|scope| {
        let (done, ended) = mpsc::channel::<()>();
        let watcher = scope.spawn(move || {
            let mut peak = memory();
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                peak = peak.max(memory());
            }
            peak.max(memory())
        });
        let result = work();
        drop(done);
        (watcher.join().expect("it only looks"), result)
    })
}

/// Asks the server on `port` for the first `count` requests; how many were answered wrongly.
pub fn replay(trace: &Arc<Trace>, text: &Text, count: usize, port: u16) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let run = Rc::new(Run {
        trace: Arc::clone(trace),
        text: text.clone(),
        count,
        port,
        next: Cell::new(0),
        failed: Cell::new(0),
    });
    let tasks = LocalSet::new();
    for _ in 0..CONNECTIONS {
        tasks.spawn_local(Rc::clone(&run).connection());
    }
    runtime.expect("a runtime").block_on(tasks);
    run.failed.get()
}

struct Run {
    trace: Arc<Trace>,
    text: Text,
    count: usize,
    port: u16,
    next: Cell<usize>,
    failed: Cell<u64>,
}

type Sender = SendRequest<Empty<Bytes>>;

impl Run {
    async fn connection(self: Rc<Self>) {
        let mut sender = None;
        while let Some(key) = self.next() {
            match tokio::time::timeout(PATIENCE, self.ask(sender.take(), key)).await {
                Ok(Some(ready)) => sender = Some(ready),
                Ok(None) | Err(_) => self.failed.set(self.failed.get() + 1),
            }
        }
    }

    fn next(&self) -> Option<u32> {
        let at = self.next.replace(self.next.get() + 1);
        self.trace.requests[..self.count].get(at).copied()
    }

    /// The connection, where the answer was right.
    async fn ask(&self, sender: Option<Sender>, key: u32) -> Option<Sender> {
        let mut sender = match open(sender).await {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let request = Request::get(format!("/wiki/{key}"))
            .header(HOST, "wiki.test")
            .body(Empty::new())
            .expect("it is a path");
        let answer = sender.send_request(request).await.ok()?;
        let mut rest = self.text.page(key, self.trace.sizes[key as usize]);
        let right = answer.status() == StatusCode::OK;
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.ok()?.into_data() else { continue };
            if !rest.starts_with(&data) {
                return None;
            }
            let _ = rest.split_to(data.len());
        }
        (right && rest.is_empty()).then_some(sender)
    }

    async fn connect(&self) -> Option<Sender> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::task::spawn_local(connection);
        Some(sender)
    }
}

/// The connection, unless the server has closed it.
async fn open(sender: Option<Sender>) -> Option<Sender> {
    let mut sender = sender?;
    sender.ready().await.is_ok().then_some(sender)
}
