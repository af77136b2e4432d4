//! The part of the table of keys that the fleet has.

use super::super::kind::Default::{Is, Unset};
use super::super::kind::Kind::{Boolean, Path, Text, Texts};
use super::super::kind::Section;
use super::super::texts;
use super::key;

pub(super) static FLEET: Section = Section {
    doc: "Who says which datacenters and servers are pooled: a file, before etcd, before this configuration. \
          A key such as \"pools/eqiad/wiki/10.64.0.1:80\" has {\"pooled\": \"no\"} for its value. Without the \
          section this file alone says it.",
    shorthand: None,
    keys: &[
        key(
            "etcd",
            Texts(texts::broker),
            Is("[]"),
            "Members of an etcd cluster, \"host:port\", whose JSON gateway is asked over plain HTTP.",
        ),
        key(
            "prefix",
            Text(texts::path),
            Is("\"/tidegate/v1\""),
            "What the keys in etcd begin with.",
        ),
        key(
            "state",
            Path,
            Unset { says: "nowhere", example: "\"/var/lib/tidegate/fleet.json\"" },
            "Where what etcd said last is kept over a restart. Its folder must be writable.",
        ),
        key(
            "overrides",
            Path,
            Unset { says: "none", example: "\"/etc/tidegate/fleet.json\"" },
            "A JSON object of values by keys that hold whatever etcd says; read within a second of a change. \
             It need not be there.",
        ),
    ],
    parts: &[],
};

pub(super) static DATACENTER: Section = Section {
    doc: "A datacenter of the fleet. Where there are some, a cluster's requests go to its servers in the \
          nearest that is pooled and well, as far as its `datacenters` says so.",
    shorthand: None,
    keys: &[
        key("pooled", Boolean, Is("true"), "Whether requests are sent to servers there."),
        key(
            "coordinates",
            Text(texts::coordinates),
            Unset { says: "unknown: farther than all others", example: "\"39.04, -77.49\"" },
            "Latitude and longitude in degrees, for what is nearest.",
        ),
        key(
            "nearest",
            Texts(texts::name),
            Is("[]"),
            "Other datacenters, the nearest from here first, before those that distance ranks.",
        ),
    ],
    parts: &[],
};
