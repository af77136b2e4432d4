//! What goes wrong between the fleet's nodes: by what they know each other, and where they listen.

use super::super::errors::Errors;
use super::super::file::Table;
use super::super::kind::Value;
use super::super::texts;
use super::readable;

/// Adds what is wrong with the fleet of `root`.
pub(super) fn fleet(root: &Table, errors: &mut Errors) {
    let table = root.tables("fleet").first();
    if let Some(table) = table {
        trust(table, errors);
    }
    let knows = table.is_some_and(|table| !table.lacks("roots")) || root.refused.contains("fleet");
    for listener in root.tables("listener") {
        let only = listener.value("only") == Some(&Value::Text("fleet".into()));
        let place = listener.place_of("only");
        if only && listener.value("tls") == Some(&Value::Boolean(false)) {
            let message = "nodes know each other by certificates, and this listener has no TLS";
            errors.add(place, message, "write tls = true beside it");
        }
        if only && !knows {
            errors.add(
                place,
                "nodes know each other by the `roots` of [fleet], and there are none",
                TRUST,
            );
        }
    }
    for datacenter in root.tables("datacenter") {
        let edges = datacenter.value("misses") == Some(&Value::Text("edges".into()));
        if edges && !knows {
            let message = "edges are nodes, which know each other by the `roots` of [fleet], and there are none";
            errors.add(datacenter.place_of("misses"), message, TRUST);
        }
        for edge in datacenter.tables("edges") {
            if let Some(Value::Origin(origin)) = edge.value("address")
                && !origin.tls
            {
                let message = "nodes speak TLS with each other";
                errors.add(edge.place_of("address"), message, "write \"https://\" before it");
            }
        }
    }
}

const TRUST: &str = "write roots, cert and key under [fleet]";

fn trust(fleet: &Table, errors: &mut Errors) {
    etcd(fleet, errors);
    let all = ["roots", "cert", "key"];
    for key in all {
        readable(fleet, key, errors);
        let other = all.iter().find(|other| fleet.lacks(other));
        if let Some(other) = other.filter(|_| fleet.value(key).is_some()) {
            let message = format!("`{key}` needs a `{other}`, and there is none");
            errors.add(fleet.place_of(key), message, "write all of roots, cert and key, or none");
        }
    }
}

/// What is said of etcd's TLS must be whole, and no password may be read on its way.
fn etcd(fleet: &Table, errors: &mut Errors) {
    for (key, other) in [
        ("etcd_cert", "etcd_key"),
        ("etcd_key", "etcd_cert"),
        ("etcd_user", "etcd_password"),
        ("etcd_password", "etcd_user"),
    ] {
        if fleet.value(key).is_some() && fleet.lacks(other) {
            let message = format!("`{key}` needs an `{other}`, and there is none");
            errors.add(fleet.place_of(key), message, "write both or neither");
        }
    }
    for key in ["etcd_roots", "etcd_cert", "etcd_key", "etcd_password"] {
        readable(fleet, key, errors);
    }
    let Some(Value::Texts(members)) = fleet.value("etcd") else { return };
    let plain = members.iter().find(|member| !texts::is_tls(member));
    let Some(plain) = plain else { return };
    if members.iter().any(|member| texts::is_tls(member)) {
        let message = format!("`{plain}` has no TLS, and other members have");
        errors.add(fleet.place_of("etcd"), message, "write https:// before each, or none");
    } else if fleet.value("etcd_password").is_some() {
        let message = format!("the password would go to `{plain}` for all to read");
        errors.add(fleet.place_of("etcd_password"), message, "write https:// before each member");
    }
}
