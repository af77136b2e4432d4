//! What goes wrong between sites, their hosts, routes and clusters.

use std::collections::BTreeMap;

use super::super::errors::{Errors, Place, did_you_mean, shown};
use super::super::file::Table;
use super::super::kind::Value;
use super::super::meaning::HostPattern;
use super::super::texts;
use super::readable;

/// Adds what is wrong with the sites of `root`.
pub(super) fn sites(root: &Table, errors: &mut Errors) {
    let mut hosts: Vec<(Place, &HostPattern, &Table)> = Vec::new();
    for site in root.tables("site") {
        readable(site, "error_page", errors);
        properties(site, errors);
        if let Some(Value::Hosts(list)) = site.value("hosts") {
            hosts.extend(list.iter().map(|(host, place)| (*place, host, site)));
        }
        for table in [site].into_iter().chain(site.tables("route")) {
            cluster(root, table, errors);
        }
        site.tables("route").iter().for_each(|route| self::route(route, errors));
    }
    // Tables are in the order of their names; whoever reads an error goes by the file's.
    hosts.sort_by_key(|(place, ..)| *place);
    let mut seen: BTreeMap<String, (Place, &Table)> = BTreeMap::new();
    for (place, host, site) in hosts {
        let host = host.to_string();
        match seen.get(&host) {
            Some((first, other)) => {
                let line = errors.line(*first);
                let message = format!(
                    "the host `{}` is in {} already, in line {line}",
                    shown(&host),
                    other.title
                );
                let hint =
                    format!("a host has one site: remove it there or here, in {}", site.title);
                errors.add(place, message, hint);
            }
            None => {
                seen.insert(host, (place, site));
            }
        }
    }
}

/// Fields that no site computes: they frame a message, route it, or show who asks.
const NO_PROPERTIES: [&str; 8] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "host",
    "te",
    "transfer-encoding",
    "x-forwarded-for",
];

fn properties(site: &Table, errors: &mut Errors) {
    let mut seen = BTreeMap::new();
    for property in site.tables("property") {
        let name = property.name.to_ascii_lowercase();
        let taken = NO_PROPERTIES.contains(&name.as_str());
        if taken || texts::field_name(&name).is_err() {
            let message = format!("`{}` is a field that no site computes", shown(&property.name));
            errors.add(property.place, message, "for example [site.wiki.property.X-Device-Class]");
        }
        if let Some(first) = seen.insert(name, property.place) {
            let message =
                format!("`{}` is computed already, by line {}", property.name, errors.line(first));
            errors.add(property.place, message, "names of fields differ by more than case");
        }
        if property.tables("values").is_empty()
            && property.value("default").is_none()
            && !property.refused.contains("values")
        {
            let message = format!("{} has neither `values` nor a `default`", property.title);
            let hint = "write, for example: values = [{ match = \"Mobile\", is = \"mobile\" }]";
            errors.add(property.place, message, hint);
        }
    }
}

/// Finds out whether the cluster that `table` names is there.
fn cluster(root: &Table, table: &Table, errors: &mut Errors) {
    let clusters = root.tables("cluster");
    if let Some(Value::Text(name)) = table.value("cluster")
        && !clusters.iter().any(|cluster| cluster.name == *name)
        && !root.refused.contains("cluster")
    {
        let known = clusters.iter().map(|cluster| cluster.name.as_str());
        let hint = match clusters {
            [] => "write [cluster.NAME] and below it its `servers`".to_owned(),
            _ => did_you_mean(name, known, "clusters"),
        };
        let message = format!("there is no [cluster.{}]", shown(name));
        errors.add(table.place_of("cluster"), message, hint);
    }
}

fn route(route: &Table, errors: &mut Errors) {
    let dollar =
        |key: &str| matches!(route.value(key), Some(Value::Text(text)) if text.contains('$'));
    for key in ["origin_host", "origin_path"] {
        if dollar(key) && route.lacks("pattern") {
            let message = format!("`$` in `{key}` is a group of a `pattern`, and there is none");
            errors.add(route.place_of(key), message, "write `pattern`, or the text as it is");
        }
    }
    if let (Some(Value::Text(path)), Some(Value::Text(to))) =
        (route.value("path"), route.value("origin_path"))
        && route.lacks("pattern")
        && path.ends_with('/') != to.ends_with('/')
    {
        let message = "one of `path` and `origin_path` ends with `/`, the other does not: what stands between \
                       segments would be lost, or stand twice";
        errors.add(route.place_of("origin_path"), message, "end both with `/`, or neither");
    }
    if route.value("origin_path").is_some() && route.lacks("path") && route.lacks("pattern") {
        let message = "`origin_path` stands in place of nothing";
        errors.add(route.place_of("origin_path"), message, "write `path` or `pattern` beside it");
    }
}
