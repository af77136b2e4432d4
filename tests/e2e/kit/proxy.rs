//! The proxy under test: started in this process, reached through real sockets only.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use tidegate::base::Clock;
use tidegate::config::Ids;
use tidegate::server::{Parts, Server};

use super::client::Client;
use super::origin::Origin;
use super::raw::Raw;
use super::request::Request;
use super::response::Response;
use super::setup::{self, Setup};
use super::wait::{DEADLINE, eventually, soon};

/// A running proxy. Stops when dropped, and fails the test if anything in it panicked.
pub struct Proxy {
    server: Option<Server>,
    setup: Setup,
    clock: Clock,
    ids: Ids,
    dir: PathBuf,
}

impl Proxy {
    /// A configuration in front of `origin`, to be changed and started.
    #[allow(clippy::new_ret_no_self, reason = "a test reads `Proxy::new(&origin).tls().start()`")]
    pub fn new(origin: &Origin) -> Setup {
        Setup::new(origin)
    }

    #[track_caller]
    pub(super) fn start(setup: Setup, clock: Clock) -> Self {
        let (dir, ids) = (scratch(), Ids::default());
        let loaded = setup.lower(&dir, &ids).unwrap_or_else(|errors| panic!("{errors}"));
        let parts = Parts { clock: clock.clone(), ids: ids.clone() };
        let server = Server::start(loaded, parts).expect("the proxy starts");
        Self { server: Some(server), setup, clock, ids, dir }
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("the proxy runs until it is joined")
    }

    fn listener(&self, host: u8, what: &str) -> SocketAddr {
        setup::find(&self.setup, &self.server().addresses(), host, what)
    }

    /// Where HTTP is served.
    pub fn http(&self) -> SocketAddr {
        self.listener(1, "plain listener")
    }

    /// Where other nodes are served.
    pub fn for_nodes(&self) -> SocketAddr {
        self.listener(5, "listener for nodes")
    }

    /// Where HTTPS is served.
    pub fn https(&self) -> SocketAddr {
        self.listener(2, "TLS listener")
    }

    /// Where only PURGE is served.
    pub fn purges(&self) -> SocketAddr {
        self.listener(3, "purge listener")
    }

    /// The plain listener that was added.
    pub fn another(&self) -> SocketAddr {
        self.listener(4, "second plain listener")
    }

    /// The listener that the configuration names last.
    pub fn last_listener(&self) -> SocketAddr {
        *self.server().addresses().last().expect("there is a listener")
    }

    /// Where operators ask.
    pub fn admin(&self) -> SocketAddr {
        self.server().admin_address().expect("the setup has an admin listener")
    }

    /// A new HTTP/1.1 client.
    pub fn http1(&self) -> Client {
        Client::http1(self.http())
    }

    /// A new HTTP/1.1 client over TLS.
    pub fn http1_tls(&self) -> Client {
        Client::http1_tls(self.https())
    }

    /// A new HTTP/2 client.
    pub fn http2(&self) -> Client {
        Client::http2(self.https())
    }

    /// A new raw connection.
    pub fn raw(&self) -> Raw {
        Raw::connect(self.http())
    }

    /// Purges `path` of `wiki.test` and makes sure that it was applied.
    #[track_caller]
    pub fn purge(&self, path: &str) {
        let receipt = self.http1().send(Request::new("PURGE", path));
        assert!((200..300).contains(&receipt.status), "{receipt:?}");
    }

    /// What the admin listener answers for `path`.
    #[track_caller]
    pub fn ask(&self, path: &str) -> Response {
        Client::http1(self.admin()).send(super::get(path).host("admin.test"))
    }

    /// The node's state.
    #[track_caller]
    pub fn status(&self) -> serde_json::Value {
        let status = self.ask("/status").expect(200);
        serde_json::from_slice(&status.body).expect("the status is JSON")
    }

    /// The sum of the samples whose name and labels are those of `selector`; other labels may have
    /// any value. 0 where there is none.
    #[track_caller]
    pub fn metric(&self, selector: &str) -> f64 {
        let text = self.ask("/metrics").expect(200).text();
        let (name, labels) = sample(selector);
        let samples = text.lines().filter_map(|line| line.rsplit_once(' '));
        let matching = samples.filter(|(series, _)| {
            let (its_name, its_labels) = sample(series);
            its_name == name && labels.iter().all(|label| its_labels.contains(label))
        });
        matching.map(|(_, value)| value.parse::<f64>().expect("a sample is a number")).sum()
    }

    /// Waits until [`metric`](Self::metric) gives `value`.
    #[track_caller]
    pub fn wait_for_metric(&self, selector: &str, value: f64) {
        eventually(&format!("{selector} is {value}"), || {
            (self.metric(selector) - value).abs() < f64::EPSILON
        });
    }

    /// Waits until `n` clients wait for fetches that others lead.
    #[track_caller]
    pub fn wait_for_waiters(&self, n: u32) {
        self.wait_for_metric("tidegate_waiters", n.into());
    }

    /// Moves the clock by hand.
    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Makes the calendar jump while no time passes.
    pub fn jump_calendar(&self, seconds: i64) {
        self.clock.jump_wall(seconds);
    }

    /// Moves the clock by hand, second by second, until `condition` holds: for timers that the
    /// proxy sets at a moment that the test cannot see. `most` seconds must be enough for it.
    #[track_caller]
    pub fn advance_until(&self, what: &str, most: u64, mut condition: impl FnMut() -> bool) {
        for _ in 0..most {
            // What was woken gets the time to act.
            if soon(&mut condition) {
                return;
            }
            self.advance(1);
        }
        // A timer that was set only meanwhile counts from then.
        eventually(what, || {
            soon(&mut condition) || {
                self.advance(1);
                false
            }
        });
    }

    /// Reads `setup` as a reload would; what was kept of the old one is the proxy's business.
    ///
    /// # Errors
    /// Why the proxy refused it; it goes on as before.
    pub fn reload(&mut self, setup: Setup) -> Result<(), String> {
        let loaded = setup.lower(&self.dir, &self.ids)?;
        self.server().reload(loaded).map_err(|error| error.to_string())?;
        self.setup = setup;
        Ok(())
    }

    /// What it was started with, to be changed and reloaded.
    pub fn setup(&self) -> Setup {
        self.setup.clone()
    }

    /// Begins a shutdown, as SIGTERM does.
    pub fn drain(&self) {
        self.server().drain();
    }

    /// Waits for the end of a shutdown; what it says comes when it is over.
    pub fn join(&mut self) -> Joining {
        let server = self.server.take().expect("a proxy is joined once");
        in_background(move || server.join())
    }
}

/// The end of a shutdown.
pub struct Joining(mpsc::Receiver<()>);

impl Joining {
    /// Whether it has come.
    pub fn is_over(&self) -> bool {
        !matches!(self.0.try_recv(), Err(mpsc::TryRecvError::Empty))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if self.server.is_some() && !std::thread::panicking() {
            // Floats of a count: exact.
            assert!(self.metric("tidegate_panics_total") < 0.5, "something in the proxy panicked");
        }
        if let Some(server) = self.server.take() {
            // A server that cannot end must fail its test, not hang all others.
            let stopped = in_background(move || drop(server));
            let ended = stopped.0.recv_timeout(DEADLINE).is_ok();
            assert!(ended || std::thread::panicking(), "the proxy does not stop");
        }
        // What is left lies in the build folder and does no harm.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn in_background(work: impl FnOnce() + Send + 'static) -> Joining {
    let (done, over) = mpsc::channel();
    std::thread::spawn(move || {
        work();
        // A test that does not want to know any more has ended.
        let _ = done.send(());
    });
    Joining(over)
}

fn scratch() -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("e2e-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&dir).expect("the build folder takes files");
    dir
}

/// The name and the labels of a sample.
fn sample(series: &str) -> (&str, Vec<&str>) {
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.trim_end_matches('}').split(',').map(str::trim);
    (name, labels.filter(|label| !label.is_empty()).collect())
}
