//! Three datacenters with two edges and two origin servers each, readers and writers at all of them: the
//! primary moves and comes back, a server flaps, a datacenter is cut off, one direction of its links is
//! lost, and all origins are down. What fails is counted; nothing may where the change was planned. Links
//! between datacenters are relays on loopback, or, by hand, a network of namespaces; there a fourth
//! datacenter has no servers, and fetches through the nodes of the others.

mod load;
mod relay;
mod world;

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use load::{Place, Report, Tally, load};
use world::{CODFW, Datacenter, EQIAD, Link, World};

use super::edge::{Edge, HOST, Ports, program};
use super::etcd::Etcd;
use super::network::by_hand;
use super::network::distance::Spot;
use super::process::{Scratch, output};
use super::tls::Identity;
use super::wait::{SOON, alone, setting, until};

fn config(world: &World, at: usize, edge: u8, ports: &Ports, etcd: SocketAddr) -> String {
    let [plain, _, _, admin] = ports.addresses();
    let here = world.datacenters[at].name;
    let mut toml = format!(
        "[node]\nname = \"cp-{here}-{edge}\"\nworkers = 1\nmemory = \"256MiB\"\ndatacenter = \"{here}\"\n\
         drain_delay = \"100ms\"\n[admin]\naddress = \"{admin}\"\n[log]\naccess = \"off\"\n\
         [[listener]]\naddress = \"{plain}\"\n{}etcd = [\"{etcd}\"]\n",
        world.door(at, edge)
    );
    for (at, Datacenter { name, spot: Spot(north, east), .. }) in
        world.datacenters.iter().enumerate()
    {
        writeln!(
            toml,
            "[datacenter.{name}]\ncoordinates = \"{north},{east}\"\n{}",
            world.misses(at)
        )
        .expect("a String takes all");
    }
    for (cluster, more) in [("read", ""), ("write", "primary = \"eqiad\"\n")] {
        let check =
            "interval = \"500ms\"\ntimeout = \"500ms\"\nfall = 2\nrise = 2\npath = \"/check\"";
        writeln!(
            toml,
            "[cluster.{cluster}]\nconnect_timeout = \"1s\"\nfirst_byte_timeout = \"2s\"\nslow_start = \"2s\"\n\
             {more}[cluster.{cluster}.check]\n{check}"
        )
        .expect("a String takes all");
        for to in 0..world.origins.len() {
            let name = world.datacenters[to].name;
            let servers: Vec<String> =
                world.ways[&(at, to)].iter().map(|server| format!("\"{server}\"")).collect();
            writeln!(
                toml,
                "[cluster.{cluster}.datacenter.{name}]\nservers = [{}]",
                servers.join(", ")
            )
            .expect("a String takes all");
        }
    }
    toml + &format!(
        "[site.wiki]\nhosts = [\"{HOST}\"]\ncluster = \"write\"\n\
         [[site.wiki.route]]\nmethods = [\"GET\"]\ncluster = \"read\"\n"
    )
}

/// The datacenters, and who asks them.
struct Fleet<'a> {
    world: &'a World,
    /// By datacenter.
    edges: Vec<Vec<Edge>>,
    tally: Arc<Tally>,
    file: PathBuf,
    seconds: Duration,
    seconds_down: Duration,
    rate: u64,
    _etcd: Etcd,
    _folder: Scratch,
}

impl<'a> Fleet<'a> {
    fn start(world: &'a World) -> Self {
        let seconds = setting("TIDEGATE_REAL_FLEET_SECONDS", 4);
        let down = setting("TIDEGATE_REAL_FLEET_DOWN_SECONDS", seconds);
        let (folder, etcd) = (Scratch::new("fleet"), world.etcd());
        let file = folder.path().join("tidegate.toml");
        let start = |at, edge| {
            let ports = world.ports(at, edge);
            let toml = config(world, at, edge, &ports, etcd.address());
            fs::write(&file, &toml).expect("the folder is ours");
            Edge::serve_by(world.program(at), &ports, Identity::new(HOST), &toml)
        };
        let all = 0..world.datacenters.len();
        let edges: Vec<Vec<Edge>> = all.map(|at| vec![start(at, 0), start(at, 1)]).collect();
        until("etcd is followed", SOON, || {
            edges.iter().flatten().all(|edge| edge.metric("tidegate_etcd_followed") > 0.5)
        });
        Self {
            world,
            edges,
            tally: Arc::default(),
            file,
            seconds: Duration::from_secs(seconds),
            seconds_down: Duration::from_secs(down),
            rate: setting("TIDEGATE_REAL_FLEET_RATE", 2000),
            _etcd: etcd,
            _folder: folder,
        }
    }

    /// Readers and writers at every edge.
    fn load(&self, over: &Arc<AtomicBool>) -> Vec<JoinHandle<()>> {
        let rate = self.rate / self.edges.len() as u64;
        let clients = self.edges.iter().enumerate().map(|(at, edges)| {
            let name = self.world.datacenters[at].name;
            let place = Place { name, edges: edges.iter().map(|edge| edge.plain).collect() };
            let (over, tally) = (Arc::clone(over), Arc::clone(&self.tally));
            self.world.spawn(at, move || load(place, rate, &over, &tally))
        });
        clients.collect()
    }

    /// Has the command line do what these words ask.
    fn run(&self, words: &[&str]) {
        let mut command = program();
        command.args(words).args(["--yes", "--config"]).arg(&self.file);
        let (status, said) = output("tidegate", &mut command, SOON);
        assert!(status.success(), "{said}");
    }

    fn pass(&self) {
        thread::park_timeout(self.seconds);
    }

    /// Where what came after `id` was written.
    fn written_after(&self, id: u64) -> Vec<usize> {
        let written = self.world.written.lock().expect("nobody panics with it");
        let after = written.iter().filter(|(one, _)| **one > id);
        after.flat_map(|(_, at)| at.clone()).collect()
    }

    /// Lets time pass, in which all that is written reaches the primary alone.
    fn pass_with_primary(&self, at: usize) {
        let mark = self.tally.next.load(Relaxed);
        self.pass();
        let since = self.written_after(mark + self.rate / 10);
        let name = self.world.datacenters[at].name;
        assert!(!since.is_empty(), "there are writes");
        assert!(since.iter().all(|one| *one == at), "writes go to {name} alone");
    }

    /// What an operator does: nothing may fail of it.
    fn moves(&self, report: &mut Report<'_>) {
        self.pass_with_primary(EQIAD);
        assert_eq!(report.failed_reads("all is well"), 0);
        self.run(&["datacenter", "switch", "eqiad", "codfw"]);
        self.pass();
        assert_eq!(report.failed_reads("the primary moves"), 0);
        self.pass_with_primary(CODFW);
        assert_eq!(report.failed_reads("it has moved"), 0);
        self.run(&["datacenter", "switch", "codfw", "eqiad"]);
        self.pass();
        assert_eq!(report.failed_reads("and comes back"), 0);
        // It was drained.
        self.run(&["pool", "codfw"]);
        self.pass_with_primary(EQIAD);
        assert_eq!(report.failed_reads("it has come back"), 0);
    }

    /// What happens to it: what fails is counted, and ends with its cause.
    fn fails(&self, report: &mut Report<'_>) {
        let world = self.world;
        for _ in 0..8 {
            let flapping = &world.origins[EQIAD][0].down;
            flapping.store(!flapping.load(Relaxed), Relaxed);
            thread::park_timeout(self.seconds / 8);
        }
        let flapping = report.failed_reads("a server flaps");
        world.link(CODFW, Link::Cut);
        self.pass();
        let cut = report.failed_reads("codfw is cut off");
        world.link(CODFW, Link::Up);
        self.pass();
        report.failed_reads("it is back");
        world.link(EQIAD, Link::OneWay);
        self.pass();
        report.failed_reads("eqiad answers nobody outside");
        world.link(EQIAD, Link::Up);
        self.pass();
        report.failed_reads("it does again");
        world.down(true);
        thread::park_timeout(self.seconds_down);
        report.failed_reads("all origins are down");
        world.down(false);
        until("reads are answered again", SOON, || {
            thread::park_timeout(Duration::from_millis(500));
            report.failed_reads("all origins are up") == 0
        });
        let reads = self.tally.reads.load(Relaxed);
        assert!(flapping * 100 < reads && cut * 100 < reads, "{flapping} and {cut} of {reads}");
    }

    /// Each write that was answered was made once, and none twice.
    fn check_writes(&self) {
        let written = self.world.written.lock().expect("nobody panics with it");
        assert!(written.values().all(|at| at.len() == 1), "a write was made twice");
        let answered = self.tally.answered.lock().expect("nobody panics with it");
        let made = |id: &u64| written.contains_key(id);
        assert!(answered.iter().all(made), "an answered write was not made");
        println!("{} writes, each made once", written.len());
    }
}

/// All that happens to a fleet, one after the other.
fn lives(world: &World) {
    let fleet = Fleet::start(world);
    let over = Arc::new(AtomicBool::new(false));
    let clients = fleet.load(&over);
    let mut report = Report::new(&fleet.tally);
    fleet.moves(&mut report);
    fleet.fails(&mut report);
    over.store(true, Relaxed);
    clients.into_iter().for_each(|clients| clients.join().expect("the clients end"));
    fleet.check_writes();
    fleet.edges.into_iter().flatten().for_each(Edge::stop);
}

#[test]
#[ignore = "needs etcd: tests/real/install"]
fn a_fleet_goes_on_while_datacenters_move_fail_and_come_back() {
    let _alone = alone();
    lives(&World::of_relays());
}

#[test]
#[ignore = "needs etcd, root, and TIDEGATE_REAL_NETWORK=1: see tests/real/README.md"]
fn a_fleet_between_namespaces_goes_on_while_datacenters_move_fail_and_come_back() {
    if !by_hand() {
        return;
    }
    let _alone = alone();
    let world = World::of_namespaces();
    world.as_operator(|| lives(&world));
}
