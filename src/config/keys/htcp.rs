//! The part of the table of keys that says where HTCP is listened for, and the keys that all sources of
//! purges have.

use super::super::kind::Default::{Is, Required, Unset};
use super::super::kind::Kind::{Address, Hosts, Prefixes, Text, Texts};
use super::super::kind::{Key, Section};
use super::super::texts;
use super::{ANY_TIME, key};

pub(super) static HTCP: Section = Section {
    doc: "Where HTCP's CLR is taken (RFC 2756), as MediaWiki sends it by `$wgHTCPRouting`. It is never answered, \
          and what the network loses is lost.",
    shorthand: None,
    keys: &[
        key(
            "address",
            Address,
            Required { example: "\"0.0.0.0:4827\"" },
            "An IP address and a UDP port; a multicast group's address takes what is sent to that group alone.",
        ),
        key(
            "groups",
            Texts(texts::group),
            Is("[]"),
            "Multicast groups to join, where `address` is 0.0.0.0 or [::].",
        ),
        key(
            "interface",
            Text(texts::interface),
            Unset { says: "the system chooses by its routes", example: "\"eth0\"" },
            "The network interface by which groups are joined.",
        ),
        key(
            "allow",
            Prefixes,
            Unset { says: "`allow` of [purge]", example: "[\"10.0.0.0/8\"]" },
            "Whose datagrams are heeded. UDP lets a sender claim any address that the network lets through.",
        ),
        hosts(),
        rebound(),
    ],
    parts: &[],
};

/// The hosts that a source of purges is heeded about.
pub(super) const fn hosts() -> Key {
    key(
        "hosts",
        Hosts,
        Is("[\"*\"]"),
        "Hosts whose purges are heeded: names, \"*.suffix\" or \"*\". Others are dropped and counted.",
    )
}

/// After which time a source's purges are repeated.
pub(super) const fn rebound() -> Key {
    key(
        "rebound",
        ANY_TIME,
        Is("\"0s\""),
        "When each purge is repeated, such as \"11s\" for origins whose databases lag by up to ten; at most \
         \"1h\". \"0s\" is never.",
    )
}
