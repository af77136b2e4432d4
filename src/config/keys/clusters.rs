//! The part of the table of keys that clusters with their servers have.

use super::super::kind::Default::{Is, Required, Unset};
use super::super::kind::Kind::{Choice, Integer, Origin, Path, Text, Token};
use super::super::kind::{Form, Part, Section};
use super::super::texts;
use super::{ANY_TIME, NONZERO, key, part};

pub(super) static CLUSTER: Section = Section {
    doc: "An origin service under a name of yours.",
    shorthand: None,
    keys: &[
        key(
            "balance",
            Choice(&["turns", "least", "hash"]),
            Is("\"turns\""),
            "Which server a request goes to. With \"turns\" each has its weight of them; with \"least\" two \
             are drawn by weight, and the one with less under way is asked, so that a slow server gets \
             less; with \"hash\" a URL has always the same server, the same for every node, while that has \
             no more than a quarter above its share under way.",
        ),
        key(
            "primary",
            Token,
            Unset { says: "none: active/active", example: "\"eqiad\"" },
            "Where it has servers in several datacenters: with a primary it is active/passive, and requests go to \
             servers there alone; without one they go to those of the nearest that is pooled and well. Servers in \
             no datacenter come last.",
        ),
        key(
            "protocol",
            Choice(&["http/1.1", "h2"]),
            Is("\"http/1.1\""),
            "What servers are spoken to in. With \"h2\" the requests of a worker share a few connections of HTTP/2, \
             up to 100 on each; a TLS server that chooses HTTP/1.1 (ALPN) gets that, and one without TLS must \
             take HTTP/2 at once (RFC 9113 section 3.3). What changes protocol goes over HTTP/1.1.",
        ),
        key(
            "connect_timeout",
            NONZERO,
            Is("\"3s\""),
            "From the first SYN to a connection, TLS included.",
        ),
        key(
            "first_byte_timeout",
            NONZERO,
            Is("\"60s\""),
            "From the request's last byte to the end of the answer's head.",
        ),
        key(
            "between_bytes_timeout",
            NONZERO,
            Is("\"30s\""),
            "Between two pieces of an answer's body.",
        ),
        key("keepalive", ANY_TIME, Is("\"60s\""), "How long an unused connection is kept."),
        key(
            "max_connections",
            Integer { least: 1, most: 1_000_000 },
            Is("1000"),
            "Connections to each server, or with \"h2\" requests under way there, over all workers.",
        ),
        key(
            "max_queue",
            Integer { least: 0, most: 1_000_000 },
            Is("1000"),
            "Requests that may wait for one of them to come free.",
        ),
        key("queue_timeout", NONZERO, Is("\"1s\""), "How long each of these waits."),
        key(
            "refresh_rate",
            Integer { least: 0, most: 1_000_000 },
            Is("0"),
            "Refreshes a second behind stale answers; while there are more, readers go on getting what is \
             stale. 0 for any number.",
        ),
        key(
            "retry_budget",
            Integer { least: 0, most: 100 },
            Is("20"),
            "Requests that may be asked again of another server, where one has said 503 or closed the \
             connection without a word, in percent of all. Only what may be repeated safely is, and once.",
        ),
        key(
            "eject_after",
            Integer { least: 0, most: 1000 },
            Is("5"),
            "Requests in turn without an answer, or with 502 or 504 for one, after which a server is out for \
             a while. 0 for never.",
        ),
        key(
            "eject_time",
            NONZERO,
            Is("\"10s\""),
            "How long it is out the first time; twice as long each time after, up to sixteen times.",
        ),
        key(
            "depool_threshold",
            Integer { least: 0, most: 100 },
            Is("50"),
            "The least share of servers that stay pooled whatever their health, in percent: neither a wrong \
             check nor a fault that all share takes a service away. Where all are out, all are tried, each \
             by a few requests at first.",
        ),
        key(
            "slow_start",
            ANY_TIME,
            Is("\"10s\""),
            "How long a server that was out takes to its whole share again.",
        ),
        key(
            "roots",
            Path,
            Unset { says: "the web's", example: "\"roots.pem\"" },
            "Certificates in PEM that TLS servers must descend from.",
        ),
        key(
            "client_cert",
            Path,
            Unset { says: "none", example: "\"client.pem\"" },
            "The chain in PEM that TLS servers are shown which ask for one. Needs `client_key`.",
        ),
        key(
            "client_key",
            Path,
            Unset { says: "none", example: "\"client.key\"" },
            "Its private key in PEM.",
        ),
    ],
    parts: &[
        part("servers", Form::Inline, &SERVER),
        Part { name: "check", form: Form::Maybe, section: &CHECK, optional: true },
        Part {
            name: "datacenter",
            form: Form::Named("eqiad"),
            section: &DATACENTER,
            optional: true,
        },
    ],
};

static SERVER: Section = Section {
    doc: "Where the service answers. A mere address is short for a table with it.",
    shorthand: Some("address"),
    keys: &[
        key(
            "address",
            Origin,
            Required { example: "\"127.0.0.1:18080\"" },
            "\"host:port\", \"http://host\" or \"https://host\", the latter two with a port or without.",
        ),
        key(
            "weight",
            Integer { least: 1, most: 65_535 },
            Is("1"),
            "Its share among the cluster's servers.",
        ),
    ],
    parts: &[],
};

static CHECK: Section = Section {
    doc: "Asks each server again and again whether it is well. The first check decides at once.",
    shorthand: None,
    keys: &[
        key(
            "path",
            Text(texts::target),
            Unset { says: "none: that a connection opens is enough", example: "\"/healthz\"" },
            "What is fetched.",
        ),
        key(
            "host",
            Text(texts::authority),
            Unset { says: "the server's", example: "\"healthcheck.wiki.test\"" },
            "The Host that it is fetched of.",
        ),
        key("status", Integer { least: 200, most: 599 }, Is("200"), "The status that is well."),
        key(
            "body",
            Text(texts::some),
            Unset { says: "any", example: "\"OK\"" },
            "A text that must be in the first 64 KiB of the body.",
        ),
        key("interval", NONZERO, Is("\"5s\""), "From one check to the next."),
        key(
            "jitter",
            Integer { least: 0, most: 100 },
            Is("10"),
            "By how much it differs, in percent, so that nodes do not ask in step.",
        ),
        key("timeout", NONZERO, Is("\"3s\""), "How long a check may take, connecting included."),
        key(
            "rise",
            Integer { least: 1, most: 1000 },
            Is("2"),
            "Checks that must pass in turn before a server that is down is asked again.",
        ),
        key(
            "fall",
            Integer { least: 1, most: 1000 },
            Is("3"),
            "Checks that must fail in turn before it is not.",
        ),
    ],
    parts: &[],
};

static DATACENTER: Section = Section {
    doc: "The service's servers in one datacenter. Without [datacenter.NAME] sections a node uses those of its \
          own; where that has none, the cluster's own `servers`; where it has none either, those of every \
          datacenter.",
    shorthand: None,
    keys: &[],
    parts: &[part("servers", Form::Inline, &SERVER)],
};
