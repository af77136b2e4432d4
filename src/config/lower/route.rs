//! A site's routes: what their keys mean.

use std::sync::Arc;

use http::{HeaderName, Method};

use super::super::file::Table;
use super::super::kind::Value;
use super::super::meaning::{Cluster, Mode, Pattern, Route, RouteTerms, When};
use super::super::texts;
use super::need;

/// What `table`, a `[[site.NAME.route]]` of a site with the cluster `usual`, means.
pub(super) fn route(table: &Table, usual: &Arc<Cluster>, clusters: &[Arc<Cluster>]) -> Route {
    let named = |name: &str| need(clusters.iter().find(|cluster| *cluster.name == *name));
    let boxed = |key| table.maybe_text(key).map(Box::from);
    Route {
        when: when(table),
        cluster: Arc::clone(table.maybe_text("cluster").map_or(usual, named)),
        mode: match table.text("mode") {
            "pass" => Mode::Pass,
            "pipe" => Mode::Pipe,
            _ => Mode::Normal,
        },
        origin_host: boxed("origin_host"),
        origin_path: boxed("origin_path"),
        terms: RouteTerms {
            first_byte_timeout: table.maybe_duration("first_byte_timeout"),
            between_bytes_timeout: table.maybe_duration("between_bytes_timeout"),
            retries: table.boolean("retries"),
        },
    }
}

fn when(table: &Table) -> When {
    let pattern = |text: &str| need(Pattern::new(text).ok());
    let methods = |list: &[String]| {
        list.iter().map(|text| need(Method::from_bytes(text.as_bytes()).ok())).collect()
    };
    When {
        hosts: matches!(table.value("hosts"), Some(Value::Hosts(_))).then(|| table.hosts("hosts")),
        methods: table.maybe_texts("methods").map(methods),
        path: table.maybe_text("path").map(Box::from),
        pattern: table.maybe_text("pattern").map(pattern),
        query: table.maybe_text("query").map(|text| {
            let (name, value) = texts::split_at(text, '=');
            (name.into(), value.map(Box::from))
        }),
        header: table.maybe_text("header").map(|text| {
            let (name, value) = texts::split_at(text, ':');
            (need(HeaderName::try_from(name).ok()), value.map(pattern))
        }),
        cookie: table.maybe_text("cookie").map(|text| {
            let (name, value) = texts::split_at(text, '=');
            (name.into(), value.map(pattern))
        }),
    }
}
