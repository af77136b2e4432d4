//! `tidegate check FILE`: everything that `run` does with a configuration short of binding.

use std::path::Path;

use super::Exit;
use super::terminal::{complain, say};
use crate::config::{self, Config, Ids};

/// Checks `file` and says what it holds, or all that is wrong with it.
pub(super) fn check(file: &Path, effective: bool) -> Exit {
    let loaded = match config::load(file, &Ids::default()) {
        Ok(loaded) => loaded,
        Err(errors) => {
            complain(errors);
            return Exit::Failed;
        }
    };
    if effective {
        say(loaded.effective());
    } else {
        say(format_args!("{}: ok ({})", file.display(), summary(&loaded.config)));
    }
    Exit::Ok
}

fn summary(config: &Config) -> String {
    let count = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    };
    let sites = count(config.sites.len(), "site");
    let clusters = count(config.clusters.len(), "cluster");
    let listeners = count(config.listeners.len(), "listener");
    format!("{sites}, {clusters}, {listeners}")
}
