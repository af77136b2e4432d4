//! The part of the table of keys that the control API's tokens have.

use super::super::kind::Default::{Is, Required, Unset};
use super::super::kind::Kind::{Integer, Path, Texts, Token};
use super::super::kind::{Form, Part, Section};
use super::super::texts;
use super::{key, section};

pub(super) static TOKEN: Section = section(
    "Somebody who may use the control API, by `Authorization: Bearer SECRET`. Where there is none, those \
     may who may send PURGE.",
    &[
        key("name", Token, Required { example: "\"job-queue\"" }, "What the audit log calls it."),
        key(
            "secret_file",
            Path,
            Required { example: "\"token\"" },
            "A file that holds the secret and nothing else: 16 to 4096 characters without blanks.",
        ),
        key(
            "sites",
            Texts(texts::name),
            Unset { says: "all of them, and everything", example: "[\"wiki\"]" },
            "The sites that it may purge.",
        ),
        key(
            "rate",
            Integer { least: 1, most: 1_000_000 },
            Is("1000"),
            "Orders a second in the long run; what is beyond it is refused, and nothing is purged by it.",
        ),
        key(
            "burst",
            Integer { least: 1, most: 1_000_000 },
            Is("10000"),
            "Orders that may come at once.",
        ),
    ],
);

pub(super) const PART: Part =
    Part { name: "token", form: Form::List, section: &TOKEN, optional: true };
