//! What goes wrong between clusters, their servers and datacenters.

use std::collections::BTreeMap;

use super::super::errors::{Errors, Place, did_you_mean, shown};
use super::super::file::Table;
use super::super::kind::Value;
use super::readable;

/// Adds what is wrong with the datacenters of `root`.
pub(super) fn datacenters(root: &Table, errors: &mut Errors) {
    for table in [root].into_iter().flat_map(|root| root.tables("node")) {
        if let Some(Value::Text(name)) = table.value("datacenter") {
            is_there(root, name, table.place_of("datacenter"), errors);
        }
    }
    for table in root.tables("datacenter") {
        let Some(Value::Texts(names)) = table.value("nearest") else { continue };
        for name in names {
            is_there(root, name, table.place_of("nearest"), errors);
        }
    }
}

/// Finds out whether a datacenter is configured, where some are.
fn is_there(root: &Table, name: &str, place: Place, errors: &mut Errors) {
    let all = root.tables("datacenter");
    if all.is_empty()
        || root.refused.contains("datacenter")
        || all.iter().any(|one| one.name == name)
    {
        return;
    }
    let known = all.iter().map(|one| one.name.as_str());
    let hint = did_you_mean(name, known, "datacenters");
    errors.add(place, format!("there is no [datacenter.{}]", shown(name)), hint);
}

/// A certificate without its key is of no use, nor the other way round.
fn pair(cluster: &Table, errors: &mut Errors) {
    for (one, other) in [("client_cert", "client_key"), ("client_key", "client_cert")] {
        if cluster.value(one).is_some() && cluster.lacks(other) {
            let message = format!("`{one}` needs a `{other}`, and there is none");
            errors.add(cluster.place_of(one), message, "write both, or neither");
        }
    }
}

fn primary(root: &Table, cluster: &Table, errors: &mut Errors) {
    let Some(Value::Text(name)) = cluster.value("primary") else { return };
    if root.tables("datacenter").is_empty() && !root.refused.contains("datacenter") {
        let message = "a `primary` is for datacenters, and there is no [datacenter.NAME]";
        let hint = "write a section for each, for example: [datacenter.eqiad]";
        return errors.add(cluster.place_of("primary"), message, hint);
    }
    let all = cluster.tables("datacenter");
    if !all.iter().any(|one| one.name == *name) && !cluster.refused.contains("datacenter") {
        let message = format!("{} has no servers in `{}`", cluster.title, shown(name));
        let hint = did_you_mean(name, all.iter().map(|one| one.name.as_str()), "it has some in");
        errors.add(cluster.place_of("primary"), message, hint);
    }
}

/// Adds what is wrong with a cluster of `root`.
pub(super) fn cluster(root: &Table, cluster: &Table, errors: &mut Errors) {
    for key in ["roots", "client_cert", "client_key"] {
        readable(cluster, key, errors);
    }
    pair(cluster, errors);
    primary(root, cluster, errors);
    for datacenter in cluster.tables("datacenter") {
        is_there(root, &datacenter.name, datacenter.place, errors);
        let none = datacenter.tables("servers").is_empty();
        if none && !root.tables("datacenter").is_empty() && !datacenter.refused.contains("servers")
        {
            let hint = "write its `servers`, or remove it";
            errors.add(datacenter.place, format!("{} has no `servers`", datacenter.title), hint);
        }
    }
    let mut any = servers(cluster, errors) || cluster.refused.contains("datacenter");
    for datacenter in cluster.tables("datacenter") {
        any |= servers(datacenter, errors);
    }
    if !any {
        let hint = "write, for example: servers = [{ address = \"127.0.0.1:18080\" }]";
        errors.add(cluster.place, format!("{} has no `servers`", cluster.title), hint);
    }
}

/// Finds servers that stand twice; returns whether any were written.
fn servers(table: &Table, errors: &mut Errors) -> bool {
    let mut seen = BTreeMap::new();
    for server in table.tables("servers") {
        let Some(Value::Origin(origin)) = server.value("address") else { continue };
        let place = server.place_of("address");
        if let Some(first) = seen.insert((origin.host.to_string(), origin.port), place) {
            let line = errors.line(first);
            let message = format!("`{}` stands already in line {line}", shown(&origin.text));
            errors.add(place, message, "give a server a larger share by its `weight`");
        }
    }
    !table.tables("servers").is_empty() || table.refused.contains("servers")
}
