//! The promise of purging, step by step against a literal model (PURGE.md, "How it is proved"): clients,
//! fetches and refreshes in any stage, purges of every kind, evictions and sweeps, in an order that follows
//! from a seed. One thread does it all, so what is checked here is what each step may see of the others;
//! how steps run into each other is the business of the store's race tests.
//!
//! The model knows each purge by what it covers and its number, forgets nothing, and folds nothing. After
//! each look at the store it asks: does a purge cover what was served as fresh, that came after it had been
//! asked of the origin? And, as long as nothing was folded or swept: was anything withheld that no purge
//! covers? With the feature `mutants` each check of the protocol is taken out in turn, and has to be missed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]
#![allow(clippy::print_stdout, reason = "seeds, counts and what was caught are what it is run for")]
#![allow(unreachable_pub, missing_docs, reason = "a test has no outside")]

#[path = "purge_model/world.rs"]
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use world::{Seen, World};

/// A check that is taken out is taken out for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// Steps in one world. A flood folds floors, after which more is purged than was ordered and the other half
/// of the promise cannot be asked for any more: a new world has not had one.
const STEPS_IN_A_WORLD: u64 = 20_000;

/// Runs `steps` from `seed`; how far it came, and what broke the promise there.
fn run(seed: u64, steps: u64) -> Result<Seen, (u64, String)> {
    let mut world = World::new(seed);
    for step in 0..steps {
        if step > 0 && step % STEPS_IN_A_WORLD == 0 {
            let seen = world.seen;
            world = World::new(seed.wrapping_add(step / STEPS_IN_A_WORLD));
            world.seen = seen;
        }
        let stepped = catch_unwind(AssertUnwindSafe(|| world.step()));
        if let Err(panic) = stepped {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            return Err((step, text.unwrap_or_default()));
        }
    }
    Ok(world.seen)
}

fn steps() -> u64 {
    let given = std::env::var("TIDEGATE_MODEL_STEPS").ok();
    given.map_or(1_000_000, |steps| steps.parse().expect("TIDEGATE_MODEL_STEPS is a number"))
}

#[test]
fn nothing_that_a_purge_covers_is_served_as_fresh_after_it() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let seed =
        std::env::var("TIDEGATE_MODEL_SEED").ok().map(|seed| seed.parse().expect("a number"));
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("TIDEGATE_MODEL_SEED={seed}, {} steps", steps());
    let seen = run(seed, steps()).unwrap_or_else(|(step, why)| panic!("step {step}: {why}"));
    println!("{seen:#?}");
    let all = [
        (seen.fresh, 1000),
        (seen.stale, 100),
        (seen.gone, 20),
        (seen.stored, 1000),
        (seen.overtaken, 100),
        (seen.refreshed, 100),
        (seen.refreshes_overtaken, 100),
        (seen.purged_under_a_flight, 100),
        (seen.purged_under_a_refresh, 100),
        (seen.purged_with_followers, 100),
        (seen.purged_when_evicted, 100),
        (seen.joined, 1000),
        (seen.followers, 1000),
        (seen.sent_again, 20),
        (seen.beyond_the_horizon, 20),
        (seen.sweeps, 20),
        (seen.floods, 1),
        (seen.exact, steps() / 2),
    ];
    assert!(all.iter().all(|(count, least)| count >= least), "too little of something happened");
}

#[cfg(feature = "mutants")]
#[test]
fn every_check_is_missed_when_it_is_taken_out() {
    use tidegate::base::mutant::{self, Mutant};
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut missed = Vec::new();
    // What is found is told below, and not by each panic.
    std::panic::set_hook(Box::new(|_| {}));
    for which in Mutant::ALONE {
        mutant::choose(Some(which));
        match run(seed, steps()) {
            Err((step, why)) => println!("{which:?}: caught after {step} steps: {why}"),
            Ok(_) => missed.push(which),
        }
    }
    mutant::choose(None);
    let _ = std::panic::take_hook();
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
