//! A client that writes HTTP/2 frames by hand over TLS, reads whatever comes, and says how the edge
//! parted from it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tidegate::base::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::edge::{Edge, HOST};
use super::frames::{self, Came, GOAWAY, RST_STREAM};
use super::honest::Span;

/// The outcome of an attack that the end of its time ended.
pub const UNFINISHED: &str = "unfinished";

/// A connection that has said hello.
pub struct Attacker<'a> {
    write: WriteHalf<TlsStream<TcpStream>>,
    span: &'a Span,
    heard: Rc<Heard>,
}

/// What has come.
#[derive(Default)]
pub struct Heard {
    /// RST_STREAM frames.
    resets: Cell<u32>,
    /// The last GOAWAY's code and debug data, or what the attacker says.
    said: RefCell<Option<String>>,
}

impl Attacker<'_> {
    /// Sends `bytes`; false when the connection or the attack is over.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        !self.span.is_over() && self.write.write_all(bytes).await.is_ok()
    }

    /// Sends `bytes` again and again, until the connection or the attack is over.
    pub async fn flood(&mut self, bytes: &[u8]) {
        while self.send(bytes).await {}
    }

    /// Sends what `next` makes of 0, 1, 2…, with `pause` between.
    pub async fn trickle(&mut self, pause: Duration, mut next: impl FnMut(u32) -> Vec<u8>) {
        for n in 0.. {
            if !self.send(&next(n)).await {
                return;
            }
            self.wait(pause).await;
        }
    }

    /// Waits.
    pub async fn wait(&self, pause: Duration) {
        Clock::system().sleep(pause).await;
    }

    /// How the attack ended, where the edge need not say it.
    pub fn say(&self, said: String) {
        *self.heard.said.borrow_mut() = Some(said);
    }

    /// Waits for the end of the connection or of the attack.
    pub async fn hold(&mut self) {
        self.trickle(Duration::from_millis(20), |_| Vec::new()).await;
    }

    /// How many streams were reset.
    pub fn resets(&self) -> u32 {
        self.heard.resets.get()
    }
}

/// Connects, says hello with `settings`, and lets `attack` do what it does; how it ended: the last
/// GOAWAY, or that it was cut without one, or that it was not cut at all.
pub async fn raid<'a>(
    edge: &Edge,
    span: &'a Span,
    settings: &[(u16, u32)],
    attack: impl AsyncFnOnce(&mut Attacker<'a>),
) -> String {
    let tcp = TcpStream::connect(edge.tls).await.expect("the edge listens");
    let name = HOST.try_into().expect("a hostname");
    let tls = TlsConnector::from(edge.identity.client("h2")).connect(name, tcp).await;
    let (read, write) = tokio::io::split(tls.expect("the edge speaks TLS"));
    let heard = Rc::new(Heard::default());
    let mut attacker = Attacker { write, span, heard: Rc::clone(&heard) };
    let script = async {
        if attacker.send(&frames::hello(settings)).await {
            attack(&mut attacker).await;
        }
        // What could not be sent may have been answered.
        if heard.said.borrow().is_none() {
            attacker.wait(Duration::from_millis(500)).await;
        }
    };
    let ended = tokio::select! {
        biased;
        () = listen(read, &heard) => true,
        () = script => false,
    };
    let said = heard.said.borrow_mut().take();
    match (said, ended) {
        (Some(said), _) => said,
        (None, true) => "cut".to_owned(),
        (None, false) if span.is_over() => UNFINISHED.to_owned(),
        (None, false) => "not cut".to_owned(),
    }
}

/// Reads until the connection ends.
async fn listen(mut read: ReadHalf<TlsStream<TcpStream>>, heard: &Heard) {
    let mut bytes = Vec::new();
    while let Ok(1..) = read.read_buf(&mut bytes).await {
        while let Some(came) = Came::take(&mut bytes) {
            match came.kind {
                GOAWAY => {
                    let said = format!("GOAWAY {} {}", came.code(), came.debug_data());
                    *heard.said.borrow_mut() = Some(said);
                }
                RST_STREAM => heard.resets.set(heard.resets.get() + 1),
                _ => {}
            }
        }
    }
}
