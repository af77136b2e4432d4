//! Places that are far apart on one machine: a star of network namespaces, whose hub is a thread of the
//! test's that delays, loses and swallows IP packets. What the kernels at both ends make of that
//! (handshakes, slow start, retransmissions) is real. Place `n` has all of 10.77.`n+1`.0/24, of what
//! RFC 1918 leaves to private networks.
//!
//! It takes root, `ip` and /dev/net/tun. The namespaces go with the [`Network`]; those of a run that was
//! killed go when the next one starts.

pub mod distance;
mod hub;
mod itself;

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::panic::resume_unwind;
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tun_rs::{DeviceBuilder, SyncDevice};

use super::process::output;
use super::wait::{SOON, setting};
use hub::{ALL, Hub, NAME as HUB, Way};

/// Where `ip` keeps the names of namespaces.
const NAMES: &str = "/run/netns";
/// Says how a connection finds its speed; otherwise each place has what the machine has.
const CONGESTION: &str = "/proc/sys/net/ipv4/tcp_congestion_control";
/// What ours begin with; the number of the process follows.
const OURS: &str = "tidegate-";

/// Places, and the ways between all of them.
pub struct Network {
    // Before the namespaces: it holds their devices.
    hub: Hub,
    places: Vec<Place>,
}

/// A namespace.
struct Place(String);

impl Network {
    /// So many places, with nothing between them yet.
    pub fn new(places: usize) -> Self {
        remove_leftovers();
        let made: Vec<(Place, SyncDevice)> = (0..places).map(Place::new).collect();
        let (places, devices) = made.into_iter().unzip();
        Self { hub: Hub::start(devices), places }
    }

    /// Sets what a packet takes from either place to the other.
    pub fn apart(&self, one: usize, other: usize, delay: Duration) {
        let delay = u64::try_from(delay.as_nanos()).expect("less than centuries");
        for way in [self.way(one, other), self.way(other, one)] {
            way.delay.store(delay, Relaxed);
        }
    }

    /// Sets how many packets from one place to another are lost: 0 for none, 1 for all.
    pub fn loses(&self, from: usize, to: usize, share: f64) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share")]
        self.way(from, to).loss.store((share * f64::from(ALL)) as u32, Relaxed);
    }

    fn way(&self, from: usize, to: usize) -> &Way {
        &self.hub.shared.ways[self.places.len() * from + to]
    }

    /// How many places there are.
    pub fn places(&self) -> usize {
        self.places.len()
    }

    /// `command`, to be started at a place.
    pub fn at(&self, place: usize, command: &Command) -> Command {
        let mut entered = Command::new("ip");
        entered.args(["netns", "exec", &self.places[place].0]);
        entered.arg(command.get_program()).args(command.get_args());
        entered
    }

    /// A thread at a place.
    pub fn spawn<T: Send + 'static>(
        &self,
        place: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let namespace = self.places[place].path();
        thread::spawn(move || {
            enter(&namespace);
            work()
        })
    }

    /// What `work` makes at a place. The sockets that it opens belong there for ever.
    pub fn inside<T: Send>(&self, place: usize, work: impl FnOnce() -> T + Send) -> T {
        let namespace = self.places[place].path();
        thread::scope(|scope| {
            let done = scope.spawn(|| {
                enter(&namespace);
                work()
            });
            done.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// How connections find their speed.
    pub fn congestion_control(&self) -> String {
        let name = self.inside(0, || fs::read_to_string(CONGESTION).expect("each place has one"));
        name.trim_end().to_owned()
    }

    /// What was carried and lost until now, and how late it came, in words.
    pub fn told(&self) -> String {
        let counts = &self.hub.shared.counts;
        let [carried, lost, late, lateness] =
            [&counts.carried, &counts.lost, &counts.late, &counts.lateness]
                .map(|it| it.load(Relaxed));
        let mean = Duration::from_nanos(lateness / carried.max(1));
        format!(
            "{carried} packets carried, {lost} lost; they came {mean:?} late in the mean, {late} by \
             more than 1 ms"
        )
    }
}

/// Whether somebody asked for the tests that need a network: they take root, and minutes.
pub fn by_hand() -> bool {
    let asked = setting("TIDEGATE_REAL_NETWORK", 0) == 1;
    if !asked {
        println!("not run: TIDEGATE_REAL_NETWORK=1 asks for it");
    }
    asked
}

/// An address of a place.
pub fn address(place: usize, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, u8::try_from(place + 1).expect("there are few places"), host)
}

/// Has the calling thread be in a namespace.
fn enter(namespace: &str) {
    let file = File::open(namespace).expect("the namespace is there");
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may");
}

impl Place {
    fn new(at: usize) -> (Self, SyncDevice) {
        let place = Self(format!("{OURS}{}-{at}", std::process::id()));
        ip(&["netns", "add", &place.0]);
        let device = thread::scope(|scope| {
            let opened = scope.spawn(|| {
                enter(&place.path());
                let tun = DeviceBuilder::new().name("tun0").enable(false).build_sync();
                let tun = tun.expect("root may open a TUN device");
                rustix::io::ioctl_fionbio(&tun, true).expect("a device can be made not to block");
                // Each connection finds out anew how fast it may be.
                if let Ok(name) = std::env::var("TIDEGATE_REAL_CONGESTION") {
                    fs::write(CONGESTION, name).expect("one that the kernel lets everybody have");
                }
                fs::write("/proc/sys/net/ipv4/tcp_no_metrics_save", "1").expect("root may");
                tun
            });
            opened.join().unwrap_or_else(|panic| resume_unwind(panic))
        });
        let all = format!("{}/24", address(at, 0));
        let first = format!("{}/16", address(at, 1));
        place.ip(&["link", "set", "lo", "up"]);
        // A burst waits while the hub has no core.
        place.ip(&["link", "set", "tun0", "txqueuelen", "10000", "up"]);
        place.ip(&["address", "add", &first, "dev", "tun0"]);
        place.ip(&["route", "add", "local", &all, "dev", "lo"]);
        (place, device)
    }

    fn path(&self) -> String {
        format!("{NAMES}/{}", self.0)
    }

    fn ip(&self, words: &[&str]) {
        ip(&[&["-n", &self.0], words].concat());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left is removed by the next run.
        let _ = Command::new("ip").args(["netns", "delete", &self.0]).status();
    }
}

fn ip(words: &[&str]) {
    let (status, said) = output("ip", Command::new("ip").args(words), SOON);
    assert!(status.success(), "ip {}: {said}", words.join(" "));
}

/// Removes the namespaces of runs that are no more, and whatever still runs in them.
fn remove_leftovers() {
    let Ok(names) = fs::read_dir(NAMES) else { return };
    for name in names.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let run = name.strip_prefix(OURS).and_then(|rest| rest.split('-').next());
        let Some(run) = run.filter(|run| !fs::exists(format!("/proc/{run}")).unwrap_or(true))
        else {
            continue;
        };
        println!("run {run} left {name}");
        let (_, left) = output("ip", Command::new("ip").args(["netns", "pids", &name]), SOON);
        for pid in left.lines().filter_map(|line| line.parse().ok().and_then(Pid::from_raw)) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
        ip(&["netns", "delete", &name]);
    }
}
