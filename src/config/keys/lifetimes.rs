//! The part of the table of keys that says how long a site's objects live.

use super::super::kind::Default::{Is, OfProfile, Unset};
use super::super::kind::Key;
use super::super::kind::Kind::{Boolean, ChoiceOrDuration};
use super::{ANY_TIME, key};

pub(super) const HEURISTIC_FRESHNESS: Key = key(
    "heuristic_freshness",
    Boolean,
    Is("false"),
    "Whether a response that names no lifetime gets one from Last-Modified (RFC 9111 §4.2.2).",
);

pub(super) const DEFAULT_TTL: Key = key(
    "default_ttl",
    ANY_TIME,
    Unset { says: "none", example: "\"2m\"" },
    "The lifetime of a response that names none.",
);

pub(super) const MAX_TTL: Key = key(
    "max_ttl",
    ChoiceOrDuration(&["none"]),
    OfProfile(&[("plain", "\"none\""), ("mediawiki", "\"1d\""), ("upload", "\"1d\"")]),
    "The longest lifetime.",
);

pub(super) const NOT_FOUND_TTL: Key = key(
    "not_found_ttl",
    ChoiceOrDuration(&["none"]),
    OfProfile(&[("plain", "\"none\""), ("mediawiki", "\"10m\""), ("upload", "\"10m\"")]),
    "The longest lifetime of a 404.",
);

pub(super) const ERROR_TTL: Key = key(
    "error_ttl",
    ChoiceOrDuration(&["none"]),
    Is("\"none\""),
    "The longest lifetime of any other error: 4xx and 5xx.",
);
pub(super) const NEGATIVE_TTL: Key = key(
    "negative_ttl",
    ANY_TIME,
    Unset { says: "as `default_ttl`", example: "\"10s\"" },
    "The lifetime of an error that names none, where caches may choose: 404, 405, 410, 414 and 501.",
);
