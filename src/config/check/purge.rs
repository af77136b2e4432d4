//! What is wrong with the sources of purges, beyond single keys.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::super::errors::{Errors, Place, shown};
use super::super::file::Table;
use super::super::kind::Value;
use super::super::meaning::SourceTerms;

/// Adds what is wrong in `purge`, a `[purge]`.
pub(super) fn purge(purge: &Table, errors: &mut Errors) {
    rebound(purge, errors);
    streams(purge, errors);
    let mut seen: BTreeMap<SocketAddr, Place> = BTreeMap::new();
    for htcp in purge.tables("htcp") {
        rebound(htcp, errors);
        let Some(Value::Address(address)) = htcp.value("address") else { continue };
        let place = htcp.place_of("address");
        groups(htcp, *address, errors);
        if let Some(first) = seen.insert(*address, place)
            && address.port() != 0
        {
            let message =
                format!("`{address}` is listened on already, by line {}", errors.line(first));
            errors.add(place, message, "put the groups of one address into its `groups`");
        }
    }
}

/// A stream reads something, and keeps its positions apart from others'.
fn streams(purge: &Table, errors: &mut Errors) {
    let mut seen: BTreeMap<&Path, Place> = BTreeMap::new();
    for stream in purge.tables("stream") {
        rebound(stream, errors);
        for (key, example) in [("brokers", "kafka.test:9092"), ("topics", "resource-purge")] {
            if let Some(Value::Texts(texts)) = stream.value(key)
                && texts.is_empty()
            {
                let hint = format!("for example: {key} = [\"{example}\"]");
                errors.add(stream.place_of(key), format!("`{key}` is empty"), hint);
            }
        }
        let Some(Value::Path(written, path)) = stream.value("positions") else { continue };
        let place = stream.place_of("positions");
        if let Some(first) = seen.insert(path, place) {
            let line = errors.line(first);
            let message =
                format!("`{}` keeps the positions of line {line} already", shown(written));
            errors.add(place, message, "give each [[purge.stream]] a file of its own");
        }
    }
}

/// Repeats that are put off have a bound, which is what bounds their number.
pub(super) fn rebound(source: &Table, errors: &mut Errors) {
    if let Some(Value::Duration(delay)) = source.value("rebound")
        && *delay > SourceTerms::LONGEST_REBOUND
    {
        let place = source.place_of("rebound");
        errors.add(place, "`rebound` is at most 1h", "for example: rebound = \"11s\"");
    }
}

/// A socket hears the groups of its family, and only while it is bound to no address of this machine.
fn groups(htcp: &Table, address: SocketAddr, errors: &mut Errors) {
    let Some(Value::Texts(groups)) = htcp.value("groups") else { return };
    let place = htcp.place_of("groups");
    for group in groups {
        let family = |ip: IpAddr| if ip.is_ipv4() { "IPv4" } else { "IPv6" };
        let Ok(ip) = group.parse::<IpAddr>() else { continue };
        if ip.is_ipv4() != address.is_ipv4() {
            let message = format!(
                "`{}` is a group of {}, and the address one of {}",
                shown(group),
                family(ip),
                family(address.ip())
            );
            errors.add(place, message, "write a [[purge.htcp]] for each of the two");
            return;
        }
    }
    if !groups.is_empty() && !address.ip().is_unspecified() {
        let any = if address.is_ipv4() { "0.0.0.0" } else { "[::]" };
        let hint = format!("write address = \"{any}:{}\"", address.port());
        errors.add(place, format!("what is sent to groups does not come to `{address}`"), hint);
    }
}
