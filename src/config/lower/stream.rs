//! Which purge streams are read: what their keys mean.

use super::super::file::Table;
use super::super::meaning::Stream;
use super::super::texts;
use super::{htcp, need};
use crate::base::Pem;

/// The `[[purge.stream]]` of `purge`.
pub(super) fn streams(purge: &Table) -> Vec<Stream> {
    let of = |table: &Table| Stream {
        brokers: table
            .texts("brokers")
            .iter()
            .map(|text| need(texts::split_broker(text)))
            .collect(),
        topics: table.texts("topics").to_vec(),
        tls: table.boolean("tls"),
        roots: table.path("roots").map(Pem::File),
        positions: table.path("positions"),
        max_lag: table.duration("max_lag"),
        terms: htcp::terms(table),
    };
    purge.tables("stream").iter().map(of).collect()
}
