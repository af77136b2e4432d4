//! The table of keys: every section and every key of a configuration with its kind, its default and
//! what it does. Reading, defaults, hints, `conf/reference.toml`, `--effective` and what a reload
//! tells all come from here, so a key is added here and taken in `lower`, and nowhere else.

mod clusters;
mod fleet;
mod htcp;
mod http2;
mod lifetimes;
mod properties;
mod routes;
mod sites;
mod stream;
mod tokens;
mod unkeyed;

use super::kind::Default::{Computed, Is, Required, Unset};
use super::kind::Kind::{
    Address, Boolean, Choice, ChoiceOrPath, Duration, Filter, Integer, Number, Path, Prefixes,
    Size, Text, Token,
};
use super::kind::{Default, Form, Key, Kind, Lacking, Part, Section, Value};
use super::read;
use super::texts;
use clusters::CLUSTER;
use htcp::HTCP;
use http2::HTTP2;
use sites::SITE;
use stream::STREAM;

const NONZERO: Kind = Duration { zero: false };
const ANY_TIME: Kind = Duration { zero: true };
const SOME_BYTES: Kind = Size { least: 1, most: u64::MAX };

const fn key(name: &'static str, kind: Kind, default: Default, doc: &'static str) -> Key {
    Key { name, kind, default, restart: false, doc }
}

/// A key of which a change needs a restart.
const fn fixed(name: &'static str, kind: Kind, default: Default, doc: &'static str) -> Key {
    Key { name, kind, default, restart: true, doc }
}

const fn part(name: &'static str, form: Form, section: &'static Section) -> Part {
    Part { name, form, section, optional: false }
}

const fn section(doc: &'static str, keys: &'static [Key]) -> Section {
    Section { doc, shorthand: None, keys, parts: &[] }
}

/// The whole file.
pub(super) static ROOT: Section = Section {
    doc: "",
    shorthand: None,
    keys: &[],
    // Defaults may depend on what stands earlier here: those of `cache` on `node`.
    parts: &[
        part("node", Form::One, &NODE),
        part("listener", Form::List, &LISTENER),
        Part { name: "certificate", form: Form::List, section: &CERTIFICATE, optional: true },
        part("cache", Form::One, &CACHE),
        part("admin", Form::Maybe, &ADMIN),
        part("purge", Form::One, &PURGE),
        part("timeouts", Form::One, &TIMEOUTS),
        part("limits", Form::One, &LIMITS),
        part("http2", Form::One, &HTTP2),
        part("log", Form::One, &LOG),
        Part { name: "fleet", form: Form::Maybe, section: &fleet::FLEET, optional: true },
        Part {
            name: "datacenter",
            form: Form::Named("eqiad"),
            section: &fleet::DATACENTER,
            optional: true,
        },
        part("cluster", Form::Named("wiki"), &CLUSTER),
        part("site", Form::Named("wiki"), &SITE),
    ],
};

static NODE: Section = section(
    "The process.",
    &[
        fixed(
            "name",
            Token,
            Computed {
                says: "the host's name",
                by: |known| {
                    let name = known.machine.hostname.clone().filter(|name| read::is_token(name));
                    name.map(Value::Text).ok_or(Lacking::Machine)
                },
                example: "\"cp1\"",
            },
            "The node's name, in Via, Cache-Status and metrics.",
        ),
        key(
            "datacenter",
            Token,
            Unset { says: "none", example: "\"eqiad\"" },
            "The datacenter that the node stands in: from there the nearest servers are chosen.",
        ),
        fixed(
            "memory",
            // The process itself takes 32 MiB.
            Size { least: 40 << 20, most: u64::MAX },
            Computed {
                says: "80 % of what the cgroup or the machine has",
                by: |known| {
                    let bytes = known.machine.memory.ok_or(Lacking::Machine)?;
                    Ok(Value::Size(bytes / 5 * 4))
                },
                example: "\"2GiB\"",
            },
            "What the whole process may hold. Near it caching stops, then new connections.",
        ),
        fixed(
            "workers",
            Integer { least: 1, most: 1024 },
            Computed {
                says: "as many as cores",
                by: |known| Ok(Value::Integer(known.machine.cores)),
                example: "2",
            },
            "Threads that serve requests.",
        ),
        fixed(
            "cpu_affinity",
            Boolean,
            Is("false"),
            "Whether each worker keeps to one CPU and gets the connections whose packets arrive there. For \
             network cards that spread them over as many CPUs as there are workers: others leave some idle.",
        ),
        key(
            "trusted_proxies",
            Prefixes,
            Is("[]"),
            "Peers whose X-Forwarded-For and X-Forwarded-Proto are believed.",
        ),
        key("unknown_host", Number(&[421, 404]), Is("421"), "The status for a host of no site."),
        key(
            "drain_delay",
            ANY_TIME,
            Is("\"5s\""),
            "How long /healthz says 503 before a shutdown stops to accept connections.",
        ),
        key(
            "drain_timeout",
            ANY_TIME,
            Is("\"30s\""),
            "How long requests in flight may take after that.",
        ),
    ],
);

static LISTENER: Section = section(
    "Where clients connect; as many as there are addresses.",
    &[
        key(
            "address",
            Address,
            Required { example: "\"127.0.0.1:8080\"" },
            "An IP address and a port, such as \"0.0.0.0:80\" or \"[::]:80\". `[::]` is IPv6 alone, so list both families. Port 0 takes a free one.",
        ),
        key(
            "tls",
            Boolean,
            Is("false"),
            "Whether it speaks TLS, with every [[certificate]] by SNI, HTTP/2 and HTTP/1.1 by ALPN.",
        ),
        key(
            "only",
            Choice(&["purge", "fleet"]),
            Unset { says: "takes every method", example: "\"purge\"" },
            "With \"purge\" it takes PURGE and nothing else; with \"fleet\" it takes other nodes, by their \
             certificates, and nobody else.",
        ),
        key(
            "proxy_protocol",
            Prefixes,
            Is("[]"),
            "Peers, such as load balancers, that begin each connection with a PROXY header of version 1 or 2, \
             before TLS, and so say whose it is; without one it is closed. List only those that always send one: \
             through another, a stranger would write it. All other peers are served as who they are, and a header \
             of theirs is refused as garbage.",
        ),
    ],
);

static CERTIFICATE: Section = section(
    "A certificate for the TLS listeners. The first one answers names that no certificate has.",
    &[
        key(
            "cert",
            Path,
            Required { example: "\"cert.pem\"" },
            "The chain in PEM, the leaf first. Read again at each reload.",
        ),
        key("key", Path, Required { example: "\"key.pem\"" }, "Its private key in PEM."),
    ],
);

static CACHE: Section = section(
    "The store.",
    &[
        fixed(
            "memory",
            Size { least: 64 << 10, most: u64::MAX },
            Computed {
                says: "half of `memory` in [node]",
                by: |known| {
                    let bytes = known.node_memory.ok_or(Lacking::Earlier)?;
                    Ok(Value::Size(bytes / 2))
                },
                example: "\"1GiB\"",
            },
            "Stored objects with their bookkeeping.",
        ),
        key(
            "max_object",
            SOME_BYTES,
            Computed {
                says: "\"8MiB\", or an eighth of `memory` where that is less",
                by: |known| {
                    let bytes = known.own_memory.ok_or(Lacking::Earlier)?;
                    Ok(Value::Size((bytes / 8).min(8 << 20)))
                },
                example: "\"8MiB\"",
            },
            "The largest body that is stored, at most an eighth of `memory`. Larger ones pass through.",
        ),
        fixed(
            "max_variants",
            Integer { least: 1, most: 65_536 },
            Is("100"),
            "Variants that one URL may have, by scheme and by Vary.",
        ),
        key(
            "max_waiters",
            Integer { least: 1, most: 16_777_216 },
            Is("65536"),
            "Clients of the whole node that may wait for fetches which others lead.",
        ),
        key("wait_timeout", NONZERO, Is("\"30s\""), "How long each of them waits."),
    ],
);

static ADMIN: Section = Section {
    doc: "Health, metrics, status and the control API, where this section is written. Adding or removing \
          it needs a restart.",
    shorthand: None,
    keys: &[fixed(
        "address",
        Address,
        Is("\"127.0.0.1:9180\""),
        "An address that only operators reach: it serves /healthz, /metrics, /status and /purge.",
    )],
    parts: &[tokens::PART],
};

static PURGE: Section = Section {
    doc: "Who may send PURGE, and where.",
    shorthand: None,
    keys: &[
        key(
            "allow",
            Prefixes,
            Is("[\"127.0.0.0/8\", \"::1\"]"),
            "The TCP peer must be in it and, where a PROXY header or a trusted field names another client, that one too.",
        ),
        key(
            "everywhere",
            Boolean,
            Is("true"),
            "Whether every listener takes PURGE, or only those with `only = \"purge\"`.",
        ),
        htcp::rebound(),
        key(
            "verify",
            Text(texts::share),
            Is("\"0%\""),
            "Of how many fresh hits the origin is asked once more, behind the answer, to count those that \
             are not what it would say: \"0.1%\" is one in a thousand. At most twenty are asked for a \
             second.",
        ),
    ],
    parts: &[
        Part { name: "htcp", form: Form::List, section: &HTCP, optional: true },
        Part { name: "stream", form: Form::List, section: &STREAM, optional: true },
    ],
};

static TIMEOUTS: Section = section(
    "How long clients may take.",
    &[
        key(
            "handshake",
            NONZERO,
            Is("\"10s\""),
            "From accept to the end of the TLS handshake. A PROXY header before it has as long.",
        ),
        key("first_byte", NONZERO, Is("\"10s\""), "From there to the first byte of a request."),
        key("header", NONZERO, Is("\"10s\""), "From that byte to the end of the request's head."),
        key("idle", NONZERO, Is("\"75s\""), "Between requests on a kept connection."),
        key("body", NONZERO, Is("\"30s\""), "Between two pieces of a request's body."),
        key("write", NONZERO, Is("\"30s\""), "How long a client may take no byte of an answer."),
        key("progress", NONZERO, Is("\"30s\""), "The window over which both rates are taken."),
        key(
            "min_rate",
            SOME_BYTES,
            Is("\"1KiB\""),
            "What a client must take each second of an answer that waits for it.",
        ),
        key(
            "min_body_rate",
            SOME_BYTES,
            Is("\"1KiB\""),
            "What a client must bring each second of a request's body that is waited for.",
        ),
    ],
);

static LIMITS: Section = section(
    "What clients may send and hold.",
    &[
        key(
            "connections",
            Integer { least: 1, most: 10_000_000 },
            Is("100000"),
            "Client connections of the whole node.",
        ),
        key(
            "client_connections",
            Integer { least: 1, most: 10_000_000 },
            Is("1000"),
            "Connections of one client: an IPv4 address or an IPv6 /64. Trusted proxies have no such limit.",
        ),
        key(
            "client_requests",
            Integer { least: 1, most: 10_000_000 },
            Is("500"),
            "Requests of one client that may wait for origins or be answered by them, over all its connections. A trusted proxy names the client.",
        ),
        key(
            "client_unread",
            SOME_BYTES,
            Computed {
                says: "a sixteenth of `memory` in [node]",
                by: |known| {
                    let bytes = known.node_memory.ok_or(Lacking::Earlier)?;
                    Ok(Value::Size((bytes / 16).max(1)))
                },
                example: "\"64MiB\"",
            },
            "What one client may have us keep of answers that it does not read. Trusted proxies have no such limit.",
        ),
        key(
            "header_bytes",
            Size { least: 1 << 10, most: 1 << 20 },
            Is("\"24KiB\""),
            "A request's head, \"1KiB\" to \"1MiB\". HTTP/2 adds 32 bytes for each field.",
        ),
        key("headers", Integer { least: 1, most: 4096 }, Is("100"), "Fields of a request's head."),
    ],
);

static LOG: Section = section(
    "Where logs go.",
    &[
        key(
            "access",
            ChoiceOrPath(&["stdout", "off"]),
            Is("\"stdout\""),
            "The access log, one JSON object a line: \"stdout\", \"off\" or a file's path.",
        ),
        key(
            "level",
            Filter,
            Is("\"info\""),
            "What of the rest is told: error, warn, info, debug, trace or off; \
             \"info,tidegate::fetch=debug\" tells more of one room. The libraries h2 and hyper are \
             heard only where they are named.",
        ),
    ],
);
