//! The log of events: what happens beside requests, through `tracing`, to standard error. Requests
//! are the access log's.

use std::io;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// The running log of events, whose filter a reload may change.
#[derive(Debug)]
pub struct Events(reload::Handle<EnvFilter, Registry>);

/// Starts the log of events for the whole process: a line an event, or a JSON object where `json`.
/// `filter` is what `tracing` reads, such as `info` or `warn,tidegate::origin=debug`.
///
/// # Errors
/// A sentence, when the filter cannot be read or a log of events has been started before.
pub fn init(filter: &str, json: bool) -> Result<Events, String> {
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(io::stderr);
    let started = if json {
        registry.with(lines.json().flatten_event(true)).try_init()
    } else {
        registry.with(lines.compact()).try_init()
    };
    started.map_err(|error| error.to_string())?;
    Ok(Events(handle))
}

/// Whether `filter` can be read.
///
/// # Errors
/// A sentence that says why not.
pub fn check(filter: &str) -> Result<(), String> {
    parse(filter).map(|_| ())
}

impl Events {
    /// Goes on with another filter.
    ///
    /// # Errors
    /// A sentence, when the filter cannot be read; the old one stays.
    pub fn refilter(&self, filter: &str) -> Result<(), String> {
        self.0.reload(parse(filter)?).map_err(|error| error.to_string())
    }
}

/// What h2 and hyper tell, a client can make them tell at will, and what of it matters is told and
/// counted by us: they are heard where they are named.
fn parse(filter: &str) -> Result<EnvFilter, String> {
    let whole = format!("h2=off,hyper=off,{filter}");
    EnvFilter::builder().parse(whole).map_err(|error| format!("log level {filter:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_once_and_its_filter_may_change() {
        let events = init("warn", true).unwrap();
        assert!(init("warn", false).is_err());
        assert!(!tracing::enabled!(tracing::Level::INFO));
        events.refilter("info").unwrap();
        assert!(tracing::enabled!(tracing::Level::INFO));
        assert!(!tracing::enabled!(target: "h2::proto", tracing::Level::ERROR));
        assert!(events.refilter("tidegate=loud").is_err());
        assert!(tracing::enabled!(tracing::Level::INFO));
        events.refilter("info,h2=warn").unwrap();
        assert!(tracing::enabled!(target: "h2::proto", tracing::Level::WARN));
        events.refilter("off").unwrap();
    }
}
