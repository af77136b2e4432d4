//! Whether hits stay fast while the cache evicts, purges and is configured anew.
//!
//! ```text
//! cargo bench --bench steady
//!   --tidegate FILE    another binary
//!   --rate N           requests a second, 3000
//!   --seconds N        of each phase, 5
//!   --rounds N         of the phases, 11
//!   --purges N         purges a second, 2000
//!   --objects N        of 1 KiB that are stored, with room for all; only purges disturb then
//! ```
//!
//! The server has core 0, load and origin core 1. Hits of small pages come at a fixed rate, half of
//! them on new connections, and latencies count from the time at which a request was due. Each
//! round goes through undisturbed and disturbed phases in turn: 500 misses a second into a full
//! cache, purges, a reload each second that changes something. A shared
//! machine adds to the 99.9th percentile as it likes, up to ten times from round to round, and never
//! takes away: of each kind the lower quartiles over the rounds are compared. It fails where that of
//! a disturbed kind is over 1.5 times the undisturbed one, or any request failed.
#![allow(unreachable_pub, reason = "a bench has no outside; `pub` marks what other files use")]
#![allow(missing_docs, reason = "the same")]
#![allow(clippy::print_stdout, reason = "a bench tells what it found")]
#![allow(clippy::disallowed_methods, reason = "it measures latencies, by the machine's own clock")]
#![allow(clippy::cast_possible_truncation, reason = "page numbers and counts are 32 bits by make")]

#[path = "steady/client.rs"]
mod client;
#[path = "steady/disturb.rs"]
mod disturb;
#[path = "steady/load.rs"]
mod load;
#[path = "kit/origin.rs"]
mod origin;
#[path = "kit/pages.rs"]
mod pages;
#[path = "kit/process.rs"]
mod process;
#[path = "steady/workload.rs"]
mod workload;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use client::Client;
use disturb::{Disturber, Kind};
use load::Latencies;
use origin::Origin;
use pages::Text;
use process::{Folder, Server, free_port};
use workload::{COLD_LENGTHS, HOT, HOT_LENGTH};

/// The cache; small, so that it is soon full.
const CACHE_MIB: u32 = 64;
/// A disturbed 99.9th percentile may be so many times the undisturbed one.
const MOST: f64 = 1.5;

struct Options {
    tidegate: PathBuf,
    rate: u32,
    time: Duration,
    rounds: usize,
    purges: u32,
    objects: Option<u32>,
}

impl Options {
    fn read() -> Self {
        let mut options = Self {
            tidegate: env!("CARGO_BIN_EXE_tidegate").into(),
            rate: 3000,
            time: Duration::from_secs(5),
            rounds: 11,
            purges: 2000,
            objects: None,
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
            let mut number = || value().parse::<u32>().expect("a number");
            match &*arg {
                "--bench" => {} // Cargo's own.
                "--rate" => options.rate = number(),
                "--seconds" => options.time = Duration::from_secs(number().into()),
                "--rounds" => options.rounds = number() as usize,
                "--purges" => options.purges = number(),
                "--objects" => options.objects = Some(number()),
                "--tidegate" => options.tidegate = value().into(),
                other => panic!("{other} is not known; see the head of benches/steady.rs"),
            }
        }
        options
    }
}

fn main() -> ExitCode {
    let options = Options::read();
    settle();
    let [cold, small] = COLD_LENGTHS;
    let cold = if options.objects.is_some() { small } else { cold };
    let text = Text::new(cold.max(HOT_LENGTH));
    let length = move |number| Some(workload::length(number, cold));
    let origin = Origin::start(Arc::new(length), text.clone());
    let (folder, port) = (Folder::new(&std::env::temp_dir()), free_port());
    let file = folder.write("tidegate.toml", &config(port, origin.port, cache_mib(&options), 0));
    let server = Server::start(pinned(&options.tidegate, &file), &folder, port);
    let disturber = Disturber {
        server: &server,
        text: text.clone(),
        port,
        origin: origin.port,
        config: file,
        next: AtomicU32::new(0),
        cold,
        cache: cache_mib(&options),
        purges: options.purges,
        stored: options.objects.map(|_| AtomicU32::new(0)),
    };
    let mut clients: Vec<Client> =
        (1..=load::THREADS).map(|number| Client::new(number, port, text.clone())).collect();
    let many = options.objects.unwrap_or(CACHE_MIB * (1 << 20) / cold);
    fill(&mut clients, many, cold);
    disturber.next.store(many, std::sync::atomic::Ordering::Relaxed);
    let good = measure(&options, &mut clients, &disturber);
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Takes core 1, each thread as soon as it wakes: among many that take turns some would wait for longer than
/// the server takes.
fn settle() {
    let own = std::process::id().to_string();
    let first = ["chrt", "-a", "-f", "-p", "10", &own];
    for command in [&["taskset", "-a", "-c", "-p", "1", &own][..], &first] {
        let run = Command::new(command[0]).args(&command[1..]).stdout(Stdio::null()).status();
        if !run.is_ok_and(|status| status.success()) {
            println!("{} failed: others will be seen in the latencies", command.join(" "));
        }
    }
}

fn pinned(tidegate: &Path, config: &Path) -> Command {
    let mut command = Command::new("taskset");
    // Its threads take turns as they do anywhere.
    command
        .args(["-c", "0", "chrt", "-o", "0"])
        .arg(tidegate)
        .arg("run")
        .arg("--config")
        .arg(config);
    command
}

/// A configuration; each `turn` another.
fn config(port: u16, origin: u16, cache_mib: u32, turn: u32) -> String {
    let sites: String = (0..50)
        .map(|site| {
            let ttl = 60 + turn % 2;
            format!(
                "[site.s{site}]\nhosts = [\"s{site}.test\", \"*.s{site}.test\"]\ncluster = \"o\"\n\
                 default_ttl = \"{ttl}s\"\n"
            )
        })
        .collect();
    format!(
        "[node]\nname = \"steady\"\nmemory = \"{}MiB\"\nworkers = 1\n\
         [[listener]]\naddress = \"127.0.0.1:{port}\"\n\
         [cache]\nmemory = \"{cache_mib}MiB\"\n\
         [purge]\nallow = [\"127.0.0.0/8\"]\n\
         [cluster.o]\nservers = [\"127.0.0.1:{origin}\"]\n\
         [site.wiki]\nhosts = [\"wiki.test\"]\ncluster = \"o\"\n{sites}",
        cache_mib + 1024
    )
}

/// Mebibytes of the cache: where all that is stored must fit, with its bookkeeping.
fn cache_mib(options: &Options) -> u32 {
    options.objects.map_or(CACHE_MIB, |objects| CACHE_MIB + objects / 500)
}

/// Has the hot pages stored and known as such, and so `many` cold ones of `length` bytes.
fn fill(clients: &mut [Client], many: u32, length: u32) {
    for _ in 0..3 {
        for page in 0..HOT {
            clients[0].get_kept(page, HOT_LENGTH).expect("the hot pages come");
        }
    }
    let step = clients.len();
    std::thread::scope(|scope| {
        for (first, client) in clients.iter_mut().enumerate() {
            scope.spawn(move || {
                for page in (0..many).skip(first).step_by(step) {
                    client.get_kept(HOT + page, length).expect("the cold pages come");
                }
            });
        }
    });
}

fn measure(options: &Options, clients: &mut [Client], disturber: &Disturber<'_>) -> bool {
    let mut phases: Vec<(Kind, Vec<Latencies>)> = Vec::new();
    let (mut failures, mut purges) = (Vec::new(), Vec::new());
    load::run(clients, options.rate, Duration::from_secs(1));
    for round in 0..options.rounds {
        let kinds = if options.objects.is_some() { &[Kind::Purges][..] } else { &Kind::ALL };
        for kind in kinds.iter().flat_map(|kind| [Kind::Nothing, *kind]) {
            let (mut latencies, mut disturbed) =
                disturber.during(kind, || load::run(clients, options.rate, options.time));
            println!("{round} {:12} {}", kind.name(), line(&latencies));
            failures.append(&mut latencies.failures);
            failures.append(&mut disturbed.failures);
            if kind == Kind::Purges {
                println!("{round} {:12} {}", "themselves", line(&disturbed));
                purges.push(disturbed);
            }
            match phases.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, all)) => all.push(latencies),
                None => phases.push((kind, vec![latencies])),
            }
        }
    }
    failures.iter().take(10).for_each(|failure| println!("failed: {failure}"));
    println!("{} failed", failures.len());
    let good = tell(&phases);
    let [p50, p99, p999] = quartiles(&purges);
    println!("purges themselves: {p50} {p99} {p999}");
    good && failures.is_empty()
}

fn line(latencies: &Latencies) -> String {
    format!(
        "p50 {:6} µs  p99 {:6} µs  p99.9 {:6} µs  {} missed, {} failed of {}",
        latencies.permille(500),
        latencies.permille(990),
        latencies.permille(999),
        latencies.missed,
        latencies.failures.len(),
        latencies.count()
    )
}

/// The lower quartiles over the rounds of p50, p99 and p99.9.
fn quartiles(all: &[Latencies]) -> [u32; 3] {
    [500, 990, 999].map(|share| {
        let mut each: Vec<u32> = all.iter().map(|one| one.permille(share)).collect();
        each.sort_unstable();
        each.get(each.len() / 4).copied().unwrap_or_default()
    })
}

/// Prints the lower quartiles over the rounds; whether all is well.
fn tell(phases: &[(Kind, Vec<Latencies>)]) -> bool {
    let calm = phases.iter().find(|(kind, _)| *kind == Kind::Nothing);
    let calm = calm.map_or([1; 3], |(_, all)| quartiles(all));
    let mut good = true;
    println!(
        "lower quartiles of the rounds: p50, p99, p99.9 in µs, and as multiples of undisturbed"
    );
    for (kind, all) in phases {
        let found = quartiles(all);
        let ratio = |at: usize| f64::from(found[at]) / f64::from(calm[at].max(1));
        println!(
            "{:12} {:6} {:6} {:6}   {:.2} {:.2} {:.2}",
            kind.name(),
            found[0],
            found[1],
            found[2],
            ratio(0),
            ratio(1),
            ratio(2)
        );
        good &= ratio(2) <= MOST;
    }
    good
}
