//! What an edge nearby is worth to a far reader: whole page loads, each over a new connection, from the edge
//! of the origin's datacenter, through a datacenter nearby that only caches and has nothing of it, and
//! from there once it is stored. By hand, between namespaces (`network`): `tests/real/README.md`.

use std::fs;
use std::net::SocketAddr;
use std::ops::Range;
use std::thread::JoinHandle;
use std::time::Duration;

use http::{HeaderMap, Method};
use tidegate::base::Clock;

use super::client::{Connection, Protocol, Way};
use super::edge::{Edge, HOST, Ports};
use super::network::distance::{DETOUR, Spot};
use super::network::{Network, address, by_hand};
use super::process::Scratch;
use super::tls::{Authority, Identity};
use super::vast_origin::VastOrigin;
use super::wait::{alone, runtime, setting, within};

const ASHBURN: Spot = Spot(39.0, -77.5);
const READERS: [(&str, Spot); 3] = [
    ("Singapore", Spot(1.4, 103.8)),
    ("São Paulo", Spot(-23.5, -46.6)),
    ("Sydney", Spot(-33.9, 151.2)),
];

/// What a packet takes from a reader to a datacenter in the same town; all their ways begin with it.
const ACCESS: Duration = Duration::from_millis(5);

/// Bytes of a page and of each of its parts, as they are sent.
const HTML: usize = 30_000;
const PART: usize = 15_000;
const PARTS: usize = 20;

/// Loads that are not counted: connections between the edges are kept from then on.
const FIRST: u64 = 5;
/// Longer than any load takes.
const LIMIT: Duration = Duration::from_secs(30);

// The places: the origin's datacenter, one near each reader, each reader's own, the operator's.
const ORIGIN: usize = 0;
const NEAR: usize = 1;
const READER: usize = NEAR + READERS.len();
const OPERATOR: usize = READER + READERS.len();

/// Page loads in order of time: direct, near and cold, near and warm.
type Loads = [Vec<Duration>; 3];

/// An edge in front of `origin` for readers and nodes, in a datacenter that may be one which only caches.
fn edge(network: &Network, place: usize, origin: SocketAddr, more: &str) -> Edge {
    let ports = Ports::of(address(place, 11));
    let [_, tls, _, admin] = ports.addresses();
    let name = if place == ORIGIN { "far" } else { "near" };
    let toml = format!(
        "[node]\nname = \"{name}-{place}\"\ndatacenter = \"{name}\"\nworkers = 1\nmemory = \"512MiB\"\n\
         drain_delay = \"100ms\"\n[admin]\naddress = \"{admin}\"\n[log]\naccess = \"off\"\n\
         [[certificate]]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n\
         [[listener]]\naddress = \"{tls}\"\ntls = true\n{more}\
         [datacenter.far]\nedges = [\"https://{}\"]\n\
         [datacenter.near]\nmisses = \"edges\"\n\
         [cluster.wiki.datacenter.far]\nservers = [\"{origin}\"]\n\
         [site.wiki]\nhosts = [\"{HOST}\"]\ncluster = \"wiki\"\n",
        for_nodes(ORIGIN),
    );
    let command = network.at(place, &super::edge::program());
    Edge::serve_by(command, &ports, Identity::new(HOST), &toml)
}

fn for_nodes(place: usize) -> SocketAddr {
    (address(place, 11), 8444).into()
}

/// Loads page `id` by a new connection, its parts together once the page is there; what it took.
async fn load(way: &Way, id: u64, hit: bool) -> Duration {
    let clock = Clock::system();
    let begun = clock.now();
    let mut connection = way.connect().await.expect("it connects");
    fetch(&mut connection, format!("/u/{id}/{HTML}"), hit).await;
    let parts: Vec<_> = (0..PARTS)
        .map(|part| {
            let mut connection = connection.share().expect("HTTP/2 is shared");
            tokio::spawn(async move {
                fetch(&mut connection, format!("/u/{id}-{part}/{PART}"), hit).await;
            })
        })
        .collect();
    for part in parts {
        part.await.expect("a part comes");
    }
    clock.now() - begun
}

async fn fetch(connection: &mut Connection, path: String, hit: bool) {
    let answer = connection.fetch(Method::GET, &path, HeaderMap::new()).await.expect("it answers");
    assert_eq!(answer.status(), 200);
    assert!(path.ends_with(&format!("/{}", answer.body().len())));
    // The edge that is asked adds its own last.
    let mut status = answer.headers().get_all("cache-status").iter();
    let status = status.next_back().and_then(|value| value.to_str().ok()).unwrap_or("none");
    assert_eq!(status.contains("; hit"), hit, "{status}");
}

/// All edges, and what is between them and their readers.
struct Stage<'a> {
    network: &'a Network,
    far: Edge,
    near: Vec<Edge>,
    /// The first page that nobody has loaded yet.
    next: u64,
    _origin: VastOrigin,
    _folder: Scratch,
}

impl<'a> Stage<'a> {
    fn new(network: &'a Network) -> Self {
        let (folder, authority) = (Scratch::new("fleet"), Authority::new());
        let origin = network.inside(ORIGIN, || VastOrigin::start_on(address(ORIGIN, 21)));
        let start = |place| {
            let door = authority.node(for_nodes(place), folder.path());
            edge(network, place, origin.address(), &door)
        };
        let (far, near) = (start(ORIGIN), (NEAR..READER).map(start).collect());
        Self { network, far, near, next: 0, _origin: origin, _folder: folder }
    }

    /// Has all readers load so many pages at once, each in every way, once the far edge has them.
    fn measure(&mut self, loads: u64) -> Vec<Loads> {
        let each = loads + FIRST;
        let begin = self.next;
        self.next += each * READERS.len() as u64;
        let way = |edge| Way::to(edge, Protocol::Http2).as_a_stranger();
        let far = way(&self.far);
        runtime().block_on(async {
            for id in begin..self.next {
                load(&far, id, false).await;
            }
        });
        let readers: Vec<JoinHandle<Loads>> = (self.near.iter().enumerate())
            .map(|(reader, near)| {
                let (far, near) = (far.clone(), way(near));
                let begin = begin + each * reader as u64;
                let read = move || runtime().block_on(read(&far, &near, begin..begin + each));
                self.network.spawn(READER + reader, read)
            })
            .collect();
        readers.into_iter().map(|reader| reader.join().expect("a reader does not panic")).collect()
    }
}

/// Loads each page in every way; the loads that count.
async fn read(far: &Way, near: &Way, pages: Range<u64>) -> Loads {
    let (mut loads, counted) = (Loads::default(), pages.start + FIRST);
    for id in pages {
        for (at, (way, hit)) in [(far, true), (near, false), (near, true)].into_iter().enumerate() {
            let took = within("a page", LIMIT, load(way, id, hit)).await;
            if id >= counted {
                loads[at].push(took);
            }
        }
    }
    loads.iter_mut().for_each(|loads| loads.sort());
    loads
}

/// Median and 95th percentile.
fn told(loads: &[Duration]) -> String {
    let [median, p95] = [50, 95].map(|part| loads[(loads.len() * part / 100).min(loads.len() - 1)]);
    format!("{} / {} ms", median.as_millis(), p95.as_millis())
}

fn row(name: &str, far: &str, loads: &Loads) -> String {
    let [direct, cold, warm] = loads.each_ref().map(|loads| told(loads));
    format!("| {name} | {far} | {direct} | {cold} | {warm} |")
}

#[test]
#[ignore = "needs root, and TIDEGATE_REAL_NETWORK=1: see tests/real/README.md"]
fn a_near_edge_is_worth_its_distance_to_a_far_reader() {
    if !by_hand() {
        return;
    }
    let _alone = alone();
    let loads = setting("TIDEGATE_REAL_FAR_LOADS", 100);
    let network = Network::new(OPERATOR + 1);
    network.inside(OPERATOR, || {
        let mut stage = Stage::new(&network);
        println!("load {}", load_average());
        set_apart(&network, 1.0);
        let apart = stage.measure(loads);
        println!("load {}; {}", load_average(), network.told());
        set_apart(&network, 0.0);
        let together = stage.measure(loads / 2);
        println!("load {}; without any distance:", load_average());
        for ((name, _), loads) in READERS.iter().zip(&together) {
            println!("{}", row(name, "0 ms", loads));
        }
        println!(
            "\nCables {DETOUR} times as long as the great circle, {} ms from a reader to its town's edge and \
             back; a page of {HTML} bytes, then its {PARTS} parts of {PART} bytes together, by HTTP/2 over a \
             new connection with a whole TLS 1.3 handshake; congestion control {}; {loads} loads of each kind; \
             median / p95.\n\n\
             | reader and near edge | to Ashburn and back | from Ashburn | near, not stored | near, stored |\n\
             | --- | --- | --- | --- | --- |",
            ACCESS.as_millis() * 2,
            network.congestion_control()
        );
        for ((name, spot), loads) in READERS.iter().zip(&apart) {
            let (far, back) = (spot.kilometres(ASHBURN), spot.one_way(ASHBURN) * 2);
            println!("{}", row(name, &format!("{far:.0} km, {} ms", back.as_millis()), loads));
        }
        stage.near.into_iter().chain([stage.far]).for_each(Edge::stop);
    });
}

/// Sets all distances, as a share of what they are.
fn set_apart(network: &Network, share: f64) {
    for (reader, (_, spot)) in READERS.iter().enumerate() {
        let (far, access) = (spot.one_way(ASHBURN).mul_f64(share), ACCESS.mul_f64(share));
        network.apart(NEAR + reader, ORIGIN, far);
        network.apart(READER + reader, NEAR + reader, access);
        network.apart(READER + reader, ORIGIN, far + access);
    }
}

fn load_average() -> String {
    let all = fs::read_to_string("/proc/loadavg").expect("there is /proc");
    all.split(' ').next().unwrap_or_default().to_owned()
}
