//! The part of the table of keys that a site's routes have.

use super::super::kind::Default::{Is, Unset};
use super::super::kind::Kind::{Boolean, Choice, Cluster, Hosts, Text, Texts};
use super::super::kind::Section;
use super::super::texts;
use super::{NONZERO, key};

pub(super) static ROUTE: Section = Section {
    doc: "Where some of the site's requests go: those that have all of what is written of `hosts` to \
          `cookie`. The first route in the file that takes a request is its; what none takes goes to the \
          site's cluster. What is stored is found by the URL alone: where two routes answer otherwise for \
          one, `mode` must be \"pass\" for one of them.",
    shorthand: None,
    keys: &[
        key(
            "hosts",
            Hosts,
            Unset { says: "any", example: "[\"*.m.wiki.test\"]" },
            "Hosts, as a site has them.",
        ),
        key(
            "methods",
            Texts(texts::method),
            Unset { says: "any", example: "[\"POST\", \"PUT\"]" },
            "Methods.",
        ),
        key(
            "path",
            Text(texts::path),
            Unset { says: "any", example: "\"/api/rest_v1/\"" },
            "The beginning of the path, as the key has it.",
        ),
        key(
            "pattern",
            Text(texts::pattern),
            Unset { says: "any", example: "'^([^/]+)/w/(rest|api)\\.php'" },
            "A regular expression over host and path, such as \"wiki.test/wiki/Sun\".",
        ),
        key(
            "query",
            Text(texts::has_parameter),
            Unset { says: "any", example: "\"cpPosIndex\"" },
            "A parameter of the query, by its name or with its value.",
        ),
        key(
            "header",
            Text(texts::has_field),
            Unset { says: "any", example: "\"Promise-Non-Write-API-Action: ^true$\"" },
            "A field, by its name or with a regular expression.",
        ),
        key(
            "cookie",
            Text(texts::has_cookie),
            Unset { says: "any", example: "\"UseDC=^master$\"" },
            "A cookie, by its name or with a regular expression.",
        ),
        key(
            "cluster",
            Cluster,
            Unset { says: "the site's", example: "\"wiki\"" },
            "The cluster that answers.",
        ),
        key(
            "mode",
            Choice(&["normal", "pass", "pipe"]),
            Is("\"normal\""),
            "With \"pass\" nothing is looked for in the store or put there; \"pipe\" is that, and lets \
             requests change to any protocol, where else they may to WebSocket alone.",
        ),
        key(
            "origin_host",
            Text(texts::origin_host),
            Unset { says: "the client's", example: "\"meta.wiki.test\"" },
            "The Host that the origin sees; ${1} is the first group of `pattern`. Keys and purges go by the \
             client's.",
        ),
        key(
            "origin_path",
            Text(texts::replacement),
            Unset { says: "the client's", example: "\"/v1/\"" },
            "What the origin sees in place of `path`, or of the whole path where there is a `pattern`, whose \
             first group is ${1}. Keys and purges go by the client's.",
        ),
        key(
            "first_byte_timeout",
            NONZERO,
            Unset { says: "the cluster's", example: "\"5m\"" },
            "As in the cluster.",
        ),
        key(
            "between_bytes_timeout",
            NONZERO,
            Unset { says: "the cluster's", example: "\"60s\"" },
            "As in the cluster.",
        ),
        key(
            "retries",
            Boolean,
            Is("true"),
            "Whether another server may be asked after one that failed, within the cluster's `retry_budget`.",
        ),
    ],
    parts: &[],
};
