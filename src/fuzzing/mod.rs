//! What the fuzz targets in `fuzz/` call, and what `cargo test` replays their corpora through: bytes
//! of a stranger's go in, and what is promised of every parser of ours is asserted.
//!
//! A target is a function of bytes that panics where a promise is broken: one spelling for one
//! thing, what is printed is read again, time never makes a response younger, and a stranger's
//! words cannot change what we know of the peer. Where HTTP's own syntax is no matter of the
//! target's, its input is a text: field lines, and blocks of them with an empty line between.
//! Inputs that no reader of HTTP would let through are skipped.

mod client;
mod conditions;
mod cookies;
mod directives;
mod htcp;
mod location;
mod plain;
mod proxy_protocol;
mod request;
mod response;
mod selection;
mod settings;
mod spelling;
mod stream;
mod wire;

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};

pub use client::client;
pub use conditions::conditions;
pub use cookies::cookies;
pub use directives::directives;
pub use htcp::htcp;
pub use location::location;
pub use proxy_protocol::proxy_protocol;
pub use request::{key, request};
pub use response::response;
pub use selection::selection;
pub use settings::config;
pub use spelling::spelling;
pub use stream::stream;
pub use wire::{wire_request, wire_response};

use crate::config::{self, Config, Ids};
use crate::site::Sites;

/// A node in front of one site for every host, which believes peers on 127.0.0.0/8.
static NODE: LazyLock<(Config, Sites)> = LazyLock::new(|| {
    let text = "[node]\nname = \"fuzz\"\nmemory = \"1GiB\"\ntrusted_proxies = [\"127.0.0.0/8\"]\n\
                [[listener]]\naddress = \"127.0.0.1:0\"\n\
                [cluster.any]\nservers = [\"127.0.0.1:1\"]\n\
                [site.any]\nhosts = [\"*\"]\ncluster = \"any\"\n";
    let loaded = config::parse(text, "fuzz", Path::new("."), &Ids::default());
    let config = loaded.expect("a configuration of a few lines is one").config;
    let sites = Sites::new(&config.sites);
    (config, sites)
});

/// A moment of no meaning, late enough for every two-digit year to have a century.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

/// The first line of `data`, and the rest.
fn first_line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[]),
    }
}

/// The first block of `data`, up to an empty line, and the rest.
fn first_block(data: &[u8]) -> (&[u8], &[u8]) {
    match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &[]),
    }
}

/// The lines of `block` as fields, `name: value`; lines that are none are skipped.
fn fields(block: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in block.split(|byte| *byte == b'\n') {
        if let Some(colon) = line.iter().position(|byte| *byte == b':')
            && let Ok(name) = HeaderName::from_bytes(&line[..colon])
            && let Some(value) = value(&line[colon + 1..])
            // The map has an end, and panics there; no head comes near.
            && headers.len() < 1000
        {
            headers.append(name, value);
        }
    }
    headers
}

/// The lines of `block`, each as a field called `name`.
fn lines(name: &HeaderName, block: &[u8]) -> HeaderMap {
    let values = block.split(|byte| *byte == b'\n').filter_map(value).take(1000);
    values.map(|value| (name.clone(), value)).collect()
}

/// `text` as the value of a field, without the blanks around it (RFC 9112 §5.1).
fn value(text: &[u8]) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.trim_ascii()).ok()
}

/// The numbers in `line`, one after another for as long as there are some; then zeros.
fn numbers(line: &[u8]) -> impl FnMut() -> u64 {
    let words = line.split(|byte| !byte.is_ascii_digit()).filter(|word| !word.is_empty());
    let numbers: Vec<u64> = words
        .map(|word| crate::semantics::age::digits(word).unwrap_or_default())
        .take(16)
        .collect();
    let mut numbers = numbers.into_iter();
    move || numbers.next().unwrap_or_default()
}
