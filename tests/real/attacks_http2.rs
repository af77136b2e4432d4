//! One client an attack class of HTTP/2, and beside it an honest one.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::client::{Protocol, Way};
use super::corpus::Corpus;
use super::edge::{Edge, HOST};
use super::frames::{self, Came, GOAWAY, PING, frame};
use super::honest::{Span, Trial};
use super::nginx::Nginx;
use super::wait::{alone, runtime};

#[test]
#[ignore = "needs nginx, wrk, h2load, curl from Debian: tests/real/install"]
fn no_attack_over_http2_is_felt_by_an_honest_client() {
    let _alone = alone();
    let nginx = Nginx::start("");
    let corpus = Corpus::write(&nginx.pages(), 20);
    let edge = Edge::start(nginx.address(), "64MiB");
    let trial = Trial::new(&edge, Way::to(&edge, Protocol::Http2), &corpus.path(1));
    trial.run("nothing", 1, |span| {
        std::thread::park_timeout(Duration::from_millis(50).min(span.left()));
        "waited".to_owned()
    });
    trial.run("PING flood", 1, |span| {
        let burst = frame(PING, 0, 0, &[0; 8]).repeat(500);
        runtime().block_on(flood(&edge, span, &burst))
    });
    edge.stop();
}

async fn flood(edge: &Edge, span: &Span, burst: &[u8]) -> String {
    let tcp = TcpStream::connect(edge.tls).await.expect("the edge listens");
    let name = HOST.try_into().expect("a hostname");
    let tls = TlsConnector::from(edge.identity.client("h2")).connect(name, tcp).await;
    let tls = tls.expect("the edge speaks TLS");
    let (mut read, mut write) = tokio::io::split(tls);
    let send = async {
        write.write_all(&frames::hello(&[])).await?;
        while !span.is_over() {
            write.write_all(burst).await?;
        }
        std::io::Result::Ok(())
    };
    let take = async {
        let mut bytes = Vec::new();
        loop {
            match read.read_buf(&mut bytes).await {
                Ok(0) => return "closed".to_owned(),
                Err(error) => return format!("{:?}", error.kind()),
                Ok(_) => {}
            }
            while let Some(came) = Came::take(&mut bytes) {
                if came.kind == GOAWAY {
                    return format!("GOAWAY {} {}", came.code(), came.debug_data());
                }
            }
        }
    };
    tokio::select! {
        biased;
        said = take => said,
        Ok(()) = send => "held".to_owned(),
    }
}
