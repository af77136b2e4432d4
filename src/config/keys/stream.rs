//! The part of the table of keys that says which purge streams are read.

use super::super::kind::Default::{Is, Required, Unset};
use super::super::kind::Kind::{Boolean, Path, Texts};
use super::super::kind::Section;
use super::super::texts;
use super::htcp::{hosts, rebound};
use super::{NONZERO, key};

pub(super) static STREAM: Section = Section {
    doc: "A purge stream: topics of an Apache Kafka cluster, version 3.1 or later, whose messages are events of \
          `/resource_change/1.0.0`. Each node reads all of them, from positions of its own.",
    shorthand: None,
    keys: &[
        key(
            "brokers",
            Texts(texts::broker),
            Required { example: "[\"kafka.test:9092\"]" },
            "Hosts and ports that are asked for the cluster's brokers, in this order.",
        ),
        key(
            "topics",
            Texts(texts::topic),
            Required { example: "[\"eqiad.resource-purge\"]" },
            "Topics, with all their partitions. One that is not there yet is read once it is.",
        ),
        key("tls", Boolean, Is("false"), "Whether brokers speak TLS."),
        key(
            "roots",
            Path,
            Unset { says: "the web's", example: "\"roots.pem\"" },
            "Certificates in PEM that theirs must descend from.",
        ),
        key(
            "positions",
            Path,
            Unset {
                says: "each start begins at the end of the log",
                example: "\"positions.json\"",
            },
            "A file that keeps over restarts how far the stream is applied. Its folder must be writable.",
        ),
        key(
            "max_lag",
            NONZERO,
            Is("\"1m\""),
            "How far it may be behind before sites with `on_lag = \"stale\"` turn stale, and again after each \
             such time while it is.",
        ),
        hosts(),
        rebound(),
    ],
    parts: &[],
};
