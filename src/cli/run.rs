//! `tidegate run --config FILE`: serves what the file says, and reads it again at SIGHUP.

use std::path::Path;

use super::serve::{Signals, serve};
use super::terminal::complain;
use super::{Exit, check, runtime};
use crate::base::Clock;
use crate::config::Ids;
use crate::server::{Parts, Server};
use crate::telemetry::events::{self, Events};

/// Serves what `file` says until a signal ends it.
pub(super) fn run(file: &Path) -> Exit {
    start(file).unwrap_or_else(|exit| exit)
}

fn start(file: &Path) -> Result<Exit, Exit> {
    let failed = |why: &dyn std::fmt::Display| {
        complain(why);
        Exit::Failed
    };
    let ids = Ids::default();
    let (loaded, _) = check::load(file, &ids).map_err(|errors| failed(&errors))?;
    let events = events::init(&loaded.config.log.level, false).map_err(|why| failed(&why))?;
    let runtime = runtime().map_err(|why| failed(&why))?;
    runtime.block_on(async {
        let signals = Signals::new().map_err(|error| failed(&error))?;
        let parts = Parts { clock: Clock::system(), ids: ids.clone() };
        let server = Server::start(loaded, parts).map_err(|error| failed(&error))?;
        Ok(serve(server, signals, |server| reload(file, &ids, server, &events)).await)
    })
}

/// Reads `file` again. Unless all of it can be applied, all stays as it was.
fn reload(file: &Path, ids: &Ids, server: &Server, events: &Events) {
    // The server logs the warnings when it takes the certificates.
    let loaded = match check::load(file, ids) {
        Ok((loaded, _)) => loaded,
        Err(errors) => return refuse(&errors),
    };
    let level = loaded.config.log.level.clone();
    match server.reload(loaded) {
        Ok(changes) => {
            if let Err(why) = events.refilter(&level) {
                tracing::warn!("the log's level stays as it was: {why}");
            }
            if changes.is_empty() {
                tracing::info!("the configuration was read again; nothing in it has changed");
            }
            for change in changes {
                if change.restart {
                    tracing::warn!("reload: {change}");
                } else {
                    tracing::info!("reload: {change}");
                }
            }
        }
        Err(error) => refuse(&error),
    }
}

fn refuse(why: &dyn std::fmt::Display) {
    tracing::error!("the configuration was refused, the old one stays");
    // One event a line: an event's own line breaks would look like events.
    for line in why.to_string().lines() {
        tracing::error!("{line}");
    }
}
