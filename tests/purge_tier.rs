//! The promise of purging with a tier in place (PURGE.md rule 14), step by step against a literal model: a
//! near node, two far ones that it fetches through, an origin, and a purge stream that each node reads in its
//! own time. The nodes are whole but for listeners: their plot, stores, fetches, HTTP/1 and streams are what
//! serves; connections end in memory, the clock stands until it is moved, and what happens next follows from
//! a seed that is printed.
//!
//! All that is asked of the origin, purged or written has its number from one counter. After each look at a
//! store, and with each answer, the model asks: is there a purge, answered or applied before, with a higher
//! number than what was served as fresh was asked under? And was anything stored that came from a node which
//! knew of less than the near one when it asked? Each check of rules 12 and 14 is taken out in turn, and has
//! to be missed.
//!
//! `cargo test --features mutants --test purge_tier`; `TIDEGATE_MODEL_SEED` and `TIDEGATE_MODEL_STEPS` as in
//! `purge_model`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]
#![allow(clippy::print_stdout, reason = "seeds, counts and what was caught are what it is run for")]
#![allow(unreachable_pub, missing_docs, reason = "a test has no outside")]

#[path = "purge_tier/book.rs"]
mod book;
#[path = "purge_tier/checks.rs"]
mod checks;
#[path = "purge_tier/log.rs"]
mod log;
#[path = "purge_tier/mishaps.rs"]
mod mishaps;
#[path = "purge_tier/origin.rs"]
mod origin;
#[path = "purge_tier/station.rs"]
mod station;
#[path = "purge_tier/wire.rs"]
mod wire;
#[path = "purge_tier/world.rs"]
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;

use tidegate::base::mutant::{self, Mutant};
use world::World;

/// A check that is taken out is taken out for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// Steps in one world, which begins with nodes that know nothing.
const STEPS_IN_A_WORLD: u64 = 20_000;

/// How often the interesting happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Looks at what is stored.
    pub fresh: u64,
    pub stale: u64,
    /// Answers.
    pub hits: u64,
    pub answers: u64,
    pub stale_answers: u64,
    pub errors: u64,
    /// Purges that went to the far nodes first, and those that came there while the near one had a flight.
    pub relayed: u64,
    pub purged_there_under_a_flight: u64,
    pub not_relayed: u64,
    pub written: u64,
    pub streamed: u64,
    pub logs: u64,
    /// Requests of the near node's that reached a far one that had read less of the stream.
    pub asked_of_a_laggard: u64,
    /// Answers that said so, and what of them was a 304.
    pub behind: u64,
    pub behind_confirmations: u64,
    /// What far nodes answered from what they have, and confirmed by that.
    pub from_the_far_store: u64,
    pub confirmed_there: u64,
    pub refreshes: u64,
    /// Clients who shared another's fetch, at the near node and at far ones.
    pub followers: u64,
    pub far_followers: u64,
}

/// Runs `steps` from `seed`, unless `enough` says that they are; how far it came, and what broke the promise
/// there.
fn run(seed: u64, steps: u64, enough: &AtomicBool) -> Result<Seen, (u64, String)> {
    let mut seen = Seen::default();
    let mut step = 0;
    while step < steps {
        let mut world = World::new(seed.wrapping_add(step / STEPS_IN_A_WORLD));
        world.seen = seen;
        for _ in 0..STEPS_IN_A_WORLD.min(steps - step) {
            if enough.load(Relaxed) {
                return Ok(seen);
            }
            let stepped = catch_unwind(AssertUnwindSafe(|| world.step()));
            if let Err(panic) = stepped {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&it| it.to_owned()));
                enough.store(true, Relaxed);
                return Err((step, text.unwrap_or_default()));
            }
            step += 1;
        }
        seen = world.ended();
    }
    Ok(seen)
}

/// Two at once, each with worlds of its own.
fn both(seed: u64, steps: u64) -> [Result<Seen, (u64, String)>; 2] {
    let enough = AtomicBool::new(false);
    let seeds = [seed, seed.wrapping_add(steps / STEPS_IN_A_WORLD + 2)];
    thread::scope(|scope| {
        let runs = seeds.map(|seed| {
            let enough = &enough;
            scope.spawn(move || run(seed, steps, enough))
        });
        runs.map(|run| run.join().unwrap())
    })
}

fn given(name: &str, otherwise: impl FnOnce() -> u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or_else(otherwise, |number| number.parse().expect("a number"))
}

fn steps() -> u64 {
    given("TIDEGATE_MODEL_STEPS", || 1_000_000)
}

#[test]
fn nothing_that_a_purge_covers_comes_back_from_another_node() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let seed = given("TIDEGATE_MODEL_SEED", || fastrand::u64(..));
    println!("TIDEGATE_MODEL_SEED={seed}, {} steps", steps());
    for seen in both(seed, steps().div_ceil(2)) {
        let seen = seen.unwrap_or_else(|(step, why)| panic!("step {step}: {why}"));
        println!("{seen:#?}");
        seen.check_minimums();
    }
}

#[test]
fn every_check_of_tiers_is_missed_when_it_is_taken_out() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let seed = given("TIDEGATE_MODEL_SEED", || fastrand::u64(..));
    println!("seed {seed}");
    let mut missed = Vec::new();
    // What is found is told below, and not by each panic.
    std::panic::set_hook(Box::new(|_| {}));
    for which in Mutant::TIERS {
        mutant::choose(Some(which));
        let caught = both(seed, steps().div_ceil(2)).into_iter().filter_map(Result::err);
        match caught.min_by_key(|(step, _)| *step) {
            // The other has come about as far.
            Some((step, why)) => println!("{which:?}: caught after {} steps: {why}", 2 * step),
            None => missed.push(which),
        }
    }
    mutant::choose(None);
    let _ = std::panic::take_hook();
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

impl Seen {
    fn check_minimums(&self) {
        let all = [
            (self.fresh, 5000),
            (self.stale, 1000),
            (self.hits, 2000),
            (self.answers, 5000),
            (self.stale_answers, 500),
            (self.relayed, 500),
            (self.purged_there_under_a_flight, 500),
            (self.not_relayed, 5),
            (self.written, 200),
            (self.streamed, 1000),
            (self.logs, 20),
            (self.asked_of_a_laggard, 500),
            (self.behind, 300),
            (self.behind_confirmations, 20),
            (self.from_the_far_store, 200),
            (self.confirmed_there, 20),
            (self.refreshes, 50),
            (self.followers, 2000),
            (self.far_followers, 200),
        ];
        assert!(
            all.iter().all(|(count, least)| count >= least),
            "too little of something happened"
        );
    }
}
