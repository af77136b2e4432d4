//! What no single key can get wrong: things that are missing, that stand twice, or that do not go
//! together, and files that cannot be read. It asks only values that were readable themselves, so
//! one slip is one error.

mod clusters;
mod fleet;
mod purge;
mod sites;

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;

use super::errors::{Errors, Place, did_you_mean, shown};
use super::file::Table;
use super::kind::Value;
use super::units::print_size;

/// Sites, clusters and listeners have numbers of 16 bits.
const MOST_NUMBERED: usize = 65_536;

/// Adds what is wrong with `root`, a whole file that has been filled.
pub(super) fn check(root: &Table, errors: &mut Errors) {
    listeners(root, errors);
    certificates(root, errors);
    memory(root, errors);
    access_log(root, errors);
    tokens(root, errors);
    for purge in root.tables("purge") {
        purge::purge(purge, errors);
    }
    clusters::datacenters(root, errors);
    fleet::fleet(root, errors);
    for cluster in root.tables("cluster") {
        clusters::cluster(root, cluster, errors);
    }
    sites::sites(root, errors);
    for part in ["listener", "cluster", "site"] {
        let tables = root.tables(part);
        if let Some(table) = tables.get(MOST_NUMBERED) {
            let message = format!("there are more than {MOST_NUMBERED} of these");
            errors.add(table.place, message, "split them over several nodes");
        }
    }
}

fn listeners(root: &Table, errors: &mut Errors) {
    let listeners = root.tables("listener");
    if listeners.is_empty() && !root.refused.contains("listener") {
        let hint = "write, for example: [[listener]] and below it address = \"127.0.0.1:8080\"";
        errors.add(Place::START, "there is no [[listener]], so nothing would be served", hint);
    }
    let mut seen: BTreeMap<SocketAddr, Place> = BTreeMap::new();
    for table in listeners.iter().chain(root.tables("admin")) {
        let Some(Value::Address(address)) = table.value("address") else { continue };
        let place = table.place_of("address");
        match seen.get(address) {
            // The system gives each a port of its own.
            Some(_) if address.port() == 0 => {}
            Some(first) => {
                let message =
                    format!("`{address}` is listened on already, by line {}", errors.line(*first));
                errors.add(place, message, "give one of them another port, or remove it");
            }
            None => {
                seen.insert(*address, place);
            }
        }
    }
    for listener in listeners {
        // Nodes are shown the fleet's.
        let tls = listener.value("tls") == Some(&Value::Boolean(true))
            && listener.value("only") != Some(&Value::Text("fleet".into()));
        let none = root.tables("certificate").is_empty() && !root.refused.contains("certificate");
        if tls && none {
            let hint =
                "write [[certificate]] and below it cert = \"cert.pem\" and key = \"key.pem\"";
            errors.add(
                listener.place_of("tls"),
                "TLS needs a certificate, and there is none",
                hint,
            );
        }
    }
}

fn certificates(root: &Table, errors: &mut Errors) {
    for certificate in root.tables("certificate") {
        readable(certificate, "cert", errors);
        readable(certificate, "key", errors);
    }
}

/// Finds out whether the file that `key` names can be read.
fn readable(table: &Table, key: &str, errors: &mut Errors) {
    let Some(Value::Path(written, path)) = table.value(key) else { return };
    // A pipe would be waited for, so only what says that it is a file is opened.
    let why = match std::fs::metadata(path) {
        Ok(found) if found.is_file() => File::open(path).err().map(|why| why.to_string()),
        Ok(_) => Some("it is no file".into()),
        Err(why) => Some(why.to_string()),
    };
    if let Some(why) = why {
        let message = format!("`{}` cannot be read: {why}", shown(written));
        let hint = format!("it was looked for at {}", shown(&path.display().to_string()));
        errors.add(table.place_of(key), message, hint);
    }
}

fn memory(root: &Table, errors: &mut Errors) {
    let size = |part: &str, key: &str| {
        let table = root.tables(part).first()?;
        let Some(Value::Size(bytes)) = table.value(key) else { return None };
        Some((*bytes, table.place_of(key)))
    };
    let (node, cache) = (size("node", "memory"), size("cache", "memory"));
    if let (Some((node, _)), Some((cache, place))) = (node, cache)
        && cache > node
    {
        let message = format!(
            "the cache's {} are more than the {} that the process may hold",
            print_size(cache),
            print_size(node)
        );
        let hint = "leave room for connections and fetches: about half of `memory` in [node]";
        errors.add(place, message, hint);
    }
    if let (Some((cache, _)), Some((object, place))) = (cache, size("cache", "max_object"))
        && object > cache / 8
    {
        let message =
            format!("an object of {} is more than an eighth of the cache", print_size(object));
        let hint = format!(
            "set `max_object` to at most {}, or `memory` to at least {}",
            print_size(cache / 8),
            print_size(object.saturating_mul(8))
        );
        errors.add(place, message, hint);
    }
}

fn access_log(root: &Table, errors: &mut Errors) {
    let Some(log) = root.tables("log").first() else { return };
    let Some(Value::Path(written, path)) = log.value("access") else { return };
    // An empty parent is the working folder.
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let message = if path.is_dir() {
        "is a folder"
    } else if folder.is_some_and(|folder| !folder.is_dir()) {
        "is in a folder that is not there"
    } else {
        return;
    };
    let message = format!("`{}` {message}", shown(written));
    let hint = format!(
        "\"stdout\", \"off\" or a file's path; this is {}",
        shown(&path.display().to_string())
    );
    errors.add(log.place_of("access"), message, hint);
}

fn tokens(root: &Table, errors: &mut Errors) {
    let tokens = root.tables("admin").first().map_or(&[][..], |admin| admin.tables("token"));
    let (sites, mut seen) = (root.tables("site"), BTreeMap::new());
    for token in tokens {
        readable(token, "secret_file", errors);
        if let Some(Value::Text(name)) = token.value("name") {
            let place = token.place_of("name");
            if let Some(first) = seen.insert(name, place) {
                let message =
                    format!("`{name}` is a token's name already, in line {}", errors.line(first));
                errors.add(place, message, "the audit log tells tokens apart by their names");
            }
        }
        let Some(Value::Texts(names)) = token.value("sites") else { continue };
        for name in names {
            if !sites.iter().any(|site| site.name == *name) && !root.refused.contains("site") {
                let known = sites.iter().map(|site| site.name.as_str());
                let message = format!("there is no [site.{}]", shown(name));
                errors.add(token.place_of("sites"), message, did_you_mean(name, known, "sites"));
            }
        }
    }
}
