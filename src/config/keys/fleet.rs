//! The part of the table of keys that the fleet has.

use super::super::kind::Default::{Is, Required, Unset};
use super::super::kind::Kind::{Boolean, Choice, Integer, Origin, Path, Text, Texts};
use super::super::kind::{Form, Section};
use super::super::texts;
use super::{key, part};

pub(super) static FLEET: Section = Section {
    doc: "What this node has in common with others: who says which datacenters and servers are pooled, and by \
          what the nodes know each other. A file says what is pooled before etcd does, and that before this \
          configuration. \
          A key such as \"pools/eqiad/wiki/10.64.0.1:80\" has {\"pooled\": \"no\"} for its value. Without the \
          section this file alone says it.",
    shorthand: None,
    keys: &[
        key(
            "etcd",
            Texts(texts::member),
            Is("[]"),
            "Members of an etcd cluster, \"host:port\" or \"https://host:port\", whose JSON gateway is asked.",
        ),
        key(
            "etcd_roots",
            Path,
            Unset { says: "the web's", example: "\"etcd-ca.pem\"" },
            "Certificates in PEM that theirs must descend from, where they speak TLS.",
        ),
        key(
            "etcd_cert",
            Path,
            Unset { says: "none", example: "\"etcd-client.pem\"" },
            "The chain in PEM that they are shown where they ask for one. Needs `etcd_key`.",
        ),
        key(
            "etcd_key",
            Path,
            Unset { says: "none", example: "\"etcd-client.key\"" },
            "Its private key in PEM.",
        ),
        key(
            "etcd_user",
            Text(texts::some),
            Unset { says: "none", example: "\"tidegate\"" },
            "As whom they are asked, where they want to know. Needs `etcd_password`.",
        ),
        key(
            "etcd_password",
            Path,
            Unset { says: "none", example: "\"etcd.password\"" },
            "A file with the password alone, which goes over TLS only.",
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
            "roots",
            Path,
            Unset { says: "none", example: "\"fleet.pem\"" },
            "Certificates in PEM that every node's own descends from, and nobody else's. Listeners with \
             `only = \"fleet\"` take connections of these alone.",
        ),
        key(
            "cert",
            Path,
            Unset { says: "none", example: "\"node.pem\"" },
            "This node's chain in PEM, shown to other nodes and to those that connect to it.",
        ),
        key(
            "key",
            Path,
            Unset { says: "none", example: "\"node.key\"" },
            "Its private key in PEM.",
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
          nearest that is pooled and well, or to its `primary`.",
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
        key(
            "misses",
            Choice(&["servers", "edges"]),
            Is("\"servers\""),
            "Where its nodes send what servers elsewhere must answer: to these themselves, or with \"edges\" to \
             the nodes of their datacenter, where those are, which may have it stored.",
        ),
    ],
    parts: &[part("edges", Form::Inline, &EDGE)],
};

static EDGE: Section = Section {
    doc: "Its nodes, as other datacenters reach them: listeners with `only = \"fleet\"`.",
    shorthand: Some("address"),
    keys: &[
        key(
            "address",
            Origin,
            Required { example: "\"https://cp1.eqiad.wiki.test:8444\"" },
            "\"https://host:port\"; the node's certificate must have the host.",
        ),
        key("weight", Integer { least: 1, most: 65_535 }, Is("1"), "Its share among them."),
    ],
    parts: &[],
};
