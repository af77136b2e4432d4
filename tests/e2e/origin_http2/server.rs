//! An origin that speaks HTTP/2: what it does follows from the path that it is asked for, and it keeps what
//! it was asked.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::server::{self, SendResponse};
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use tidegate::base::Clock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsAcceptor;

use crate::kit::{pki, wait::Watched};

/// What is asked for as `/large`, in bytes: more than any window.
pub(super) const LARGE: usize = 4 << 20;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) connection: usize,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Option<HeaderMap>,
}

/// The server; it stops when dropped.
pub(super) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: oneshot::Sender<()>,
}

struct Shared {
    seen: Watched<Vec<Seen>>,
    /// Lets requests for `/held` be answered.
    gate: Semaphore,
}

impl Server {
    /// Without TLS, by prior knowledge.
    pub(super) fn start() -> Self {
        Self::listen(None)
    }

    /// As `localhost`, with a certificate of the test's CA.
    pub(super) fn start_tls() -> Self {
        let mut config = pki::server_config("localhost");
        Arc::make_mut(&mut config).alpn_protocols = vec![b"h2".to_vec()];
        Self::listen(Some(TlsAcceptor::from(config)))
    }

    fn listen(tls: Option<TlsAcceptor>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let address = listener.local_addr().expect("a bound socket has an address");
        listener.set_nonblocking(true).expect("a socket can be told so");
        let shared = Arc::new(Shared { seen: Watched::default(), gate: Semaphore::new(0) });
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("the system gives a runtime what it needs").block_on(async {
                let accepting = accept(listener, tls, serving);
                tokio::select! { () = accepting => {}, _ = stopped => {} }
            });
        });
        Self { address, shared, _stop: stop }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was asked for as `path`.
    pub(super) fn seen(&self, path: &str) -> Vec<Seen> {
        let is = |one: &&Seen| one.uri.path() == path;
        self.shared.seen.look(|all| all.iter().filter(is).cloned().collect())
    }

    /// Waits until that are so many.
    #[track_caller]
    pub(super) fn wait_for(&self, path: &str, count: usize) {
        let there = |all: &Vec<Seen>| {
            (all.iter().filter(|one| one.uri.path() == path).count() >= count).then_some(())
        };
        self.shared.seen.wait_for(there).unwrap_or_else(|| panic!("{path} is not asked for"));
    }

    /// Lets what is held be answered.
    pub(super) fn open(&self) {
        self.shared.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }
}

async fn accept(listener: std::net::TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).expect("a runtime takes a socket");
    let mut connection = 0;
    while let Ok((stream, _)) = listener.accept().await {
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => serve(stream, connection, shared).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => serve(stream, connection, shared).await,
                    Err(_) => None,
                },
            }
        });
        connection += 1;
    }
}

async fn serve(
    io: impl AsyncRead + AsyncWrite + Unpin,
    number: usize,
    shared: Arc<Shared>,
) -> Option<()> {
    let mut connection = server::handshake(io).await.ok()?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted.ok()?;
        match request.uri().path() {
            // Whoever waits for this connection waits for ever.
            "/silent" => {
                note(&shared, number, request, false).await;
                return std::future::pending().await;
            }
            "/closes" if number == 0 => return None,
            "/leaves" => connection.graceful_shutdown(),
            _ => {}
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { answer(request, respond, number, &shared).await });
    }
    Some(())
}

/// Keeps a request; its body is read to the end where that is wanted.
async fn note(
    shared: &Shared,
    connection: usize,
    request: Request<RecvStream>,
    whole: bool,
) -> Option<Seen> {
    let (head, mut stream) = request.into_parts();
    let (mut body, mut trailers) = (Vec::new(), None);
    if whole {
        while let Some(piece) = stream.data().await {
            let piece = piece.ok()?;
            stream.flow_control().release_capacity(piece.len()).ok()?;
            body.extend_from_slice(&piece);
        }
        trailers = stream.trailers().await.ok()?;
    }
    let (method, uri, headers) = (head.method, head.uri, head.headers);
    let seen = Seen { connection, method, uri, headers, body, trailers };
    shared.seen.change(|all| all.push(seen.clone()));
    Some(seen)
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    connection: usize,
    shared: &Shared,
) -> Option<()> {
    let path = request.uri().path().to_owned();
    let before = shared.seen.look(|all| all.iter().filter(|one| one.uri.path() == path).count());
    // One that is refused is not read.
    let refused = path.starts_with("/refused") && before == 0;
    let seen = note(shared, connection, request, !refused).await?;
    let life = match path.as_str() {
        "/modified" => "max-age=0",
        "/large" => "no-store",
        _ => "max-age=60",
    };
    let page = Response::builder().header("cache-control", life);
    match path.as_str() {
        _ if refused => {
            respond.send_reset(Reason::REFUSED_STREAM);
            return None;
        }
        "/broken" => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            return None;
        }
        "/held" => shared.gate.acquire().await.ok()?.forget(),
        "/hinted" => {
            let hint = Response::builder().status(103).header("link", "</a>; rel=preload");
            respond.send_informational(hint.body(()).ok()?).ok()?;
        }
        _ => {}
    }
    let page = match path.as_str() {
        "/modified" if seen.headers.contains_key("if-none-match") => {
            let page = page.status(304).header("etag", "\"1\"").header("content-length", "4");
            respond.send_response(page.body(()).ok()?, true).ok()?;
            return Some(());
        }
        "/modified" => page.header("etag", "\"1\""),
        "/short" => page.header("content-length", "100"),
        "/large" => page.header("content-length", LARGE),
        _ => page,
    };
    if seen.method == Method::HEAD {
        let page = page.header("content-length", "1000");
        respond.send_response(page.body(()).ok()?, true).ok()?;
        return Some(());
    }
    let mut stream = respond.send_response(page.body(()).ok()?, false).ok()?;
    match path.as_str() {
        "/trailed" => {
            stream.send_data(Bytes::from_static(b"one "), false).ok()?;
            Clock::system().sleep(std::time::Duration::from_millis(1)).await;
            stream.send_data(Bytes::from_static(b"two"), false).ok()?;
            let trailers = [("server-timing", HeaderValue::from_static("all;dur=1"))];
            let named = trailers.map(|(name, value)| (name.parse().expect("a name"), value));
            stream.send_trailers(HeaderMap::from_iter(named)).ok()?;
        }
        "/large" => stream.send_data(Bytes::from(vec![b'x'; LARGE]), true).ok()?,
        "/echo" => stream.send_data(Bytes::from(seen.body), true).ok()?,
        "/cut" => {
            stream.send_data(Bytes::from_static(b"half"), false).ok()?;
            stream.send_reset(Reason::INTERNAL_ERROR);
        }
        _ => stream.send_data(Bytes::from_static(b"page"), true).ok()?,
    }
    Some(())
}
