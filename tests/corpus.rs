//! Replays what the fuzz targets have in their corpora: every input that ever mattered is asked
//! again by each `cargo test`.

#![allow(clippy::print_stdout, reason = "the input's name must stand above its panic")]

use std::path::Path;
use std::{fs, io};

/// Hands every file of the corpus called `target` to `run`.
fn replay(target: &str, run: fn(&[u8])) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for file in fs::read_dir(&folder)? {
        let path = file?.path();
        println!("{}", path.display());
        run(&fs::read(&path)?);
        count += 1;
    }
    assert!(count >= 10, "{}: only {count} inputs", folder.display());
    Ok(())
}

#[test]
fn every_configuration_is_taken_or_refused_with_a_word() -> io::Result<()> {
    replay("config", tidegate::fuzzing::config)
}

#[test]
fn every_request_is_refused_or_has_a_key_that_a_purge_reaches() -> io::Result<()> {
    replay("key", tidegate::fuzzing::key)
}
