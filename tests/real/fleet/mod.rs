//! Three datacenters with two edges and two origin servers each, readers and writers at all of them: the
//! primary moves and comes back, a server flaps, a datacenter is cut off, one direction of its links is
//! lost, and all origins are down. What fails is counted; nothing may where the change was planned. Links
//! between datacenters go through relays of the test's, which delay, cut and swallow.

mod load;
mod world;

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use load::{Report, Tally, load};
use world::{Link, World};

use super::edge::{Edge, HOST, Ports, program};
use super::etcd::Etcd;
use super::process::{Scratch, output};
use super::tls::Identity;
use super::wait::{SOON, alone, setting, until};

const NAMES: [&str; 3] = ["codfw", "eqiad", "esams"];

fn config(world: &World, at: usize, ports: &Ports, etcd: u16) -> String {
    let [plain, _, _, admin] = ports.addresses();
    let mut toml = format!(
        "[node]\nname = \"cp-{}-{}\"\nworkers = 1\nmemory = \"256MiB\"\ndatacenter = \"{}\"\n\
         drain_delay = \"100ms\"\n[admin]\naddress = \"{admin}\"\n[log]\naccess = \"off\"\n\
         [[listener]]\naddress = \"{plain}\"\n[fleet]\netcd = [\"127.0.0.1:{etcd}\"]\n\
         [datacenter.codfw]\ncoordinates = \"32.8,-96.8\"\n\
         [datacenter.eqiad]\ncoordinates = \"39.0,-77.5\"\n\
         [datacenter.esams]\ncoordinates = \"52.4,4.9\"\n",
        NAMES[at],
        plain.port(),
        NAMES[at]
    );
    for (cluster, more) in [("read", ""), ("write", "primary = \"eqiad\"\n")] {
        let check =
            "interval = \"500ms\"\ntimeout = \"500ms\"\nfall = 2\nrise = 2\npath = \"/check\"";
        writeln!(
            toml,
            "[cluster.{cluster}]\nconnect_timeout = \"1s\"\nfirst_byte_timeout = \"2s\"\nslow_start = \"2s\"\n\
             {more}[cluster.{cluster}.check]\n{check}"
        )
        .expect("a String takes all");
        for (to, name) in NAMES.iter().enumerate() {
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

/// Three datacenters, and who asks them.
struct Fleet {
    world: World,
    edges: Vec<Edge>,
    tally: Arc<Tally>,
    file: PathBuf,
    seconds: Duration,
    rate: u64,
    _etcd: Etcd,
    _folder: Scratch,
}

impl Fleet {
    fn start() -> Self {
        let seconds = Duration::from_secs(setting("TIDEGATE_REAL_FLEET_SECONDS", 4));
        let rate = setting("TIDEGATE_REAL_FLEET_RATE", 2000);
        let (world, folder, etcd) = (World::new(), Scratch::new("fleet"), Etcd::start());
        let file = folder.path().join("tidegate.toml");
        let mut edges = Vec::new();
        for at in [0, 0, 1, 1, 2, 2] {
            let ports = Ports::free();
            let toml = config(&world, at, &ports, etcd.port());
            fs::write(&file, &toml).expect("the folder is ours");
            edges.push(Edge::serve(&ports, Identity::new(HOST), &toml));
        }
        until("etcd is followed", SOON, || {
            edges.iter().all(|edge| edge.metric("tidegate_etcd_followed") > 0.5)
        });
        let tally = Arc::default();
        Self { world, edges, tally, file, seconds, rate, _etcd: etcd, _folder: folder }
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

    /// What an operator does: nothing may fail of it.
    fn moves(&self, report: &mut Report<'_>) {
        self.pass();
        assert_eq!(report.failed_reads("all is well"), 0);
        self.run(&["datacenter", "switch", "eqiad", "codfw"]);
        self.pass();
        assert_eq!(report.failed_reads("the primary moves"), 0);
        let mark = self.tally.next.load(Relaxed);
        self.pass();
        let since = self.written_after(mark + self.rate / 10);
        assert!(!since.is_empty() && since.iter().all(|at| *at == 0), "writes go to codfw alone");
        self.run(&["datacenter", "switch", "codfw", "eqiad"]);
        self.pass();
        assert_eq!(report.failed_reads("and comes back"), 0);
        // It was drained.
        self.run(&["pool", "codfw"]);
    }

    /// What happens to it: what fails is counted, and ends with its cause.
    fn fails(&self, report: &mut Report<'_>) {
        let world = &self.world;
        for _ in 0..8 {
            let flapping = &world.origins[1][0].down;
            flapping.store(!flapping.load(Relaxed), Relaxed);
            thread::park_timeout(self.seconds / 8);
        }
        let flapping = report.failed_reads("a server flaps");
        world.link(0, Link::Cut);
        self.pass();
        let cut = report.failed_reads("codfw is cut off");
        world.link(0, Link::Up);
        self.pass();
        report.failed_reads("it is back");
        world.link(1, Link::OneWay);
        self.pass();
        report.failed_reads("eqiad answers nobody outside");
        world.link(1, Link::Up);
        self.pass();
        report.failed_reads("it does again");
        world.down(true);
        self.pass();
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

#[test]
#[ignore = "needs etcd: tests/real/install"]
fn a_fleet_goes_on_while_datacenters_move_fail_and_come_back() {
    let _alone = alone();
    let fleet = Fleet::start();
    let over = Arc::new(AtomicBool::new(false));
    let addresses: Vec<SocketAddr> = fleet.edges.iter().map(|edge| edge.plain).collect();
    let clients = load(&addresses, fleet.rate, &over, &fleet.tally);
    let mut report = Report::new(&fleet.tally);
    fleet.moves(&mut report);
    fleet.fails(&mut report);
    over.store(true, Relaxed);
    clients.join().expect("the clients end");
    fleet.check_writes();
    fleet.edges.into_iter().for_each(Edge::stop);
}
