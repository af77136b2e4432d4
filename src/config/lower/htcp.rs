//! Where HTCP is listened for, and the terms of a source of purges: what their keys mean.

use super::super::file::Table;
use super::super::meaning::{Ear, Htcp, SourceTerms};
use super::need;

/// The `[[purge.htcp]]` of `purge`.
pub(super) fn listeners(purge: &Table) -> Vec<Htcp> {
    let all = purge.tables("htcp").iter();
    all.map(|table| Htcp {
        at: Ear {
            address: table.address("address"),
            groups: table.texts("groups").iter().map(|text| need(text.parse().ok())).collect(),
            interface: table.maybe_text("interface").map(str::to_owned),
        },
        allow: table.maybe_prefixes("allow").unwrap_or_else(|| purge.prefixes("allow")),
        terms: terms(table),
    })
    .collect()
}

/// The `hosts` and the `rebound` of a source.
pub(super) fn terms(source: &Table) -> SourceTerms {
    SourceTerms { hosts: source.hosts("hosts"), rebound: source.duration("rebound") }
}
