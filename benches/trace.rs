//! What a cache makes of 256 MiB: one seeded trace through simulated caches and the server's own
//! store, and on demand through the server and its peers, each given as much resident memory.
//!
//! ```text
//! cargo bench --bench trace                       simulations, and the store without sockets
//! cargo bench --bench trace -- servers            Tidegate, nginx, HAProxy, Varnish, Traffic Server
//!   --only A,B         these alone
//!   --tidegate FILE    another binary
//!   --requests N       of 1 500 000
//!   --seed N
//! ```
//!
//! The trace is described in `trace/workload.rs`. With `servers` the size of each cache is sought
//! at which the server's peak resident size comes to 256 MiB; what counts as a hit is what the
//! origin did not see. It fails where Tidegate hits less than W-TinyLFU less 2 points, or than the
//! best peer and 5 points.
#![allow(unreachable_pub, reason = "a bench has no outside; `pub` marks what other files use")]
#![allow(missing_docs, reason = "the same")]
#![allow(clippy::print_stdout, reason = "a bench tells what it found")]
#![allow(clippy::disallowed_methods, reason = "it measures processes, by the machine's own clock")]
#![allow(clippy::cast_possible_truncation, reason = "key numbers and sizes are 32 bits by make")]

#[path = "kit/origin.rs"]
mod origin;
#[path = "kit/pages.rs"]
mod pages;
#[path = "kit/process.rs"]
mod process;

#[path = "trace/memory.rs"]
mod memory;
#[path = "trace/policy/mod.rs"]
mod policy;
#[path = "trace/replay.rs"]
mod replay;
#[path = "trace/search.rs"]
mod search;
#[path = "trace/servers.rs"]
mod servers;
#[path = "trace/shelf.rs"]
mod shelf;
#[path = "trace/workload.rs"]
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use policy::belady::Belady;
use policy::fifo::{S3Fifo, Sieve};
use policy::lru::Lru;
use policy::tinylfu::TinyLfu;
use policy::{Policy, Score, run};
use shelf::Shelf;
use workload::Trace;

/// The memory of every cache.
pub const MEMORY: u64 = 256 << 20;

/// What the command line asks for.
struct Options {
    servers: bool,
    only: Vec<String>,
    tidegate: PathBuf,
    requests: usize,
    seed: u64,
}

impl Options {
    fn read() -> Self {
        let mut options = Self {
            servers: false,
            only: servers::NAMES.map(str::to_owned).to_vec(),
            tidegate: env!("CARGO_BIN_EXE_tidegate").into(),
            requests: 1_500_000,
            seed: 1,
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
            match &*arg {
                "--bench" => {} // Cargo's own.
                "servers" => options.servers = true,
                "--only" => options.only = value().split(',').map(str::to_owned).collect(),
                "--tidegate" => options.tidegate = value().into(),
                "--requests" => options.requests = value().parse().expect("a number"),
                "--seed" => options.seed = value().parse().expect("a number"),
                other => panic!("{other} is not known; see the head of benches/trace.rs"),
            }
        }
        options
    }
}

fn main() -> ExitCode {
    let options = Options::read();
    let trace = Arc::new(Trace::new(options.requests, options.seed));
    println!(
        "{} requests, seed {}, objects of {} bytes on average, {} MiB",
        options.requests,
        options.seed,
        trace.mean_size(),
        MEMORY >> 20
    );
    if !options.servers {
        simulate(&trace);
        return ExitCode::SUCCESS;
    }
    let goal = run(&trace, &mut tinylfu(&trace));
    println!("{:14} {:.3} of requests, simulated, bodies only", "W-TinyLFU", goal.requests);
    search::compare(&trace, &options.only, &options.tidegate, goal.requests)
}

fn tinylfu(trace: &Trace) -> TinyLfu {
    TinyLfu::new(MEMORY, MEMORY / trace.mean_size())
}

fn simulate(trace: &Trace) {
    println!("{:14} requests  bytes   large   by quarters; shift after the second", "");
    let show = |name: &str, Score { requests, bytes, large, quarters }: Score| {
        let quarters = quarters.map(|share| format!("{share:.3}")).join(" ");
        println!("{name:14}   {requests:.3}   {bytes:.3}   {large:.3}   {quarters}");
    };
    let policies: [(&str, &mut dyn Policy); 5] = [
        ("LRU", &mut Lru::new(MEMORY)),
        ("SIEVE", &mut Sieve::new(MEMORY)),
        ("S3-FIFO", &mut S3Fifo::new(MEMORY)),
        ("W-TinyLFU", &mut tinylfu(trace)),
        ("Belady", &mut Belady::new(trace, MEMORY)),
    ];
    for (name, policy) in policies {
        show(name, run(trace, policy));
    }
    show("our store", run(trace, &mut Shelf::new(MEMORY)));
}
