//! A node as it is, but for its listeners: requests are handed to its plot, its connections end in memory,
//! and its stream is read by hand. Who asks it is kept here until there is an answer.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arc_swap::ArcSwap;
use fastrand::Rng;
use http::{HeaderMap, HeaderValue};
use tidegate::admin::gate::Gate;
use tidegate::admin::purge::Purges;
use tidegate::admin::{Admin, Status};
use tidegate::base::{
    Axis, Body, Budget, Clients, Clock, ClusterId, Names, Peer, Scheme, WorkerId,
};
use tidegate::config::{self, Config, Host, HostPattern, Location, SourceTerms};
use tidegate::fetch::Fetch;
use tidegate::flow::node::Positions;
use tidegate::flow::verify::Countdown;
use tidegate::flow::{Flow, Node, Running};
use tidegate::front::{Answer, Handler, Reply};
use tidegate::net::resolver::Resolver;
use tidegate::origin::Origins;
use tidegate::purge::{Desk, Name, Source, Sources};
use tidegate::reply::ErrorPages;
use tidegate::server::relay::Edges;
use tidegate::site::identity::RequestIds;
use tidegate::store::{Found, Judgement, Store};
use tidegate::stream::{Stream, between};
use tidegate::telemetry::{AccessLog, Labels, Telemetry};

use super::book::{HOST, Newest, Said, path};
use super::log::{Amid, Heeding, Reader, Reading, TOPIC};

/// Nodes that are fetched through.
pub const FAR: usize = 2;

/// What the nodes share.
pub struct Surroundings<'a> {
    pub clock: &'a Clock,
    pub resolver: &'a Resolver,
    pub random: &'a mut Rng,
}

pub struct Station {
    pub node: Arc<Node>,
    pub flow: Flow,
    admin: Admin,
    pub reading: Arc<Reading>,
    pub reader: Reader,
    asks: Arc<Mutex<Vec<Ask>>>,
}

/// Somebody who has asked.
pub struct Ask {
    pub what: Asked,
    reply: Option<Reply>,
}

/// What for.
#[derive(Clone, Debug)]
pub enum Asked {
    /// A page, and the purges that he knows of.
    Page(usize, Newest),
    /// That something is purged.
    Purge(super::book::Purge),
    /// The same of the control API.
    Api(super::book::Purge),
    /// That a page is changed, of the node alone or of one that fetches through others.
    Write(usize),
    /// A page, who says what only nodes may say.
    Stranger(usize, Newest),
}

#[derive(Debug)]
struct Told(Arc<Stream>);

impl Positions for Told {
    fn told(&self) -> Option<HeaderValue> {
        between::tell([&*self.0])
    }

    fn has_reached(&self, told: &[u8]) -> bool {
        between::have_reached([&*self.0], told)
    }
}

pub fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, host], 80))
}

/// Where the far node with that number is reached.
pub fn address_of(far: usize) -> SocketAddr {
    address(u8::try_from(10 + far).unwrap())
}

fn config(name: &str, is_near: bool) -> Config {
    let text = format!(
        "[node]\nname = '{name}'\nmemory = '256MiB'\nworkers = 1\n\
         [cache]\nmemory = '64MiB'\n[[listener]]\naddress = '127.0.0.1:1'\n\
         [log]\naccess = 'off'\n\
         [cluster.wiki]\nservers = ['127.0.0.1:80']\n\
         [site.wiki]\nhosts = ['{HOST}']\ncluster = 'wiki'\n\
         [[purge.stream]]\nbrokers = ['127.0.0.1:9092']\ntopics = ['{TOPIC}']\n"
    );
    let loaded = config::parse(&text, "model", Path::new("/"), &config::Ids::default());
    let mut config = loaded.unwrap_or_else(|errors| panic!("{errors}")).config;
    if is_near {
        let mut edges = (*config.clusters[0]).clone();
        let server = |far: usize| {
            let mut server = edges.locations[0].servers[0].clone();
            server.name = address_of(far).to_string().into();
            server.host = Host::Address(address_of(far).ip());
            server
        };
        let servers = (0..FAR).map(server).collect();
        edges.locations = vec![Location { servers, ..edges.locations[0].clone() }];
        (edges.id, edges.name, edges.is_tier) = (ClusterId(99), "edges".into(), true);
        config.edges = Some(Arc::new(edges));
    }
    config
}

impl Station {
    /// A node that is called `name`, and whether it is the near one.
    pub fn new(name: &str, is_near: bool, around: &mut Surroundings<'_>) -> Self {
        let (clock, budget) = (around.clock.clone(), Budget::new(1 << 40));
        let config = config(name, is_near);
        let stream = config.purge.streams[0].clone();
        let origins = Origins::build(&config, None, around.resolver, &budget, clock.now());
        let pages = ErrorPages::read(&config).unwrap();
        let running = Running::new(config, origins.unwrap(), pages);
        let store = Arc::new(Store::new(1 << 20, 4));
        let desk = Arc::new(Desk::new(Arc::clone(&store), running.sites.clone()));
        let node = Arc::new(Node {
            running: ArcSwap::from_pointee(running),
            fetch: Fetch::new(Arc::clone(&store), clock.clone(), budget.clone(), 1),
            store,
            watch: Arc::default(),
            countdown: Countdown::default(),
            sources: Arc::new(Sources::new(desk, clock.clone(), &budget)),
            streams: Arc::new(OnceLock::new()),
            clock: clock.clone(),
            budget,
            via: HeaderValue::try_from(format!("1.1 {name}")).unwrap(),
            clients: Clients::default(),
            request_ids: RequestIds::default(),
        });
        let edges = Arc::new(Edges::default());
        edges.belong_to(&node);
        node.sources.relay_by(edges);
        let flow = Flow::new(Arc::clone(&node), WorkerId(0));
        let admin = admin(&node);
        let (asks, reading) = (Arc::default(), Reading::new(around.random.fork()));
        let amid = {
            let (flow, asks) = (flow.clone(), Arc::clone(&asks));
            Amid(Box::new(move |key, newest| {
                ask(&flow, &asks, get(key), Asked::Page(key, newest), &client());
            }))
        };
        let terms = SourceTerms { hosts: vec![HostPattern::Any], rebound: Duration::ZERO };
        let source = Source::new(Arc::clone(&node.sources), Name::Stream, terms);
        let heeding = Heeding { source, reading: Arc::clone(&reading), amid };
        let stream =
            Stream::new(stream, &clock, around.resolver.clone(), Box::new(heeding)).unwrap();
        let stream = Arc::new(stream);
        node.streams.set(Arc::new(Told(Arc::clone(&stream)))).unwrap();
        let reader = Reader::new(stream, Arc::clone(&reading));
        Self { node, flow, admin, reading, reader, asks }
    }

    pub fn ask(&self, request: http::Request<Body>, what: Asked, peer: &Arc<Peer>) {
        ask(&self.flow, &self.asks, request, what, peer);
    }

    /// Has the control API take an order.
    pub fn order(&self, purge: super::book::Purge) {
        let request = http::Request::builder().method("POST").uri("/purge");
        let request = request.header("content-type", "application/json");
        let request = request.body(Body::from_bytes(purge.order().to_string())).unwrap();
        let reply = Some(self.admin.handle(request, &client()));
        self.asks.lock().unwrap().push(Ask { what: Asked::Api(purge), reply });
    }

    /// How many wait for an answer.
    pub fn waiting(&self) -> usize {
        self.asks.lock().unwrap().len()
    }

    /// Whether somebody waits for what `is` it.
    pub fn any(&self, is: impl Fn(&Asked) -> bool) -> bool {
        self.asks.lock().unwrap().iter().any(|ask| is(&ask.what))
    }

    /// The answer to whoever asked last, where it did not have to come.
    pub fn answer_at_once(&self) -> Option<(Asked, Answer)> {
        let last = |ask: &mut Ask| matches!(ask.reply, Some(Reply::Ready(_)));
        let ask = self.asks.lock().unwrap().pop_if(last)?;
        let Some(Reply::Ready(answer)) = ask.reply else { return None };
        Some((ask.what, answer))
    }

    /// The answers that have come.
    pub fn answers(&self) -> Vec<(Asked, Answer)> {
        // Whoever asks meanwhile is another's business.
        let mut asks = std::mem::take(&mut *self.asks.lock().unwrap());
        let mut answers = Vec::new();
        asks.retain_mut(|ask| match polled(&mut ask.reply) {
            Some(answer) => {
                answers.push((ask.what.clone(), answer));
                false
            }
            None => true,
        });
        self.asks.lock().unwrap().append(&mut asks);
        answers
    }

    /// What is stored of `key`, and whether it would be served as fresh.
    pub fn look(&self, key: usize) -> Option<(Said, bool)> {
        let text = tidegate::base::KeyText::new(HOST, &path(key));
        let axis = Axis::new(self.site(), Scheme::Http, None);
        let entry = self.node.store.peek(&text.key())?;
        let Found::Object { object, soft_purged } = entry.select(axis, &HeaderMap::new()) else {
            return None;
        };
        let judged = self.node.store.judge(&text.key(), &object);
        let fresh = judged == Judgement::Valid && !soft_purged;
        let said = Said::of(&object.head.fields.own()).expect("a page says when it was asked for");
        (judged != Judgement::Gone).then_some((said, fresh))
    }

    fn site(&self) -> tidegate::base::SiteId {
        self.node.running.load().config.sites[0].id
    }
}

/// The control API of a node.
fn admin(node: &Arc<Node>) -> Admin {
    let running = node.running.load();
    let gate = Gate::new(&running.config).unwrap();
    let purges = Arc::new(Purges::new(&node.sources, &node.store, &node.clock, gate));
    let (sites, clusters) = (Names::default(), Names::default());
    let labels = Labels { sites, clusters, node: running.config.node.name.clone() };
    let telemetry = Telemetry::new(node.clock.clone(), 1, labels, AccessLog::off()).unwrap();
    let status: Status = Arc::new(|| serde_json::Value::Null);
    Admin::new(telemetry, Vec::new(), status, Arc::default(), purges)
}

fn ask(
    flow: &Flow,
    asks: &Mutex<Vec<Ask>>,
    request: http::Request<Body>,
    what: Asked,
    peer: &Arc<Peer>,
) {
    // It comes as far as to what it must wait for.
    let mut reply = Some(flow.handle(request, peer));
    let reply = polled(&mut reply).map(Reply::Ready).or(reply);
    asks.lock().unwrap().push(Ask { what, reply });
}

/// The answer, once it has come.
pub fn polled(reply: &mut Option<Reply>) -> Option<Answer> {
    match reply.take()? {
        Reply::Ready(answer) => Some(answer),
        Reply::Later(mut later) => {
            match later.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => {
                    *reply = Some(Reply::Later(later));
                    None
                }
            }
        }
    }
}

pub fn request(method: &str, path: &str) -> http::request::Builder {
    let request = http::Request::builder().method(method).uri(path);
    request.version(http::Version::HTTP_2).header("host", HOST)
}

pub fn get(key: usize) -> http::Request<Body> {
    request("GET", &path(key)).body(Body::Empty).unwrap()
}

/// Somebody who may purge.
pub fn client() -> Arc<Peer> {
    Arc::new(Peer::plain(address(1), address(1)))
}

/// Somebody who may not.
pub fn stranger() -> Arc<Peer> {
    Arc::new(Peer::plain(address(1), SocketAddr::from(([192, 0, 2, 9], 99))))
}

/// The near node, as a far one sees it.
pub fn near() -> Arc<Peer> {
    let mut peer = Peer::plain(address(10), address(2));
    (peer.fleet, peer.tls) = (true, true);
    Arc::new(peer)
}
