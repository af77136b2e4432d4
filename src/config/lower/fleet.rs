//! The fleet: what its keys mean.

use super::super::file::Table;
use super::super::meaning::{Datacenter, Fleet};
use super::super::texts;
use super::need;

/// What `table`, the `[fleet]`, means.
pub(super) fn fleet(table: &Table) -> Fleet {
    let member = |text: &String| need(texts::split_broker(text));
    Fleet {
        etcd: table.texts("etcd").iter().map(member).collect(),
        prefix: table.text("prefix").trim_end_matches('/').to_owned(),
        state: table.path("state"),
        overrides: table.path("overrides"),
    }
}

/// What `table`, a `[datacenter.NAME]`, means.
pub(super) fn datacenter(table: &Table) -> Datacenter {
    Datacenter {
        name: table.name.as_str().into(),
        pooled: table.boolean("pooled"),
        coordinates: table.maybe_text("coordinates").map(|text| need(text.parse().ok())),
        nearest: table.texts("nearest").iter().map(|name| name.as_str().into()).collect(),
    }
}
