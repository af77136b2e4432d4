//! An origin: pages by number, as long as the bench says.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LAST_MODIFIED, SERVER};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::pages::Text;

/// The length of each page that there is; asked once a request.
pub type Lengths = Arc<dyn Fn(u32) -> Option<u32> + Send + Sync>;

/// An origin that runs until the bench ends.
pub struct Origin {
    pub port: u16,
}

impl Origin {
    /// Starts it on a thread of its own.
    pub fn start(lengths: Lengths, text: Text) -> Self {
        let listener = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .expect("there is a loopback");
        let port = listener.local_addr().expect("it is bound").port();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(serve(listener, lengths, text));
        });
        Self { port }
    }
}

async fn serve(listener: std::net::TcpListener, lengths: Lengths, text: Text) {
    listener.set_nonblocking(true).expect("a socket can");
    let listener = TcpListener::from_std(listener).expect("it listens");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let (lengths, text) = (Arc::clone(&lengths), text.clone());
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                std::future::ready(Ok::<_, Infallible>(answer(&request, &*lengths, &text)))
            });
            // A connection that a cache breaks off is the cache's affair.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn answer(
    request: &Request<Incoming>,
    lengths: &dyn Fn(u32) -> Option<u32>,
    text: &Text,
) -> Response<Full<Bytes>> {
    let page = request.uri().path().strip_prefix("/wiki/").and_then(|page| page.parse().ok());
    let page = page.and_then(|number| lengths(number).map(|length| (number, length)));
    let Some((number, length)) = page else {
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = StatusCode::NOT_FOUND;
        return answer;
    };
    Response::builder()
        .header(CACHE_CONTROL, "public, max-age=86400")
        .header(CONTENT_TYPE, "text/html; charset=utf-8")
        .header(ETAG, format!("\"{number:08x}-{length:08x}\""))
        .header(LAST_MODIFIED, "Sun, 06 Nov 1994 08:49:37 GMT")
        .header(SERVER, "origin")
        .body(Full::new(text.page(number, length)))
        .expect("the fields are constants")
}
